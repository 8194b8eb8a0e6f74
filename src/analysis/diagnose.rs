//! From a run to a verdict with its evidence.

use std::collections::BTreeMap;

use rmcp::schemars::{self, JsonSchema};
use serde::Serialize;

use super::{
    advice::advise,
    checks,
    finding::{Confidence, Finding, NotChecked, Report, Verdict},
    forecast::{self, Projection},
    headline::headline,
    number::Number,
    role::Role,
    run::{Family, Options, Run, RunFacts, Status, Track},
    schedule::{self, LearningRate, Progress},
    shifts,
    span::Span,
    verdict::verdict,
};

/// A curve's way in a few numbers, each as it was logged.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CurveSummary {
    /// What it measures.
    pub role: Role,
    /// Its name.
    pub metric: String,
    /// The first value.
    pub start: Number,
    /// The last finite value.
    pub now: Number,
    /// The best single value.
    pub best: Number,
    /// Its step.
    pub best_step: Number,
    /// From start to now, in percent of start; of the smoothed ends where those are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_percent: Option<Number>,
    /// The levels at both ends, where noise makes the first or the last value mislead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smoothed: Option<[Number; 2]>,
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
    pub projection: Option<Projection>,
    /// When to ask again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_again: Option<CheckAgain>,
    /// What could not be looked at, and why.
    pub not_checked: Vec<NotChecked>,
    /// How the question was understood.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Diagnosis {
    /// Whether no metric tells how the run is doing.
    pub fn has_no_main_metric(&self) -> bool {
        !["train", "eval", "reward"].iter().any(|role| self.metrics_used.contains_key(role))
            && self.curves.is_empty()
    }

    /// Gives a better reason why nothing can be said.
    pub fn because(&mut self, reason: String) {
        self.not_checked.retain(|skipped| skipped.check == "verdict");
        for skipped in &mut self.not_checked {
            skipped.reason.clone_from(&reason);
        }
        self.headline = format!("Nothing to judge: {reason}.");
    }
}

/// Diagnoses one run.
pub fn diagnose(facts: &RunFacts<'_>, options: &Options) -> Diagnosis {
    let run = Run::resolve(*facts, options);
    let mut report = checks::all(&run);
    for finding in &mut report.findings {
        advise(&run, finding);
    }
    let (verdict, confidence, grounds) = verdict(&run, &mut report);
    let progress = schedule::progress(&run);
    let projection = projection(&run, verdict, progress.as_ref(), &mut report);
    let headline = headline(&run, verdict, confidence, grounds, &report);
    report.findings.sort_by(|a, b| {
        a.severity.cmp(&b.severity).then(a.confidence.cmp(&b.confidence)).then(a.kind.cmp(&b.kind))
    });
    Diagnosis {
        verdict,
        confidence,
        headline,
        check_again: check_again(&run, progress.as_ref(), verdict),
        notes: notes(&run),
        progress,
        metrics_used: metrics_used(&run),
        curves: curves(&run),
        learning_rate: schedule::learning_rate(&run),
        findings: report.findings,
        projection,
        not_checked: report.not_checked,
    }
}

/// Where the held-out loss, or the training loss, will be when the run ends.
fn projection(
    run: &Run<'_>,
    verdict: Verdict,
    progress: Option<&Progress>,
    report: &mut Report,
) -> Option<Projection> {
    let total = progress.and_then(|progress| progress.total)?;
    let unfinished = progress.is_some_and(|progress| progress.step < total);
    let moving = matches!(verdict, Verdict::Healthy | Verdict::Plateau | Verdict::LrTooLow);
    let track = run.main().filter(|_| unfinished && moving)?;
    match forecast::project(track, total.0) {
        Ok(projection) => Some(projection),
        Err(reason) => {
            report.skip("projection", format!("cannot be projected: {reason}"));
            None
        }
    }
}

/// After another tenth of the run, or once there are points enough.
fn check_again(run: &Run<'_>, progress: Option<&Progress>, verdict: Verdict) -> Option<CheckAgain> {
    let progress = progress.filter(|_| run.facts.status == Status::Active)?;
    let step = progress.step.0;
    let (next, reason) = match progress.total {
        _ if verdict == Verdict::InsufficientData => {
            let track = run.reward.as_ref().or(run.main())?;
            let spacing = step / track.len().max(1) as f64;
            (step + spacing * 8.0, "eight more points tell a direction from noise".to_owned())
        }
        Some(total) => {
            let next = (step + 0.1 * total.0).min(total.0);
            (next, format!("a tenth of the {total} steps later"))
        }
        None => (step * 1.25, "a quarter more steps than now".to_owned()),
    };
    Some(CheckAgain { step: Number(next.round()), reason })
}

/// How the run was understood where that may surprise.
fn notes(run: &Run<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(train) = run.train.as_ref().filter(|t| t.role == Role::LossPart) {
        notes.push(format!(
            "{} is one term of the loss; name another with train_metric",
            train.shown()
        ));
    }
    if run.family == Family::Reinforcement {
        notes.push("judged by the reward: the loss of RL says nothing about progress".to_owned());
    }
    if run.train.is_none() && run.eval.is_some() {
        notes.push("no training metric is logged: judged by the held-out one".to_owned());
    }
    if run.family == Family::Supervised
        && let Some(main) = run.main()
    {
        notes.extend(shifts::say(main, &shifts::explained(run, main)));
    }
    notes
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
    let preference = [Role::PreferenceMargin, Role::PreferenceAccuracy].map(|role| run.track(role));
    let scores = run.eval_scores.iter().take(2);
    let main = match run.family {
        Family::Supervised | Family::Preference => [&run.train, &run.eval],
        Family::Reinforcement => [&run.reward, &None],
    };
    main.into_iter()
        .chain(&preference)
        .flatten()
        .chain(scores)
        .filter(|track| !track.is_empty())
        .map(curve_summary)
        .collect()
}

fn curve_summary(track: &Track) -> CurveSummary {
    let best = Track::best(&track.curve);
    let span = Span::of(track);
    let change = 100.0 * span.change();
    CurveSummary {
        role: track.role,
        metric: track.name.clone(),
        start: Number(track.logged(track.curve.value(0))),
        now: Number(track.logged(track.last())),
        best: Number(track.logged(track.curve.value(best))),
        best_step: Number(track.curve.step(best)),
        change_percent: change.is_finite().then_some(Number((10.0 * change).round() / 10.0)),
        smoothed: span.smoothed.then_some([Number(span.start), Number(span.end)]),
    }
}
