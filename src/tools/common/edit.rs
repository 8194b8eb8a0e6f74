//! What the tools share that change or remove what is there: one run that is surely meant, and a
//! write that can be undone.

use std::rc::Rc;

use super::answer::Failure;
use super::context::Context;
use super::nearest::quoted;
use super::resolve::{self, Resolved, shown};
use crate::journal::{Draft, Journal};
use crate::trackio::run::{Run, rows_of};
use crate::trackio::schema::Schema;
use crate::trackio::write::Target;
use crate::trackio::write::belongings::{Belongings, Edit, Owner, Place};
use crate::trackio::write::turns::{Cut, Pace, Turn};
use crate::trackio::{self, Error, Project, Snapshot};

/// So many runs of one name are listed.
const LISTED: usize = 10;

/// A run that may be changed.
pub struct Chosen {
    /// Its project.
    pub project: Project,
    /// The run.
    pub run: Run,
    /// The same, for what belongs to it.
    pub owner: Owner,
    /// What must be said about it.
    pub notes: Vec<String>,
}

impl Chosen {
    /// The rows of the run in the database, without those of the inbox.
    pub fn belongings(&self, snapshot: &Snapshot<'_>) -> trackio::Result<Belongings> {
        let schema = Schema::read(snapshot.connection)?;
        Belongings::find(snapshot.connection, &schema, &self.owner)
    }
}

/// The one run that `wanted` means. A name that several have is refused.
pub fn choose(context: &Context, project: &str, wanted: &str) -> Result<Chosen, Failure> {
    let project = resolve::project(context, project)?;
    let (resolved, seen) = context.read(&project, |snapshot| {
        let resolved = resolve::run(snapshot, wanted)?;
        refuse_ambiguous(&resolved, wanted)?;
        refuse_waiting(snapshot, &resolved.run)?;
        let seen = super::status::last_seen(snapshot, &resolved.run)?;
        Ok((resolved, seen))
    })?;
    let Resolved { run, same_named, .. } = resolved;
    let owner = Owner::new(&project.name, run.clone(), !same_named.is_empty());
    let age = seen.map(|seen| (context.now.as_second() - seen.as_second()).max(0));
    let notes = age.filter(|age| *age < STILL_LOGS).map(|age| {
        format!(
            "The newest row is {age} s old. A training that still runs goes on logging under the \
             old name and id; end it first."
        )
    });
    Ok(Chosen { project, run, owner, notes: notes.into_iter().collect() })
}

/// A run whose newest row is younger, in seconds, may still log.
const STILL_LOGS: i64 = 600;

fn refuse_ambiguous(resolved: &Resolved, wanted: &str) -> Result<(), Failure> {
    let run = &resolved.run;
    if resolved.same_named.is_empty() || run.name != wanted || run.id == wanted {
        return Ok(());
    }
    let all: Vec<String> = std::iter::once(run)
        .chain(&resolved.same_named)
        .take(LISTED)
        .map(|run| match &run.created_at {
            Some(created) => format!("{} (created {created})", run.id),
            None => run.id.clone(),
        })
        .collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    Err(Failure(format!(
        "{} runs are named `{}`, and nothing is changed on a guess. Name one by its id: {}.",
        resolved.same_named.len() + 1,
        shown(wanted),
        quoted(&all)
    )))
}

/// Rows in the inbox would come back under the old name when a dashboard imports them.
fn refuse_waiting(snapshot: &Snapshot<'_>, run: &Run) -> trackio::Result<()> {
    for name in ["metrics", "system_metrics", "alerts"] {
        let Some(table) = snapshot.schema.table(name) else { continue };
        let Some(waiting) = &table.waiting else { continue };
        let (condition, key) = rows_of(snapshot, table, run);
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {waiting} WHERE {condition})");
        if snapshot.connection.query_row(&sql, [key], |row| row.get(0))? {
            return Err(Failure(format!(
                "Run `{}` has rows in Trackio's inbox that no database holds yet; they would come \
                 back. Start `trackio show` once, which imports them, then try again.",
                shown(&run.name)
            ))
            .into());
        }
    }
    Ok(())
}

/// What an undoable write says of itself.
pub struct Deed<'a> {
    /// The tool.
    pub tool: &'a str,
    /// What it does, in a sentence of the past.
    pub did: String,
    /// What is done.
    pub edit: Edit<'a>,
    /// The digest of the rows that are meant; `None`: as they are.
    pub digest: Option<u64>,
}

/// Changes a run. What was is saved beside the journal before Trackio's lock is taken: a training
/// that cannot get the lock within ten seconds loses rows. Under the lock it is checked that the
/// rows are still the same; a run of very many rows is changed in turns. Answers the number of the
/// journal's entry.
pub fn undoable(context: &Context, chosen: &Chosen, deed: Deed<'_>) -> Result<u64, Failure> {
    let journal = &context.permission.grant(deed.tool)?.journal;
    let target = context.store.target(&chosen.project.name, &context.stop)?;
    let draft = |did, undo: &str| Draft {
        at: context.now,
        tool: deed.tool,
        directory: &context.store.directory().path,
        project: target.name(),
        did,
        undo: Some(undo.to_owned()).filter(|undo| !undo.is_empty()),
        undoes: None,
    };
    let id =
        journal.announce(draft(deed.did.clone(), "")).map_err(|error| unnoted(journal, &error))?;
    let saved = save(context, chosen, &deed, journal, id);
    let changed = saved.map_err(|failure| (failure, false)).and_then(|saved| {
        change(context, chosen, &deed, &target, &saved).map_err(|Cut { error, is_begun }| {
            match error {
                Error::TimedOut => (Failure::new("The time for one call was over."), is_begun),
                error => (error.into(), is_begun),
            }
        })
    });
    let (Failure(why), is_begun) = match changed {
        Ok(()) => return Ok(id),
        Err(cut) => cut,
    };
    let undo = format!("mcp-trackio undo {id}");
    let (note, failure) = match is_begun {
        true => (
            draft(format!("Entry {id} was cut off: {why}"), &undo),
            Failure(format!(
                "A part of the rows is changed, the rest is not: {why} Make the same call again \
                 to finish, or restore all of it with `{undo}`."
            )),
        ),
        false => {
            journal.discard(id);
            let did = format!("Entry {id} was not carried out: {why}");
            (Draft { undoes: Some(id), ..draft(did, "There is nothing to undo.") }, Failure(why))
        }
    };
    if let Err(error) = journal.append(note) {
        tracing::warn!(%error, "a failed write could not be noted");
    }
    Err(failure)
}

/// Makes the change, where the rows are still those that were saved.
fn change(
    context: &Context,
    chosen: &Chosen,
    deed: &Deed<'_>,
    target: &Target,
    saved: &Saved,
) -> Result<(), Cut> {
    let work = |to: &Snapshot<'_>, so_far: &Option<(Rc<Belongings>, Place)>, turn: &Turn| {
        let (found, place) = match so_far {
            Some(so_far) => so_far.clone(),
            None => {
                let found = Belongings::find(to.connection, &to.schema, &chosen.owner)?;
                if found.digest() != saved.digest {
                    return Err(moved().into());
                }
                (Rc::new(found), Place::default())
            }
        };
        let next = found.apply(to.connection, deed.edit, place, turn)?;
        Ok(next.map(|next| Some((found, next))))
    };
    let tell = |so_far: &Option<(Rc<Belongings>, Place)>| {
        let Some((_, place)) = so_far else { return };
        let (done, all) = (place.rows, saved.rows);
        let message = || format!("{done} of {all} rows");
        context.progress.tell(done as f64, Some(all as f64), message);
    };
    target.edit_in_turns(Pace::default(), None, &context.stop, work, tell)
}

/// What was saved.
struct Saved {
    digest: u64,
    rows: usize,
}

/// Saves the rows.
fn save(
    context: &Context,
    chosen: &Chosen,
    deed: &Deed<'_>,
    journal: &Journal,
    id: u64,
) -> Result<Saved, Failure> {
    context.read(&chosen.project, |snapshot| {
        let failed = |error| Error::from(unnoted(journal, &error));
        let found = chosen.belongings(snapshot)?;
        let digest = found.digest();
        if deed.digest.is_some_and(|meant| meant != digest) {
            return Err(moved().into());
        }
        let mut rows = journal.rows(id).map_err(failed)?;
        found.save(snapshot.connection, deed.edit, &mut rows)?;
        rows.keep().map_err(failed)?;
        let rows = found.counts().iter().map(|(_, count)| count).sum();
        Ok(Saved { digest, rows })
    })
}

fn moved() -> Failure {
    Failure::new(
        "Nothing was changed: rows of the run came or went in the meantime. End what writes to \
         it, then begin again.",
    )
}

/// A write that cannot be noted is not made.
pub fn unnoted(journal: &Journal, error: &std::io::Error) -> Failure {
    Failure(format!(
        "Nothing was written: every write is noted in {}, and that cannot be written ({error}).",
        journal.file().display()
    ))
}
