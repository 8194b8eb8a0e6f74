//! Trackio's lock between processes (`sqlite_storage.py`, `ProcessLock`): an exclusive `flock` on
//! an empty file that is never deleted. On Windows Trackio locks the file's first byte; the
//! standard library locks all of it, which excludes the same.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::trackio::name::canonical;
use crate::trackio::regular;

/// The locks of a project, held until dropped.
pub struct Lock {
    _files: Vec<File>,
}

/// The lock files of a project, in the order in which they are taken.
///
/// Trackio 0.30 and later lock the canonical name's file, older versions the name's as it was
/// spelled, `a/b` in a subdirectory. The second is taken only where an older version has left it:
/// then one may be at work.
pub fn files(directory: &Path, name: &str) -> Vec<PathBuf> {
    let stem = canonical(name);
    let mut files = vec![directory.join(format!("{stem}.lock"))];
    let raw = format!("{name}.lock");
    let stays_inside =
        Path::new(&raw).components().all(|part| matches!(part, Component::Normal(_)));
    if stem != name && stays_inside && !name.contains('\0') {
        files.push(directory.join(raw));
    }
    files
}

impl Lock {
    /// Takes all the files' locks, or none: `None` while another holds one. The first file is
    /// made where it is missing.
    pub fn try_take(files: &[PathBuf]) -> io::Result<Option<Self>> {
        let mut taken = Vec::new();
        for (index, path) in files.iter().enumerate() {
            let ours = index == 0;
            if ours && let Some(directory) = path.parent() {
                fs::create_dir_all(directory)?;
            }
            let mut options = OpenOptions::new();
            options.write(true).create(ours).truncate(false);
            let file = match regular::open_with(&mut options, path) {
                Ok(file) => file,
                Err(error) if !ours && error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            match file.try_lock() {
                Ok(()) => taken.push(file),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(Some(Self { _files: taken }))
    }
}
