//! A learning rate that is too high, derived from what it does.

use crate::analysis::{
    finding::{Confidence, Finding, Kind, Report},
    number::{percent, show},
    run::{Family, Run},
};

/// Instability while the rate stands at half its peak or more.
pub fn check(run: &Run<'_>, report: &mut Report) {
    let symptom = [Kind::Diverged, Kind::LossSpikes]
        .into_iter()
        .filter_map(|kind| report.find(kind))
        .find(|finding| report.warns(finding.kind));
    let Some(symptom) = symptom else { return };
    if run.family == Family::Reinforcement {
        return;
    }
    let Some(rate) = run.learning_rate.as_ref().filter(|rate| !rate.is_empty()) else {
        report.skip("lr_too_high", "no learning rate is logged");
        return;
    };
    let peak = rate.curve.values.iter().copied().max_by(f64::total_cmp).unwrap_or(0.0);
    let step = symptom.evidence.get("largest_step").copied().or(symptom.step);
    let Some(step) = step.map(|s| s.0).filter(|_| peak > 0.0) else { return };
    let there = rate.curve.level_at(step, 1);
    if there < 0.5 * peak {
        return;
    }
    let finding = Finding::new(
        Kind::LrTooHigh,
        &rate.name,
        format!(
            "{} was {} ({} of its peak) when {} became unstable at step {}",
            rate.shown(),
            show(there),
            percent(there / peak),
            symptom.metric,
            show(step)
        ),
    )
    .at(step)
    .confidence(Confidence::Low)
    .with("learning_rate", there)
    .with("peak", peak);
    report.add(finding);
}
