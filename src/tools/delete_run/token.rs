//! The token that the first call of `delete_run` gives and the second needs: for one run, as it
//! was shown, for some time. It is signed, so that a model cannot skip the first call.

use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::journal::Key;
use crate::tools::common::edit::Chosen;

/// How long a token fits, in seconds.
pub const LIFETIME: i64 = 600;

/// The bytes of a digest that distinguish two states of a run.
const STATE: usize = 8;

/// The rows of a run, as they would be saved.
#[derive(Default)]
pub struct State(Sha256);

impl State {
    /// Short, for a token.
    pub fn digest(self) -> String {
        self.0.finalize().iter().take(STATE).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Write for State {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a token is for.
pub struct Token<'a> {
    pub directory: &'a Path,
    pub chosen: &'a Chosen,
    /// The run's rows as they are now.
    pub state: String,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It was not given for this run by this user's mcp-trackio.
    Unknown,
    /// It is too old.
    Expired,
    /// The rows are not those that were shown.
    Changed,
}

impl Token<'_> {
    /// The token: until when, for which state, and the signature.
    pub fn text(&self, key: &Key, until: i64) -> String {
        let signature = self.with_parts(until, &self.state, |parts| key.sign(parts));
        format!("delete-{until:x}-{}-{signature}", self.state)
    }

    /// Whether a token fits now.
    pub fn check(&self, key: &Key, text: &str, now: i64) -> Result<(), Unfit> {
        let [until, state, signature] = parts(text).ok_or(Unfit::Unknown)?;
        let until = i64::from_str_radix(until, 16).map_err(|_| Unfit::Unknown)?;
        if !self.with_parts(until, state, |parts| key.has_signed(parts, signature)) {
            return Err(Unfit::Unknown);
        }
        // A clock that was set back does not make it last longer.
        if now > until || until - now > LIFETIME {
            return Err(Unfit::Expired);
        }
        if state == self.state { Ok(()) } else { Err(Unfit::Changed) }
    }

    fn with_parts<T>(&self, until: i64, state: &str, work: impl FnOnce(&[&[u8]]) -> T) -> T {
        let directory = self.directory.canonicalize();
        let directory = directory.as_deref().unwrap_or(self.directory).to_string_lossy();
        let run = &self.chosen.run;
        let project = &self.chosen.project.name;
        let until = until.to_le_bytes();
        work(&[
            b"delete_run",
            directory.as_bytes(),
            project.as_bytes(),
            run.id.as_bytes(),
            run.name.as_bytes(),
            &until,
            state.as_bytes(),
        ])
    }
}

fn parts(text: &str) -> Option<[&str; 3]> {
    let parts: Vec<&str> = text.strip_prefix("delete-")?.split('-').collect();
    parts.try_into().ok()
}
