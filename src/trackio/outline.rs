//! The rows of a run without what they hold: their ids, and which keys stand in each.
//!
//! Enough to say which rows a page shows; the rows themselves are then read by their ids. So a
//! page of a run of a million rows holds in memory this and its own rows, and the next page only
//! reads its rows.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::cache::Bytes;
use super::error::Result;
use super::metric::{self, Kind, Selection, Ties};
use super::project::Snapshot;
use super::run::{Run, rows_of};
use super::value::{self, Metrics};

/// What stands under a key in one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holds {
    /// `null`.
    Null,
    /// A finite number or a histogram: what Trackio takes for a scalar.
    Scalar,
    /// Anything else.
    Other,
}

/// Keys by their places in [`Outline::keys`], in the order of the row.
pub type Shape = Vec<(u32, Holds)>;

/// The rows of one selection, in their order.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    /// All keys of all rows, in the order of their first appearance.
    pub keys: Vec<String>,
    /// How many rows of the selection hold no JSON object.
    pub unreadable: usize,
    ids: Vec<i64>,
    shape_of_row: Vec<u32>,
    shapes: Vec<Shape>,
}

impl Outline {
    /// Reads the rows of a selection; those of a whole run are kept while the database stays as it
    /// is.
    pub fn of(
        snapshot: &Snapshot<'_>,
        kind: Kind,
        run: &Run,
        selection: Selection,
        ties: Ties,
    ) -> Result<Arc<Self>> {
        let read = || Self::read(snapshot, kind, run, selection, ties);
        let Some(table) = snapshot.schema.table(kind.table()) else { return Ok(Arc::default()) };
        if selection != Selection::All {
            return Ok(Arc::new(read()?));
        }
        let (condition, key) = rows_of(snapshot, table, run);
        snapshot
            .once(format!("outline of {} by {ties:?} where {condition} {key}", kind.table()), read)
    }

    fn read(
        snapshot: &Snapshot<'_>,
        kind: Kind,
        run: &Run,
        selection: Selection,
        ties: Ties,
    ) -> Result<Self> {
        let mut draft = Draft::default();
        metric::for_each(snapshot, kind, run, selection, ties, |row| {
            match value::object(row.json) {
                Some(metrics) => draft.take(row.id, &metrics),
                None => draft.outline.unreadable += 1,
            }
            ControlFlow::Continue(())
        })?;
        draft.outline.ids.shrink_to_fit();
        draft.outline.shape_of_row.shrink_to_fit();
        Ok(draft.outline)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The id of a row.
    pub fn id(&self, row: usize) -> Option<i64> {
        self.ids.get(row).copied()
    }

    /// For each row what is told of its shape, in the order of [`Outline::shapes`].
    pub fn of_rows<T: Copy>(&self, told: &[T]) -> Vec<T> {
        self.shape_of_rows().filter_map(|shape| told.get(shape).copied()).collect()
    }

    /// The rows whose shape meets a condition.
    pub fn rows_where(&self, holds: impl Fn(&Shape) -> bool) -> Vec<usize> {
        let told: Vec<bool> = self.shapes.iter().map(holds).collect();
        let rows = self.shape_of_rows().enumerate();
        rows.filter(|(_, shape)| told.get(*shape) == Some(&true)).map(|(row, _)| row).collect()
    }

    /// The place of each row's shape in [`Outline::shapes`].
    pub fn shape_of_rows(&self) -> impl Iterator<Item = usize> {
        self.shape_of_row.iter().map(|shape| *shape as usize)
    }

    /// The shapes that rows have.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// The place of a key.
    pub fn place(&self, key: &str) -> Option<u32> {
        let place = self.keys.iter().position(|known| known == key)?;
        u32::try_from(place).ok()
    }
}

impl Bytes for Outline {
    fn bytes(&self) -> usize {
        let shapes = self.shapes.iter().map(|shape| shape.len() * size_of::<(u32, Holds)>() + 24);
        self.ids.len() * 12
            + shapes.sum::<usize>()
            + self.keys.iter().map(|key| key.len() + 24).sum::<usize>()
    }
}

/// An outline under way.
#[derive(Default)]
struct Draft {
    outline: Outline,
    places: HashMap<String, u32>,
    known: HashMap<Shape, u32>,
    /// Mostly the next row has the last one's.
    last: Option<(Shape, u32)>,
}

impl Draft {
    fn take(&mut self, id: i64, metrics: &Metrics) {
        let shape: Shape = metrics
            .iter()
            .map(|(key, found)| {
                let holds = match found {
                    found if found.is_null() => Holds::Null,
                    found if value::is_scalar(found) => Holds::Scalar,
                    _ => Holds::Other,
                };
                (self.place(key), holds)
            })
            .collect();
        let number = match &self.last {
            Some((last, number)) if *last == shape => *number,
            _ => {
                let number = self.number(&shape);
                self.last = Some((shape, number));
                number
            }
        };
        self.outline.ids.push(id);
        self.outline.shape_of_row.push(number);
    }

    fn place(&mut self, key: &str) -> u32 {
        if let Some(place) = self.places.get(key) {
            return *place;
        }
        let place = self.outline.keys.len() as u32;
        self.outline.keys.push(key.to_owned());
        self.places.insert(key.to_owned(), place);
        place
    }

    fn number(&mut self, shape: &Shape) -> u32 {
        if let Some(number) = self.known.get(shape) {
            return *number;
        }
        let number = self.outline.shapes.len() as u32;
        self.outline.shapes.push(shape.clone());
        self.known.insert(shape.clone(), number);
        number
    }
}
