//! The gradient's norm, judged by its own history: most loggers report it before clipping, and
//! its level differs by orders of magnitude between healthy runs.

use crate::analysis::{
    finding::{Confidence, Finding, Kind, Report},
    methods::{mann_kendall::tau, median::median_or_zero},
    number::{percent, show},
    run::{Family, Run, Track},
};

/// Points of history that a gradient is compared with.
const HISTORY: usize = 50;

/// Looks for explosions; a high maximum alone is a fact, not a fault.
pub fn check(run: &Run<'_>, report: &mut Report) {
    let Some(grad) = &run.grad_norm else {
        report.skip("grad_explosion", "no gradient norm is logged");
        return;
    };
    if grad.len() < 5 {
        let reason = format!("{} has {} points; 5 needed", grad.shown(), grad.len());
        report.skip("grad_explosion", reason);
        return;
    }
    if let Some(finding) = sustained(grad, run.strictness).or_else(|| jumps(grad, run.strictness)) {
        let reacts = run.family == Family::Supervised
            && (report.find(Kind::Diverged).is_some()
                || finding.step.is_some_and(|step| loss_reacts(run, step.0)));
        report.add(if reacts { finding } else { finding.info() });
    }
    high(grad, report);
}

/// Growth from start to end: `τ` of the norm above 0.8 and 30 x.
fn sustained(grad: &Track, strictness: f64) -> Option<Finding> {
    let few = grad.few();
    if few.len() < 10 {
        return None;
    }
    let (start, end) = (grad.start(), grad.end());
    let growth = end / start;
    let tau = tau(&few.values);
    (start > 0.0 && growth >= 30.0 * strictness && tau > 0.8).then(|| {
        Finding::new(
            Kind::GradExplosion,
            &grad.name,
            format!(
                "{} grew throughout, from {} to {} (smoothed; {:.0} x)",
                grad.shown(),
                show(start),
                show(end),
                growth
            ),
        )
        .at(grad.curve.step(0))
        .with("start", start)
        .with("end", end)
        .with("growth", growth)
        .with("tau", tau)
    })
}

/// Values above ten times the median of those before, and above 10, in over 2 % of rows or in
/// the last three; or one above 10,000 times.
fn jumps(grad: &Track, strictness: f64) -> Option<Finding> {
    let values = &grad.curve.values;
    let n = values.len();
    let jump = |(i, value): (usize, &f64)| {
        if *value <= 10.0 {
            return None;
        }
        let past = values.get(i.saturating_sub(HISTORY)..i)?;
        let limit = value / (10.0 * strictness);
        // The median lies below the limit when more than half of the values do.
        let below = past.iter().filter(|v| **v < limit).count();
        (2 * below > past.len()).then(|| (i, value / median_or_zero(past)))
    };
    let jumps: Vec<(usize, f64)> = values.iter().enumerate().skip(5).filter_map(jump).collect();
    let (first, _) = *jumps.first()?;
    let largest = jumps.iter().map(|j| j.1).max_by(f64::total_cmp)?;
    let share = jumps.len() as f64 / n as f64;
    let at_end = jumps.iter().rev().take(3).filter(|j| j.0 + 3 >= n).count() == 3;
    let many = jumps.len() >= 2 && share > 0.02;
    (many || at_end || largest > 1e4).then(|| {
        Finding::new(
            Kind::GradExplosion,
            &grad.name,
            format!(
                "{} rose above ten times its recent median in {} of {} rows ({}), first at step {}",
                grad.shown(),
                jumps.len(),
                n,
                percent(share),
                show(grad.curve.step(first)),
            ),
        )
        .at(grad.curve.step(first))
        .confidence(Confidence::Medium)
        .with("rows", jumps.len())
        .with("largest_ratio", largest)
        .with("median", median_or_zero(&grad.blocks().values))
    })
}

/// Whether the loss stands higher after `step` than before: three deviations and 10 %.
fn loss_reacts(run: &Run<'_>, step: f64) -> bool {
    run.train.as_ref().is_some_and(|loss| {
        let at = loss.curve.index_after(step - f64::EPSILON * step.abs());
        let before = median_or_zero(loss.curve.between(at.saturating_sub(5), at));
        let after = median_or_zero(loss.curve.between(at, at + 5));
        let end = loss.end();
        let rise = after.max(end) - before;
        at >= 3 && rise > 3.0 * loss.noise() && rise > 0.1 * before.abs()
    })
}

fn high(grad: &Track, report: &mut Report) {
    let largest = grad.curve.values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    let Some((i, &value)) = largest.filter(|(_, v)| **v > 10.0) else { return };
    let median = median_or_zero(&grad.blocks().values);
    report.add(
        Finding::new(
            Kind::GradNormHigh,
            &grad.name,
            format!(
                "{} reached {} at step {} (median {}); usually logged before clipping",
                grad.shown(),
                show(value),
                show(grad.curve.step(i)),
                show(median)
            ),
        )
        .at(grad.curve.step(i))
        .with("max", value)
        .with("median", median),
    );
}
