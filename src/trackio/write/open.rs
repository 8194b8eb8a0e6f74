//! Opens a database to write it, with the settings of Trackio's own connections
//! (`sqlite_storage.py`, `_configure_sqlite_pragmas`).

use std::env;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::Purpose;
use crate::trackio::database;
use crate::trackio::error::Result;
use crate::trackio::handles::ConnectionGuard;

/// How long SQLite may wait while we hold Trackio's lock. A longer wait happens without it.
const BUSY_TIMEOUT: Duration = Duration::from_millis(100);

const JOURNAL_MODES: &[&str] = &["wal", "delete", "truncate", "persist", "memory", "off"];
const SYNCHRONOUS: &[&str] = &["off", "normal", "full", "extra"];

/// Opens `path`, and creates it only in order to log.
pub fn open(path: &Path, purpose: Purpose, guard: &mut ConnectionGuard) -> Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, purpose == Purpose::Log);
    // As an address, because SQLite takes a path that begins with `file:` for one.
    let flags = flags | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(database::uri(path, ""), flags)?;
    guard.hold(path);
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A database is somebody's file: nothing in its schema may run by itself.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    let journal = chosen("TRACKIO_SQLITE_JOURNAL_MODE", JOURNAL_MODES).unwrap_or("wal");
    connection.query_row(&format!("PRAGMA journal_mode = {journal}"), [], |_| Ok(()))?;
    let synchronous = chosen("TRACKIO_SQLITE_SYNCHRONOUS", SYNCHRONOUS).unwrap_or("normal");
    connection.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous}; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -20000"
    ))?;
    Ok(connection)
}

/// What the user has set Trackio's variable to, where Trackio takes it.
fn chosen(variable: &str, known: &[&'static str]) -> Option<&'static str> {
    let value = env::var(variable).ok()?.trim().to_lowercase();
    known.iter().copied().find(|known| *known == value)
}
