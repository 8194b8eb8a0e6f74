//! What was written, when, and how to undo it: an append-only file in the user's own state
//! directory, away from Trackio's data.
//!
//! One JSON object a line. Entries are numbered under a lock, so that several servers can share
//! the file. Rows that a write removes or changes are saved beside it first.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The file of the journal, in its directory.
pub const FILE: &str = "mcp-trackio.log";

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
        let own = directories::ProjectDirs::from("", "", "mcp-trackio")?;
        let directory = own.state_dir().unwrap_or_else(|| own.data_local_dir());
        Some(Self::at(directory.to_owned()))
    }

    /// Where it lies.
    pub fn file(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// Fails where nothing could be noted: asked before a write begins, so that none goes unnoted.
    pub fn check(&self) -> io::Result<()> {
        self.open().map(drop)
    }

    /// Notes a write; answers its number.
    pub fn append(&self, draft: Draft<'_>) -> io::Result<u64> {
        self.append_with(draft, |_| Ok(false))
    }

    /// Notes a write whose old rows `save` writes to the file it is given, and says that it did.
    /// The rows are on the disk before the note is.
    pub fn append_with(
        &self,
        draft: Draft<'_>,
        save: impl FnOnce(&mut dyn Write) -> io::Result<bool>,
    ) -> io::Result<u64> {
        let mut log = self.open()?;
        // Held until the file is closed.
        log.lock()?;
        let id = last_id(&mut log)? + 1;
        let saved = self.save(&format!("{id}.jsonl"), save)?;
        let entry = Entry {
            id,
            at: crate::trackio::time::rfc3339(draft.at),
            tool: draft.tool.to_owned(),
            directory: draft.directory.to_owned(),
            project: draft.project.to_owned(),
            did: draft.did,
            undo: draft.undo.unwrap_or_else(|| format!("mcp-trackio undo {id}")),
            saved,
            undoes: draft.undoes,
        };
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        // One call: a reader sees the whole line or none of it.
        log.write_all(&line)?;
        log.sync_data()?;
        Ok(id)
    }

    fn save(
        &self,
        name: &str,
        save: impl FnOnce(&mut dyn Write) -> io::Result<bool>,
    ) -> io::Result<Option<String>> {
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        let mut buffered = io::BufWriter::new(file.as_file_mut());
        if !save(&mut buffered)? {
            return Ok(None);
        }
        buffered.flush()?;
        drop(buffered);
        file.as_file().sync_all()?;
        file.persist(self.directory.join(name))?;
        Ok(Some(name.to_owned()))
    }

    /// All entries, the oldest first; lines that are none are passed over.
    pub fn entries(&self) -> io::Result<Vec<Entry>> {
        let log = match File::open(self.file()) {
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
        File::open(self.directory.join(name)).map(BufReader::new).map(Some)
    }

    fn open(&self) -> io::Result<File> {
        fs::create_dir_all(&self.directory)?;
        OpenOptions::new().read(true).append(true).create(true).open(self.file())
    }
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
        let saved = journal.append_with(draft("third"), |file| {
            file.write_all(b"a row\n")?;
            Ok(true)
        });
        assert_eq!(saved.unwrap(), 3);
        let entries = journal.entries().unwrap();
        let told: Vec<_> = entries.iter().map(|entry| (entry.id, entry.undo.as_str())).collect();
        let expected = [1, 2, 3].map(|id| (id, format!("mcp-trackio undo {id}")));
        assert!(told.iter().zip(&expected).all(|(a, b)| a.0 == b.0 && a.1 == b.1), "{told:?}");
        let mut rows = String::new();
        journal.saved(&entries[2]).unwrap().unwrap().read_to_string(&mut rows).unwrap();
        assert_eq!(rows, "a row\n");
        assert!(journal.saved(&entries[0]).unwrap().is_none());
    }
}
