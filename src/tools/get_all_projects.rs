//! `get_all_projects`: what there is.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::nearest::{check_pattern, quoted};
use super::common::shape::{counted, matches};
use super::common::{Answer, Context, Failure, Item, Output, Page, status, unread};
use super::{Category, Tool};
use crate::trackio::change::Log;
use crate::trackio::project::Misnamed;
use crate::trackio::{Project, run, time};

pub struct GetAllProjects;

const DEFAULT_LIMIT: usize = 50;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    /// Part of the name, or a glob.
    pattern: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct Projects {
    projects: Vec<String>,
    #[serde(flatten)]
    details: Page<Detail>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Detail {
    name: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_runs: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_activity: Option<String>,
    /// The file that holds it beside other projects.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl Item for Detail {
    const LIST: &'static str = "details";
}

impl Tool for GetAllProjects {
    const NAME: &'static str = "get_all_projects";
    const TITLE: &'static str = "List projects";
    const CATEGORY: Category = Category::Projects;
    const ABOUT: &'static str = "Lists the Trackio projects on this computer with their number of \
        runs and last activity. For one project use get_project_summary.";
    const GUIDE: &'static str = "A name that starts with `registry-` is a model registry. A \
        project with a `problem` cannot be read, or not all of it; the others can.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = Projects;

    fn run(context: &Context, args: Args) -> Result<Answer<Projects>, Failure> {
        let listed = context.store.project_names()?.into_iter().map(|name| (name, None));
        let inner = context.store.inner_projects(&context.stop);
        let inner = inner.into_iter().map(|name| (name, Some("trackio.db".to_owned())));
        let mut all: Vec<(String, Option<String>)> = listed.chain(inner).collect();
        if let Some(pattern) = &args.pattern {
            check_pattern("project", pattern, all.iter().map(|(name, _)| name.as_str()))?;
            all.retain(|(name, _)| matches(pattern, name));
        }
        let details = Page::of(all, &context.page, DEFAULT_LIMIT)
            .try_map(|(name, file)| detail(context, name, file))?;
        let mut notes = Vec::new();
        notes.extend((details.total == 0).then(|| nothing_here(context)));
        notes.extend(misnamed(&context.store.misnamed()?));
        notes.extend(unread::skipped_in_inbox(context));
        Ok(Answer::new(Projects::of(details)).with_notes(notes))
    }
}

impl Projects {
    /// The names are Trackio's list, so what only a file of 0.0.x holds is a detail.
    fn of(details: Page<Detail>) -> Self {
        let names = details.items.iter().filter(|detail| detail.file.is_none());
        Self { projects: names.map(|detail| detail.name.clone()).collect(), details }
    }
}

impl Output for Projects {
    fn headline(&self) -> String {
        let has_problem = |detail: &&Detail| detail.problem.is_some();
        let problems = self.details.items.iter().filter(has_problem).count();
        match (self.details.total, problems) {
            (0, _) => "There is no project.".to_owned(),
            (total, 0) => format!("{}.", counted(total, "project")),
            (total, some) => {
                format!(
                    "{}; {some} of those listed here cannot be read.",
                    counted(total, "project")
                )
            }
        }
    }

    fn shrink(&mut self, share: f64) -> bool {
        let shrinks = self.details.shrink(share);
        let names = self.details.items.iter().filter(|detail| detail.file.is_none());
        self.projects = names.map(|detail| detail.name.clone()).collect();
        shrinks
    }
}

fn nothing_here(context: &Context) -> String {
    format!(
        "{} holds no Trackio project (*.db) yet. If yours lie elsewhere, start the server with \
         --dir or set TRACKIO_DIR in the client's configuration.",
        context.store.directory().path.display()
    )
}

/// At most this many files with a wrong name are listed.
const LISTED: usize = 5;

/// What a copy or a sync tool left is somebody's data, but no project.
fn misnamed(files: &[Misnamed]) -> Option<String> {
    let listed = files.iter().take(LISTED).map(|Misnamed { file, rename_to }| {
        format!("{} (as a project: {})", quoted(&[file]), quoted(&[rename_to]))
    });
    let listed = listed.collect::<Vec<_>>().join(", ");
    let more = files.len().saturating_sub(LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!files.is_empty()).then(|| {
        format!(
            "{} not listed, because Trackio opens only files whose names consist of letters, \
             digits, `-` and `_`: {listed}{more}. To read one, rename it and its `-wal`.",
            counted(files.len(), "database file")
        )
    })
}

const DAMAGED_LOG: &str =
    "The project's `-wal` file is damaged and was not used: rows that were only in it are missing.";

fn detail(context: &Context, name: String, file: Option<String>) -> Result<Detail, Failure> {
    let found = context.store.project(&name, &context.stop).map_err(Failure::from);
    let counted = found.and_then(|project| count(context, &project));
    let kind = if name.starts_with("registry-") { "registry" } else { "project" };
    let detail = Detail { name, kind, num_runs: None, last_activity: None, file, problem: None };
    Ok(match counted {
        Ok((num_runs, last_activity, problem)) => {
            Detail { num_runs: Some(num_runs), last_activity, problem, ..detail }
        }
        Err(Failure(problem)) => Detail { problem: Some(problem), ..detail },
    })
}

/// How many runs it has, its last activity, and what is wrong although it can be read.
type Counted = (usize, Option<String>, Option<String>);

fn count(context: &Context, project: &Project) -> Result<Counted, Failure> {
    context.read(project, |snapshot| {
        let runs = run::list(snapshot)?;
        let mut latest = None;
        for run in &runs {
            latest = latest.max(status::last_seen(snapshot, run)?);
        }
        let num_runs = runs.iter().filter(|run| run.is_listed()).count();
        let is_damaged =
            snapshot.change.as_ref().is_some_and(|change| change.log() == Log::Damaged);
        let problem = is_damaged.then(|| DAMAGED_LOG.to_owned());
        Ok((num_runs, latest.map(time::rfc3339), problem))
    })
}
