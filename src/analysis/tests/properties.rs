//! What must not change a verdict.

use proptest::prelude::*;

use super::generate::{Recording, decay, noise};
use crate::analysis::{finding::Verdict, series::Series};

const N: usize = 240;

/// One run of each kind, its noise from `seed`.
fn examples(seed: u64) -> Vec<(Recording, Verdict)> {
    let loss = |f: &dyn Fn(usize) -> f64, sigma: f64| {
        Recording::new().metric("train/loss", N, |i| f(i) + sigma * noise(seed, i))
    };
    vec![
        (loss(&|i| decay(i, N), 0.03), Verdict::Healthy),
        (loss(&|_| 2.3, 0.03), Verdict::NotLearning),
        (loss(&|i| if i < 120 { decay(i, N) } else { 2.9 }, 0.03), Verdict::Diverged),
        (loss(&|i| if i < 150 { decay(i, N) } else { f64::NAN }, 0.03), Verdict::NonFinite),
        (
            loss(&|i| decay(i, N) + if (100..110).contains(&i) { 4.0 } else { 0.0 }, 0.02),
            Verdict::Unstable,
        ),
        (
            loss(&|i| decay(i, N), 0.02).every("eval/loss", 24, 10, |i| {
                let turned = 0.05 * (i as f64 - 8.0).max(0.0);
                1.1 + 1.5 * (-(i as f64) / 2.0).exp() + turned + 0.01 * noise(seed + 1, i)
            }),
            Verdict::Overfitting,
        ),
        (loss(&|i| decay(i, N) + if i % 9 == 4 { 2.5 } else { 0.0 }, 0.03), Verdict::Unstable),
        (loss(&|i| 2.0 + 0.004 * i as f64, 0.02), Verdict::Diverged),
        (
            Recording::new()
                .metric("train/reward", N, |i| 0.2 + i as f64 / 400.0 + 0.1 * noise(seed, i)),
            Verdict::RlImproving,
        ),
    ]
}

/// A permutation of `0..n` from a seed.
fn permutation(n: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| noise(seed, *a).total_cmp(&noise(seed, *b)));
    order
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_verdict_is_what_the_curve_says(seed in any::<u64>()) {
        for (run, expected) in examples(seed) {
            prop_assert_eq!(run.verdict(), expected, "{:#?}", run.diagnose());
        }
    }

    #[test]
    fn shuffled_rows_change_nothing(seed in any::<u64>()) {
        for (run, _) in examples(seed) {
            let mut shuffled = run.clone();
            for (_, series) in &mut shuffled.metrics {
                let mut other = Series::default();
                for i in permutation(series.len(), seed) {
                    other.push(series.steps[i], series.times[i], series.values[i]);
                }
                *series = other;
            }
            prop_assert_eq!(format!("{:?}", run.diagnose()), format!("{:?}", shuffled.diagnose()));
        }
    }

    #[test]
    fn usual_prefixes_change_nothing(seed in any::<u64>(), style in 0usize..7) {
        for (run, expected) in examples(seed) {
            let mut renamed = run.clone();
            for (name, _) in &mut renamed.metrics {
                *name = match style {
                    0 => name.replace("train/", "").replace("eval/", "val_"),
                    1 => name.replace("train/", "train_").replace("eval/", "validation/"),
                    2 => name.replace("train/", "training.").replace("eval/", "test-"),
                    3 => name.replace("train/", "trainer/").replace("eval/", "heldout/"),
                    4 => name.replace("train/", "metrics/train/").replace("eval/", "valid_"),
                    5 => name.split('/').rev().collect::<Vec<_>>().join("/"),
                    _ => name.replace('/', "_").to_uppercase(),
                };
            }
            prop_assert_eq!(renamed.verdict(), expected);
        }
    }

    #[test]
    fn unrelated_metrics_change_nothing(seed in any::<u64>()) {
        for (run, expected) in examples(seed) {
            let crowded = run
                .metric("train/num_tokens", N, |i| i as f64 * 4096.0)
                .metric("train/temperature", N, |i| noise(seed + 5, i))
                .metric("params/layer0/std", N, |i| (i as f64).sqrt())
                .metric("aux_loss", N, |i| 5.0 + noise(seed + 6, i))
                .metric("train/entropy_loss", N, |i| -1.0 + 0.1 * noise(seed + 7, i))
                .metric("memory/max_reserved(GiB)", N, |i| 10.0 + noise(seed + 8, i))
                .metric("val/weird", 7, |_| f64::NAN);
            prop_assert_eq!(crowded.verdict(), expected);
        }
    }

    #[test]
    fn twice_the_logging_rate_changes_nothing(seed in any::<u64>()) {
        for (run, expected) in examples(seed) {
            let mut dense = run.clone();
            for (name, series) in &mut dense.metrics {
                // Between two evaluations lie as many steps as ten rows of training.
                let (gap, sigma) = if name.starts_with("eval") { (5.0, 0.01) } else { (0.5, 0.02) };
                let mut twice = Series::default();
                for i in 0..series.len() {
                    let (step, time, value) = (series.steps[i], series.times[i], series.values[i]);
                    let next = series.values.get(i + 1).copied().unwrap_or(value);
                    let wobble = sigma * noise(seed + 9, i);
                    twice.push(step, time, value);
                    twice.push(step + gap, time + gap, (value + next) / 2.0 + wobble);
                }
                *series = twice;
            }
            prop_assert_eq!(dense.verdict(), expected, "{:#?}", dense.diagnose());
        }
    }

    #[test]
    fn nothing_makes_it_panic(
        values in prop::collection::vec(prop_oneof![
            5 => -10.0..10.0,
            1 => Just(0.0), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY),
            1 => Just(f64::MAX), 1 => Just(-f64::MAX), 1 => Just(5e-324),
        ], 0..60),
        steps in prop::collection::vec(-5.0..20.0f64, 60),
    ) {
        let mut series = Series::default();
        for (i, value) in values.iter().enumerate() {
            series.push(steps[i].floor(), if i % 7 == 3 { f64::NAN } else { i as f64 }, *value);
        }
        for name in ["train/loss", "eval/loss", "reward", "rewards/margins", "grad_norm", "x"] {
            let mut run = Recording::new().metric("train/loss", 20, |i| decay(i, 20));
            run.metrics.push((name.to_owned(), series.clone()));
            run.metrics.push(("kl".to_owned(), series.clone()));
            run.metrics.push(("learning_rate".to_owned(), series.clone()));
            run.system.push(("gpu/0/utilization".to_owned(), series.clone()));
            run = run.number("max_steps", 100.0);
            let found = run.diagnose();
            prop_assert!(serde_json::to_string(&found).is_ok());
            let mut kinds: Vec<_> = found.findings.iter().map(|f| f.kind).collect();
            kinds.sort();
            kinds.dedup();
            prop_assert_eq!(kinds.len(), found.findings.len(), "one finding a kind");
            let _ = crate::analysis::shape::shape(name, &series, None);
        }
    }
}
