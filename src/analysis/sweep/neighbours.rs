//! Configs that are nearly the same: run twice without need, or nearest to a proposed one.

use std::collections::BTreeMap;

use super::{Key, Setting, Trial, key::Keys};

/// Numbers that differ by no more than this, relative to the larger, are nearly the same.
const NEARLY: f64 = 0.05;

/// Two runs whose configs are the same but for numbers next to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// The place of one trial.
    pub a: usize,
    /// The place of the other.
    pub b: usize,
    /// The keys in which they differ a little; none for one config and one seed run twice.
    pub keys: Vec<String>,
}

/// The pairs of runs with nearly the same config. Runs that differ in their seed are repetitions,
/// and meant.
pub fn near_duplicates(trials: &[Trial], keys: &Keys) -> Vec<Near> {
    let mut found = Vec::new();
    // Only runs with the same words can be near: most pairs are never looked at.
    let mut by_words: BTreeMap<Vec<Option<usize>>, Vec<usize>> = BTreeMap::new();
    for place in 0..trials.len() {
        let words = keys.varied.iter().filter(|key| !key.numeric);
        let words = words.map(|key| key.level_of.get(place).copied().flatten()).collect();
        by_words.entry(words).or_default().push(place);
    }
    for group in by_words.values() {
        for (i, &a) in group.iter().enumerate() {
            for &b in group.iter().skip(i + 1) {
                found.extend(near(a, b, trials, keys));
            }
        }
    }
    found.sort_by_key(|near| (near.keys.len(), near.a, near.b));
    found
}

fn near(a: usize, b: usize, trials: &[Trial], keys: &Keys) -> Option<Near> {
    let mut differing = Vec::new();
    for key in keys.varied.iter().filter(|key| key.numeric) {
        let number =
            |place: usize| key.level_of.get(place).copied().flatten().map(|l| key.number(l));
        match (number(a).flatten(), number(b).flatten()) {
            (Some(x), Some(y)) if x == y => {}
            (Some(x), Some(y)) if (x - y).abs() <= NEARLY * x.abs().max(y.abs()) => {
                differing.push(key.name.clone());
            }
            (None, None) => {}
            _ => return None,
        }
    }
    let (first, second) = (trials.get(a)?, trials.get(b)?);
    let seeded = keys.seeds.iter().chain(first.settings.keys().filter(|k| super::key::is_seed(k)));
    let mut seeded = seeded.peekable();
    // Without a seed in the config, the same config is a repetition too.
    if differing.is_empty() && seeded.peek().is_none() {
        return None;
    }
    let same_seed = seeded.all(|key| first.settings.get(key) == second.settings.get(key));
    same_seed.then_some(Near { a, b, keys: differing })
}

/// A key in which a run differs from a proposed config.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The key.
    pub key: String,
    /// The proposed setting.
    pub proposed: Setting,
    /// The run's; `None`: not set.
    pub found: Option<Setting>,
}

/// How a run differs from a proposed config.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearness {
    /// The place of the trial.
    pub trial: usize,
    /// Where it differs, seeds and names left aside.
    pub differences: Vec<Difference>,
    distance: f64,
}

/// The runs by how near they are to `proposed`, of which only the keys that are given count.
pub fn nearest(
    proposed: &BTreeMap<String, Setting>,
    trials: &[Trial],
    keys: &Keys,
) -> Vec<Nearness> {
    let compared = proposed.iter().filter(|(k, _)| !super::key::is_seed(k));
    let compared: Vec<_> = compared.filter(|(k, _)| !super::key::is_label(k)).collect();
    let mut all: Vec<Nearness> = trials
        .iter()
        .enumerate()
        .map(|(place, trial)| {
            let mut nearness = Nearness { trial: place, differences: Vec::new(), distance: 0.0 };
            for (key, setting) in &compared {
                let found = trial.settings.get(*key);
                if found.is_some_and(|found| is_same(found, setting)) {
                    continue;
                }
                let varied = keys.varied.iter().find(|varied| varied.name == **key);
                nearness.distance += distance(setting, found, varied);
                nearness.differences.push(Difference {
                    key: (*key).clone(),
                    proposed: (*setting).clone(),
                    found: found.cloned(),
                });
            }
            nearness
        })
        .collect();
    all.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    all
}

fn is_same(a: &Setting, b: &Setting) -> bool {
    match (a.as_number(), b.as_number()) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
        _ => a == b,
    }
}

/// What any difference counts, so that few keys are nearer than many.
const ANY: f64 = 0.25;

fn distance(proposed: &Setting, found: Option<&Setting>, key: Option<&Key>) -> f64 {
    let numbers = (proposed.as_number(), found.and_then(Setting::as_number));
    let (Some(a), Some(b)) = numbers else { return ANY + 1.0 };
    let is_log = a > 0.0 && b > 0.0 && key.is_none_or(Key::is_log);
    let place = |number: f64| if is_log { number.ln() } else { number };
    let ends = key.filter(|key| key.numeric).and_then(|key| {
        let numbers = || (0..key.levels.len()).filter_map(|level| key.number(level));
        let numbers = numbers().filter(|n| !is_log || *n > 0.0);
        let range = numbers.map(place).fold((f64::MAX, f64::MIN), |(l, h), n| (l.min(n), h.max(n)));
        Some(range.1 - range.0).filter(|range| *range > 0.0)
    });
    let range = ends.unwrap_or_else(|| if is_log { 1.0 } else { a.abs().max(b.abs()) });
    ANY + ((place(a) - place(b)).abs() / range).min(2.0)
}
