//! One metric of all runs: who is best, by how much, and the values behind it.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use super::gather::Entry;
use crate::analysis::compare::align::{Align, Common, common};
use crate::analysis::compare::alike::Alike;
use crate::analysis::compare::contender::{Contender, Level};
use crate::analysis::compare::rank::{Ranking, rank, with_seed_noise};
use crate::analysis::compare::recommend::point;
use crate::analysis::number::Number;
use crate::analysis::role::{Direction, Role, classify};
use crate::tools::common::shape::role;

/// Who is best in one metric.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Winner {
    pub metric: String,
    /// `min`, `max` or `unknown`.
    pub direction: &'static str,
    /// The role that the name tells, or `given`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inferred_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_run: Option<String>,
    /// The best single value as logged, and its step.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub best_value: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub step: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner_up: Option<String>,
    /// Between the best smoothed levels of the two.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub margin: Option<Number>,
    /// What noise explains of it; absent where too few points tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub noise: Option<Number>,
    pub tie: bool,
    /// Who leads at the last point that all reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leads_at_common: Option<String>,
    /// Why nobody is best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_winner: Option<&'static str>,
}

/// A row of the table of values: what it shows, and one value a run.
#[derive(Debug)]
pub struct Row {
    pub value: String,
    pub of_runs: Vec<Option<Number>>,
}

/// One metric of all runs.
#[derive(Debug)]
pub struct Compared {
    pub winner: Winner,
    pub rows: Vec<Row>,
}

/// The same before it is put into words.
pub struct Contest {
    pub metric: String,
    pub role: Role,
    pub direction: Option<Direction>,
    given: bool,
    /// By run.
    pub contenders: Vec<Option<Contender>>,
    /// The last values of runs whose curve is not kept.
    last: Vec<Option<f64>>,
    pub ranking: Option<Ranking>,
    pub equal: Option<Equal>,
}

/// The runs at the furthest point that all reached.
pub struct Equal {
    pub align: Align,
    pub common: Common,
    /// The runs that have the metric.
    pub runs: Vec<usize>,
    levels: Vec<(usize, Level)>,
    pub ranking: Ranking,
}

impl Contest {
    /// Compares `entries` in one metric.
    pub fn of(
        alike: &Alike,
        entries: &[Entry],
        given: Option<Direction>,
        align: Align,
        seed_groups: &[Vec<usize>],
    ) -> Self {
        let class = classify(&alike.metric);
        let direction = given.or(class.direction);
        let named = || entries.iter().zip(&alike.names);
        let contenders: Vec<Option<Contender>> = named()
            .map(|(entry, name)| Contender::of(entry.columns.series(name.as_deref()?)?, direction))
            .collect();
        let last = named().map(|(entry, name)| {
            let column = entry.columns.metrics.get(name.as_deref()?)?;
            column.stats(None).last.map(|last| last.value)
        });
        let mut levels = levels(&contenders, Contender::best);
        with_seed_noise(&mut levels, seed_groups);
        Self {
            metric: alike.metric.clone(),
            role: class.role,
            direction,
            given: given.is_some(),
            last: last.collect(),
            ranking: direction.and_then(|_| rank(&levels)),
            equal: equal(&contenders, entries, align, seed_groups),
            contenders,
        }
    }

    /// In words and rows.
    pub fn told(&self, entries: &[Entry]) -> Compared {
        Compared { winner: self.winner(entries), rows: self.rows() }
    }

    fn winner(&self, entries: &[Entry]) -> Winner {
        let label = |run: &usize| entries.get(*run).map(|entry| entry.label.clone());
        let ranking = self.ranking.as_ref();
        let first = ranking.and_then(|ranking| ranking.order.first());
        let best = first.and_then(|run| self.contenders.get(*run)?.as_ref()).map(Contender::quoted);
        let with_values = self.last.iter().flatten().count();
        Winner {
            metric: self.metric.clone(),
            direction: match self.direction {
                Some(Direction::Min) => "min",
                Some(Direction::Max) => "max",
                None => "unknown",
            },
            inferred_from: match (self.given, self.direction) {
                (true, _) => Some("given".to_owned()),
                (false, Some(_)) => role(&self.metric),
                (false, None) => None,
            },
            best_run: first.and_then(label),
            best_value: best.map(|best| Number(best.value)),
            step: best.map(|best| Number(best.step)),
            runner_up: ranking.and_then(|ranking| ranking.order.get(1)).and_then(label),
            margin: ranking.map(|ranking| Number(ranking.margin)),
            noise: ranking.and_then(|ranking| ranking.noise).map(Number),
            tie: ranking.is_some_and(|ranking| ranking.tie),
            leads_at_common: self.equal.as_ref().filter(|_| ranking.is_some()).and_then(|equal| {
                match equal.ranking.tie {
                    true => Some("tie".to_owned()),
                    false => equal.ranking.order.first().and_then(label),
                }
            }),
            no_winner: match (ranking, with_values) {
                (Some(_), _) => None,
                (None, 0) => Some("no finite value"),
                (None, 1) => Some("one run has values"),
                (None, _) => Some("direction unknown"),
            },
        }
    }

    fn rows(&self) -> Vec<Row> {
        let best = |contender: &Contender| Number(contender.quoted().value);
        let first = match self.direction {
            Some(_) => Row {
                value: "best".to_owned(),
                of_runs: self.contenders.iter().map(|one| one.as_ref().map(best)).collect(),
            },
            None => Row {
                value: "last".to_owned(),
                of_runs: self.last.iter().map(|last| last.map(Number)).collect(),
            },
        };
        let at_common = self.equal.as_ref().map(|equal| {
            let logged = |run: usize| {
                let (_, level) = equal.levels.iter().find(|(of, _)| *of == run)?;
                Some(Number(self.contenders.get(run)?.as_ref()?.logged(level.value)))
            };
            let smoothed = self.contenders.iter().flatten().any(Contender::is_smoothed);
            let how = if smoothed { ", smoothed" } else { "" };
            Row {
                value: format!("at {}{how}", point(equal.align, equal.common.at)),
                of_runs: (0..self.contenders.len()).map(logged).collect(),
            }
        });
        std::iter::once(first).chain(at_common).collect()
    }
}

fn levels(
    contenders: &[Option<Contender>],
    level: impl Fn(&Contender) -> Level,
) -> Vec<(usize, Level)> {
    let with = contenders.iter().enumerate();
    with.filter_map(|(run, contender)| Some((run, level(contender.as_ref()?)))).collect()
}

fn equal(
    contenders: &[Option<Contender>],
    entries: &[Entry],
    align: Align,
    seed_groups: &[Vec<usize>],
) -> Option<Equal> {
    let with: Vec<(usize, &Contender, &Entry)> = contenders
        .iter()
        .zip(entries)
        .enumerate()
        .filter_map(|(run, (contender, entry))| Some((run, contender.as_ref()?, entry)))
        .collect();
    let extents: Vec<_> = with.iter().map(|(_, one, entry)| (*one, entry.extent())).collect();
    let common = common(align, &extents)?;
    let mut levels: Vec<(usize, Level)> = with
        .iter()
        .zip(&common.steps)
        .filter_map(|((run, contender, _), step)| Some((*run, contender.until(*step)?.end())))
        .collect();
    with_seed_noise(&mut levels, seed_groups);
    let ranking = rank(&levels)?;
    let runs = with.iter().map(|(run, ..)| *run).collect();
    Some(Equal { align, common, runs, levels, ranking })
}
