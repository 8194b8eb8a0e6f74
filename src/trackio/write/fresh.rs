//! Takes a database away again that a failed write has created.

use std::fs;
use std::path::Path;

use crate::trackio::handles::sidecar;

/// The size of SQLite's pages.
const PAGE: u64 = 4096;

/// Watches over a write under the project's lock: nobody else creates the file meanwhile.
pub struct Fresh<'a> {
    created: Option<&'a Path>,
}

impl<'a> Fresh<'a> {
    /// Looks whether the database is there before the write.
    pub fn watch(path: &'a Path) -> Self {
        Self { created: path.symlink_metadata().is_err().then_some(path) }
    }

    /// The write succeeded.
    pub fn keep(self) {}

    /// The write failed: removes the file, if it is new and holds nothing.
    pub fn remove(self) {
        let Some(path) = self.created else { return };
        let size = |file: &Path| fs::metadata(file).map_or(0, |metadata| metadata.len());
        // A table takes a second page. What stays is an empty database, which every Trackio takes
        // for a new one.
        if size(path) <= PAGE && size(&sidecar(path, "-wal")) == 0 {
            for file in [sidecar(path, "-wal"), sidecar(path, "-shm"), path.to_path_buf()] {
                let _ = fs::remove_file(file);
            }
        }
    }
}
