//! `diagnose_run`: how a run is doing, with the evidence; or which of many runs are sick.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::common::shape::{RunFacts, counted};
use super::common::status::Status;
use super::common::{Answer, Context, Failure, Item, Output, Page, diagnosis, resolve, text};
use super::{Category, Tool};
use crate::analysis::diagnose::Diagnosis;
use crate::analysis::finding::{Severity, Verdict};
use crate::analysis::run::{Options, Strictness};
use crate::trackio::{Result as TrackioResult, Snapshot, alert, run};

pub struct DiagnoseRun;

/// A whole project is looked at for so long.
const DEADLINE: Duration = Duration::from_secs(5);
const DEFAULT_LIMIT: usize = 30;
/// So many stored alerts stand beside the findings.
const SHOWN_ALERTS: usize = 5;

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
    alerts: Vec<Value>,
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

#[derive(Serialize, JsonSchema)]
struct ManyRuns {
    counts: BTreeMap<String, usize>,
    #[serde(flatten)]
    runs: Page<RunVerdict>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct RunVerdict {
    run: String,
    run_id: String,
    #[schemars(with = "String")]
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    severity: Option<Severity>,
    headline: String,
}

impl Item for RunVerdict {
    const LIST: &'static str = "runs";
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
            (Some(project), None) => of_project(context, project, &args),
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
        check_overrides(args, &diagnosis, &facts)?;
        notes.append(&mut diagnosis.notes);
        let one = OneRun {
            run: facts.run.name.clone(),
            run_id: facts.run.id.clone(),
            status: facts.status,
            diagnosis,
            alerts: alerts(snapshot, &facts)?,
        };
        Ok((one, notes))
    })?;
    let output = Diagnosed { project: target.project.name, one: Some(one), many: None };
    Ok(Answer::new(output).with_notes(target.notes).with_notes(notes))
}

/// A metric that was named must be there.
fn check_overrides(args: &Args, diagnosis: &Diagnosis, facts: &RunFacts) -> Result<(), Failure> {
    let used: Vec<&str> = diagnosis.metrics_used.values().map(String::as_str).collect();
    for name in [&args.train_metric, &args.eval_metric].into_iter().flatten() {
        if !used.contains(&name.as_str()) {
            return Err(resolve::no_such_metric(name, &facts.run, &used, "get_metrics_for_run"));
        }
    }
    Ok(())
}

fn alerts(snapshot: &Snapshot<'_>, facts: &RunFacts) -> TrackioResult<Vec<Value>> {
    let all = alert::list(snapshot, Some(&facts.run))?;
    let shown = all.iter().take(SHOWN_ALERTS).map(
        |alert| serde_json::json!({"level": alert.level, "title": alert.title, "step": alert.step}),
    );
    Ok(shown.collect())
}

fn of_project(context: &Context, name: &str, args: &Args) -> Result<Answer<Diagnosed>, Failure> {
    let project = resolve::project(context, name)?;
    let started = Instant::now();
    let (mut verdicts, total) = context.read(&project, |snapshot| {
        let runs = run::newest_first(snapshot)?;
        let mut verdicts = Vec::new();
        for run in &runs {
            if started.elapsed() > DEADLINE {
                break;
            }
            let facts = RunFacts::of(snapshot, context, run)?;
            let diagnosis = diagnosis::of_run(snapshot, context, &facts, &args.options())?;
            verdicts.push(RunVerdict {
                run: run.name.clone(),
                run_id: run.id.clone(),
                verdict: diagnosis.verdict,
                severity: diagnosis::severity(&diagnosis),
                headline: diagnosis.headline,
            });
        }
        Ok((verdicts, runs.len()))
    })?;
    let note = (verdicts.len() < total).then(|| {
        format!(
            "The newest {} of {total} runs were looked at within {} s. What was read is kept: ask \
             again to come further.",
            verdicts.len(),
            DEADLINE.as_secs()
        )
    });
    // Sickest first; among equals the newest.
    verdicts.sort_by_key(|verdict| {
        (verdict.severity.map_or(u8::MAX, |severity| severity as u8), verdict.verdict)
    });
    let mut counts = BTreeMap::new();
    for verdict in &verdicts {
        *counts.entry(word(verdict.verdict)).or_default() += 1;
    }
    let runs = Page::of(verdicts, &context.page, DEFAULT_LIMIT);
    let many = ManyRuns { counts, runs };
    let output = Diagnosed { project: name.to_owned(), one: None, many: Some(many) };
    Ok(Answer::new(output).with_notes(note))
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
        let Some(one) = &mut self.one else { return false };
        let diagnosis = &mut one.diagnosis;
        // The findings last: they are what was asked for.
        diagnosis.not_checked.pop().is_some()
            || one.alerts.pop().is_some()
            || (diagnosis.curves.len() > 2 && diagnosis.curves.pop().is_some())
            || (diagnosis.findings.len() > 1 && diagnosis.findings.pop().is_some())
    }
}
