//! Thirteen runs of 2,000 steps on which other tools gave false or no answers.

use super::generate::{Recording, noise};
use crate::analysis::finding::{Kind, Severity, Verdict::*};

const N: usize = 2_000;

fn t(i: usize) -> f64 {
    i as f64 / N as f64
}

fn falling(i: usize) -> f64 {
    0.5 + 2.0 * (-5.0 * t(i)).exp() + 0.03 * noise(1, i)
}

#[test]
fn healthy() {
    Recording::new().metric("train/loss", N, falling).expect(Healthy);
}

#[test]
fn nan_from_step_1200() {
    let found = Recording::new()
        .metric("train/loss", N, |i| if i >= 1200 { f64::NAN } else { falling(i) })
        .expect(NonFinite);
    assert_eq!(found.findings[0].step.unwrap().0, 1200.0);
}

#[test]
fn classic_overfitting() {
    let found = Recording::new()
        .metric("train/loss", N, falling)
        .every("val/loss", 40, 50, |i| {
            let s = 50.0 * i as f64;
            0.7 + 2.0 * (-s / 250.0).exp() + 0.0006 * (s - 800.0).max(0.0) + 0.01 * noise(2, i)
        })
        .expect(Overfitting);
    assert!((700.0..=950.0).contains(&found.findings[0].step.unwrap().0));
}

#[test]
fn a_spike_of_three_steps_recovers() {
    let found = Recording::new()
        .metric("train/loss", N, |i| falling(i) + if (1000..1003).contains(&i) { 5.0 } else { 0.0 })
        .expect(Unstable);
    assert_eq!(found.findings[0].step.unwrap().0, 1000.0);
    assert!(found.headline.contains("recovered"), "{}", found.headline);
}

#[test]
fn a_negative_loss_that_improves() {
    Recording::new()
        .metric("train/loss", N, |i| -3.0 * (1.0 - (-4.0 * t(i)).exp()) + 0.05 * noise(1, i))
        .expect(Healthy);
}

#[test]
fn a_negative_loss_that_diverges() {
    let found = Recording::new()
        .metric("train/loss", N, |i| {
            let good = -3.0 * (1.0 - (-8.0 * t(i)).exp());
            good + 0.004 * (i as f64 - 1000.0).max(0.0) + 0.05 * noise(1, i)
        })
        .expect(Diverged);
    assert!((900.0..=1100.0).contains(&found.findings[0].step.unwrap().0));
}

#[test]
fn the_reward_collapses_and_the_policy_loss_is_noise() {
    let found = Recording::new()
        .metric("train/policy_loss", N, |i| 0.01 * noise(1, i))
        .metric("train/reward", N, |i| {
            let up = (t(i) * 2.0).min(1.0);
            let down = ((t(i) - 0.5) * 2.0).max(0.0);
            0.2 + 0.6 * up - 0.75 * down + 0.03 * noise(2, i)
        })
        .diagnose();
    assert!(matches!(found.verdict, RlDeclining | RlCollapsed), "{found:#?}");
    assert!((850.0..=1150.0).contains(&found.findings[0].evidence["peak_step"].0), "{found:#?}");
}

#[test]
fn overfitting_seen_in_accuracy_alone() {
    Recording::new()
        .metric("train/accuracy", N, |i| 0.99 - 0.5 * (-4.0 * t(i)).exp() + 0.005 * noise(1, i))
        .every("eval/accuracy", 40, 50, |i| {
            let s = i as f64 / 40.0;
            0.8 - 0.3 * (-12.0 * s).exp() - 0.3 * (s - 0.4).max(0.0) + 0.005 * noise(2, i)
        })
        .expect(Overfitting);
}

#[test]
fn a_resumed_run_with_overlapping_steps() {
    let mut run = Recording::new().metric("train/loss", N, falling);
    let series = &mut run.metrics[0].1;
    for i in 800..1000 {
        series.push(i as f64, 1e9 + 3e3 + i as f64, falling(i));
    }
    run.expect(Healthy);
    assert_eq!(run.severity(Kind::Resumed), Some(Severity::Info));
}

#[test]
fn a_learning_rate_of_zero() {
    Recording::new()
        .metric("train/loss", N, |i| 2.5 + 0.03 * noise(1, i))
        .metric("train/learning_rate", N, |_| 0.0)
        .expect(NotLearning);
}

#[test]
fn a_plateau_at_a_constant_rate() {
    Recording::new()
        .metric("train/loss", N, |i| 1.2 + 1.5 * (-20.0 * t(i)).exp() + 0.02 * noise(1, i))
        .metric("train/learning_rate", N, |_| 3e-4)
        .expect(Plateau);
}

#[test]
fn kl_runs_away_under_a_flat_loss() {
    let run = Recording::new()
        .metric("train/loss", N, |i| 0.01 + 0.001 * noise(1, i))
        .metric("train/reward", N, |i| 0.5 + 0.05 * noise(2, i))
        .metric("train/kl", N, |i| 0.01 * (t(i) * 300.0_f64.ln()).exp());
    let found = run.expect(RlFlat);
    // Under 1 the growth is no danger yet.
    assert!(found.findings.iter().all(|f| f.kind != Kind::Diverged));
    let larger = Recording::new().metric("train/reward", N, |i| 0.5 + 0.05 * noise(2, i)).metric(
        "train/kl",
        N,
        |i| 0.02 * (t(i) * 600.0_f64.ln()).exp(),
    );
    assert_eq!(larger.severity(Kind::KlRunaway), Some(Severity::Info));
}

#[test]
fn the_gradient_grows_exponentially() {
    let run = Recording::new()
        .metric("train/loss", N, falling)
        .metric("train/grad_norm", N, |i| 0.5 * (6.0 * t(i)).exp() * (1.0 + 0.1 * noise(2, i)));
    assert_eq!(run.severity(Kind::GradExplosion), Some(Severity::Info));
    let found = run.expect(Healthy);
    assert!(found.findings.iter().any(|f| f.summary.contains("grew throughout")));
}
