//! Every value of a metric as CSV: what a client can keep outside a model's context.

use std::ops::ControlFlow;

use csv::Writer;
use serde_json::Value;

use crate::tools::common::address::Values;
use crate::tools::common::{Context, Failure, resolve};
use crate::trackio::columns::{self, Wanted};
use crate::trackio::metric::{self, Kind, RawRow, Selection, Ties};
use crate::trackio::{Result as TrackioResult, Run, Snapshot, run, value};

/// One reading gives so much: 200,000 values and more. A longer series comes in parts, so that
/// memory stays small however long it is.
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
                more = table.bytes() >= most_bytes;
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
}

impl Table {
    fn new(kind: Kind) -> TrackioResult<Self> {
        let mut table = Self { kind, writer: Writer::from_writer(Vec::new()), written: 0 };
        table.record("step", "timestamp", "value")?;
        Ok(table)
    }

    fn add(&mut self, row: &RawRow<'_>, value: &Value) -> TrackioResult<()> {
        let cell = match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.record(&row.step.to_string(), row.timestamp, &cell)
    }

    /// Rows of the machine have no steps.
    fn record(&mut self, step: &str, timestamp: &str, value: &str) -> TrackioResult<()> {
        self.written += step.len() + timestamp.len() + value.len() + 3;
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

/// Nothing of the data does this: the table is in memory, and its cells are text.
fn broken(error: impl std::fmt::Display) -> crate::trackio::Error {
    Failure(format!("The table cannot be written: {error}.")).into()
}
