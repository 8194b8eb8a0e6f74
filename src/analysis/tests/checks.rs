//! For each check of the main curve one that fires and some that stay quiet.

use super::generate::{Recording, decay, noise};
use crate::analysis::finding::{Confidence, Kind, Severity, Verdict::*};

const N: usize = 300;

/// A healthy loss with noise.
fn healthy() -> Recording {
    Recording::new().metric("train/loss", N, |i| decay(i, N) + 0.05 * noise(1, i))
}

#[test]
fn noise_alone_raises_nothing() {
    healthy().expect(Healthy);
    for seed in 0..20 {
        for sigma in [0.01, 0.05, 0.1] {
            Recording::new()
                .metric("train/loss", N, |i| decay(i, N) * (1.0 + sigma * noise(seed, i)))
                .every("eval/loss", 15, 20, |i| {
                    decay(i, 15) + 0.1 + 0.2 * sigma * noise(seed + 1, i)
                })
                .expect(Healthy);
        }
    }
}

#[test]
fn nan_that_stays_is_an_error() {
    let nan = |from: usize| {
        healthy().metric("loss", N, move |i| if i >= from { f64::NAN } else { decay(i, N) })
    };
    let mut run = nan(200);
    run.metrics.remove(0);
    let found = run.expect(NonFinite);
    assert_eq!(found.findings[0].step.unwrap().0, 200.0);
    assert_eq!(found.findings[0].evidence["last_good_step"].0, 199.0);
    // Under five rows suffice for this verdict.
    Recording::new().metric("loss", 3, |_| f64::NAN).expect(NonFinite);
    healthy().every("eval/loss", 3, 100, |_| f64::INFINITY).expect(NonFinite);
}

#[test]
fn nan_hidden_as_zero_is_an_error() {
    let found = Recording::new()
        .metric("train/loss", 40, |i| if i >= 20 { 0.0 } else { decay(i, 40) })
        .metric("train/grad_norm", 40, |i| if i >= 20 { f64::NAN } else { 1.0 })
        .expect(NonFinite);
    assert!(found.headline.contains("0.0"), "{}", found.headline);
    // A loss that reached zero with a sound gradient did not.
    let run = Recording::new()
        .metric("train/loss", 40, |i| if i >= 20 { 0.0 } else { decay(i, 40) })
        .metric("train/grad_norm", 40, |_| 1.0);
    assert_eq!(run.severity(Kind::NonFinite), None);
}

#[test]
fn a_passing_nan_is_worth_a_word() {
    let run = healthy().metric("train/grad_norm", N, |i| if i == 7 { f64::NAN } else { 1.0 });
    run.expect(Healthy);
    assert_eq!(run.severity(Kind::NonFinite), Some(Severity::Info));
    healthy()
        .every("eval/loss", 20, 15, |i| if i == 3 { f64::NAN } else { decay(i, 20) })
        .expect(Healthy);
}

#[test]
fn divergence_is_told_from_a_spike_and_from_noise() {
    let found = Recording::new()
        .metric("train/loss", N, |i| {
            if i < 150 { decay(i, N) + 0.02 * noise(1, i) } else { 2.8 + 0.1 * noise(2, i) }
        })
        .number("learning_rate", 1e-3)
        .expect(Diverged);
    let finding = &found.findings[0];
    assert!((130.0..150.0).contains(&finding.step.unwrap().0), "{finding:?}");
    assert!(found.headline.contains("0.0001"), "{}", found.headline);
    // A level that steps up a little, and noise that grows at the end.
    Recording::new()
        .metric("train/loss", N, |i| {
            decay(i, 2 * N) + if i > 270 { 0.08 } else { 0.0 } + 0.03 * noise(1, i)
        })
        .expect(Healthy);
    Recording::new()
        .metric("train/loss", N, |i| decay(i, 2 * N) + i as f64 / 3e3 * noise(1, i))
        .expect(Healthy);
}

#[test]
fn a_collapse_to_chance_is_named() {
    let run = Recording::new().metric("train/loss", 100, |i| {
        if i < 60 { 0.7 * (-(i as f64) / 30.0).exp() } else { 2.0_f64.ln() + 1e-3 * noise(1, i) }
    });
    let found = run.diagnose();
    assert!(found.findings.iter().any(|f| f.kind == Kind::ChanceLevel), "{found:#?}");
}

#[test]
fn losses_below_zero_are_measured_by_their_gain() {
    let falls = |i: usize| 1.0 - 4.0 * (1.0 - (-5.0 * i as f64 / N as f64).exp());
    Recording::new().metric("loss", N, |i| falls(i) + 0.05 * noise(1, i)).expect(Healthy);
    Recording::new()
        .metric("loss", N, |i| {
            if i < 150 { falls(i) + 0.05 * noise(1, i) } else { 1.0 + 0.1 * noise(2, i) }
        })
        .expect(Diverged);
}

#[test]
fn spikes_warn_when_they_are_large_and_many_or_last() {
    let spiky = Recording::new().metric("train/loss", N, |i| {
        let spike = if matches!(i, 80..84 | 150..155 | 220..224) { 4.0 } else { 0.0 };
        decay(i, N) + spike + 0.02 * noise(1, i)
    });
    let found = spiky.expect(Unstable);
    assert_eq!(found.findings[0].evidence["events"].0, 3.0);
    assert!(found.headline.contains("recovered"));
    // One bad batch is known, not warned of.
    let batch = Recording::new()
        .metric("train/loss", N, |i| decay(i, N) + if i == 150 { 1.5 } else { 0.02 * noise(1, i) });
    batch.expect(Healthy);
    assert_eq!(batch.severity(Kind::LossSpikes), Some(Severity::Info));
    // At the floor of a loss every odd batch is a large multiple of nothing.
    Recording::new()
        .metric("train/loss", N, |i| {
            let odd = if i > 60 && i % 40 == 0 { 0.03 } else { 0.0 };
            3.0 * (-(i as f64) / 25.0).exp() + 1e-4 * (1.0 + 0.1 * noise(1, i)) + odd
        })
        .expect(Healthy);
}

#[test]
fn a_slow_rise_is_unstable() {
    let found = Recording::new()
        .metric("train/loss", N, |i| {
            let hump = 2.0 * (-((i as f64 - 180.0) / 25.0).powi(2)).exp();
            decay(i, N) + hump + 0.02 * noise(1, i)
        })
        .expect(Unstable);
    assert!(found.findings[0].summary.contains("rose"), "{found:#?}");
}

#[test]
fn stairs_at_epochs_and_at_rate_drops_are_explained() {
    let stairs = |i: usize| [2.5, 1.6, 1.0][i / 100] - 0.05 * (i % 100) as f64 / 100.0;
    let epochs = Recording::new()
        .metric("train/loss", N, |i| stairs(i) + 0.05 * noise(1, i))
        .metric("train/epoch", N, |i| i as f64 / 100.0);
    let found = epochs.expect(Healthy);
    assert!(found.notes.iter().any(|n| n.contains("2 steps") && n.contains("epoch 1 began")));
    let rate = |at: usize| {
        Recording::new()
            .metric("train/loss", N, move |i| {
                let drop = if i < at { 0.6 } else { 0.0 };
                decay(i, N) + drop + 0.03 * noise(1, i)
            })
            .metric("train/learning_rate", N, move |i| if i < at { 1e-3 } else { 1e-4 })
    };
    let found = rate(200).expect(Healthy);
    let note = found.notes.iter().find(|n| n.contains("learning rate fell 10 x")).unwrap();
    assert!(note.contains("at step 200") || note.contains("at step 201"), "{note}");
    // The last stair is flat: the next epoch may bring the next. Without epochs it is a plateau.
    let landing = |i: usize| if i < 140 { 2.5 } else { 1.2 } + 0.01 * noise(1, i);
    let two = Recording::new().metric("train/loss", N, landing);
    two.expect(Plateau);
    two.metric("train/epoch", N, |i| i as f64 / 140.0).expect(Healthy);
    // A smooth fall has no steps, whatever epochs it passes.
    let smooth = Recording::new()
        .metric("train/loss", N, |i| decay(i, N) + 0.03 * noise(1, i))
        .metric("train/epoch", N, |i| i as f64 / 30.0);
    assert!(smooth.expect(Healthy).notes.is_empty(), "{:?}", smooth.diagnose().notes);
}

#[test]
fn overfitting_needs_a_turn_beyond_noise_while_training_falls() {
    let turned = |amount: f64| {
        healthy().every("eval/loss", 30, 10, move |i| {
            let rise = amount * (i as f64 - 10.0).max(0.0) / 20.0;
            1.2 + 1.5 * (-(i as f64) / 3.0).exp() + rise + 0.01 * noise(3, i)
        })
    };
    let found = turned(0.6).expect(Overfitting);
    assert!((80.0..=120.0).contains(&found.findings[0].step.unwrap().0));
    assert!(found.headline.contains("checkpoint"), "{}", found.headline);
    turned(0.0).expect(Healthy);
    turned(0.02).expect(Healthy);
    // Dropout: eval stands below training all along.
    healthy()
        .every("eval/loss", 30, 10, |i| 0.8 * decay(i, 30) + 0.01 * noise(3, i))
        .expect(Healthy);
    // Another scale: a sum over accumulated batches.
    let scaled = healthy().every("eval/loss", 30, 10, |i| 8.0 * decay(i, 30) + 0.05 * noise(3, i));
    scaled.expect(Healthy);
    assert_eq!(scaled.severity(Kind::ScaleMismatch), Some(Severity::Info));
}

#[test]
fn few_evaluations_tell_overfitting_with_less_confidence() {
    let run = healthy().every("eval/loss", 5, 60, |i| [1.5, 1.2, 1.35, 1.5, 1.6][i]);
    assert_eq!(run.expect(Overfitting).confidence, Confidence::Medium);
    healthy().every("eval/loss", 5, 60, |i| [1.5, 1.3, 1.21, 1.2, 1.22][i]).expect(Healthy);
    let two = healthy().every("eval/loss", 2, 100, |i| 1.0 + i as f64).expect(Healthy);
    assert!(two.not_checked.iter().any(|n| n.check == "overfitting"));
}

#[test]
fn the_best_evaluation_may_be_the_first() {
    healthy()
        .every("eval/loss", 20, 15, |i| 1.0 + 0.03 * i as f64 + 0.01 * noise(1, i))
        .expect(Overfitting);
}

#[test]
fn a_falling_eval_score_is_overfitting_too() {
    let worse = |amount: f64| {
        healthy().every("eval/accuracy", 30, 10, move |i| {
            let fall = amount * (i as f64 - 12.0).max(0.0) / 18.0;
            0.85 - 0.4 * (-(i as f64) / 3.0).exp() - fall + 0.004 * noise(3, i)
        })
    };
    let found = worse(0.2).expect(Overfitting);
    assert_eq!(found.findings[0].kind, Kind::EvalMetricWorsening);
    worse(0.0).expect(Healthy);
    worse(0.01).expect(Healthy);
}

#[test]
fn a_better_score_lowers_the_confidence_in_overfitting() {
    let found = healthy()
        .every("eval/loss", 30, 10, |i| 1.0 + (i as f64 / 10.0 - 1.0).powi(2) * 0.3)
        .every("eval/accuracy", 30, 10, |i| 0.5 + 0.01 * i as f64 + 0.002 * noise(3, i))
        .expect(Overfitting);
    assert_eq!(found.confidence, Confidence::Low);
    assert!(found.headline.contains("eval/accuracy was best at step 290"), "{}", found.headline);
}

#[test]
fn eval_that_stands_while_training_falls_is_a_gap() {
    let run = Recording::new()
        .metric("train/loss", N, |i| 2.0 - 1.5 * i as f64 / N as f64 + 0.02 * noise(1, i))
        .every("eval/loss", 30, 10, |i| {
            1.0 + 1.0 * (-(i as f64) / 3.0).exp() + 0.005 * noise(3, i)
        });
    run.expect(Healthy);
    assert_eq!(run.severity(Kind::GeneralizationGap), Some(Severity::Info));
}

#[test]
fn no_learning_is_told_from_slow_learning() {
    let found =
        Recording::new().metric("train/loss", N, |i| 2.3 + 0.05 * noise(1, i)).expect(NotLearning);
    assert!(found.headline.contains("no progress"), "{}", found.headline);
    Recording::new().metric("loss", 12, |i| 2.3 + 0.02 * noise(1, i)).expect(NotLearning);
    let chance = Recording::new().metric("train/loss", N, |i| 2.0_f64.ln() + 1e-4 * noise(1, i));
    chance.expect(NotLearning);
    assert_eq!(chance.severity(Kind::ChanceLevel), Some(Severity::Info));
    // Much noise, but it falls; and a fine-tuning that learns at once and then rests.
    Recording::new()
        .metric("train/loss", N, |i| 2.3 - i as f64 / N as f64 + 0.4 * noise(1, i))
        .expect(Healthy);
    Recording::new()
        .metric("train/loss", 60, |i| 1.0 + 2.0 * (-(i as f64)).exp() + 0.15 * noise(1, i))
        .expect(Healthy);
}

#[test]
fn a_rate_too_low_falls_steadily_and_hardly() {
    let line = |fall: f64| move |i: usize| 2.5 * (1.0 - fall * i as f64 / N as f64);
    Recording::new()
        .metric("train/loss", N, move |i| line(0.04)(i) + 0.004 * noise(1, i))
        .number("learning_rate", 1e-7)
        .expect(LrTooLow);
    Recording::new()
        .metric("train/loss", N, move |i| line(0.4)(i) + 0.004 * noise(1, i))
        .expect(Healthy);
    // Small as well, but it flattens.
    Recording::new()
        .metric("train/loss", N, |i| 2.4 + 0.08 * (-(i as f64) / 60.0).exp() + 0.002 * noise(1, i))
        .expect(Healthy);
}

#[test]
fn a_plateau_is_shown_by_little_noise() {
    let curve = |i: usize| 1.0 + 2.0 * (-(i as f64) / 15.0).exp();
    let at = |sigma: f64| {
        Recording::new().metric("train/loss", N, move |i| curve(i) + sigma * noise(1, i))
    };
    at(0.01).expect(Plateau);
    at(0.01).metric("train/learning_rate", N, |_| 1e-3).expect(Plateau);
    // Where the schedule ended first, and where noise would hide progress.
    at(0.01).metric("train/learning_rate", N, |i| if i < 30 { 1e-3 } else { 1e-6 }).expect(Healthy);
    at(0.5).expect(Healthy);
    // At the floor nothing is left to learn.
    Recording::new()
        .metric("train/loss", N, |i| 3.0 * (-(i as f64) / 10.0).exp() + 1e-4)
        .expect(Healthy);
}

#[test]
fn adversarial_losses_may_swing() {
    let found = Recording::new()
        .metric("train/g_loss", N, |i| 1.0 + 0.8 * (i as f64 / 20.0).sin() + 0.1 * noise(1, i))
        .metric("train/d_loss", N, |i| 0.7 - 0.3 * (i as f64 / 20.0).sin() + 0.1 * noise(2, i))
        .expect(Healthy);
    assert_eq!(found.confidence, Confidence::Low);
}

#[test]
fn few_points_are_not_judged_without_a_direction() {
    let found =
        Recording::new().metric("train/loss", 4, |i| 2.0 - 0.3 * i as f64).expect(InsufficientData);
    assert!(found.headline.starts_with("Too early"), "{}", found.headline);
    assert!(!found.not_checked.is_empty());
    Recording::new().metric("train/loss", 5, |i| 2.0 - 0.3 * i as f64).expect(Healthy);
    Recording::new().metric("something", 50, |i| i as f64).expect(InsufficientData);
    Recording::new().expect(InsufficientData);
}
