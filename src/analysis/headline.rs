//! The diagnosis in one sentence that a person could repeat.

use super::{
    finding::{Finding, Kind, Report, Verdict},
    number::{percent, show},
    run::{Run, Track},
};

/// What happened, where, by how much, what to do.
pub fn headline(run: &Run<'_>, verdict: Verdict, grounds: Option<Kind>, report: &Report) -> String {
    if let Some(finding) = grounds.and_then(|kind| report.find(kind)) {
        return with_action(finding);
    }
    match verdict {
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
        _ => healthy(run, report),
    }
}

fn with_action(finding: &Finding) -> String {
    match finding.actions.first() {
        Some(action) => format!("{}; {action}.", finding.summary),
        None => format!("{}.", finding.summary),
    }
}

fn healthy(run: &Run<'_>, report: &Report) -> String {
    let Some(main) = run.main() else { return "Nothing to judge is logged.".to_owned() };
    let mut text = course(main);
    if let Some(eval) = run.eval.as_ref().filter(|e| e.name != main.name && !e.is_empty()) {
        let best = Track::best(&eval.curve);
        text.push_str(&format!(
            "; {} is {}, its best {} at step {}",
            eval.name,
            show(eval.logged(eval.end())),
            show(eval.logged(eval.curve.value(best))),
            show(eval.curve.step(best)),
        ));
    }
    match report.findings.iter().find(|f| report.warns(f.kind)) {
        Some(warning) => format!("Learning well, but {}: {text}.", warning.summary),
        None => format!("Learning well: {text}."),
    }
}

/// A curve's way: from, to, by how much, over which steps.
pub fn course(track: &Track) -> String {
    let (start, end) = (track.logged(track.start()), track.logged(track.end()));
    let word = if end < start {
        "fell"
    } else if end > start {
        "rose"
    } else {
        "stood"
    };
    let share = (end - start) / start.abs();
    let by = if share.is_finite() { format!(" ({})", percent(share)) } else { String::new() };
    format!(
        "{} {word} from {} to {}{by} over steps {} to {}",
        track.name,
        show(start),
        show(end),
        show(track.curve.step(0)),
        show(track.curve.last_step())
    )
}

fn margins(run: &Run<'_>) -> String {
    use super::role::Role;
    let tracks = [Role::PreferenceMargin, Role::PreferenceAccuracy].into_iter();
    let texts: Vec<String> =
        tracks.filter_map(|role| run.track(role)).map(|track| course(&track)).collect();
    texts.join("; ")
}
