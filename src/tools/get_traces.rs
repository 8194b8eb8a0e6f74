//! `get_traces`: conversations and the work of agents that a training logged.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::budget::{BYTES_A_TOKEN, MOST_TOKENS};
use super::common::resolve::{self, Resolved, shown};
use super::common::shape::counted;
use super::common::{Answer, Context, Failure, Output, Page, text};
use super::{Category, Tool};
use crate::trackio::trace::outline::Outline;
use crate::trackio::trace::{self, Head, Needle, Selection};
use crate::trackio::value::Step;
use crate::trackio::{Result as TrackioResult, Snapshot};

mod find;
mod outline;
mod statistics;
#[cfg(test)]
mod tests;
mod whole;

use outline::OutlineItem;
use statistics::Statistics;
use whole::Whole;

pub struct GetTraces;

const DEFAULT_LIMIT: usize = 20;
/// A longer text is no search; SQLite's patterns end at 50,000 bytes.
const LONGEST_SEARCH: usize = 1_000;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    project: Option<String>,
    /// Name, id, or the start of an id; default: the newest.
    run: Option<String>,
    /// A text in messages, metadata or span names.
    search: Option<String>,
    step: Option<f64>,
    /// An id: this trace in full.
    trace: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct Traces {
    project: String,
    run: String,
    run_id: String,
    #[serde(skip)]
    is_filtered: bool,
    #[serde(flatten)]
    shown: Shown,
}

/// Outlines of many, or one in full.
#[derive(Serialize)]
#[serde(untagged)]
enum Shown {
    Outlines {
        #[serde(flatten)]
        statistics: Option<Box<Statistics>>,
        #[serde(flatten)]
        page: Page<OutlineItem>,
    },
    Whole(Box<Whole>),
}

impl JsonSchema for Shown {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "shown".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "properties": {
                "traces": {"type": "array", "items": {"type": "object", "properties": {
                    "id": {"type": "string"},
                    "messages": {"type": "array"},
                }}},
                "total": {"type": "integer"},
                "steps": {"type": "array", "items": {"type": "object"}},
                "statistics": {"type": "object"},
                "scores": {"type": "array", "items": {"type": "object"}},
                "left_out": {"type": "string"},
                "next_cursor": {"type": "string"},
            },
            "required": ["traces", "total"],
        })
    }
}

impl Tool for GetTraces {
    const NAME: &'static str = "get_traces";
    const TITLE: &'static str = "Get traces";
    const CATEGORY: Category = Category::Traces;
    const ABOUT: &'static str = "Conversations and agent traces that a run logged: an outline of \
        each, newest first, with counts, errors and scores by step; filter by text or step. \
        `trace`: one in full.";
    const GUIDE: &'static str = "An outline has the roles of the messages, the letters of all \
        contents, the tools that were called, spans by kind, errors, cost, and the metadata with \
        rewards or scores. `trace` takes an id of the list, or the middle part of one. A long \
        trace is cut to the budget and says what was cut: a larger `max_tokens` shows more, \
        `next_cursor` the messages and spans that follow. The search ignores case; `%` and `_` \
        are letters like others.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = Traces;

    fn run(context: &Context, args: Args) -> Result<Answer<Traces>, Failure> {
        let needle = needle(&args)?;
        let selection = Selection { step: args.step, search: needle };
        let target = resolve::target(context, args.project.as_deref(), args.run.as_deref())?;
        let (output, notes) = context.read(&target.project, |snapshot| {
            let resolved = resolve::run(snapshot, &target.run)?;
            let mut notes = resolved.notes(args.run.as_deref());
            let heads = trace::list(snapshot, &resolved.run, &selection)?;
            let shown = match &args.trace {
                Some(wanted) => {
                    let head = find::one(snapshot, &heads, wanted, &resolved)?;
                    Shown::Whole(Box::new(Whole::read(snapshot, context, head)?))
                }
                None => {
                    notes.extend(nothing_note(snapshot, &heads, &selection, &resolved)?);
                    outlines(snapshot, context, heads, &selection, &mut notes)?
                }
            };
            let project = snapshot.project.name.clone();
            let (run, run_id) = (resolved.run.name, resolved.run.id);
            let is_filtered = selection.search.is_some() || selection.step.is_some();
            Ok((Traces { project, run, run_id, is_filtered, shown }, notes))
        })?;
        Ok(Answer::new(output).with_notes(target.notes).with_notes(notes))
    }
}

impl Output for Traces {
    fn headline(&self) -> String {
        let of = text::run_of(&self.run, &self.project);
        match &self.shown {
            Shown::Outlines { page, .. } => match page.total {
                0 if self.is_filtered => format!("No trace of run {of} matches."),
                0 => format!("No traces of run {of}."),
                total => format!("{} of run {of}.", counted(total, "trace")),
            },
            Shown::Whole(whole) => format!("{} of run {of}.", whole.headline()),
        }
    }

    fn shrink(&mut self, share: f64) -> bool {
        match &mut self.shown {
            Shown::Outlines { statistics, page } => {
                let shrank = statistics.as_mut().is_some_and(|own| own.shrink(share));
                page.shrink(share) || shrank
            }
            Shown::Whole(whole) => whole.shrink(share),
        }
    }

    fn longest_string(&self) -> Option<usize> {
        match &self.shown {
            Shown::Outlines { .. } => None,
            // It cuts its texts itself, and counts what it cuts.
            Shown::Whole(_) => Some(MOST_TOKENS * BYTES_A_TOKEN),
        }
    }
}

fn needle(args: &Args) -> Result<Option<Needle>, Failure> {
    if args.trace.is_some() && (args.search.is_some() || args.step.is_some()) {
        return Err(Failure::new(
            "`trace` names one trace; `search` and `step` do not apply to it. Leave them out.",
        ));
    }
    match &args.search {
        Some(text) if text.len() > LONGEST_SEARCH => Err(Failure(format!(
            "The text of `search` has {} bytes; at most {LONGEST_SEARCH} can be looked for.",
            text.len()
        ))),
        text => Ok(text.as_deref().and_then(Needle::new)),
    }
}

/// The outlines of the page; on the first one the statistics of all.
fn outlines(
    snapshot: &Snapshot<'_>,
    context: &Context,
    heads: Vec<Head>,
    selection: &Selection,
    notes: &mut Vec<String>,
) -> TrackioResult<Shown> {
    let mut statistics = None;
    // A trace can be many megabytes: what was read for the statistics is not read again.
    let mut read = Vec::new().into_iter();
    if context.page.offset == 0 && !heads.is_empty() {
        let most = context.page.limit.unwrap_or(DEFAULT_LIMIT);
        let (found, outlines) = Statistics::of(snapshot, &heads, most, notes)?;
        statistics = Some(Box::new(found));
        read = outlines.into_iter();
    }
    let page = Page::of(heads, &context.page, DEFAULT_LIMIT).try_map(|head| {
        let outline = match read.next() {
            Some(outline) => outline,
            None => trace::read(snapshot, &head, Outline::of)?,
        };
        let around = match &selection.search {
            Some(needle) => trace::read(snapshot, &head, |payload| needle.around(&head, payload))?,
            None => None,
        };
        TrackioResult::Ok(OutlineItem::of(head, outline.map(|outline| (outline, around))))
    })?;
    Ok(Shown::Outlines { statistics, page })
}

/// Where there are traces, if this run has none that match.
fn nothing_note(
    snapshot: &Snapshot<'_>,
    heads: &[Head],
    selection: &Selection,
    resolved: &Resolved,
) -> TrackioResult<Option<String>> {
    if !heads.is_empty() {
        return Ok(None);
    }
    let all = match selection.search.is_some() || selection.step.is_some() {
        true => trace::list(snapshot, &resolved.run, &Selection::default())?,
        false => Vec::new(),
    };
    if !all.is_empty() {
        return Ok(Some(format!(
            "The run has {}, {}; none matches.",
            counted(all.len(), "trace"),
            steps_of(&all)
        )));
    }
    let elsewhere = trace::counts(snapshot)?;
    if elsewhere.is_empty() {
        return Ok(Some("This run logged no traces.".to_owned()));
    }
    let named = elsewhere.iter().take(5);
    let named = named.map(|(run, id, count)| format!("{} ({}, {count})", shown(run), shown(id)));
    Ok(Some(format!(
        "This run logged no traces; these runs of the project did: {}.",
        named.collect::<Vec<_>>().join(", ")
    )))
}

/// `at steps 0 to 90`.
fn steps_of(heads: &[Head]) -> String {
    let steps = || heads.iter().filter_map(|head| head.step.map(Step::as_f64));
    match (steps().reduce(f64::min), steps().reduce(f64::max)) {
        (Some(first), Some(last)) if first < last => format!("at steps {first} to {last}"),
        (Some(first), _) => format!("at step {first}"),
        _ => "without steps".to_owned(),
    }
}
