//! From what a caller names to what is meant; where that fails, to the nearest names.

use super::answer::Failure;
use super::context::Context;
use super::nearest::{nearest, quoted};
use super::newest;
use super::text;
use crate::quote;
use crate::trackio::run::{self, Source};
use crate::trackio::{Error, Project, Run, Snapshot};

/// The shortest part of an id that stands for it.
const SHORTEST_PREFIX: usize = 6;
/// How many other runs of the same name a note lists.
const LISTED: usize = 5;

/// The project of that name.
pub fn project(context: &Context, name: &str) -> Result<Project, Failure> {
    match context.store.project(name, &context.stop) {
        Err(Error::NoSuchProject(_)) => Err(no_such_project(context, name)?),
        other => Ok(other?),
    }
}

fn no_such_project(context: &Context, name: &str) -> Result<Failure, Failure> {
    let names = context.store.all_project_names(&context.stop)?;
    let directory = context.store.directory().path.display();
    if names.is_empty() {
        return Ok(Failure(format!(
            "There is no project `{}`: {directory} holds no Trackio project at all. get_settings \
             tells where projects are looked for.",
            shown(name)
        )));
    }
    Ok(Failure(format!(
        "There is no project `{}`. Nearest: {}. get_all_projects lists all {}.",
        shown(name),
        quoted(&nearest(name, names.iter().map(String::as_str))),
        names.len()
    )))
}

/// A run, and what must be said about the choice.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The run that is meant.
    pub run: Run,
    /// The other runs of that name, newest first.
    pub same_named: Vec<Run>,
    /// What means this run and no other, now and when others came: its name, or its id.
    pub handle: String,
}

/// What means the run among `runs` and no other: its name, where only it has it, or its id.
pub fn handle<'a>(run: &'a Run, runs: &[Run]) -> &'a str {
    let means_another =
        |other: &Run| other.id != run.id && (other.name == run.name || other.id == run.name);
    if runs.iter().any(means_another) { &run.id } else { &run.name }
}

/// The run that an id, a name or the beginning of an id means.
pub fn run(snapshot: &Snapshot<'_>, wanted: &str) -> crate::trackio::Result<Resolved> {
    let mut runs = run::list(snapshot)?;
    // Newest first, and among equals the one that Trackio takes.
    runs.sort_by(|a, b| {
        let has_rows = |run: &Run| run.source == Source::Metrics;
        (has_rows(b), &b.created_at).cmp(&(has_rows(a), &a.created_at)).then(a.id.cmp(&b.id))
    });
    let found = match find(&runs, wanted) {
        Some(found) => Some(found.clone()),
        None => run::name_of_id(snapshot, wanted)?
            .and_then(|name| runs.iter().find(|run| run.name == name).cloned()),
    };
    let Some(found) = found else {
        return Err(no_such_run(snapshot, wanted, &runs).into());
    };
    let handle = handle(&found, &runs).to_owned();
    let same_named =
        runs.into_iter().filter(|run| run.name == found.name && run.id != found.id).collect();
    Ok(Resolved { run: found, same_named, handle })
}

fn find<'a>(runs: &'a [Run], wanted: &str) -> Option<&'a Run> {
    let by_id = runs.iter().find(|run| run.id == wanted);
    let by_name = || runs.iter().find(|run| run.name == wanted);
    by_id.or_else(by_name).or_else(|| {
        if wanted.chars().count() < SHORTEST_PREFIX {
            return None;
        }
        let mut starting = runs.iter().filter(|run| run.id.starts_with(wanted));
        match (starting.next(), starting.next()) {
            (Some(only), None) => Some(only),
            _ => runs
                .iter()
                .find(|run| text::stands_for(wanted, &run.name))
                .or_else(|| runs.iter().find(|run| is_labelled(wanted, run))),
        }
    })
}

/// Whether `wanted` is what answers call one of several runs of a name: `name (start of its id)`.
fn is_labelled(wanted: &str, run: &Run) -> bool {
    let label = wanted.strip_suffix(')').and_then(|label| label.rsplit_once(" ("));
    label.is_some_and(|(name, prefix)| {
        (name == run.name || text::stands_for(name, &run.name))
            && prefix.chars().count() >= SHORTEST_PREFIX
            && run.id.starts_with(prefix)
    })
}

fn no_such_run(snapshot: &Snapshot<'_>, wanted: &str, runs: &[Run]) -> Failure {
    let project = &snapshot.project.name;
    if runs.is_empty() {
        return Failure(format!("Project `{}` has no runs.", shown(project)));
    }
    let ambiguous: Vec<&str> = runs
        .iter()
        .filter(|run| wanted.chars().count() >= SHORTEST_PREFIX && run.id.starts_with(wanted))
        .map(|run| run.id.as_str())
        .collect();
    if ambiguous.len() > 1 {
        return Failure(format!(
            "`{}` begins the ids of {} runs: {}. Use a whole id.",
            shown(wanted),
            ambiguous.len(),
            quoted(ambiguous.get(..LISTED).unwrap_or(&ambiguous))
        ));
    }
    Failure(format!(
        "Project `{}` has no run `{}`. Nearest: {}. get_runs_for_project lists all {}.",
        shown(project),
        shown(wanted),
        quoted(&nearest(wanted, runs.iter().map(|run| run.name.as_str()))),
        runs.len()
    ))
}

impl Resolved {
    /// Says which of several runs of one name was taken.
    pub fn notes(&self, wanted: Option<&str>) -> Vec<String> {
        let by_name = wanted.is_none_or(|wanted| wanted == self.run.name);
        if self.same_named.is_empty() || !by_name {
            return Vec::new();
        }
        let others: Vec<String> =
            self.same_named.iter().take(LISTED).map(|run| text::brief_name(&run.id)).collect();
        let more = self.same_named.len().saturating_sub(LISTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        vec![format!(
            "{} runs are named `{}`; this is the newest, {}. Others: {}{more}.",
            self.same_named.len() + 1,
            shown(&self.run.name),
            text::brief_name(&self.run.id),
            others.join(", ")
        )]
    }
}

/// A project and, within it, the run that was asked for or the newest.
pub struct Target {
    /// The project.
    pub project: Project,
    /// The run as the caller named it, or the id of the newest.
    pub run: String,
    /// Says which was taken when none was named, and what could not be considered.
    pub notes: Vec<String>,
}

/// The run that a tool for one run is about: without names, the one with the newest row.
pub fn target(
    context: &Context,
    project_name: Option<&str>,
    run_name: Option<&str>,
) -> Result<Target, Failure> {
    let (project, mut notes) = match (project_name, run_name) {
        (Some(name), _) => (project(context, name)?, Vec::new()),
        (None, Some(run)) => project_of_run(context, run)?,
        (None, None) => newest::project(context)?,
    };
    if let Some(run) = run_name {
        return Ok(Target { project, run: run.to_owned(), notes });
    }
    let Some(newest) = context.read(&project, newest::run)? else {
        return Err(Failure(format!("Project `{}` has no runs.", shown(&project.name))));
    };
    let note = format!(
        "No run was named: this is the one with the newest row, `{}` of project `{}`.",
        shown(&newest.run.name),
        shown(&project.name)
    );
    notes.insert(0, note);
    notes.extend(newest.note());
    Ok(Target { project, run: newest.run.id, notes })
}

/// Without a project, a run's name or id must be in one project alone. Also names the projects
/// that could not be read, where others of that name may be.
fn project_of_run(context: &Context, wanted: &str) -> Result<(Project, Vec<String>), Failure> {
    let (projects, mut unread) = newest::projects(context)?;
    let mut found = Vec::new();
    for project in projects {
        let holds =
            context.read(&project, |snapshot| Ok(find(&run::list(snapshot)?, wanted).is_some()));
        match holds {
            Ok(true) => found.push(project),
            Ok(false) => {}
            Err(failure) if context.stop.is_set() => return Err(failure),
            Err(failure) => unread.add(&project.name, &failure),
        }
    }
    let note = unread.note("searched");
    let mut names: Vec<&str> = found.iter().map(|project| project.name.as_str()).collect();
    names.sort_unstable();
    match names.as_slice() {
        [_] => match found.pop() {
            Some(project) => Ok((project, note.into_iter().collect())),
            None => Err(Failure::new("No project was found.")),
        },
        [] => Err(Failure(format!(
            "No project has a run `{}`. Name the project; get_all_projects lists them.{}",
            shown(wanted),
            note.map(|note| format!(" {note}")).unwrap_or_default()
        ))),
        several => Err(Failure(format!(
            "{} projects have a run `{}`: {}. Name the project.",
            several.len(),
            shown(wanted),
            quoted(several.get(..LISTED).unwrap_or(several))
        ))),
    }
}

/// What a tool says when the metric is not there.
pub fn no_such_metric(metric: &str, run: &Run, known: &[&str], lister: &str) -> Failure {
    if known.is_empty() {
        return Failure(format!("Run `{}` has no metrics.", shown(&run.name)));
    }
    Failure(format!(
        "Run `{}` has no metric `{}`. Nearest: {}. {lister} lists all {}.",
        shown(&run.name),
        shown(metric),
        quoted(&nearest(metric, known.iter().copied())),
        known.len()
    ))
}

/// The moment that an argument names.
pub fn moment(argument: &str, value: &str) -> Result<jiff::Timestamp, Failure> {
    crate::trackio::time::parse(value).ok_or_else(|| {
        Failure(format!(
            "The argument `{argument}` must be a time such as 2026-01-31 or 2026-01-31T12:00:00Z; \
             found `{}`.",
            shown(value)
        ))
    })
}

/// A name for a message that puts it in backquotes: visible, without a backquote of its own, and
/// cut where it is very long.
pub fn shown(name: &str) -> String {
    quote::for_backquotes(&text::cut(name, 200))
}
