//! Rows on their way from the reader to the parser.
//!
//! To read a long run's pages and to parse its JSON take about the same time, so where there is
//! a second core they go side by side: one thread asks SQLite, another parses what it hands over.

use std::sync::mpsc::sync_channel;
use std::thread;

use crate::trackio::metric::RawRow;
use crate::trackio::value::Step;

/// How many rows go over at a time.
const ROWS: usize = 2_000;
/// How many batches may wait.
const WAITING: usize = 4;

/// Copies of some rows, one after the other.
#[derive(Debug, Default)]
struct Batch {
    timestamps: String,
    json: Vec<u8>,
    rows: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    id: i64,
    step: Step,
    timestamp_end: usize,
    json_end: usize,
}

impl Batch {
    fn push(&mut self, row: &RawRow<'_>) {
        self.timestamps.push_str(row.timestamp);
        self.json.extend_from_slice(row.json);
        self.rows.push(Place {
            id: row.id,
            step: row.step,
            timestamp_end: self.timestamps.len(),
            json_end: self.json.len(),
        });
    }

    fn rows(&self) -> impl Iterator<Item = RawRow<'_>> {
        let (mut timestamp_start, mut json_start) = (0, 0);
        self.rows.iter().map(move |place| {
            let timestamp = self.timestamps.get(timestamp_start..place.timestamp_end);
            let json = self.json.get(json_start..place.json_end);
            (timestamp_start, json_start) = (place.timestamp_end, place.json_end);
            RawRow {
                id: place.id,
                timestamp: timestamp.unwrap_or_default(),
                step: place.step,
                json: json.unwrap_or_default(),
            }
        })
    }
}

/// Copies the rows that `read` hands over and lets `take` have them on a thread of its own.
///
/// `take` may lag behind by a few batches; both have ended when this returns.
pub fn side_by_side<E>(
    read: impl FnOnce(&mut dyn FnMut(&RawRow<'_>)) -> Result<(), E>,
    mut take: impl FnMut(&RawRow<'_>) + Send,
) -> Result<(), E> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Batch>(WAITING);
        scope.spawn(move || {
            for batch in receiver {
                batch.rows().for_each(|row| take(&row));
            }
        });
        let mut batch = Batch::default();
        // Sending fails only where `take` panicked, and then the scope does.
        let result = read(&mut |row| {
            batch.push(row);
            if batch.rows.len() == ROWS {
                let _ = sender.send(std::mem::take(&mut batch));
            }
        });
        let _ = sender.send(batch);
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_arrive_whole_and_in_order() {
        let rows = 3 * ROWS as i64 + 7;
        let mut seen = Vec::new();
        let read = |take: &mut dyn FnMut(&RawRow<'_>)| {
            for id in 0..rows {
                let (timestamp, json) = (format!("é{id}"), format!("{{\"a\":{id}}}"));
                let step = Step::Whole(id);
                take(&RawRow { id, timestamp: &timestamp, step, json: json.as_bytes() });
            }
            Ok::<(), ()>(())
        };
        side_by_side(read, |row| {
            assert_eq!(row.timestamp, format!("é{}", row.id));
            assert_eq!(row.json, format!("{{\"a\":{}}}", row.id).as_bytes());
            seen.push(row.id);
        })
        .unwrap();
        assert!(seen.into_iter().eq(0..rows));
    }
}
