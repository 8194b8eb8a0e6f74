//! Databases in Trackio's own schema, written as a test needs them.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde_json::json;

use super::Fixture;

const SCHEMA: &str = include_str!("../../src/trackio/write/schema-0.43.sql");

/// An empty project, as Trackio makes one.
pub fn project(dir: &Path, name: &str) -> Connection {
    let db = Connection::open(dir.join(format!("{name}.db"))).unwrap();
    db.execute_batch("PRAGMA journal_mode=WAL; PRAGMA user_version=2").unwrap();
    db.execute_batch(SCHEMA).unwrap();
    db
}

/// A project that Trackio 0.43.0 made, without what it logged.
pub fn emptied(dir: &Path, name: &str) -> Connection {
    let recorded = Fixture::unpack("0.43.0");
    let path = dir.join(format!("{name}.db"));
    fs::copy(recorded.dir.join("default.db"), &path).unwrap();
    let db = Connection::open(path).unwrap();
    for table in ["metrics", "configs", "system_metrics", "alerts", "traces"] {
        db.execute(&format!("DELETE FROM {table}"), ()).unwrap();
    }
    db
}

/// The time, as Trackio writes it.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string()
}

/// Rows of a metric that falls with the steps.
pub fn log_metric(
    db: &Connection,
    run: &str,
    name: &str,
    metric: &str,
    steps: std::ops::Range<i64>,
) {
    let at = now();
    for step in steps {
        db.execute(
            "INSERT INTO metrics(run_id, timestamp, run_name, step, metrics, log_id)
             VALUES (?, ?, ?, ?, ?, ?)",
            (
                run,
                &at,
                name,
                step,
                json!({metric: 1.0 / (step + 1) as f64}).to_string().into_bytes(),
                format!("{run}-{step}-{}", db.last_insert_rowid()),
            ),
        )
        .unwrap();
    }
}
