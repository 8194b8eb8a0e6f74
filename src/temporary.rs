//! Files that are written beside their place and then renamed into it, and folders for a while.
//! What a killed process has left of them can be told from everybody else's, and from what is still
//! in use.

use std::fs::{self, DirEntry, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::{NamedTempFile, TempDir};

use crate::trackio::regular;

/// What the names of such files begin and end with.
const NAME: (&str, &str) = (".mcp-trackio-", ".tmp");

/// The file in a folder whose lock is held as long as the folder is in use.
const LOCK: &str = "lock";

/// A younger file may not be locked yet.
const AGE: Duration = Duration::from_secs(60);

/// A file that only its user may read, locked while it is written; gone when dropped before
/// [`Temporary::persist`].
#[derive(Debug)]
pub struct Temporary(NamedTempFile);

impl Temporary {
    /// A new one in a folder.
    pub fn new_in(folder: &Path) -> io::Result<Self> {
        let (begin, end) = NAME;
        let file = tempfile::Builder::new().prefix(begin).suffix(end).tempfile_in(folder)?;
        // Not every file system has locks. There, nothing is ever cleared.
        let _ = file.as_file().try_lock();
        Ok(Self(file))
    }

    /// The file itself.
    pub fn as_file(&self) -> &File {
        self.0.as_file()
    }

    /// Gives it its name, in place of what had that name; a link itself is replaced.
    pub fn persist(self, path: &Path) -> io::Result<()> {
        // On Windows nobody else could read it while the lock is held.
        let _ = self.0.as_file().unlock();
        self.0.persist(path).map(drop).map_err(|error| error.error)
    }
}

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A folder in the system's temporary directory for its user alone, gone when dropped.
#[derive(Debug)]
pub struct TemporaryFolder {
    // Before the folder, so that Windows can remove it.
    _lock: File,
    folder: TempDir,
}

impl TemporaryFolder {
    /// A new one.
    pub fn new() -> io::Result<Self> {
        let (begin, end) = NAME;
        let folder = tempfile::Builder::new().prefix(begin).suffix(end).tempdir()?;
        let lock = File::create(folder.path().join(LOCK))?;
        let _ = lock.try_lock();
        Ok(Self { _lock: lock, folder })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the files that killed processes have left in a folder.
pub fn clear(folder: &Path) {
    for entry in ours_in(folder) {
        if is_left(&entry.path()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Removes the folders that killed processes have left in the system's temporary directory.
pub fn clear_folders() {
    for entry in ours_in(&std::env::temp_dir()) {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && is_left(&entry.path().join(LOCK)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn ours_in(folder: &Path) -> impl Iterator<Item = DirEntry> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| is_ours(&entry.file_name().to_string_lossy()))
}

fn is_ours(name: &str) -> bool {
    let (begin, end) = NAME;
    let middle = name.strip_prefix(begin).and_then(|name| name.strip_suffix(end));
    middle.is_some_and(|middle| {
        middle.len() >= 6 && middle.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Whether it is a file that nobody is writing.
fn is_left(path: &Path) -> bool {
    let Ok(about) = fs::symlink_metadata(path) else { return false };
    let age = about.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
    about.is_file()
        && age.is_some_and(|age| age > AGE)
        && regular::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn only_what_is_ours_and_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - AGE - Duration::from_secs(1);
        let make = |name: &str, time: Option<SystemTime>| {
            let file = File::create(folder.path().join(name)).unwrap();
            if let Some(time) = time {
                file.set_modified(time).unwrap();
            }
        };
        make(".mcp-trackio-left12.tmp", Some(old));
        make(".mcp-trackio-young1.tmp", None);
        make(".mcp-trackio-.tmp", Some(old));
        make(".mcp-trackio-my file.tmp", Some(old));
        make(".tmpAbCdEf", Some(old));
        make("mcp-trackio.log", Some(old));
        fs::create_dir(folder.path().join(".mcp-trackio-folder.tmp")).unwrap();
        let written = Temporary::new_in(folder.path()).unwrap();
        written.as_file().set_modified(old).unwrap();
        let before = names(folder.path());
        clear(folder.path());
        let gone = |name: &&String| !names(folder.path()).contains(name);
        let gone: Vec<&String> = before.iter().filter(gone).collect();
        assert_eq!(gone, [".mcp-trackio-left12.tmp"]);
        written.persist(&folder.path().join("kept")).unwrap();
        assert!(names(folder.path()).contains(&"kept".to_owned()));
    }
}
