//! Where a curve began and where it is, as a sentence may quote it.
//!
//! A reader looks a quoted number up. So the first and the last value are quoted as they were
//! logged where they stand for the curve; where noise would make them mislead, the levels around
//! them are, and are marked as smoothed.

use super::{
    number::{percent, show},
    run::Track,
};

/// The two ends of a curve, turned back as it was logged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// The first value, or the level at the start.
    pub start: f64,
    /// The last value, or the level at the end.
    pub end: f64,
    /// Whether these are levels, which no row holds.
    pub smoothed: bool,
}

impl Span {
    /// The ends of `track`, which is not empty.
    pub fn of(track: &Track) -> Self {
        let (start, end) = (track.start(), track.end());
        let (first, last) = (track.curve.value(0), track.last());
        let (low, high) = extremes(&track.smooth().values);
        let near = |raw: f64, level: f64| {
            (raw - level).abs() <= (0.1 * (high - low)).max(0.01 * level.abs())
        };
        // The steep fall of the first steps lies beyond the level, and is no noise.
        let beyond = (first - start) * (start - end) > 0.0;
        if near(last, end) && (near(first, start) || beyond) {
            Self { start: track.logged(first), end: track.logged(last), smoothed: false }
        } else {
            Self::levels(track)
        }
    }

    /// The levels at both ends, for a sentence about a curve that did not move.
    pub fn levels(track: &Track) -> Self {
        let (start, end) = (track.logged(track.start()), track.logged(track.end()));
        Self { start, end, smoothed: true }
    }

    /// From start to end relative to the start; not finite for a start at zero.
    pub fn change(&self) -> f64 {
        (self.end - self.start) / self.start.abs()
    }

    /// What a sentence adds to levels.
    pub fn mark(&self) -> &'static str {
        if self.smoothed { " (smoothed)" } else { "" }
    }
}

fn extremes(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    (least, values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

/// A curve's way: from, to, by how much, over which steps.
pub fn course(track: &Track) -> String {
    let span = Span::of(track);
    let Span { start, end, smoothed } = span;
    let word = if end < start {
        "fell"
    } else if end > start {
        "rose"
    } else {
        "stood"
    };
    let change = span.change();
    // From near zero everything is thousands of percent.
    let by = if change.abs() < 10.0 { percent(change) } else { String::new() };
    let (name, first, last) = (track.shown(), track.curve.step(0), track.curve.last_step());
    let (start, end, first, last) = (show(start), show(end), show(first), show(last));
    match (smoothed, by.is_empty()) {
        (false, true) => {
            format!("{name} {word} from {start} at step {first} to {end} at step {last}")
        }
        (false, false) => {
            format!("{name} {word} from {start} at step {first} to {end} at step {last} ({by})")
        }
        (true, true) => {
            format!("{name} {word} from {start} to {end} (smoothed) over steps {first} to {last}")
        }
        (true, false) => format!(
            "{name} {word} from {start} to {end} (smoothed, {by}) over steps {first} to {last}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{
        run::{Options, Run, RunFacts},
        series::Series,
    };

    fn said(name: &str, values: &[f64]) -> String {
        let mut series = Series::default();
        for (i, value) in values.iter().enumerate() {
            series.push(10.0 * i as f64, i as f64, *value);
        }
        let metrics = [(name.to_owned(), series)];
        let facts = RunFacts { metrics: &metrics, ..RunFacts::default() };
        let options = Options { train_metric: Some(name.to_owned()), ..Options::default() };
        course(&Run::resolve(facts, &options).train.unwrap())
    }

    #[test]
    fn logged_values_are_quoted_where_they_stand_for_the_curve() {
        let falls = [9.0, 5.0, 3.0, 2.0, 1.5, 1.3, 1.2, 1.15, 1.12, 1.1];
        assert_eq!(
            said("train/loss", &falls),
            "train/loss fell from 9 at step 0 to 1.1 at step 90 (-88 %)"
        );
    }

    #[test]
    fn levels_are_marked_where_the_last_value_would_mislead() {
        let noisy: Vec<f64> = (0..40)
            .map(|i| i as f64 / 40.0 + if i == 39 { -1.2 } else { 0.02 * (i % 3) as f64 })
            .collect();
        let text = said("reward", &noisy);
        assert!(text.starts_with("reward rose from "), "{text}");
        assert!(text.contains("(smoothed"), "{text}");
    }
}
