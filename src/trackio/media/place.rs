//! Where a logged file lies. A row can name any path; only what lies under Trackio's `media/` is
//! ever opened.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::slice;

use super::super::directory::Directory;
use super::super::opened::open_within;

/// The folder of files, before 0.3.3 a part of the stored path.
const FOLDER: &str = "media";

/// Trackio's `media/`.
#[derive(Debug, Clone)]
pub struct MediaDirectory {
    /// As a person knows it.
    path: PathBuf,
    /// Without links; `None` where there is none.
    real: Option<PathBuf>,
}

/// Where a stored path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// To a file.
    File(StoredFile),
    /// To nothing.
    Missing,
    /// Out of Trackio's directory, or to something that is no file. It is not looked at.
    Elsewhere,
}

/// A file that may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// The path for people, below [`MediaDirectory::path`].
    pub relative: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    real: PathBuf,
    root: PathBuf,
}

impl StoredFile {
    /// Opens it.
    pub fn open(&self) -> io::Result<File> {
        let root = slice::from_ref(&self.root);
        open_within(&self.real, root).ok_or_else(|| io::ErrorKind::PermissionDenied.into())
    }
}

impl MediaDirectory {
    /// That of a directory of Trackio's.
    pub fn of(directory: &Directory) -> Self {
        let path = directory.path.join(FOLDER);
        #[cfg(planted = "written")]
        let _ = fs::create_dir_all(path.join(".index"));
        let real = fs::canonicalize(&path).ok();
        Self { path, real }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a stored path leads: as it stands, without the `media/` that old versions put before
    /// it, and with the separators of Windows.
    pub fn find(&self, stored: &str) -> Place {
        let mut leads_elsewhere = false;
        for spelling in spellings(stored) {
            match self.look(&spelling) {
                Place::Missing => {}
                Place::Elsewhere => leads_elsewhere = true,
                found => return found,
            }
        }
        if leads_elsewhere { Place::Elsewhere } else { Place::Missing }
    }

    fn look(&self, spelling: &str) -> Place {
        let Some(inside) = within(Path::new(spelling)) else { return Place::Elsewhere };
        let Some(real) = &self.real else { return Place::Missing };
        self.file(&real.join(inside))
    }

    /// What is at a path below the directory, its links followed as long as they stay there.
    pub(super) fn file(&self, path: &Path) -> Place {
        let Some(root) = &self.real else { return Place::Missing };
        let Ok(real) = fs::canonicalize(path) else { return Place::Missing };
        let Ok(relative) = real.strip_prefix(root).map(Path::to_path_buf) else {
            return Place::Elsewhere;
        };
        match fs::metadata(&real) {
            Ok(about) if about.is_file() => {
                Place::File(StoredFile { relative, size: about.len(), real, root: root.clone() })
            }
            // Not even opened: a pipe would wait for a writer.
            Ok(_) => Place::Elsewhere,
            Err(_) => Place::Missing,
        }
    }

    /// The folders below `media/`, by name; none where there is no directory.
    pub(super) fn folders(&self) -> Vec<(String, PathBuf)> {
        let Some(root) = &self.real else { return Vec::new() };
        let entries = fs::read_dir(root).into_iter().flatten().filter_map(Result::ok);
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut folders: Vec<(String, PathBuf)> = folders
            .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
            .collect();
        folders.sort();
        folders
    }

    /// The same directory for people.
    pub(super) fn shown(&self, real: &Path) -> PathBuf {
        let relative = self.real.as_ref().and_then(|root| real.strip_prefix(root).ok());
        relative.map_or_else(|| self.path.clone(), |relative| self.path.join(relative))
    }
}

fn spellings(stored: &str) -> Vec<String> {
    let mut spellings = Vec::new();
    for spelling in [stored.to_owned(), stored.replace('\\', "/")] {
        let below = spelling.strip_prefix("media/").map(str::to_owned);
        spellings.extend([Some(spelling), below].into_iter().flatten());
    }
    spellings.dedup();
    spellings
}

/// The path without `.` and `..`; `None` where it leads out of where it starts. The disk is not
/// asked, so that nothing is learned of what lies elsewhere.
fn within(path: &Path) -> Option<PathBuf> {
    let mut inside = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => inside.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !inside.pop() {
                    return None;
                }
            }
            Component::Prefix(_) | Component::RootDir => return None,
        }
    }
    Some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trackio::directory::Origin;

    fn media() -> (tempfile::TempDir, MediaDirectory) {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("trackio/media/p/run/0");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.png"), "a").unwrap();
        fs::write(directory.path().join("trackio/secret"), "s").unwrap();
        fs::write(directory.path().join("secret"), "s").unwrap();
        let path = directory.path().join("trackio");
        (directory, MediaDirectory::of(&Directory { path, origin: Origin::Argument }))
    }

    #[test]
    fn paths_of_every_version_lead_to_the_file() {
        let (_directory, media) = media();
        for stored in [
            "p/run/0/a.png",
            "media/p/run/0/a.png",
            "p\\run\\0\\a.png",
            "media\\p\\run\\0\\a.png",
            "./p//run/../run/0/a.png",
        ] {
            let Place::File(file) = media.find(stored) else { panic!("{stored} is not found") };
            assert_eq!(file.relative, Path::new("p/run/0/a.png"), "{stored}");
            assert_eq!(file.size, 1);
        }
        assert_eq!(media.find("p/run/0/b.png"), Place::Missing);
        assert_eq!(media.find("a\0b"), Place::Missing);
    }

    #[test]
    fn nothing_outside_is_looked_at() {
        let (directory, media) = media();
        let absolute = directory.path().join("secret").display().to_string();
        for stored in [
            "../secret",
            "../../secret",
            "p/../../secret",
            "media/../../secret",
            "..\\..\\secret",
            "../no such file",
            absolute.as_str(),
            "p/run",
            "",
        ] {
            assert_eq!(media.find(stored), Place::Elsewhere, "{stored}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_only_inside() {
        use std::os::unix::fs::symlink;
        let (directory, media) = media();
        let folder = directory.path().join("trackio/media/p");
        symlink(directory.path().join("secret"), folder.join("out.png")).unwrap();
        symlink(directory.path(), folder.join("up")).unwrap();
        symlink("run/0/a.png", folder.join("in.png")).unwrap();
        symlink("nowhere", folder.join("dangling.png")).unwrap();
        assert_eq!(media.find("p/out.png"), Place::Elsewhere);
        assert_eq!(media.find("p/up/secret"), Place::Elsewhere);
        assert_eq!(media.find("p/up/trackio/secret"), Place::Elsewhere);
        assert_eq!(media.find("p/dangling.png"), Place::Missing);
        assert!(matches!(media.find("p/in.png"), Place::File(_)));
    }
}
