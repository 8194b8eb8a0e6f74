//! NaN and infinity, also where a logger hides them.
//!
//! A single non-finite gradient is what loss scaling under fp16 does by design; values that stay
//! non-finite, or repeat in most rows, are what matters. Hugging Face's Trainer leaves NaN out of
//! the mean loss it logs, so that a ruined run reads `loss: 0.0` beside `grad_norm: NaN`.

use crate::analysis::{
    curve::Ordered,
    finding::{Confidence, Finding, Kind, Report},
    number::{percent, show},
    role::{self, Role, Split},
    run::Run,
    stats::NonFinite,
};
use crate::quote;

/// Finds the worst of all metrics.
pub fn check(run: &Run<'_>, report: &mut Report) {
    let mut found: Vec<Finding> = Vec::new();
    found.extend(zero_loss(run));
    for (name, series) in run.facts.metrics {
        if series.values.iter().all(|v| v.is_finite()) {
            continue;
        }
        found.extend(judge(run, name, &Ordered::of(series)));
    }
    // The first of the most severe: losses come before what follows from them.
    found.sort_by(|a, b| {
        let rank = |f: &Finding| match role::classify(&f.metric).role {
            Role::TrainLoss => 0,
            Role::EvalLoss => 1,
            _ => 2,
        };
        a.severity.cmp(&b.severity).then(rank(a).cmp(&rank(b))).then(a.metric.cmp(&b.metric))
    });
    let metrics = found.len();
    if let Some(worst) = found.into_iter().next() {
        report.add(worst.with("metrics_affected", metrics));
    }
}

fn judge(run: &Run<'_>, name: &str, ordered: &Ordered) -> Option<Finding> {
    let class = role::classify(name);
    let main = run.main().is_some_and(|m| m.name == name)
        || run.eval.as_ref().is_some_and(|m| m.name == name)
        || run.reward.as_ref().is_some_and(|m| m.name == name);
    let matters =
        main || matches!(
            class.role,
            Role::TrainLoss | Role::EvalLoss | Role::LossPart | Role::AdversarialLoss
        ) || class.role == Role::GradientNorm;
    if !matters {
        return None;
    }
    let count = ordered.holes.len();
    let n = count + ordered.curve.len();
    let share = count as f64 / n.max(1) as f64;
    let last_good = ordered.curve.steps.last().copied();
    let good = last_good.unwrap_or(f64::NEG_INFINITY);
    let tail = ordered.holes.partition_point(|(step, _)| *step < good);
    let trailing = count - tail;
    let lasting = match class.role {
        Role::GradientNorm => share > 0.5 || trailing >= 2.max(n / 50),
        // One term that was never measured does not spoil the loss.
        Role::LossPart | Role::AdversarialLoss if !main => trailing >= 2 && share < 1.0,
        _ if class.split == Some(Split::Eval) => trailing >= 1 || share > 0.5,
        _ => trailing >= 2 || share > 0.5 || count == n,
    };
    let (first_step, _) = *ordered.holes.first()?;
    let (last_step, _) = *ordered.holes.last()?;
    let kind = kind(&ordered.holes);
    let since = ordered.holes.get(tail).map(|(step, _)| *step);
    let rows = format!("{count} of {n} values ({})", percent(share));
    let shown = quote::name(name);
    let summary = match (lasting, since) {
        (true, Some(_)) if n == 1 => format!("{shown} has one value, which is {kind}"),
        (true, Some(_)) if count == n => format!("{shown} is {kind} in all {n} values"),
        (true, Some(since)) => format!(
            "{shown} is {kind} from step {} to the end, {rows}; last finite at step {}",
            show(since),
            show(last_good.unwrap_or_default())
        ),
        (true, None) => format!("{shown} is {kind} in {rows}, {}", steps(first_step, last_step)),
        (false, _) => {
            format!("{shown} was {kind} in passing, {}: {rows}", steps(first_step, last_step))
        }
    };
    let finding = Finding::new(Kind::NonFinite, name, summary)
        .at(if lasting { since.unwrap_or(first_step) } else { first_step })
        .with("first_step", first_step)
        .with("count", count)
        .with("trailing", trailing)
        .with("share", share)
        .with("last_good_step", last_good.unwrap_or(f64::NAN));
    let finding = if since.is_some() { finding } else { finding.until(last_step) };
    Some(if lasting { finding } else { finding.info() })
}

/// What the values are.
fn kind(holes: &[(f64, f64)]) -> &'static str {
    let is_nan = |(_, value): &(f64, f64)| NonFinite::of(*value) == Some(NonFinite::NaN);
    match holes.iter().filter(|hole| is_nan(hole)).count() {
        0 => "infinite",
        n if n == holes.len() => "NaN",
        _ => "NaN or infinite",
    }
}

/// Where they are.
fn steps(first: f64, last: f64) -> String {
    match first == last {
        true => format!("at step {}", show(first)),
        false => format!("between steps {} and {}", show(first), show(last)),
    }
}

/// Rows whose loss is exactly 0 while the gradient is not finite.
fn zero_loss(run: &Run<'_>) -> Option<Finding> {
    let (loss, grad) = (run.train.as_ref()?, run.grad_norm.as_ref()?);
    let zero_at = |step: f64| {
        let at = loss.curve.index_after(step).checked_sub(1);
        at.is_some_and(|i| loss.curve.step(i) == step && loss.curve.value(i) == 0.0)
    };
    let steps = grad.holes.iter().map(|(step, _)| *step);
    let hidden: Vec<f64> = steps.filter(|step| zero_at(*step)).collect();
    let first = *hidden.first()?;
    (hidden.len() >= 2).then(|| {
        Finding::new(
            Kind::NonFinite,
            &loss.name,
            format!(
                "{} reads 0.0 while {} is not finite in {} rows from step {}: the loss is NaN, \
                 left out of the logged mean",
                loss.shown(),
                grad.shown(),
                hidden.len(),
                show(first)
            ),
        )
        .at(first)
        .confidence(Confidence::High)
        .with("first_step", first)
        .with("count", hidden.len())
    })
}
