//! `get_run_summary`: all about one run in one call.

use std::collections::BTreeMap;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::common::checkpoint::{self, Checkpoint};
use super::common::gpu::GpuSummary;
use super::common::metric_list::rows_elsewhere;
use super::common::shape::{OneRun, Point, RunFacts, direction, importance, role, unreadable_note};
use super::common::status::{self, Status};
use super::common::{Answer, Context, Failure, Output, diagnosis, resolve, text};
use super::diagnose_run::word;
use super::{Category, Tool};
use crate::analysis::diagnose::Diagnosis;
use crate::analysis::finding::{Finding, Kind as FindingKind, Severity};
use crate::analysis::number::Number;
use crate::analysis::role::classify;
use crate::analysis::run::Options;
use crate::trackio::columns::{self, Columns, Wanted};
use crate::trackio::metric::Kind;
use crate::trackio::value::{Metrics, Step};
use crate::trackio::{Result as TrackioResult, Snapshot, alert, config, time};

pub struct GetRunSummary;

/// The worst findings are shown; diagnose_run has all.
const SHOWN_FINDINGS: usize = 3;
/// So many alerts are shown; the rest are counted.
const SHOWN_ALERTS: usize = 3;
/// So many same-named runs are listed.
const LISTED_RUNS: usize = 10;

#[derive(Serialize, JsonSchema)]
pub struct Summary {
    project: String,
    run: String,
    run_id: String,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// What the curves say; diagnose_run has the evidence.
    verdict: String,
    headline: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingItem>,
    num_logs: usize,
    #[schemars(with = "Option<f64>")]
    last_step: Option<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps_per_second: Option<f64>,
    latest: Vec<Latest>,
    /// From the system metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu: Option<GpuSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alerts: Option<Alerts>,
    /// The logged version nearest to the best step.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    best_checkpoint: Option<Checkpoint>,
    metrics: Vec<String>,
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    config: Option<Metrics>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    same_named: Vec<SameNamed>,
    /// What did not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<String>,
    #[serde(skip)]
    whole: (usize, usize),
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct FindingItem {
    #[schemars(with = "String")]
    kind: FindingKind,
    #[schemars(with = "String")]
    severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    step: Option<Number>,
    summary: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Progress {
    total: f64,
    percent: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    eta_seconds: Option<f64>,
}

/// The state of one metric.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Latest {
    metric: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Point>,
    #[serde(skip_serializing_if = "Option::is_none")]
    best: Option<Point>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    non_finite: Option<usize>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Alerts {
    total: usize,
    by_level: BTreeMap<String, usize>,
    newest: Vec<Value>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct SameNamed {
    id: String,
    created_at: Option<String>,
}

impl Tool for GetRunSummary {
    const NAME: &'static str = "get_run_summary";
    const TITLE: &'static str = "Summarise a run";
    const CATEGORY: Category = Category::Runs;
    const ABOUT: &'static str = "Start here for one run (\"how is my run doing?\"): status, \
        verdict, progress and ETA, last and best value of each metric, alerts, config. Without \
        arguments: the run with the newest row. For evidence and actions use diagnose_run.";
    const GUIDE: &'static str = "Status is inferred: active while rows come at the run's usual \
        pace, idle when they are late, ended after that or at the known total of steps. `best` \
        follows the metric's direction.";
    type Args = OneRun;
    type Output = Summary;

    fn run(context: &Context, args: OneRun) -> Result<Answer<Summary>, Failure> {
        let target = resolve::target(context, args.project.as_deref(), args.run.as_deref())?;
        let (output, notes) = context.read(&target.project, |snapshot| {
            let resolved = resolve::run(snapshot, &target.run)?;
            let mut notes = resolved.notes(args.run.as_deref());
            let facts = RunFacts::of(snapshot, context, &resolved.run)?;
            let columns =
                columns::of_run(snapshot, Kind::Metrics, &resolved.run, &Wanted::diagnosis())?;
            let options = Options::default();
            let diagnosis = diagnosis::of_columns(snapshot, context, &facts, &columns, &options)?;
            notes.extend(unreadable_note(columns.unreadable));
            if columns.rows == 0 {
                notes.extend(rows_elsewhere(snapshot, Kind::Metrics, &resolved)?);
            }
            notes.extend(config_note(snapshot, &facts)?);
            let mut summary = summary(snapshot, facts, &columns, diagnosis, &resolved.same_named)?;
            let directory = &context.store.directory().path;
            summary.best_checkpoint =
                checkpoint::best(snapshot, directory, &resolved.run, &columns, None)?;
            Ok((summary, notes))
        })?;
        Ok(Answer::new(output).with_notes(target.notes).with_notes(notes))
    }
}

impl Output for Summary {
    fn headline(&self) -> String {
        let step = self.last_step.map(|step| format!(", step {step}")).unwrap_or_default();
        let percent = self
            .progress
            .as_ref()
            .map(|progress| format!(" of {} ({}%)", progress.total, text::short(progress.percent)));
        format!(
            "Run {}: {}{step}{}; {}.",
            text::run_of(&self.run, &self.project),
            self.status.as_str(),
            percent.unwrap_or_default(),
            self.verdict
        )
    }

    fn shrink(&mut self, share: f64) -> bool {
        let keep = |length: usize, least: usize| ((length as f64 * share) as usize).max(least);
        let before = (self.latest.len(), self.metrics.len(), self.config_len());
        self.latest.truncate(keep(before.0, 4));
        self.metrics.truncate(keep(before.1, 4));
        if let Some(config) = &mut self.config {
            keep_shortest(config, keep(before.2, 1));
        }
        let after = (self.latest.len(), self.metrics.len(), self.config_len());
        self.left_out = self.describe_rest();
        before != after
    }
}

/// Long values go first: a prompt or a list of files tells less than a learning rate.
fn keep_shortest(config: &mut Metrics, kept: usize) {
    let mut lengths: Vec<usize> = config.values().map(|value| value.to_string().len()).collect();
    lengths.sort_unstable();
    let Some(longest) = kept.checked_sub(1).and_then(|last| lengths.get(last)).copied() else {
        return;
    };
    let mut left = kept;
    config.retain(|_, value| {
        let stays = left > 0 && value.to_string().len() <= longest;
        left -= usize::from(stays);
        stays
    });
}

impl FindingItem {
    fn of(finding: Finding) -> Self {
        let Finding { kind, severity, step, summary, .. } = finding;
        Self { kind, severity, step, summary }
    }
}

impl Summary {
    fn config_len(&self) -> usize {
        self.config.as_ref().map_or(0, Metrics::len)
    }

    fn describe_rest(&self) -> Option<String> {
        let metrics = self.whole.0 - self.latest.len().min(self.whole.0);
        let keys = self.whole.1 - self.config_len();
        let mut parts = Vec::new();
        if metrics > 0 {
            parts.push(format!("{metrics} metrics (get_metrics_for_run)"));
        }
        if keys > 0 {
            parts.push(format!(
                "{keys} config keys (query_project: SELECT key, value FROM configs_text, \
                 json_each(config))"
            ));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// An upgraded project can hold the config under an id that the metrics do not know.
fn config_note(snapshot: &Snapshot<'_>, facts: &RunFacts) -> TrackioResult<Option<String>> {
    if facts.config.is_some() || config::under_name(snapshot, &facts.run.name)?.is_none() {
        return Ok(None);
    }
    Ok(Some(
        "A config of this name is stored under another run id (the project was upgraded half \
         way); query_project on configs_text shows it."
            .to_owned(),
    ))
}

fn summary(
    snapshot: &Snapshot<'_>,
    facts: RunFacts,
    columns: &Columns,
    diagnosis: Diagnosis,
    same_named: &[crate::trackio::Run],
) -> TrackioResult<Summary> {
    let num_logs = columns.rows + columns.unreadable;
    let started = facts.run.created_at.as_deref().and_then(time::parse);
    // To the same moment as last_seen, so that both say the same.
    let duration = match (started, facts.last_seen) {
        (Some(started), Some(last)) => Some(time::as_seconds(last) - time::as_seconds(started)),
        _ => None,
    };
    let pace = diagnosis.progress.as_ref().and_then(|progress| progress.steps_per_second);
    let steps_per_second = pace.map(|pace| pace.0);
    let mut metrics: Vec<String> = columns.metrics.keys().cloned().collect();
    metrics.sort();
    // Trackio shows no config of a run that logged nothing.
    let config = facts.config.clone().filter(|_| num_logs > 0);
    let latest = latest(columns);
    let whole = (latest.len(), config.as_ref().map_or(0, Metrics::len));
    Ok(Summary {
        project: snapshot.project.name.clone(),
        run: facts.run.name.clone(),
        run_id: facts.run.id.clone(),
        status: facts.status,
        group: facts.config_text("_Group"),
        user: facts.config_text("_Username"),
        verdict: word(diagnosis.verdict),
        headline: diagnosis.headline,
        findings: diagnosis
            .findings
            .into_iter()
            .take(SHOWN_FINDINGS)
            .map(FindingItem::of)
            .collect(),
        num_logs,
        last_step: facts.last_step,
        progress: progress(&facts, steps_per_second),
        started_at: started.map(time::rfc3339),
        last_seen: facts.last_seen.map(time::rfc3339),
        duration_seconds: duration.map(|seconds| (seconds * 10.0).round() / 10.0),
        steps_per_second,
        latest,
        gpu: GpuSummary::of_run(snapshot, &facts.run)?,
        alerts: alerts(snapshot, &facts)?,
        best_checkpoint: None,
        metrics,
        config,
        same_named: same_named
            .iter()
            .take(LISTED_RUNS)
            .map(|run| SameNamed { id: run.id.clone(), created_at: run.created_at.clone() })
            .collect(),
        left_out: None,
        whole,
    })
}

fn progress(facts: &RunFacts, steps_per_second: Option<f64>) -> Option<Progress> {
    let total = status::total_steps(facts.config.as_ref())?;
    let step = facts.last_step?.as_f64();
    let percent = (100.0 * step / total).clamp(0.0, 100.0);
    let left = (total - step).max(0.0);
    let eta_seconds = steps_per_second
        .filter(|_| facts.status == Status::Active && left > 0.0)
        .map(|pace| (left / pace).round());
    Some(Progress { total, percent: (percent * 10.0).round() / 10.0, eta_seconds })
}

fn latest(columns: &Columns) -> Vec<Latest> {
    let mut names: Vec<&String> = columns.metrics.keys().collect();
    names.sort_by_key(|name| importance(name));
    let column = |name: &String| columns.metrics.get(name).filter(|column| column.count() > 0);
    let numeric = names.into_iter().filter_map(|name| Some((name, column(name)?)));
    numeric
        .map(|(name, column)| {
            let stats = column.stats(classify(name).direction);
            Latest {
                metric: name.clone(),
                role: role(name),
                last: stats.last.map(Point::from),
                best: stats.best.map(Point::from),
                direction: direction(name),
                non_finite: (stats.non_finite > 0).then_some(stats.non_finite),
            }
        })
        .collect()
}

fn alerts(snapshot: &Snapshot<'_>, facts: &RunFacts) -> TrackioResult<Option<Alerts>> {
    let all = alert::list(snapshot, Some(&facts.run))?;
    if all.is_empty() {
        return Ok(None);
    }
    let mut by_level = BTreeMap::new();
    for alert in &all {
        *by_level.entry(alert.level.clone()).or_default() += 1;
    }
    let newest = all.iter().take(SHOWN_ALERTS).map(
        |alert| serde_json::json!({"level": alert.level, "title": alert.title, "step": alert.step}),
    );
    Ok(Some(Alerts { total: all.len(), by_level, newest: newest.collect() }))
}
