//! Rows of metrics, in the order in which Trackio gives them: by timestamp, then by id.

use std::collections::HashMap;
use std::ops::ControlFlow;

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, ToSql};

use super::error::Result;
use super::project::Snapshot;
use super::run::{Run, rows_of};
use super::schema::Table;
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

/// In which order rows of one moment come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// By id, as `get_logs` has them.
    Id,
    /// As `get_metric_values` and `get_snapshot` have them, which order by time alone: where
    /// only the index of steps finds a run's rows, by step.
    Index,
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

impl<'a> RawRow<'a> {
    /// The row with these values, in the order of the fields.
    pub fn of([id, timestamp, step, metrics]: [ValueRef<'a>; 4]) -> rusqlite::Result<Self> {
        let timestamp = value::bytes(timestamp).unwrap_or_default();
        Ok(Self {
            id: id.as_i64()?,
            timestamp: std::str::from_utf8(timestamp).unwrap_or_default(),
            step: Step::of(step).unwrap_or(Step::Whole(0)),
            json: value::bytes(metrics).unwrap_or_default(),
        })
    }
}

/// One row, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The row's id.
    pub id: i64,
    /// The timestamp, as stored.
    pub timestamp: String,
    /// The step; 0 for system metrics.
    pub step: Step,
    /// What was logged.
    pub metrics: Metrics,
}

/// How many rows tell whether a run fills its table.
const PROBES: i64 = 64;

/// How many rows one statement looks up by their ids.
const IDS_AT_ONCE: usize = 500;

/// Hands each row of the selection to `take`, which may break off.
pub fn for_each(
    snapshot: &Snapshot<'_>,
    kind: Kind,
    run: &Run,
    selection: Selection,
    ties: Ties,
    take: impl FnMut(RawRow<'_>) -> ControlFlow<()>,
) -> Result<()> {
    let Some(table) = snapshot.schema.table(kind.table()) else { return Ok(()) };
    let (condition, key) = rows_of(snapshot, table, run);
    let order = order(snapshot, kind, ties);
    let mut rows = table.source.clone();
    let mut parameters: Vec<&dyn ToSql> = vec![&key];
    let steps;
    match &selection {
        Selection::Steps(from, to) => {
            steps = " AND step >= ?2 AND step <= ?3";
            parameters.extend([from as &dyn ToSql, to]);
        }
        Selection::All | Selection::Times(..) => {
            steps = "";
            rows += order_index(snapshot, kind, table);
        }
    }
    let mut sql = format!("{rows} WHERE {condition}{steps} ORDER BY {order}");
    let is_sorted = rows == table.source;
    let is_stored = matches!(selection, Selection::Steps(..)) || rows.starts_with("main.");
    if is_sorted && is_stored && table.has("id") && table.waiting.is_none() {
        // Rows can be many megabytes: only their ids are sorted.
        sql = format!("(SELECT id AS sorted FROM {sql} LIMIT -1) CROSS JOIN {rows} ON id = sorted");
    }
    read(snapshot, kind, &sql, parameters.as_slice(), selection, take)
}

fn order(snapshot: &Snapshot<'_>, kind: Kind, ties: Ties) -> &'static str {
    let has_index = |name| snapshot.schema.has_index("metrics", name);
    let by_step = kind == Kind::Metrics
        && ties == Ties::Index
        && has_index("idx_metrics_run_step")
        && !has_index("idx_metrics_run_timestamp");
    if by_step { "timestamp, step, id" } else { "timestamp, id" }
}

/// All rows of a run in SQL, for an aggregate function that takes them in the order in which they
/// come.
pub struct Stream<'r> {
    /// Its arguments: the values of a [`RawRow`].
    pub columns: &'static str,
    /// Where they come from.
    pub from: String,
    /// What `?1` is.
    pub key: &'r str,
}

/// The rows as [`for_each`] gives them with [`Ties::Index`]; `None` where there is no such table.
///
/// `ORDER BY` would put a subquery between the rows and the function, which takes longer than the
/// function itself. The index has them in that order.
pub fn stream<'r>(snapshot: &Snapshot<'_>, kind: Kind, run: &'r Run) -> Option<Stream<'r>> {
    let table = snapshot.schema.table(kind.table())?;
    let (condition, key) = rows_of(snapshot, table, run);
    let index = order_index(snapshot, kind, table);
    let mut from = format!("{}{index} WHERE {condition}", table.source);
    if index.is_empty() {
        let order = order(snapshot, kind, Ties::Index);
        from = format!("(SELECT * FROM {from} ORDER BY {order})");
        if table.source.starts_with("main.") && table.has("id") {
            let rows = &table.source;
            from = format!(
                "(SELECT id AS sorted FROM {rows} WHERE {condition} ORDER BY {order} LIMIT -1)
                 CROSS JOIN {rows} ON id = sorted"
            );
        }
    }
    Some(Stream { columns: columns(kind), from, key })
}

/// The rows by their ids.
pub fn stream_by_id<'r>(snapshot: &Snapshot<'_>, kind: Kind, run: &'r Run) -> Option<Stream<'r>> {
    let table = snapshot.schema.table(kind.table())?;
    let (condition, key) = rows_of(snapshot, table, run);
    let from = format!("{} NOT INDEXED WHERE {condition}", table.source);
    Some(Stream { columns: columns(kind), from, key })
}

fn columns(kind: Kind) -> &'static str {
    match kind {
        Kind::Metrics => "id, timestamp, step, metrics",
        Kind::System => "id, timestamp, 0, metrics",
    }
}

/// Whether the run has more than so many rows, told by its index.
pub fn has_more_than(snapshot: &Snapshot<'_>, kind: Kind, run: &Run, rows: usize) -> Result<bool> {
    let Some(table) = snapshot.schema.table(kind.table()) else { return Ok(false) };
    let (condition, key) = rows_of(snapshot, table, run);
    let sql = format!("SELECT 1 FROM {} WHERE {condition} LIMIT 1 OFFSET {rows}", table.source);
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    Ok(statement.query_row([key], |_| Ok(())).optional()?.is_some())
}

/// Whether most rows of the table are the run's, as a few of them tell: then to read through the
/// table is quicker than to look up row after row from the index.
pub fn fills_table(snapshot: &Snapshot<'_>, kind: Kind, run: &Run) -> Result<bool> {
    let Some(table) = snapshot.schema.table(kind.table()) else { return Ok(false) };
    if order_index(snapshot, kind, table).is_empty() {
        return Ok(false);
    }
    let ends = format!("SELECT (SELECT MIN(id) FROM {0}), (SELECT MAX(id) FROM {0})", table.source);
    let ends: (Option<i64>, Option<i64>) =
        snapshot.connection.query_row(&ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(first), Some(last)) = ends else { return Ok(false) };
    let (condition, key) = rows_of(snapshot, table, run);
    let sql =
        format!("SELECT {condition} FROM {} WHERE id >= ?2 ORDER BY id LIMIT 1", table.source);
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let mut own = 0;
    for probe in 0..PROBES {
        let id = first.saturating_add(last.saturating_sub(first) / PROBES * probe);
        own += i64::from(statement.query_row((key, id), |row| row.get::<_, bool>(0))?);
    }
    Ok(own > PROBES / 2)
}

/// Hands each row of the run with a larger id than `id` to `take`.
pub fn for_each_after(
    snapshot: &Snapshot<'_>,
    kind: Kind,
    run: &Run,
    id: i64,
    take: impl FnMut(RawRow<'_>) -> ControlFlow<()>,
) -> Result<()> {
    // By id, not by the run's index: the new rows are few, the old ones many.
    let rest = " AND id > ?2 ORDER BY timestamp, id";
    read_some(snapshot, kind, run, &Which { hint: " NOT INDEXED", rest, value: Some(&id) }, take)
}

/// Hands each row of the run whose JSON holds `text` to `take`. SQLite passes over all others, so
/// that a few rows of a long run are found without reading the rest.
pub fn for_each_holding(
    snapshot: &Snapshot<'_>,
    kind: Kind,
    run: &Run,
    text: &str,
    take: impl FnMut(RawRow<'_>) -> ControlFlow<()>,
) -> Result<()> {
    // As bytes: a row can be TEXT or BLOB, and bytes are compared as they lie.
    let rest = " AND instr(CAST(metrics AS BLOB), ?2) > 0 ORDER BY timestamp, id";
    read_some(snapshot, kind, run, &Which { hint: "", rest, value: Some(&text.as_bytes()) }, take)
}

/// Hands the row of the run with this id to `take`.
pub fn with_id(
    snapshot: &Snapshot<'_>,
    kind: Kind,
    run: &Run,
    id: i64,
    take: impl FnMut(RawRow<'_>) -> ControlFlow<()>,
) -> Result<()> {
    let which = Which { hint: "", rest: " AND id = ?2", value: Some(&id) };
    read_some(snapshot, kind, run, &which, take)
}

/// Some rows of a run, in SQL.
struct Which<'a> {
    /// What stands after the table.
    hint: &'a str,
    /// What stands after the condition that the row is the run's.
    rest: &'a str,
    /// What `?2` is.
    value: Option<&'a dyn ToSql>,
}

fn read_some(
    snapshot: &Snapshot<'_>,
    kind: Kind,
    run: &Run,
    which: &Which<'_>,
    take: impl FnMut(RawRow<'_>) -> ControlFlow<()>,
) -> Result<()> {
    let Some(table) = snapshot.schema.table(kind.table()) else { return Ok(()) };
    let (condition, key) = rows_of(snapshot, table, run);
    let sql = format!("{}{} WHERE {condition}{}", table.source, which.hint, which.rest);
    let parameters: Vec<&dyn ToSql> = [&key as &dyn ToSql].into_iter().chain(which.value).collect();
    read(snapshot, kind, &sql, &parameters, Selection::All, take)
}

/// Which step a run had reached at which time.
#[derive(Debug, Clone, Default)]
pub struct StepsByTime(Vec<(f64, f64)>);

impl StepsByTime {
    /// Reads the times of a run's rows.
    pub fn of(snapshot: &Snapshot<'_>, run: &Run) -> Result<Self> {
        let Some(table) = snapshot.schema.table(Kind::Metrics.table()) else {
            return Ok(Self::default());
        };
        let (condition, key) = rows_of(snapshot, table, run);
        let sql = format!("SELECT timestamp, step FROM {} WHERE {condition}", table.source);
        let mut statement = snapshot.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([key])?;
        let mut reached = Vec::new();
        while let Some(row) = rows.next()? {
            let text =
                value::bytes(row.get_ref(0)?).and_then(|text| std::str::from_utf8(text).ok());
            let time = text.map_or(f64::NAN, time::seconds);
            if let (true, Some(step)) = (time.is_finite(), Step::of(row.get_ref(1)?)) {
                reached.push((time, step.as_f64()));
            }
        }
        // Rows that were written together have one time: the last step counts.
        reached.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        Ok(Self(reached))
    }

    /// The step of the last row at that time or before; `None` before the first.
    pub fn at(&self, timestamp: &str) -> Option<Step> {
        let time = time::seconds(timestamp);
        let after = self.0.partition_point(|(at, _)| *at <= time);
        let (_, step) = self.0.get(after.checked_sub(1)?)?;
        Some(Step::from_f64(*step))
    }
}

/// The index that gives a run's rows in their order, where the table has it.
fn order_index(snapshot: &Snapshot<'_>, kind: Kind, table: &Table) -> &'static str {
    let index = match kind {
        Kind::Metrics => "idx_metrics_run_timestamp",
        Kind::System => "idx_system_metrics_run_timestamp",
    };
    if !snapshot.schema.has_index(kind.table(), index) || !table.has("id") {
        return "";
    }
    match kind {
        Kind::Metrics => " INDEXED BY idx_metrics_run_timestamp",
        Kind::System => " INDEXED BY idx_system_metrics_run_timestamp",
    }
}

fn read(
    snapshot: &Snapshot<'_>,
    kind: Kind,
    from: &str,
    parameters: &[&dyn ToSql],
    selection: Selection,
    mut take: impl FnMut(RawRow<'_>) -> ControlFlow<()>,
) -> Result<()> {
    let sql = format!("SELECT {} FROM {from}", columns(kind));
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        let raw = RawRow::of([row.get_ref(0)?, row.get_ref(1)?, row.get_ref(2)?, row.get_ref(3)?])?;
        if is_within(selection, raw.timestamp) && take(raw).is_break() {
            break;
        }
    }
    snapshot.stop.check()
}

fn is_within(selection: Selection, timestamp: &str) -> bool {
    match selection {
        Selection::Times(from, to) => {
            time::parse(timestamp).is_some_and(|moment| from <= moment && moment <= to)
        }
        Selection::All | Selection::Steps(..) => true,
    }
}

/// The rows of the run with these ids, in the order of the ids; those that hold no JSON object are
/// left out.
pub fn rows_with(snapshot: &Snapshot<'_>, kind: Kind, run: &Run, ids: &[i64]) -> Result<Vec<Row>> {
    let Some(table) = snapshot.schema.table(kind.table()) else { return Ok(Vec::new()) };
    let (condition, key) = rows_of(snapshot, table, run);
    let places: HashMap<i64, usize> = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    let mut found: Vec<Option<Row>> = vec![None; ids.len()];
    for some in ids.chunks(IDS_AT_ONCE) {
        let some: Vec<String> = some.iter().map(i64::to_string).collect();
        // With the plus, SQLite looks the ids up instead of going through the run's index.
        let sql = format!("{} WHERE +{condition} AND id IN ({})", table.source, some.join(", "));
        read(snapshot, kind, &sql, &[&key], Selection::All, |raw| {
            let place = places.get(&raw.id).and_then(|place| found.get_mut(*place));
            if let (Some(place), Some(metrics)) = (place, value::object(raw.json)) {
                let timestamp = raw.timestamp.to_owned();
                *place = Some(Row { id: raw.id, timestamp, step: raw.step, metrics });
            }
            ControlFlow::Continue(())
        })?;
    }
    Ok(found.into_iter().flatten().collect())
}
