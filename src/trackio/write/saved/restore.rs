//! Puts saved rows back. Whatever could be in the way is looked for first, without a lock; then
//! they go back in turns, each of which can be repeated.

use std::collections::HashMap;
use std::io::{BufRead, Seek, SeekFrom};

use rusqlite::{Connection, params_from_iter};
use serde_json::{Map, Value};

use super::{Line, all_are, broken, cells, mark, names_its_rowid, quote};
use crate::trackio::error::{Error, Result};
use crate::trackio::write::turns::Turn;

/// What is the rowid in tables that give it no name.
const ROWID: &str = "rowid";

/// What keeps a row from its place.
const TAKEN: &str = "another row has the place of one that went";

/// Whether everything that the lines tell can be put back, or is back already; how many rows.
/// Writes nothing.
///
/// # Errors
/// Where another row is in the place of one that went, or one has changed since.
pub fn check(connection: &Connection, mut lines: impl BufRead) -> Result<usize> {
    let mut tables = HashMap::new();
    let mut rows = 0;
    while let Some((line, _)) = next(&mut lines)? {
        match line {
            Line::Removed { table, row } => {
                let keys = match tables.get(&table) {
                    Some(keys) => keys,
                    None => tables.entry(table.clone()).or_insert(unique_keys(connection, &table)?),
                };
                if is_taken(connection, &table, keys, &row)? && !is_there(connection, &table, &row)?
                {
                    return Err(in_the_way(&table, TAKEN));
                }
                rows += 1;
            }
            Line::Changed(change) => {
                if change.known(connection)? != change.len() {
                    return Err(in_the_way(
                        &change.table,
                        "some rows are gone or have changed since",
                    ));
                }
                rows += change.len();
            }
        }
    }
    Ok(rows)
}

/// Puts back what the lines tell from a place on, in bytes, until the turn is over; answers where
/// it goes on. What is back already stays.
///
/// # Errors
/// Where another row is in the place of one that went.
pub fn restore(
    connection: &Connection,
    mut lines: impl BufRead + Seek,
    from: u64,
    turn: &Turn,
) -> Result<Option<u64>> {
    lines.seek(SeekFrom::Start(from)).map_err(|error| broken(&error))?;
    let mut place = from;
    while let Some((line, bytes)) = next(&mut lines)? {
        match line {
            Line::Removed { table, row } => insert(connection, &table, row)?,
            Line::Changed(change) => change.take_back(connection)?,
        }
        place += bytes;
        if turn.is_over() {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

/// The next line, and its length.
fn next(lines: &mut impl BufRead) -> Result<Option<(Line, u64)>> {
    let mut line = Vec::new();
    let length = lines.read_until(b'\n', &mut line).map_err(|error| broken(&error))?;
    if length == 0 {
        return Ok(None);
    }
    let line = serde_json::from_slice(&line).map_err(|error| broken(&error))?;
    Ok(Some((line, length as u64)))
}

fn insert(connection: &Connection, table: &str, mut row: Map<String, Value>) -> Result<()> {
    loop {
        let columns: Vec<String> = row.keys().map(|name| quote(name)).collect();
        let marks = row.values().map(mark).collect::<Vec<_>>().join(", ");
        let sql =
            format!("INSERT INTO main.{} ({}) VALUES ({marks})", quote(table), columns.join(", "));
        let done = connection.prepare_cached(&sql)?.execute(params_from_iter(cells(&row)?));
        match done {
            Ok(_) => return Ok(()),
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) =>
            {
                if is_there(connection, table, &row)? {
                    return Ok(());
                }
                // SQLite gives such a number to the next row when its own has gone.
                if row.remove(ROWID).is_none() {
                    return Err(in_the_way(table, TAKEN));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether the table holds this very row.
fn is_there(connection: &Connection, table: &str, row: &Map<String, Value>) -> Result<bool> {
    let row: Map<String, Value> = row
        .iter()
        .filter(|(name, _)| *name != ROWID)
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let sql = format!("SELECT 1 FROM main.{} WHERE {}", quote(table), all_are(&row));
    Ok(connection.prepare_cached(&sql)?.exists(params_from_iter(cells(&row)?))?)
}

/// The columns that no two rows have alike, key by key.
fn unique_keys(connection: &Connection, table: &str) -> Result<Vec<Vec<String>>> {
    let mut keys = Vec::new();
    if names_its_rowid(connection, table)? {
        let sql = "SELECT name FROM pragma_table_info(?1) WHERE pk > 0";
        keys.push(vec![connection.query_row(sql, [table], |row| row.get(0))?]);
    }
    let sql = "SELECT name FROM pragma_index_list(?1) WHERE \"unique\"";
    let mut indexes = connection.prepare(sql)?;
    let indexes = indexes.query_map([table], |row| row.get::<_, String>(0))?;
    for index in indexes.collect::<rusqlite::Result<Vec<_>>>()? {
        let mut columns = connection.prepare("SELECT name FROM pragma_index_info(?1)")?;
        let columns = columns.query_map([index], |row| row.get::<_, Option<String>>(0))?;
        // An index over an expression has no columns; its tables are small, and SQLite refuses.
        keys.extend(columns.collect::<rusqlite::Result<Option<Vec<String>>>>()?);
    }
    Ok(keys)
}

/// Whether a row of the table has one of the keys of this row.
fn is_taken(
    connection: &Connection,
    table: &str,
    keys: &[Vec<String>],
    row: &Map<String, Value>,
) -> Result<bool> {
    for key in keys {
        let cell =
            |name: &String| Some((name.clone(), row.get(name).filter(|v| !v.is_null())?.clone()));
        let Some(own) = key.iter().map(cell).collect::<Option<Map<String, Value>>>() else {
            continue;
        };
        let equal: Vec<String> =
            own.iter().map(|(name, value)| format!("{} = {}", quote(name), mark(value))).collect();
        let sql = format!("SELECT 1 FROM main.{} WHERE {}", quote(table), equal.join(" AND "));
        if connection.prepare_cached(&sql)?.exists(params_from_iter(cells(&own)?))? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn in_the_way(table: &str, what: &str) -> Error {
    Error::Work(anyhow::anyhow!("nothing was restored: in table `{table}` {what}"))
}
