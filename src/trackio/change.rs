//! Whether a database has changed, told without a connection to it.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::Path;
use std::time::SystemTime;

use super::handles::Files;
#[cfg(unix)]
use super::regular::identity;
use super::{fingerprint, regular, wal};

/// The part of a database's header that is read: up to its change counter.
const DATABASE_HEADER: usize = 28;

/// Equal keys: the database holds what it held before. Different keys: look again.
///
/// Sizes and times alone miss a second write within one tick of the file system's clock, so the
/// counters that SQLite keeps are part of the key: the change counter of the database header
/// (<https://sqlite.org/fileformat2.html>, offset 24), the salts of the `-wal` header and the
/// first copy of the header of the `-shm` (<https://sqlite.org/walformat.html>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeKey {
    database: Part,
    wal: Part,
    /// `None` where there is none. Its time says nothing: it is written through memory.
    shm_header: Option<Vec<u8>>,
    journal: Option<FileKey>,
    odd: Option<String>,
    /// What waits in the inbox beside the database; 0 for nothing.
    inbox: u64,
}

/// A file, and how it begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Part {
    file: Option<FileKey>,
    header: Vec<u8>,
}

/// What tells a file from another one, and from itself after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileKey {
    identity: (u64, u64),
    size: u64,
    modified: Option<SystemTime>,
}

/// The log beside a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// There is no `-wal`, or it is empty.
    Missing,
    /// There is a `-wal` that SQLite would not use.
    Damaged,
    /// It has no room for a transaction: a writer has just begun it.
    Begun,
    /// It may hold transactions.
    Usable,
}

impl ChangeKey {
    /// The key of the database at `path` as it is now; a missing file has a key too.
    pub fn of(path: &Path) -> Self {
        let files = Files::of(path);
        let mut odd = None;
        let mut about = |suffix: &str| {
            let about = fs::metadata(files.path(suffix)).ok()?;
            if let Some(kind) = regular::odd_kind(&about) {
                odd.get_or_insert_with(|| odd_file(suffix, kind));
            }
            Some(FileKey::of(&about))
        };
        let mut part = |suffix, length| match files.head(suffix, length) {
            Ok((about, header)) => Some(Part { file: Some(FileKey::of(&about)), header }),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            // One that may not be read is there all the same.
            Err(_) => Some(Part { file: about(suffix), header: Vec::new() }),
        };
        let database = part("", DATABASE_HEADER).unwrap_or_default();
        let wal = part("-wal", wal::LOG_HEADER).unwrap_or_default();
        let shm_header = part("-shm", wal::INDEX_HEADER).map(|part| part.header);
        let journal = about("-journal");
        Self { database, wal, shm_header, journal, odd, inbox: 0 }
    }

    /// The key in eight bytes that outlive the process.
    pub fn digest(&self) -> u64 {
        let of_file = |part: &Part| part.file.as_ref().map_or_else(Vec::new, FileKey::bytes);
        fingerprint::of(&[
            &of_file(&self.database),
            &of_file(&self.wal),
            &self.database.header,
            &self.wal.header,
            self.shm_header.as_deref().unwrap_or_default(),
        ])
    }

    /// Why the database must not be opened: one of its files is not a regular file.
    pub fn odd_file(&self) -> Option<&str> {
        self.odd.as_deref()
    }

    /// Whether at most transactions at the end of the log were added since `before`.
    pub fn only_adds_to(&self, before: &Self) -> bool {
        self.database == before.database
            && self.wal.header == before.wal.header
            && self.journal == before.journal
    }

    /// The state of the database with what waits in the inbox beside it.
    pub(super) fn with_inbox(self, identity: u64) -> Self {
        Self { inbox: identity, ..self }
    }

    /// Whether the database is in WAL mode.
    pub fn is_wal(&self) -> bool {
        self.database.header.get(18) == Some(&2)
    }

    /// Whether the database is a single page, which has no room for Trackio's tables.
    pub fn is_one_page(&self) -> bool {
        let Some(&[high, low]) = self.database.header.get(16..18) else { return false };
        // 1 stands for 65,536, which two bytes cannot hold.
        let page = match u64::from(u16::from_be_bytes([high, low])) {
            1 => 65536,
            page => page,
        };
        self.database.file.as_ref().is_some_and(|file| file.size <= page)
    }

    /// What the `-wal` holds.
    pub fn log(&self) -> Log {
        let size = self.wal.file.as_ref().map_or(0, |file| file.size);
        match wal::page_size(&self.wal.header) {
            _ if size == 0 => Log::Missing,
            None => Log::Damaged,
            Some(page_size) if wal::has_frames(size, page_size) => Log::Usable,
            Some(_) => Log::Begun,
        }
    }

    /// Whether the `-shm` is there.
    pub fn has_shared_memory(&self) -> bool {
        self.shm_header.is_some()
    }

    /// Whether the `-shm` is there and holds an index of the log.
    pub fn has_index(&self) -> bool {
        self.shm_header.as_ref().is_some_and(|header| wal::is_index(header))
    }

    /// Whether a rollback journal is there.
    pub fn has_journal(&self) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.size > 0)
    }
}

/// A sentence about the database, of which this file is a part.
fn odd_file(suffix: &str, kind: &str) -> String {
    match suffix {
        "" => format!("it is {kind}, not a regular file"),
        _ => format!("its `{suffix}` is {kind}, not a regular file; move that away"),
    }
}

impl FileKey {
    pub(super) fn of(about: &Metadata) -> Self {
        Self { identity: identity(about), size: about.len(), modified: about.modified().ok() }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// The same in any process.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let nanoseconds = self.modified.map_or(0, nanoseconds);
        let numbers = [self.identity.0, self.identity.1, self.size, nanoseconds];
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }
}

/// The time since 1970, as much of it as fits.
pub fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Windows tells a replaced file by its time of creation.
#[cfg(not(unix))]
fn identity(metadata: &Metadata) -> (u64, u64) {
    (0, metadata.created().map_or(0, nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trackio::handles::sidecar;

    /// Another user's, say.
    #[cfg(unix)]
    #[test]
    fn a_file_that_cannot_be_read_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("a.db");
        assert!(!ChangeKey::of(&database).has_shared_memory());
        assert_eq!(ChangeKey::of(&database).odd_file(), None);
        // Not even root can read it.
        fs::create_dir(sidecar(&database, "-shm")).unwrap();
        let key = ChangeKey::of(&database);
        assert!(key.has_shared_memory() && !key.has_index());
        assert!(key.odd_file().is_some_and(|odd| odd.contains("`-shm` is a directory")));
    }

    #[test]
    fn a_database_of_one_page_is_told_from_a_larger_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        for (page, size, expected) in
            [(4096_u16, 4096, true), (4096, 4097, false), (1, 65536, true), (512, 1024, false)]
        {
            let mut bytes = vec![0; size];
            bytes[16..18].copy_from_slice(&page.to_be_bytes());
            fs::write(&path, bytes).unwrap();
            assert_eq!(ChangeKey::of(&path).is_one_page(), expected, "{page} {size}");
        }
        assert!(!ChangeKey::of(&directory.path().join("none")).is_one_page());
    }
}
