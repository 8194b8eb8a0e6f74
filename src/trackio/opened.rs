//! Opening a file that may be read only because of where it is.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::regular;
#[cfg(unix)]
use super::regular::identity;

/// Opens a regular file within one of the directories, whose paths have no links; `None` where the
/// path leads elsewhere. The open file is what is checked: a link that changes meanwhile, in the
/// path or to it, gives access to nothing else.
pub fn open_within(path: &Path, roots: &[PathBuf]) -> Option<File> {
    let is_within = |path: &Path| roots.iter().any(|root| path.starts_with(root));
    let real = path.canonicalize().ok()?;
    if !is_within(&real) {
        return None;
    }
    let file = regular::open(&real).ok()?;
    place_of(&file, &real).is_ok_and(|place| is_within(&place)).then_some(file)
}

/// Where an open file is.
#[cfg(target_os = "linux")]
fn place_of(file: &File, opened: &Path) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd;
    fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))
        .or_else(|_| same_place(file, opened))
}

#[cfg(not(target_os = "linux"))]
fn place_of(file: &File, opened: &Path) -> io::Result<PathBuf> {
    same_place(file, opened)
}

/// The path that it was opened by, links followed once more, if that is the same file still.
fn same_place(file: &File, opened: &Path) -> io::Result<PathBuf> {
    let now = opened.canonicalize()?;
    match identity(&file.metadata()?) == identity(&fs::symlink_metadata(&now)?) {
        true => Ok(now),
        false => Err(io::Error::other("another file is in its place")),
    }
}

#[cfg(not(unix))]
fn identity(about: &fs::Metadata) -> impl PartialEq + use<> {
    (about.len(), about.modified().ok(), about.created().ok())
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_link_that_is_changed_meanwhile_leads_nowhere_else() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        let (root, outside) = (base.join("root"), base.join("outside"));
        for folder in [&root, &outside, &root.join("inside")] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(root.join("inside/a.png"), "inside").unwrap();
        fs::write(outside.join("a.png"), "secret").unwrap();
        let roots = [root.clone()];
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (way, next) = (root.join("way"), root.join("next"));
                while !is_over.load(Ordering::Relaxed) {
                    for to in ["inside", "../outside"] {
                        let _ = fs::remove_file(&next);
                        symlink(to, &next).unwrap();
                        fs::rename(&next, &way).unwrap();
                    }
                }
            });
            let (start, mut opened) = (Instant::now(), 0);
            while start.elapsed() < Duration::from_secs(10) && opened < 500 {
                let Some(mut file) = open_within(&root.join("way/a.png"), &roots) else { continue };
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                assert_eq!(text, "inside");
                opened += 1;
            }
            is_over.store(true, Ordering::Relaxed);
            assert!(opened > 0);
        });
        // Where there is no /proc.
        let file = regular::open(&root.join("inside/a.png")).unwrap();
        assert!(same_place(&file, &root.join("inside/a.png")).is_ok());
        assert!(same_place(&file, &outside.join("a.png")).is_err());
    }

    #[test]
    fn a_pipe_or_a_directory_is_not_opened() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let made = std::process::Command::new("mkfifo").arg(root.join("a.png")).status().unwrap();
        assert!(made.success());
        let roots = [root.clone()];
        assert!(open_within(&root.join("a.png"), &roots).is_none());
        assert!(open_within(&root, &roots).is_none());
    }
}
