//! The diagnosis in one sentence that a person could repeat.

use super::{
    finding::{Confidence, Finding, Kind, Report, Verdict},
    number::{percent, show},
    role::Role,
    run::{Run, Status, Track},
    schedule::total_steps,
    span::course,
};

/// An ended run that did less of its steps than this has more to tell than its curve does.
const NEARLY_ALL: f64 = 0.95;

/// What happened, where, by how much, what to do.
pub fn headline(
    run: &Run<'_>,
    verdict: Verdict,
    confidence: Confidence,
    grounds: Option<Kind>,
    report: &Report,
) -> String {
    if let Some(finding) = grounds.and_then(|kind| report.find(kind)) {
        let cause = report.find(Kind::RewardNoSignal).filter(|_| verdict == Verdict::RlFlat);
        return with_action(finding, cause);
    }
    let text = match verdict {
        Verdict::InsufficientData => report
            .not_checked
            .iter()
            .rev()
            .find(|skipped| matches!(skipped.check, "verdict" | "dpo" | "reward"))
            .map_or("Too early to say.".to_owned(), |s| format!("Too early to say: {}.", s.reason)),
        Verdict::DpoHealthy => format!("Preferences are learned: {}.", margins(run)),
        Verdict::RlImproving => run
            .reward
            .as_ref()
            .map_or(String::new(), |reward| format!("The reward improves: {}.", course(reward))),
        _ => healthy(run, confidence, report),
    };
    match ended_early(run) {
        Some(where_it_ended) => format!("{text} {where_it_ended}"),
        None => text,
    }
}

/// Where a run ended that has steps missing: stopped early, killed or crashed, which its rows do not tell apart.
fn ended_early(run: &Run<'_>) -> Option<String> {
    let total = total_steps(run).filter(|_| run.facts.status == Status::Ended)?;
    let step = run.main()?.last_step()?;
    (step < NEARLY_ALL * total).then(|| {
        format!(
            "Its last row is at step {} of {} ({}).",
            show(step),
            show(total),
            percent(step / total)
        )
    })
}

fn with_action(finding: &Finding, cause: Option<&Finding>) -> String {
    let mut text = finding.summary.clone();
    let told = cause.map(|cause| &cause.summary).into_iter().chain(finding.actions.first());
    for words in told {
        text.push_str("; ");
        text.push_str(words);
    }
    text + "."
}

fn healthy(run: &Run<'_>, confidence: Confidence, report: &Report) -> String {
    let Some(main) = run.main() else { return "Nothing to judge is logged.".to_owned() };
    let mut text = course(main);
    if let Some(eval) = run.eval.as_ref().filter(|e| e.name != main.name && !e.is_empty()) {
        let best = Track::best(&eval.curve);
        text.push_str(&format!(
            "; {} is {} at step {}, its best {} at step {}",
            eval.shown(),
            show(eval.logged(eval.last())),
            show(eval.curve.last_step()),
            show(eval.logged(eval.curve.value(best))),
            show(eval.curve.step(best)),
        ));
    }
    // A handful of points that go the right way are a good sign and no more.
    let opening = match confidence {
        Confidence::Low if main.role == Role::AdversarialLoss => "Nothing is wrong so far",
        Confidence::Low => "Learning so far",
        _ => "Learning well",
    };
    match report.findings.iter().find(|f| report.warns(f.kind)) {
        Some(warning) => format!("{opening}, but {}: {text}.", warning.summary),
        None => format!("{opening}: {text}."),
    }
}

fn margins(run: &Run<'_>) -> String {
    let tracks = [Role::PreferenceMargin, Role::PreferenceAccuracy].into_iter();
    let texts: Vec<String> =
        tracks.filter_map(|role| run.track(role)).map(|track| course(&track)).collect();
    texts.join("; ")
}
