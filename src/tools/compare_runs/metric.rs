//! One metric of all runs: who is best, by how much, and the values behind it.

use serde::Serialize;

use super::gather::Entry;
use crate::analysis::compare::align::{Align, common, of_similar_length};
use crate::analysis::compare::alike::Alike;
use crate::analysis::compare::contender::{Contender, Level};
use crate::analysis::compare::rank::{Ranking, rank, with_seed_noise};
use crate::analysis::compare::recommend::point;
use crate::analysis::number::Number;
use crate::analysis::role::{Direction, Role, classify};
use crate::analysis::series::Series;
use crate::tools::common::shape::role;

/// Who is best in one metric.
#[derive(Debug, Serialize)]
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
    pub best_value: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner_up: Option<String>,
    /// Between the best smoothed levels of the two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<Number>,
    /// What noise explains of it; absent where too few points tell.
    #[serde(skip_serializing_if = "Option::is_none")]
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
    pub ranking: Option<Ranking>,
    equal: Option<Equal>,
}

/// The runs at the furthest point that all reached.
struct Equal {
    at: String,
    levels: Vec<(usize, Level)>,
    ranking: Ranking,
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
            .map(|(entry, name)| Contender::of(series(entry, name.as_deref()?)?, direction))
            .collect();
        let mut levels = levels(&contenders, Contender::best);
        with_seed_noise(&mut levels, seed_groups);
        Self {
            metric: alike.metric.clone(),
            role: class.role,
            direction,
            given: given.is_some(),
            ranking: direction.and_then(|_| rank(&levels)),
            equal: direction.and_then(|_| equal(&contenders, entries, align, seed_groups)),
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
        let with_values = self.contenders.iter().flatten().count();
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
        let last = |contender: &Contender| Number(contender.last().value);
        let first = match self.direction {
            Some(_) => Row {
                value: "best".to_owned(),
                of_runs: self.contenders.iter().map(|one| one.as_ref().map(best)).collect(),
            },
            None => Row {
                value: "last".to_owned(),
                of_runs: self.contenders.iter().map(|one| one.as_ref().map(last)).collect(),
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
                value: format!("at {}{how}", equal.at),
                of_runs: (0..self.contenders.len()).map(logged).collect(),
            }
        });
        std::iter::once(first).chain(at_common).collect()
    }
}

/// The metric of a run. Of one whose name says nothing the curve is not kept, and its last value
/// stands for it: it is shown and never ranked.
fn series(entry: &Entry, name: &str) -> Option<Series> {
    let last = || {
        let point = entry.columns.metrics.get(name)?.stats(None).last?;
        let mut series = Series::default();
        series.push(point.step, f64::NAN, point.value);
        Some(series)
    };
    entry.columns.series(name).or_else(last)
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
    // Neither a run that failed nor a short trial sets the point for the others.
    let sound = with.iter().filter(|(.., entry)| !entry.failed()).count() >= 2;
    let long = of_similar_length(align, &extents);
    let kept = |place: usize, entry: &Entry| {
        long.get(place).copied().unwrap_or(false) && !(sound && entry.failed())
    };
    let runs: Vec<usize> = with
        .iter()
        .enumerate()
        .filter(|(place, (.., entry))| kept(*place, entry))
        .map(|(_, (run, ..))| *run)
        .collect();
    let of_kept = with.iter().zip(extents).filter(|((run, ..), _)| runs.contains(run));
    let compared: Vec<_> = of_kept.map(|(_, extent)| extent).collect();
    let common = common(align, &compared)?;
    let mut levels: Vec<(usize, Level)> = runs
        .iter()
        .zip(&compared)
        .zip(&common.steps)
        .filter_map(|((run, (contender, _)), step)| Some((*run, contender.until(*step)?.end())))
        .collect();
    with_seed_noise(&mut levels, seed_groups);
    let ranking = rank(&levels)?;
    Some(Equal { at: point(align, common.at), levels, ranking })
}
