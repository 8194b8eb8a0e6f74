//! `rename_run`: gives one run another name.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::edit::{self, Chosen, Deed, undoable};
use super::common::resolve::shown;
use super::common::text::in_backquotes;
use super::common::{Answer, Context, Failure, Output, text};
use super::{Access, Category, Tool};
use crate::trackio::Run;
use crate::trackio::run;
use crate::trackio::schema::RunKey;
use crate::trackio::write::belongings::Edit;

pub struct RenameRun;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    project: String,
    old_name: String,
    new_name: String,
    /// Needed where several runs have the old name.
    run_id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct Renamed {
    project: String,
    run_id: String,
    old_name: String,
    new_name: String,
    /// The command that takes it back.
    undo: String,
}

impl Tool for RenameRun {
    const NAME: &'static str = "rename_run";
    const TITLE: &'static str = "Rename a run";
    const CATEGORY: Category = Category::Write;
    const ABOUT: &'static str = "Gives one run another name; its id, rows and times stay.";
    const GUIDE: &'static str = "Metrics, config, system metrics, alerts, traces and artifact \
        links take the new name; runs of the same name stay as they are. Media files stay where \
        they lie, and the rows go on pointing to them. The command under `undo` in the answer takes it back.";
    const ACCESS: Access = Access::Write { destructive: false, idempotent: false };
    type Args = Args;
    type Output = Renamed;

    fn run(context: &Context, args: Args) -> Result<Answer<Renamed>, Failure> {
        let wanted = args.run_id.as_deref().unwrap_or(&args.old_name);
        let chosen = edit::choose(context, &args.project, wanted)?;
        let Chosen { project, run, .. } = &chosen;
        if args.run_id.is_some() && run.name != args.old_name {
            return Err(Failure(format!(
                "Nothing was renamed: run {} is named `{}`, not `{}`.",
                text::brief_name(&run.id),
                shown(&run.name),
                shown(&args.old_name)
            )));
        }
        let new_name = args.new_name.trim();
        let others = namesakes(context, &chosen, new_name)?;
        let did = format!(
            "Renamed run {} ({}) of project {} to {}.",
            in_backquotes(&run.name),
            run.id,
            in_backquotes(&project.name),
            in_backquotes(new_name)
        );
        let deed = Deed { tool: Self::NAME, did, edit: Edit::Rename(new_name), digest: None };
        let id = undoable(context, &chosen, deed)?;
        let renamed = Renamed {
            project: project.name.clone(),
            run_id: run.id.clone(),
            old_name: run.name.clone(),
            new_name: new_name.to_owned(),
            undo: format!("mcp-trackio undo {id}"),
        };
        let shared = (others > 0).then(|| {
            format!("{others} other runs of this name were there already; tell them apart by id.")
        });
        Ok(Answer::new(renamed).with_notes(shared.into_iter().chain(chosen.notes)))
    }
}

/// How many other runs have the new name; a failure where the name cannot be.
fn namesakes(context: &Context, chosen: &Chosen, new_name: &str) -> Result<usize, Failure> {
    let run = &chosen.run;
    if run.name == new_name {
        return Err(Failure(format!(
            "Run {} is named `{}` already.",
            text::brief_name(&run.id),
            shown(new_name)
        )));
    }
    context.read(&chosen.project, |snapshot| {
        let has_it = |other: &&Run| other.name == new_name && other.id != run.id;
        let others = run::list(snapshot)?.iter().filter(has_it).count();
        let metrics = snapshot.schema.table("metrics");
        if others > 0 && metrics.is_some_and(|metrics| metrics.key == RunKey::Name) {
            // Here the name is all that tells runs apart.
            return Err(Failure(format!(
                "Nothing was renamed: there is a run `{}`, and in this project, written by Trackio \
                 before 0.24, both would become one. Choose another name.",
                shown(new_name)
            ))
            .into());
        }
        Ok(others)
    })
}

impl Output for Renamed {
    fn headline(&self) -> String {
        let old = text::run_of(&self.old_name, &self.project);
        format!("Renamed {old} to {}.", text::name_of(&self.new_name))
    }
}
