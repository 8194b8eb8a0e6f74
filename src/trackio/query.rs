//! SQL that somebody else wrote, on a project's database, read-only and within bounds.
//!
//! The query sees the tables as they are, and our [views] beside them. What a query can do is the
//! [sandbox]'s affair; what an answer may hold, the [`Limits`].

mod cell;
mod complexity;
mod describe;
mod error;
mod functions;
mod pattern;
mod sandbox;
mod statement;
mod stoppable;
mod utf8;
mod views;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Rows};
use serde_json::{Map, Value};

use super::error::Error;
use super::heap::{self, QueryTurn};
use super::project::{Project, Snapshot};
use super::stop::Stop;
pub use describe::{Column, Description, TableInfo, describe};
pub use error::QueryError;
use sandbox::Sandbox;
pub use views::{View, quoted};

/// How far, and for how long, the rows beyond the answer are counted.
const COUNTED_BEYOND: usize = 100_000;
const COUNTING_TIME: Duration = Duration::from_millis(200);

/// How much of the result to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows to pass over: those of earlier pages.
    pub skip: usize,
    /// Rows to give.
    pub max_rows: usize,
    /// How many bytes the rows may take as JSON.
    pub max_bytes: usize,
}

/// Why there are more rows than given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// [`Limits::max_rows`].
    Rows,
    /// [`Limits::max_bytes`].
    Bytes,
}

/// One page of a query's result.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryResult {
    /// The query as Trackio repeats it.
    pub query: String,
    /// The names of the columns, repeated ones too.
    pub columns: Vec<String>,
    /// The rows by column name. One name holds one value, as in Trackio: the first column's.
    pub rows: Vec<Map<String, Value>>,
    /// How many rows are given here.
    pub row_count: usize,
    /// How many rows the query has in all; `None` where they are too many, or take too long, to
    /// count.
    pub total: Option<usize>,
    /// Why there are more, if there are.
    pub cut: Option<Cut>,
    /// Whether there are more rows after these.
    pub more: bool,
    /// Whether texts of the one row given were shortened to `… (+N)`, because it alone is larger
    /// than the answer.
    pub shortened: bool,
}

/// Opens the project and runs one query on it.
pub fn answer(
    project: &Project,
    sql: &str,
    limits: Limits,
    stop: &Stop,
) -> Result<QueryResult, QueryError> {
    let turn = QueryTurn::wait(stop).ok_or_else(|| match stop.is_cancelled() {
        true => QueryError::Database(Error::Cancelled),
        false => QueryError::NoTurn,
    })?;
    match answer_once(project, sql, limits, stop) {
        // Perhaps other queries hold the memory.
        Err(QueryError::TooMuchMemory) => match turn.alone(stop) {
            Some(_alone) => answer_once(project, sql, limits, stop),
            None => Err(QueryError::TooMuchMemory),
        },
        other => other,
    }
}

fn answer_once(
    project: &Project,
    sql: &str,
    limits: Limits,
    stop: &Stop,
) -> Result<QueryResult, QueryError> {
    // Failures to read go to the reader, which knows other ways into the file.
    let read = project.read_once(stop, |snapshot| match run(snapshot, sql, limits) {
        Err(QueryError::Database(error)) => Err(error),
        other => Ok(other),
    });
    match read {
        Ok(result) => result,
        Err(error) if heap::is_used_up(&error) => Err(QueryError::TooMuchMemory),
        Err(Error::TimedOut) => Err(QueryError::TimedOut),
        Err(error) => Err(QueryError::Database(error)),
    }
}

/// Runs one query on an open project.
pub fn run(snapshot: &Snapshot<'_>, sql: &str, limits: Limits) -> Result<QueryResult, QueryError> {
    let query = statement::normalised(sql);
    statement::check(query)?;
    views::create(snapshot)?;
    let ours = |error| QueryError::Database(Error::Sql(error));
    functions::register(snapshot.connection).map_err(ours)?;
    stoppable::register(snapshot.connection, snapshot.stop).map_err(ours)?;
    let sandbox = Sandbox::new(snapshot).map_err(ours)?;
    let result = execute(snapshot, query, limits);
    let refused = sandbox.refused();
    drop(sandbox);
    result.map_err(|failure| match failure {
        Failure::Sql(error) => QueryError::of(error, refused, snapshot),
        Failure::Query(error) => error,
    })
}

enum Failure {
    Sql(rusqlite::Error),
    Query(QueryError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

fn execute(snapshot: &Snapshot<'_>, query: &str, limits: Limits) -> Result<QueryResult, Failure> {
    if statement::runs(query) {
        complexity::check(snapshot.connection, query)?.map_err(Failure::Query)?;
    }
    let mut batch = Batch::new(snapshot.connection, query);
    let Some(mut statement) = batch.next()? else {
        return Err(Failure::Query(QueryError::Empty));
    };
    // An error there is one of a second statement.
    if !matches!(batch.next(), Ok(None)) {
        return Err(Failure::Query(QueryError::SeveralStatements));
    }
    if !statement.readonly() {
        return Err(Failure::Query(QueryError::Refused("a statement that writes".to_owned())));
    }
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    let mut result = page(snapshot, &mut rows, &columns, limits)?;
    result.query = query.to_owned();
    result.columns = columns;
    Ok(result)
}

fn page(
    snapshot: &Snapshot<'_>,
    rows: &mut Rows<'_>,
    columns: &[String],
    limits: Limits,
) -> Result<QueryResult, Failure> {
    let mut result = QueryResult {
        query: String::new(),
        columns: Vec::new(),
        rows: Vec::new(),
        row_count: 0,
        total: None,
        cut: None,
        more: false,
        shortened: false,
    };
    let mut passed = 0;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        if passed < limits.skip {
            passed += 1;
            continue;
        }
        if result.rows.len() == limits.max_rows {
            result.cut = Some(Cut::Rows);
            break;
        }
        let mut cells = cell::row(row, columns, limits.max_bytes)?;
        bytes += cell::size(&cells) + 1;
        if bytes > limits.max_bytes {
            if !result.rows.is_empty() {
                result.cut = Some(Cut::Bytes);
                break;
            }
            let Some(fitting) = cell::fitting_row(row, columns, limits.max_bytes)? else {
                return Err(Failure::Query(QueryError::TooWide(columns.len())));
            };
            cells = fitting;
            result.shortened = true;
        }
        result.rows.push(cells);
    }
    result.row_count = result.rows.len();
    let seen = passed + result.row_count;
    result.more = result.cut.is_some();
    result.total = match result.more {
        false => Some(seen),
        true => count_on(snapshot, rows, seen + 1),
    };
    Ok(result)
}

/// Counts the rows after the first `seen`.
fn count_on(snapshot: &Snapshot<'_>, rows: &mut Rows<'_>, seen: usize) -> Option<usize> {
    let start = Instant::now();
    for beyond in 0..COUNTED_BEYOND {
        if snapshot.stop.is_set() || start.elapsed() > COUNTING_TIME {
            return None;
        }
        // An error there is none of the rows that are given.
        match rows.next() {
            Ok(Some(_)) => {}
            Ok(None) => return Some(seen + beyond),
            Err(_) => return None,
        }
    }
    None
}
