//! How long a picture takes, from rows that were parsed already and from the file; the drawing alone.
#![allow(missing_docs, reason = "a bench has no readers of its API")]

#[allow(dead_code, reason = "each bench uses a part")]
mod support;

use divan::Bencher;
use mcp_trackio::chart::{Axis, Chart, Line, Panel, Size, draw};
use support::{call, or_end, store, write_project};

fn main() {
    divan::main();
}

/// The whole tool: one run with so many rows, its training and its held-out loss.
#[divan::bench(args = [1_000, 10_000, 100_000])]
fn picture(bencher: Bencher<'_, '_>, rows: i64) {
    answer(bencher, &[("run".to_owned(), rows)], r#"{"project": "p"}"#, 128 << 20);
}

/// The same, smoothed: the raw line is drawn behind.
#[divan::bench(args = [10_000])]
fn smoothed_picture(bencher: Bencher<'_, '_>, rows: i64) {
    let asked = r#"{"project": "p", "smoothing": 0.9}"#;
    answer(bencher, &[("run".to_owned(), rows)], asked, 128 << 20);
}

/// The same without anything kept from an earlier call.
#[divan::bench(args = [10_000])]
fn first_picture(bencher: Bencher<'_, '_>, rows: i64) {
    answer(bencher, &[("run".to_owned(), rows)], r#"{"project": "p"}"#, 0);
}

/// Twenty runs of 500 rows, two metrics each.
#[divan::bench]
fn twenty_runs(bencher: Bencher<'_, '_>) {
    let runs: Vec<(String, i64)> = (0..20).map(|run| (format!("run-{run:02}"), 500)).collect();
    let names: Vec<&str> = runs.iter().map(|(name, _)| name.as_str()).collect();
    answer(
        bencher,
        &runs,
        &serde_json::json!({"project": "p", "runs": names}).to_string(),
        128 << 20,
    );
}

fn answer(bencher: Bencher<'_, '_>, runs: &[(String, i64)], asked: &str, cache: usize) {
    let directory = or_end("a directory", tempfile::tempdir().map_err(Into::into));
    or_end("a project", write_project(&directory.path().join("p.db"), runs));
    let store = store(directory.path(), cache);
    let plot = || call(store.clone(), "plot_metrics", asked);
    or_end("plot_metrics", plot());
    bencher.bench_local(plot);
}

/// One noisy line, drawn and encoded.
#[divan::bench(args = [1_000, 10_000, 1_000_000])]
fn drawing(bencher: Bencher<'_, '_>, points: usize) {
    let noise = |i: usize| ((i * 7_919) % 1_000) as f64 / 1_000.0 + 500.0 / (i + 500) as f64;
    let points = (0..points).map(|i| (i as f64, noise(i))).collect();
    let line = Line { style: 0, points, smoothed: None, marks: Vec::new() };
    let chart = Chart {
        title: "a run".to_owned(),
        legend: Vec::new(),
        key: Vec::new(),
        panels: vec![Panel { title: "loss".to_owned(), is_log: false, lines: vec![line] }],
        x: Axis { label: "step".to_owned(), is_whole: true },
    };
    bencher.bench_local(|| draw(&chart, Size::USUAL));
}
