//! Eval that turned while training went on.
//!
//! Early stopping in the sense of Prechelt (1998), asked of the whole curve instead of the last
//! point: a rise above the best that is large, beyond noise, lasting, and not shared by training.

use crate::analysis::{
    curve::Curve,
    finding::{Confidence, Finding, Kind, Report},
    methods::{
        mann_kendall::{mann_kendall, tau},
        median::median_or_zero,
        noise::noise,
        prechelt::{self, generalization_loss, rises},
        running::running_median,
    },
    number::{percent, show},
    role::{Direction, Role},
    run::{Run, Track},
    span::Span,
};

/// How an eval curve stands to its best.
pub struct Turn {
    /// Index of the best evaluation, judged without single outliers.
    pub best: usize,
    /// Index of the lowest value logged there: what a reader finds when looking it up.
    pub lowest: usize,
    /// The rise above that lowest value, as `loss`.
    pub loss_from_lowest: f64,
    /// Evaluations after it.
    pub since: usize,
    /// Rise above the best relative to it (`GL / 100`); to the gain for curves below zero.
    pub loss: f64,
    /// The rise in deviations of the noise.
    pub sigmas: f64,
    /// Whether enough of the evaluations after the best point upwards.
    pub rising: bool,
    /// Whether the rise is more than nothing, measured by where the curve began and by how far it
    /// had fallen.
    pub material: bool,
}

/// Looks at the eval loss, else at the other held-out measures.
pub fn check(run: &Run<'_>, report: &mut Report) {
    let Some(train) = &run.train else {
        report.skip("overfitting", "no training metric is known");
        return;
    };
    match &run.eval {
        Some(eval) if eval.len() >= 3 => {
            if eval.role != Role::Score {
                if let Some(finding) = overfitting(run, train, eval) {
                    report.add(finding);
                } else if let Some(finding) = gap(train, eval) {
                    report.add(finding);
                }
                report.findings.extend(scale_mismatch(train, eval));
            } else if let Some(finding) = worsening(run, train, eval) {
                report.add(finding);
            }
        }
        Some(eval) => {
            let reason = format!("{} has {} points; 3 needed", eval.shown(), eval.len());
            report.skip("overfitting", reason);
        }
        None if run.eval_scores.is_empty() => {
            report.skip("overfitting", "no eval metric is logged");
        }
        None => {}
    }
    let scores = run.eval_scores.iter().filter(|s| s.len() >= 5);
    let worse: Vec<Finding> = scores.filter_map(|s| worsening(run, train, s)).collect();
    // With an eval loss the verdict is its; one of many scores may fall by chance.
    let judged = run.eval.as_ref().is_some_and(|eval| eval.len() >= 3);
    let worst = worse.into_iter().max_by(|a, b| share_lost(a).total_cmp(&share_lost(b)));
    if let Some(finding) = worst
        && report.find(Kind::EvalMetricWorsening).is_none()
    {
        report.add(if judged { finding.info() } else { finding });
    }
}

fn share_lost(finding: &Finding) -> f64 {
    finding.evidence.get("rise_percent").map_or(0.0, |n| n.0)
}

/// Where `eval` turned; `None` when its best is the last evaluation.
pub fn turn(eval: &Track) -> Option<Turn> {
    let e = eval.blocks();
    let n = e.len();
    let few = n < 8;
    let smooth = if few { e.values.clone() } else { running_median(&e.values, 3) };
    let mut best = (0..n).min_by(|a, b| value(&smooth, *a).total_cmp(&value(&smooth, *b)))?;
    // The running median cannot see a best that comes first.
    if !few && e.value(0) < value(&smooth, best) {
        best = 0;
    }
    let low = if best == 0 { e.value(0) } else { value(&smooth, best) };
    let since = n - 1 - best;
    let end = median_or_zero(e.tail(0.0, if few { 1 } else { 3.min(since.max(1)) }));
    let rise = end - low;
    let sigma = noise(&e.values);
    let start = median_or_zero(e.head(0.0, 1));
    let relative = |low: f64| match generalization_loss(end, low) {
        Some(percent) if eval.positive => percent / 100.0,
        _ if eval.direction == Direction::Max && low != 0.0 => (end - low) / low.abs(),
        _ => (end - low) / (start - low).max(f64::MIN_POSITIVE),
    };
    let before = e.between(0, best).iter().copied().take(2);
    let highest_before = before.max_by(f64::total_cmp).unwrap_or(low);
    let around = best.saturating_sub(1)..(best + 2).min(n);
    let lowest = around.min_by(|a, b| e.value(*a).total_cmp(&e.value(*b))).unwrap_or(best);
    let after = e.between(best, n);
    let rising = match few {
        true => {
            let later = after.get(1..).unwrap_or_default();
            let above = later.iter().all(|v| *v > low);
            above && later.last() >= later.first()
        }
        false => {
            let after = Curve { steps: Vec::new(), values: after.to_vec() }.blocks(400).values;
            tau(&after) > 0.2 && mann_kendall(&after).p < 0.1
        }
    };
    Some(Turn {
        best,
        lowest,
        loss_from_lowest: relative(e.value(lowest)),
        since,
        loss: relative(low),
        sigmas: if sigma > 0.0 { rise / sigma } else { f64::INFINITY },
        rising,
        material: rise > (0.01 * start.abs()).max(0.04 * (highest_before - low)),
    })
}

/// How far training fell since `step`, relative to its level there.
fn fall_since(train: &Track, step: f64) -> f64 {
    let count = (train.blocks().len() / 20).clamp(1, 25);
    let then = train.blocks().level_at(step, count);
    let now = median_or_zero(train.blocks().tail(0.0, count));
    let scale = then.abs().max(now.abs());
    if scale > 0.0 { (then - now) / scale } else { 0.0 }
}

/// Whether training still fell since the evaluation at `step`: more than its noise.
fn still_falls(train: &Track, step: f64) -> bool {
    let count = (train.blocks().len() / 20).clamp(1, 25) as f64;
    let level = train.blocks().level_at(step, count as usize).abs();
    let noise = if level > 0.0 { train.noise() / level / count.sqrt() } else { 0.0 };
    fall_since(train, step) > noise.max(0.01)
}

fn overfitting(run: &Run<'_>, train: &Track, eval: &Track) -> Option<Finding> {
    let turn = turn(eval)?;
    let n = eval.blocks().len();
    let step = eval.blocks().step(turn.best);
    let fall = fall_since(train, step);
    let s = run.strictness;
    let falls = still_falls(train, step);
    let turned = turn.since >= 2 && turn.loss > 0.03 * s && turn.sigmas > 3.0 * s && turn.rising;
    let patience = turn.since >= 3.max(n / 4) && turn.loss > 0.10 * s && fall > 0.20;
    let found = match n {
        // A single later evaluation shows less than two that both rise.
        ..8 => {
            let least = if turn.since >= 2 { 0.05 } else { 0.08 };
            // Five evaluations tell something of their noise.
            let clear = n < 5 || turn.sigmas > 2.0 * s;
            turn.since >= 1 && turn.rising && turn.loss > least * s && clear && falls
        }
        _ => {
            (turned && falls) || (patience && turn.sigmas > if turn.rising { 1.0 } else { 2.0 } * s)
        }
    };
    if !found || !turn.material {
        return None;
    }
    // A score that went on improving, or a single late evaluation, leaves room for doubt.
    let improving =
        run.eval_scores.iter().find(|score| score.role == Role::Score && improves(score, step));
    let confidence = match n {
        _ if improving.is_some() => Confidence::Low,
        ..8 => Confidence::Medium,
        _ if turned => Confidence::High,
        _ => Confidence::Medium,
    };
    let best = eval.logged(eval.blocks().value(turn.lowest));
    let best_step = eval.blocks().step(turn.lowest);
    let span = Span::of(eval);
    let now = span.end;
    let rise = match eval.positive {
        true => percent(now / best - 1.0),
        false => format!("{} of its gain", percent(turn.loss_from_lowest)),
    };
    let mut summary = format!(
        "{} was best ({}) at step {} and has risen {rise} to {}{} since, while {} fell a further \
         {} (smoothed)",
        eval.shown(),
        show(best),
        show(best_step),
        show(now),
        span.mark(),
        train.shown(),
        percent(fall.max(0.0)),
    );
    if n < 8 {
        summary.push_str(&format!(" (only {n} evaluations)"));
    }
    if let Some(score) = improving {
        let best_step = score.blocks().step(Track::best(score.blocks()));
        summary.push_str(&format!("; {} was best at step {}", score.shown(), show(best_step)));
    }
    Some(
        Finding::new(Kind::Overfitting, &eval.name, summary)
            .at(best_step)
            .confidence(confidence)
            .with("best", best)
            .with("best_step", best_step)
            .with("now", now)
            .with("generalization_loss_percent", 100.0 * turn.loss_from_lowest)
            .with("successive_rises", rises(&eval.blocks().values, 1))
            .with("generalization_loss_per_progress", quotient(train, &turn))
            .with("rise_in_sigma", turn.sigmas)
            .with("evals_since_best", turn.since)
            .with("evals", n)
            .with("train_fall_percent", 100.0 * fall),
    )
}

/// Prechelt's PQ over the last five train losses; NaN where it says nothing.
fn quotient(train: &Track, turn: &Turn) -> f64 {
    let strip = train.blocks().tail(0.0, 5);
    prechelt::progress(strip).map_or(f64::NAN, |p| prechelt::quotient(100.0 * turn.loss, p))
}

/// Whether the best of `score` came clearly after `step`.
fn improves(score: &Track, step: f64) -> bool {
    let smooth = score.smooth();
    let best = Track::best(smooth);
    let then = score.blocks().level_at(step, 1);
    let gain = then - smooth.value(best);
    score.len() >= 3
        && score.blocks().step(best) > step
        && gain > (0.01 * then.abs()).max(2.0 * score.noise())
}

/// A held-out measure other than a loss that fell beyond noise while training improved.
fn worsening(run: &Run<'_>, train: &Track, score: &Track) -> Option<Finding> {
    let turn = turn(score)?;
    let n = score.blocks().len();
    let step = score.blocks().step(turn.best);
    let s = run.strictness;
    let found = n >= 5
        && turn.since >= 2.max(n / 5)
        && turn.rising
        && turn.loss > 0.05 * s
        && turn.sigmas > 4.0 * s
        && still_falls(train, step);
    found.then(|| {
        let best = score.logged(score.blocks().value(turn.lowest));
        let best_step = score.blocks().step(turn.lowest);
        let span = Span::of(score);
        let now = span.end;
        Finding::new(
            Kind::EvalMetricWorsening,
            &score.name,
            format!(
                "{} was best ({}) at step {} and has worsened to {}{} since, while {} improved",
                score.shown(),
                show(best),
                show(best_step),
                show(now),
                span.mark(),
                train.shown()
            ),
        )
        .at(best_step)
        .confidence(Confidence::Medium)
        .with("best", best)
        .with("best_step", best_step)
        .with("now", now)
        .with("rise_percent", 100.0 * turn.loss)
        .with("rise_in_sigma", turn.sigmas)
        .with("evals_since_best", turn.since)
    })
}

/// Eval that stands still for a third of the evaluations while training falls a fifth.
fn gap(train: &Track, eval: &Track) -> Option<Finding> {
    let turn = turn(eval)?;
    let n = eval.blocks().len();
    let step = eval.blocks().step(turn.best);
    let fall = fall_since(train, step);
    let flat = n >= 5 && turn.since * 10 >= n * 3 && (-0.03..=0.03).contains(&turn.loss);
    (flat && fall > 0.2).then(|| {
        Finding::new(
            Kind::GeneralizationGap,
            &eval.name,
            format!(
                "{} has not improved since step {} while {} fell a further {} (smoothed)",
                eval.shown(),
                show(step),
                train.shown(),
                percent(fall)
            ),
        )
        .at(step)
        .with("best_step", step)
        .with("evals_since_best", turn.since)
        .with("train_fall_percent", 100.0 * fall)
    })
}

/// Train and eval that do not share a scale from the first evaluation on, as when the logged
/// loss is a sum over accumulated batches.
fn scale_mismatch(train: &Track, eval: &Track) -> Option<Finding> {
    let first = eval.blocks().value(0);
    let then = train.blocks().level_at(eval.blocks().step(0), 5);
    let ratio = then / first;
    let apart = ratio > 1.8 || (ratio > 0.0 && ratio < 1.0 / 3.0);
    (train.positive && eval.positive && apart).then(|| {
        Finding::new(
            Kind::ScaleMismatch,
            &eval.name,
            format!(
                "{} (about {}) and {} ({}) differ {:.1} x at the first evaluation: compare trends, \
                 not levels",
                train.shown(),
                show(then),
                eval.shown(),
                show(first),
                ratio.max(1.0 / ratio)
            ),
        )
        .at(eval.blocks().step(0))
        .confidence(Confidence::Medium)
        .with("ratio", ratio)
    })
}

fn value(values: &[f64], index: usize) -> f64 {
    values.get(index).copied().unwrap_or(f64::NAN)
}
