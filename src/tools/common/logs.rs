//! Rows of several metrics side by side, of the training or of the machine.

mod choose;

use std::borrow::Cow;

use rmcp::schemars::{self, JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::address::{self, Address};
use super::answer::{Answer, Failure, Output, Page, PageRequest};
use super::context::Context;
use super::metric_list::rows_elsewhere;
use super::shape::{Format, counted, unreadable_note};
use super::{resolve, text};
use crate::analysis::sample::sample;
use crate::analysis::series::Series;
use crate::trackio::metric::{self, Kind, Row, Selection, StepsByTime, Ties};
use crate::trackio::outline::Outline;
use crate::trackio::subsample::evenly;
use crate::trackio::{Result as TrackioResult, Run, Snapshot, value};
use choose::Choice;

/// So many metrics are led to that stand whole elsewhere.
const LINKED: usize = 3;

/// What was asked of the rows.
pub struct Question<'a> {
    /// Whose rows.
    pub kind: Kind,
    /// The metrics that are wanted; `None`: all.
    pub metrics: Option<&'a [String]>,
    /// Finite numbers and histograms alone.
    pub scalar_only: bool,
    /// 0: every row, paged.
    pub max_points: Option<usize>,
    /// How rows are given.
    pub format: Format,
    /// Whether rows of the machine tell the step that the training had reached.
    pub with_steps: bool,
}

/// Rows on their way into an answer.
#[derive(Debug)]
pub struct Logs {
    kind: Kind,
    /// The training's steps beside rows of the machine.
    steps: Option<StepsByTime>,
    format: Format,
    /// The metrics of the table; with `records` they stand in each row.
    columns: Page<String>,
    rows: Page<Row>,
    is_paged_by_row: bool,
    is_paged_by_metric: bool,
}

impl Logs {
    /// Picks from the run's rows what is shown, and reads that.
    fn pick(
        snapshot: &Snapshot<'_>,
        run: &Run,
        outline: &Outline,
        question: &Question<'_>,
        request: &PageRequest,
    ) -> TrackioResult<Self> {
        let Choice { columns, rows } = choose::choose(snapshot, run, outline, question, request)?;
        let ids: Vec<i64> = rows.items.iter().filter_map(|row| outline.id(*row)).collect();
        let mut found = metric::rows_with(snapshot, question.kind, run, &ids)?;
        for row in &mut found {
            row.metrics.retain(|name, value| {
                question.metrics.is_none_or(|wanted| wanted.contains(name))
                    && (!question.scalar_only || value::is_scalar(value))
            });
        }
        let is_paged_by_row = question.format == Format::Records || question.is_every_row();
        Ok(Self {
            kind: question.kind,
            steps: None,
            format: question.format,
            columns,
            rows: Page::picked(found, rows.total, request),
            is_paged_by_row,
            is_paged_by_metric: !is_paged_by_row,
        })
    }

    /// How many rows there are, and how many are shown; `None` where all are or will be.
    pub fn coverage(&self) -> Option<(usize, usize)> {
        let (total, shown) = (self.rows.total, self.rows.items.len());
        (!self.is_paged_by_row && shown < total).then_some((total, shown))
    }

    /// Whether rows are not here, be it that they follow in pages.
    fn is_cut(&self) -> bool {
        self.coverage().is_some() || (self.is_paged_by_row && self.rows.next_cursor().is_some())
    }

    /// What the pages are made of, and `total` counts.
    fn unit(&self) -> &'static str {
        if self.is_paged_by_metric { "metrics" } else { "rows" }
    }

    /// `20 of 500 rows, 6 of 12 metrics`: what is shown of what there is.
    fn extent(&self) -> String {
        let part = |shown: usize, total: usize, noun| match shown == total {
            true => counted(total, noun),
            false => format!("{shown} of {}", counted(total, noun)),
        };
        let rows = part(self.rows.items.len(), self.rows.total, "row");
        match self.format {
            Format::Records => rows,
            Format::Columns => {
                let (shown, total) = (self.columns.items.len(), self.columns.total);
                format!("{rows}, {}", part(shown, total, "metric"))
            }
        }
    }

    /// Leaves rows out, then metrics.
    pub fn shrink(&mut self, share: f64) -> bool {
        if self.is_paged_by_row {
            return self.rows.shrink(share);
        }
        let most = (self.rows.items.len() as f64 * share) as usize;
        if most >= 10 {
            let items = std::mem::take(&mut self.rows.items);
            let mut kept = sampled(&items, &self.columns.items, most);
            if kept.len() == items.len() {
                kept = evenly(items.len(), most);
            }
            self.rows.items = take(items, &kept);
            return true;
        }
        self.columns.shrink(share.max(0.5)) || {
            let before = self.rows.items.len();
            let kept = evenly(before, most.max(1));
            let items = std::mem::take(&mut self.rows.items);
            self.rows.items = take(items, &kept);
            self.rows.items.len() < before
        }
    }

    fn cells(&self, row: &Row) -> Vec<Value> {
        let place = match self.kind {
            Kind::Metrics => json!(row.step),
            Kind::System => row.timestamp.clone().into(),
        };
        let step = self.steps.as_ref().map(|steps| json!(steps.at(&row.timestamp)));
        let cell = |name: &String| row.metrics.get(name).cloned().unwrap_or(Value::Null);
        step.into_iter().chain([place]).chain(self.columns.items.iter().map(cell)).collect()
    }

    fn record(&self, row: &Row) -> Value {
        let mut record = row.metrics.clone();
        record.insert("timestamp".into(), row.timestamp.clone().into());
        if self.kind == Kind::Metrics {
            record.insert("step".into(), json!(row.step));
        }
        if let Some(steps) = &self.steps {
            record.insert("step".into(), json!(steps.at(&row.timestamp)));
        }
        record.into()
    }
}

fn has(row: &Row, name: &str) -> bool {
    row.metrics.get(name).is_some_and(|value| !value.is_null())
}

/// The rows that together keep every metric's shape: each is sampled by itself, because metrics
/// are often logged in rows of their own.
fn sampled(rows: &[Row], names: &[String], most: usize) -> Vec<usize> {
    if rows.len() <= most || names.is_empty() {
        return (0..rows.len()).collect();
    }
    let share = (most / names.len()).max(2);
    let mut kept = std::collections::BTreeSet::new();
    for name in names {
        let mut series = Series::default();
        let mut indices = Vec::new();
        for (index, row) in rows.iter().enumerate().filter(|(_, row)| has(row, name)) {
            let number = row.metrics.get(name).and_then(value::number).unwrap_or(f64::NAN);
            series.push(row.step.as_f64(), f64::NAN, number);
            indices.push(index);
        }
        let picked = match series.values.iter().any(|value| value.is_finite()) {
            true => sample(&series.steps, &series.values, share),
            false => evenly(series.len(), share),
        };
        kept.extend(picked.into_iter().filter_map(|index| indices.get(index).copied()));
    }
    kept.into_iter().collect()
}

fn take(rows: Vec<Row>, kept: &[usize]) -> Vec<Row> {
    let mut rows: Vec<Option<Row>> = rows.into_iter().map(Some).collect();
    kept.iter().filter_map(|index| rows.get_mut(*index)?.take()).collect()
}

impl Serialize for Logs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let total = match self.format {
            Format::Records => {
                let logs: Vec<Value> = self.rows.items.iter().map(|row| self.record(row)).collect();
                map.serialize_entry("logs", &logs)?;
                self.rows.total
            }
            Format::Columns => {
                let place = if self.kind == Kind::Metrics { "step" } else { "timestamp" };
                let mut columns = Vec::new();
                columns.extend(self.steps.as_ref().map(|_| "step".to_owned()));
                columns.push(place.to_owned());
                columns.extend(self.columns.items.iter().cloned());
                map.serialize_entry("columns", &columns)?;
                let rows: Vec<Vec<Value>> =
                    self.rows.items.iter().map(|row| self.cells(row)).collect();
                map.serialize_entry("rows", &rows)?;
                if self.is_paged_by_metric { self.columns.total } else { self.rows.total }
            }
        };
        map.serialize_entry("total", &total)?;
        map.serialize_entry("total_of", self.unit())?;
        let next = match self.is_paged_by_metric {
            true => self.columns.next_cursor(),
            false => self.rows.next_cursor(),
        };
        if let Some(cursor) = next {
            map.serialize_entry("next_cursor", &cursor)?;
        }
        map.end()
    }
}

impl JsonSchema for Logs {
    fn schema_name() -> Cow<'static, str> {
        "logs".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "columns": {"type": "array", "items": {"type": "string"}},
                "rows": {"type": "array", "items": {"type": "array"}},
                "logs": {"type": "array", "items": {"type": "object"}},
                "total": {"type": "integer"},
                "total_of": {"type": "string", "enum": ["rows", "metrics"]},
                "next_cursor": {"type": "string"},
            },
            "required": ["total"],
        })
    }
}

/// What was left out, for `coverage`.
fn coverage_of(logs: &Logs) -> Option<Map<String, Value>> {
    let (rows, shown) = logs.coverage()?;
    let mut coverage = Map::new();
    coverage.insert("rows".into(), rows.into());
    coverage.insert("shown".into(), shown.into());
    coverage.insert("method".into(), "each metric sampled, extremes kept".into());
    Some(coverage)
}

/// The rows of one run, as `get_logs` and `get_system_logs` answer.
#[derive(Serialize, JsonSchema)]
pub struct LogsAnswer {
    project: String,
    run: String,
    run_id: String,
    #[serde(flatten)]
    logs: Logs,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<std::collections::BTreeMap<String, Value>>")]
    coverage: Option<Map<String, Value>>,
    /// What means the run and no other.
    #[serde(skip)]
    handle: String,
}

/// Answers a question about the rows of one run.
pub fn of_run(
    context: &Context,
    project_name: Option<&str>,
    run_name: Option<&str>,
    question: &Question<'_>,
) -> Result<Answer<LogsAnswer>, Failure> {
    let target = resolve::target(context, project_name, run_name)?;
    let (output, notes) = context.read(&target.project, |snapshot| {
        let resolved = resolve::run(snapshot, &target.run)?;
        let mut notes = resolved.notes(run_name);
        let (kind, run) = (question.kind, &resolved.run);
        let outline = Outline::of(snapshot, kind, run, Selection::All, Ties::Id)?;
        notes.extend(unreadable_note(outline.unreadable));
        match (kind, outline.is_empty()) {
            (Kind::System, true) => {
                notes.extend(rows_elsewhere(snapshot, Kind::System, &resolved)?)
            }
            (kind, is_empty) => {
                if kind == Kind::Metrics && is_empty {
                    notes.push("This run logged no metrics.".to_owned());
                }
                check_metrics(&outline, question.metrics, run)?;
            }
        }
        let mut logs = Logs::pick(snapshot, run, &outline, question, &context.page)?;
        if question.with_steps {
            logs.steps = Some(StepsByTime::of(snapshot, &resolved.run)?);
        }
        let project = snapshot.project.name.clone();
        let resolve::Resolved { run: Run { name: run, id: run_id, .. }, handle, .. } = resolved;
        let coverage = coverage_of(&logs);
        Ok((LogsAnswer { project, run, run_id, coverage, logs, handle }, notes))
    })?;
    Ok(Answer::new(output).with_notes(target.notes).with_notes(notes))
}

impl Output for LogsAnswer {
    fn headline(&self) -> String {
        let what = match self.logs.kind {
            Kind::Metrics => "",
            Kind::System => " of the machine",
        };
        let of = text::run_of(&self.run, &self.project);
        format!("{}{what} of run {of}.", self.logs.extent())
    }

    fn whole(&self) -> Vec<Address> {
        let address = |metric: &String| {
            Address::Values(address::Values {
                project: self.project.clone(),
                run: self.handle.clone(),
                kind: self.logs.kind,
                metric: metric.clone(),
                from_row: 1,
            })
        };
        let metrics = if self.logs.is_cut() { self.logs.columns.items.as_slice() } else { &[] };
        metrics.iter().take(LINKED).map(address).collect()
    }

    fn shrink(&mut self, share: f64) -> bool {
        let shrinks = self.logs.shrink(share);
        self.coverage = coverage_of(&self.logs);
        shrinks
    }
}

/// An error for the first metric that no row holds.
fn check_metrics(outline: &Outline, wanted: Option<&[String]>, run: &Run) -> Result<(), Failure> {
    for name in wanted.into_iter().flatten() {
        if !outline.keys.contains(name) {
            let mut known: Vec<&str> = outline.keys.iter().map(String::as_str).collect();
            known.sort_unstable();
            return Err(resolve::no_such_metric(name, run, &known, "get_metrics_for_run"));
        }
    }
    Ok(())
}
