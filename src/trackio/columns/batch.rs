//! Rows on their way from the reader to the parser.
//!
//! To read a long run's pages and to parse its JSON take about the same time, so where there is
//! a second core they go side by side: one thread asks SQLite, another parses what it hands over.
//! SQLite hands it to an aggregate function of ours, within one step of the statement: a step and
//! four columns for each row, asked for from outside, take a quarter of the reading.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

use rusqlite::Connection;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};

use crate::trackio::error::Result;
use crate::trackio::metric::{RawRow, Stream};
use crate::trackio::value::Step;

/// How many rows go over at a time.
const ROWS: usize = 2_000;
/// At so much JSON fewer do.
const BYTES: usize = 4 << 20;
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

    fn is_full(&self) -> bool {
        self.rows.len() == ROWS || self.json.len() >= BYTES
    }

    /// Empties it, and keeps its memory for the next rows.
    fn clear(&mut self) {
        self.timestamps.clear();
        self.json.clear();
        self.rows.clear();
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

/// Lets `take` have the rows on a thread of its own. `false`, with some of the rows taken, where
/// their times are not in order.
pub fn side_by_side(
    connection: &Connection,
    rows: &Stream<'_>,
    mut take: impl FnMut(&RawRow<'_>) + Send,
) -> Result<bool> {
    let goes_back = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&goes_back);
    let read = thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Option<Batch>>(WAITING);
        let (giver, used) = channel::<Batch>();
        scope.spawn(move || {
            while let Ok(Some(mut batch)) = receiver.recv() {
                batch.rows().for_each(|row| take(&row));
                batch.clear();
                // The reader may have ended.
                let _ = giver.send(batch);
            }
        });
        let reader = Reader { sender: sender.clone(), used, goes_back: told };
        let read = read(connection, rows, reader);
        // Sending fails only where `take` panicked, and then the scope does.
        let _ = sender.send(None);
        read
    });
    match read {
        Ok(()) => Ok(true),
        Err(_) if goes_back.load(Ordering::Relaxed) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The name of the aggregate function, which is there for the time of one read.
const FUNCTION: &str = "take_rows";

fn read(connection: &Connection, rows: &Stream<'_>, reader: Reader) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_aggregate_function(FUNCTION, 4, flags, reader)?;
    let sql = format!("SELECT {FUNCTION}({}) FROM {}", rows.columns, rows.from);
    let read = connection.query_row(&sql, [rows.key], |_| Ok(()));
    connection.remove_function(FUNCTION, 4)?;
    read
}

/// Copies rows, and sends them batch by batch.
struct Reader {
    sender: SyncSender<Option<Batch>>,
    used: Receiver<Batch>,
    /// Whether a row came that was written before the one ahead of it.
    goes_back: Arc<AtomicBool>,
}

/// What was read and not yet sent.
#[derive(Default)]
struct Unsent {
    batch: Batch,
    latest: String,
}

impl Aggregate<Unsent, bool> for Reader {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Unsent> {
        Ok(Unsent::default())
    }

    fn step(&self, context: &mut Context<'_>, unsent: &mut Unsent) -> rusqlite::Result<()> {
        let row = RawRow::of([
            context.get_raw(0),
            context.get_raw(1),
            context.get_raw(2),
            context.get_raw(3),
        ])?;
        match row.timestamp.cmp(unsent.latest.as_str()) {
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Greater => row.timestamp.clone_into(&mut unsent.latest),
            std::cmp::Ordering::Less => {
                self.goes_back.store(true, Ordering::Relaxed);
                return Err(rusqlite::Error::UserFunctionError("rows out of order".into()));
            }
        }
        unsent.batch.push(&row);
        if unsent.batch.is_full() {
            let next = self.used.try_recv().unwrap_or_default();
            let _ = self.sender.send(Some(std::mem::replace(&mut unsent.batch, next)));
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, unsent: Option<Unsent>) -> rusqlite::Result<bool> {
        if let Some(Unsent { batch, .. }) = unsent {
            let _ = self.sender.send(Some(batch));
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of a table in memory with these timestamps, as they arrive: id, timestamp and JSON.
    fn arrived(timestamps: impl Iterator<Item = String>) -> (bool, Vec<(i64, String, String)>) {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE metrics (id, timestamp, step, metrics)").unwrap();
        let mut insert = connection.prepare("INSERT INTO metrics VALUES (?1, ?2, ?1, ?3)").unwrap();
        for (id, timestamp) in timestamps.enumerate() {
            let json = format!("{{\"a\": {id}}}");
            insert.execute((id as i64, timestamp, json.into_bytes())).unwrap();
        }
        let stream = Stream {
            columns: "id, timestamp, step, metrics",
            from: "metrics WHERE ?1 = ?1".to_owned(),
            key: "",
        };
        let mut seen = Vec::new();
        let in_order = side_by_side(&connection, &stream, |row| {
            let json = String::from_utf8(row.json.to_vec()).unwrap();
            seen.push((row.id, row.timestamp.to_owned(), json));
        });
        (in_order.unwrap(), seen)
    }

    #[test]
    fn rows_arrive_whole_and_in_order() {
        let rows = 3 * ROWS as i64 + 7;
        let (in_order, seen) = arrived((0..rows).map(|id| format!("é{id:09}")));
        let expected = (0..rows).map(|id| (id, format!("é{id:09}"), format!("{{\"a\": {id}}}")));
        assert!(in_order && seen.into_iter().eq(expected));
    }

    #[test]
    fn rows_whose_times_go_back_are_told() {
        let last = ROWS * 2 + 5;
        let time = |id| if id == last { "a" } else { "b" }.to_owned();
        assert!(!arrived((0..=last).map(time)).0);
        assert!(arrived((0..last).map(time)).0);
        assert_eq!(arrived(std::iter::empty()), (true, Vec::new()));
    }
}
