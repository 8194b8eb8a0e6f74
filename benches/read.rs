//! How long tools take over a large project: one run of 20,000 rows, and 500 runs of 40.
//!
//! Every call opens the database and closes it again, as in use. `cold` has no cache of columns;
//! `warm` has one that a call before has filled.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use divan::Bencher;
use jiff::Timestamp;
use mcp_trackio::tools::common::Progress;
use mcp_trackio::tools::{self, Surroundings};
use mcp_trackio::trackio::{Directory, Stop, Store};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

const SCHEMA: &str = include_str!("../src/trackio/write/schema-0.43.sql");
const START: i64 = 1_767_225_600;
const LONG_ROWS: i64 = 20_000;
const RUNS: i64 = 500;
const ROWS_A_RUN: i64 = 40;
const CACHE_BYTES: usize = 128 << 20;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

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
    measure(bencher, name, || Ok(Arc::new(store(0)?)));
}

#[divan::bench(args = names())]
fn warm(bencher: Bencher, name: &str) {
    let kept = store(CACHE_BYTES).map(Arc::new).map_err(|error| error.to_string());
    measure(bencher, name, || Ok(Arc::clone(kept.as_ref().map_err(String::as_str)?)));
}

/// Ends with a message where the tool fails: a failure's time is no figure.
fn measure(bencher: Bencher, name: &str, store: impl Fn() -> Result<Arc<Store>>) {
    let attempt = || call(name, store()?);
    let attempt = || attempt().unwrap_or_else(|error| fail(name, error.as_ref()));
    attempt();
    bencher.bench_local(attempt);
}

fn fail(name: &str, error: &dyn Error) -> ! {
    let _ = writeln!(std::io::stderr(), "{name} failed: {error}");
    std::process::exit(1)
}

fn call(name: &str, store: Arc<Store>) -> Result<String> {
    let known = CALLS.iter().find(|(known, _, _)| *known == name);
    let (_, tool, arguments) = known.ok_or("no such call")?;
    let tool = tools::find(tool).ok_or("no such tool")?;
    let now = Timestamp::from_second(START + 3_600)?;
    let surroundings =
        Surroundings { store, now, stop: Stop::default(), progress: Progress::default() };
    Ok(tool.call(&surroundings, serde_json::from_str(arguments)?)?.text)
}

fn store(cache_bytes: usize) -> Result<Store> {
    Ok(Store::new(Directory::resolve(Some(data()?.path())), cache_bytes))
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

fn write_project(path: &Path, runs: &[(String, i64)]) -> Result<()> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;")?;
    connection.execute_batch(SCHEMA)?;
    connection.pragma_update(None, "user_version", 2)?;
    let transaction = connection.transaction()?;
    for (number, (name, rows)) in (0_i64..).zip(runs) {
        let id = format!("{number:032x}");
        let config = json!({"lr": 0.001 * (number + 1) as f64, "seed": number, "steps": rows});
        let started = time(number);
        transaction.execute(
            "INSERT INTO configs (run_id, run_name, config, created_at) VALUES (?, ?, ?, ?)",
            (&id, name, config.to_string().into_bytes(), &started),
        )?;
        let mut insert = transaction.prepare_cached(
            "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?, ?)",
        )?;
        for step in 0..*rows {
            let metrics = metrics_at(step, number).to_string().into_bytes();
            insert.execute((&id, time(number + step), name, step, metrics))?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// Curves that fall, with a wobble that is the same at every start.
fn metrics_at(step: i64, run: i64) -> Value {
    let wobble = (step * 7_919 + run * 104_729) % 1_000;
    let loss = 2.0 / (1.0 + step as f64 / 500.0) + wobble as f64 / 20_000.0;
    let (norm, lr) = (1.0 + loss / 2.0, 0.001);
    if step % 10 > 0 {
        return json!({"train/loss": loss, "train/grad_norm": norm, "lr": lr});
    }
    json!({
        "train/loss": loss, "train/grad_norm": norm, "lr": lr,
        "eval/loss": loss * 1.1, "eval/accuracy": 1.0 - loss / 3.0,
    })
}

fn time(second: i64) -> String {
    Timestamp::from_second(START + second)
        .map(|time| time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string())
        .unwrap_or_default()
}
