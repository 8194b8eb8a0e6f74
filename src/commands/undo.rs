//! `mcp-trackio undo <id>`: takes back a write that the journal tells of.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use jiff::Timestamp;

use super::patience::within;
use crate::journal::{Draft, Entry, Journal};
use crate::tools::deadline::{Task, WRITE};
use crate::trackio::write::saved;
use crate::trackio::write::turns::{Cut, Pace, Turn};
use crate::trackio::{Directory, Error, Snapshot, Stop, Store};

#[derive(Debug, Args)]
#[group(required = true)]
pub struct Arguments {
    /// The number of the journal's entry
    id: Option<u64>,
    /// List the newest writes, and how to undo each
    #[arg(long)]
    list: bool,
}

/// So many writes are listed.
const LISTED: usize = 50;

pub fn run(arguments: &Arguments, read_only: bool, deadline: Duration) -> anyhow::Result<ExitCode> {
    let journal = Journal::of_user().context("there is no home directory, so no journal")?;
    let text = match arguments.id {
        None => within(&Task::read("undo", deadline), move || list(&journal))??,
        Some(_) if read_only => bail!("undo writes, and --read-only forbids it"),
        Some(id) => {
            let task = Task::write("undo", WRITE);
            let stop = Stop::default().with_deadline(Instant::now() + task.limit);
            within(&task, move || undo(&journal, id, &stop))??
        }
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn list(journal: &Journal) -> anyhow::Result<String> {
    let entries = journal.entries()?;
    let mut text = format!("{}: {} writes\n", journal.file().display(), entries.len());
    for entry in entries.iter().rev().take(LISTED) {
        let undone = entries.iter().find(|other| other.undoes == Some(entry.id));
        let undo = match undone {
            Some(other) => format!("see {}", other.id),
            None => entry.undo.clone(),
        };
        text.push_str(&format!("{}  {}  {}\n    undo: {undo}\n", entry.id, entry.at, entry.did));
    }
    Ok(text)
}

fn undo(journal: &Journal, id: u64, stop: &Stop) -> anyhow::Result<String> {
    let entries = journal.entries()?;
    let Some(entry) = entries.iter().find(|entry| entry.id == id) else {
        bail!("the journal has no entry {id}; `mcp-trackio undo --list` lists them");
    };
    if let Some(other) = entries.iter().find(|other| other.undoes == Some(id)) {
        bail!("entry {id} is taken back already, see entry {}: {}", other.id, other.did);
    }
    if entry.saved.is_none() {
        bail!("entry {id} has no saved rows. {} Undo: {}", entry.did, entry.undo);
    }
    let restored = restore(journal, entry, stop)?;
    journal.append(Draft {
        at: Timestamp::now(),
        tool: "undo",
        directory: &entry.directory,
        project: &entry.project,
        did: format!("Took back entry {id}: {restored} rows are as they were."),
        undo: Some("Do it again with the tool.".to_owned()),
        undoes: Some(id),
    })?;
    Ok(format!("{} Taken back: {restored} rows are as they were.\n", entry.did))
}

/// First looks whether all of it can go back, then puts it back turn by turn.
fn restore(journal: &Journal, entry: &Entry, stop: &Stop) -> anyhow::Result<usize> {
    let store = Store::new(Directory::resolve(Some(&entry.directory)), 0);
    let saved = || {
        let rows = journal.saved(entry).map_err(|error| Error::Work(error.into()))?;
        rows.ok_or_else(|| Error::Work(anyhow!("it has no saved rows")))
    };
    if saved().is_err() {
        bail!(
            "entry {} was not undone: its rows are not beside the journal. Either it was cut off \
             before it changed anything, or the file was removed",
            entry.id
        );
    }
    let not_undone = || format!("entry {} was not undone", entry.id);
    let project = store.project(&entry.project, stop).with_context(not_undone)?;
    let check = |snapshot: &Snapshot<'_>| saved::check(snapshot.connection, saved()?);
    let rows = project.read(stop, check).with_context(not_undone)?;
    let target = store.target(&entry.project, stop)?;
    let work = |to: &Snapshot<'_>, from: &u64, turn: &Turn| {
        saved::restore(to.connection, saved()?, *from, turn)
    };
    let done = target.edit_in_turns(Pace::default(), 0, stop, work, |_| ());
    done.map(|()| rows).map_err(|Cut { error, is_begun }| match is_begun {
        false => anyhow::Error::from(error).context(not_undone()),
        true => anyhow::Error::from(error).context(format!(
            "entry {} is undone in part; run the same command again to finish",
            entry.id
        )),
    })
}
