//! Checks of what lies beside the main curve: gradients, rates, preferences, rewards, steps,
//! speed, status.

use super::generate::{Recording, decay, noise};
use crate::analysis::{
    finding::{Kind, Severity, Verdict::*},
    run::Status,
    series::Series,
};

const N: usize = 200;

fn healthy() -> Recording {
    Recording::new().metric("train/loss", N, |i| decay(i, N) + 0.03 * noise(1, i))
}

#[test]
fn a_high_gradient_norm_is_a_fact_an_explosion_a_warning() {
    let high = healthy().metric("train/grad_norm", N, |i| 40.0 + 8.0 * noise(2, i));
    high.expect(Healthy);
    assert_eq!(high.severity(Kind::GradNormHigh), Some(Severity::Info));
    assert_eq!(high.severity(Kind::GradExplosion), None);
    // Jumps to which the loss does not react.
    let calm = healthy().metric("train/grad_norm", N, |i| {
        if i % 25 == 24 { 90.0 } else { 1.0 + 0.1 * noise(2, i) }
    });
    calm.expect(Healthy);
    assert_eq!(calm.severity(Kind::GradExplosion), Some(Severity::Info));
    // Growth from start to end that takes the loss along.
    let growing = Recording::new()
        .metric("train/loss", N, |i| {
            if i < 100 { decay(i, 100) } else { 1.0 + (i - 100) as f64 / 60.0 }
        })
        .metric("train/grad_norm", N, |i| {
            0.1 * (i as f64 / 20.0).exp() + 0.001 * noise(2, i).abs()
        });
    growing.expect(Diverged);
    assert!(growing.severity(Kind::GradExplosion).is_some());
}

#[test]
fn a_rate_is_called_too_high_only_with_a_symptom() {
    let spiky = Recording::new()
        .metric("train/loss", N, |i| {
            decay(i, N) + if matches!(i, 60..64 | 120..125) { 5.0 } else { 0.02 * noise(1, i) }
        })
        .metric("train/learning_rate", N, |_| 1e-2);
    spiky.expect(Unstable);
    assert_eq!(spiky.severity(Kind::LrTooHigh), Some(Severity::Warning));
    let calm = healthy().metric("train/learning_rate", N, |_| 1e-2);
    assert_eq!(calm.severity(Kind::LrTooHigh), None);
}

pub(super) fn preference(margin: f64, accuracy: f64) -> Recording {
    let way = |i: usize| i as f64 / N as f64;
    Recording::new()
        .metric("train/loss", N, |i| 0.69 - 0.3 * margin.min(1.0) * way(i))
        .metric("train/rewards/margins", N, move |i| margin * way(i) + 0.1 * noise(1, i))
        .metric("train/rewards/accuracies", N, move |i| {
            0.5 + (accuracy - 0.5) * way(i).min(0.5) * 2.0 + 0.02 * noise(2, i)
        })
}

#[test]
fn preference_training_is_judged_by_margins_and_accuracies() {
    preference(2.0, 0.8).expect(DpoHealthy);
    preference(0.0, 0.5).expect(DpoWeak);
    preference(2.0, 0.52).expect(DpoWeak);
    let displaced = preference(2.0, 0.8)
        .metric("train/rewards/chosen", N, |i| -2.0 * i as f64 / N as f64 + 0.1 * noise(3, i));
    displaced.expect(DpoHealthy);
    assert_eq!(displaced.severity(Kind::LikelihoodDisplacement), Some(Severity::Info));
    let easy = preference(3.0, 1.0);
    assert_eq!(easy.severity(Kind::DpoOverOptimised), Some(Severity::Info));
}

pub(super) fn reward(f: impl Fn(usize) -> f64) -> Recording {
    Recording::new()
        .metric("train/reward", N, f)
        // The loss of RL rises or falls as it likes.
        .metric("train/loss", N, |i| 0.001 * i as f64)
}

#[test]
fn reinforcement_learning_is_judged_by_its_reward() {
    let n = N as f64;
    reward(|i| 0.2 + 0.6 * i as f64 / n + 0.1 * noise(1, i)).expect(RlImproving);
    reward(|i| 0.4 + 0.1 * noise(1, i)).expect(RlFlat);
    reward(|i| 0.8 - 0.7 * (i as f64 / n - 0.3).max(0.0) + 0.03 * noise(1, i)).expect(RlDeclining);
    let collapsed = reward(|i| if i < 100 { 0.8 } else { 0.02 } + 0.03 * noise(1, i));
    collapsed.expect(RlCollapsed);
    assert_eq!(collapsed.severity(Kind::RewardCollapsed), Some(Severity::Error));
}

#[test]
fn rewards_without_spread_teach_nothing() {
    let run = reward(|_| 1.0).metric("train/reward_std", N, |_| 0.0);
    run.expect(RlFlat);
    assert_eq!(run.severity(Kind::RewardNoSignal), Some(Severity::Warning));
    let run =
        reward(|i| i as f64 / 50.0 + 0.1 * noise(1, i)).metric("train/reward_std", N, |_| 0.4);
    assert_eq!(run.severity(Kind::RewardNoSignal), None);
}

#[test]
fn kl_matters_when_the_reward_reacts_or_it_explodes() {
    let n = N as f64;
    let rising_kl = |i: usize| 0.02 * (i as f64 / 25.0).exp();
    let improving = reward(|i| 0.2 + 0.6 * i as f64 / n + 0.1 * noise(1, i));
    let run = improving.clone().metric("train/kl", N, rising_kl);
    run.expect(RlImproving);
    assert_eq!(run.severity(Kind::KlRunaway), Some(Severity::Info));
    let declining = reward(|i| 0.8 - 0.7 * (i as f64 / n - 0.3).max(0.0) + 0.03 * noise(1, i));
    let run = declining.metric("train/kl", N, rising_kl);
    assert_eq!(run.severity(Kind::KlRunaway), Some(Severity::Warning));
    improving.metric("train/kl", N, |i| if i == 150 { 1e6 } else { 0.1 }).expect(Diverged);
    // One spike of a hundredfold occurs in healthy runs.
    reward(|i| 0.2 + 0.6 * i as f64 / n + 0.1 * noise(1, i))
        .metric("train/kl", N, |i| if i == 150 { 10.0 } else { 0.1 })
        .expect(RlImproving);
}

#[test]
fn entropy_collapse_warns_when_nothing_is_gained() {
    let entropy = |i: usize| 2.0 * (-(i as f64) / 30.0).exp();
    let flat = reward(|i| 0.4 + 0.1 * noise(1, i)).metric("train/entropy", N, entropy);
    assert_eq!(flat.severity(Kind::EntropyCollapse), Some(Severity::Warning));
    let improving = reward(|i| i as f64 / 100.0).metric("train/entropy", N, entropy);
    assert_eq!(improving.severity(Kind::EntropyCollapse), Some(Severity::Info));
}

#[test]
fn steps_that_go_back_or_repeat_are_told_apart() {
    let mut resumed = healthy();
    let series = &mut resumed.metrics[0].1;
    let again: Vec<(f64, f64)> = (150..200).map(|i| (i as f64, decay(i, N))).collect();
    for (step, value) in again {
        series.push(step, 2e9 + step, value);
    }
    resumed.expect(Healthy);
    assert_eq!(resumed.severity(Kind::Resumed), Some(Severity::Info));
    assert_eq!(resumed.severity(Kind::DuplicateSteps), None);

    let mut twice = healthy();
    let copy = twice.metrics[0].1.clone();
    let both = &mut twice.metrics[0].1;
    *both = Series::default();
    for i in 0..N {
        for _process in 0..2 {
            both.push(copy.steps[i], copy.times[i], copy.values[i]);
        }
    }
    twice.expect(Healthy);
    assert_eq!(twice.severity(Kind::DuplicateSteps), Some(Severity::Info));
    assert_eq!(twice.severity(Kind::Resumed), None);
}

#[test]
fn a_run_is_stalled_only_when_idle_with_steps_missing() {
    let mut run = healthy().number("args.max_steps", 1000.0);
    run.status = Status::Idle;
    assert_eq!(run.severity(Kind::Stalled), Some(Severity::Warning));
    run.status = Status::Active;
    assert_eq!(run.severity(Kind::Stalled), None);
    let progress = run.diagnose().progress.unwrap();
    assert_eq!(progress.total.unwrap().0, 1000.0);
    assert_eq!(progress.percent.unwrap().0, 19.9);
    assert_eq!(progress.eta.unwrap().0, 801.0);
    assert!(run.diagnose().check_again.is_some());

    let mut unknown = healthy();
    unknown.status = Status::Idle;
    assert!(unknown.diagnose().not_checked.iter().any(|n| n.check == "stalled"));
    let mut done = healthy().number("max_steps", (N - 1) as f64);
    done.status = Status::Idle;
    assert_eq!(done.severity(Kind::Stalled), None);
}

#[test]
fn the_headline_of_a_run_that_ended_with_steps_missing_says_where() {
    let headline = |max_steps: f64, status| {
        let mut run = healthy().number("max_steps", max_steps);
        run.status = status;
        run.diagnose().headline
    };
    let early = headline(1000.0, Status::Ended);
    assert!(early.ends_with("Its last row is at step 199 of 1000 (20 %)."), "{early}");
    for other in [headline(1000.0, Status::Active), headline(200.0, Status::Ended)] {
        assert!(!other.contains("last row"), "{other}");
    }
}

#[test]
fn the_total_follows_from_epochs() {
    let run = healthy()
        .metric("train/epoch", N, |i| i as f64 / 100.0)
        .number("num_train_epochs", 4.0)
        .number("max_steps", -1.0);
    assert_eq!(run.diagnose().progress.unwrap().total.unwrap().0, 400.0);
}

#[test]
fn speed_and_memory_are_read_from_time_and_system_metrics() {
    let mut slow = healthy();
    let series = &mut slow.metrics[0].1;
    for i in 150..N {
        series.times[i] = series.times[149] + 5.0 * (i - 149) as f64;
    }
    assert_eq!(slow.severity(Kind::ThroughputDrop), Some(Severity::Info));
    assert_eq!(healthy().severity(Kind::ThroughputDrop), None);

    let system = |name: &str, f: &dyn Fn(usize) -> f64| {
        let mut series = Series::default();
        for i in 0..N {
            series.push(i as f64, 1e9 + i as f64, f(i));
        }
        let mut run = healthy();
        run.system.push((name.to_owned(), series));
        run
    };
    let leak = system("gpu/0/allocated_memory", &|i| 10.0 + 0.05 * i as f64);
    assert_eq!(leak.severity(Kind::MemoryGrowth), Some(Severity::Warning));
    let step = leak.diagnose().findings[0].step.unwrap().0;
    assert!((95.0..=105.0).contains(&step), "{step}");
    let stable = system("gpu/0/allocated_memory", &|i| 20.0 - 10.0 * (-(i as f64)).exp());
    assert_eq!(stable.severity(Kind::MemoryGrowth), None);
    assert_eq!(
        system("gpu/0/utilization", &|_| 12.0).severity(Kind::GpuIdle),
        Some(Severity::Info)
    );
    assert_eq!(system("gpu/0/utilization", &|_| 93.0).severity(Kind::GpuIdle), None);
}

#[test]
fn what_is_not_logged_is_named_once() {
    let found = healthy().expect(Healthy);
    let gap = found.findings.iter().find(|f| f.kind == Kind::LoggingGap).unwrap();
    assert!(gap.summary.contains("learning rate") && gap.summary.contains("held-out"));
    let full = healthy()
        .metric("train/learning_rate", N, |_| 1e-4)
        .metric("train/grad_norm", N, |_| 1.0)
        .every("eval/loss", 20, 10, |i| decay(i, 20));
    assert_eq!(full.severity(Kind::LoggingGap), None);
}

#[test]
fn an_unfinished_run_is_projected_with_an_interval() {
    let run = Recording::new()
        .metric("train/loss", 500, |i| {
            1.0 + 2.0 * (1.0 + i as f64 / 20.0).powf(-0.7) + 0.005 * noise(1, i)
        })
        .number("max_steps", 1000.0);
    let projection = run.expect(Healthy).projection.unwrap();
    let truth = 1.0 + 2.0 * (1.0 + 1000.0_f64 / 20.0).powf(-0.7);
    assert!(projection.low.0 < truth && truth < projection.high.0, "{projection:?} {truth}");
    assert!((projection.high.0 - projection.low.0) / truth < 0.3);

    let wild = Recording::new()
        .metric("train/loss", 100, |i| 3.0 - i as f64 / 50.0 + 0.5 * noise(1, i).abs())
        .number("max_steps", 1000.0)
        .diagnose();
    assert!(wild.projection.is_none());
    assert!(wild.not_checked.iter().any(|n| n.check == "projection"));
}
