//! Whether rows go into a database or into the inbox (`utils.py`, `get_storage_mode`).
//!
//! SQLite's locks do not hold on network file systems. There Trackio leaves rows in the inbox, and
//! so do we; `TRACKIO_STORAGE_MODE` decides otherwise.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Where rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Into the project's database.
    Database,
    /// Into a file in the inbox, which a dashboard server imports.
    Inbox,
}

const NETWORK: &[&str] = &["glusterfs", "ocfs2", "panfs", "cifs", "smbfs", "fhgfs"];
const PARTS_OF_NETWORK: &[&str] = &["nfs", "lustre", "weka", "gpfs", "beegfs", "ceph"];

/// The mode for Trackio's directory.
pub fn of(directory: &Path) -> Mode {
    match env::var("TRACKIO_STORAGE_MODE").unwrap_or_default().trim().to_lowercase().as_str() {
        "sqlite" => Mode::Database,
        "jsonl" => Mode::Inbox,
        _ => {
            let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
            by_mounts(&mounts, &existing(directory))
        }
    }
}

/// By the mount that holds `path`, which is absolute.
fn by_mounts(mounts: &str, path: &Path) -> Mode {
    let mut longest = None;
    for line in mounts.lines() {
        let mut words = line.split_whitespace().skip(1);
        let (Some(point), Some(kind)) = (words.next(), words.next()) else { continue };
        let is_longer = longest.is_none_or(|(length, _)| point.len() > length);
        if path.starts_with(point) && is_longer {
            longest = Some((point.len(), kind));
        }
    }
    match longest {
        Some((_, kind)) if is_network(kind) => Mode::Inbox,
        _ => Mode::Database,
    }
}

/// The directory, links resolved as far as it exists.
fn existing(directory: &Path) -> PathBuf {
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf());
    let resolved = absolute.ancestors().find_map(|ancestor| {
        let rest = absolute.strip_prefix(ancestor).ok()?;
        Some(ancestor.canonicalize().ok()?.join(rest))
    });
    resolved.unwrap_or(absolute)
}

fn is_network(kind: &str) -> bool {
    let kind = kind.to_lowercase();
    let kind = kind.strip_prefix("fuse.").unwrap_or(&kind);
    NETWORK.contains(&kind) || PARTS_OF_NETWORK.iter().any(|part| kind.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_point_decides() {
        let mounts = "/dev/sda1 / ext4 rw 0 0\nserver:/x /shared nfs4 rw 0 0\n\
                      tmpfs /shared/fast tmpfs rw 0 0\nweka /w fuse.wekafs rw 0 0\nbroken\n";
        for (path, mode) in [
            ("/home/user/trackio", Mode::Database),
            ("/shared/trackio", Mode::Inbox),
            ("/shared/fast/trackio", Mode::Database),
            ("/sharedx", Mode::Database),
            ("/w/a", Mode::Inbox),
        ] {
            assert_eq!(by_mounts(mounts, Path::new(path)), mode, "{path}");
        }
    }

    #[test]
    fn a_directory_that_is_not_there_yet_is_that_of_its_nearest_ancestor() {
        let directory = tempfile::tempdir().unwrap();
        let real = directory.path().canonicalize().unwrap();
        assert_eq!(existing(&directory.path().join("a").join("b")), real.join("a").join("b"));
    }
}
