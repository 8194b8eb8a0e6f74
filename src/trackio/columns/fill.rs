//! Reads rows into columns.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::ControlFlow;

use rusqlite::OptionalExtension;
use serde_json::Value;

use super::batch;
use super::probe::digest;
use super::row::{self, Key, Scalar};
use super::{Column, Columns, Values, Wanted};
use crate::trackio::error::Result;
use crate::trackio::metric::{self, Kind, RawRow, Selection, Ties};
use crate::trackio::project::Snapshot;
use crate::trackio::run::{Run, rows_of};
use crate::trackio::{time, value};

/// Runs of so many rows are read again as a whole when the database has changed: that is quick,
/// and certain.
const READ_AGAIN: usize = 20_000;

/// Runs of so many rows are worth a second thread.
const LONG: usize = 10_000;

/// Reads all rows.
pub fn all(snapshot: &Snapshot<'_>, kind: Kind, run: &Run, wanted: &Wanted) -> Result<Columns> {
    if metric::has_more_than(snapshot, kind, run, LONG)? {
        // By their ids they are in the order of their times too, unless several machines wrote
        // the run or a clock was set back.
        let fills_table = metric::fills_table(snapshot, kind, run)?;
        let by_id = fills_table.then(|| metric::stream_by_id(snapshot, kind, run)).flatten();
        for rows in by_id.into_iter().chain(metric::stream(snapshot, kind, run)) {
            let mut filler = Filler::of(wanted);
            if batch::side_by_side(snapshot.connection, &rows, |row| filler.take(row))? {
                return Ok(filler.finish());
            }
        }
    }
    let mut filler = Filler::of(wanted);
    metric::for_each(snapshot, kind, run, Selection::All, Ties::Index, |row| {
        filler.take(&row);
        ControlFlow::Continue(())
    })?;
    Ok(filler.finish())
}

/// Adds the rows that came since, or reads all again where the old ones have changed.
pub fn extend(snapshot: &Snapshot<'_>, kind: Kind, run: &Run, columns: Columns) -> Result<Columns> {
    let wanted = columns.wanted.clone();
    let is_small = columns.rows + columns.unreadable <= READ_AGAIN;
    if is_small || !still_holds(snapshot, kind, run, &columns)? {
        return all(snapshot, kind, run, &wanted);
    }
    let (last_id, last_timestamp) = (columns.last_id, columns.last_timestamp.clone());
    let mut filler = Filler::new(columns);
    let mut is_in_order = true;
    metric::for_each_after(snapshot, kind, run, last_id, |row| {
        // Its place is between rows that were read before: another machine's clock.
        if row.timestamp < last_timestamp.as_str() {
            is_in_order = false;
            return ControlFlow::Break(());
        }
        filler.take(&row);
        ControlFlow::Continue(())
    })?;
    if is_in_order { Ok(filler.finish()) } else { all(snapshot, kind, run, &wanted) }
}

/// Whether the probed rows are there and unchanged.
fn still_holds(snapshot: &Snapshot<'_>, kind: Kind, run: &Run, columns: &Columns) -> Result<bool> {
    let Some(table) = snapshot.schema.table(kind.table()) else { return Ok(false) };
    let (condition, key) = rows_of(snapshot, table, run);
    let sql =
        format!("SELECT timestamp, metrics FROM {} WHERE id = ?2 AND {condition}", table.source);
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    for probe in columns.probes.iter() {
        let found = statement.query_row(rusqlite::params![key, probe.id], |row| {
            let bytes = |column| {
                Ok::<_, rusqlite::Error>(value::bytes(row.get_ref(column)?).unwrap_or_default())
            };
            Ok(digest(bytes(0)?, bytes(1)?))
        });
        if found.optional()? != Some(probe.digest) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Rows on their way into columns.
struct Filler {
    columns: Columns,
    names: HashMap<String, usize>,
    slots: Vec<Slot>,
    /// Which metric stood at each place of the last row: mostly the same as in the next.
    order: Vec<usize>,
    keeps_places: bool,
    last_seconds: f64,
    /// What the walk found in the row at hand; empty between rows.
    found: Vec<(Key<'static>, Scalar<'static>)>,
    last_json: Vec<u8>,
    last_row_id: i64,
    rows_taken: usize,
}

struct Slot {
    name: String,
    /// As rows hold the key.
    quoted: Option<Vec<u8>>,
    column: Column,
    is_wanted: bool,
    last_row: usize,
}

/// An empty list in the same memory, which may outlive what the full one borrowed.
#[expect(clippy::unnecessary_filter_map, reason = "to filter would keep the lifetime")]
fn emptied(found: Vec<(Key<'_>, Scalar<'_>)>) -> Vec<(Key<'static>, Scalar<'static>)> {
    found.into_iter().filter_map(|_| None).collect()
}

/// A number by JSON's grammar, which Rust's reader takes too.
fn parsed(digits: &[u8]) -> f64 {
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(f64::NAN)
}

impl Filler {
    fn of(wanted: &Wanted) -> Self {
        Self::new(Columns { wanted: wanted.clone(), ..Columns::default() })
    }

    fn new(mut columns: Columns) -> Self {
        let metrics = std::mem::take(&mut columns.metrics);
        let mut filler = Self {
            keeps_places: columns.wanted.wants_any_values(),
            columns,
            names: HashMap::new(),
            slots: Vec::new(),
            order: Vec::new(),
            last_seconds: f64::NAN,
            found: Vec::new(),
            last_json: Vec::new(),
            last_row_id: 0,
            rows_taken: 0,
        };
        for (name, column) in metrics {
            filler.add_slot(&name, column);
        }
        filler
    }

    fn take(&mut self, raw: &RawRow<'_>) {
        self.rows_taken += 1;
        if self.rows_taken == 1 || raw.timestamp != self.columns.last_timestamp {
            raw.timestamp.clone_into(&mut self.columns.last_timestamp);
            self.last_seconds = time::seconds(raw.timestamp);
        }
        self.columns.probes.see(raw.id, raw.timestamp.as_bytes(), raw.json);
        self.last_json.clear();
        self.last_json.extend_from_slice(raw.json);
        self.columns.last_id = self.columns.last_id.max(raw.id);
        self.last_row_id = raw.id;
        let step = raw.step.as_f64();
        if self.take_flat(step, raw.json) || self.take_any(step, raw.json) {
            let (low, high) = self.columns.steps.unwrap_or((step, step));
            self.columns.steps = Some((low.min(step), high.max(step)));
            if self.keeps_places {
                self.columns.row_steps.push(step);
                self.columns.row_times.push(self.last_seconds);
            }
            self.columns.rows += 1;
        } else {
            self.columns.unreadable += 1;
        }
    }

    /// Takes a row that the walk knows; otherwise changes nothing and says so.
    fn take_flat(&mut self, step: f64, json: &[u8]) -> bool {
        let mut found: Vec<(Key<'_>, Scalar<'_>)> = std::mem::take(&mut self.found);
        let guess = |place: usize| self.slots.get(*self.order.get(place)?)?.quoted.as_deref();
        let is_flat = row::walk(json, guess, &mut found).is_ok() && self.find_slots(&found);
        if is_flat {
            self.take_found(step, &found);
        }
        self.found = emptied(found);
        is_flat
    }

    fn take_found(&mut self, step: f64, found: &[(Key<'_>, Scalar<'_>)]) {
        let row = self.columns.rows;
        for (slot, (_, scalar)) in self.order.iter().zip(found) {
            let Some(slot) = self.slots.get_mut(*slot).filter(|slot| slot.is_wanted) else {
                continue;
            };
            match scalar {
                Scalar::Number(digits) => slot.column.push(row, step, parsed(digits)),
                Scalar::Text(word) => match value::non_finite(word) {
                    Some(number) => slot.column.push(row, step, number),
                    None => slot.column.push_other("text"),
                },
                Scalar::Boolean => slot.column.push_other("boolean"),
                Scalar::Null => {}
            }
        }
    }

    /// Puts the slots of a row's keys in order. `false` where a key is repeated: the last counts,
    /// and the parser knows it.
    fn find_slots(&mut self, found: &[(Key<'_>, Scalar<'_>)]) -> bool {
        for (place, (key, _)) in found.iter().enumerate() {
            if let Key::Named(name) = key {
                let slot = self.slot(name);
                self.order.truncate(place);
                self.order.push(slot);
            }
        }
        let row = self.rows_taken;
        self.order.iter().take(found.len()).all(|slot| {
            let slot = self.slots.get_mut(*slot);
            slot.is_some_and(|slot| std::mem::replace(&mut slot.last_row, row) != row)
        })
    }

    /// Takes any row that holds a JSON object.
    fn take_any(&mut self, step: f64, json: &[u8]) -> bool {
        let Some(metrics) = value::object(json) else { return false };
        let row = self.columns.rows;
        for (name, found) in &metrics {
            let slot = self.slot(name);
            let Some(slot) = self.slots.get_mut(slot).filter(|slot| slot.is_wanted) else {
                continue;
            };
            match (value::number(found), found) {
                (Some(number), _) => slot.column.push(row, step, number),
                (None, Value::Null) => {}
                (None, other) => slot.column.push_other(value::kind(other)),
            }
        }
        true
    }

    fn slot(&mut self, name: &str) -> usize {
        if let Some(slot) = self.names.get(name) {
            return *slot;
        }
        let is_reserved = matches!(name, "timestamp" | "step");
        let wanted = &self.columns.wanted;
        let column =
            Column { values: wanted.wants_values(name).then(Values::default), ..Column::default() };
        let is_wanted = !is_reserved && wanted.wants(name);
        self.add_slot(name, column);
        let slot = self.slots.len() - 1;
        if let Some(slot) = self.slots.last_mut() {
            slot.is_wanted = is_wanted;
        }
        slot
    }

    fn add_slot(&mut self, name: &str, column: Column) {
        self.names.insert(name.to_owned(), self.slots.len());
        let (name, quoted) = (name.to_owned(), row::quoted(name));
        self.slots.push(Slot { name, quoted, column, is_wanted: true, last_row: 0 });
    }

    fn finish(mut self) -> Columns {
        if self.rows_taken > 0 {
            let timestamp = self.columns.last_timestamp.as_bytes();
            self.columns.probes.end(self.last_row_id, timestamp, &self.last_json);
        }
        let wanted = self.slots.into_iter().filter(|slot| slot.is_wanted);
        self.columns.metrics = wanted.map(|slot| (slot.name, slot.column)).collect();
        self.columns
    }
}

impl Column {
    fn push(&mut self, row: usize, step: f64, number: f64) {
        let (low, high) = self.steps.unwrap_or((step, step));
        self.steps = Some((low.min(step), high.max(step)));
        self.numbers.push(step, number);
        self.kind = Cow::Borrowed("number");
        if let Some(values) = &mut self.values {
            values.push(row, step, number);
        }
    }

    fn push_other(&mut self, kind: &str) {
        self.others += 1;
        if self.kind != kind {
            self.kind = Cow::Owned(kind.to_owned());
        }
    }
}
