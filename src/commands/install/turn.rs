//! One change of clients' files at a time: two that read the same text would each write it with
//! their own entry only.

use std::fs::{self, File, OpenOptions};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

use super::place::plain;
use crate::journal::{self, Journal};

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
        match journal::lock_within(&file, PATIENCE).with_context(cannot)? {
            true => Ok(Self { _file: Some(file) }),
            false => bail!("another `mcp-trackio install` is running; try again when it is done"),
        }
    }
}
