//! What happened in a project since somebody last looked.
//!
//! Trackio tells nobody when it writes, and keeps no journal. But the rows of its tables get
//! rising ids that are never given twice, so the rows above the highest id of the last look are
//! the new ones, and finding them costs what they cost to read. Two things move rows without
//! adding any: a rename deletes a run's rows and writes them again under new ids, and the import
//! of the inbox moves rows into the database. So the rows of a run are counted as what there is
//! now less what there was.
//!
//! What a look must know of the one before is a [`Cursor`], which the caller keeps.

mod bytes;
mod cursor;
mod known;
mod rows;
mod since;
#[cfg(test)]
mod tests;

pub use cursor::{Cursor, ProjectState, RunState, directory};
pub use rows::{count_stored, counts, newest_rows};
pub use since::{News, RunNews, Since, first_look, look};

/// The tables in which rows are looked for; states hold one number for each.
pub const TABLES: [&str; 3] = ["metrics", "system_metrics", "alerts"];

/// The runs of a project that a look follows one by one: those that were active last. Of the
/// others it knows that they are there.
pub const FOLLOWED: usize = 12;
