//! `diagnose_run`: how a run is doing, with the evidence; or which of many runs are sick.

mod alerts;
mod project;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use alerts::AlertItem;
use project::ManyRuns;

use super::common::nearest::{nearest, quoted};
use super::common::shape::{RunFacts, counted};
use super::common::status::Status;
use super::common::{Answer, Context, Failure, Output, budget, diagnosis, resolve, scan, text};
use super::{Category, Tool};
use crate::analysis::diagnose::Diagnosis;
use crate::analysis::finding::{Finding, Severity, Verdict};
use crate::analysis::run::{Options, Strictness};
use crate::trackio::columns::{self, Wanted};
use crate::trackio::metric::Kind;
use crate::trackio::{Result as TrackioResult, Snapshot};

pub struct DiagnoseRun;

/// The tokens of one run's diagnosis, unless the caller asks for more.
const TOKENS: usize = 1_200;
#[derive(Deserialize, JsonSchema)]
pub struct Args {
    /// Without run: every run of it, sickest first.
    project: Option<String>,
    /// Name, id, or the start of an id.
    run: Option<String>,
    train_metric: Option<String>,
    eval_metric: Option<String>,
    strictness: Option<Thresholds>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Thresholds {
    Lenient,
    Normal,
    Strict,
}

#[derive(Serialize, JsonSchema)]
pub struct Diagnosed {
    project: String,
    #[serde(flatten)]
    one: Option<OneRun>,
    #[serde(flatten)]
    many: Option<ManyRuns>,
}

#[derive(Serialize, JsonSchema)]
struct OneRun {
    run: String,
    run_id: String,
    status: Status,
    #[serde(flatten)]
    #[schemars(with = "DiagnosisFields")]
    diagnosis: Diagnosis,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<BTreeMap<String, Value>>")]
    alerts: Vec<AlertItem>,
    /// What did not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<String>,
    #[serde(skip)]
    dropped: Dropped,
}

/// How much was left out to keep the budget.
#[derive(Default)]
struct Dropped {
    findings: usize,
    details: bool,
    curves: usize,
    alerts: usize,
    not_checked: usize,
}

/// The fields of a diagnosis, for the schema: what lies deeper is the contract's.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "it describes, and is never built")]
struct DiagnosisFields {
    verdict: String,
    confidence: String,
    headline: String,
    progress: Option<BTreeMap<String, f64>>,
    metrics_used: BTreeMap<String, String>,
    curves: Vec<BTreeMap<String, Value>>,
    learning_rate: Option<BTreeMap<String, Value>>,
    findings: Vec<BTreeMap<String, Value>>,
    projection: Option<BTreeMap<String, Value>>,
    check_again: Option<BTreeMap<String, Value>>,
    not_checked: Vec<BTreeMap<String, String>>,
}

impl Tool for DiagnoseRun {
    const NAME: &'static str = "diagnose_run";
    const TITLE: &'static str = "Diagnose a run";
    const CATEGORY: Category = Category::Analysis;
    const ABOUT: &'static str = "Is it overfitting, diverging, stuck? One run: verdict with \
        evidence, causes, actions, projection. With project and no run: every run of it, sickest \
        first. Without arguments: the newest run.";
    const GUIDE: &'static str = "Quiet when all is well. `not_checked` says what could not be \
        looked at, and why. `train_metric` and `eval_metric` override which metrics are judged; \
        `strictness` scales the thresholds. get_guide topic `curves` explains the verdicts.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = Diagnosed;

    fn run(context: &Context, args: Args) -> Result<Answer<Diagnosed>, Failure> {
        match (&args.project, &args.run) {
            (Some(project), None) => project::diagnose(context, project, &args, scan::TIME),
            _ => of_run(context, &args),
        }
    }
}

fn of_run(context: &Context, args: &Args) -> Result<Answer<Diagnosed>, Failure> {
    let target = resolve::target(context, args.project.as_deref(), args.run.as_deref())?;
    let (one, notes) = context.read(&target.project, |snapshot| {
        let resolved = resolve::run(snapshot, &target.run)?;
        let mut notes = resolved.notes(args.run.as_deref());
        let facts = RunFacts::of(snapshot, context, &resolved.run)?;
        let mut diagnosis = diagnosis::of_run(snapshot, context, &facts, &args.options())?;
        check_overrides(snapshot, args, &diagnosis, &facts)?;
        notes.append(&mut diagnosis.notes);
        let one = OneRun {
            run: facts.run.name.clone(),
            run_id: facts.run.id.clone(),
            status: facts.status,
            diagnosis,
            alerts: alerts::of_run(snapshot, &facts.run)?,
            left_out: None,
            dropped: Dropped::default(),
        };
        Ok((one, notes))
    })?;
    let output = Diagnosed { project: target.project.name, one: Some(one), many: None };
    let answer = Answer::new(output).with_notes(target.notes).with_notes(notes);
    // The budget is checked once more where it is smaller.
    Ok(if context.tokens > budget::DEFAULT_TOKENS { answer } else { answer.within(TOKENS) })
}

/// A metric that was named must be there, and must have numbers.
fn check_overrides(
    snapshot: &Snapshot<'_>,
    args: &Args,
    diagnosis: &Diagnosis,
    facts: &RunFacts,
) -> TrackioResult<()> {
    let named = [&args.train_metric, &args.eval_metric].into_iter().flatten();
    let used = |name: &&String| diagnosis.metrics_used.values().any(|used| used == *name);
    let Some(wanted) = named.into_iter().find(|name| !used(name)) else { return Ok(()) };
    let columns = columns::of_run(snapshot, Kind::Metrics, &facts.run, &Wanted::statistics())?;
    let mut numeric: Vec<&str> = columns
        .metrics
        .iter()
        .filter(|(_, column)| column.count() > 0)
        .map(|(name, _)| name.as_str())
        .collect();
    let has_none = numeric.is_empty();
    if columns.metrics.contains_key(wanted) && !has_none {
        let found = columns.metrics.get(wanted).map_or("", |column| column.kind.as_ref());
        numeric.retain(|name| name != wanted);
        return Err(Failure(format!(
            "Metric `{}` of run `{}` holds no numbers but {found}. With numbers, nearest: {}.",
            resolve::shown(wanted),
            resolve::shown(&facts.run.name),
            quoted(&nearest(wanted, numeric))
        ))
        .into());
    }
    Err(resolve::no_such_metric(wanted, &facts.run, &numeric, "get_metrics_for_run").into())
}

/// The verdict as answers write it.
pub fn word(verdict: Verdict) -> String {
    let value = serde_json::to_value(verdict).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

impl Args {
    fn options(&self) -> Options {
        Options {
            train_metric: self.train_metric.clone(),
            eval_metric: self.eval_metric.clone(),
            strictness: match self.strictness {
                Some(Thresholds::Lenient) => Strictness::Lenient,
                Some(Thresholds::Strict) => Strictness::Strict,
                Some(Thresholds::Normal) | None => Strictness::Normal,
            },
            ..Options::default()
        }
    }
}

impl Output for Diagnosed {
    fn headline(&self) -> String {
        match (&self.one, &self.many) {
            (Some(one), _) => format!(
                "Run {}: {}.",
                text::run_of(&one.run, &self.project),
                word(one.diagnosis.verdict)
            ),
            (None, Some(many)) => {
                format!(
                    "{} of project {}.",
                    counted(many.runs.total, "run"),
                    text::brief_name(&self.project)
                )
            }
            (None, None) => String::new(),
        }
    }

    fn shrink(&mut self, share: f64) -> bool {
        if let Some(many) = &mut self.many {
            return many.runs.shrink(share);
        }
        self.one.as_mut().is_some_and(OneRun::drop_the_least)
    }
}

impl OneRun {
    /// Leaves out what tells least: the findings last, for they are what was asked for.
    fn drop_the_least(&mut self) -> bool {
        let Self { diagnosis, alerts, dropped, .. } = self;
        let is_minor = |finding: &&mut Finding| finding.severity == Severity::Info;
        if let Some(minor) = diagnosis
            .findings
            .iter_mut()
            .skip(1)
            .filter(is_minor)
            .rfind(|finding| !finding.causes.is_empty() || !finding.actions.is_empty())
        {
            minor.causes.clear();
            minor.actions.clear();
            dropped.details = true;
        } else if diagnosis.not_checked.len() > 3 {
            diagnosis.not_checked.pop();
            dropped.not_checked += 1;
        } else if diagnosis.curves.len() > 2 {
            diagnosis.curves.pop();
            dropped.curves += 1;
        } else if alerts.len() > 1 {
            alerts.pop();
            dropped.alerts += 1;
        } else if diagnosis.findings.len() > 1 {
            diagnosis.findings.pop();
            dropped.findings += 1;
        } else if diagnosis.not_checked.pop().is_some() {
            dropped.not_checked += 1;
        } else if alerts.pop().is_some() {
            dropped.alerts += 1;
        } else {
            return false;
        }
        self.left_out = Some(self.dropped.describe());
        true
    }
}

impl Dropped {
    fn describe(&self) -> String {
        let counts = [
            (self.findings, "finding"),
            (self.curves, "curve"),
            (self.alerts, "kind of alert"),
            (self.not_checked, "unchecked item"),
        ];
        let mut parts: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, noun)| counted(count, noun).replace("kind of alerts", "kinds of alerts"))
            .collect();
        if self.details {
            parts.push("causes and actions of minor findings".to_owned());
        }
        format!("{}; max_tokens 4000 shows them", parts.join(", "))
    }
}
