//! The walls around a query that somebody else wrote.
//!
//! There are four, each enough by itself for most mischief: the look at the first word
//! ([`statement`](super::statement)), the [`Gate`](super::super::gate::Gate), `query_only`, and a
//! connection that was opened read-only. Beside them stand limits, because a query that only
//! reads can still ask for all memory.

use rusqlite::Connection;
use rusqlite::limits::Limit;

use super::super::gate::Closed;
use super::super::project::Snapshot;

/// The longest text, blob or row that a query may touch, in bytes. Trackio's tables and traces
/// stay well below it.
pub const LONGEST_VALUE: i32 = 32_000_000;

/// What SQLite may take from the heap in this process. A sort in memory knows no other end.
const HEAP_LIMIT: u32 = 512 << 20;

/// Smaller than SQLite's own, and still larger than any query a person writes.
const LIMITS: [(Limit, i32); 7] = [
    (Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 1_000_000),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 100),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1_000),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];

/// The walls, as long as it lives. Everything is as before when it goes.
pub struct Sandbox<'a> {
    connection: &'a Connection,
    limits: Vec<(Limit, i32)>,
    gate: Option<Closed<'a>>,
}

impl<'a> Sandbox<'a> {
    /// Raises the walls around a snapshot's connection.
    pub fn new(snapshot: &Snapshot<'a>) -> rusqlite::Result<Self> {
        let connection = snapshot.connection;
        let mut sandbox = Self { connection, limits: Vec::new(), gate: None };
        connection.pragma_update(None, "hard_heap_limit", HEAP_LIMIT)?;
        connection.pragma_update(None, "query_only", true)?;
        for (limit, value) in LIMITS {
            let before = connection.limit(limit)?;
            connection.set_limit(limit, value.min(before))?;
            sandbox.limits.push((limit, before));
        }
        sandbox.gate = Some(snapshot.gate.close());
        Ok(sandbox)
    }

    /// What the gate refused.
    pub fn refused(&self) -> Option<String> {
        self.gate.as_ref().and_then(Closed::refused)
    }
}

impl Drop for Sandbox<'_> {
    fn drop(&mut self) {
        self.gate = None;
        for (limit, before) in self.limits.drain(..) {
            // It was the limit before, so it is a legal one.
            let _ = self.connection.set_limit(limit, before);
        }
        let _ = self.connection.pragma_update(None, "query_only", false);
    }
}
