//! What a sweep says: which settings made a difference, which failed, what was not tried.
//!
//! A sweep is small and noisy, and it is looked at through many keys at once. So every claim is
//! tested together with all others, by permutation: over all keys of a sweep that holds nothing,
//! at most one in twenty claims anything.

pub mod confounding;
pub mod coverage;
pub mod effects;
pub mod failures;
pub mod interval;
pub mod key;
pub mod neighbours;
pub mod outcome;
pub mod pareto;
pub mod permutation;
pub mod seeds;
mod shuffle;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use key::{Key, Keys};
pub use outcome::Outcome;

/// A setting of a run's config.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub enum Setting {
    /// A finite number.
    Number(f64),
    /// Anything else, as text.
    Word(String),
}

/// One run of a sweep: its settings by dotted key, and what came of it.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The settings; a key that is not set is missing.
    pub settings: BTreeMap<String, Setting>,
    /// One outcome for each metric that is looked at, the main metric first.
    pub outcomes: Vec<Outcome>,
}

impl Trial {
    /// The value of the main metric.
    pub fn value(&self) -> Option<f64> {
        self.outcomes.first().and_then(Outcome::value)
    }

    /// Whether it diverged.
    pub fn failed(&self) -> bool {
        self.outcomes.first() == Some(&Outcome::Failed)
    }
}
