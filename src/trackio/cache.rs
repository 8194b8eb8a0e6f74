//! What was read or worked out of databases, kept for the life of the process within a bound of
//! bytes.
//!
//! Each value is kept with the state of the database that it is true of. Whether a database is
//! still in that state, its change key tells without a connection to it.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::change::ChangeKey;
use super::error::Result;
use super::project::Snapshot;

/// What an entry takes beside its value: its key, its places.
const ENTRY_BYTES: usize = 512;

/// Which value of which database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    database: PathBuf,
    inner: Option<String>,
    what: String,
}

impl Key {
    /// The key of a value that is the same for every database, whose name tells all about it.
    pub fn of_any(what: String) -> Self {
        Self { database: PathBuf::new(), inner: None, what }
    }

    /// The key of a value that comes from one database, or from one project within it.
    pub fn of_database(database: PathBuf, inner: Option<String>, what: String) -> Self {
        Self { database, inner, what }
    }
}

/// A value, and the state of the database that it is true of.
#[derive(Debug, Clone)]
pub struct Cached<T> {
    /// The state, at the latest.
    pub change: Option<ChangeKey>,
    /// The value.
    pub value: Arc<T>,
}

/// How much memory a value takes, about.
pub trait Bytes {
    /// What it holds beside itself included.
    fn bytes(&self) -> usize;
}

/// The values that were asked for last.
#[derive(Debug)]
pub struct Cache {
    most_bytes: usize,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<Arc<Key>, Entry>,
    /// The least recently used first.
    by_use: BTreeMap<u64, Arc<Key>>,
    uses: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    change: Option<ChangeKey>,
    value: Arc<dyn Any + Send + Sync>,
    bytes: usize,
    used: u64,
}

impl Cache {
    /// A cache that holds at most so many bytes.
    pub fn new(most_bytes: usize) -> Self {
        Self { most_bytes, entries: Mutex::default() }
    }

    /// How many bytes it holds at most.
    pub fn most_bytes(&self) -> usize {
        self.most_bytes
    }

    /// What is kept under the key; it becomes the last to go.
    pub fn get<T: Send + Sync + 'static>(&self, key: &Key) -> Option<Cached<T>> {
        self.entries().used(key)?.cached()
    }

    /// Takes out what is kept under the key.
    pub fn take<T: Send + Sync + 'static>(&self, key: &Key) -> Option<Cached<T>> {
        let entry = self.entries().remove(key)?;
        let change = entry.change;
        Some(Cached { change, value: entry.value.downcast().ok()? })
    }

    /// Keeps a value; what was used least recently goes where there are too many.
    pub fn put<T: Bytes + Send + Sync + 'static>(
        &self,
        key: Key,
        change: Option<ChangeKey>,
        value: Arc<T>,
    ) {
        let bytes = value.bytes() + key.what.len() + ENTRY_BYTES;
        let mut entries = self.entries();
        entries.remove(&key);
        entries.add(Arc::new(key), Entry { change, value, bytes, used: 0 });
        while entries.bytes > self.most_bytes {
            let Some((_, oldest)) = entries.by_use.pop_first() else { break };
            entries.remove(&oldest);
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn add(&mut self, key: Arc<Key>, entry: Entry) {
        self.uses += 1;
        self.bytes += entry.bytes;
        self.by_use.insert(self.uses, Arc::clone(&key));
        self.by_key.insert(key, Entry { used: self.uses, ..entry });
    }

    fn used(&mut self, key: &Key) -> Option<&Entry> {
        let entry = self.by_key.get_mut(key)?;
        self.uses += 1;
        let key = self.by_use.remove(&entry.used)?;
        entry.used = self.uses;
        self.by_use.insert(self.uses, key);
        Some(entry)
    }

    fn remove(&mut self, key: &Key) -> Option<Entry> {
        let entry = self.by_key.remove(key)?;
        self.by_use.remove(&entry.used);
        self.bytes -= entry.bytes;
        Some(entry)
    }
}

impl Entry {
    fn cached<T: Send + Sync + 'static>(&self) -> Option<Cached<T>> {
        let value = Arc::clone(&self.value).downcast().ok()?;
        Some(Cached { change: self.change.clone(), value })
    }
}

impl Snapshot<'_> {
    /// The key of a value; `None` where the state of the database is not known.
    pub fn key(&self, what: String) -> Option<Key> {
        self.change.as_ref()?;
        Some(self.project.key(what))
    }

    /// What was kept of the database as it is now.
    pub fn kept<T: Send + Sync + 'static>(&self, key: Option<&Key>) -> Option<Arc<T>> {
        let cached = self.cache().get(key?)?;
        (cached.change == self.change).then_some(cached.value)
    }

    /// Keeps a value while the database stays as it is.
    pub fn keep<T: Bytes + Send + Sync + 'static>(&self, key: Option<Key>, value: &Arc<T>) {
        if let Some(key) = key {
            self.cache().put(key, self.change.clone(), Arc::clone(value));
        }
    }

    /// What `work` gives, worked out once for each state of the database.
    pub fn once<T: Bytes + Send + Sync + 'static>(
        &self,
        what: String,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<Arc<T>> {
        let key = self.key(what);
        if let Some(kept) = self.kept(key.as_ref()) {
            return Ok(kept);
        }
        let value = Arc::new(work()?);
        self.keep(key, &value);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Bytes for Vec<u8> {
        fn bytes(&self) -> usize {
            self.len()
        }
    }

    fn key(what: &str) -> Key {
        Key { database: PathBuf::from("a.db"), inner: None, what: what.to_owned() }
    }

    #[test]
    fn what_was_used_least_recently_goes_first() {
        let cache = Cache::new(3 * (1_000 + ENTRY_BYTES + 1));
        let held = |what: &str| cache.get::<Vec<u8>>(&key(what)).is_some();
        for what in ["a", "b", "c"] {
            cache.put(key(what), None, Arc::new(vec![0; 1_000]));
        }
        assert!(held("a"));
        cache.put(key("d"), None, Arc::new(vec![0; 1_000]));
        assert_eq!(["a", "b", "c", "d"].map(held), [true, false, true, true]);
        // The same key again takes no more room.
        cache.put(key("d"), None, Arc::new(vec![0; 1_000]));
        assert_eq!(["a", "c", "d"].map(held), [true; 3]);
        assert!(cache.take::<Vec<u8>>(&key("a")).is_some() && !held("a"));
        // What is larger than the cache is not kept, and drives nothing into memory.
        cache.put(key("e"), None, Arc::new(vec![0; 9_000]));
        assert_eq!(["c", "d", "e"].map(held), [false; 3]);
        assert_eq!(cache.entries().bytes, 0);
    }
}
