//! Where two curves part for good.

use super::contender::Contender;
use crate::analysis::curve::Curve;

/// So many points at the end must lie apart.
const FEWEST_APART: usize = 3;

/// The first step from which two curves stay apart by more than noise; `None` where they do not,
/// where they share no steps, or where too few points tell the noise.
pub fn part(a: &Contender, b: &Contender) -> Option<f64> {
    let end = a.last_step().min(b.last_step());
    let (a, b) = (a.until(end)?, b.until(end)?);
    let noise = 2.0 * a.usual_error()?.hypot(b.usual_error()?);
    let start = a.smooth().step(0).max(b.smooth().step(0));
    let mut steps: Vec<f64> = a.smooth().steps.iter().chain(&b.smooth().steps).copied().collect();
    steps.retain(|step| *step >= start);
    steps.sort_by(f64::total_cmp);
    steps.dedup();
    let gaps: Vec<f64> =
        steps.iter().map(|step| at(a.smooth(), *step) - at(b.smooth(), *step)).collect();
    let last = *gaps.last()?;
    let apart = |gap: &f64| gap.abs() > noise && gap.signum() == last.signum();
    let kept = gaps.iter().rev().take_while(|gap| apart(gap)).count();
    (kept >= FEWEST_APART).then(|| steps.get(steps.len() - kept).copied())?
}

/// The curve at `step`, straight between its points.
fn at(curve: &Curve, step: f64) -> f64 {
    let after = curve.index_after(step).min(curve.len().saturating_sub(1));
    let before = curve.index_after(step).saturating_sub(1);
    let (from, to) = (curve.step(before), curve.step(after));
    let share = if to > from { ((step - from) / (to - from)).clamp(0.0, 1.0) } else { 0.0 };
    curve.value(before) + share * (curve.value(after) - curve.value(before))
}
