//! SQLite's memory, which all connections of the process share.
//!
//! SQLite knows one limit for the whole process, and the safe way to set it (a pragma) can only
//! lower it. So the limit is fixed, and this module decides who may use it: at most
//! [`QUERIES_AT_ONCE`] queries that somebody else wrote run at once, and whatever failed for
//! want of memory runs again when no such query is running. An ordinary read therefore never
//! fails because of a query, and a small query never because of a large one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::error::{Error, Result};
use super::stop::Stop;

/// What SQLite may take in this process. With what the system's allocator keeps for each thread,
/// the process takes up to twice that.
pub const MOST: u32 = 96 << 20;

/// How many queries run at once.
pub const QUERIES_AT_ONCE: usize = 4;

/// How often a waiting thread looks at its [`Stop`].
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

static STATE: Mutex<State> = Mutex::new(State { queries: 0, is_reserved: false });
static CHANGED: Condvar = Condvar::new();

struct State {
    queries: usize,
    /// Whether somebody runs alone, or waits for it.
    is_reserved: bool,
}

/// The right to run a query.
pub struct QueryTurn(());

/// The right to run while no query does.
pub struct Alone(());

/// Sets SQLite's limit of the process.
pub fn limit(connection: &Connection) -> rusqlite::Result<()> {
    static IS_SET: AtomicBool = AtomicBool::new(false);
    if !IS_SET.swap(true, Ordering::Relaxed) {
        connection.pragma_update(None, "hard_heap_limit", MOST)?;
    }
    Ok(())
}

/// Runs a read that must not fail because queries hold the memory.
pub fn ordinary<T>(stop: &Stop, read: impl Fn() -> Result<T>) -> Result<T> {
    match read() {
        Err(error) if is_used_up(&error) => {
            let _alone = Alone::wait(stop)?;
            read()
        }
        other => other,
    }
}

/// Whether the error says that there was no memory.
pub fn is_used_up(error: &Error) -> bool {
    match error {
        Error::OutOfMemory { .. } => true,
        Error::Sql(error) => error.sqlite_error_code() == Some(ErrorCode::OutOfMemory),
        _ => false,
    }
}

impl QueryTurn {
    /// Waits until fewer than [`QUERIES_AT_ONCE`] queries run. `None` when `stop` came first.
    pub fn wait(stop: &Stop) -> Option<Self> {
        let mut state = until(stop, |s| !s.is_reserved && s.queries < QUERIES_AT_ONCE)?;
        state.queries += 1;
        Some(Self(()))
    }

    /// Waits until no other query runs, if there is one: a query that found no memory may find it
    /// then. `None` when there is no other, or `stop` came first.
    pub fn alone(self, stop: &Stop) -> Option<Alone> {
        if state().queries < 2 {
            return None;
        }
        drop(self);
        Alone::wait(stop).ok()
    }
}

impl Drop for QueryTurn {
    fn drop(&mut self) {
        state().queries -= 1;
        CHANGED.notify_all();
    }
}

impl Alone {
    fn wait(stop: &Stop) -> Result<Self> {
        let over = || stop.check().err().unwrap_or(Error::TimedOut);
        until(stop, |s| !s.is_reserved).ok_or_else(over)?.is_reserved = true;
        // From here on no query begins.
        let alone = Self(());
        drop(until(stop, |s| s.queries == 0).ok_or_else(over)?);
        Ok(alone)
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        state().is_reserved = false;
        CHANGED.notify_all();
    }
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until the state is as wanted; `None` when `stop` came first.
fn until(stop: &Stop, is_so: impl Fn(&State) -> bool) -> Option<MutexGuard<'static, State>> {
    let mut state = state();
    while !is_so(&state) {
        if stop.is_set() {
            return None;
        }
        let waited = CHANGED.wait_timeout(state, BETWEEN_LOOKS);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
    Some(state)
}
