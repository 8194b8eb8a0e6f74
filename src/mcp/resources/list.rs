//! The list of resources: projects and their runs, in pages.

use rmcp::model::Resource;

use super::link;
use crate::tools::common::address::Address;
use crate::tools::common::text::{brief_name, visible};
use crate::tools::common::{Context, Failure, resolve};
use crate::tools::document;
use crate::trackio::run;

/// So many resources make a page. Each project is opened once a page at most.
const PAGE: usize = 100;

/// Where a page begins: with the project of that name or the next one, after so many of its runs.
struct Place {
    project: String,
    runs: usize,
}

impl Place {
    fn parse(cursor: &str) -> Option<Self> {
        let (runs, project) = cursor.split_once('.')?;
        Some(Self { project: project.to_owned(), runs: runs.parse().ok()? })
    }

    fn cursor(&self) -> String {
        format!("{}.{}", self.runs, self.project)
    }
}

/// A page of the list, and the cursor of the next one. First the project list and the guide, then
/// each project by name with its runs, the newest first.
pub fn list(
    context: &Context,
    cursor: Option<&str>,
) -> Result<(Vec<Resource>, Option<String>), Failure> {
    let start = cursor.map(|cursor| Place::parse(cursor).ok_or_else(|| no_cursor(cursor)));
    let start = start.transpose()?;
    let mut found = if start.is_some() { Vec::new() } else { fixed() };
    let mut names = context.store.all_project_names(&context.stop)?;
    names.sort();
    names.dedup();
    let mut count = context.count(names.len(), "projects");
    for (done, name) in names.iter().enumerate() {
        count.reach(done)?;
        let told = match &start {
            Some(place) if *name < place.project => continue,
            Some(place) if *name == place.project => place.runs,
            _ => {
                found.push(of_project(name));
                0
            }
        };
        let room = PAGE.saturating_sub(found.len());
        let (runs, left) = of_runs(context, name, told, room);
        let shown = runs.len();
        found.extend(runs);
        let is_last = done + 1 == names.len();
        if left > 0 {
            let place = Place { project: name.clone(), runs: told + shown };
            return Ok((found, Some(place.cursor())));
        }
        if found.len() >= PAGE && !is_last {
            // Past all of its runs: the next page begins with the next project.
            let place = Place { project: name.clone(), runs: usize::MAX };
            return Ok((found, Some(place.cursor())));
        }
    }
    Ok((found, None))
}

fn fixed() -> Vec<Resource> {
    let projects = link(&Address::Projects).with_title("Projects");
    let topic =
        |topic: &str| link(&Address::Guide(topic.to_owned())).with_title(format!("Guide: {topic}"));
    std::iter::once(projects).chain(document::subjects().map(topic)).collect()
}

fn of_project(name: &str) -> Resource {
    link(&Address::Project(name.to_owned())).with_title(format!("Project {}", brief_name(name)))
}

/// Some runs of a project after those that were told, and how many more there are. A project that
/// cannot be read has none: reading it as a resource says why.
fn of_runs(context: &Context, project: &str, told: usize, room: usize) -> (Vec<Resource>, usize) {
    let Ok(opened) = context.store.project(project, &context.stop) else {
        return (Vec::new(), 0);
    };
    let runs = context.read(&opened, run::newest_first).unwrap_or_default();
    let left = runs.len().saturating_sub(told).saturating_sub(room);
    let resource = |run: &run::Run| {
        let handle = resolve::handle(run, &runs).to_owned();
        let address = Address::Run { project: project.to_owned(), run: handle };
        let mut resource = link(&address).with_title(format!(
            "Run {} of {}",
            brief_name(&run.name),
            brief_name(project)
        ));
        resource.name = visible(&run.name).into_owned();
        match &run.created_at {
            Some(created) => resource.with_description(format!("Created {}", visible(created))),
            None => resource,
        }
    };
    (runs.iter().skip(told).take(room).map(resource).collect(), left)
}

fn no_cursor(cursor: &str) -> Failure {
    Failure(format!(
        "`{}` is no cursor of this list. Take nextCursor of the last page as it is, or leave it \
         out for the first page.",
        resolve::shown(cursor)
    ))
}
