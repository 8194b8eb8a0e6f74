//! Keeps columns for the life of the process, within a bound of bytes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Columns;
use crate::trackio::change::ChangeKey;
use crate::trackio::metric::Kind;
use crate::trackio::project::Snapshot;
use crate::trackio::run::{Run, rows_of};

/// Whose columns they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    database: PathBuf,
    kind: Kind,
    by: &'static str,
    run: String,
}

/// Columns, and the state of the database that they are true of.
#[derive(Debug, Clone)]
pub struct Cached {
    /// The state, at the latest.
    pub change: Option<ChangeKey>,
    /// The columns.
    pub columns: Arc<Columns>,
}

/// The columns of the runs that were asked for last.
#[derive(Debug)]
pub struct Cache {
    most_bytes: usize,
    entries: Mutex<Vec<(Key, Cached)>>,
}

impl Cache {
    /// A cache that holds at most so many bytes.
    pub fn new(most_bytes: usize) -> Self {
        Self { most_bytes, entries: Mutex::default() }
    }

    /// What is kept under the key; it becomes the last to go.
    pub fn get(&self, key: &Key) -> Option<Cached> {
        let mut entries = self.entries();
        let position = entries.iter().position(|(known, _)| known == key)?;
        let entry = entries.remove(position);
        let found = entry.1.clone();
        entries.push(entry);
        Some(found)
    }

    /// Takes out what is kept under the key.
    pub fn take(&self, key: &Key) -> Option<Cached> {
        let mut entries = self.entries();
        let position = entries.iter().position(|(known, _)| known == key)?;
        Some(entries.remove(position).1)
    }

    /// Keeps columns; what was used least recently goes where there are too many.
    pub fn put(&self, key: Key, change: Option<ChangeKey>, columns: Arc<Columns>) {
        let mut entries = self.entries();
        entries.retain(|(known, _)| *known != key);
        entries.push((key, Cached { change, columns }));
        let bytes = |(_, cached): &(Key, Cached)| cached.columns.bytes();
        let mut total: usize = entries.iter().map(bytes).sum();
        while total > self.most_bytes && !entries.is_empty() {
            total -= bytes(&entries.remove(0));
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<(Key, Cached)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key of a run's columns; `None` where they cannot be kept, because a view stands for the
/// table: rows wait in the inbox, or 0.0.x holds several projects in one table.
pub fn key(snapshot: &Snapshot<'_>, kind: Kind, run: &Run) -> Option<Key> {
    let table = snapshot.schema.table(kind.table())?;
    let database = snapshot.project.path.clone()?;
    if snapshot.change.is_none() || table.source != format!("main.{}", kind.table()) {
        return None;
    }
    let (by, run) = rows_of(snapshot, table, run);
    Some(Key { database, kind, by, run: run.to_owned() })
}
