//! Every value of a metric as CSV: what a client can keep outside a model's context.

use std::ops::ControlFlow;

use csv::Writer;
use serde_json::Value;

use crate::tools::common::address::Values;
use crate::tools::common::{Context, Failure, resolve};
use crate::trackio::columns::{self, Wanted};
use crate::trackio::metric::{self, Kind, RawRow, Selection, Ties};
use crate::trackio::{Result as TrackioResult, Run, Snapshot, run, value};

/// One reading gives so many bytes of JSON: 150,000 values and more. A longer series comes in
/// parts: memory stays small however long it is, and the TypeScript client, which takes no message
/// of more than 10 MiB, takes every part.
pub const MOST_BYTES: usize = 8 << 20;

/// Part of a series.
pub struct Part {
    /// The table, its head included.
    pub text: String,
    /// The row with which the next part begins.
    pub next_row: Option<usize>,
}

/// Reads the values from `wanted.from_row` on, about `most_bytes` of them.
pub fn read(context: &Context, wanted: &Values, most_bytes: usize) -> Result<Part, Failure> {
    let project = resolve::project(context, &wanted.project)?;
    context.read(&project, |snapshot| {
        let run = resolve::run(snapshot, &wanted.run)?.run;
        let rows = run::count_rows(snapshot, wanted.kind.table(), &run)?;
        let mut count = context.count(rows, "rows");
        let (mut seen, mut found, mut more) = (0, 0, false);
        let mut table = Table::new(wanted.kind)?;
        let mut failed = Ok(());
        metric::for_each(snapshot, wanted.kind, &run, Selection::All, Ties::Index, |row| {
            seen += 1;
            failed = count.reach(seen);
            let value = value::member(row.json, &wanted.metric).flatten();
            if let (Some(value), Ok(())) = (value, &failed) {
                found += 1;
                more = table.rows > 0 && table.bytes() >= most_bytes;
                if found >= wanted.from_row && !more {
                    failed = table.add(&row, &value);
                }
            }
            if more || failed.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        failed?;
        if found < wanted.from_row {
            return Err(nothing_there(snapshot, &run, wanted, found)?.into());
        }
        Ok(Part { text: table.finish()?, next_row: more.then_some(found) })
    })
}

/// Why there is no such row: the metric is unknown, or shorter than was thought.
fn nothing_there(
    snapshot: &Snapshot<'_>,
    run: &Run,
    wanted: &Values,
    found: usize,
) -> TrackioResult<Failure> {
    if found > 0 {
        return Ok(Failure(format!(
            "Metric `{}` has {found} rows; there is no row {}.",
            resolve::shown(&wanted.metric),
            wanted.from_row
        )));
    }
    let columns = columns::of_run(snapshot, wanted.kind, run, &Wanted::statistics())?;
    let known: Vec<&str> = columns.metrics.keys().map(String::as_str).collect();
    let lister = match wanted.kind {
        Kind::Metrics => "get_metrics_for_run",
        Kind::System => "get_system_metrics_for_run",
    };
    Ok(resolve::no_such_metric(&wanted.metric, run, &known, lister))
}

struct Table {
    kind: Kind,
    writer: Writer<Vec<u8>>,
    written: usize,
    rows: usize,
}

impl Table {
    fn new(kind: Kind) -> TrackioResult<Self> {
        let mut table = Self { kind, writer: Writer::from_writer(Vec::new()), written: 0, rows: 0 };
        table.record("step", "timestamp", "value")?;
        Ok(table)
    }

    fn add(&mut self, row: &RawRow<'_>, value: &Value) -> TrackioResult<()> {
        let cell = match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.rows += 1;
        self.record(&row.step.to_string(), row.timestamp, &cell)
    }

    /// Rows of the machine have no steps.
    fn record(&mut self, step: &str, timestamp: &str, value: &str) -> TrackioResult<()> {
        self.written += json_bytes(step) + json_bytes(timestamp) + json_bytes(value) + 4;
        let cells = [step, timestamp, value];
        let cells = cells.iter().skip(usize::from(self.kind == Kind::System));
        self.writer.write_record(cells).map_err(broken)
    }

    fn bytes(&self) -> usize {
        self.written
    }

    fn finish(self) -> TrackioResult<String> {
        let bytes = self.writer.into_inner().map_err(broken)?;
        String::from_utf8(bytes).map_err(broken)
    }
}

/// How long a cell is in the answer.
fn json_bytes(cell: &str) -> usize {
    let of_byte = |byte: u8| match byte {
        // Doubled as CSV, each escaped as JSON.
        b'"' => 4,
        b'\\' => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    cell.bytes().map(of_byte).sum()
}

/// Nothing of the data does this: the table is in memory, and its cells are text.
fn broken(error: impl std::fmt::Display) -> crate::trackio::Error {
    Failure(format!("The table cannot be written: {error}.")).into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tools::common::fixture::Fixture;

    #[test]
    fn parts_put_together_are_the_whole() {
        let fixture = Fixture::empty();
        let rows: Vec<Value> = (0..100)
            .map(|step| if step % 3 == 0 { json!({"y": 1}) } else { json!({"x": step, "y": 2}) })
            .collect();
        fixture.run("p", "r", "2026-03-01T10:00:00+00:00", json!({}), &rows);
        let (project, run, metric) = ("p".to_owned(), "r".to_owned(), "x".to_owned());
        let mut wanted = Values { project, run, kind: Kind::Metrics, metric, from_row: 1 };
        let whole = read(&fixture.context(), &wanted, MOST_BYTES).unwrap();
        assert_eq!((whole.text.lines().count(), whole.next_row), (67, None));
        for most_bytes in [1, 100, 1_000, whole.text.len()] {
            let (mut lines, mut parts) = (vec!["step,timestamp,value".to_owned()], 0);
            wanted.from_row = 1;
            loop {
                let part = read(&fixture.context(), &wanted, most_bytes).unwrap();
                lines.extend(part.text.lines().skip(1).map(str::to_owned));
                parts += 1;
                match part.next_row {
                    Some(row) => wanted.from_row = row,
                    None => break,
                }
            }
            assert!(whole.text.lines().eq(lines.iter().map(String::as_str)), "{most_bytes}");
            assert!(
                parts <= 66 && (most_bytes > 1_000 || parts > 1),
                "{parts} parts of {most_bytes}"
            );
        }
    }
}
