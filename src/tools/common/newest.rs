//! The run that is meant where none was named: the one with the newest row. What could not be
//! considered is named, because the newest row may be there.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::answer::Failure;
use super::context::Context;
use super::shape::counted;
use super::status;
use super::text;
use super::unread::{self, Unread};
use crate::trackio::run;
use crate::trackio::{Project, Run, Snapshot};

/// How many undated runs a note names.
const NAMED: usize = 3;

/// All projects that can be found, those that were written last first, and those that cannot.
pub fn projects(context: &Context) -> Result<(Vec<Project>, Unread), Failure> {
    let (mut found, unread) = unread::projects(context, &context.store.project_names()?);
    found.sort_by_key(|project| Reverse(project.modified()));
    Ok((found, unread))
}

/// The project with the newest row, and what must be said about the choice. A file cannot hold a
/// row that is newer than itself, so files older than the newest row found are not opened.
pub fn project(context: &Context) -> Result<(Project, Vec<String>), Failure> {
    let (projects, mut unread) = projects(context)?;
    let mut best: Option<(Timestamp, Project)> = None;
    for project in projects {
        let modified = project.modified().and_then(|time| Timestamp::try_from(time).ok());
        if let (Some((newest, _)), Some(modified), false) = (&best, modified, project.has_inbox())
            && modified < *newest
        {
            continue;
        }
        match context.read(&project, run) {
            Ok(None) => {}
            Ok(Some(Newest { seen: Some(seen), .. })) => {
                if best.as_ref().is_none_or(|(newest, _)| seen > *newest) {
                    best = Some((seen, project));
                }
            }
            Ok(Some(_)) => {
                let reason = "none of its rows has a time that can be read";
                unread.add(&project.name, &Failure::new(reason));
            }
            Err(failure) if context.stop.is_set() => return Err(failure),
            Err(failure) => unread.add(&project.name, &failure),
        }
    }
    let note = unread.note("considered");
    match (best, note) {
        (Some((_, project)), note) => Ok((project, note.into_iter().collect())),
        (None, Some(note)) => Err(Failure(format!(
            "No run could be chosen as the newest: {note} Name a project; get_all_projects lists \
             them."
        ))),
        (None, None) => Err(Failure(format!(
            "No run was found under {}. get_settings tells where projects are looked for.",
            context.store.directory().path.display()
        ))),
    }
}

/// The run of a project that has the newest row.
pub struct Newest {
    /// The run; the last one listed where none has a time.
    pub run: Run,
    /// The time of its newest row.
    pub seen: Option<Timestamp>,
    /// The names of runs that could not be considered, because their rows have no time.
    undated: Vec<String>,
}

impl Newest {
    /// Names the runs that could not be considered.
    pub fn note(&self) -> Option<String> {
        let others = self.undated.len();
        let names = self.undated.iter().take(NAMED).map(|name| text::in_backquotes(name));
        let names = names.collect::<Vec<_>>().join(", ");
        let more = match others.saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        match (others, self.seen) {
            (0, Some(_)) => None,
            (0, None) => Some("No time of its rows can be read.".to_owned()),
            (_, Some(_)) => Some(format!(
                "{} could not be considered, because no time of their rows can be read: \
                 {names}{more}.",
                counted(others, "run")
            )),
            (_, None) => Some(format!(
                "No time of any row can be read, so this is the run listed last. Others: \
                 {names}{more}."
            )),
        }
    }
}

/// The run with the newest row; `None` where there is no run.
pub fn run(snapshot: &Snapshot<'_>) -> crate::trackio::Result<Option<Newest>> {
    let mut newest: Option<Newest> = None;
    for run in run::list(snapshot)? {
        let seen = status::last_seen(snapshot, &run)?;
        newest = Some(match newest {
            None => Newest { run, seen, undated: Vec::new() },
            Some(mut newest) if seen >= newest.seen => {
                if newest.seen.is_none() {
                    newest.undated.push(newest.run.name);
                }
                Newest { run, seen, undated: newest.undated }
            }
            Some(mut newest) => {
                if seen.is_none() {
                    newest.undated.push(run.name);
                }
                newest
            }
        });
    }
    Ok(newest)
}
