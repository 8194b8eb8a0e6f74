//! A run's metrics as columns of numbers: what statistics, charts and diagnoses read.

pub mod row;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde_json::Value;

use crate::analysis::series::Series;
use crate::trackio::error::Result;
use crate::trackio::metric::{self, Kind, Selection};
use crate::trackio::project::Snapshot;
use crate::trackio::run::Run;
use crate::trackio::{time, value};

/// All metrics of one run.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// How many rows the run has, unreadable ones left out.
    pub rows: usize,
    /// How many rows hold no JSON object.
    pub unreadable: usize,
    /// By name.
    pub metrics: BTreeMap<String, Column>,
}

/// One metric of one run.
#[derive(Debug, Clone, Default)]
pub struct Column {
    /// Its numbers, in the order of the rows, non-finite ones included.
    pub series: Series,
    /// How many values are no numbers: texts, images, tables, ...
    pub others: usize,
    /// What kind the last value is that is not null.
    pub kind: String,
}

impl Columns {
    /// The metric's numbers, if it has any.
    pub fn series(&self, metric: &str) -> Option<&Series> {
        self.metrics.get(metric).map(|column| &column.series).filter(|series| !series.is_empty())
    }
}

/// Reads all metrics of a run.
pub fn read(snapshot: &Snapshot<'_>, kind: Kind, run: &Run) -> Result<Columns> {
    let mut columns = Columns::default();
    metric::for_each(snapshot, kind, run, Selection::All, |row| {
        let Some(metrics) = value::object(row.json) else {
            columns.unreadable += 1;
            return ControlFlow::Continue(());
        };
        columns.rows += 1;
        let (step, seconds) = (row.step.as_f64(), time::seconds(row.timestamp));
        for (name, value) in metrics {
            if matches!(name.as_str(), "timestamp" | "step") {
                continue;
            }
            columns.metrics.entry(name).or_default().add(step, seconds, &value);
        }
        ControlFlow::Continue(())
    })?;
    Ok(columns)
}

impl Column {
    fn add(&mut self, step: f64, seconds: f64, value: &Value) {
        if value.is_null() {
            return;
        }
        match value::number(value) {
            Some(number) => self.series.push(step, seconds, number),
            None => self.others += 1,
        }
        let kind = value::kind(value);
        if self.kind != kind {
            kind.clone_into(&mut self.kind);
        }
    }
}
