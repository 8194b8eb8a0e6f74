//! Whether a database has changed, told without a connection to it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{fingerprint, handles};

/// Equal keys: the database holds what it held before. Different keys: look again.
///
/// Sizes and times alone miss a second write within one tick of the file system's clock, so the
/// counters that SQLite keeps are part of the key: the change counter of the database header
/// (<https://sqlite.org/fileformat2.html>, offset 24), the salts of the `-wal` header and the
/// first copy of the header of the `-shm` (<https://sqlite.org/walformat.html>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeKey {
    database: Option<FileKey>,
    wal: Option<FileKey>,
    header: Vec<u8>,
    wal_header: Vec<u8>,
    /// `None` where there is none.
    shm_header: Option<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct FileKey {
    identity: (u64, u64),
    size: u64,
    modified: Option<SystemTime>,
}

impl ChangeKey {
    /// The key in eight bytes that outlive the process.
    pub fn digest(&self) -> u64 {
        let of_file = |file: &Option<FileKey>| file.as_ref().map_or_else(Vec::new, FileKey::bytes);
        fingerprint::of(&[
            &of_file(&self.database),
            &of_file(&self.wal),
            &self.header,
            &self.wal_header,
            self.shm_header.as_deref().unwrap_or_default(),
        ])
    }

    /// The key of the database at `path` as it is now; a missing file has a key too.
    pub fn of(path: &Path) -> Self {
        let wal = sidecar(path, "-wal");
        let head = |file: &Path, length| match handles::head(path, file, length) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            // One that may not be read is there all the same.
            read => Some(read.unwrap_or_default()),
        };
        Self {
            database: FileKey::of(path),
            header: head(path, 28).unwrap_or_default(),
            wal_header: head(&wal, 32).unwrap_or_default(),
            shm_header: head(&sidecar(path, "-shm"), 48),
            wal: FileKey::of(&wal),
        }
    }

    /// Whether the database is in WAL mode.
    pub fn is_wal(&self) -> bool {
        self.header.get(18) == Some(&2)
    }

    /// Whether something stands in the `-wal`.
    pub fn has_log(&self) -> bool {
        self.wal.as_ref().is_some_and(|wal| wal.size > 0)
    }

    /// Whether the `-shm` is there.
    pub fn has_shared_memory(&self) -> bool {
        self.shm_header.is_some()
    }
}

impl FileKey {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            identity: identity(&metadata),
            size: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }
}

impl FileKey {
    fn bytes(&self) -> Vec<u8> {
        let nanoseconds = self.modified.map_or(0, |time| {
            time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
        });
        let numbers = [self.identity.0, self.identity.1, self.size, nanoseconds];
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }
}

#[cfg(unix)]
fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Windows tells a replaced file by its time of creation.
#[cfg(not(unix))]
fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    let created = metadata.created().ok();
    let since = created.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    (0, since.map_or(0, |since| since.as_nanos() as u64))
}

/// The path of the file that SQLite keeps beside `database`.
pub fn sidecar(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another user's, say: without it the log would be read past the writer's locks.
    #[test]
    fn shared_memory_that_cannot_be_read_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("a.db");
        let is_there = || ChangeKey::of(&database).has_shared_memory();
        assert!(!is_there());
        // To be opened, but not to be read.
        fs::create_dir(sidecar(&database, "-shm")).unwrap();
        assert!(is_there());
    }
}
