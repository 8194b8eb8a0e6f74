//! Where the files of artifacts lie on disk, and whether they are what the manifest says.
//!
//! Trackio keeps each file once, under its SHA-256. Nothing is read that lies outside its
//! directory, whatever a manifest or a symbolic link says.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Entry;
use crate::trackio::name::canonical;
use crate::trackio::opened::open_within;
use crate::trackio::project::Project;
use crate::trackio::{Result, Stop};

/// So much is hashed between two looks at whether the caller still waits.
const CHUNK: usize = 1 << 20;

/// The state of a file of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileState {
    /// It is there and of the right size.
    Present,
    /// The same, and its content has the digest.
    Verified,
    /// It is not there.
    Missing,
    /// It is there, of another size.
    WrongSize,
    /// Its content has another digest.
    Corrupt,
    /// A link leads out of Trackio's directory, or what lies there is no file.
    Refused,
    /// It is there and cannot be read.
    Unreadable,
    /// The manifest names no SHA-256, so there is no telling where it would be.
    BadDigest,
    /// Trackio keeps only its address.
    Reference,
}

impl FileState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Verified => "verified",
            Self::Missing => "missing",
            Self::WrongSize => "wrong_size",
            Self::Corrupt => "corrupt",
            Self::Refused => "refused",
            Self::Unreadable => "unreadable",
            Self::BadDigest => "bad_digest",
            Self::Reference => "reference",
        }
    }

    /// Whether the file can be used.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Present | Self::Verified | Self::Reference)
    }
}

/// A file on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// How it is.
    pub state: FileState,
    /// Where it is, or would be; `None` for references and bad digests.
    pub location: Option<PathBuf>,
    /// Its size on disk, where it is there.
    pub size: Option<u64>,
}

/// The files of one project.
#[derive(Debug, Clone)]
pub struct Blobs {
    folder: PathBuf,
    /// Trackio's directory without links; `None` where it cannot be found.
    fence: Option<PathBuf>,
}

impl Blobs {
    /// Those of `project`, in Trackio's directory.
    pub fn of(directory: &Path, project: &Project) -> Self {
        let project = canonical(&project.name);
        let folder: PathBuf = [
            directory,
            "artifacts".as_ref(),
            project.as_ref(),
            "blobs".as_ref(),
            "sha256".as_ref(),
        ]
        .iter()
        .collect();
        Self { folder, fence: directory.canonicalize().ok() }
    }

    /// Where the entry's file is, and how; nothing is read of it.
    pub fn look(&self, entry: &Entry) -> Blob {
        let without = |state| Blob { state, location: None, size: None };
        if entry.reference.is_some() {
            return without(FileState::Reference);
        }
        let Some(location) = self.location(&entry.digest) else {
            return without(FileState::BadDigest);
        };
        let at = |state, size| Blob { state, location: Some(location.clone()), size };
        let metadata = match self.inside(&location) {
            Ok(Some(metadata)) => metadata,
            Ok(None) => return at(FileState::Refused, None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return at(FileState::Missing, None);
            }
            Err(_) => return at(FileState::Unreadable, None),
        };
        let size = metadata.len();
        let fits = entry.size.is_none_or(|expected| expected == size);
        at(if fits { FileState::Present } else { FileState::WrongSize }, Some(size))
    }

    /// Opens a file that is there, whatever its size.
    pub fn open(&self, blob: &Blob) -> io::Result<File> {
        let location = blob.location.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let fence = self.fence.as_slice();
        open_within(location, fence).ok_or_else(|| io::ErrorKind::PermissionDenied.into())
    }

    /// Hashes a file; `told` hears after every chunk how many bytes it was.
    pub fn verify(
        &self,
        entry: &Entry,
        blob: &Blob,
        stop: &Stop,
        mut told: impl FnMut(u64),
    ) -> Result<FileState> {
        if blob.state != FileState::Present {
            return Ok(blob.state);
        }
        let Ok(mut file) = self.open(blob) else { return Ok(FileState::Unreadable) };
        let mut hash = Sha256::new();
        let mut chunk = vec![0; CHUNK];
        loop {
            stop.check()?;
            let read = match file.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Ok(FileState::Unreadable),
            };
            hash.update(chunk.get(..read).unwrap_or_default());
            told(read as u64);
        }
        let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(if digest == entry.digest { FileState::Verified } else { FileState::Corrupt })
    }

    /// Only a SHA-256 in lower case makes a path, so no path leads elsewhere.
    fn location(&self, digest: &str) -> Option<PathBuf> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_digest = digest.len() == 64 && digest.bytes().all(is_hex);
        Some(self.folder.join(digest.get(..2).filter(|_| is_digest)?).join(digest))
    }

    /// The metadata of a regular file that lies, all links followed, in Trackio's directory.
    fn inside(&self, location: &Path) -> io::Result<Option<fs::Metadata>> {
        let real = location.canonicalize()?;
        let is_inside = self.fence.as_ref().is_some_and(|fence| real.starts_with(fence));
        if !is_inside {
            return Ok(None);
        }
        let metadata = real.metadata()?;
        Ok(metadata.is_file().then_some(metadata))
    }
}
