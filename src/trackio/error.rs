//! What can go wrong when Trackio's files are read or written.

use std::path::PathBuf;

use crate::quote::backquoted;

/// Why it failed. The tools turn it into a sentence with a next step.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such directory, or it cannot be listed.
    #[error("Trackio's directory {} cannot be read: {reason}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The project has no database and nothing in the inbox.
    #[error("there is no project {}", backquoted(.0))]
    NoSuchProject(String),
    /// The project's file is there, but no database can be read from it.
    #[error("the database of project {} cannot be read: {reason}", backquoted(project))]
    Unreadable {
        /// The project's name as given.
        project: String,
        /// What is wrong with the file.
        reason: String,
    },
    /// Trackio imported files of the inbox while they were read.
    #[error("Trackio imported rows while they were read; try again in a moment")]
    InboxMoved,
    /// A writer held the database for longer than we wait.
    #[error("the database of project {} is locked by a writer; try again in a moment", backquoted(.0))]
    Busy(String),
    /// Other processes wrote for longer than a write waits.
    #[error(
        "nothing was written: for {seconds} seconds other processes held the lock of project {}. Try \
         again; when it stays so, look for a process that hangs",
        backquoted(project)
    )]
    NoTurn {
        /// The project's name as given.
        project: String,
        /// How long it waited.
        seconds: u64,
    },
    /// The project's file cannot or must not be written.
    #[error(
        "nothing was written: project {} cannot be written, because {reason}",
        backquoted(project)
    )]
    NotWritable {
        /// The project's name as given.
        project: String,
        /// Why.
        reason: String,
    },
    /// SQLite needed more memory than [`heap`](super::heap) allows.
    #[error(
        "reading project `{project}` needs more than {limit_mb} MB of memory and was stopped; ask \
         for one run or for fewer rows"
    )]
    OutOfMemory {
        /// The project's name as given.
        project: String,
        /// The limit.
        limit_mb: u32,
    },
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The deadline passed.
    #[error("it took too long and was stopped")]
    TimedOut,
    /// The work's own reason to break off, handed through.
    #[error(transparent)]
    Work(anyhow::Error),
    /// Any other failure that SQLite reports.
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
}

/// The result of a read or a write.
pub type Result<T> = std::result::Result<T, Error>;
