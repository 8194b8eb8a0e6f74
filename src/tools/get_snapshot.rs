//! `get_snapshot`: all metrics around one point.

use std::ops::ControlFlow;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::common::points::{DEFAULT_POINTS, Point, record};
use super::common::shape::{counted, importance, unreadable_note};
use super::common::window::{Window, described, nearest_steps};
use super::common::{Answer, Context, Failure, Output, Page, resolve, text};
use super::{Category, Tool};
use crate::trackio::metric::{self, Kind, Selection, Ties};
use crate::trackio::subsample::evenly;
use crate::trackio::{Result as TrackioResult, Run, Snapshot as Database, value};

pub struct GetSnapshot;

const DEFAULT_LIMIT: usize = 100;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    project: Option<String>,
    /// Name, id, or the start of an id; default: the newest.
    run: Option<String>,
    step: Option<f64>,
    around_step: Option<f64>,
    at_time: Option<String>,
    /// Half width: steps around_step (10), seconds at_time (60).
    window: Option<f64>,
    metrics: Option<Vec<String>>,
}

#[derive(Serialize, JsonSchema)]
pub struct Snapshot {
    project: String,
    run: String,
    run_id: String,
    #[serde(serialize_with = "by_metric")]
    #[schemars(with = "Map<String, Value>")]
    snapshot: Page<Metric>,
    total: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Where rows of a metric were left out: rows and shown.
    #[serde(skip_serializing_if = "Map::is_empty")]
    coverage: Map<String, Value>,
    #[serde(skip)]
    place: String,
}

#[derive(Debug)]
struct Metric {
    name: String,
    points: Vec<Point>,
    rows: usize,
}

fn by_metric<S: Serializer>(page: &Page<Metric>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        page.items
            .iter()
            .map(|metric| (&metric.name, metric.points.iter().map(record).collect::<Vec<Value>>())),
    )
}

impl Tool for GetSnapshot {
    const NAME: &'static str = "get_snapshot";
    const TITLE: &'static str = "Snapshot of all metrics";
    const CATEGORY: Category = Category::Metrics;
    const ABOUT: &'static str = "All metrics of a run at a step, around a step, or around a time \
        (\"what happened at step 3000?\"). For one whole curve use get_metric_values.";
    const GUIDE: &'static str = "Pages by metric, main metrics first. Without step or time it \
        covers the whole run, and each metric is thinned to 100 rows.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = Snapshot;

    fn run(context: &Context, args: Args) -> Result<Answer<Snapshot>, Failure> {
        let target = resolve::target(context, args.project.as_deref(), args.run.as_deref())?;
        let window = Window {
            step: args.step,
            around_step: args.around_step,
            at_time: args.at_time.clone(),
            window: args.window,
            ..Window::default()
        };
        let selection = window.selection(context)?;
        let (output, notes) = context.read(&target.project, |database| {
            let resolved = resolve::run(database, &target.run)?;
            let mut notes = resolved.notes(args.run.as_deref());
            let (mut found, unreadable) = find(database, &resolved.run, selection)?;
            notes.extend(unreadable_note(unreadable));
            pick(&mut found, args.metrics.as_deref(), &resolved.run)?;
            if found.is_empty() {
                return Err(nothing_found(database, &resolved.run, selection, unreadable)?.into());
            }
            let page = Page::of(found, &context.page, DEFAULT_LIMIT);
            let project = database.project.name.clone();
            Ok((Snapshot::of(project, resolved.run, page, described(selection)), notes))
        })?;
        Ok(Answer::new(output).with_notes(target.notes).with_notes(notes))
    }
}

impl Snapshot {
    fn of(project: String, run: Run, snapshot: Page<Metric>, place: String) -> Self {
        let (total, next_cursor) = (snapshot.total, snapshot.next_cursor());
        let (run, run_id) = (run.name, run.id);
        let coverage = Map::new();
        let mut made = Self { project, run, run_id, snapshot, total, next_cursor, coverage, place };
        made.describe();
        made
    }

    fn describe(&mut self) {
        self.next_cursor = self.snapshot.next_cursor();
        let cut = self.snapshot.items.iter().filter(|metric| metric.points.len() < metric.rows);
        self.coverage = cut
            .map(|metric| {
                let rows = serde_json::json!({"rows": metric.rows, "shown": metric.points.len()});
                (metric.name.clone(), rows)
            })
            .collect();
    }
}

impl Output for Snapshot {
    fn headline(&self) -> String {
        let metrics = counted(self.total, "metric");
        format!("{metrics} of run {} {}.", text::run_of(&self.run, &self.project), self.place)
    }

    fn shrink(&mut self, share: f64) -> bool {
        let mut shrinks = self.snapshot.shrink(share);
        if !shrinks && let Some(only) = self.snapshot.items.first_mut() {
            let most = ((only.points.len() as f64 * share) as usize).max(1);
            shrinks = only.points.len() > 1;
            thin(&mut only.points, most);
        }
        self.describe();
        shrinks
    }
}

/// Every metric of the selection, main metrics first, each thinned to what can be shown.
fn find(
    database: &Database<'_>,
    run: &Run,
    selection: Selection,
) -> TrackioResult<(Vec<Metric>, usize)> {
    let mut found: Map<String, Value> = Map::new();
    let mut metrics: Vec<Metric> = Vec::new();
    let mut unreadable = 0;
    metric::for_each(database, Kind::Metrics, run, selection, Ties::Index, |row| {
        let Some(values) = value::object(row.json) else {
            unreadable += 1;
            return ControlFlow::Continue(());
        };
        for (name, value) in values {
            let next = metrics.len();
            let index = found.entry(name.clone()).or_insert(next.into());
            let index = index.as_u64().unwrap_or_default() as usize;
            if index == next {
                metrics.push(Metric { name, points: Vec::new(), rows: 0 });
            }
            let timestamp = row.timestamp.to_owned();
            if let Some(metric) = metrics.get_mut(index) {
                metric.points.push(Point { timestamp, step: row.step, value });
            }
        }
        ControlFlow::Continue(())
    })?;
    for metric in &mut metrics {
        metric.rows = metric.points.len();
        thin(&mut metric.points, DEFAULT_POINTS);
    }
    metrics.sort_by(|a, b| importance(&a.name).cmp(&importance(&b.name)));
    Ok((metrics, unreadable))
}

fn thin(points: &mut Vec<Point>, most: usize) {
    let kept = evenly(points.len(), most);
    let mut index = 0;
    points.retain(|_| {
        index += 1;
        kept.binary_search(&(index - 1)).is_ok()
    });
}

fn pick(found: &mut Vec<Metric>, wanted: Option<&[String]>, run: &Run) -> Result<(), Failure> {
    let Some(wanted) = wanted else { return Ok(()) };
    if found.is_empty() {
        return Ok(());
    }
    for name in wanted {
        if !found.iter().any(|metric| metric.name == *name) {
            let known: Vec<&str> = found.iter().map(|metric| metric.name.as_str()).collect();
            return Err(resolve::no_such_metric(name, run, &known, "This selection holds"));
        }
    }
    found.retain(|metric| wanted.contains(&metric.name));
    Ok(())
}

fn nothing_found(
    database: &Database<'_>,
    run: &Run,
    selection: Selection,
    unreadable: usize,
) -> TrackioResult<Failure> {
    let mut steps = Vec::new();
    metric::for_each(database, Kind::Metrics, run, Selection::All, Ties::Index, |row| {
        steps.push(row.step.as_f64());
        ControlFlow::Continue(())
    })?;
    let first = steps.iter().copied().min_by(f64::total_cmp);
    let last = steps.iter().copied().max_by(f64::total_cmp);
    let range = match first.zip(last) {
        Some((first, last)) => format!(" Its rows go from step {first} to {last}."),
        None => " It logged no metrics at all.".to_owned(),
    };
    Ok(Failure(format!(
        "Run `{}` has no {}row {}.{range}{}{}",
        resolve::shown(&run.name),
        if unreadable > 0 { "readable " } else { "" },
        described(selection),
        nearest_steps(selection, steps.iter().copied()),
        unreadable_note(unreadable).map(|note| format!(" {note}")).unwrap_or_default()
    )))
}
