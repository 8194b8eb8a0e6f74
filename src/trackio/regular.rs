//! Opens regular files and nothing else.
//!
//! Any name in a directory can belong to a pipe, a device, a socket or a directory. To open a pipe
//! waits for its other end, to read a device may never end, and to open one may do something. So
//! the kind is looked up first, links followed, and again once the file is open, because it may
//! have been replaced in between. What SQLite opens by its name is only checked before.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Opens a file to read it.
pub fn open(path: &Path) -> io::Result<File> {
    open_known(path).map(|(file, _)| file)
}

/// The same, with what the system says about the open file.
pub fn open_known(path: &Path) -> io::Result<(File, Metadata)> {
    check(path)?;
    let file = without_waiting(OpenOptions::new().read(true)).open(path)?;
    let about = file.metadata()?;
    expect_regular(&about)?;
    Ok((file, about))
}

/// Everything in a file.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a file as `options` say; a missing one may be created.
pub fn open_with(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    match check(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let file = without_waiting(options).open(path)?;
    expect_regular(&file.metadata()?)?;
    Ok(file)
}

/// Fails where `path` does not lead to a regular file.
pub fn check(path: &Path) -> io::Result<()> {
    expect_regular(&fs::metadata(path)?)
}

/// What all names of one file have in common: its device and its number there.
#[cfg(unix)]
pub fn identity(about: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (about.dev(), about.ino())
}

/// What a file is where it is not a regular one, for a sentence.
#[cfg(unix)]
pub fn odd_kind(about: &Metadata) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt;
    let kind = about.file_type();
    match () {
        () if kind.is_file() => None,
        () if kind.is_dir() => Some("a directory"),
        () if kind.is_fifo() => Some("a named pipe"),
        () if kind.is_socket() => Some("a socket"),
        () => Some("a device"),
    }
}

/// What a file is where it is not a regular one, for a sentence.
#[cfg(not(unix))]
pub fn odd_kind(about: &Metadata) -> Option<&'static str> {
    match about.is_file() {
        true => None,
        false if about.is_dir() => Some("a directory"),
        false => Some("a device"),
    }
}

fn expect_regular(about: &Metadata) -> io::Result<()> {
    match odd_kind(about) {
        None => Ok(()),
        Some(kind) => {
            let reason = format!("it is {kind}, not a regular file");
            Err(io::Error::new(ErrorKind::InvalidInput, reason))
        }
    }
}

/// A pipe that took the file's place after the check does not make the call wait.
#[cfg(unix)]
fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
}

#[cfg(not(unix))]
fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn make_pipe(path: &Path) {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    }

    #[test]
    fn only_regular_files_are_opened() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "text").unwrap();
        symlink("file", at("link")).unwrap();
        fs::create_dir(at("directory")).unwrap();
        symlink("/dev/zero", at("zero")).unwrap();
        make_pipe(&at("pipe"));
        for name in ["file", "link"] {
            open(&at(name)).unwrap();
        }
        for (name, kind) in
            [("directory", "a directory"), ("zero", "a device"), ("pipe", "a named pipe")]
        {
            let expected = format!("it is {kind}, not a regular file");
            assert_eq!(open(&at(name)).unwrap_err().to_string(), expected, "{name}");
            // Without a reader, a pipe makes a writer wait too.
            let written = open_with(OpenOptions::new().append(true).create(true), &at(name));
            assert_eq!(written.unwrap_err().to_string(), expected, "{name}");
        }
        assert_eq!(open(&at("missing")).unwrap_err().kind(), ErrorKind::NotFound);
        open_with(OpenOptions::new().append(true).create(true), &at("new")).unwrap();
    }

    /// What replaced the file between the check and the opening.
    #[test]
    fn a_pipe_is_opened_without_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        make_pipe(&pipe);
        let opened = without_waiting(OpenOptions::new().read(true)).open(&pipe).unwrap();
        assert!(expect_regular(&opened.metadata().unwrap()).is_err());
    }
}
