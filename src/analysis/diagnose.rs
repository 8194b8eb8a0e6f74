//! From a run to a verdict with its evidence.

use std::collections::BTreeMap;

use rmcp::schemars::{self, JsonSchema};
use serde::Serialize;

use super::{
    checks,
    finding::{Confidence, Finding, NotChecked, Verdict},
    number::Number,
    role::Role,
    run::{Options, Run, RunFacts, Track},
    schedule::{self, LearningRate, Progress},
    verdict::verdict,
};

/// A curve's way in a few numbers, as logged.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CurveSummary {
    /// What it measures.
    pub role: Role,
    /// Its name.
    pub metric: String,
    /// The median of the first twentieth.
    pub start: Number,
    /// The median of the last tenth.
    pub now: Number,
    /// The best single value.
    pub best: Number,
    /// Its step.
    pub best_step: Number,
    /// From start to now, in percent of start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_percent: Option<Number>,
}

/// When to ask again.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CheckAgain {
    /// At this step.
    pub step: Number,
    /// Why then.
    pub reason: String,
}

/// What can be said of a run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Diagnosis {
    /// What the run is like, in one word.
    pub verdict: Verdict,
    /// How sure that is.
    pub confidence: Confidence,
    /// What happened, where, by how much, what to do.
    pub headline: String,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Which metric was taken for what.
    pub metrics_used: BTreeMap<&'static str, String>,
    /// The main curves in numbers.
    pub curves: Vec<CurveSummary>,
    /// The learning rate now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<LearningRate>,
    /// What was found, worst first, one of a kind.
    pub findings: Vec<Finding>,
    /// Where the main loss is heading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub projection: Option<Number>,
    /// When to ask again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_again: Option<CheckAgain>,
    /// What could not be looked at, and why.
    pub not_checked: Vec<NotChecked>,
    /// How the question was understood.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Diagnoses one run.
pub fn diagnose(facts: &RunFacts<'_>, options: &Options) -> Diagnosis {
    let run = Run::resolve(*facts, options);
    let mut report = checks::all(&run);
    let (verdict, confidence, _grounds) = verdict(&run, &mut report);
    report.findings.sort_by(|a, b| {
        a.severity.cmp(&b.severity).then(a.confidence.cmp(&b.confidence)).then(a.kind.cmp(&b.kind))
    });
    Diagnosis {
        verdict,
        confidence,
        headline: String::new(),
        progress: schedule::progress(&run),
        metrics_used: metrics_used(&run),
        curves: curves(&run),
        learning_rate: schedule::learning_rate(&run),
        findings: report.findings,
        projection: None,
        check_again: None,
        not_checked: report.not_checked,
        notes: Vec::new(),
    }
}

fn metrics_used(run: &Run<'_>) -> BTreeMap<&'static str, String> {
    let used = [
        ("train", &run.train),
        ("eval", &run.eval),
        ("reward", &run.reward),
        ("grad_norm", &run.grad_norm),
        ("learning_rate", &run.learning_rate),
        ("epoch", &run.epoch),
    ];
    used.into_iter()
        .filter_map(|(role, track)| track.as_ref().map(|track| (role, track.name.clone())))
        .collect()
}

fn curves(run: &Run<'_>) -> Vec<CurveSummary> {
    let scores = run.eval_scores.iter().take(2);
    [&run.train, &run.eval, &run.reward]
        .into_iter()
        .flatten()
        .chain(scores)
        .filter(|track| !track.is_empty())
        .map(curve_summary)
        .collect()
}

fn curve_summary(track: &Track) -> CurveSummary {
    let best = Track::best(&track.curve);
    let (start, now) = (track.logged(track.start()), track.logged(track.end()));
    let change = 100.0 * (now - start) / start.abs();
    CurveSummary {
        role: track.role,
        metric: track.name.clone(),
        start: Number(start),
        now: Number(now),
        best: Number(track.logged(track.curve.value(best))),
        best_step: Number(track.curve.step(best)),
        change_percent: change.is_finite().then_some(Number(change)),
    }
}
