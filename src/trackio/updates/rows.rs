//! The rows above an id, in the database's own tables and beside them in the inbox.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension;

use super::TABLES;
use crate::trackio::error::Result;
use crate::trackio::fingerprint;
use crate::trackio::metric::Row;
use crate::trackio::project::Snapshot;
use crate::trackio::run::{Run, key_of, rows_of};
use crate::trackio::schema::Table;
use crate::trackio::value::{self, Step};

/// Rows by what tells their run: its id or its name.
pub type ByRun = BTreeMap<String, u64>;

/// One of the tables, as far as rows above an id are asked for.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    snapshot: &'a Snapshot<'a>,
    /// The table.
    pub table: &'a Table,
}

impl<'a> Source<'a> {
    /// The table of that name, if the project has it.
    pub fn of(snapshot: &'a Snapshot<'a>, name: &str) -> Option<Self> {
        Some(Self { snapshot, table: snapshot.schema.table(name)? })
    }

    /// What numbers the rows. A view has no row ids, and a table that came from parquet has an
    /// `id` that nobody fills.
    fn id(&self) -> &'static str {
        if self.is_table() { "rowid" } else { "id" }
    }

    /// Reads by id though another index might look better: the new rows are few.
    fn by_id(&self) -> &'static str {
        if self.is_table() { "NOT INDEXED" } else { "" }
    }

    fn is_table(&self) -> bool {
        self.table.stored.as_ref().is_some_and(|stored| stored.starts_with("main."))
    }

    /// The highest id; 0 without a row.
    pub fn last(&self) -> Result<u64> {
        let Some(stored) = &self.table.stored else { return Ok(0) };
        let sql = format!("SELECT IFNULL(MAX({}), 0) FROM {stored}", self.id());
        let last: i64 = self.snapshot.connection.query_row(&sql, [], |row| row.get(0))?;
        Ok(last.max(0).unsigned_abs())
    }

    /// The highest id ever given; `None` where SQLite does not keep it.
    pub fn highest_ever(&self, name: &str) -> Result<Option<u64>> {
        let connection = self.snapshot.connection;
        let known = "SELECT 1 FROM main.sqlite_master WHERE name = 'sqlite_sequence'";
        if !self.is_table() || connection.query_row(known, [], |_| Ok(())).optional()?.is_none() {
            return Ok(None);
        }
        let sql = "SELECT seq FROM main.sqlite_sequence WHERE name = ?1";
        let highest: Option<i64> =
            connection.query_row(sql, [name], |row| row.get(0)).optional()?;
        Ok(highest.map(|id| id.max(0).unsigned_abs()))
    }

    /// The digest of the row with that id; `None` where it is gone.
    pub fn probe(&self, id: u64) -> Result<Option<u32>> {
        let Some(stored) = &self.table.stored else { return Ok(None) };
        let sql = format!("SELECT timestamp, metrics FROM {stored} WHERE {} = ?1", self.id());
        let mut statement = self.snapshot.connection.prepare_cached(&sql)?;
        let digest = statement.query_row([id as i64], |row| {
            let timestamp = value::text(row.get_ref(0)?).unwrap_or_default();
            let metrics = value::bytes(row.get_ref(1)?).unwrap_or_default();
            Ok(fingerprint::short(&[timestamp.as_bytes(), metrics]).max(1))
        });
        Ok(digest.optional()?)
    }

    /// The database's rows above `id`.
    pub fn above(&self, id: u64) -> Result<ByRun> {
        let Some(stored) = &self.table.stored else { return Ok(ByRun::new()) };
        let from = format!("{stored} {} WHERE {} > ?1", self.by_id(), self.id());
        self.group(&from, &[&(id as i64)])
    }

    /// The inbox's rows.
    pub fn waiting(&self) -> Result<ByRun> {
        match &self.table.waiting {
            Some(waiting) => self.group(waiting, &[]),
            None => Ok(ByRun::new()),
        }
    }

    fn group(&self, from: &str, parameters: &[&dyn rusqlite::ToSql]) -> Result<ByRun> {
        let key = key_of(self.snapshot, self.table).column();
        let sql = format!("SELECT {key}, COUNT(*) FROM {from} GROUP BY {key}");
        let mut statement = self.snapshot.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(parameters)?;
        let mut found = ByRun::new();
        while let Some(row) = rows.next()? {
            let count: i64 = row.get(1)?;
            *found.entry(value::text(row.get_ref(0)?).unwrap_or_default()).or_default() +=
                count.unsigned_abs();
        }
        Ok(found)
    }

    /// Whether the database holds a row of the run with an id up to `id`.
    pub fn has_up_to(&self, run: &Run, id: u64) -> Result<bool> {
        let Some(stored) = &self.table.stored else { return Ok(false) };
        let (condition, key) = rows_of(self.snapshot, self.table, run);
        let sql =
            format!("SELECT 1 FROM {stored} WHERE {condition} AND {} <= ?2 LIMIT 1", self.id());
        let mut statement = self.snapshot.connection.prepare_cached(&sql)?;
        let found = statement.query_row((key, id as i64), |_| Ok(())).optional()?;
        Ok(found.is_some())
    }

    /// The rows of the run that were written after a moment, by their own account.
    pub fn since(&self, run: &Run, moment: &str) -> Result<u64> {
        let (condition, key) = rows_of(self.snapshot, self.table, run);
        let source = &self.table.source;
        let sql = format!("SELECT COUNT(*) FROM {source} WHERE {condition} AND timestamp > ?2");
        let mut statement = self.snapshot.connection.prepare_cached(&sql)?;
        let count: i64 = statement.query_row((key, moment), |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }
}

/// How many rows of the run's metrics the database holds, the inbox left out.
pub fn count_stored(snapshot: &Snapshot<'_>, run: &Run) -> Result<u64> {
    let Some(source) = Source::of(snapshot, "metrics") else { return Ok(0) };
    let Some(stored) = &source.table.stored else { return Ok(0) };
    let (condition, key) = rows_of(snapshot, source.table, run);
    let sql = format!("SELECT COUNT(*) FROM {stored} WHERE {condition}");
    let count: i64 =
        snapshot.connection.prepare_cached(&sql)?.query_row([key], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// How many rows there are in each of the tables, the inbox's too.
pub fn counts(snapshot: &Snapshot<'_>) -> Result<[u64; 3]> {
    let mut counts = [0; 3];
    for (count, name) in counts.iter_mut().zip(TABLES) {
        if let Some(table) = snapshot.schema.table(name) {
            let of_part = |part: &str| format!("SELECT COUNT(*) AS rows FROM {part}");
            let sql = format!("SELECT SUM(rows) FROM ({})", table.of_parts(of_part));
            let rows: i64 = snapshot.connection.query_row(&sql, [], |row| row.get(0))?;
            *count = rows.unsigned_abs();
        }
    }
    Ok(counts)
}

/// The last `limit` rows of a run's metrics in the order in which they came, the latest first;
/// unreadable ones are left out.
pub fn newest_rows(snapshot: &Snapshot<'_>, run: &Run, limit: u64) -> Result<Vec<Row>> {
    let Some(source) = Source::of(snapshot, "metrics") else { return Ok(Vec::new()) };
    let (condition, key) = rows_of(snapshot, source.table, run);
    let stored = source.table.stored.as_ref().map(|stored| (stored, source.id(), source.by_id()));
    let waiting = source.table.waiting.as_ref().map(|waiting| (waiting, "id", ""));
    let mut found = Vec::new();
    // What waits will get higher ids than what is stored.
    for (from, id, by_id) in waiting.into_iter().chain(stored) {
        let left = limit.saturating_sub(found.len() as u64);
        let sql = format!(
            "SELECT timestamp, step, metrics, {id} FROM {from} {by_id} WHERE {condition}
             ORDER BY {id} DESC LIMIT ?2"
        );
        let mut statement = snapshot.connection.prepare_cached(&sql)?;
        let mut rows = statement.query((key, left as i64))?;
        while let Some(row) = rows.next()? {
            let Some(metrics) = value::bytes(row.get_ref(2)?).and_then(value::object) else {
                continue;
            };
            found.push(Row {
                id: row.get(3)?,
                timestamp: value::text(row.get_ref(0)?).unwrap_or_default(),
                step: Step::of(row.get_ref(1)?).unwrap_or(Step::Whole(0)),
                metrics,
            });
        }
    }
    Ok(found)
}
