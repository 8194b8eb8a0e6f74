//! The course of a curve: its trend, its fall, and what noise would make of them.

use super::{
    methods::{mann_kendall::tau, median::median_or_zero, noise::noise},
    run::Track,
};

/// A curve's way from start to end.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    /// Kendall's τ of all of it.
    pub tau: f64,
    /// Relative fall, the two levels being medians.
    pub drop: f64,
    /// The fall in standard errors of the two levels.
    pub errors: f64,
    /// Whether the fall came before the first twentieth was over.
    pub at_once: bool,
}

impl Course {
    /// The course of `track`; ask `Track::course`, which keeps it.
    pub(super) fn of(track: &Track) -> Self {
        let few = track.few();
        let sigma = noise(&few.values);
        let (head, tail) = (few.head(0.05, 1), few.tail(0.1, 3));
        let fall = median_or_zero(head) - median_or_zero(tail);
        let later = median_or_zero(few.between(1, few.len()));
        let at_once = few.value(0) - later > (6.0 * sigma).max(0.1 * later.abs());
        Self {
            tau: tau(&few.values),
            drop: track.drop(),
            errors: fall / standard_error(sigma, head.len(), tail.len()),
            at_once,
        }
    }

    /// Whether it went the right way: a trend (τ < -0.3), a fall of 5 % beyond noise, or one that
    /// came at once.
    pub fn improves(&self) -> bool {
        let falls = self.drop >= 0.05 && self.errors > 2.0;
        falls || self.at_once || (self.tau < -0.3 && self.drop > 0.0)
    }
}

/// The standard error of the difference of the medians of `a` and `b` values: for normal noise a
/// median is 1.25 times as uncertain as a mean.
pub fn standard_error(sigma: f64, a: usize, b: usize) -> f64 {
    1.25 * sigma * (1.0 / a.max(1) as f64 + 1.0 / b.max(1) as f64).sqrt()
}
