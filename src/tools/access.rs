//! What a tool may do beside reading, and whether it may.
//!
//! Without leave there is no journal, and without a journal no tool can write: a tool that forgets
//! to ask has nothing to write with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::common::Failure;
use super::deadline;
use crate::journal::Journal;
use crate::remote::Remote;

/// The option that lets tools write.
pub const OPTION: &str = "--allow-writes";
/// The environment variable that does the same.
pub const VARIABLE: &str = "MCP_TRACKIO_ALLOW_WRITES";

/// What a tool does beside answering. The annotations that clients see follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Read,
    /// Changes Trackio's data on this computer.
    Write {
        /// Whether it removes or replaces what was there.
        destructive: bool,
        /// Whether the same call again changes nothing more.
        idempotent: bool,
    },
    /// Speaks to a server, perhaps on another computer.
    Send {
        /// Whether it can replace what was there.
        destructive: bool,
        /// Whether the same call again changes nothing more.
        idempotent: bool,
    },
}

impl Access {
    /// Whether the user must have allowed it.
    pub fn needs_leave(self) -> bool {
        self != Self::Read
    }

    /// How long a call may take where a read may take `read`.
    pub fn deadline(self, read: Duration) -> Duration {
        match self {
            Self::Read => read,
            Self::Write { .. } => deadline::WRITE,
            Self::Send { .. } => deadline::SEND,
        }
    }

    /// The word for lists and pages; none for what only reads.
    pub fn mark(self) -> Option<&'static str> {
        match self {
            Self::Read => None,
            Self::Write { destructive: false, .. } => Some("writes"),
            Self::Write { destructive: true, .. } => Some("writes, destructive"),
            Self::Send { destructive: false, .. } => Some("sends"),
            Self::Send { destructive: true, .. } => Some("sends, destructive"),
        }
    }
}

/// Whether tools may write.
#[derive(Debug, Clone, Default)]
pub enum Permission {
    /// They may not: nobody said that they may.
    #[default]
    ReadOnly,
    /// They may, with this.
    Writes(Arc<Grant>),
}

/// What a tool that may write is given for it.
#[derive(Debug)]
pub struct Grant {
    /// Where every write is noted.
    pub journal: Journal,
    /// Directories from which files may be copied; none: no file may.
    pub media_roots: Vec<PathBuf>,
    /// Where data may be sent.
    pub remote: Remote,
}

impl Permission {
    /// Leave to write, noted in this journal, and to send nowhere.
    pub fn granted(journal: Journal, media_roots: Vec<PathBuf>) -> Self {
        Self::Writes(Arc::new(Grant { journal, media_roots, remote: Remote::default() }))
    }

    /// Whether a tool of that access may be listed and called.
    pub fn covers(&self, access: Access) -> bool {
        !access.needs_leave() || matches!(self, Self::Writes(_))
    }

    /// What a tool writes with, or the failure that says how to allow it.
    pub fn grant(&self, tool: &str) -> Result<&Grant, Failure> {
        match self {
            Self::Writes(grant) => Ok(grant),
            Self::ReadOnly => Err(refusal(tool)),
        }
    }
}

/// Says how to allow a tool that writes.
pub fn refusal(tool: &str) -> Failure {
    Failure(format!(
        "{tool} changes or sends data, and this server is read-only. Only the user can allow it: \
         start mcp-trackio with {OPTION}, or set {VARIABLE}=1 in the client's configuration \
         (without --read-only), and restart the client."
    ))
}
