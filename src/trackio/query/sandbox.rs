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

/// The longest text, blob or row that a query may touch, in bytes. SQLite checks the time between
/// function calls, and at this length the slowest one (`strftime`) takes 30 ms, JSON functions
/// up to 20 ms, most others 2 ms. Metrics and configs stay well below it.
pub const LONGEST_VALUE: i32 = 1_000_000;

/// The longest query, in bytes.
pub const LONGEST_SQL: i32 = 100_000;

/// Smaller than SQLite's own, and still larger than any query a person writes.
const LIMITS: [(Limit, i32); 10] = [
    (Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE),
    // With EXPLAIN before it.
    (Limit::SQLITE_LIMIT_SQL_LENGTH, LONGEST_SQL + 100),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 100),
    (Limit::SQLITE_LIMIT_VDBE_OP, 100_000),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 127),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, super::pattern::LONGEST as i32),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 10),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
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
