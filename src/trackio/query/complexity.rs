//! Refuses programs that SQLite could not break off.
//!
//! SQLite checks the time where a program jumps: at the latest with each row. A statement of a
//! thousand columns computes them all before that. `EXPLAIN` shows the program after views and
//! subqueries were copied into it, so its length bounds the time between two checks.

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Connection};

use super::error::QueryError;

/// The most steps of a program. Each takes at most 3 ms, for a number as long as a value may be.
const MOST_STEPS: usize = 10_000;

/// The most function calls in a program. Each takes at most 20 ms, for a JSON text as long as a
/// value may be.
const MOST_CALLS: usize = 250;

/// Functions that take so many times longer.
const SLOW: [(&str, usize); 3] = [("strftime(", 5), ("printf(", 2), ("format(", 2)];

/// Compiles the query and looks at its program.
pub fn check(connection: &Connection, query: &str) -> rusqlite::Result<Result<(), QueryError>> {
    let sql = format!("EXPLAIN {query}");
    // Of several statements the first: that there are more is said elsewhere.
    let Some(mut statement) = Batch::new(connection, &sql).next()? else { return Ok(Ok(())) };
    let mut steps = statement.query([])?;
    let (mut count, mut calls) = (0, 0);
    while let Some(step) = steps.next()? {
        count += 1;
        if matches!(step.get_ref(1)?.as_str()?, "Function" | "PureFunc") {
            let called = step.get_ref(5)?.as_str_or_null()?.unwrap_or_default();
            let slow = SLOW.iter().find(|(name, _)| called.starts_with(name));
            calls += slow.map_or(1, |(_, times)| *times);
        }
    }
    Ok(match (count, calls) {
        (..=MOST_STEPS, ..=MOST_CALLS) => Ok(()),
        (_, ..=MOST_CALLS) => {
            Err(QueryError::TooComplex { found: count, what: "steps", most: MOST_STEPS })
        }
        _ => Err(QueryError::TooComplex { found: calls, what: "function calls", most: MOST_CALLS }),
    })
}
