//! Runs of one config that differ in seed or name only: the noise that every comparison stands on.

use std::collections::BTreeMap;

use super::permutation::{ALPHA, chances};
use super::{Key, Trial, key};

/// Runs of one config.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The places of the trials, those without a value included.
    pub trials: Vec<usize>,
    /// How many have a value.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, over n - 1; `None` for one value.
    pub sd: Option<f64>,
}

/// What the groups say together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// The groups with two or more values.
    pub groups: usize,
    /// The standard deviation between runs of one config.
    pub sd: f64,
    /// The chance that seeds alone make the groups differ so; `None` where no outcome could tell.
    pub p: Option<f64>,
}

impl Noise {
    /// Whether the configs differ beyond their seeds.
    pub fn is_exceeded(&self) -> Option<bool> {
        self.p.map(|p| p <= ALPHA)
    }
}

/// The configs that were run more than once, the best first.
pub fn groups(trials: &[Trial], lower_is_better: bool) -> Vec<Group> {
    let mut by_config: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, trial) in trials.iter().enumerate() {
        by_config.entry(signature(trial)).or_default().push(place);
    }
    let repeated = by_config.into_values().filter(|group| group.len() > 1);
    let mut groups: Vec<Group> = repeated.filter_map(|group| Group::of(group, trials)).collect();
    let turned = |group: &Group| if lower_is_better { group.mean } else { -group.mean };
    groups.sort_by(|a, b| turned(a).total_cmp(&turned(b)));
    groups
}

/// The settings that matter, as one text.
pub fn signature(trial: &Trial) -> String {
    let matters = trial.settings.iter().filter(|(k, _)| !key::is_seed(k) && !key::is_label(k));
    matters.map(|(key, setting)| format!("{key}\u{1}{setting:?}\u{2}")).collect()
}

impl Group {
    fn of(places: Vec<usize>, trials: &[Trial]) -> Option<Self> {
        let values: Vec<f64> =
            places.iter().filter_map(|place| trials.get(*place)?.value()).collect();
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let sd = (n > 1).then(|| (squares / (n as f64 - 1.0)).sqrt());
        Some(Self { trials: places, n, mean, sd })
    }
}

/// The noise within the groups, and whether they differ beyond it.
pub fn noise(groups: &[Group], trials: &[Trial]) -> Option<Noise> {
    let repeated: Vec<&Group> = groups.iter().filter(|group| group.n > 1).collect();
    let (mut squares, mut freedom) = (0.0, 0.0);
    for group in &repeated {
        let rest = group.n as f64 - 1.0;
        squares += rest * group.sd.unwrap_or(0.0).powi(2);
        freedom += rest;
    }
    if freedom == 0.0 {
        return None;
    }
    let mut level_of = vec![None; trials.len()];
    for (level, group) in repeated.iter().enumerate() {
        for place in &group.trials {
            if let Some(of) = level_of.get_mut(*place) {
                *of = Some(level);
            }
        }
    }
    let levels = vec![None; repeated.len()];
    let as_key = Key { name: String::new(), numeric: false, levels, level_of };
    let values: Vec<Option<f64>> = trials
        .iter()
        .zip(&as_key.level_of)
        .map(|(trial, level)| level.and_then(|_| trial.value()))
        .collect();
    let n = values.iter().flatten().count();
    let sizes: Vec<usize> = repeated.iter().map(|group| group.n).collect();
    let can_tell = repeated.len() > 1 && super::effects::least_chance(&sizes, false) <= ALPHA;
    let p = (can_tell && n > repeated.len())
        .then(|| chances(&[&as_key], &values).first().map(|chance| chance.p))
        .flatten();
    Some(Noise { groups: repeated.len(), sd: (squares / freedom).sqrt(), p })
}
