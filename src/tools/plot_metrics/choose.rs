//! Which runs and which metrics are drawn, and what is said of those that are not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Args;
use crate::analysis::diagnose::Diagnosis;
use crate::analysis::run::Options;
use crate::tools::common::label::labels;
use crate::tools::common::nearest::{nearest, quoted};
use crate::tools::common::shape::{RunFacts, counted, importance, unreadable_note};
use crate::tools::common::{Context, Failure, diagnosis, resolve};
use crate::trackio::columns::{self, Columns, Wanted};
use crate::trackio::metric::Kind;
use crate::trackio::{Result as TrackioResult, Run, Snapshot, run};

/// More lines in a panel are not told apart.
const MOST_RUNS: usize = 20;
/// More panels are not seen.
const MOST_METRICS: usize = 6;
/// Of those that are not named.
const MAIN_METRICS: usize = 4;
/// Rows are read for so long.
const DEADLINE: Duration = Duration::from_secs(5);
/// So many names stand in a note.
const LISTED: usize = 5;

/// A run that is drawn.
pub struct Subject {
    /// Its name, with the start of its id where the name is shared.
    pub label: String,
    pub facts: RunFacts,
    pub columns: Arc<Columns>,
    pub diagnosis: Diagnosis,
}

impl Subject {
    /// Its whole name where the label is a part of it, for those who cut it their own way.
    pub fn name(&self) -> &str {
        let name = &self.facts.run.name;
        if self.label.starts_with(name) { &self.label } else { name }
    }

    fn has_numbers(&self, metric: &str) -> bool {
        self.columns.metrics.get(metric).is_some_and(|column| column.count() > 0)
    }

    fn numeric(&self) -> impl Iterator<Item = &str> {
        let metrics = self.columns.metrics.iter();
        metrics.filter(|(_, column)| column.count() > 0).map(|(name, _)| name.as_str())
    }

    /// What it is judged by: losses, a reward, or what else there is.
    fn main(&self) -> Vec<&str> {
        let used = &self.diagnosis.metrics_used;
        // The loss of reinforcement learning says nothing.
        let reward = used.get("reward");
        let is_judged_by_reward =
            self.diagnosis.curves.iter().any(|curve| Some(&curve.metric) == reward);
        let roles: &[&str] = if is_judged_by_reward { &["reward"] } else { &["train", "eval"] };
        let main = roles.iter().filter_map(|role| used.get(role)).map(String::as_str);
        let main: Vec<&str> = main.collect();
        if !main.is_empty() {
            return main;
        }
        let mut all: Vec<&str> = self.numeric().collect();
        all.sort_by_key(|name| importance(name));
        all.truncate(2);
        all
    }
}

/// Reads the runs; the notes say what was assumed, and which were not reached.
pub fn subjects(
    context: &Context,
    snapshot: &Snapshot<'_>,
    args: &Args,
    named: &[String],
) -> TrackioResult<(Vec<Subject>, Vec<String>)> {
    let mut notes = Vec::new();
    let mut runs: Vec<Run> = Vec::new();
    for name in named {
        let resolved = resolve::run(snapshot, name)?;
        notes.extend(resolved.notes(args.runs.as_ref().map(|_| name.as_str())));
        if !runs.contains(&resolved.run) {
            runs.push(resolved.run);
        }
    }
    if runs.len() > MOST_RUNS {
        return Err(Failure(format!(
            "plot_metrics takes at most {MOST_RUNS} runs; {} were named. Narrow them down, such as \
             with get_runs_for_project.",
            runs.len()
        ))
        .into());
    }
    let labels = labels(&run::list(snapshot)?, &runs, &[]);
    let mut wanted = Wanted::diagnosis();
    wanted.values.extend(args.metrics.iter().flatten().cloned());
    let started = Instant::now();
    let mut subjects: Vec<Subject> = Vec::new();
    for (run, label) in runs.iter().zip(labels) {
        if started.elapsed() > DEADLINE && !subjects.is_empty() {
            break;
        }
        let mut columns = columns::of_run(snapshot, Kind::Metrics, run, &wanted)?;
        let facts = RunFacts::of(snapshot, context, run)?;
        let diagnosis =
            diagnosis::of_columns(snapshot, context, &facts, &columns, &Options::default())?;
        let mut subject = Subject { label, facts, columns: columns.clone(), diagnosis };
        // What a run is drawn by for want of anything better has no values yet.
        let main = subject.main().into_iter();
        let lacking: Vec<String> =
            main.filter(|name| columns.view(name).is_none()).map(str::to_owned).collect();
        if args.metrics.is_none() && !lacking.is_empty() {
            let mut wanted = wanted.clone();
            wanted.values.extend(lacking);
            columns = columns::of_run(snapshot, Kind::Metrics, run, &wanted)?;
            subject.columns = columns;
        }
        notes.extend(unreadable_note(subject.columns.unreadable));
        subjects.push(subject);
    }
    if subjects.len() < runs.len() {
        notes.push(format!(
            "{} of {} runs were read within {} s. What was read is kept: ask again for all.",
            subjects.len(),
            runs.len(),
            DEADLINE.as_secs()
        ));
    }
    Ok((subjects, notes))
}

/// The metrics that were named, or the main ones.
pub fn metrics(
    subjects: &[Subject],
    named: Option<&[String]>,
) -> Result<(Vec<String>, Vec<String>), Failure> {
    let all: BTreeSet<&str> = subjects.iter().flat_map(Subject::numeric).collect();
    if all.is_empty() {
        let runs = names(subjects.iter());
        return Err(Failure(format!(
            "There is no metric with numbers to draw in {runs}. get_run_summary tells what there is."
        )));
    }
    let chosen = match named {
        Some(named) => checked(subjects, &all, named)?,
        None => main(subjects),
    };
    let mut notes: Vec<String> = chosen.iter().filter_map(|m| lacking(subjects, m)).collect();
    let left = all.len() - chosen.len();
    if named.is_none() && left > 0 {
        notes.push(format!(
            "The main metrics alone; {} with numbers not drawn: name some in `metrics` \
             (get_metrics_for_run lists them).",
            counted(left, "other metric")
        ));
    }
    Ok((chosen, notes))
}

fn checked(
    subjects: &[Subject],
    all: &BTreeSet<&str>,
    named: &[String],
) -> Result<Vec<String>, Failure> {
    let mut chosen: Vec<String> = Vec::new();
    for name in named {
        if !all.contains(name.as_str()) {
            return Err(unknown(subjects, all, name));
        }
        if !chosen.contains(name) {
            chosen.push(name.clone());
        }
    }
    if chosen.len() > MOST_METRICS {
        return Err(Failure(format!(
            "plot_metrics draws at most {MOST_METRICS} metrics in one picture; {} were named. Ask \
             once for some and once for the others.",
            chosen.len()
        )));
    }
    Ok(chosen)
}

fn unknown(subjects: &[Subject], all: &BTreeSet<&str>, name: &str) -> Failure {
    let (shown, near) = (resolve::shown(name), quoted(&nearest(name, all.iter().copied())));
    let runs = names(subjects.iter());
    let column = subjects.iter().find_map(|subject| subject.columns.metrics.get(name));
    match column {
        Some(column) => Failure(format!(
            "Metric `{shown}` of {runs} holds no numbers but {}: get_media shows media. With \
             numbers, nearest: {near}.",
            column.kind
        )),
        None => Failure(format!(
            "There is no metric `{shown}` in {runs}. Nearest: {near}. get_metrics_for_run lists \
             the metrics of a run."
        )),
    }
}

/// What most runs are judged by, in the order of the first run that has it.
fn main(subjects: &[Subject]) -> Vec<String> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for name in subjects.iter().flat_map(Subject::main) {
        match counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().take(MAIN_METRICS).map(|(name, _)| name.to_owned()).collect()
}

fn lacking(subjects: &[Subject], metric: &str) -> Option<String> {
    let without: Vec<&Subject> = subjects.iter().filter(|s| !s.has_numbers(metric)).collect();
    (!without.is_empty()).then(|| {
        format!("{} not logged by {}.", resolve::shown(metric), names(without.into_iter()))
    })
}

/// `run a`, `runs a, b and 3 more`.
fn names<'a>(subjects: impl Iterator<Item = &'a Subject>) -> String {
    let labels: Vec<String> = subjects.map(|subject| resolve::shown(&subject.label)).collect();
    let word = if labels.len() == 1 { "run" } else { "runs" };
    let more = match labels.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{word} {}{more}", labels.get(..LISTED).unwrap_or(&labels).join(", "))
}
