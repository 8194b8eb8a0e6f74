//! Looks at a database's files without disturbing our own connections to it.
//!
//! POSIX drops every lock that a process holds on a file as soon as the process closes *any*
//! descriptor of it (<https://sqlite.org/howtocorrupt.html>, section 2.2). So a file that was
//! opened beside a live SQLite connection is closed only after the last connection to that
//! database is.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::regular;
use super::stop::Stop;

/// So much is copied between two looks at [`Stop`].
const CHUNK: usize = 1 << 20;

static DATABASES: Mutex<BTreeMap<Identity, InUse>> = Mutex::new(BTreeMap::new());

/// What all spellings of a path to one file have in common: a link, `..` or, on most disks of
/// macOS, another case leads to the same locks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Identity(#[cfg(unix)] (u64, u64), #[cfg(not(unix))] PathBuf);

#[derive(Default)]
struct InUse {
    connections: usize,
    waiting_to_close: Vec<File>,
}

/// Says that a connection to a database is open. Make it before the connection, so that it is
/// dropped after.
#[derive(Default)]
pub struct ConnectionGuard(Option<Identity>);

impl ConnectionGuard {
    /// Counts a connection to `database`: call it once SQLite has opened the file, which it may
    /// have created, and before the first statement, which may take a lock.
    pub fn hold(&mut self, database: &Path) {
        let Ok(identity) = identity(database) else { return };
        lock().entry(identity.clone()).or_default().connections += 1;
        self.0 = Some(identity);
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        let Some(identity) = &self.0 else { return };
        let mut databases = lock();
        if let Some(in_use) = databases.get_mut(identity) {
            in_use.connections -= 1;
            if in_use.connections == 0 {
                databases.remove(identity);
            }
        }
    }
}

/// The files of one database.
pub struct Files<'a> {
    database: &'a Path,
    identity: Option<Identity>,
}

impl<'a> Files<'a> {
    /// Those of the database at this path, which need not exist.
    pub fn of(database: &'a Path) -> Self {
        Self { database, identity: identity(database).ok() }
    }

    /// The file whose name ends with `suffix`; with an empty one, the database itself.
    pub fn path(&self, suffix: &str) -> PathBuf {
        sidecar(self.database, suffix)
    }

    /// The first `length` bytes at most of a file, and what the system says about it.
    pub fn head(&self, suffix: &str, length: usize) -> io::Result<(Metadata, Vec<u8>)> {
        self.with_file(suffix, |file, about| {
            let mut bytes = Vec::with_capacity(length);
            file.take(length as u64).read_to_end(&mut bytes)?;
            Ok((about, bytes))
        })
    }

    /// Copies a file to `target`; a copy that was stopped is not complete.
    pub fn copy(&self, suffix: &str, target: &Path, stop: &Stop) -> io::Result<()> {
        self.with_file(suffix, |file, _| {
            let (mut copy, mut chunk) = (File::create(target)?, vec![0; CHUNK]);
            while !stop.is_set() {
                match file.read(&mut chunk) {
                    Ok(0) => break,
                    Ok(read) => copy.write_all(chunk.get(..read).unwrap_or_default())?,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }

    /// Whether somebody holds a lock that a reader has to wait for. Where the file system has no
    /// locks, SQLite takes that for a lock that another holds.
    #[cfg(unix)]
    pub fn are_locked(&self) -> bool {
        use rustix::process::{Flock, FlockType, fcntl_getlk};
        // The system does not name our own locks.
        if self.identity.as_ref().is_some_and(|identity| lock().contains_key(identity)) {
            return true;
        }
        let wanted = Flock::from(FlockType::ReadLock);
        let is_locked = |file: &mut File, _| Ok(matches!(fcntl_getlk(file, &wanted), Ok(Some(_))));
        ["", "-shm"].iter().any(|suffix| self.with_file(suffix, is_locked).unwrap_or(false))
    }

    /// Windows does not tell; all its file systems have locks.
    #[cfg(not(unix))]
    pub fn are_locked(&self) -> bool {
        true
    }

    fn with_file<T>(
        &self,
        suffix: &str,
        work: impl FnOnce(&mut File, Metadata) -> io::Result<T>,
    ) -> io::Result<T> {
        let (mut file, about) = regular::open_known(&self.path(suffix))?;
        let result = work(&mut file, about);
        // Closed under the lock, so that no connection to it is opened in between.
        let mut databases = lock();
        match self.identity.as_ref().and_then(|identity| databases.get_mut(identity)) {
            Some(in_use) => in_use.waiting_to_close.push(file),
            None => drop(file),
        }
        result
    }
}

/// The path of the file that SQLite keeps beside `database`.
pub fn sidecar(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Identity> {
    Ok(Identity(regular::identity(&fs::metadata(path)?)))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<Identity> {
    fs::canonicalize(path).map(Identity)
}

fn lock() -> MutexGuard<'static, BTreeMap<Identity, InUse>> {
    DATABASES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// All that keep a descriptor open, by any spelling of the database that a connection uses.
    #[test]
    fn every_spelling_of_a_database_is_the_same_database() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        fs::write(at("a.db"), "text").unwrap();
        std::os::unix::fs::symlink("a.db", at("link.db")).unwrap();
        fs::hard_link(at("a.db"), at("hard.db")).unwrap();
        let mut guard = ConnectionGuard::default();
        guard.hold(&at("a.db"));
        let key = identity(&at("a.db")).unwrap();
        let kept = || lock().get(&key).map(|in_use| in_use.waiting_to_close.len());
        for (index, spelling) in ["a.db", "folder/../a.db", "link.db", "hard.db"].iter().enumerate()
        {
            let (_, head) = Files::of(&at(spelling)).head("", 2).unwrap();
            assert_eq!(head, b"te");
            assert_eq!(kept(), Some(index + 1), "{spelling}");
        }
        assert!(Files::of(&at("link.db")).are_locked());
        drop(guard);
        assert_eq!(kept(), None);
        assert!(!Files::of(&at("link.db")).are_locked());
    }
}
