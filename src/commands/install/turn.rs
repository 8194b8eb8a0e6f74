//! One change of clients' files at a time: two that read the same text would each write it with
//! their own entry only.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::place::plain;
use crate::journal::Journal;

/// The lock's file, beside the journal.
const FILE: &str = "install.lock";

/// How long another `install` may take, which may run a client's own command.
const PATIENCE: Duration = Duration::from_secs(120);

/// A turn, until dropped.
#[derive(Debug)]
pub struct Turn {
    _file: Option<File>,
}

impl Turn {
    /// Waits for the turn.
    pub fn wait() -> anyhow::Result<Self> {
        match Journal::of_user().map(|journal| journal.file().with_file_name(FILE)) {
            Some(path) => Self::at(&path),
            // Without a home there are no clients' files that another `install` could change.
            None => Ok(Self { _file: None }),
        }
    }

    fn at(path: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("{} cannot be locked", plain(path));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(cannot)?;
        }
        if path.symlink_metadata().is_ok_and(|about| !about.is_file()) {
            bail!("{} is not a regular file", plain(path));
        }
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = file.with_context(cannot)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: Some(file) }),
                Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                    thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => {
                    bail!("another `mcp-trackio install` is running; try again when it is done")
                }
                Err(TryLockError::Error(error)) => return Err(error).with_context(cannot),
            }
        }
    }
}
