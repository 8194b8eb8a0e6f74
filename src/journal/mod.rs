//! What was written, when, and how to undo it: an append-only file in the user's own state
//! directory, away from Trackio's data.
//!
//! One JSON object a line. Entries are numbered under a lock, so that several servers can share
//! the file. Rows that a write removes or changes are saved beside it first.

mod key;

use std::env;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::temporary::{self, Temporary};
use crate::trackio::regular;
pub use key::Key;

/// The file of the journal, in its directory.
pub const FILE: &str = "mcp-trackio.log";

/// How long another writer may hold the journal.
const PATIENCE: Duration = Duration::from_secs(10);

/// The end of the file in which the last entry is looked for.
const TAIL_BYTES: u64 = 64 << 10;

/// Where writes are noted.
#[derive(Debug, Clone)]
pub struct Journal {
    directory: PathBuf,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number.
    pub id: u64,
    /// When, as RFC 3339.
    pub at: String,
    /// The tool or subcommand.
    pub tool: String,
    /// Trackio's directory.
    pub directory: PathBuf,
    /// The project.
    pub project: String,
    /// What was done, in a sentence.
    pub did: String,
    /// How to undo it, in a sentence.
    pub undo: String,
    /// The file of saved rows, in the journal's directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<String>,
    /// The entry that this one takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<u64>,
}

/// A write that is about to be noted; its number and file come with it.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// [`Entry::at`].
    pub at: jiff::Timestamp,
    /// [`Entry::tool`].
    pub tool: &'a str,
    /// [`Entry::directory`].
    pub directory: &'a Path,
    /// [`Entry::project`].
    pub project: &'a str,
    /// [`Entry::did`].
    pub did: String,
    /// [`Entry::undo`]; `None`: `mcp-trackio undo` with its number.
    pub undo: Option<String>,
    /// [`Entry::undoes`].
    pub undoes: Option<u64>,
}

impl Journal {
    /// The journal in a directory, which is made with the first entry.
    pub fn at(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The journal of the user: `XDG_STATE_HOME/mcp-trackio` on Linux, beside the application's
    /// other data elsewhere. `None` where the user has no home.
    pub fn of_user() -> Option<Self> {
        state_directory().map(Self::at)
    }

    /// Where it lies.
    pub fn file(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// Fails where nothing could be noted: asked before a write begins, so that none goes unnoted.
    pub fn check(&self) -> io::Result<()> {
        self.open().map(drop)
    }

    /// The user's key, beside the journal.
    pub fn key(&self) -> io::Result<Key> {
        make_private(&self.directory)?;
        Key::of(&self.directory)
    }

    /// Removes the rows that writers were saving when they were killed.
    pub fn clear(&self) {
        temporary::clear(&self.directory);
    }

    /// Notes a write; answers its number.
    pub fn append(&self, draft: Draft<'_>) -> io::Result<u64> {
        self.note(draft, false)
    }

    /// Notes a write that is about to save rows in a file of its own, [`Journal::rows`]. Noted
    /// first: a write that was cut off is in the journal too.
    pub fn announce(&self, draft: Draft<'_>) -> io::Result<u64> {
        self.note(draft, true)
    }

    fn note(&self, draft: Draft<'_>, saves: bool) -> io::Result<u64> {
        let mut log = self.open()?;
        lock(&log)?;
        let id = last_id(&mut log)? + 1;
        let entry = Entry {
            id,
            at: crate::trackio::time::rfc3339(draft.at),
            tool: draft.tool.to_owned(),
            directory: std::path::absolute(draft.directory)?,
            project: draft.project.to_owned(),
            did: draft.did,
            undo: draft.undo.unwrap_or_else(|| format!("mcp-trackio undo {id}")),
            saved: saves.then(|| rows_of(id)),
            undoes: draft.undoes,
        };
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        // One call: a reader sees the whole line or none of it.
        log.write_all(&line)?;
        log.sync_data()?;
        Ok(id)
    }

    /// An empty file for the rows of an entry.
    pub fn rows(&self, id: u64) -> io::Result<Rows> {
        let file = BufWriter::new(Temporary::new_in(&self.directory)?);
        Ok(Rows { file, path: self.directory.join(rows_of(id)) })
    }

    /// Removes the rows of an entry that was not carried out.
    pub fn discard(&self, id: u64) {
        // What stays is a copy of rows that are still there.
        let _ = fs::remove_file(self.directory.join(rows_of(id)));
    }

    /// All entries, the oldest first; lines that are none are passed over.
    pub fn entries(&self) -> io::Result<Vec<Entry>> {
        let log = match regular::open(&self.file()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => BufReader::new(other?),
        };
        let mut entries = Vec::new();
        for line in log.lines() {
            entries.extend(serde_json::from_str(&line?));
        }
        Ok(entries)
    }

    /// The rows that were saved with an entry.
    pub fn saved(&self, entry: &Entry) -> io::Result<Option<BufReader<File>>> {
        let Some(name) = &entry.saved else { return Ok(None) };
        regular::open(&self.directory.join(name)).map(BufReader::new).map(Some)
    }

    fn open(&self) -> io::Result<File> {
        make_private(&self.directory)?;
        let mut options = OpenOptions::new();
        regular::open_with(options.read(true).append(true).create(true), &self.file())
    }
}

/// The rows of an entry while they are written; gone when dropped before [`Rows::keep`].
#[derive(Debug)]
pub struct Rows {
    file: BufWriter<Temporary>,
    path: PathBuf,
}

impl Rows {
    /// Keeps them: they are on the disk when this returns.
    pub fn keep(self) -> io::Result<()> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)
    }
}

impl Write for Rows {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Takes the journal's lock, which is held until the file is closed.
fn lock(log: &File) -> io::Result<()> {
    match lock_within(log, PATIENCE)? {
        true => Ok(()),
        false => Err(io::Error::other("another process holds its lock")),
    }
}

/// Takes the lock of a file of ours, which is held until the file is closed. False where another
/// process holds it for longer than `patience`.
///
/// # Errors
/// The file system has no locks.
pub fn lock_within(file: &File, patience: Duration) -> io::Result<bool> {
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if start.elapsed() < patience => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn rows_of(id: u64) -> String {
    format!("{id}.jsonl")
}

fn state_directory() -> Option<PathBuf> {
    let user = directories::BaseDirs::new()?;
    let local = env::var_os("LOCALAPPDATA").filter(|local| cfg!(windows) && !local.is_empty());
    let base = match (&local, user.state_dir()) {
        // `directories` asks Windows itself, which ignores the variable.
        (Some(local), _) => Path::new(local),
        (None, Some(state)) => state,
        (None, None) => user.data_local_dir(),
    };
    Some(base.join("mcp-trackio"))
}

/// Makes the directory, for its user alone where the system knows how: saved rows can be secret.
fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// The number of the last entry, 0 where there is none.
fn last_id(log: &mut File) -> io::Result<u64> {
    let length = log.metadata()?.len();
    for tail in [TAIL_BYTES.min(length), length] {
        log.seek(SeekFrom::Start(length - tail))?;
        let mut bytes = Vec::new();
        log.take(tail).read_to_end(&mut bytes)?;
        let mut lines = bytes.split(|byte| *byte == b'\n').rev();
        let last = lines.find_map(|line| serde_json::from_slice::<Entry>(line).ok());
        if let Some(last) = last {
            return Ok(last.id);
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(did: &str) -> Draft<'_> {
        Draft {
            at: jiff::Timestamp::UNIX_EPOCH,
            tool: "tool",
            directory: Path::new("data"),
            project: "p",
            did: did.to_owned(),
            undo: None,
            undoes: None,
        }
    }

    #[test]
    fn entries_are_numbered_from_one_on_and_survive_a_torn_line() {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::at(directory.path().join("state"));
        assert_eq!(journal.entries().unwrap(), []);
        assert_eq!(journal.append(draft("first")).unwrap(), 1);
        let long = "x".repeat(TAIL_BYTES as usize * 2);
        assert_eq!(journal.append(draft(&long)).unwrap(), 2);
        let mut log = journal.open().unwrap();
        log.write_all(b"{\"id\": 9, \"torn\n").unwrap();
        assert_eq!(journal.announce(draft("third")).unwrap(), 3);
        let mut rows = journal.rows(3).unwrap();
        rows.write_all(b"a row\n").unwrap();
        rows.keep().unwrap();
        let entries = journal.entries().unwrap();
        let told: Vec<_> = entries.iter().map(|entry| (entry.id, entry.undo.as_str())).collect();
        let expected = [1, 2, 3].map(|id| (id, format!("mcp-trackio undo {id}")));
        assert!(told.iter().zip(&expected).all(|(a, b)| a.0 == b.0 && a.1 == b.1), "{told:?}");
        let mut rows = String::new();
        journal.saved(&entries[2]).unwrap().unwrap().read_to_string(&mut rows).unwrap();
        assert_eq!(rows, "a row\n");
        assert!(journal.saved(&entries[0]).unwrap().is_none());
        journal.discard(3);
        assert!(journal.saved(&entries[2]).is_err());
    }
}
