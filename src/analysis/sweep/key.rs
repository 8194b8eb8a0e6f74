//! The keys that a sweep varies, and the values that each took.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{Setting, Trial};

/// A key of the configs with more than one value.
#[derive(Debug, Clone)]
pub struct Key {
    /// Dotted.
    pub name: String,
    /// Whether its values are numbers.
    pub numeric: bool,
    /// The values tried: numbers rising, words in alphabetical order. `None`: not set.
    pub levels: Vec<Option<Setting>>,
    /// The level of each trial; `None` where a number is not set.
    pub level_of: Vec<Option<usize>>,
}

/// What the keys of a sweep are.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// The varied settings.
    pub varied: Vec<Key>,
    /// Keys that differ and are seeds.
    pub seeds: Vec<String>,
    /// Keys that differ and only name or place a run.
    pub labels: Vec<String>,
    /// How many keys were not looked at: see [`MOST_KEYS`].
    pub further: usize,
}

/// So many varied keys are looked at, those that most trials set first: pairs of keys are
/// compared, and no sweep varies more on purpose.
const MOST_KEYS: usize = 100;

/// Last parts of keys that name or place a run and do not change how it goes.
const LABELS: &[&str] = &[
    "run_name",
    "run_id",
    "exp_name",
    "experiment_name",
    "experiment_id",
    "output_dir",
    "out_dir",
    "logging_dir",
    "log_dir",
    "save_dir",
    "work_dir",
    "run_dir",
    "results_dir",
    "checkpoint_dir",
    "hub_model_id",
    "hostname",
    "host",
    "timestamp",
    "created_at",
    "start_time",
    "date",
    "job_id",
    "slurm_job_id",
    "trial",
    "trial_id",
    "trial_number",
    "notes",
    "tags",
    "pid",
    "port",
];
/// Labels only at the root: `optimizer.name` is a setting.
const ROOT_LABELS: &[&str] = &["name", "id", "group", "version", "project"];

/// Whether the key seeds the randomness of a run.
pub fn is_seed(key: &str) -> bool {
    let last = last_part(key);
    last.split(['_', '-']).any(|word| word == "seed" || word == "seeds")
}

/// Whether the key only names or places a run.
pub fn is_label(key: &str) -> bool {
    let last = last_part(key);
    LABELS.contains(&last.as_str()) || ROOT_LABELS.contains(&key.to_lowercase().as_str())
}

fn last_part(key: &str) -> String {
    key.rsplit(['.', '/']).next().unwrap_or(key).to_lowercase()
}

impl Keys {
    /// The keys in which the trials differ.
    pub fn of(trials: &[Trial]) -> Self {
        let mut setters: BTreeMap<&String, usize> = BTreeMap::new();
        for name in trials.iter().flat_map(|trial| trial.settings.keys()) {
            *setters.entry(name).or_default() += 1;
        }
        let mut names: Vec<(&String, usize)> = setters.into_iter().collect();
        // Stable: by name among equals.
        names.sort_by_key(|(_, setters)| std::cmp::Reverse(*setters));
        let mut keys = Self::default();
        for (place, (name, _)) in names.iter().enumerate() {
            if keys.varied.len() == MOST_KEYS {
                keys.further = names.len() - place;
                break;
            }
            let Some(key) = Key::of(name, trials) else { continue };
            if is_seed(name) {
                keys.seeds.push(key.name);
            } else if is_label(name) {
                keys.labels.push(key.name);
            } else {
                keys.varied.push(key);
            }
        }
        keys.varied.sort_by(|a, b| a.name.cmp(&b.name));
        keys
    }
}

impl Key {
    /// The key, where it takes more than one value.
    fn of(name: &str, trials: &[Trial]) -> Option<Self> {
        let found: Vec<Option<&Setting>> = trials.iter().map(|t| t.settings.get(name)).collect();
        let numbers: Option<Vec<f64>> = found.iter().flatten().map(|s| s.as_number()).collect();
        let distinct = |numbers: &[f64]| {
            let mut sorted = numbers.to_vec();
            sorted.sort_by(f64::total_cmp);
            sorted.dedup();
            sorted.len()
        };
        // One number or nothing: whether it is set is what varies.
        let numeric = numbers.is_some_and(|numbers| distinct(&numbers) > 1);
        let settings: Vec<Option<Setting>> = found
            .into_iter()
            .map(|setting| match (numeric, setting) {
                (true, setting) => setting?.as_number().map(Setting::Number),
                (false, setting) => setting.cloned(),
            })
            .collect();
        let mut levels: Vec<Option<Setting>> = settings.clone();
        levels.retain(|level| !numeric || level.is_some());
        levels.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
        levels.dedup();
        if levels.len() < 2 {
            return None;
        }
        let level_of = settings.iter().map(|s| levels.iter().position(|l| l == s)).collect();
        Some(Self { name: name.to_owned(), numeric, levels, level_of })
    }

    /// The number of a level of a numeric key.
    pub fn number(&self, level: usize) -> Option<f64> {
        match self.levels.get(level)? {
            Some(Setting::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The trials of a level.
    pub fn trials(&self, level: usize) -> impl Iterator<Item = usize> {
        let at = move |(trial, of): (usize, &Option<usize>)| (*of == Some(level)).then_some(trial);
        self.level_of.iter().enumerate().filter_map(at)
    }

    /// Whether its numbers are best seen by their logarithms: all above zero, spread over a factor
    /// of 30 or more. A zero beside them (no decay, no dropout) does not count.
    pub fn is_log(&self) -> bool {
        let numbers = || (0..self.levels.len()).filter_map(|level| self.number(level));
        let positive = numbers().filter(|n| *n > 0.0);
        let (low, high) = positive.fold((f64::INFINITY, 0.0_f64), |(l, h), n| (l.min(n), h.max(n)));
        numbers().all(|n| n >= 0.0) && high >= 30.0 * low * (1.0 - 1e-9)
    }
}

impl Setting {
    /// The number that it is, or that its text means: YAML reads `1e-4` as text.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Word(word) => {
                let digit = word.chars().any(|c| c.is_ascii_digit());
                word.trim().parse::<f64>().ok().filter(|n| digit && n.is_finite())
            }
        }
    }
}
