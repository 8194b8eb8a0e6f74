//! Runs: what one is, and which rows are its own.

mod list;

use rusqlite::{OptionalExtension, Row, params_from_iter};

use super::error::Result;
use super::project::Snapshot;
use super::schema::{RunKey, Table};
use super::value::{self, Step};

pub use list::list;

/// A run as Trackio lists it. Before 0.24 its id is its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What makes it one run.
    pub id: String,
    /// What a person calls it; several runs can share it.
    pub name: String,
    /// The timestamp of its first row, as stored.
    pub created_at: Option<String>,
    /// What its rows are.
    pub source: Source,
}

/// Where a run is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It logged metrics.
    Metrics,
    /// Trackio lists it for the artifacts that it made or used.
    Artifacts,
    /// It has only system metrics or alerts, and Trackio does not list it.
    SystemOrAlerts,
}

impl Run {
    /// Whether Trackio lists the run.
    pub fn is_listed(&self) -> bool {
        self.source != Source::SystemOrAlerts
    }
}

/// The name that a run's id has in any table. In an upgraded project newer tables know ids that
/// the metrics, keyed by name, do not.
pub fn name_of_id(snapshot: &Snapshot<'_>, id: &str) -> Result<Option<String>> {
    for name in ["alerts", "system_metrics", "configs", "traces"] {
        let Some(table) = snapshot.schema.table(name).filter(|table| table.key == RunKey::Id)
        else {
            continue;
        };
        let sql = format!("SELECT run_name FROM {} WHERE run_id = ?1 LIMIT 1", table.source);
        let mut statement = snapshot.connection.prepare_cached(&sql)?;
        if let Some(found) = statement.query_row([id], optional_text).optional()? {
            return Ok(found);
        }
    }
    Ok(None)
}

/// All runs, newest first, whether Trackio lists them or not.
pub fn newest_first(snapshot: &Snapshot<'_>) -> Result<Vec<Run>> {
    let mut runs = list(snapshot)?;
    runs.reverse();
    runs.sort_by(|a, b| b.created_at.cmp(&a.created_at));
    Ok(runs)
}

/// The last rows of a run in the tables. Rows of one run can mix local and UTC times, so beside
/// the highest text the row of the highest step is a candidate for the latest.
pub fn last_timestamps(snapshot: &Snapshot<'_>, tables: &[&str], run: &Run) -> Result<Vec<String>> {
    // One statement of one row for all tables: lists ask this of every run.
    let (mut parts, mut keys) = (Vec::new(), Vec::new());
    for table in tables.iter().filter_map(|name| snapshot.schema.table(name)) {
        let (condition, key) = rows_of(snapshot, table, run);
        keys.push(key);
        let condition = condition.replace("?1", &format!("?{}", keys.len()));
        for part in table.parts() {
            let rows = format!("FROM {part} WHERE {condition}");
            parts.push(format!("(SELECT MAX(timestamp) {rows})"));
            if table.has("step") {
                parts.push(format!("(SELECT timestamp {rows} ORDER BY step DESC LIMIT 1)"));
            }
        }
    }
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT {}", parts.join(", "));
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let found = statement.query_row(params_from_iter(keys), |row| {
        let text = |column| Ok(value::text(row.get_ref(column)?));
        (0..parts.len()).map(text).collect::<rusqlite::Result<Vec<_>>>()
    })?;
    Ok(found.into_iter().flatten().collect())
}

/// The highest step of a run; `None` where it logged none.
pub fn last_step(snapshot: &Snapshot<'_>, run: &Run) -> Result<Option<Step>> {
    let Some(table) = snapshot.schema.table("metrics") else { return Ok(None) };
    let (condition, key) = rows_of(snapshot, table, run);
    let of_part = |part: &str| format!("SELECT MAX(step) AS step FROM {part} WHERE {condition}");
    let sql = format!("SELECT MAX(step) FROM ({})", table.of_parts(of_part));
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    Ok(statement.query_row([key], |row| Ok(Step::of(row.get_ref(0)?)))?)
}

/// How many rows of a run the table holds.
pub fn count_rows(snapshot: &Snapshot<'_>, table: &str, run: &Run) -> Result<usize> {
    let Some(table) = snapshot.schema.table(table) else { return Ok(0) };
    let (condition, key) = rows_of(snapshot, table, run);
    let of_part = |part: &str| format!("SELECT COUNT(*) AS rows FROM {part} WHERE {condition}");
    let sql = format!("SELECT SUM(rows) FROM ({})", table.of_parts(of_part));
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let count: i64 = statement.query_row([key], |row| row.get(0))?;
    Ok(count.unsigned_abs() as usize)
}

/// The newest `limit` timestamps of a run, latest first.
pub fn newest_timestamps(snapshot: &Snapshot<'_>, run: &Run, limit: u32) -> Result<Vec<String>> {
    let Some(table) = snapshot.schema.table("metrics") else { return Ok(Vec::new()) };
    let (condition, key) = rows_of(snapshot, table, run);
    let sql = format!(
        "SELECT timestamp FROM {} WHERE {condition} ORDER BY timestamp DESC LIMIT {limit}",
        table.source
    );
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let texts = statement.query_map([key], optional_text)?;
    Ok(texts.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// The condition that picks a run's rows from a table, and the value of its one parameter.
///
/// In an upgraded project the metrics can be keyed by name and a newer table by id. There a name
/// stands for all runs that had it, as it does in the metrics.
pub fn rows_of<'r>(
    snapshot: &Snapshot<'_>,
    table: &Table,
    run: &'r Run,
) -> (&'static str, &'r str) {
    match key_of(snapshot, table) {
        RunKey::Id => ("run_id = ?1", &run.id),
        RunKey::Name => ("run_name = ?1", &run.name),
    }
}

/// What tells the runs of a table's rows apart, as [`rows_of`] does.
pub fn key_of(snapshot: &Snapshot<'_>, table: &Table) -> RunKey {
    let metrics = snapshot.schema.table("metrics").map_or(RunKey::Id, |metrics| metrics.key);
    match (table.key, metrics) {
        (RunKey::Id, RunKey::Id) => RunKey::Id,
        _ => RunKey::Name,
    }
}

fn optional_text(row: &Row<'_>) -> rusqlite::Result<Option<String>> {
    Ok(value::text(row.get_ref(0)?))
}

/// The metrics of a run's first and last row; unreadable ones are left out.
pub fn first_and_last_metrics(snapshot: &Snapshot<'_>, run: &Run) -> Result<Vec<value::Metrics>> {
    let Some(table) = snapshot.schema.table("metrics") else { return Ok(Vec::new()) };
    let (condition, key) = rows_of(snapshot, table, run);
    let mut found = Vec::new();
    for order in ["timestamp, id", "timestamp DESC, id DESC"] {
        let of_part = |part: &str| {
            format!(
                "SELECT * FROM (SELECT timestamp, id, metrics FROM {part} WHERE {condition}
                 ORDER BY {order} LIMIT 1)"
            )
        };
        let of_parts = table.of_parts(of_part);
        let sql = format!("SELECT metrics FROM ({of_parts}) ORDER BY {order} LIMIT 1");
        let mut statement = snapshot.connection.prepare_cached(&sql)?;
        let metrics = statement
            .query_row([key], |row| Ok(value::bytes(row.get_ref(0)?).and_then(value::object)));
        found.extend(metrics.optional()?.flatten());
    }
    Ok(found)
}
