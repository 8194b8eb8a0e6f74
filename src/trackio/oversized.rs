//! Rows that are too large to be read.
//!
//! A connection refuses a value of more than [`LONGEST_VALUE`] bytes before it takes memory for
//! it, and with it the whole statement. Ordinary reads do not test for that: a read that was
//! refused so runs again on views that leave the large rows out. What they leave out is counted
//! and named here, for the notes of the answer.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, ErrorCode};

use super::database::LONGEST_VALUE;
use super::error::{Error, Result};
use super::query::quoted;
use super::schema::{Schema, is_trackios};
use super::value;

/// How many of the rows are named.
const NAMED: usize = 3;

/// What the reads of one call left out, by project and table. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Oversized(Arc<Mutex<BTreeMap<(String, String), Rows>>>);

/// Some rows of one table.
#[derive(Debug, Clone, PartialEq)]
struct Rows {
    count: i64,
    /// Their runs and steps, of a few of them.
    named: Vec<String>,
}

/// Whether a read was refused because of a large value.
pub fn is_cause(error: &Error) -> bool {
    matches!(error, Error::Sql(error) if error.sqlite_error_code() == Some(ErrorCode::TooBig))
}

impl Oversized {
    /// Lets views without the large rows stand for the tables that have some.
    pub fn leave_out(
        &self,
        project: &str,
        connection: &Connection,
        schema: &mut Schema,
    ) -> Result<()> {
        let own = schema.names().filter(|name| is_trackios(name)).map(str::to_owned);
        for name in own.collect::<Vec<_>>() {
            let Some(table) = schema.table(&name) else { continue };
            let columns: BTreeSet<String> = table.columns().map(str::to_owned).collect();
            let fits: Vec<String> = columns
                .iter()
                .map(|column| {
                    format!("COALESCE(octet_length({}), 0) <= {LONGEST_VALUE}", quoted(column))
                })
                .collect();
            let (source, fits) = (format!("main.{name}"), fits.join(" AND "));
            let rows = Rows::read(connection, &source, &columns, &fits)?;
            if rows.count == 0 {
                continue;
            }
            let view = format!("temp.fitting_{name}");
            connection.execute_batch(&format!(
                "CREATE VIEW {view} AS SELECT * FROM {source} WHERE {fits}"
            ))?;
            schema.replace(&name, &view, columns);
            self.rows().insert((project.to_owned(), name), rows);
        }
        Ok(())
    }

    /// One sentence for each table with such rows.
    pub fn notes(&self) -> Vec<String> {
        let of_table = |((project, table), rows): (&(String, String), &Rows)| {
            let (noun, are) = if rows.count == 1 { ("row", "is") } else { ("rows", "are") };
            format!(
                "{} {noun} of table {table} in project {project} {are} larger than {} MB and {} \
                 left out{rows}.",
                rows.count,
                LONGEST_VALUE / 1_000_000,
                if rows.count == 1 { "was" } else { "were" },
            )
        };
        self.rows().iter().map(of_table).collect()
    }

    fn rows(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), Rows>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn read(
        connection: &Connection,
        source: &str,
        columns: &BTreeSet<String>,
        fits: &str,
    ) -> Result<Self> {
        // What names a row can be the large value.
        let [run, step, key] =
            ["run_name", "step", "key"].map(|column| match columns.contains(column) {
                true => format!(
                    "CASE WHEN octet_length({column}) <= 200 THEN CAST({column} AS TEXT) END"
                ),
                false => "NULL".to_owned(),
            });
        let sql = format!(
            "SELECT COUNT(*) OVER (), {run}, {step}, {key} FROM {source}
             WHERE NOT ({fits}) LIMIT {NAMED}"
        );
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let mut found = Self { count: 0, named: Vec::new() };
        while let Some(row) = rows.next()? {
            found.count = row.get(0)?;
            let mut words = Vec::new();
            for (index, noun) in [(1, "run"), (2, "step"), (3, "key")] {
                words.extend(value::text(row.get_ref(index)?).map(|text| format!("{noun} {text}")));
            }
            found.named.push(words.join(" "));
        }
        Ok(found)
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.named.iter().filter(|words| !words.is_empty()).cloned();
        let named: Vec<String> = named.collect();
        if named.is_empty() {
            return Ok(());
        }
        let rest = self.count - self.named.len() as i64;
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        write!(formatter, ": {}{more}", named.join(", "))
    }
}
