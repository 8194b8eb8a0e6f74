//! Rows as they were before a write, as JSON lines that restore them bit for bit.
//!
//! A line is a removed row, or rows of which some columns changed:
//!
//! ```text
//! {"table": "metrics", "row": {"id": 7, "metrics": {"blob": "{\"loss\":1.5}"}, ...}}
//! {"table": "configs", "rows": [[3, 4]], "was": {"run_name": "a"}, "is": {"run_name": "b"}}
//! ```
//!
//! Numbers and texts stand for themselves. Blobs, and what JSON has no words for, are objects:
//! `blob` with text, `blob_hex`, `text_hex`, `real`.

mod restore;

use std::io::Write;

use rusqlite::types::{Value as Cell, ValueRef};
use rusqlite::{Connection, params_from_iter};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::trackio::error::{Error, Result};
pub use restore::{check, restore};

/// The most rows of a line: between two of them a turn can end.
const ROWS_OF_LINE: usize = 500;

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Removed { table: String, row: Map<String, Value> },
    Changed(Changed),
}

/// Rows of a table of which some columns change to the same values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    table: String,
    /// First and last rowid of each stretch.
    rows: Vec<[i64; 2]>,
    was: Map<String, Value>,
    is: Map<String, Value>,
}

/// Writes the rows of a table that meet a condition, one a line.
pub fn write_rows(
    connection: &Connection,
    table: &str,
    condition: &str,
    values: &[String],
    to: &mut dyn Write,
) -> Result<()> {
    let rowid = if names_its_rowid(connection, table)? { "" } else { "rowid, " };
    let sql = format!("SELECT {rowid}* FROM main.{table} WHERE {condition} ORDER BY rowid");
    let mut statement = connection.prepare(&sql)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        let mut cells = Map::new();
        for (index, column) in columns.iter().enumerate() {
            cells.insert(column.clone(), to_json(row.get_ref(index)?));
        }
        write_line(&Line::Removed { table: table.to_owned(), row: cells }, to)?;
    }
    Ok(())
}

/// Whether a column is the rowid's other name.
fn names_its_rowid(connection: &Connection, table: &str) -> Result<bool> {
    let sql = "SELECT COUNT(*) = 1 AND MAX(UPPER(type)) = 'INTEGER'
               FROM pragma_table_info(?1) WHERE pk > 0";
    Ok(connection.query_row(sql, [table], |row| row.get(0))?)
}

impl Changed {
    /// The rows that meet a condition and are not so already, grouped by what they were.
    pub fn find(
        connection: &Connection,
        table: &str,
        condition: &str,
        values: &[String],
        columns: &[(&str, Cell)],
    ) -> Result<Vec<Self>> {
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let sql = format!(
            "SELECT rowid, {} FROM main.{table} WHERE {condition} ORDER BY rowid",
            names.join(", ")
        );
        let is: Map<String, Value> = columns
            .iter()
            .map(|(name, cell)| ((*name).to_owned(), to_json(ValueRef::from(cell))))
            .collect();
        let mut found: Vec<Self> = Vec::new();
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            let rowid: i64 = row.get(0)?;
            let mut was = Map::new();
            for (index, name) in names.iter().enumerate() {
                was.insert((*name).to_owned(), to_json(row.get_ref(index + 1)?));
            }
            if was == is {
                continue;
            }
            let mut newest_first = found.iter_mut().rev();
            let of_kind =
                newest_first.find(|change| change.was == was && change.len() < ROWS_OF_LINE);
            match of_kind {
                Some(change) => change.add(rowid),
                None => found.push(Self {
                    table: table.to_owned(),
                    rows: vec![[rowid, rowid]],
                    was,
                    is: is.clone(),
                }),
            }
        }
        Ok(found)
    }

    fn add(&mut self, rowid: i64) {
        match self.rows.last_mut() {
            Some(last) if last[1] + 1 == rowid => last[1] = rowid,
            _ => self.rows.push([rowid, rowid]),
        }
    }

    /// Writes itself as a line.
    pub fn write(&self, to: &mut dyn Write) -> Result<()> {
        write_line(&Line::Changed(self.clone()), to)
    }

    /// Puts the rows back that are as the change made them.
    fn take_back(&self, connection: &Connection) -> Result<()> {
        let set: Vec<String> = self
            .was
            .iter()
            .map(|(name, value)| format!("{} = {}", quote(name), mark(value)))
            .collect();
        let sql = format!(
            "UPDATE main.{} SET {} WHERE rowid BETWEEN ? AND ? AND {}",
            quote(&self.table),
            set.join(", "),
            all_are(&self.is)
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let (was, is) = (cells(&self.was)?, cells(&self.is)?);
        for [first, last] in &self.rows {
            let stretch = [Cell::Integer(*first), Cell::Integer(*last)];
            statement.execute(params_from_iter(was.iter().chain(&stretch).chain(&is)))?;
        }
        Ok(())
    }

    /// How many of its rows are as they were, or as the change made them.
    fn known(&self, connection: &Connection) -> Result<usize> {
        let sql = format!(
            "SELECT COUNT(*) FROM main.{} WHERE rowid BETWEEN ? AND ? AND (({}) OR ({}))",
            quote(&self.table),
            all_are(&self.was),
            all_are(&self.is)
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let (was, is) = (cells(&self.was)?, cells(&self.is)?);
        let mut known = 0;
        for [first, last] in &self.rows {
            let stretch = [Cell::Integer(*first), Cell::Integer(*last)];
            let values = params_from_iter(stretch.iter().chain(&was).chain(&is));
            known += statement.query_row(values, |row| row.get::<_, i64>(0))?;
        }
        Ok(known.unsigned_abs() as usize)
    }

    fn len(&self) -> usize {
        self.rows.iter().map(|[first, last]| (last - first + 1).unsigned_abs() as usize).sum()
    }
}

/// A condition for cells that are all so.
fn all_are(cells: &Map<String, Value>) -> String {
    let cells = cells.iter().map(|(name, value)| format!("{} IS {}", quote(name), mark(value)));
    cells.collect::<Vec<_>>().join(" AND ")
}

fn broken(error: &dyn std::fmt::Display) -> Error {
    Error::Work(anyhow::anyhow!("the saved rows cannot be read: {error}"))
}

fn write_line(line: &Line, to: &mut dyn Write) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::Work(anyhow::anyhow!("the rows could not be saved for an undo: {error}"))
    };
    serde_json::to_writer(&mut *to, line).map_err(|error| failed(&error))?;
    to.write_all(b"\n").map_err(|error| failed(&error))
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn cells(row: &Map<String, Value>) -> Result<Vec<Cell>> {
    let cells: Option<Vec<Cell>> = row.values().map(from_json).collect();
    cells.ok_or_else(|| broken(&"a value has no known form"))
}

/// The place of a value in a statement.
fn mark(value: &Value) -> &'static str {
    match value.get("text_hex") {
        Some(_) => "CAST(? AS TEXT)",
        None => "?",
    }
}

fn to_json(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => json!(number),
        ValueRef::Real(number) if number.is_finite() => json!(number),
        ValueRef::Real(number) => json!({"real": format!("{:016x}", number.to_bits())}),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => json!(text),
            Err(_) => json!({"text_hex": hex(bytes)}),
        },
        ValueRef::Blob(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => json!({"blob": text}),
            Err(_) => json!({"blob_hex": hex(bytes)}),
        },
    }
}

fn from_json(value: &Value) -> Option<Cell> {
    match value {
        Value::Null => Some(Cell::Null),
        Value::Number(number) if number.is_f64() => Some(Cell::Real(number.as_f64()?)),
        Value::Number(number) => Some(Cell::Integer(number.as_i64()?)),
        Value::String(text) => Some(Cell::Text(text.clone())),
        Value::Object(object) => {
            let (form, text) = object.iter().next()?;
            let text = text.as_str()?;
            match form.as_str() {
                "blob" => Some(Cell::Blob(text.as_bytes().to_vec())),
                // Bound as a blob, and cast.
                "text_hex" | "blob_hex" => unhex(text).map(Cell::Blob),
                "real" => u64::from_str_radix(text, 16).ok().map(f64::from_bits).map(Cell::Real),
                _ => None,
            }
        }
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| {
        let digits = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(digits, 16).ok()
    });
    pairs.collect()
}
