//! Reinforcement learning: the reward decides, never the loss.

use crate::analysis::{
    curve::Curve,
    finding::{Confidence, Finding, Kind, Report, Severity},
    methods::{
        mann_kendall::{Trend, mann_kendall, tau},
        median::median_or_zero,
        running::running_median,
    },
    number::{percent, show},
    role::Role,
    run::{Run, Track},
};

/// KL beyond which the policy has nothing to do with its reference.
const KL_EXPLODED: f64 = 1e3;

/// The reward's way, in means of its first and last fifth.
struct Way {
    first: f64,
    last: f64,
    /// The standard error of `last - first`.
    error: f64,
    /// The spread of the rewards.
    deviation: f64,
    trend: Trend,
    /// The highest of the smoothed curve and its step.
    peak: (f64, f64),
}

/// Judges reward first, then KL, entropy and the spread of rewards by what the reward did.
pub fn check(run: &Run<'_>, report: &mut Report) {
    let Some(reward) = &run.reward else {
        report.skip("reward", "no reward is logged");
        return;
    };
    if reward.len() < 5 {
        report.skip("reward", format!("{} has {} points; 5 needed", reward.shown(), reward.len()));
        return;
    }
    let way = Way::of(&reward.raw());
    report.findings.extend(judge(reward, &way, run.strictness));
    let suffers = report
        .findings
        .iter()
        .any(|f| matches!(f.kind, Kind::RewardCollapsed | Kind::RewardDeclining));
    if let Some(kl) = run.track(Role::Kl) {
        report.findings.extend(kl_runaway(&kl, suffers, run.strictness));
    } else {
        report.skip("kl_runaway", "no KL is logged");
    }
    if let Some(entropy) = run.track(Role::Entropy) {
        report.findings.extend(entropy_collapse(&entropy, &way));
    }
    report.findings.extend(no_signal(run));
}

impl Way {
    fn of(curve: &Curve) -> Self {
        let (head, tail) = (curve.head(0.2, 2), curve.tail(0.2, 2));
        // About as wide as what it is compared with: the highest of many noisy points is noise.
        let window = (curve.len() / 6).clamp(3, 101) | 1;
        let smooth = running_median(&curve.values, window);
        let peak = smooth.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        Self {
            first: mean(head),
            last: mean(tail),
            error: (variance(head) / head.len() as f64 + variance(tail) / tail.len() as f64).sqrt(),
            deviation: variance(&curve.values).sqrt(),
            trend: mann_kendall(&curve.blocks(400).values),
            peak: peak.map_or((0.0, 0.0), |(i, v)| (*v, curve.step(i))),
        }
    }
}

fn judge(reward: &Track, way: &Way, strictness: f64) -> Option<Finding> {
    let Way { first, last, error, deviation, trend, peak } = *way;
    let change = last - first;
    let fall = peak.0 - last;
    let collapsed = first > 0.0 && last < 0.25 * first && -change > 6.0 * error;
    let declining = fall > 0.30 * strictness * peak.0.abs()
        && fall > strictness * deviation
        && fall > 3.0 * error;
    // Three standard errors, or a trend at the one-sided 5 % level of a visible size.
    let drifts = trend.p < 0.10 && change > 0.3 * deviation;
    let improving = trend.tau > 0.08 && (change > 3.0 * error || drifts);
    let (kind, summary) = if collapsed {
        (
            Kind::RewardCollapsed,
            format!(
                "{} fell from {} to {} (means of the first and last fifth) and stayed there",
                reward.shown(),
                show(first),
                show(last)
            ),
        )
    } else if declining {
        (
            Kind::RewardDeclining,
            format!(
                "{} peaked at {} (smoothed) at step {} and has fallen {} to {} (mean of the last \
                 fifth)",
                reward.shown(),
                show(peak.0),
                show(peak.1),
                percent(fall / peak.0.abs()),
                show(last)
            ),
        )
    } else if improving {
        return None;
    } else if deviation == 0.0 {
        (Kind::RewardFlat, format!("{} is {} in every row", reward.shown(), show(last)))
    } else {
        (
            Kind::RewardFlat,
            format!(
                "{} moved from {} to {} (means of the first and last fifth), within its noise of \
                 ±{}",
                reward.shown(),
                show(first),
                show(last),
                show(2.0 * error)
            ),
        )
    };
    let finding = Finding::new(kind, &reward.name, summary)
        .confidence(if reward.len() < 20 { Confidence::Medium } else { Confidence::High })
        .with("first", first)
        .with("last", last)
        .with("peak", peak.0)
        .with("peak_step", peak.1)
        .with("change_in_errors", change / error)
        .with("tau", trend.tau);
    Some(if kind == Kind::RewardFlat { finding } else { finding.at(peak.1) })
}

/// KL that exploded, or that is 30 x its first tenth, above 1 and still rising.
fn kl_runaway(kl: &Track, suffers: bool, strictness: f64) -> Option<Finding> {
    let curve = &kl.raw();
    if curve.len() < 5 {
        return None;
    }
    let smooth = running_median(&curve.values, 5);
    let first = median_or_zero(curve.head(0.1, 1));
    let last = median_or_zero(curve.tail(0.1, 3));
    let (top, &highest) = curve.values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
    let exploded = highest > KL_EXPLODED || !kl.holes.is_empty();
    let half = smooth.get(smooth.len() / 2..).unwrap_or_default();
    let rising = tau(&Curve { steps: Vec::new(), values: half.to_vec() }.blocks(400).values);
    let runaway = last >= 30.0 * strictness * first.abs() && last > 1.0 && rising > 0.3;
    if exploded {
        return Some(
            Finding::new(
                Kind::Diverged,
                &kl.name,
                format!(
                    "{} reached {} at step {} (median of the first tenth: {}): the policy has left its reference",
                    kl.shown(),
                    show(highest),
                    show(curve.step(top)),
                    show(first)
                ),
            )
            .at(curve.step(top))
            .with("max", highest)
            .with("first", first)
            .with("last", last),
        );
    }
    runaway.then(|| {
        let finding = Finding::new(
            Kind::KlRunaway,
            &kl.name,
            format!(
                "{} grew from {} to {} (medians of the first and last tenth) and still rises",
                kl.shown(),
                show(first),
                show(last)
            ),
        )
        .at(curve.step(0))
        .with("first", first)
        .with("last", last)
        .with("growth", last / first);
        if suffers { finding } else { finding.info() }
    })
}

/// Entropy under a twentieth of where it began, while the reward does not improve.
fn entropy_collapse(entropy: &Track, way: &Way) -> Option<Finding> {
    let curve = &entropy.raw();
    let first = median_or_zero(curve.head(0.1, 1));
    let last = median_or_zero(curve.tail(0.1, 3));
    let collapsed = curve.len() >= 10 && first > 0.0 && last < 0.05 * first;
    collapsed.then(|| {
        let finding = Finding::new(
            Kind::EntropyCollapse,
            &entropy.name,
            format!(
                "{} fell from {} to {} (medians of the first and last tenth): little is explored",
                entropy.shown(),
                show(first),
                show(last)
            ),
        )
        .with("first", first)
        .with("last", last);
        if way.last - way.first > 3.0 * way.error { finding.info() } else { finding }
    })
}

/// Rewards that are equal within their groups in most rows give no gradient.
fn no_signal(run: &Run<'_>) -> Option<Finding> {
    let spread = run.track(Role::RewardSpread);
    let share = run.track(Role::ZeroSpreadShare);
    let zero = |t: &Track| {
        let zeros = t.raw().values.iter().filter(|v| **v == 0.0).count();
        zeros as f64 / t.len().max(1) as f64
    };
    let from_spread = spread.as_ref().map(|t| (t, zero(t)));
    let from_share = share.as_ref().map(|t| (t, mean(&t.raw().values)));
    let (track, share) = from_spread.into_iter().chain(from_share).find(|(_, s)| *s > 0.5)?;
    Some(
        Finding::new(
            Kind::RewardNoSignal,
            &track.name,
            format!(
                "rewards are all equal in {} of the {}: nothing to learn from",
                percent(share),
                if track.role == Role::RewardSpread { "rows" } else { "groups" }
            ),
        )
        .with("share", share),
    )
    .map(|finding| Finding { severity: Severity::Warning, ..finding })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The sample variance.
fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    squares / values.len().saturating_sub(1).max(1) as f64
}
