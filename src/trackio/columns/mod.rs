//! A run's metrics as columns of numbers: what statistics, samples and diagnoses read.
//!
//! Columns are filled once, kept for the life of the process within a bound of bytes, and
//! extended with the new rows when the database has grown. Whether it has is told by the change
//! key alone; what a changed database still shares with the columns is checked row by row where
//! that is cheap, by [`probe`]s where it is not.

mod batch;
mod fill;
mod probe;
mod row;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use probe::Probes;

use super::cache::{Bytes, Key};
use super::error::Result;
use super::metric::Kind;
use super::project::Snapshot;
use super::run::{Run, rows_of};
use crate::analysis::role::{Direction, Role, classify};
use crate::analysis::sample::Outline;
use crate::analysis::series::Series;
use crate::analysis::stats::{Accumulator, Stats};

/// What is wanted of a run's rows. Values take memory, so only those that are needed are kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// Statistics of every metric, not only of those whose values are wanted.
    pub every_metric: bool,
    /// Metrics whose values are wanted, by name.
    pub values: BTreeSet<String>,
    /// The values of every metric whose name says what it is or which way is better.
    pub diagnosed: bool,
}

impl Wanted {
    /// Statistics of every metric.
    pub fn statistics() -> Self {
        Self { every_metric: true, ..Self::default() }
    }

    /// Statistics of every metric, and the values that a diagnosis looks at.
    pub fn diagnosis() -> Self {
        Self { every_metric: true, diagnosed: true, ..Self::default() }
    }

    /// The values of one metric.
    pub fn values_of_one(metric: &str) -> Self {
        Self { values: BTreeSet::from([metric.to_owned()]), ..Self::default() }
    }

    fn wants_values(&self, metric: &str) -> bool {
        self.values.contains(metric) || (self.diagnosed && is_diagnosed(metric))
    }

    fn wants_any_values(&self) -> bool {
        self.diagnosed || !self.values.is_empty()
    }

    fn wants(&self, metric: &str) -> bool {
        self.every_metric || self.wants_values(metric)
    }

    fn covers(&self, other: &Self) -> bool {
        (self.every_metric || !other.every_metric)
            && (self.diagnosed || !other.diagnosed)
            && other.values.iter().all(|metric| self.wants_values(metric))
    }

    fn and(&self, other: &Self) -> Self {
        Self {
            every_metric: self.every_metric || other.every_metric,
            diagnosed: self.diagnosed || other.diagnosed,
            values: self.values.union(&other.values).cloned().collect(),
        }
    }
}

fn is_diagnosed(metric: &str) -> bool {
    let class = classify(metric);
    !matches!(class.role, Role::Other | Role::Counter) || class.direction.is_some()
}

/// The rows of one run, as far as they were wanted.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// How many rows hold a JSON object.
    pub rows: usize,
    /// How many rows hold none.
    pub unreadable: usize,
    /// The lowest and the highest step of the rows.
    pub steps: Option<(f64, f64)>,
    /// By name.
    pub metrics: BTreeMap<String, Column>,
    wanted: Wanted,
    row_steps: Vec<f64>,
    row_times: Vec<f64>,
    probes: Probes,
    last_id: i64,
    last_timestamp: String,
}

/// One metric of one run.
#[derive(Debug, Clone, Default)]
pub struct Column {
    /// How many values are no numbers: texts, images, tables, ...
    pub others: usize,
    /// What the last value is that is not null; empty where all are null.
    pub kind: Cow<'static, str>,
    /// The lowest and the highest step at which a number was logged.
    pub steps: Option<(f64, f64)>,
    numbers: Accumulator,
    values: Option<Values>,
}

/// The numbers of a metric. Most metrics stand in every row; for the others the rows are kept.
#[derive(Debug, Clone, Default)]
struct Values {
    rows: Option<Vec<u32>>,
    values: Vec<f64>,
    outline: Outline,
}

/// The numbers of one metric, side by side.
pub struct View<'a> {
    /// The step of each.
    pub steps: Cow<'a, [f64]>,
    /// The time of each, in seconds since 1970.
    pub times: Cow<'a, [f64]>,
    /// The numbers, non-finite ones included.
    pub values: &'a [f64],
    /// What a sample of them needs.
    pub outline: &'a Outline,
}

/// The columns of a run, from the cache where it holds them.
pub fn of_run(
    snapshot: &Snapshot<'_>,
    kind: Kind,
    run: &Run,
    wanted: &Wanted,
) -> Result<Arc<Columns>> {
    let Some(key) = key(snapshot, kind, run) else {
        return Ok(Arc::new(fill::all(snapshot, kind, run, wanted)?));
    };
    if let Some(kept) = snapshot.kept::<Columns>(Some(&key))
        && kept.wanted.covers(wanted)
    {
        return Ok(kept);
    }
    // Taken out, so that they can grow in place.
    let columns = match snapshot.cache().take::<Columns>(&key).map(|cached| cached.value) {
        Some(old) if old.wanted.covers(wanted) && is_own_table(snapshot, kind) => {
            fill::extend(snapshot, kind, run, Arc::unwrap_or_clone(old))?
        }
        Some(old) => fill::all(snapshot, kind, run, &old.wanted.and(wanted))?,
        None => fill::all(snapshot, kind, run, wanted)?,
    };
    let columns = Arc::new(columns);
    snapshot.keep(Some(key), &columns);
    Ok(columns)
}

/// The key of a run's columns; `None` where they cannot be kept. The rows of a view are another
/// thing than those of the table.
fn key(snapshot: &Snapshot<'_>, kind: Kind, run: &Run) -> Option<Key> {
    let table = snapshot.schema.table(kind.table())?;
    let (condition, run) = rows_of(snapshot, table, run);
    snapshot.key(format!("columns of {} where {condition} {run}", table.source))
}

/// Whether the rows are those of a table, which only grows. A view stands for the table where rows
/// wait in the inbox, or where 0.0.x holds several projects in one table.
fn is_own_table(snapshot: &Snapshot<'_>, kind: Kind) -> bool {
    let table = snapshot.schema.table(kind.table());
    table.is_some_and(|table| table.source == format!("main.{}", kind.table()))
}

impl Columns {
    /// The metric's numbers, where they were wanted and there are any.
    pub fn view(&self, metric: &str) -> Option<View<'_>> {
        let values = self.metrics.get(metric)?.values.as_ref().filter(|v| !v.values.is_empty())?;
        Some(View {
            steps: values.places(&self.row_steps),
            times: values.places(&self.row_times),
            values: &values.values,
            outline: &values.outline,
        })
    }

    /// The same as a series of its own.
    pub fn series(&self, metric: &str) -> Option<Series> {
        let View { steps, times, values, .. } = self.view(metric)?;
        let (steps, times) = (steps.into_owned(), times.into_owned());
        Some(Series { steps, times, values: values.to_vec() })
    }
}

impl Bytes for Columns {
    fn bytes(&self) -> usize {
        let of_column = |column: &Column| {
            512 + column.values.as_ref().map_or(0, |values| {
                let rows = values.rows.as_ref().map_or(0, Vec::capacity);
                values.values.capacity() * 8 + rows * 4 + values.outline.bytes()
            })
        };
        self.metrics.values().map(of_column).sum::<usize>()
            + (self.row_steps.capacity() + self.row_times.capacity()) * 8
            + self.probes.bytes()
    }
}

impl Column {
    /// How many numbers there are.
    pub fn count(&self) -> usize {
        self.numbers.count()
    }

    /// The statistics of the numbers.
    pub fn stats(&self, direction: Option<Direction>) -> Stats {
        self.numbers.stats(direction)
    }
}

impl Values {
    fn places<'a>(&self, of_rows: &'a [f64]) -> Cow<'a, [f64]> {
        match &self.rows {
            None => Cow::Borrowed(of_rows.get(..self.values.len()).unwrap_or_default()),
            Some(rows) => {
                let place = |row: &u32| of_rows.get(*row as usize).copied().unwrap_or(f64::NAN);
                rows.iter().map(place).collect()
            }
        }
    }

    fn push(&mut self, row: usize, step: f64, value: f64) {
        if self.rows.is_none() && row != self.values.len() {
            self.rows = Some((0..self.values.len() as u32).collect());
        }
        if let Some(rows) = &mut self.rows {
            rows.push(row as u32);
        }
        self.values.push(value);
        self.outline.push(step, value);
    }
}
