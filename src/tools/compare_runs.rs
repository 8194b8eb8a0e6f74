//! `compare_runs`: which run is best, by how much, and what was different.

mod config_diff;
mod gather;
mod metric;
mod output;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Deserialize;

use super::common::nearest::{nearest, quoted};
use super::common::shape::importance;
use super::common::{Answer, Context, Failure, Page, resolve, text};
use super::{Category, Tool};
use crate::analysis::compare::align::Align;
use crate::analysis::compare::alike::{Alike, alike};
use crate::analysis::compare::fairness::{Entrant, Fairness, fairness, names};
use crate::analysis::compare::part::part;
use crate::analysis::compare::recommend::{Candidate, Recommendation, recommend};
use crate::analysis::number::Number;
use crate::analysis::role::{Direction, Role, Split, classify, is_test};
use crate::quote;
use crate::trackio::Snapshot;
use config_diff::ConfigDiff;
use gather::Entry;
use metric::Contest;
use output::{Apart, ComparedRun, Comparison, Mapped, MetricPage, Recommended};

pub struct CompareRuns;

/// So many metrics stand on a page at most.
const DEFAULT_LIMIT: usize = 30;
/// The leader's curve is held against so many others.
const CURVES_APART: usize = 4;
/// So many of the next metrics can speak against a recommendation.
const OTHER_VOICES: usize = 3;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    project: String,
    /// 2 to 20 names or ids; default: the newest ten.
    runs: Option<Vec<String>>,
    /// The first decides; default: eval before train.
    metrics: Option<Vec<String>>,
    /// Of `metrics`.
    direction: Option<Better>,
    align: Option<Aligned>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Better {
    Min,
    Max,
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Aligned {
    Step,
    Elapsed,
    Fraction,
}

impl Tool for CompareRuns {
    const NAME: &'static str = "compare_runs";
    const TITLE: &'static str = "Compare runs";
    const CATEGORY: Category = Category::Analysis;
    const ABOUT: &'static str = "Tells which of several runs is best, and why. Winners against noise, \
        values at a common step, config differences, where curves part, comparability, one \
        recommendation.";
    const GUIDE: &'static str = "Runs are ranked by their best smoothed level; best_value is the \
        best single value as logged, at its step. `tie` means that the margin is within noise: \
        twice the standard error of the difference, with what a seed alone changes where runs \
        differ in nothing else. `leads_at_common` is who leads at the last step that all reached, \
        or the last equal time or part of the run with `align`. No run is recommended where the \
        lead is within noise, or comes from a longer run alone. `same_metric` tells which names \
        were taken for one metric. A config key is `changed` where all have it, `only_in` where \
        some have it.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = Comparison;

    fn run(context: &Context, args: Args) -> Result<Answer<Comparison>, Failure> {
        if args.direction.is_some() && args.metrics.is_none() {
            return Err(Failure::new(
                "The argument `direction` speaks of the declared metrics: name them in `metrics`, \
                 such as metrics: [\"eval/score\"], direction: max.",
            ));
        }
        let project = resolve::project(context, &args.project)?;
        let (output, notes) =
            context.read(&project, |snapshot| answer(snapshot, context, &args))?;
        Ok(Answer::new(output).with_notes(notes))
    }
}

impl Args {
    fn declared(&self) -> &[String] {
        self.metrics.as_deref().unwrap_or_default()
    }

    fn given(&self) -> Option<Direction> {
        self.direction.map(|direction| match direction {
            Better::Min => Direction::Min,
            Better::Max => Direction::Max,
        })
    }

    fn align(&self) -> Align {
        match self.align {
            None | Some(Aligned::Step) => Align::Step,
            Some(Aligned::Elapsed) => Align::Elapsed,
            Some(Aligned::Fraction) => Align::Fraction,
        }
    }
}

fn answer(
    snapshot: &Snapshot<'_>,
    context: &Context,
    args: &Args,
) -> crate::trackio::Result<(Comparison, Vec<String>)> {
    let (entries, notes) =
        gather::gather(snapshot, context, args.runs.as_deref(), args.declared())?;
    let own: Vec<BTreeSet<&str>> = entries.iter().map(Entry::metrics).collect();
    let groups = in_order(pick(alike(&own), args.declared())?, &entries, args.declared());
    let configs: Vec<_> =
        entries.iter().map(|entry| (entry.label.as_str(), entry.facts.config.as_ref())).collect();
    let diff = config_diff::of(&configs);
    let contest =
        |group: &Alike| Contest::of(group, &entries, args.given(), args.align(), &diff.seed_groups);
    let Some(first) = groups.first() else {
        return Err(Failure::new(
            "These runs have no metric with numbers to compare. get_metrics_for_run tells what a \
             run logged.",
        )
        .into());
    };
    let deciding = contest(first);
    let fairness = unfair(&deciding, first, &entries);
    let recommendation =
        recommended(&deciding, &fairness, &entries, args.align(), &diff.seed_groups);
    let recommendation = match recommendation.run {
        Some(run) => {
            let others = groups.iter().skip(1).take(OTHER_VOICES).map(contest);
            let against = against(run, &first.metric, others, &entries);
            Recommendation { reason: recommendation.reason + &against, ..recommendation }
        }
        None => recommendation,
    };
    let is_first_page = context.page.offset == 0;
    let labels: Vec<String> = entries.iter().map(|entry| entry.label.clone()).collect();
    let label = |run: usize| labels.get(run).cloned().unwrap_or_default();
    let mapped = mapped(&groups, &label);
    let curves_apart = apart(&deciding, &label);
    let decided_by = first.metric.clone();
    let page = Page::of(groups, &context.page, DEFAULT_LIMIT)
        .try_map(|group| crate::trackio::Result::Ok(contest(&group).told(&entries)))?;
    let comparison = Comparison {
        project: snapshot.project.name.clone(),
        recommendation: Recommended {
            run: recommendation.run.map(label),
            reason: recommendation.reason,
        },
        decided_by,
        comparability: warnings(fairness, &diff, &entries),
        runs: entries.iter().map(ComparedRun::of).collect(),
        metrics: MetricPage { page, labels: labels.clone() },
        same_metric: mapped,
        curves_apart,
        config_keys: diff.counts,
        config_diff: diff.differences,
        left_out: None,
    };
    Ok((if is_first_page { comparison } else { comparison.next_page() }, notes))
}

/// The declared metrics, or all that can be compared.
fn pick(groups: Vec<Alike>, declared: &[String]) -> Result<Vec<Alike>, Failure> {
    if declared.is_empty() {
        let countless =
            |group: &Alike| matches!(classify(&group.metric).role, Role::Epoch | Role::Counter);
        let (counters, measures): (Vec<_>, Vec<_>) = groups.into_iter().partition(countless);
        return Ok(if measures.is_empty() { counters } else { measures });
    }
    for name in declared {
        if !groups.iter().any(|group| group.is_called(name)) {
            let known: BTreeSet<&str> = groups
                .iter()
                .flat_map(|group| group.names.iter().flatten().map(String::as_str))
                .collect();
            return Err(Failure(format!(
                "None of these runs has a metric `{}` with numbers. Nearest: {}. \
                 get_metrics_for_run lists the metrics of a run.",
                resolve::shown(name),
                quoted(&nearest(name, known.iter().copied()))
            )));
        }
    }
    let is_declared = |group: &Alike| declared.iter().any(|name| group.is_called(name));
    Ok(groups.into_iter().filter(is_declared).collect())
}

/// What tells most first: what was declared, else what most runs have, held-out data before
/// training.
fn in_order(mut groups: Vec<Alike>, entries: &[Entry], declared: &[String]) -> Vec<Alike> {
    groups.sort_by_cached_key(|group| {
        let place = declared.iter().position(|name| group.is_called(name));
        let is_finite = |(entry, name): (&Entry, &Option<String>)| {
            let column = name.as_ref().and_then(|name| entry.columns.metrics.get(name));
            column.is_some_and(|column| column.stats(None).last.is_some())
        };
        let finite = entries.iter().zip(&group.names).filter(|pair| is_finite(*pair)).count();
        (
            place.unwrap_or(usize::MAX),
            finite < 2,
            2 * finite < entries.len(),
            classify(&group.metric).direction.is_none(),
            weight(&group.metric),
            group.metric.clone(),
        )
    });
    groups
}

fn weight(metric: &str) -> u8 {
    let class = classify(metric);
    let held_out = class.split == Some(Split::Eval);
    match class.role {
        Role::EvalLoss if !is_test(metric) => 0,
        Role::EvalLoss => 2,
        Role::Score | Role::Error | Role::PreferenceAccuracy | Role::Reward if held_out => 1,
        // The loss of reinforcement learning says nothing.
        Role::Reward => 3,
        Role::TrainLoss => 4,
        _ => 5 + importance(metric).0,
    }
}

fn unfair(deciding: &Contest, group: &Alike, entries: &[Entry]) -> Fairness {
    let entrants: Vec<Entrant> = entries
        .iter()
        .zip(&deciding.contenders)
        .zip(&group.names)
        .map(|((entry, contender), name)| Entrant {
            label: quote::name(&entry.label).into_owned(),
            status: entry.status(),
            step: entry.last_step(),
            total: entry.planned(),
            has_metric: name.is_some(),
            contender: contender.clone(),
        })
        .collect();
    let mut fairness = fairness(&quote::name(&deciding.metric), deciding.role, &entrants);
    if let Some(mixed) = mixed_kinds(entries) {
        fairness.warnings.insert(0, mixed);
        fairness.other_scale |= matches!(deciding.role, Role::TrainLoss | Role::EvalLoss);
    }
    fairness
}

/// Losses of different kinds of training cannot be ranked.
fn mixed_kinds(entries: &[Entry]) -> Option<String> {
    let mut kinds: BTreeMap<&str, Vec<Cow<'_, str>>> = BTreeMap::new();
    for entry in entries {
        if let Some(kind) = entry.kind() {
            kinds.entry(kind).or_default().push(quote::name(&entry.label));
        }
    }
    let told = |(kind, runs): (&&str, &Vec<Cow<'_, str>>)| format!("{kind} in {}", names(runs));
    let told: Vec<String> = kinds.iter().map(told).collect();
    (kinds.len() > 1).then(|| {
        format!(
            "different kinds of training, whose losses mean different things: {}",
            told.join("; ")
        )
    })
}

fn recommended(
    deciding: &Contest,
    fairness: &Fairness,
    entries: &[Entry],
    align: Align,
    seed_groups: &[Vec<usize>],
) -> Recommendation {
    let none = |reason: String| Recommendation { run: None, reason };
    if deciding.contenders.iter().flatten().count() < 2 {
        return none(
            "No clear winner: no two of these runs have finite values of one metric.".to_owned(),
        );
    }
    if deciding.direction.is_none() {
        return none(format!(
            "No clear winner: the name {} does not tell which way is better. Ask again with \
             metrics: [{}] and direction: min or max.",
            text::brief_name(&deciding.metric),
            quote::quoted(&deciding.metric)
        ));
    }
    if let Some(scale) = fairness.warnings.first().filter(|_| fairness.other_scale) {
        return none(format!("No clear winner: {scale}."));
    }
    let candidates: Vec<Candidate<'_>> = entries
        .iter()
        .zip(&deciding.contenders)
        .map(|(entry, contender)| Candidate {
            label: quote::name(&entry.label),
            contender: contender.as_ref(),
            extent: entry.extent(),
            failed: entry.failed(),
        })
        .collect();
    recommend(&quote::name(&deciding.metric), &candidates, align, seed_groups)
}

/// The other metrics of weight in which another run is clearly better.
fn against(
    run: usize,
    decided_by: &str,
    others: impl Iterator<Item = Contest>,
    entries: &[Entry],
) -> String {
    // A training loss says nothing against a held-out one.
    let most = weight(decided_by).clamp(2, 4);
    let voices: Vec<String> = others
        .filter_map(|contest| {
            let ranking = contest.ranking.as_ref().filter(|ranking| !ranking.tie)?;
            let best = *ranking.order.first().filter(|best| **best != run)?;
            let knows_noise = ranking.noise.is_some() && weight(&contest.metric) <= most;
            let label = entries.get(best).filter(|_| knows_noise)?.label.as_str();
            Some(format!("{} in {}", quote::name(label), quote::name(&contest.metric)))
        })
        .collect();
    if voices.is_empty() {
        return String::new();
    }
    format!(" Other metrics favour others: {}.", voices.join(", "))
}

fn mapped(groups: &[Alike], label: &impl Fn(usize) -> String) -> Vec<Mapped> {
    let mapped = groups.iter().flat_map(|group| {
        group.other_names().into_iter().map(|(name, runs)| Mapped {
            metric: group.metric.clone(),
            name: name.to_owned(),
            runs: runs.into_iter().map(label).collect(),
        })
    });
    mapped.collect()
}

/// From where on the leader's curve stays apart from those of the next.
fn apart(deciding: &Contest, label: &impl Fn(usize) -> String) -> Vec<Apart> {
    let all = || (0..deciding.contenders.len()).collect::<Vec<usize>>();
    let order = deciding.ranking.as_ref().map_or_else(all, |ranking| ranking.order.clone());
    let contender = |run: usize| deciding.contenders.get(run).and_then(Option::as_ref);
    let mut with = order.into_iter().filter_map(|run| Some((run, contender(run)?)));
    let Some((leader, curve)) = with.next() else { return Vec::new() };
    with.take(CURVES_APART)
        .map(|(run, other)| {
            let from_step = part(curve, other);
            Apart {
                run: label(leader),
                other: label(run),
                apart: from_step.is_some(),
                from_step: from_step.map(Number),
            }
        })
        .collect()
}

fn warnings(fairness: Fairness, diff: &ConfigDiff, entries: &[Entry]) -> Vec<String> {
    let labels = |runs: &[usize]| -> String {
        let labels: Vec<&str> = runs
            .iter()
            .filter_map(|run| entries.get(*run))
            .map(|entry| entry.label.as_str())
            .collect();
        names(&labels)
    };
    let mut warnings = fairness.warnings;
    let meaning = diff.of_other_meaning();
    if !meaning.is_empty() {
        let keys = names(&meaning);
        warnings.push(format!("configs differ in {keys}: values may not mean the same"));
    }
    for group in &diff.seed_groups {
        warnings.push(format!(
            "{} differ in nothing but the seed: what lies between them counts as noise",
            labels(group)
        ));
    }
    if !diff.without.is_empty() {
        warnings.push(format!("no config is stored for {}", labels(&diff.without)));
    }
    warnings
}
