//! What the tools that log share: from entries to rows, project by project, each noted in the
//! journal.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

use super::answer::{Answer, Failure, Output};
use super::context::Context;
use super::resolve::{moment, shown};
use super::shape::counted;
use super::text::in_backquotes;
use crate::journal::Draft;
use crate::tools::access::Grant;
use crate::trackio::name::canonical;
use crate::trackio::value::Step;
use crate::trackio::write::entry::{Content, Entry, Written, new_id};
use crate::trackio::{Error, time};

/// How many ids of rows a note in the journal lists.
const NOTED: usize = 50;

/// What was logged.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Logged {
    /// Rows that were added.
    pub written: usize,
    /// Rows that were there already, by their ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub already_there: Option<usize>,
    /// The runs that the rows are of.
    pub runs: Vec<LoggedRun>,
}

/// A run that rows were logged to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct LoggedRun {
    project: String,
    run: String,
    run_id: String,
    /// Made by this call.
    is_new: bool,
}

impl Output for Logged {
    fn headline(&self) -> String {
        let rows = counted(self.written, "row");
        let there = match self.already_there {
            Some(there) => format!(" {there} more were there already, and stay as they are."),
            None => String::new(),
        };
        match self.runs.as_slice() {
            [only] => format!(
                "Wrote {rows} to {}run `{}` of project `{}`.{there}",
                if only.is_new { "the new " } else { "" },
                shown(&only.run),
                shown(&only.project)
            ),
            several => format!("Wrote {rows} to {} runs.{there}", several.len()),
        }
    }

    fn shrink(&mut self, share: f64) -> bool {
        let keep = ((self.runs.len() as f64 * share) as usize).max(1);
        let shrinks = keep < self.runs.len();
        self.runs.truncate(keep);
        shrinks
    }
}

/// The rows of one call, by project, in the order in which they were given.
#[derive(Debug, Default)]
pub struct Rows {
    projects: Vec<(String, Vec<Entry>)>,
}

impl Rows {
    /// Adds a row.
    pub fn add(&mut self, project: &str, entry: Entry) {
        let stem = canonical(project);
        match self.projects.iter_mut().find(|(known, _)| canonical(known) == stem) {
            Some((_, entries)) => entries.push(entry),
            None => self.projects.push((project.to_owned(), vec![entry])),
        }
    }

    /// Writes them: each project's rows all or none.
    pub fn write(self, context: &Context, tool: &str) -> Result<Answer<Logged>, Failure> {
        let grant = grant(context, tool)?;
        let mut targets = Vec::new();
        for (project, entries) in &self.projects {
            targets.push((context.store.target(project, &context.stop)?, entries));
        }
        let (mut logged, mut notes) = (Logged::default(), Vec::new());
        let now = time::stored(context.now);
        let mut done: Vec<&str> = Vec::new();
        for (target, entries) in &targets {
            match target.log(entries, &now, &context.stop) {
                Ok(written) => {
                    notes.extend(notes_of(target.name(), &written));
                    notes.extend(note_down(context, grant, tool, target.name(), entries, &written));
                    logged.add(target.name(), written);
                    done.push(target.name());
                }
                Err(error) => return Err(with_what_was_done(error, target.name(), &done)),
            }
        }
        Ok(Answer::new(logged).with_notes(notes))
    }
}

impl Logged {
    fn add(&mut self, project: &str, written: Written) {
        self.written += written.written;
        if written.already_there > 0 {
            *self.already_there.get_or_insert(0) += written.already_there;
        }
        self.runs.extend(written.runs.into_iter().map(|run| LoggedRun {
            project: project.to_owned(),
            run: run.name,
            run_id: run.id,
            is_new: run.is_new,
        }));
    }
}

/// What a tool writes with, once it is sure that the write can be noted.
pub fn grant<'a>(context: &'a Context, tool: &str) -> Result<&'a Grant, Failure> {
    let grant = context.permission.grant(tool)?;
    grant.journal.check().map_err(|error| {
        Failure(format!(
            "Nothing was written: the journal of writes {} cannot be used ({error}).",
            grant.journal.file().display()
        ))
    })?;
    Ok(grant)
}

fn notes_of(project: &str, written: &Written) -> Vec<String> {
    let mut notes = Vec::new();
    for run in written.configs_kept.iter().take(5) {
        notes.push(format!(
            "Run `{}` has another config already; it stays, and the one given was not written.",
            shown(run)
        ));
    }
    if written.in_inbox {
        notes.push(format!(
            "Trackio's directory takes rows as files in its inbox (a network file system, or \
             TRACKIO_STORAGE_MODE): those of `{}` wait there until a Trackio dashboard imports \
             them. The tools here see them already.",
            shown(project)
        ));
    }
    notes
}

/// Notes the write in the journal; a sentence where that failed after the write.
fn note_down(
    context: &Context,
    grant: &Grant,
    tool: &str,
    project: &str,
    entries: &[Entry],
    written: &Written,
) -> Option<String> {
    if written.written == 0 {
        return None;
    }
    let names: Vec<String> = written.runs.iter().take(5).map(quoted_run).collect();
    let draft = Draft {
        at: context.now,
        tool,
        directory: &context.store.directory().path,
        project,
        did: format!("added {} to {}", counted(written.written, "row"), names.join(", ")),
        undo: Some(undo(entries, written)),
        undoes: None,
    };
    let error = grant.journal.append(draft).err()?;
    Some(format!("The rows are written, but could not be noted in the journal ({error})."))
}

fn quoted_run(run: &crate::trackio::write::entry::RunOfRows) -> String {
    let new = if run.is_new { "the new " } else { "" };
    format!("{new}run {} ({})", in_backquotes(&run.name), run.id)
}

fn undo(entries: &[Entry], written: &Written) -> String {
    if written.runs.iter().all(|run| run.is_new) {
        let ids: Vec<&str> = written.runs.iter().map(|run| run.id.as_str()).collect();
        return format!("delete the run {}", ids.join(", "));
    }
    let column = entries.first().map_or("log_id", |entry| entry.content.id_column());
    let table = entries.first().map_or("metrics", |entry| entry.content.table());
    let ids: Vec<&str> = entries.iter().take(NOTED).map(|entry| entry.id.as_str()).collect();
    let more = entries.len().saturating_sub(NOTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("delete the rows of {table} whose {column} is {}{more}", ids.join(", "))
}

fn with_what_was_done(error: Error, project: &str, done: &[&str]) -> Failure {
    let failure = match error {
        Error::TimedOut => Failure(format!(
            "Nothing of `{}` was written: it took too long. Send fewer rows at once.",
            shown(project)
        )),
        error => Failure::from(error),
    };
    if done.is_empty() {
        return failure;
    }
    let done: Vec<String> = done.iter().map(|name| format!("`{}`", shown(name))).collect();
    Failure(format!(
        "{} The rows of {} were written before it: repeat only those of `{}` and after.",
        failure.0,
        done.join(", "),
        shown(project)
    ))
}

/// What every kind of entry has.
pub struct Common<'a> {
    /// The argument that holds the list, and the entry's place in it, for errors.
    pub place: (&'a str, usize),
    /// The project.
    pub project: &'a str,
    /// The run.
    pub run: &'a str,
    /// Its id, where it was given.
    pub run_id: Option<&'a str>,
    /// When, as it was given.
    pub timestamp: Option<&'a str>,
    /// The row's own id, where it was given.
    pub id: Option<&'a str>,
}

impl Common<'_> {
    /// The entry with this content.
    pub fn entry(&self, context: &Context, content: Content) -> Result<Entry, Failure> {
        let timestamp = match self.timestamp {
            Some(text) => moment("timestamp", text)?,
            None => context.now,
        };
        let given = |value: Option<&str>| value.filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Entry {
            run: self.run.to_owned(),
            run_id: given(self.run_id),
            timestamp: time::stored(timestamp),
            id: given(self.id).unwrap_or_else(new_id),
            content,
        })
    }

    /// A failure that says which entry is wrong.
    pub fn failure(&self, reason: &str) -> Failure {
        let (list, index) = self.place;
        Failure(format!("Nothing was written: {list}[{index}] is not right: {reason}."))
    }
}

/// A step, as models send it: a number, or text of one.
pub fn step<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Step>, D::Error> {
    let value = Option::<Value>::deserialize(deserializer)?;
    let wrong =
        |value: &Value| de::Error::custom(format!("a step must be a number; found {value}"));
    match &value {
        None | Some(Value::Null) => Ok(None),
        Some(found @ Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(step), _) => Ok(Some(Step::Whole(step))),
            (None, Some(step)) if step.is_finite() => Ok(Some(Step::from_f64(step))),
            _ => Err(wrong(found)),
        },
        Some(found @ Value::String(text)) => match text.trim().parse::<f64>() {
            Ok(step) if step.is_finite() => Ok(Some(Step::from_f64(step))),
            _ => Err(wrong(found)),
        },
        Some(found) => Err(wrong(found)),
    }
}

/// An object, or JSON text of one.
pub fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let parsed = match &value {
        Value::Object(object) => Some(object.clone()),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    };
    parsed.ok_or_else(|| {
        let found = super::text::cut(&value.to_string(), 80);
        de::Error::custom(format!("an object of names and values is needed; found {found}"))
    })
}

/// [`object`], where it may be missing.
pub fn optional_object<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Map<String, Value>>, D::Error> {
    #[derive(Deserialize)]
    struct Given(#[serde(deserialize_with = "object")] Map<String, Value>);
    Ok(Option::<Given>::deserialize(deserializer)?.map(|Given(object)| object))
}
