//! A client's file: read as it is, copied before its first change, replaced in one step.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::place::plain;
use crate::temporary::{self, Temporary};
use crate::trackio::regular;

/// What the name of the copy ends with.
const COPY: &str = ".before-mcp-trackio";

/// What the name of what a client's own command made of it ends with.
const RESULT: &str = ".after-mcp-trackio";

/// Windows editors put it before UTF-8.
const MARK: char = '\u{feff}';

/// No client's file is longer.
const MOST_BYTES: u64 = 64 << 20;

/// A file and its text; `None` where there is no file.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub text: Option<String>,
}

impl ConfigFile {
    /// Reads it, and what a link leads to. What is not a file of UTF-8 text is refused, and not
    /// even opened: a pipe would wait for a writer.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = match fs::metadata(path) {
            Ok(about) => Some(text_of(path, &about)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                refuse_dangling(path)?;
                None
            }
            Err(error) => return Err(error).context(plain(path)),
        };
        Ok(Self { path: path.to_owned(), text })
    }

    /// The text without a byte order mark; empty where there is no file.
    pub fn body(&self) -> &str {
        let text = self.text.as_deref().unwrap_or_default();
        text.strip_prefix(MARK).unwrap_or(text)
    }

    /// Whether the text begins with a byte order mark.
    pub fn has_mark(&self) -> bool {
        self.text.as_deref().is_some_and(|text| text.starts_with(MARK))
    }

    /// A new body with the mark that the file had.
    pub fn with_body(&self, body: String) -> String {
        if self.has_mark() { format!("{MARK}{body}") } else { body }
    }

    /// The copy that was kept of it, if there is one.
    pub fn copy(&self) -> anyhow::Result<Self> {
        read_own(self.beside(COPY))
    }

    /// Keeps a copy, that only who may read the file may read.
    pub fn keep_copy(&self) -> anyhow::Result<()> {
        match &self.text {
            Some(text) => replace(&self.beside(COPY), text, &self.path),
            None => self.drop_copy(),
        }
    }

    /// What a client's own command made of it, if one did.
    pub fn result(&self) -> anyhow::Result<Self> {
        read_own(self.beside(RESULT))
    }

    /// Keeps what the file holds now, to know later whether anybody else changed it.
    pub fn keep_result(&self) -> anyhow::Result<()> {
        match Self::read(&self.path)?.text {
            Some(text) => replace(&self.beside(RESULT), &text, &self.path),
            None => Ok(()),
        }
    }

    /// Removes what was kept.
    pub fn drop_copy(&self) -> anyhow::Result<()> {
        remove(&self.beside(COPY))?;
        self.drop_result()
    }

    /// Removes what `keep_result` kept.
    pub fn drop_result(&self) -> anyhow::Result<()> {
        remove(&self.beside(RESULT))
    }

    /// Whether it is still as it was read.
    pub fn is_unchanged(&self) -> anyhow::Result<bool> {
        Ok(Self::read(&self.path)?.text == self.text)
    }

    /// Writes the text in place of the one that was read, or removes the file. Refused where
    /// somebody else has written meanwhile. A link is kept, and what it leads to replaced.
    pub fn write(&self, text: Option<&str>) -> anyhow::Result<()> {
        if !self.is_unchanged()? {
            bail!("{} was changed meanwhile; run this again", plain(&self.path));
        }
        let target = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        match text {
            Some(text) => replace(&target, text, &target),
            None => remove(&self.path),
        }
    }

    /// Removes what a killed `install` has left beside it.
    pub fn clear(&self) {
        let target = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        for folder in [self.path.parent(), target.parent()].into_iter().flatten() {
            temporary::clear(folder);
        }
    }

    fn beside(&self, end: &str) -> PathBuf {
        let mut name = self.path.file_name().map_or_else(OsString::new, OsString::from);
        name.push(end);
        self.path.with_file_name(name)
    }
}

/// Reads what was kept beside a file. Nobody puts a link there in good faith.
fn read_own(path: PathBuf) -> anyhow::Result<ConfigFile> {
    let text = match fs::symlink_metadata(&path) {
        Ok(about) => Some(text_of(&path, &about)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).context(plain(&path)),
    };
    Ok(ConfigFile { path, text })
}

fn text_of(path: &Path, about: &fs::Metadata) -> anyhow::Result<String> {
    let shown = plain(path);
    if !about.is_file() {
        let kind = if about.is_symlink() { "a link" } else { "not a regular file" };
        bail!("{shown} is {kind}");
    }
    if about.len() > MOST_BYTES {
        bail!("{shown} is larger than {} MB", MOST_BYTES >> 20);
    }
    let bytes = regular::read(path).with_context(|| shown.clone())?;
    let Ok(text) = String::from_utf8(bytes) else { bail!("{shown} is not UTF-8 text") };
    Ok(text)
}

/// A link to nothing, to the file or to a folder above it, means that something is not there that
/// its user expects: another disk, or other dotfiles.
fn refuse_dangling(path: &Path) -> anyhow::Result<()> {
    let there = path.ancestors().find(|path| path.symlink_metadata().is_ok());
    if let Some(link) = there.filter(|path| path.is_symlink() && !path.exists()) {
        let target = fs::read_link(link).unwrap_or_default();
        bail!(
            "{} is a link to `{}`, which does not exist. Make what it leads to, or remove the link",
            plain(link),
            plain(&target)
        );
    }
    Ok(())
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).context(plain(path)),
        _ => Ok(()),
    }
}

/// Writes a whole new file beside the old one and renames it, with the rights that `like` has.
fn replace(path: &Path, text: &str, like: &Path) -> anyhow::Result<()> {
    let folder = path.parent().context("it is in no folder")?;
    let write = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        // Only the owner may read a new one: it can hold other servers' secrets.
        let mut new = Temporary::new_in(folder)?;
        new.write_all(text.as_bytes())?;
        if let Ok(about) = fs::metadata(like) {
            new.as_file().set_permissions(about.permissions())?;
        }
        new.as_file().sync_all()?;
        new.persist(path)
    };
    write().with_context(|| format!("{} cannot be written", plain(path)))
}
