//! How long tools take over a large project: one run of 20,000 rows, and 500 runs of 40.
//!
//! Every call opens the database and closes it again, as in use; nothing is kept between calls.

#![allow(clippy::indexing_slicing)]

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use divan::Bencher;
use jiff::Timestamp;
use mcp_trackio::tools::{self, Surroundings};
use mcp_trackio::trackio::{Directory, Stop, Store};
use rusqlite::Connection;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

const SCHEMA: &str = include_str!("../src/trackio/write/schema-0.43.sql");
const START: i64 = 1_767_225_600;
const LONG_ROWS: i64 = 20_000;
const RUNS: i64 = 500;
const ROWS_A_RUN: i64 = 40;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() {
    divan::main();
}

#[divan::bench]
fn list_projects(bencher: Bencher) {
    measure(bencher, "get_all_projects", json!({}));
}

#[divan::bench]
fn list_500_runs(bencher: Bencher) {
    measure(bencher, "get_runs_for_project", json!({"project": "many"}));
}

#[divan::bench]
fn list_500_runs_by_name(bencher: Bencher) {
    let arguments = json!({"project": "many", "order_by": "name", "pattern": "run-4"});
    measure(bencher, "get_runs_for_project", arguments);
}

#[divan::bench]
fn project_of_500_runs(bencher: Bencher) {
    measure(bencher, "get_project_summary", json!({"project": "many"}));
}

#[divan::bench]
fn summary_of_20_000_rows(bencher: Bencher) {
    measure(bencher, "get_run_summary", json!({"project": "long", "run": "long"}));
}

#[divan::bench]
fn one_metric_of_20_000_rows(bencher: Bencher) {
    let arguments = json!({"project": "long", "run": "long", "metric": "train/loss"});
    measure(bencher, "get_metric_values", arguments);
}

#[divan::bench]
fn a_step_of_20_000_rows(bencher: Bencher) {
    let arguments = json!({"project": "long", "run": "long", "step": 12_345});
    measure(bencher, "get_snapshot", arguments);
}

#[divan::bench]
fn logs_of_20_000_rows(bencher: Bencher) {
    measure(bencher, "get_logs", json!({"project": "long", "run": "long"}));
}

#[divan::bench]
fn sql_over_20_000_rows(bencher: Bencher) {
    let sql = "SELECT avg(json_extract(metrics, '$.\"train/loss\"')) FROM metrics_text";
    measure(bencher, "query_project", json!({"project": "long", "sql": sql}));
}

/// Ends with a message where the tool fails: a failure's time is no figure.
fn measure(bencher: Bencher, tool: &str, arguments: Value) {
    let call = || call(tool, &arguments).unwrap_or_else(|error| fail(tool, error.as_ref()));
    bencher.bench_local(call);
}

fn fail(tool: &str, error: &dyn Error) -> ! {
    let _ = writeln!(std::io::stderr(), "{tool} failed: {error}");
    std::process::exit(1)
}

fn call(name: &str, arguments: &Value) -> Result<String> {
    let tool = tools::find(name).ok_or("no such tool")?;
    let arguments: Map<String, Value> = arguments.as_object().cloned().unwrap_or_default();
    let surroundings = Surroundings {
        store: Arc::new(Store::new(Directory::resolve(Some(data()?.path())), 128 << 20)),
        now: Timestamp::from_second(START + 3_600)?,
        stop: Stop::default(),
    };
    Ok(tool.call(&surroundings, arguments)?.text)
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
    let mut metrics = json!({"train/loss": loss, "train/grad_norm": 1.0 + loss / 2.0, "lr": 0.001});
    if step % 10 == 0 {
        metrics["eval/loss"] = json!(loss * 1.1);
        metrics["eval/accuracy"] = json!(1.0 - loss / 3.0);
    }
    metrics
}

fn time(second: i64) -> String {
    Timestamp::from_second(START + second)
        .map(|time| time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string())
        .unwrap_or_default()
}
