//! The metrics of a run as a list, of the training or of the machine.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use super::shape::{counted, direction, matches, role, unreadable_note};
use super::{Context, Failure, Item, Page, resolve};
use crate::trackio::columns::{self, Column, Wanted};
use crate::trackio::metric::Kind;
use crate::trackio::value::Step;
use crate::trackio::{Result as TrackioResult, Run, Snapshot, run, value};

const DEFAULT_LIMIT: usize = 100;

/// One metric.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct MetricItem {
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

/// The list and what it is about.
pub struct MetricList {
    /// The project.
    pub project: String,
    /// The run.
    pub run: Run,
    /// The metrics, by name.
    pub page: Page<MetricItem>,
    /// What to say about it.
    pub notes: Vec<String>,
}

/// Lists the metrics of one run.
pub fn of_run(
    context: &Context,
    kind: Kind,
    project_name: Option<&str>,
    run_name: Option<&str>,
    pattern: Option<&str>,
) -> Result<MetricList, Failure> {
    let target = resolve::target(context, project_name, run_name)?;
    let (mut list, notes) = context.read(&target.project, |snapshot| {
        let resolved = resolve::run(snapshot, &target.run)?;
        let mut notes = resolved.notes(run_name);
        let columns = columns::of_run(snapshot, kind, &resolved.run, &Wanted::statistics())?;
        notes.extend(unreadable_note(columns.unreadable));
        if columns.rows == 0 {
            notes.extend(rows_elsewhere(snapshot, kind, &resolved)?);
        }
        let mut names: Vec<&String> = columns.metrics.keys().collect();
        names.retain(|name| pattern.is_none_or(|pattern| matches(pattern, name)));
        let has_steps = kind == Kind::Metrics;
        let page = Page::of(names, &context.page, DEFAULT_LIMIT).try_map(|name| {
            let column = columns.metrics.get(name.as_str());
            TrackioResult::Ok(item(name, column, has_steps))
        })?;
        let project = snapshot.project.name.clone();
        Ok((MetricList { project, run: resolved.run, page, notes: Vec::new() }, notes))
    })?;
    list.notes = target.notes.into_iter().chain(notes).collect();
    Ok(list)
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
pub fn names(page: &Page<MetricItem>) -> Vec<String> {
    page.items.iter().map(|item| item.name.clone()).collect()
}

/// `12 metrics of run a (project p).`
pub fn headline(total: usize, noun: &str, run: &str, project: &str) -> String {
    format!("{} of run {run} (project {project}).", counted(total, noun))
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
