//! Opens a live database to read it, and leaves no trace.
//!
//! A plain `mode=ro` connection to a database in WAL mode creates `-shm` and `-wal` and leaves
//! them behind. So the way in depends on what is beside the file; every way but the last changes
//! nothing in the directory:
//!
//! | database | ways in |
//! |---|---|
//! | WAL, `-wal` missing, or of a length or with a header that SQLite would not use | `immutable=1`: everything is in the file |
//! | `-wal` usable, `-shm` with an index | `readonly_shm=1`: takes locks as any reader does, and indexes the log in memory where no writer lives |
//! | `-wal` usable, no such `-shm` | the log is indexed in memory without locks |
//! | rollback journal | `mode=ro` |
//! | the same, on a file system without locks | `immutable=1` |
//! | anything else, such as a journal that a killed writer left | a private copy, in which SQLite repairs what it has to |
//!
//! The ways without locks are right only while no writer appears. The change key is compared
//! afterwards; where it differs, the work is done once more.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::change::{ChangeKey, Log};
use super::error::{Error, Result};
use super::gate::Gate;
use super::handles::{ConnectionGuard, Files, sidecar};
use super::heap;
use super::stop::Stop;
use crate::temporary::TemporaryFolder;

/// How long a read waits for a writer's lock, and how long without a look at [`Stop`].
const PATIENCE: Duration = Duration::from_secs(5);
const BUSY_TIMEOUT: Duration = Duration::from_millis(100);

/// How often a read without locks is tried while writers come and go.
const ATTEMPTS: usize = 3;

/// How many virtual-machine steps SQLite takes between two calls of the progress handler. While
/// foreign SQL runs, each call checks [`Stop`]: one step can be a function call on a long value.
const STEPS_BETWEEN_CALLS: i32 = 100;

/// Our own statements check [`Stop`] only at every so many calls: reading the clock costs more
/// than the steps between two calls.
const CALLS_BETWEEN_CHECKS: u32 = 50;

/// The largest value that is read from a database, in bytes. A row that holds a larger one is
/// skipped, see [`Oversized`](super::oversized::Oversized).
pub const LONGEST_VALUE: i32 = 32_000_000;

/// Limits of every connection that reads.
const LIMITS: [(Limit, i32); 3] = [
    (Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE),
    // What waits in the inbox.
    (Limit::SQLITE_LIMIT_ATTACHED, 1),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];

/// How many pages of a database SQLite keeps for the time of one read: enough for the inner pages of
/// its trees. Each page more is memory to be asked of the system first, which costs more than to
/// have the page from the system's cache again.
const CACHED_PAGES: i32 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ReadOnly,
    Immutable,
    ReadOnlySharedMemory,
    WithoutLocks,
    Copy,
}

/// A database for the time of one read.
pub struct Opened<'a> {
    /// The connection, inside a read transaction.
    pub connection: &'a Connection,
    /// Closed while SQL runs that is not ours.
    pub gate: &'a Gate,
    /// The state of the database before it was opened; `None` where that says nothing.
    pub change: Option<&'a ChangeKey>,
}

/// What is done with an open database.
pub type Work<'a, T> = &'a dyn Fn(&Opened<'_>) -> Result<T>;

/// Runs `work` on the database at `path` within one read transaction.
///
/// `work` may run several times: when a writer appeared in the middle, its first answer is
/// thrown away.
pub fn read<T>(path: &Path, project: &str, stop: &Stop, work: Work<'_, T>) -> Result<T> {
    read_somehow(path, stop, work).map_err(|error| explain(error, project, stop))
}

fn read_somehow<T>(path: &Path, stop: &Stop, work: Work<'_, T>) -> Result<T> {
    let (start, patience, mut moved) = (Instant::now(), stop.patience(PATIENCE), 0);
    loop {
        let state = ChangeKey::of(path);
        if let Some(reason) = state.odd_file() {
            return Err(unreadable(reason.to_owned()));
        }
        // Where writers open and close it all the time: with locks, as any reader does.
        let ways = if moved < ATTEMPTS { Way::all(&state) } else { &[Way::ReadOnly, Way::Copy] };
        match read_one_of(ways, path, &state, stop, work) {
            Outcome::Done(result) => return result,
            Outcome::Moved if moved < ATTEMPTS => moved += 1,
            Outcome::Busy if start.elapsed() < patience => {}
            Outcome::Moved | Outcome::Busy => return Err(Error::Busy(String::new())),
        }
        stop.check()?;
    }
}

/// How an attempt ended.
enum Outcome<T> {
    Done(Result<T>),
    /// A writer appeared while the database was read without locks.
    Moved,
    /// Another process holds a lock.
    Busy,
}

/// Reads by the first of the ways that is open.
fn read_one_of<T>(
    ways: &[Way],
    path: &Path,
    state: &ChangeKey,
    stop: &Stop,
    work: Work<'_, T>,
) -> Outcome<T> {
    let mut failure = None;
    for way in ways {
        let result = read_by(*way, path, stop, state, work);
        if !way.is_right(state, path) {
            return Outcome::Moved;
        }
        match result {
            Err(error) if is_busy(&error) && Files::of(path).are_locked() => return Outcome::Busy,
            Err(error) if is_busy(&error) || is_about_access(&error) => failure = Some(error),
            done => return Outcome::Done(done),
        }
    }
    let failure = failure.unwrap_or_else(|| unreadable("there is no way to open it".to_owned()));
    Outcome::Done(Err(failure))
}

impl Way {
    /// The ways into a database in this state, the best first.
    fn all(state: &ChangeKey) -> &'static [Self] {
        match (state.log(), state.is_wal()) {
            (Log::Usable, _) if state.has_index() => {
                &[Self::ReadOnlySharedMemory, Self::WithoutLocks, Self::Copy]
            }
            (Log::Usable, _) => &[Self::WithoutLocks, Self::Copy],
            (Log::Missing, false) if state.has_journal() => &[Self::ReadOnly, Self::Copy],
            (Log::Missing, false) => &[Self::ReadOnly, Self::Immutable, Self::Copy],
            // SQLite opens any log that is there.
            (Log::Missing | Log::Damaged | Log::Begun, _) => &[Self::Immutable, Self::Copy],
        }
    }

    /// Whether what was read is one state of the database.
    fn is_right(self, before: &ChangeKey, path: &Path) -> bool {
        match self {
            Self::ReadOnly | Self::ReadOnlySharedMemory => true,
            Self::Immutable | Self::WithoutLocks => ChangeKey::of(path) == *before,
            Self::Copy => ChangeKey::of(path).only_adds_to(before),
        }
    }

    fn parameters(self) -> &'static str {
        match self {
            Self::ReadOnly => "mode=ro",
            Self::Immutable => "immutable=1",
            Self::ReadOnlySharedMemory => "mode=ro&readonly_shm=1",
            Self::WithoutLocks if cfg!(windows) => "mode=ro&vfs=win32-none",
            Self::WithoutLocks => "mode=ro&vfs=unix-none",
            // Nobody else knows the copy, and its file system may be without locks too.
            Self::Copy if cfg!(windows) => "mode=rw&vfs=win32-none",
            Self::Copy => "mode=rw&vfs=unix-none",
        }
    }
}

fn read_by<T>(
    way: Way,
    path: &Path,
    stop: &Stop,
    state: &ChangeKey,
    work: Work<'_, T>,
) -> Result<T> {
    match way {
        Way::Copy => {
            let copy = private_copy(path, stop)?;
            on_connection(way, &copy.path().join(COPY), stop, None, work)
        }
        _ => on_connection(way, path, stop, Some(state), work),
    }
}

fn on_connection<T>(
    way: Way,
    path: &Path,
    stop: &Stop,
    change: Option<&ChangeKey>,
    work: Work<'_, T>,
) -> Result<T> {
    let mut guard = ConnectionGuard::default();
    let mut connection = open(way, path)?;
    guard.hold(path);
    let gate = watch(&mut connection, stop)?;
    connection.execute_batch("BEGIN")?;
    // This reads the schema; before the transaction it would take SQLite's locks twice.
    connection.pragma_update(None, "cache_size", CACHED_PAGES)?;
    if let Some(state) = change {
        expect_log(&connection, path, state)?;
    }
    work(&Opened { connection: &connection, gate: &gate, change })
}

/// Trackio creates the tables of a new project in the log. Without tables and log, the log was not
/// copied with the database, or was cut; while the log is made, there is a `-shm`.
fn expect_log(connection: &Connection, path: &Path, state: &ChangeKey) -> Result<()> {
    let what = match state.log() {
        Log::Damaged => "damaged",
        Log::Missing | Log::Begun if !state.has_shared_memory() => "missing or empty",
        Log::Missing | Log::Begun | Log::Usable => return Ok(()),
    };
    if !state.is_wal() || !state.is_one_page() {
        return Ok(());
    }
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM main.sqlite_master", [], |row| row.get(0))?;
    if tables > 0 {
        return Ok(());
    }
    let log = sidecar(path, "-wal");
    let log = log.file_name().unwrap_or_default().to_string_lossy();
    Err(unreadable(format!(
        "it has no tables, because they are still in `{log}`, which is {what}. Copy `{log}` into \
         the same directory, from where the `.db` came from and while nothing is logged to it"
    )))
}

/// Sets the limits of a connection that reads, makes it heed `stop`, and gives it a gate for SQL
/// that is not ours.
pub fn watch(connection: &mut Connection, stop: &Stop) -> Result<Gate> {
    heap::limit(connection)?;
    for (limit, value) in LIMITS {
        connection.set_limit(limit, value)?;
    }
    let gate = Gate::default();
    let (watched, closed) = (stop.clone(), gate.clone());
    let mut calls = 0_u32;
    let is_over = move || {
        calls = calls.wrapping_add(1);
        (calls.is_multiple_of(CALLS_BETWEEN_CHECKS) || closed.is_closed()) && watched.is_set()
    };
    connection.progress_handler(STEPS_BETWEEN_CALLS, Some(is_over))?;
    connection.authorizer(Some(gate.authorizer()))?;
    Ok(gate)
}

fn open(way: Way, path: &Path) -> Result<Connection> {
    let access = match way {
        Way::Copy => OpenFlags::SQLITE_OPEN_READ_WRITE,
        _ => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let flags = access | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri(path, way.parameters()), flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A database is somebody's file: nothing in its schema may run by itself.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Without this, a statement is compiled anew whenever its parameters change, which costs more
    // than to run it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    if matches!(way, Way::WithoutLocks | Way::Copy) {
        // Exclusive mode keeps the index of the log on the heap; without locks it excludes nobody.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    }
    Ok(connection)
}

/// A `file:` URI. Every separator is encoded too: what begins with two slashes would name a host,
/// and a drive or a server's share of Windows has to stay as it is written.
pub fn uri(path: &Path, parameters: &str) -> String {
    let path = percent_encode(path.as_os_str().as_encoded_bytes(), NON_ALPHANUMERIC);
    format!("file:{path}?{parameters}")
}

/// The name of a private copy.
const COPY: &str = "copy.db";

/// The database with its journal or log, in a directory that goes away with the answer.
fn private_copy(path: &Path, stop: &Stop) -> Result<TemporaryFolder> {
    let failed = |error: std::io::Error| unreadable(error.to_string());
    let directory = TemporaryFolder::new().map_err(failed)?;
    let (files, target) = (Files::of(path), directory.path().join(COPY));
    for suffix in ["-wal", "-journal", ""] {
        match files.copy(suffix, &sidecar(&target, suffix), stop) {
            Err(error) if !suffix.is_empty() && error.kind() == ErrorKind::NotFound => {}
            copied => copied.map_err(failed)?,
        }
    }
    stop.check()?;
    Ok(directory)
}

/// An error whose project [`explain`] adds.
fn unreadable(reason: String) -> Error {
    Error::Unreadable { project: String::new(), reason }
}

fn is_busy(error: &Error) -> bool {
    let Error::Sql(error) = error else { return false };
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether another way in might work.
fn is_about_access(error: &Error) -> bool {
    let Error::Sql(error) = error else { return false };
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
                | ErrorCode::PermissionDenied
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}

/// An error of SQLite as one of ours, where we know better.
pub fn explain(error: Error, project: &str, stop: &Stop) -> Error {
    let project = project.to_owned();
    let sql = match error {
        Error::Sql(sql) => sql,
        Error::Unreadable { reason, .. } => return Error::Unreadable { project, reason },
        Error::Busy(_) => return Error::Busy(project),
        other => return other,
    };
    let unreadable =
        |reason: &str| Error::Unreadable { project: project.clone(), reason: reason.into() };
    match sql.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) if stop.is_cancelled() => Error::Cancelled,
        Some(ErrorCode::OperationInterrupted) => Error::TimedOut,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy(project),
        Some(ErrorCode::NotADatabase) => unreadable("the file is not an SQLite database"),
        Some(ErrorCode::DatabaseCorrupt) => unreadable("the file is damaged (SQLite: malformed)"),
        Some(ErrorCode::OutOfMemory) => Error::OutOfMemory { project, limit_mb: heap::MOST >> 20 },
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            unreadable("the file cannot be opened; check that it exists and its permissions")
        }
        _ => Error::Sql(sql),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As SQLite reads an address: the path ends at `?`, and begins after a host, where there is one.
    #[test]
    fn an_address_holds_the_path_as_it_is() {
        for path in [
            "p.db",
            "./a b/p.db",
            "/tmp/p.db",
            "//tmp/p.db",
            "///tmp//p.db",
            "/tmp/50%25?#&=/模型.db",
            "file:/tmp/p.db",
            r"C:\Users\u\p.db",
            r"C:p.db",
            r"\\server\share\p.db",
            r"//server/share/p.db",
            r"\\?\C:\Users\u\p.db",
            r"\\?\UNC\server\share\p.db",
        ] {
            let address = uri(Path::new(path), "mode=ro");
            let encoded = address.strip_prefix("file:").unwrap();
            let encoded = encoded.strip_suffix("?mode=ro").unwrap();
            assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'%'));
            let decoded = percent_encoding::percent_decode_str(encoded).decode_utf8().unwrap();
            assert_eq!(decoded, path);
        }
    }
}
