//! Which metric judges the runs of a sweep, and which way it is better.

use std::collections::{BTreeMap, BTreeSet};

use super::Args;
use crate::analysis::role::{Direction, Role, Split, classify, measure};
use crate::analysis::sweep::Outcome;
use crate::tools::common::Failure;
use crate::tools::common::nearest::{nearest, quoted};
use crate::tools::common::resolve::shown;

/// A metric that judges the runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Its name.
    pub name: String,
    /// Which way is better.
    pub direction: Direction,
    /// Why this metric, and why this way.
    pub reason: String,
}

/// What may judge the runs: the metrics that were named, or those that suit by their role.
pub struct Candidates {
    named: Vec<String>,
    directions: Vec<Direction>,
}

impl Candidates {
    /// Of the arguments.
    pub fn of(args: &Args) -> Result<Self, Failure> {
        let mut named: Vec<String> = Vec::new();
        for name in args.metric.iter().flatten() {
            if !named.contains(name) {
                named.push(name.clone());
            }
        }
        let directions: Vec<Direction> =
            args.direction.iter().flatten().map(|direction| (*direction).into()).collect();
        if directions.len() > named.len().max(1) {
            return Err(Failure(format!(
                "`direction` holds {} words for {} metrics. Give one for each, in the order of \
                 `metric`.",
                directions.len(),
                named.len()
            )));
        }
        Ok(Self { named, directions })
    }

    /// The metrics that were named.
    pub fn named(&self) -> impl Iterator<Item = &String> {
        self.named.iter()
    }

    /// The direction of a candidate; `None` for what is none.
    pub fn direction(&self, name: &str) -> Option<Direction> {
        let by_name = || classify(name).direction;
        match self.named.iter().position(|named| named == name) {
            Some(place) => self.directions.get(place).copied().or_else(by_name),
            None if self.named.is_empty() && rank(name).is_some() => {
                self.directions.first().copied().or_else(by_name)
            }
            None => None,
        }
    }

    /// The metrics to judge by. `found` are the outcomes of each run, `names` all metrics there
    /// are, `declared` what the configs call the metric of the best model.
    pub fn choose<'a>(
        &self,
        found: impl Iterator<Item = &'a BTreeMap<String, Outcome>>,
        names: &BTreeSet<String>,
        declared: &[&str],
    ) -> Result<Vec<Chosen>, Failure> {
        if !self.named.is_empty() {
            return self.named.iter().map(|name| self.check(name, names)).collect();
        }
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for name in found.flat_map(BTreeMap::keys) {
            *counts.entry(name).or_default() += 1;
        }
        let most = counts.values().copied().max().unwrap_or(0);
        // What most runs have not cannot compare them.
        let common = || counts.iter().filter(|(_, count)| 2 * **count >= most);
        let is_declared = |name: &&str| {
            declared.first().is_some_and(|first| measure(first) == measure(name))
                && classify(name).split == Some(Split::Eval)
        };
        if let Some(name) = common().map(|(name, _)| *name).find(is_declared) {
            return Ok(vec![self.chosen(name, "the config's metric_for_best_model")]);
        }
        let order = |(name, count): &(&&str, &usize)| {
            let is_test = name.to_ascii_lowercase().contains("test");
            let words = measure(name).split('_').count();
            (rank(name), is_test, std::cmp::Reverse(**count), words, (**name).to_owned())
        };
        match common().min_by_key(order) {
            Some((name, _)) => Ok(vec![self.chosen(name, what(name))]),
            None => Err(Failure(format!(
                "No metric of these runs judges them by its name. Name one: metric and direction \
                 (min or max). There are: {}.",
                quoted(&names.iter().take(10).map(String::as_str).collect::<Vec<_>>())
            ))),
        }
    }

    fn check(&self, name: &str, names: &BTreeSet<String>) -> Result<Chosen, Failure> {
        if !names.contains(name) {
            return Err(Failure(format!(
                "No run has a metric `{}`. Nearest: {}.",
                shown(name),
                quoted(&nearest(name, names.iter().map(String::as_str)))
            )));
        }
        if self.direction(name).is_none() {
            return Err(Failure(format!(
                "Which way `{}` is better cannot be told from its name. Give direction: min or \
                 max, one for each metric.",
                shown(name)
            )));
        }
        Ok(self.chosen(name, "as asked"))
    }

    fn chosen(&self, name: &str, why: &str) -> Chosen {
        let direction = self.direction(name).unwrap_or(Direction::Min);
        let place = self.named.iter().position(|named| named == name).unwrap_or(0);
        let how = match self.directions.get(place) {
            Some(_) => "direction as asked".to_owned(),
            None => format!("direction by its name ({})", classify(name).reason),
        };
        Chosen { name: name.to_owned(), direction, reason: format!("{why}; {how}") }
    }
}

/// How well a metric suits to judge runs by; `None` for what does not.
fn rank(name: &str) -> Option<u8> {
    let class = classify(name);
    class.direction?;
    match (class.role, class.split) {
        (Role::EvalLoss, _) => Some(0),
        (Role::Score | Role::Error | Role::Reward, Some(Split::Eval)) => Some(1),
        (Role::PreferenceAccuracy, Some(Split::Eval)) => Some(2),
        (Role::Reward, _) => Some(3),
        (Role::Score | Role::Error, None) => Some(4),
        (Role::PreferenceAccuracy, _) => Some(5),
        (Role::TrainLoss, _) => Some(6),
        (Role::Score | Role::Error, _) => Some(7),
        _ => None,
    }
}

fn what(name: &str) -> &'static str {
    match (classify(name).role, classify(name).split) {
        (Role::EvalLoss, _) => "the held-out loss that most runs have",
        (_, Some(Split::Eval)) => {
            "the held-out metric that most runs have; none logs a held-out loss"
        }
        (Role::TrainLoss, _) => "the training loss: no held-out metric is common to the runs",
        _ => "no held-out metric is common to the runs",
    }
}
