//! The metrics of a run as a list, of the training or of the machine.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::nearest::check_pattern;
use super::shape::{counted, direction, matches, role, unreadable_note};
use super::{Answer, Context, Failure, Item, Output, Page, resolve, text};
use crate::trackio::columns::{self, Column, Wanted};
use crate::trackio::metric::Kind;
use crate::trackio::value::Step;
use crate::trackio::{Result as TrackioResult, Run, Snapshot, run, value};

const DEFAULT_LIMIT: usize = 100;

/// One metric.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct MetricItem {
    name: String,
    kind: String,
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    non_finite: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    first_step: Option<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    last_step: Option<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
}

impl Item for MetricItem {
    const LIST: &'static str = "details";
}

/// What both tools take.
#[derive(Deserialize, JsonSchema)]
pub struct Args {
    project: Option<String>,
    /// Name, id, or the start of an id; default: the newest.
    run: Option<String>,
    /// Part of the name, or a glob.
    pattern: Option<String>,
}

/// The metrics of one run, as `get_metrics_for_run` and `get_system_metrics_for_run` answer.
#[derive(Serialize, JsonSchema)]
pub struct MetricList {
    project: String,
    run: String,
    run_id: String,
    metrics: Vec<String>,
    #[serde(flatten)]
    details: Page<MetricItem>,
    #[serde(skip)]
    kind: Kind,
}

/// Lists the metrics of one run.
pub fn of_run(context: &Context, kind: Kind, args: &Args) -> Result<Answer<MetricList>, Failure> {
    let target = resolve::target(context, args.project.as_deref(), args.run.as_deref())?;
    let (output, notes) = context.read(&target.project, |snapshot| {
        let resolved = resolve::run(snapshot, &target.run)?;
        let mut notes = resolved.notes(args.run.as_deref());
        let columns = columns::of_run(snapshot, kind, &resolved.run, &Wanted::statistics())?;
        notes.extend(unreadable_note(columns.unreadable));
        if columns.rows == 0 {
            notes.extend(rows_elsewhere(snapshot, kind, &resolved)?);
        }
        let mut names: Vec<&String> = columns.metrics.keys().collect();
        if let Some(pattern) = &args.pattern {
            check_pattern(noun(kind), pattern, names.iter().map(|name| name.as_str()))?;
            names.retain(|name| matches(pattern, name));
        }
        let has_steps = kind == Kind::Metrics;
        let details = Page::of(names, &context.page, DEFAULT_LIMIT).try_map(|name| {
            let column = columns.metrics.get(name.as_str());
            TrackioResult::Ok(item(name, column, has_steps))
        })?;
        let project = snapshot.project.name.clone();
        let Run { name: run, id: run_id, .. } = resolved.run;
        let metrics = names_of(&details);
        Ok((MetricList { project, run, run_id, metrics, details, kind }, notes))
    })?;
    Ok(Answer::new(output).with_notes(target.notes).with_notes(notes))
}

impl Output for MetricList {
    fn headline(&self) -> String {
        let metrics = counted(self.details.total, noun(self.kind));
        format!("{metrics} of run {}.", text::run_of(&self.run, &self.project))
    }

    fn shrink(&mut self, share: f64) -> bool {
        let shrinks = self.details.shrink(share);
        self.metrics = names_of(&self.details);
        shrinks
    }
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Metrics => "metric",
        Kind::System => "system metric",
    }
}

/// Which other run of the same name has the rows that this one lacks.
pub fn rows_elsewhere(
    snapshot: &Snapshot<'_>,
    kind: Kind,
    resolved: &resolve::Resolved,
) -> TrackioResult<Option<String>> {
    let what = match kind {
        Kind::Metrics => "metrics",
        Kind::System => "system metrics",
    };
    for other in &resolved.same_named {
        if run::count_rows(snapshot, kind.table(), other)? > 0 {
            return Ok(Some(format!(
                "This run has no {what}; run {} of the same name has.",
                other.id
            )));
        }
    }
    Ok(Some(format!("This run has no {what}.")))
}

/// The names on a page.
fn names_of(page: &Page<MetricItem>) -> Vec<String> {
    page.items.iter().map(|item| item.name.clone()).collect()
}

fn item(name: &str, column: Option<&Column>, has_steps: bool) -> MetricItem {
    let empty = Column::default();
    let column = column.unwrap_or(&empty);
    let stats = column.stats(None);
    let is_number = column.count() > 0;
    let steps = column.steps.filter(|_| has_steps);
    MetricItem {
        name: name.to_owned(),
        kind: if column.kind.is_empty() { "null".to_owned() } else { column.kind.to_string() },
        count: column.count() + column.others,
        non_finite: (stats.non_finite > 0).then_some(stats.non_finite),
        first_step: steps.map(|(first, _)| Step::from_f64(first)),
        last_step: steps.map(|(_, last)| Step::from_f64(last)),
        last: stats.last.map(|last| value::json(last.value)),
        direction: direction(name).filter(|_| is_number),
        role: role(name).filter(|_| is_number),
    }
}
