//! What came of a run, as one number.

use crate::analysis::{
    curve::Ordered, methods::running::running_median, role::Direction, series::Series,
};

/// What a run reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// The best of its smoothed curve.
    Value(f64),
    /// It diverged: no value stands for it.
    Failed,
    /// It did not log the metric.
    Missing,
}

/// Points of a curve that are looked at; more are taken together.
const BLOCKS: usize = 2_000;
/// A curve of fewer points is not smoothed: its points are few, and usually averages.
const SMOOTHED_FROM: usize = 10;

impl Outcome {
    /// The outcome of a metric: the best of a running median over a twentieth of the curve (of
    /// three points at least), so that one lucky evaluation does not win. A curve that ends in NaN or infinity has
    /// failed.
    pub fn of(series: &Series, direction: Direction) -> Self {
        let Ordered { curve, holes, .. } = Ordered::of(series);
        let last_hole = holes.last().map(|(step, _)| *step);
        if last_hole.is_some_and(|hole| curve.is_empty() || hole > curve.last_step()) {
            return Self::Failed;
        }
        let values = curve.blocks(BLOCKS).values;
        let smooth = match values.len() {
            0..SMOOTHED_FROM => values,
            n => running_median(&values, (n / 20).clamp(3, 101) | 1),
        };
        let best = smooth.into_iter().reduce(|a, b| if direction.better(b, a) { b } else { a });
        best.map_or(Self::Missing, Self::Value)
    }

    /// The value, where there is one.
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(*value),
            Self::Failed | Self::Missing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(values: &[f64], direction: Direction) -> Outcome {
        let mut series = Series::default();
        for (step, value) in values.iter().enumerate() {
            series.push(step as f64, step as f64, *value);
        }
        Outcome::of(&series, direction)
    }

    #[test]
    fn one_lucky_point_does_not_win() {
        let noisy = [0.9, 0.8, 0.1, 0.7, 0.6, 0.6, 0.65, 0.6, 0.7, 0.7];
        assert_eq!(outcome(&noisy, Direction::Min), Outcome::Value(0.6));
        assert_eq!(outcome(&noisy[..4], Direction::Min), Outcome::Value(0.1));
        assert_eq!(outcome(&[0.5], Direction::Max), Outcome::Value(0.5));
    }

    #[test]
    fn a_curve_that_ends_in_nan_has_failed() {
        assert_eq!(outcome(&[0.5, f64::NAN], Direction::Min), Outcome::Failed);
        assert_eq!(outcome(&[f64::NAN], Direction::Min), Outcome::Failed);
        assert_eq!(outcome(&[f64::NAN, 0.5], Direction::Min), Outcome::Value(0.5));
        assert_eq!(outcome(&[], Direction::Min), Outcome::Missing);
    }
}
