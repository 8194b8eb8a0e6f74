//! Reads a few bytes of a database's files without disturbing our own connections to it.
//!
//! POSIX drops every lock that a process holds on a file as soon as the process closes *any*
//! descriptor of it (<https://sqlite.org/howtocorrupt.html>, section 2.2). So a file that was
//! opened beside a live SQLite connection is closed only after the last connection to that
//! database is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

static DATABASES: Mutex<BTreeMap<PathBuf, InUse>> = Mutex::new(BTreeMap::new());

#[derive(Default)]
struct InUse {
    connections: usize,
    waiting_to_close: Vec<File>,
}

/// Says that a connection to the database is open. Make it before the connection, and drop it
/// after.
pub struct ConnectionGuard(PathBuf);

impl ConnectionGuard {
    /// Counts one more connection to `database`.
    pub fn new(database: &Path) -> Self {
        lock().entry(database.to_path_buf()).or_default().connections += 1;
        Self(database.to_path_buf())
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        let mut databases = lock();
        if let Some(in_use) = databases.get_mut(&self.0) {
            in_use.connections -= 1;
            if in_use.connections == 0 {
                databases.remove(&self.0);
            }
        }
    }
}

/// The first `length` bytes at most of `file`, which belongs to `database`.
pub fn head(database: &Path, file: &Path, length: u64) -> io::Result<Vec<u8>> {
    with_file(database, file, |file| {
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    })
}

/// Copies `file`, which belongs to `database`, to `target`.
pub fn copy(database: &Path, file: &Path, target: &Path) -> io::Result<()> {
    with_file(database, file, |file| {
        file.seek(SeekFrom::Start(0))?;
        io::copy(file, &mut File::create(target)?).map(drop)
    })
}

fn with_file<T>(
    database: &Path,
    path: &Path,
    work: impl FnOnce(&mut File) -> io::Result<T>,
) -> io::Result<T> {
    let mut file = File::open(path)?;
    let result = work(&mut file);
    if let Some(in_use) = lock().get_mut(database) {
        in_use.waiting_to_close.push(file);
    }
    result
}

fn lock() -> MutexGuard<'static, BTreeMap<PathBuf, InUse>> {
    DATABASES.lock().unwrap_or_else(PoisonError::into_inner)
}
