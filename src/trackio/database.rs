//! Opens a live database to read it, and leaves no trace.
//!
//! A plain `mode=ro` connection to a database in WAL mode creates `-shm` and `-wal` and leaves
//! them behind. So the way in depends on what lies beside the file; every way but the last
//! changes nothing in the directory:
//!
//! | database | way in |
//! |---|---|
//! | rollback journal | `mode=ro` |
//! | WAL, `-wal` missing or empty | `immutable=1`: all is in the file |
//! | WAL, `-wal` with content, `-shm` there | `readonly_shm=1`: locks as any reader does, and indexes the log in memory where no writer lives |
//! | WAL, `-wal` with content, no `-shm` | no writer lives, so the log is indexed in memory without locks |
//! | anything else | a private copy |
//!
//! The ways without locks are right only while no writer appears. The change key tells
//! afterwards; then the work is done once more.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::change::{ChangeKey, sidecar};
use super::error::{Error, Result};
use super::gate::Gate;
use super::handles::{self, ConnectionGuard};
use super::stop::Stop;

/// How long a read waits for a writer's lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long SQLite waits for it before [`Stop`] is looked at.
const BUSY_TIMEOUT: Duration = Duration::from_millis(100);

/// How often a read without locks is tried while writers come and go.
const ATTEMPTS: usize = 3;

/// How many virtual-machine steps SQLite takes between two looks at [`Stop`].
const STEPS_BETWEEN_LOOKS: i32 = 5_000;

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
    for _ in 0..ATTEMPTS {
        let before = ChangeKey::of(path);
        let way = Way::of(&before);
        let result = read_by(way, path, stop, Some(&before), work);
        let stands = way.takes_locks() || ChangeKey::of(path) == before;
        match result {
            Ok(value) if stands => return Ok(value),
            Err(error) if stands && !is_about_access(&error) => {
                return Err(explain(error, project, stop));
            }
            // Not to be opened so, or read while writers came and went.
            Ok(_) | Err(_) => {}
        }
    }
    // Writers open and close the database all the time: now with locks, as any reader does.
    match read_by(Way::ReadOnly, path, stop, None, work) {
        Err(error) if is_about_access(&error) => {}
        other => return other.map_err(|error| explain(error, project, stop)),
    }
    let mut copied = None;
    for _ in 0..ATTEMPTS {
        let before = ChangeKey::of(path);
        copied = Some(read_by(Way::Copy, path, stop, None, work));
        if ChangeKey::of(path) == before {
            break;
        }
    }
    let busy = || Err(Error::Busy(project.to_owned()));
    copied.unwrap_or_else(busy).map_err(|error| explain(error, project, stop))
}

impl Way {
    fn of(state: &ChangeKey) -> Self {
        match (state.is_wal(), state.has_log(), state.has_shared_memory()) {
            (false, _, _) => Self::ReadOnly,
            (true, false, _) => Self::Immutable,
            (true, true, true) => Self::ReadOnlySharedMemory,
            (true, true, false) => Self::WithoutLocks,
        }
    }

    fn takes_locks(self) -> bool {
        matches!(self, Self::ReadOnly | Self::ReadOnlySharedMemory)
    }

    fn parameters(self) -> &'static str {
        match self {
            Self::ReadOnly => "mode=ro",
            Self::Immutable => "immutable=1",
            Self::ReadOnlySharedMemory => "mode=ro&readonly_shm=1",
            Self::WithoutLocks if cfg!(windows) => "mode=ro&vfs=win32-none",
            Self::WithoutLocks => "mode=ro&vfs=unix-none",
            Self::Copy => "mode=rw",
        }
    }
}

fn read_by<T>(
    way: Way,
    path: &Path,
    stop: &Stop,
    change: Option<&ChangeKey>,
    work: Work<'_, T>,
) -> Result<T> {
    if way == Way::Copy {
        let copy = private_copy(path).map_err(|error| Error::Unreadable {
            project: String::new(),
            reason: error.to_string(),
        })?;
        return on_connection(way, &copy.path().join("copy.db"), stop, None, work);
    }
    on_connection(way, path, stop, change, work)
}

fn on_connection<T>(
    way: Way,
    path: &Path,
    stop: &Stop,
    change: Option<&ChangeKey>,
    work: Work<'_, T>,
) -> Result<T> {
    let _guard = ConnectionGuard::new(path);
    let mut connection = open(way, path)?;
    let gate = watch(&mut connection, stop)?;
    connection.execute_batch("BEGIN")?;
    // This reads the schema and takes the lock for all that follows; before the transaction it
    // would take SQLite's locks twice.
    let began = Instant::now();
    while let Err(error) = connection.pragma_update(None, "cache_size", CACHED_PAGES) {
        let is_busy = error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
        if !is_busy || began.elapsed() > PATIENCE {
            return Err(error.into());
        }
        stop.check()?;
    }
    work(&Opened { connection: &connection, gate: &gate, change })
}

/// Makes an open connection heed `stop`, and gives it a gate for SQL that is not ours.
pub fn watch(connection: &mut Connection, stop: &Stop) -> Result<Gate> {
    let watched = stop.clone();
    connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || watched.is_set()))?;
    let gate = Gate::default();
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
    if way == Way::WithoutLocks {
        // Exclusive mode keeps the index of the log on the heap; without locks it excludes nobody.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    }
    Ok(connection)
}

/// A `file:` URI, every byte outside the unreserved ones percent-encoded.
fn uri(path: &Path, parameters: &str) -> String {
    let mut uri = String::from("file:");
    let bytes = path.as_os_str().as_encoded_bytes();
    if cfg!(windows) && path.is_absolute() {
        uri.push_str("///");
    }
    for &byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(byte));
            }
            b'\\' if cfg!(windows) => uri.push('/'),
            b':' if cfg!(windows) => uri.push(':'),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?" + parameters
}

/// The database with its journal or log, in a directory that goes away with the answer.
fn private_copy(path: &Path) -> std::io::Result<tempfile::TempDir> {
    let directory = tempfile::tempdir()?;
    let target = directory.path().join("copy.db");
    for suffix in ["-wal", "-journal"] {
        let file = sidecar(path, suffix);
        if file.exists() {
            handles::copy(path, &file, &sidecar(&target, suffix))?;
        }
    }
    handles::copy(path, path, &target)?;
    Ok(directory)
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
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            unreadable("the file cannot be opened; check that it exists and its permissions")
        }
        _ => Error::Sql(sql),
    }
}
