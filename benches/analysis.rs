//! How long a diagnosis takes: 1,000 points within 1 ms, 500,000 rows within 60 ms.
#![allow(missing_docs, reason = "a bench has no readers of its API")]

use divan::Bencher;
use mcp_trackio::analysis::{
    diagnose::diagnose,
    role::Direction,
    run::{Options, RunFacts},
    sample::sample,
    series::Series,
    shape::shape,
    stats::summarize,
};

fn main() {
    divan::main();
}

/// A noisy, falling loss.
fn loss(n: usize, seed: u64) -> Series {
    let mut series = Series::default();
    let mut state = seed;
    for i in 0..n {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let noise = (state >> 33) as f64 / (1u64 << 31) as f64 - 0.5;
        let value = 1.0 + 2.0 * (-5.0 * i as f64 / n as f64).exp() + 0.2 * noise;
        series.push(i as f64, i as f64, value);
    }
    series
}

/// Loss, gradient norm, learning rate, epoch and an eval loss, with `n` rows.
fn run(n: usize) -> Vec<(String, Series)> {
    [
        ("train/loss", n, 1),
        ("train/grad_norm", n, 2),
        ("train/learning_rate", n, 3),
        ("train/epoch", n, 4),
        ("eval/loss", n / 20, 5),
    ]
    .into_iter()
    .map(|(name, n, seed)| (name.to_owned(), loss(n, seed)))
    .collect()
}

#[divan::bench(args = [100, 1_000, 10_000, 500_000])]
fn diagnose_five_metrics(bencher: Bencher<'_, '_>, n: usize) {
    let metrics = run(n);
    let facts = RunFacts { metrics: &metrics, ..RunFacts::default() };
    bencher.bench_local(|| diagnose(&facts, &Options::default()));
}

#[divan::bench(args = [1_000, 500_000])]
fn diagnose_one_metric(bencher: Bencher<'_, '_>, n: usize) {
    let metrics = [("train/loss".to_owned(), loss(n, 1))];
    let facts = RunFacts { metrics: &metrics, ..RunFacts::default() };
    bencher.bench_local(|| diagnose(&facts, &Options::default()));
}

#[divan::bench(args = [1_000, 500_000])]
fn words(bencher: Bencher<'_, '_>, n: usize) {
    let series = loss(n, 1);
    bencher.bench_local(|| shape("train/loss", &series, None));
}

#[divan::bench(args = [1_000, 500_000])]
fn statistics_and_sample(bencher: Bencher<'_, '_>, n: usize) {
    let series = loss(n, 1);
    let (steps, values) = (&series.steps, &series.values);
    bencher.bench_local(|| {
        (summarize(steps, values, Some(Direction::Min)), sample(steps, values, 100))
    });
}
