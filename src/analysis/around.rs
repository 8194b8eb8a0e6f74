//! What a metric did around a step.

use super::{
    course::standard_error,
    curve::{Curve, Ordered},
    methods::{median::median_or_zero, noise::noise},
};

/// The most points of a side that are compared.
const SIDE: usize = 5;
/// Points on each side from which the noise is read.
const NEIGHBOURS: usize = 25;
/// Fewest points from which noise can be told.
const FEWEST: usize = 8;

/// A metric before, at and after a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Around {
    /// The median of the last points before the step: of one where points are few, of five where
    /// there are hundreds.
    pub before: Option<f64>,
    /// The value logged at the step, or the last one before it. It need not be finite.
    pub at: Option<f64>,
    /// The median of the first points after the step; NaN where most of those are not finite.
    pub after: Option<f64>,
    /// From before to after (to the value there when nothing came after), relative to before.
    pub change: Option<f64>,
    /// Whether that is less than two standard errors; `None` with too few points to tell.
    pub within_noise: Option<bool>,
}

/// What `metric` did around `step`; `None` when it has no point there or before.
pub fn around(metric: &Ordered, step: f64) -> Option<Around> {
    let Ordered { curve, holes, .. } = metric;
    let side = ((curve.len() + holes.len()) / 50).clamp(1, SIDE);
    let (from, to) = (curve.steps.partition_point(|s| *s < step), curve.index_after(step));
    let left = curve.between(from.saturating_sub(side), from);
    let right = curve.between(to, to + side);
    let at = at(curve, holes, step)?;
    let before = (!left.is_empty()).then(|| median_or_zero(left));
    let after = match holes_before(curve, holes, step, to + side) > right.len() {
        true => Some(f64::NAN),
        false => (!right.is_empty()).then(|| median_or_zero(right)),
    };
    let later = after.unwrap_or(at);
    let change = before.map(|before| (later - before) / before.abs()).filter(|c| c.is_finite());
    let near = curve.between(from.saturating_sub(NEIGHBOURS), to + NEIGHBOURS);
    let error = standard_error(noise(near), left.len(), right.len().max(1));
    let within_noise = before
        .filter(|_| near.len() >= FEWEST)
        .map(|before| later.is_finite() && (later - before).abs() <= 2.0 * error);
    Some(Around { before, at: Some(at), after, change, within_noise })
}

/// The value of the last point up to `step`, finite or not.
fn at(curve: &Curve, holes: &[(f64, f64)], step: f64) -> Option<f64> {
    let finite = curve.index_after(step).checked_sub(1).map(|i| (curve.step(i), curve.value(i)));
    let hole = holes.iter().rev().find(|hole| hole.0 <= step).copied();
    let later = finite.into_iter().chain(hole).max_by(|a, b| a.0.total_cmp(&b.0));
    later.map(|(_, value)| value)
}

/// How many non-finite points lie between `step` and the finite point before index `end`.
fn holes_before(curve: &Curve, holes: &[(f64, f64)], step: f64, end: usize) -> usize {
    let until = if end <= curve.len() { curve.step(end - 1) } else { f64::INFINITY };
    holes.iter().filter(|hole| hole.0 > step && hole.0 <= until).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::series::Series;

    fn ordered(n: usize, f: impl Fn(usize) -> f64) -> Ordered {
        let mut series = Series::default();
        for i in 0..n {
            series.push(10.0 * i as f64, i as f64, f(i));
        }
        Ordered::of(&series)
    }

    #[test]
    fn a_jump_is_beyond_noise_and_a_wobble_is_not() {
        let wobble = |i: usize| 1.0 + 0.05 * ((i * 7) % 11) as f64 / 11.0;
        let jump = ordered(300, |i| wobble(i) + if i >= 100 { 3.0 } else { 0.0 });
        let found = around(&jump, 1000.0).unwrap();
        assert_eq!(found.at, Some(wobble(100) + 3.0));
        assert!(found.change.unwrap() > 2.5 && found.within_noise == Some(false), "{found:?}");
        let calm = around(&ordered(300, wobble), 1000.0).unwrap();
        assert_eq!(calm.within_noise, Some(true), "{calm:?}");
    }

    #[test]
    fn few_points_are_quoted_as_they_are() {
        let evals = ordered(4, |i| [2.0, 1.0, 1.5, 1.2][i]);
        let found = around(&evals, 15.0).unwrap();
        assert_eq!((found.before, found.at, found.after), (Some(1.0), Some(1.0), Some(1.5)));
        assert_eq!((found.change, found.within_noise), (Some(0.5), None));
    }

    #[test]
    fn the_ends_and_non_finite_values_are_said() {
        let breaks = ordered(100, |i| if i >= 50 { f64::NAN } else { 1.0 });
        let found = around(&breaks, 500.0).unwrap();
        assert!(found.at.unwrap().is_nan() && found.after.unwrap().is_nan(), "{found:?}");
        assert_eq!((found.before, found.within_noise), (Some(1.0), Some(false)));
        let last = around(&ordered(100, |i| i as f64), 990.0).unwrap();
        assert_eq!((last.at, last.after), (Some(99.0), None));
        assert_eq!(around(&ordered(10, |_| 1.0), -5.0), None);
        assert_eq!(around(&Ordered::default(), 5.0), None);
    }
}
