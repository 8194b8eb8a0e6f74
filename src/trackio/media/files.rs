//! What `trackio.save` keeps: plain files of a project, in no database.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::name::canonical;
use super::place::{MediaDirectory, Place};

/// The folder within a project's.
const FOLDER: &str = "files";
/// More are not looked for.
pub const MOST_FILES: usize = 20_000;

/// One file, as Trackio's `get_project_files` has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProjectFile {
    /// Its path within the project's files.
    pub name: PathBuf,
    /// Its path.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
}

/// The files of a project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files {
    /// Those that Trackio lists, in its order.
    pub listed: Vec<ProjectFile>,
    /// Those that lie where Trackio kept them before 0.30, under the project's name as it was
    /// spelled; it lists them no longer.
    pub older: Vec<ProjectFile>,
    /// How many links lead elsewhere, and were left out.
    pub elsewhere: usize,
    /// Whether there are more than [`MOST_FILES`].
    pub is_cut: bool,
}

impl Files {
    /// The files of the project of that name, in any spelling.
    pub fn of(media: &MediaDirectory, project: &str) -> Self {
        let own = canonical(project);
        let mut files = Self::default();
        for (folder, path) in media.folders() {
            if folder == own {
                files.listed = files.below(media, &path.join(FOLDER));
            } else if canonical(&folder) == own {
                let older = files.below(media, &path.join(FOLDER));
                files.older.extend(older);
            }
        }
        files
    }

    /// All files below a folder, in the order of their paths. Links to folders are not followed.
    fn below(&mut self, media: &MediaDirectory, root: &Path) -> Vec<ProjectFile> {
        let is_folder =
            |path: &Path| fs::symlink_metadata(path).is_ok_and(|about| about.file_type().is_dir());
        let mut files = Vec::new();
        let mut folders = if is_folder(root) { vec![root.to_path_buf()] } else { Vec::new() };
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
            for path in entries.map(|entry| entry.path()) {
                if is_folder(&path) {
                    folders.push(path);
                    continue;
                }
                if files.len() >= MOST_FILES {
                    self.is_cut = true;
                    return files;
                }
                let Ok(name) = path.strip_prefix(root).map(Path::to_path_buf) else { continue };
                match media.file(&path) {
                    Place::File(file) => {
                        files.push(ProjectFile { name, path: media.shown(&path), size: file.size });
                    }
                    Place::Elsewhere => self.elsewhere += 1,
                    Place::Missing => {}
                }
            }
        }
        files.sort();
        files
    }
}
