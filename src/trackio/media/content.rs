//! What a value that stands in its row whole is made of.

use std::ops::Range;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::value;
use super::Typed;
use crate::analysis::histogram::Histogram;

/// The content of one value.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Rows and columns.
    Table(TableRows),
    /// Counts in bins.
    Histogram(Histogram),
    /// A report.
    Markdown(String),
    /// Nothing is in the row: a file holds it.
    InFile,
}

/// Some rows of a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TableRows {
    /// How many it has in all.
    pub total: usize,
    /// Those that were picked. A row that is no object has its cells under `0`, `1`, ..., as
    /// Trackio names columns without a name.
    pub rows: Vec<Map<String, Value>>,
}

pub(super) fn of(typed: &Typed<'_>, picked: Range<usize>) -> Content {
    match typed.kind() {
        Some("table") => Content::Table(table(typed.value, picked)),
        Some("histogram") => {
            Content::Histogram(Histogram::new(numbers(typed.bins), numbers(typed.values)))
        }
        Some("markdown") => Content::Markdown(super::text(typed.value).unwrap_or_default()),
        _ => Content::InFile,
    }
}

/// Only what was picked is read; a table can be far larger than an answer.
fn table(rows: Option<&RawValue>, picked: Range<usize>) -> TableRows {
    let Some(rows) = rows.and_then(|rows| serde_json::from_str::<Vec<&RawValue>>(rows.get()).ok())
    else {
        return TableRows::default();
    };
    let picked = rows.iter().take(picked.end).skip(picked.start);
    TableRows { total: rows.len(), rows: picked.map(|row| cells(row)).collect() }
}

fn cells(row: &RawValue) -> Map<String, Value> {
    match value::parse(row.get().as_bytes()) {
        Some(Value::Object(cells)) => cells,
        Some(Value::Array(cells)) => {
            cells.into_iter().enumerate().map(|(column, cell)| (column.to_string(), cell)).collect()
        }
        Some(other) => [("0".to_owned(), other)].into_iter().collect(),
        None => Map::new(),
    }
}

/// A list of numbers; empty where it is none.
fn numbers(list: Option<&RawValue>) -> Vec<f64> {
    let list = list.and_then(|list| serde_json::from_str::<Vec<Value>>(list.get()).ok());
    list.unwrap_or_default().iter().map(|item| value::number(item).unwrap_or(f64::NAN)).collect()
}
