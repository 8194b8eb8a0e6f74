//! What the benches share: databases as Trackio 0.43 writes them, and the tools in process.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use mcp_trackio::tools::common::Progress;
use mcp_trackio::tools::{self, Permission, Surroundings};
use mcp_trackio::trackio::{Directory, Stop, Store};
use rusqlite::Connection;
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("../../src/trackio/write/schema-0.43.sql");
const START: i64 = 1_767_225_600;

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Ends with a message where something fails: a failure's time is no figure.
pub fn or_end<T>(name: &str, result: Result<T>) -> T {
    result.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "{name} failed: {error}");
        std::process::exit(1)
    })
}

/// Calls a tool as the server does, without the protocol.
pub fn call(store: Arc<Store>, tool: &str, arguments: &str) -> Result<String> {
    let tool = tools::find(tool).ok_or("no such tool")?;
    let now = Timestamp::from_second(START + 3_600)?;
    let progress = Progress::default();
    let (stop, permission) = (Stop::default(), Permission::default());
    let surroundings = Surroundings { store, now, stop, progress, permission };
    Ok(tool.call(&surroundings, serde_json::from_str(arguments)?)?.text)
}

/// The data in `directory`, as the server sees them.
pub fn store(directory: &Path, cache_bytes: usize) -> Arc<Store> {
    Arc::new(Store::new(Directory::resolve(Some(directory)), cache_bytes))
}

/// Writes a project: a name and a number of rows for each run.
pub fn write_project(path: &Path, runs: &[(String, i64)]) -> Result<()> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;")?;
    connection.execute_batch(SCHEMA)?;
    connection.pragma_update(None, "user_version", 2)?;
    let transaction = connection.transaction()?;
    for (number, (name, rows)) in (0_i64..).zip(runs) {
        let id = format!("{number:032x}");
        let config = json!({"lr": 0.001 * (number + 1) as f64, "seed": number, "steps": rows});
        transaction.execute(
            "INSERT INTO configs (run_id, run_name, config, created_at) VALUES (?, ?, ?, ?)",
            (&id, name, config.to_string().into_bytes(), time(number)),
        )?;
        write_rows(&transaction, number, name, 0..*rows)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Writes more rows of a run.
pub fn write_rows(
    connection: &Connection,
    number: i64,
    name: &str,
    steps: std::ops::Range<i64>,
) -> Result<()> {
    let id = format!("{number:032x}");
    let mut insert = connection.prepare_cached(
        "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?, ?)",
    )?;
    for step in steps {
        let metrics = metrics_at(step, number).to_string().into_bytes();
        insert.execute((&id, time(number + step), name, step, metrics))?;
    }
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
