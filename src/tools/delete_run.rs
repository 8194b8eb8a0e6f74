//! `delete_run`: takes one run away, after a look and with a way back.

mod token;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::common::edit::{self, Chosen, Deed, undoable};
use super::common::resolve::shown;
use super::common::shape::counted;
use super::common::{Answer, Context, Failure, Output, text};
use super::{Access, Category, Tool};
use crate::trackio::write::belongings::{Belongings, Edit};
use token::{LIFETIME, State, Token, Unfit};

pub struct DeleteRun;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    project: String,
    /// Id, or a name that one run alone has.
    run: String,
    /// The token of the first call. Without it nothing is deleted.
    confirm: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct Deletion {
    project: String,
    run: String,
    run_id: String,
    deleted: bool,
    /// Rows by table.
    rows: Map<String, Value>,
    /// For the second call.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm: Option<String>,
    /// The command that restores it.
    #[serde(skip_serializing_if = "Option::is_none")]
    undo: Option<String>,
}

impl Tool for DeleteRun {
    const NAME: &'static str = "delete_run";
    const TITLE: &'static str = "Delete a run";
    const CATEGORY: Category = Category::Write;
    const ABOUT: &'static str = "Deletes one run in two calls: the first tells what would go and \
        gives a token, the second with confirm does it. Ask the user in between.";
    const GUIDE: &'static str = "Metrics, config, system metrics, alerts, traces and artifact \
        links of this run go; runs of the same name stay. Artifact versions and media files stay, \
        as in Trackio. The token fits for 10 minutes, and only while the run's rows are as they were \
        shown. The rows are saved first: the command under `undo` in the answer restores them.";
    const ACCESS: Access = Access::Write { destructive: true, idempotent: false };
    type Args = Args;
    type Output = Deletion;

    fn run(context: &Context, args: Args) -> Result<Answer<Deletion>, Failure> {
        let chosen = edit::choose(context, &args.project, &args.run)?;
        let (counts, digest, state, undecided) = context.read(&chosen.project, |snapshot| {
            let found = chosen.belongings(snapshot)?;
            let mut state = State::default();
            found.save(snapshot.connection, Edit::Remove, &mut state)?;
            Ok((found.counts(), found.digest(), state.digest(), undecided(&chosen, &found)))
        })?;
        let journal = &context.permission.grant(Self::NAME)?.journal;
        let key = journal.key().map_err(|error| edit::unnoted(journal, &error))?;
        let token = Token { directory: &context.store.directory().path, chosen: &chosen, state };
        let now = context.now.as_second();
        let rows = counts.into_iter().map(|(table, count)| (table.to_owned(), count.into()));
        let notes: Vec<String> = chosen.notes.iter().cloned().chain(undecided).collect();
        let Chosen { project, run, .. } = &chosen;
        let mut deletion = Deletion {
            project: project.name.clone(),
            run: run.name.clone(),
            run_id: run.id.clone(),
            deleted: false,
            rows: rows.collect(),
            confirm: None,
            undo: None,
        };
        let Some(given) = args.confirm else {
            deletion.confirm = Some(token.text(&key, now + LIFETIME));
            return Ok(Answer::new(deletion).with_notes(notes));
        };
        token.check(&key, given.trim(), now).map_err(refused)?;
        let did = format!(
            "Deleted run {} ({}) of project {}: {}.",
            text::in_backquotes(&run.name),
            run.id,
            text::in_backquotes(&project.name),
            deletion.told()
        );
        let deed = Deed { tool: Self::NAME, did, edit: Edit::Remove, digest: Some(digest) };
        let id = undoable(context, &chosen, deed)?;
        deletion.deleted = true;
        deletion.undo = Some(format!("mcp-trackio undo {id}"));
        Ok(Answer::new(deletion).with_notes(notes))
    }
}

/// Tables in which the run's rows cannot be told from another run's.
fn undecided(chosen: &Chosen, found: &Belongings) -> Option<String> {
    (!found.undecided.is_empty()).then(|| {
        format!(
            "The rows of {} know their run by name alone, and several runs are named `{}`: they \
             stay.",
            found.undecided.join(", "),
            shown(&chosen.run.name)
        )
    })
}

fn refused(why: Unfit) -> Failure {
    let why = match why {
        Unfit::Unknown => "the token is not one that delete_run gave for this run",
        Unfit::Expired => "the token is older than 10 minutes",
        Unfit::Changed => "rows of the run came, went or changed since the token was given",
    };
    Failure(format!(
        "Nothing was deleted: {why}. Call delete_run without confirm to see what would go now and \
         to get a new token."
    ))
}

impl Deletion {
    fn told(&self) -> String {
        let count = |(table, count): (&String, &Value)| format!("{count} of {table}");
        match self.rows.is_empty() {
            true => "no rows".to_owned(),
            false => {
                format!("rows: {}", self.rows.iter().map(count).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl Output for Deletion {
    fn headline(&self) -> String {
        let count: u64 = self.rows.values().filter_map(Value::as_u64).sum();
        let run = text::run_of(&self.run, &self.project);
        let rows = counted(count as usize, "row");
        match self.deleted {
            true => format!("Deleted {run}: {rows}."),
            false => format!(
                "Nothing is deleted yet: {run} has {rows}. If the user agrees, call again with \
                 confirm."
            ),
        }
    }
}

#[cfg(test)]
mod tests;
