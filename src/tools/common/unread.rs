//! Projects that a call could not consider, and why: an answer about all projects names them.

use super::answer::Failure;
use super::context::Context;
use super::shape::counted;
use super::text;
use crate::trackio::Project;

/// How many projects a note names; the rest are counted.
const NAMED: usize = 3;
/// The characters of one reason.
const LONGEST_REASON: usize = 300;

/// What could not be considered so far.
#[derive(Debug, Default)]
pub struct Unread(Vec<(String, String)>);

/// The projects of these names that can be found, and those that cannot.
pub fn projects(context: &Context, names: &[String]) -> (Vec<Project>, Unread) {
    let (mut found, mut unread) = (Vec::new(), Unread::default());
    for name in names {
        match context.store.project(name, &context.stop) {
            Ok(project) => found.push(project),
            Err(error) => unread.add(name, &error.into()),
        }
    }
    (found, unread)
}

impl Unread {
    /// Adds a project, and why it could not be read.
    pub fn add(&mut self, project: &str, failure: &Failure) {
        self.0.push((project.to_owned(), failure.0.clone()));
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// A sentence or two that names them: `2 projects could not be searched: ...`. `done` is what
    /// could not be done with them.
    pub fn note(&self, done: &str) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let reasons: Vec<String> = self.0.iter().take(NAMED).map(reason).collect();
        let more = match self.count().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" And {more} more; get_all_projects lists them with the reason."),
        };
        let projects = counted(self.count(), "project");
        Some(format!("{projects} could not be {done}: {}{more}", reasons.join(" ")))
    }
}

/// The reason as a sentence with the project's name in it.
fn reason((project, reason): &(String, String)) -> String {
    let name = text::in_backquotes(project);
    let reason = text::cut(reason.trim_end_matches('.'), LONGEST_REASON);
    if reason.contains(&name) { format!("{reason}.") } else { format!("{name}: {reason}.") }
}

/// Which lines of the inbox no tool reads.
pub fn skipped_in_inbox(context: &Context) -> Option<String> {
    let skipped = context.store.skipped_in_inbox();
    let (first, _) = skipped.first()?;
    let lines: usize = skipped.iter().map(|(_, lines)| lines).sum();
    Some(format!(
        "{} of Trackio's inbox in {} too long to be read (more than 32 MB, or a file of more than \
         1 GB) and left out of all answers. The first file is {}.",
        counted(lines, "line"),
        match skipped.len() {
            1 => "1 file is".to_owned(),
            files => format!("{files} files are"),
        },
        text::brief_name(first)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_projects_are_named_and_the_rest_counted() {
        let mut unread = Unread::default();
        assert_eq!(unread.note("read"), None);
        for (count, name) in (1..).zip(["a", "b", "c", "d", "e"]) {
            unread.add(name, &Failure(format!("Project {name} is broken.")));
            let note = unread.note("read").unwrap();
            assert_eq!(note.matches(" is broken").count(), count.min(3), "{note}");
            assert_eq!(note.contains("more"), count > 3, "{note}");
        }
        assert!(unread.note("read").unwrap().starts_with("5 projects could not be read: `a`: "));
    }
}
