//! One word for a run, from what the checks found.

use super::{
    finding::{Confidence, Finding, Kind, Report, Severity, Verdict},
    role::Role,
    run::{Family, Run, Track},
};

/// Fewest points that can show a direction.
const FEWEST: usize = 5;

/// How sure `n` points make that a run is well: the fewer, the more its course can be chance.
fn by_number(n: usize) -> Confidence {
    match n {
        ..10 => Confidence::Low,
        10..20 => Confidence::Medium,
        _ => Confidence::High,
    }
}

/// The verdict, how sure it is, and the kind of the finding it rests on.
pub fn verdict(run: &Run<'_>, report: &mut Report) -> (Verdict, Confidence, Option<Kind>) {
    let ladder: &[(Kind, Verdict)] = match run.family {
        Family::Reinforcement => &[
            (Kind::NonFinite, Verdict::NonFinite),
            (Kind::Diverged, Verdict::Diverged),
            (Kind::RewardCollapsed, Verdict::RlCollapsed),
            (Kind::RewardDeclining, Verdict::RlDeclining),
            (Kind::RewardFlat, Verdict::RlFlat),
        ],
        Family::Preference => &[
            (Kind::NonFinite, Verdict::NonFinite),
            (Kind::DpoMarginFlat, Verdict::DpoWeak),
            (Kind::DpoAccuracyAtChance, Verdict::DpoWeak),
        ],
        Family::Supervised => &[
            (Kind::NonFinite, Verdict::NonFinite),
            (Kind::Diverged, Verdict::Diverged),
            (Kind::Overfitting, Verdict::Overfitting),
            (Kind::LossSpikes, Verdict::Unstable),
            (Kind::GradExplosion, Verdict::Unstable),
            (Kind::NotLearning, Verdict::NotLearning),
            (Kind::LrTooLow, Verdict::LrTooLow),
            (Kind::EvalMetricWorsening, Verdict::Overfitting),
        ],
    };
    for (kind, verdict) in ladder {
        if let Some(finding) = report.find(*kind).filter(|f| f.severity != Severity::Info) {
            return (*verdict, finding.confidence, Some(*kind));
        }
    }
    match run.family {
        Family::Reinforcement => by_points(run.reward.as_ref(), Verdict::RlImproving, report),
        Family::Preference => {
            let judged = report.not_checked.iter().all(|skipped| skipped.check != "dpo");
            match judged {
                true => (Verdict::DpoHealthy, by_number(preference_points(run)), None),
                false => (Verdict::InsufficientData, Confidence::High, None),
            }
        }
        Family::Supervised => supervised(run, report),
    }
}

fn by_points(
    track: Option<&Track>,
    verdict: Verdict,
    report: &mut Report,
) -> (Verdict, Confidence, Option<Kind>) {
    match track.map_or(0, Track::len) {
        n if n < FEWEST => {
            let name = track.map_or("the reward".into(), |track| track.shown());
            let points = if n == 1 { "point" } else { "points" };
            report.skip("verdict", format!("{name} has {n} {points}; {FEWEST} needed"));
            (Verdict::InsufficientData, Confidence::High, None)
        }
        n => (verdict, by_number(n), None),
    }
}

fn preference_points(run: &Run<'_>) -> usize {
    let tracks = [Role::PreferenceMargin, Role::PreferenceAccuracy].map(|role| run.track(role));
    tracks.into_iter().flatten().next().map_or(0, |track| track.len())
}

/// Healthy or on a plateau when the curve clearly went the right way.
fn supervised(run: &Run<'_>, report: &mut Report) -> (Verdict, Confidence, Option<Kind>) {
    let tracks = [run.train.as_ref(), run.eval.as_ref()];
    let moved = tracks
        .into_iter()
        .flatten()
        .any(|track| track.len() >= FEWEST && track.course().improves());
    let n = run.main().map_or(0, Track::len);
    let may_swing = run.main().is_some_and(|main| main.role == Role::AdversarialLoss);
    if may_swing && n >= 8 {
        // Nothing is wrong with it; whether it learns, the loss of two players cannot say.
        return (Verdict::Healthy, Confidence::Low, None);
    }
    if !moved {
        let reason = match run.main() {
            Some(main) if n < FEWEST => {
                let points = if n == 1 { "point" } else { "points" };
                format!(
                    "{} has {n} {points}; {FEWEST} needed, 8 where the way is not clear",
                    main.shown()
                )
            }
            Some(main) if n < 8 => {
                format!(
                    "{} has {n} points without a direction beyond noise; 8 needed",
                    main.shown()
                )
            }
            Some(main) => format!("{} moves within its noise over {n} points", main.shown()),
            None => "no training or eval metric is known; name one with train_metric".to_owned(),
        };
        report.skip("verdict", reason);
        return (Verdict::InsufficientData, Confidence::High, None);
    }
    match report.find(Kind::Plateau).map(|finding: &Finding| finding.confidence) {
        Some(confidence) => (Verdict::Plateau, confidence, Some(Kind::Plateau)),
        None => (Verdict::Healthy, by_number(n), None),
    }
}
