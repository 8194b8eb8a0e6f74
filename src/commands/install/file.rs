//! A client's file: read as it is, copied before its first change, replaced in one step.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// What the name of the copy ends with.
const COPY: &str = ".before-mcp-trackio";

/// What the name of what a client's own command made of it ends with.
const RESULT: &str = ".after-mcp-trackio";

/// Windows editors put it before UTF-8.
const MARK: char = '\u{feff}';

/// A file and its text; `None` where there is no file.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub text: Option<String>,
}

impl ConfigFile {
    /// Reads it. What is no UTF-8 text is refused.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = match fs::read(path) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Some(text),
                Err(_) => bail!("{} is not UTF-8 text; it was left as it is", path.display()),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).context(path.display().to_string()),
        };
        Ok(Self { path: path.to_owned(), text })
    }

    /// The text without a byte order mark; empty where there is no file.
    pub fn body(&self) -> &str {
        let text = self.text.as_deref().unwrap_or_default();
        text.strip_prefix(MARK).unwrap_or(text)
    }

    /// A new body with the mark that the file had.
    pub fn with_body(&self, body: String) -> String {
        match self.text.as_deref().is_some_and(|text| text.starts_with(MARK)) {
            true => format!("{MARK}{body}"),
            false => body,
        }
    }

    /// The copy that was kept of it, if there is one.
    pub fn copy(&self) -> anyhow::Result<Self> {
        Self::read(&self.beside(COPY))
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
        Self::read(&self.beside(RESULT))
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

    /// Writes the text in place of the one that was read, or removes the file. Refused where
    /// somebody else has written meanwhile.
    pub fn write(&self, text: Option<&str>) -> anyhow::Result<()> {
        if Self::read(&self.path)?.text != self.text {
            bail!("{} was changed meanwhile; run this again", self.path.display());
        }
        match text {
            Some(text) => replace(&self.path, text, &self.path),
            None => remove(&self.path),
        }
    }

    fn beside(&self, end: &str) -> PathBuf {
        let mut name = self.path.file_name().map_or_else(OsString::new, OsString::from);
        name.push(end);
        self.path.with_file_name(name)
    }
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).context(path.display().to_string())
        }
        _ => Ok(()),
    }
}

/// Writes a whole new file beside the old one and renames it, with the rights that `like` has;
/// a link is kept and what it leads to replaced.
fn replace(path: &Path, text: &str, like: &Path) -> anyhow::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().context("it is in no folder")?;
    let write = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        // Only the owner may read a new one: it can hold other servers' secrets.
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        new.write_all(text.as_bytes())?;
        if let Ok(about) = fs::metadata(like) {
            new.as_file().set_permissions(about.permissions())?;
        }
        new.as_file().sync_all()?;
        new.persist(&target)?;
        Ok(())
    };
    write().with_context(|| format!("{} cannot be written", target.display()))
}
