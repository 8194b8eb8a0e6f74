//! Which settings made runs diverge: the most valuable fact that a sweep holds.

use super::interval::ln_gamma;
use super::{Key, Trial};

/// Where runs of a key failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// At this level and all above it.
    AtOrAbove(usize),
    /// At this level and all below it.
    AtOrBelow(usize),
    /// At this level.
    At(usize),
}

/// All runs on one side of a key failed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Failure {
    /// The place of the key among those given.
    pub key: usize,
    /// Which side.
    pub side: Where,
    /// How many runs failed there: all.
    pub failed: usize,
    /// How many failed elsewhere.
    pub failed_elsewhere: usize,
    /// How many runs there are elsewhere.
    pub elsewhere: usize,
    /// The chance that the failures of this sweep fall so by luck on any side of any key.
    pub chance: f64,
}

impl Failure {
    /// The chance that the failures fall so by luck, for one key and one side.
    fn chance_here(&self) -> f64 {
        let ln = |n: usize| ln_gamma(n as f64 + 1.0);
        let choose = |n: usize, k: usize| ln(n) - ln(k) - ln(n - k);
        let failures = self.failed + self.failed_elsewhere;
        let runs = self.failed + self.elsewhere;
        (choose(self.elsewhere, self.failed_elsewhere) - choose(runs, failures)).exp().min(1.0)
    }
}

/// Where elsewhere this share failed too, the key is not what tells them apart.
const MOST_ELSEWHERE: f64 = 0.5;

/// For each key the widest side on which all of two or more runs failed while most others did
/// not; the least likely by chance first.
pub fn failures(keys: &[Key], trials: &[Trial]) -> Vec<Failure> {
    let all_sides: usize = keys.iter().map(|key| sides(key).len()).sum();
    let on_side = |place, key, side| {
        let mut failure = on(place, key, side, trials)?;
        failure.chance = (failure.chance_here() * all_sides as f64).min(1.0);
        Some(failure)
    };
    let of_key = |(place, key)| {
        sides(key).into_iter().filter_map(|side| on_side(place, key, side)).min_by(by_chance)
    };
    let mut found: Vec<Failure> = keys.iter().enumerate().filter_map(of_key).collect();
    found.sort_by(by_chance);
    found
}

/// Of equally likely ones the one with more failures.
fn by_chance(a: &Failure, b: &Failure) -> std::cmp::Ordering {
    a.chance.total_cmp(&b.chance).then(b.failed.cmp(&a.failed))
}

fn sides(key: &Key) -> Vec<Where> {
    let levels = 0..key.levels.len();
    if !key.numeric {
        return levels.map(Where::At).collect();
    }
    let above = levels.clone().skip(1).map(Where::AtOrAbove);
    let below = levels.take(key.levels.len() - 1).map(Where::AtOrBelow);
    above.chain(below).collect()
}

fn on(place: usize, key: &Key, side: Where, trials: &[Trial]) -> Option<Failure> {
    let mut failure =
        Failure { key: place, side, failed: 0, failed_elsewhere: 0, elsewhere: 0, chance: 1.0 };
    for (level, trial) in key.level_of.iter().zip(trials) {
        let Some(level) = *level else { continue };
        // A run that did not log the metric and did not diverge says nothing.
        if trial.value().is_none() && !trial.failed() {
            continue;
        }
        let inside = match side {
            Where::AtOrAbove(from) => level >= from,
            Where::AtOrBelow(to) => level <= to,
            Where::At(at) => level == at,
        };
        match (inside, trial.failed()) {
            (true, true) => failure.failed += 1,
            (true, false) => return None,
            (false, failed) => {
                failure.elsewhere += 1;
                failure.failed_elsewhere += usize::from(failed);
            }
        }
    }
    let most = MOST_ELSEWHERE * failure.elsewhere as f64;
    let told = failure.failed >= 2 && (failure.failed_elsewhere as f64) < most;
    told.then_some(failure)
}
