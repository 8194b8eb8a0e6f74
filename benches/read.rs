//! How long tools take over a large project: one run of 20,000 rows, and 500 runs of 40.
//!
//! Every call opens the database and closes it again, as in use. `cold` has no cache of columns;
//! `warm` has one that a call before has filled.

#[allow(dead_code, reason = "each bench uses a part")]
mod support;

use std::sync::{Arc, OnceLock};

use divan::Bencher;
use mcp_trackio::trackio::Store;
use support::{Result, call, or_end, store, write_project};
use tempfile::TempDir;

const LONG_ROWS: i64 = 20_000;
const RUNS: i64 = 500;
const ROWS_A_RUN: i64 = 40;
const CACHE_BYTES: usize = 128 << 20;

fn main() {
    divan::main();
}

/// What is asked: a name for the table, the tool, its arguments.
const CALLS: &[(&str, &str, &str)] = &[
    ("list projects", "get_all_projects", "{}"),
    ("list 500 runs", "get_runs_for_project", r#"{"project": "many"}"#),
    ("project of 500 runs", "get_project_summary", r#"{"project": "many"}"#),
    ("run summary", "get_run_summary", r#"{"project": "long", "run": "long"}"#),
    (
        "one metric",
        "get_metric_values",
        r#"{"project": "long", "run": "long", "metric": "train/loss"}"#,
    ),
    ("one step", "get_snapshot", r#"{"project": "long", "run": "long", "step": 12345}"#),
    ("logs", "get_logs", r#"{"project": "long", "run": "long"}"#),
    (
        "sql",
        "query_project",
        r#"{"project": "long", "sql": "SELECT AVG(json_extract(metrics, '$.lr')) FROM metrics_text"}"#,
    ),
];

fn names() -> impl Iterator<Item = &'static str> {
    CALLS.iter().map(|(name, _, _)| *name)
}

#[divan::bench(args = names())]
fn cold(bencher: Bencher, name: &str) {
    measure(bencher, name, || Ok(store(data()?.path(), 0)));
}

#[divan::bench(args = names())]
fn warm(bencher: Bencher, name: &str) {
    let kept = or_end(name, data().map(|data| store(data.path(), CACHE_BYTES)));
    measure(bencher, name, || Ok(Arc::clone(&kept)));
}

fn measure(bencher: Bencher, name: &str, store: impl Fn() -> Result<Arc<Store>>) {
    let attempt = || {
        let known = CALLS.iter().find(|(known, _, _)| *known == name);
        let (_, tool, arguments) = known.ok_or("no such call")?;
        call(store()?, tool, arguments)
    };
    let attempt = || or_end(name, attempt());
    attempt();
    bencher.bench_local(attempt);
}

/// The databases, written once.
fn data() -> Result<&'static TempDir> {
    static DATA: OnceLock<std::result::Result<TempDir, String>> = OnceLock::new();
    let data = DATA.get_or_init(|| write_projects().map_err(|error| error.to_string()));
    data.as_ref().map_err(|error| error.clone().into())
}

fn write_projects() -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    write_project(&directory.path().join("long.db"), &[("long".to_owned(), LONG_ROWS)])?;
    let many: Vec<_> = (0..RUNS).map(|run| (format!("run-{run:03}"), ROWS_A_RUN)).collect();
    write_project(&directory.path().join("many.db"), &many)?;
    Ok(directory)
}
