//! Which run a row is for. Decided under the project's lock, so that two writers that begin the
//! same new run end up in one.

use anyhow::anyhow;
use rusqlite::OptionalExtension;

use super::Transaction;
use super::entry::{RunOfRows, new_id};
use crate::quote::backquoted;
use crate::trackio::error::{Error, Result};
use crate::trackio::run::{self, Run, Source};
use crate::trackio::schema::RunKey;

/// The shortest part of an id that readers take for the whole.
const SHORTEST_PREFIX: usize = 6;

/// The runs of a project as one write sees them.
pub struct Runs<'a> {
    transaction: &'a Transaction<'a>,
    key: RunKey,
    known: Vec<Known>,
    /// Those that the write's rows are of.
    pub used: Vec<RunOfRows>,
}

struct Known {
    id: String,
    name: String,
}

impl<'a> Runs<'a> {
    /// The runs of the project, and `waiting`: name and id of those in the inbox.
    pub fn of(transaction: &'a Transaction<'a>, waiting: &[(String, String)]) -> Result<Self> {
        let key = transaction.schema.table("metrics").map_or(RunKey::Id, |metrics| metrics.key);
        let is_real = |run: &Run| run.source != Source::Artifacts || !run.id.is_empty();
        let known = run::list(transaction)?.into_iter().filter(is_real);
        let known = known
            .map(|run| Known { id: run.id, name: run.name })
            .chain(waiting.iter().map(|(name, id)| Known { id: id.clone(), name: name.clone() }));
        Ok(Self { transaction, key, known: known.collect(), used: Vec::new() })
    }

    /// The run that a name, and an id where it was given, mean; a new one where there is none.
    pub fn find(&mut self, name: &str, id: Option<&str>) -> Result<RunOfRows> {
        let found = match (self.key, id) {
            (RunKey::Name, _) => self.keyed_by_name(name),
            (RunKey::Id, Some(id)) => self.by_id(name, id)?,
            (RunKey::Id, None) => self.by_name(name)?,
        };
        if let Some(used) = self.used.iter().find(|used| used.id == found.id) {
            return Ok(used.clone());
        }
        if found.is_new {
            self.known.push(Known { id: found.id.clone(), name: found.name.clone() });
        }
        self.used.push(found.clone());
        Ok(found)
    }

    /// What a table that is keyed by id calls the run.
    ///
    /// In an upgraded project the metrics can be keyed by name all the same. Another table may
    /// know an id then, which Trackio's migration will give to all of them. Where none does it is
    /// the name: by it Trackio finds the row before the migration too.
    pub fn id_in_newer_tables(&self, run: &RunOfRows) -> Result<String> {
        if self.key == RunKey::Id {
            return Ok(run.id.clone());
        }
        for name in ["configs", "system_metrics", "alerts", "traces"] {
            let table = self.transaction.schema.table(name);
            let Some(table) = table.filter(|table| table.key == RunKey::Id) else { continue };
            let sql = format!(
                "SELECT run_id FROM {} WHERE run_name = ?1 ORDER BY rowid DESC LIMIT 1",
                table.source
            );
            let mut statement = self.transaction.connection.prepare_cached(&sql)?;
            if let Some(id) = statement.query_row([&run.name], |row| row.get(0)).optional()? {
                return Ok(id);
            }
        }
        Ok(run.name.clone())
    }

    fn keyed_by_name(&self, name: &str) -> RunOfRows {
        let is_new = !self.known.iter().any(|known| known.name == name);
        RunOfRows { id: name.to_owned(), name: name.to_owned(), is_new }
    }

    fn by_id(&self, name: &str, id: &str) -> Result<RunOfRows> {
        let mut known = self.known.iter().filter(|known| known.id == id).peekable();
        if let Some(first) = known.peek() {
            let first = first.name.clone();
            // After a rename that met a writer, one id has two names.
            if name == id || known.any(|known| known.name == name) {
                let name = if name == id { first } else { name.to_owned() };
                return Ok(RunOfRows { id: id.to_owned(), name, is_new: false });
            }
            return Err(refused(format!(
                "run_id {} is the run {}, not {}. Give one of them, or the two that belong \
                 together",
                backquoted(id),
                backquoted(&first),
                backquoted(name)
            )));
        }
        let longer = self.known.iter().find(|known| known.id.starts_with(id));
        match longer.filter(|_| id.chars().count() >= SHORTEST_PREFIX) {
            Some(known) => Err(refused(format!(
                "there is no run with the id {}; to write, give the whole id: `{}` is the run {}",
                backquoted(id),
                known.id,
                backquoted(&known.name)
            ))),
            None => Ok(RunOfRows { id: id.to_owned(), name: name.to_owned(), is_new: true }),
        }
    }

    fn by_name(&self, name: &str) -> Result<RunOfRows> {
        let mut ids: Vec<&str> = Vec::new();
        for known in self.known.iter().filter(|known| known.name == name) {
            if !ids.contains(&known.id.as_str()) {
                ids.push(&known.id);
            }
        }
        match ids.as_slice() {
            [] => match self.known.iter().find(|known| known.id == name) {
                Some(Known { id, name }) => {
                    Ok(RunOfRows { id: id.clone(), name: name.clone(), is_new: false })
                }
                None => Ok(RunOfRows { id: new_id(), name: name.to_owned(), is_new: true }),
            },
            [id] => Ok(RunOfRows { id: (*id).to_owned(), name: name.to_owned(), is_new: false }),
            several => Err(refused(format!(
                "{} runs are named {}. Give the run_id of the one that is meant; newest first: \
                 {}{}",
                several.len(),
                backquoted(name),
                several.iter().rev().take(5).copied().collect::<Vec<_>>().join(", "),
                if several.len() > 5 { ", …" } else { "" }
            ))),
        }
    }
}

fn refused(reason: String) -> Error {
    Error::Work(anyhow!("Nothing was written: {reason}."))
}
