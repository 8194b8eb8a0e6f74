//! What would change for a client, thought out in full before anything is touched.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;

use super::client::Client;
use super::entry::{Entry, merged};
use super::file::ConfigFile;
use super::launch::Wish;
use super::place::plain;
use super::{diff, own, place, quote};

/// Which server of which client.
#[derive(Debug)]
pub struct Target<'a> {
    /// The client.
    pub client: &'a Client,
    /// The server's name in it.
    pub name: &'a str,
    /// Another file than the client's own.
    pub file: Option<PathBuf>,
    /// Edit the file even where the client has a command.
    pub edit: bool,
}

/// A change of a client's configuration.
#[derive(Debug)]
pub enum Change {
    /// It is as it should be.
    Nothing,
    /// The file gets another text; with none it goes away.
    Edit {
        /// The file as it is.
        file: ConfigFile,
        /// Its text afterwards.
        after: Option<String>,
        /// Whether this ends what was begun: the copy goes away.
        ends: bool,
    },
    /// The client's own commands do it; the entry is in the file afterwards, or is not.
    Run {
        /// The file that they change.
        file: ConfigFile,
        /// The commands.
        commands: Vec<Vec<String>>,
        /// What has to be there afterwards.
        entry: Option<Entry>,
    },
}

impl Target<'_> {
    /// What puts the server into the client.
    pub fn install(&self, wish: &Wish) -> anyhow::Result<Change> {
        let file = self.read()?;
        let old = self.entry_in(&file)?;
        let old_entry = old.as_ref().and_then(Entry::of);
        if let Some(old) = &old {
            self.check_is_ours(&file, old)?;
        }
        let client = self.client;
        let entry = wish.entry(client, old_entry.as_ref())?;
        let fresh = entry.value(client.shape, self.name);
        let wanted = old.as_ref().map_or(fresh.clone(), |old| merged(old, fresh));
        // Clients leave out what is empty, so entries are compared by what they start.
        if Entry::of(&wanted).is_some_and(|wanted| Some(wanted) == old_entry) {
            return Ok(Change::Nothing);
        }
        if let Some(own) = self.own_command() {
            let entry = Entry::of(&wanted).unwrap_or(entry);
            let words = |template| own::words(template, self.name, client.shape, &entry);
            let remove = own.remove.filter(|_| old.is_some() && !own.replaces);
            let commands = remove.map(words).into_iter().chain([words(own.add)]).collect();
            return Ok(Change::Run { file, commands, entry: Some(entry) });
        }
        let after = client.format.put(file.body(), client.key, self.name, &wanted);
        let after = file.with_body(after.with_context(|| self.refusal(&file.path))?);
        Ok(Change::Edit { file, after: Some(after), ends: false })
    }

    /// What takes it out again. A file that nobody else touched gets back what it held.
    pub fn uninstall(&self) -> anyhow::Result<Change> {
        let file = self.read()?;
        let Some(old) = self.entry_in(&file)? else { return Ok(Change::Nothing) };
        self.check_is_ours(&file, &old)?;
        if let Some(before) = self.before(&file, &old)? {
            return Ok(Change::Edit { file, after: before.text, ends: true });
        }
        let client = self.client;
        if let Some(remove) = self.own_command().and_then(|own| own.remove) {
            let entry = Entry { command: String::new(), args: Vec::new(), env: Vec::new() };
            let commands = vec![own::words(remove, self.name, client.shape, &entry)];
            return Ok(Change::Run { file, commands, entry: None });
        }
        let after = client.format.remove(file.body(), client.key, self.name);
        let after = file.with_body(after.with_context(|| self.refusal(&file.path))?);
        Ok(Change::Edit { file, after: Some(after), ends: true })
    }

    /// The file as it was before `install`, if `install` is all that happened to it since.
    fn before(&self, file: &ConfigFile, entry: &Value) -> anyhow::Result<Option<ConfigFile>> {
        let Ok(copy) = file.copy() else { return Ok(None) };
        if file.text.is_some() && file.result().is_ok_and(|result| result.text == file.text) {
            return Ok(Some(copy));
        }
        let Client { format, key, .. } = *self.client;
        let has_entry = |text| {
            let servers = format.servers(text, key).unwrap_or_default();
            servers.iter().any(|(name, _)| name == self.name)
        };
        let again = format.put(copy.body(), key, self.name, entry).map(|body| copy.with_body(body));
        let is_all = again.is_ok_and(|again| Some(&again) == file.text.as_ref());
        Ok((is_all && !has_entry(copy.body())).then_some(copy))
    }

    fn read(&self) -> anyhow::Result<ConfigFile> {
        let path = match &self.file {
            Some(path) => path.clone(),
            None => place::find(&self.client.files).context("its file has no place here")?,
        };
        ConfigFile::read(&path).with_context(|| self.refusal(&path))
    }

    fn entry_in(&self, file: &ConfigFile) -> anyhow::Result<Option<Value>> {
        let servers = self.client.format.servers(file.body(), self.client.key);
        let servers = servers.with_context(|| self.refusal(&file.path))?;
        Ok(servers.into_iter().find(|(name, _)| name == self.name).map(|(_, entry)| entry))
    }

    fn check_is_ours(&self, file: &ConfigFile, old: &Value) -> anyhow::Result<()> {
        if Entry::of(old).is_some_and(|entry| entry.is_ours()) {
            return Ok(());
        }
        bail!(
            "{} has a server `{}` that is not mcp-trackio; it was left as it is. Give this one \
             another name with --name",
            plain(&file.path),
            self.name
        )
    }

    fn own_command(&self) -> Option<super::client::Own> {
        let is_wanted = !self.edit && self.file.is_none();
        self.client.own.filter(|own| is_wanted && own::is_there(own.add))
    }

    fn refusal(&self, path: &Path) -> String {
        format!(
            "{} was left as it is; `mcp-trackio config {}` prints what to add",
            plain(path),
            self.client.id
        )
    }
}

impl Change {
    /// Does it. Where that fails and the file is as it was, no copy is left either.
    pub fn apply(&self, target: &Target<'_>) -> anyhow::Result<()> {
        let (file, ends) = match self {
            Self::Nothing => return Ok(()),
            Self::Edit { file, ends, .. } => (file, *ends),
            Self::Run { file, .. } => (file, false),
        };
        file.clear();
        let keeps_copy = !ends && !has_first_copy(file, target)?;
        let done = self.carry_out(target, keeps_copy);
        if done.is_err() && keeps_copy && file.is_unchanged().unwrap_or(false) {
            // What went wrong first is what is told.
            let _ = file.drop_copy();
        }
        done
    }

    fn carry_out(&self, target: &Target<'_>, keeps_copy: bool) -> anyhow::Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::Edit { file, after, ends } => {
                if keeps_copy {
                    file.keep_copy()?;
                }
                file.write(after.as_deref())?;
                if *ends { file.drop_copy() } else { Ok(()) }
            }
            Self::Run { file, commands, entry } => {
                let was_untouched = target.entry_in(file)?.is_none()
                    || file.result().is_ok_and(|result| result.text == file.text);
                if keeps_copy {
                    file.keep_copy()?;
                }
                for words in commands {
                    own::run(words)?;
                }
                let now = target.entry_in(&ConfigFile::read(&file.path)?)?;
                let is_done = match (entry, now.as_ref().and_then(Entry::of)) {
                    (Some(wanted), Some(found)) => {
                        wanted.command == found.command && wanted.args == found.args
                    }
                    (None, None) => true,
                    _ => false,
                };
                if !is_done {
                    bail!(
                        "{}'s command ran, and {} does not show it; --edit changes the file itself",
                        target.client.name,
                        plain(&file.path)
                    );
                }
                // The client may have written the whole file anew.
                match entry {
                    Some(_) if was_untouched => file.keep_result(),
                    Some(_) => file.drop_result(),
                    None => file.drop_copy(),
                }
            }
        }
    }

    /// The exact change, for a person: the lines that differ, and no others, because the rest of
    /// such a file can hold secrets.
    pub fn shown(&self) -> String {
        match self {
            Self::Nothing => "nothing to change\n".to_owned(),
            Self::Edit { file, after, .. } => {
                let before = file.text.as_deref();
                let kind = match (before, after) {
                    (None, _) => "would create",
                    (_, None) => "would remove",
                    _ => "would change",
                };
                let lines = diff::lines(before.unwrap_or(""), after.as_deref().unwrap_or(""));
                format!("{kind} {}\n{lines}", plain(&file.path))
            }
            Self::Run { commands, .. } => {
                commands.iter().map(|words| format!("would run {}\n", quote::line(words))).collect()
            }
        }
    }

    /// The file that changes.
    pub fn file(&self) -> Option<&ConfigFile> {
        match self {
            Self::Nothing => None,
            Self::Edit { file, .. } | Self::Run { file, .. } => Some(file),
        }
    }
}

/// The copy shows the file without the server, so only the first change makes one. What is in its
/// place and is not a copy, a link say, is replaced.
fn has_first_copy(file: &ConfigFile, target: &Target<'_>) -> anyhow::Result<bool> {
    let has_copy = file.copy().is_ok_and(|copy| copy.text.is_some());
    Ok(has_copy && target.entry_in(file)?.is_some())
}
