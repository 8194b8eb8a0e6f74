//! What a series holds, in one pass over every point.

use rmcp::schemars::{self, JsonSchema};
use serde::Serialize;

use super::role::Direction;

/// A value and the step at which it was logged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Point {
    /// The step.
    pub step: f64,
    /// The value.
    pub value: f64,
}

/// A kind of number that is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub enum NonFinite {
    /// Not a number.
    NaN,
    /// Positive infinity.
    Infinity,
    /// Negative infinity.
    #[serde(rename = "-Infinity")]
    NegativeInfinity,
}

impl NonFinite {
    /// The kind of `value`, if it is not finite.
    pub fn of(value: f64) -> Option<Self> {
        if value.is_nan() {
            Some(Self::NaN)
        } else if value == f64::INFINITY {
            Some(Self::Infinity)
        } else if value == f64::NEG_INFINITY {
            Some(Self::NegativeInfinity)
        } else {
            None
        }
    }
}

/// Neighbouring points that hold the same kind of non-finite number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct NonFiniteRange {
    /// The step of the first of them.
    pub from_step: f64,
    /// The step of the last of them.
    pub to_step: f64,
    /// How many points.
    pub count: usize,
    /// What they hold.
    pub kind: NonFinite,
}

/// A series in numbers. All but `count` and `non_finite` speak of the finite values only and are
/// absent when there is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Stats {
    /// The number of points, non-finite ones included.
    pub count: usize,
    /// How many of them are not finite.
    pub non_finite: usize,
    /// Where they are, in logged order.
    pub non_finite_ranges: Vec<NonFiniteRange>,
    /// The first value.
    pub first: Option<Point>,
    /// The last value.
    pub last: Option<Point>,
    /// The smallest value, where it came first.
    pub min: Option<Point>,
    /// The largest value, where it came first.
    pub max: Option<Point>,
    /// The better of `min` and `max`, when the direction is known.
    pub best: Option<Point>,
    /// The arithmetic mean.
    pub mean: Option<f64>,
    /// The population standard deviation, `sqrt(Σ(x - mean)² / n)`.
    pub std: Option<f64>,
}

/// Statistics that grow point by point (mean and deviation by Welford's recurrence, Technometrics
/// 4, 1962).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Accumulator {
    stats: Stats,
    previous: Option<NonFinite>,
    finite: f64,
    mean: f64,
    squares: f64,
}

impl Accumulator {
    /// Takes one more point in.
    pub fn push(&mut self, step: f64, value: f64) {
        self.stats.count += 1;
        let kind = NonFinite::of(value);
        match kind {
            Some(kind) => self.push_non_finite(step, kind),
            None => self.push_finite(Point { step, value }),
        }
        self.previous = kind;
    }

    fn push_non_finite(&mut self, step: f64, kind: NonFinite) {
        self.stats.non_finite += 1;
        let goes_on = self.previous == Some(kind);
        match self.stats.non_finite_ranges.last_mut().filter(|_| goes_on) {
            Some(range) => (range.to_step, range.count) = (step, range.count + 1),
            None => self.stats.non_finite_ranges.push(NonFiniteRange {
                from_step: step,
                to_step: step,
                count: 1,
                kind,
            }),
        }
    }

    fn push_finite(&mut self, point: Point) {
        let stats = &mut self.stats;
        stats.first.get_or_insert(point);
        stats.last = Some(point);
        if stats.min.is_none_or(|min| point.value < min.value) {
            stats.min = Some(point);
        }
        if stats.max.is_none_or(|max| point.value > max.value) {
            stats.max = Some(point);
        }
        self.finite += 1.0;
        let delta = point.value - self.mean;
        self.mean += delta / self.finite;
        self.squares += delta * (point.value - self.mean);
    }

    /// The number of points so far.
    pub fn count(&self) -> usize {
        self.stats.count
    }

    /// The statistics so far.
    pub fn stats(&self, direction: Option<Direction>) -> Stats {
        let mut stats = self.stats.clone();
        if self.finite > 0.0 {
            stats.mean = Some(self.mean);
            stats.std = Some((self.squares / self.finite).sqrt());
        }
        stats.best = match direction {
            Some(Direction::Min) => stats.min,
            Some(Direction::Max) => stats.max,
            None => None,
        };
        stats
    }
}

/// Summarises every point of a series.
pub fn summarize(steps: &[f64], values: &[f64], direction: Option<Direction>) -> Stats {
    let mut accumulator = Accumulator::default();
    for (&step, &value) in steps.iter().zip(values) {
        accumulator.push(step, value);
    }
    accumulator.stats(direction)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summarized(values: &[f64], direction: Option<Direction>) -> Stats {
        let steps: Vec<f64> = (0..values.len()).map(|i| i as f64 * 10.0).collect();
        summarize(&steps, values, direction)
    }

    #[test]
    fn every_point_counts() {
        let stats = summarized(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], None);
        assert_eq!((stats.count, stats.non_finite), (8, 0));
        assert_eq!((stats.mean, stats.std), (Some(5.0), Some(2.0)));
        assert_eq!(stats.max, Some(Point { step: 70.0, value: 9.0 }));
        assert_eq!(stats.best, None);
    }

    #[test]
    fn the_best_follows_the_direction() {
        let values = [0.2, 0.9, 0.9, 0.1];
        let best = |direction| summarized(&values, Some(direction)).best.unwrap();
        assert_eq!(best(Direction::Max), Point { step: 10.0, value: 0.9 });
        assert_eq!(best(Direction::Min), Point { step: 30.0, value: 0.1 });
    }

    #[test]
    fn non_finite_values_are_told_apart_and_located() {
        let nan = f64::NAN;
        let inf = f64::INFINITY;
        let stats = summarized(&[1.0, nan, nan, inf, -inf, 3.0, nan], Some(Direction::Min));
        assert_eq!((stats.count, stats.non_finite), (7, 5));
        let ranges: Vec<_> = stats
            .non_finite_ranges
            .iter()
            .map(|r| (r.from_step, r.to_step, r.count, r.kind))
            .collect();
        assert_eq!(
            ranges,
            [
                (10.0, 20.0, 2, NonFinite::NaN),
                (30.0, 30.0, 1, NonFinite::Infinity),
                (40.0, 40.0, 1, NonFinite::NegativeInfinity),
                (60.0, 60.0, 1, NonFinite::NaN),
            ]
        );
        assert_eq!(stats.last, Some(Point { step: 50.0, value: 3.0 }));
    }

    #[test]
    fn nothing_finite_gives_no_numbers() {
        for values in [&[][..], &[f64::NAN]] {
            let stats = summarized(values, Some(Direction::Min));
            assert_eq!((stats.first, stats.best, stats.mean, stats.std), (None, None, None, None));
        }
    }

    #[test]
    fn huge_values_do_not_cancel() {
        let stats = summarized(&[1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0], None);
        assert!((stats.std.unwrap() - 22.5_f64.sqrt()).abs() < 1e-6);
    }
}
