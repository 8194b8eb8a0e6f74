//! What was tried of a key, and what was not.

use super::{Key, Trial};
use crate::analysis::methods::median::median_or_zero;

/// One value of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Its place among the key's levels.
    pub level: usize,
    /// How many runs.
    pub runs: usize,
    /// How many of them failed.
    pub failed: usize,
    /// The mean of the metric over those that have a value.
    pub mean: Option<f64>,
}

/// What was tried of a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Coverage {
    /// Every value.
    pub levels: Vec<Level>,
    /// The level with the best mean.
    pub best: Option<usize>,
    /// Whether that is the lowest or highest of three or more numbers tried, failed ones included.
    pub at_edge: Option<Edge>,
    /// Wide stretches between two neighbouring numbers without a run.
    pub gaps: Vec<(f64, f64)>,
}

/// An end of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// The lowest value.
    Low,
    /// The highest value.
    High,
}

/// Fewer numbers have no edges and no gaps.
const FEWEST_NUMBERS: usize = 3;
/// A gap is so many times as wide as the usual one,
const WIDE: f64 = 2.5;
/// and this share of the whole range.
const WIDE_SHARE: f64 = 0.25;

/// What was tried of `key`.
pub fn coverage(key: &Key, trials: &[Trial], lower_is_better: bool) -> Coverage {
    let levels: Vec<Level> = (0..key.levels.len()).map(|l| of_level(key, l, trials)).collect();
    let best = best(&levels, lower_is_better);
    let last = key.levels.len().saturating_sub(1);
    let at_edge = match best {
        _ if !key.numeric || key.levels.len() < FEWEST_NUMBERS => None,
        Some(0) => Some(Edge::Low),
        Some(best) if best == last => Some(Edge::High),
        _ => None,
    };
    Coverage { best, at_edge, gaps: gaps(key), levels }
}

fn of_level(key: &Key, level: usize, trials: &[Trial]) -> Level {
    let (mut runs, mut failed, mut sum, mut valued) = (0, 0, 0.0, 0);
    for trial in key.trials(level).filter_map(|trial| trials.get(trial)) {
        runs += 1;
        failed += usize::from(trial.failed());
        if let Some(value) = trial.value() {
            sum += value;
            valued += 1;
        }
    }
    Level { level, runs, failed, mean: (valued > 0).then(|| sum / f64::from(valued)) }
}

fn best(levels: &[Level], lower_is_better: bool) -> Option<usize> {
    let turned = |mean: f64| if lower_is_better { mean } else { -mean };
    let valued = levels.iter().filter_map(|level| Some((level.level, turned(level.mean?))));
    valued.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(level, _)| level)
}

fn gaps(key: &Key) -> Vec<(f64, f64)> {
    if !key.numeric {
        return Vec::new();
    }
    let is_log = key.is_log();
    let place = |number: f64| if is_log { number.ln() } else { number };
    let numbers: Vec<f64> = (0..key.levels.len())
        .filter_map(|level| key.number(level))
        .filter(|number| !is_log || *number > 0.0)
        .collect();
    if numbers.len() <= FEWEST_NUMBERS {
        return Vec::new();
    }
    let between: Vec<(f64, f64)> =
        numbers.iter().copied().zip(numbers.iter().copied().skip(1)).collect();
    let widths: Vec<f64> = between.iter().map(|(a, b)| place(*b) - place(*a)).collect();
    let usual = median_or_zero(&widths);
    let range: f64 = widths.iter().sum();
    let is_wide = |width: f64| width >= WIDE * usual && width >= WIDE_SHARE * range;
    between.into_iter().zip(widths).filter(|(_, w)| is_wide(*w)).map(|(gap, _)| gap).collect()
}
