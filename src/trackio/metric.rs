//! Rows of metrics, in the order in which Trackio gives them: by timestamp, then by id.

use std::ops::ControlFlow;

use jiff::Timestamp;
use rusqlite::ToSql;

use super::error::{Error, Result};
use super::project::Snapshot;
use super::run::{Run, rows_of};
use super::time;
use super::value::{self, Metrics, Step};

/// A table of rows with a JSON object each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What the training logged, by step.
    Metrics,
    /// What the machine did, by time; no steps.
    System,
}

impl Kind {
    /// The table.
    pub fn table(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::System => "system_metrics",
        }
    }
}

/// Which rows of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Selection {
    /// All of them.
    #[default]
    All,
    /// Steps from the first to the second, both included; an open end is infinite.
    Steps(f64, f64),
    /// Moments from the first to the second, both included.
    Times(Timestamp, Timestamp),
}

/// One row, as stored.
#[derive(Debug, Clone, Copy)]
pub struct RawRow<'a> {
    /// The row's id: later rows have larger ones.
    pub id: i64,
    /// The timestamp, as stored.
    pub timestamp: &'a str,
    /// The step; 0 for system metrics.
    pub step: Step,
    /// The JSON object.
    pub json: &'a [u8],
}

/// One row, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The timestamp, as stored.
    pub timestamp: String,
    /// The step; 0 for system metrics.
    pub step: Step,
    /// What was logged.
    pub metrics: Metrics,
}

/// Rows, and how many could not be read and were left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    /// The rows, by timestamp, then by id.
    pub rows: Vec<Row>,
    /// How many rows of the selection hold no JSON object.
    pub unreadable: usize,
}

/// Hands each row of the selection to `take`, which may break off.
pub fn for_each(
    snapshot: &Snapshot<'_>,
    kind: Kind,
    run: &Run,
    selection: Selection,
    mut take: impl FnMut(RawRow<'_>) -> ControlFlow<()>,
) -> Result<()> {
    let Some(table) = snapshot.schema.table(kind.table()) else { return Ok(()) };
    let (condition, key) = rows_of(snapshot, table, run);
    let step = if kind == Kind::Metrics { "step" } else { "0" };
    let mut sql =
        format!("SELECT id, timestamp, {step}, metrics FROM {} WHERE {condition}", table.source);
    let mut parameters: Vec<&dyn ToSql> = vec![&key];
    if let Selection::Steps(from, to) = &selection {
        sql.push_str(" AND step >= ?2 AND step <= ?3");
        parameters.extend([from as &dyn ToSql, to]);
    }
    sql.push_str(" ORDER BY timestamp, id");
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let mut rows = statement.query(parameters.as_slice())?;
    while let Some(row) = rows.next()? {
        let timestamp = value::bytes(row.get_ref(1)?).unwrap_or_default();
        let timestamp = std::str::from_utf8(timestamp).unwrap_or_default();
        if !is_within(selection, timestamp) {
            continue;
        }
        let raw = RawRow {
            id: row.get(0)?,
            timestamp,
            step: Step::of(row.get_ref(2)?).unwrap_or(Step::Whole(0)),
            json: value::bytes(row.get_ref(3)?).unwrap_or_default(),
        };
        if take(raw).is_break() {
            break;
        }
    }
    if snapshot.stop.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
}

fn is_within(selection: Selection, timestamp: &str) -> bool {
    match selection {
        Selection::Times(from, to) => {
            time::parse(timestamp).is_some_and(|moment| from <= moment && moment <= to)
        }
        Selection::All | Selection::Steps(..) => true,
    }
}

/// All rows of the selection.
pub fn rows(snapshot: &Snapshot<'_>, kind: Kind, run: &Run, selection: Selection) -> Result<Rows> {
    let mut found = Rows::default();
    for_each(snapshot, kind, run, selection, |raw| {
        match value::object(raw.json) {
            Some(metrics) => found.rows.push(Row {
                timestamp: raw.timestamp.to_owned(),
                step: raw.step,
                metrics,
            }),
            None => found.unreadable += 1,
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}
