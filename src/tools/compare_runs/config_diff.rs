//! What the configs of several runs differ in.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::tools::common::text;
use crate::trackio::config;
use crate::trackio::value::Metrics;

/// Longer values are cut: they are there to tell runs apart.
const LONGEST_VALUE: usize = 80;
/// Keys that say where a run's files lie or what it is called, not how it was trained.
const BOOKKEEPING: &[&str] = &["dir", "path", "run_name", "run_id", "exp_name", "experiment_name"];
/// Keys that change what a loss means.
const CHANGES_MEANING: &[&str] = &[
    "dataset",
    "dataset_name",
    "data",
    "train_dataset",
    "eval_dataset",
    "tokenizer",
    "vocab_size",
    "loss",
    "loss_fn",
    "loss_type",
    "criterion",
    "label_smoothing",
];

/// How runs differ in a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// All have it, with different values.
    Changed,
    /// Some have it.
    OnlyIn,
}

/// A key in which configs differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    pub key: String,
    pub kind: Kind,
    /// By run; those without the key are not in it.
    pub values: Map<String, Value>,
}

/// How many keys there are of each state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    pub changed: usize,
    pub only_in: usize,
    pub same: usize,
}

/// What configs differ in.
#[derive(Debug, Default)]
pub struct ConfigDiff {
    /// What tells most first: changed keys, then those that some lack, then names of files.
    pub differences: Vec<Difference>,
    pub counts: Counts,
    /// Groups of runs that differ in nothing but a seed.
    pub seed_groups: Vec<Vec<usize>>,
    /// The runs without a config.
    pub without: Vec<usize>,
}

/// Compares the configs of runs, each with its label.
pub fn of(runs: &[(&str, Option<&Metrics>)]) -> ConfigDiff {
    let flat: Vec<(usize, &str, BTreeMap<String, &Value>)> = runs
        .iter()
        .enumerate()
        .filter_map(|(run, (label, found))| Some((run, *label, own_keys((*found)?))))
        .collect();
    let mut diff = ConfigDiff {
        without: (0..runs.len()).filter(|run| flat.iter().all(|(with, ..)| with != run)).collect(),
        seed_groups: seed_groups(&flat),
        ..ConfigDiff::default()
    };
    let keys: BTreeSet<&String> = flat.iter().flat_map(|(_, _, keys)| keys.keys()).collect();
    for key in keys {
        let with = || flat.iter().filter_map(|(_, label, keys)| Some((label, *keys.get(key)?)));
        let values: BTreeSet<String> = with().map(|(_, value)| config::canonical(value)).collect();
        let kind = match (with().count() == flat.len(), values.len()) {
            (true, 1) => {
                diff.counts.same += 1;
                continue;
            }
            (true, _) => Kind::Changed,
            (false, _) => Kind::OnlyIn,
        };
        *(match kind {
            Kind::Changed => &mut diff.counts.changed,
            Kind::OnlyIn => &mut diff.counts.only_in,
        }) += 1;
        let values = with().map(|(label, value)| ((*label).to_owned(), short(value))).collect();
        diff.differences.push(Difference { key: key.clone(), kind, values });
    }
    diff.differences.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.key.cmp(&b.key)));
    diff
}

impl ConfigDiff {
    /// The keys that change what a value means, among those that differ.
    pub fn of_other_meaning(&self) -> Vec<&str> {
        let keys = self.differences.iter().map(|difference| difference.key.as_str());
        keys.filter(|key| CHANGES_MEANING.contains(&last_word(key))).collect()
    }
}

fn own_keys(found: &Metrics) -> BTreeMap<String, &Value> {
    config::flat(found).into_iter().filter(|(key, _)| !config::is_reserved(key)).collect()
}

fn last_word(key: &str) -> &str {
    key.rsplit(['.', '/']).next().unwrap_or(key)
}

fn is_bookkeeping(key: &str) -> bool {
    let last = last_word(key);
    BOOKKEEPING.iter().any(|word| last == *word || last.ends_with(&format!("_{word}")))
}

fn order(difference: &Difference) -> (bool, Kind) {
    (is_bookkeeping(&difference.key), difference.kind)
}

fn short(value: &Value) -> Value {
    match value {
        Value::String(text) => text::cut(text, LONGEST_VALUE).into(),
        Value::Array(_) | Value::Object(_) => {
            let whole = value.to_string();
            let is_long = whole.chars().count() > LONGEST_VALUE;
            if is_long { text::cut(&whole, LONGEST_VALUE).into() } else { value.clone() }
        }
        other => other.clone(),
    }
}

fn seed_groups(flat: &[(usize, &str, BTreeMap<String, &Value>)]) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<String, Vec<(usize, bool)>> = BTreeMap::new();
    for (run, _, keys) in flat {
        let is_seed = |key: &str| last_word(key).to_lowercase().ends_with("seed");
        let rest = keys.iter().filter(|(key, _)| !is_seed(key) && !is_bookkeeping(key));
        let text: Vec<String> =
            rest.map(|(key, value)| format!("{key}\0{}", config::canonical(value))).collect();
        let has_seed = keys.keys().any(|key| is_seed(key));
        groups.entry(text.join("\0")).or_default().push((*run, has_seed));
    }
    let of_seeds = groups.into_values().filter(|group| group.len() > 1);
    // Without a seed nothing says that equal configs mean equal runs.
    let seeded = of_seeds.filter(|group| group.iter().all(|(_, has_seed)| *has_seed));
    seeded.map(|group| group.into_iter().map(|(run, _)| run).collect()).collect()
}
