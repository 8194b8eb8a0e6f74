//! `get_snapshot`: all metrics around one point.

use std::collections::{BTreeSet, HashMap};
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
use crate::trackio::metric::{self, Kind, Row, Selection, Ties};
use crate::trackio::outline::Outline;
use crate::trackio::subsample::evenly;
use crate::trackio::{Result as TrackioResult, Run, Snapshot as Database};

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
            let run = &resolved.run;
            let outline = Outline::of(database, Kind::Metrics, run, selection, Ties::Index)?;
            notes.extend(unreadable_note(outline.unreadable));
            if outline.keys.is_empty() {
                return Err(nothing_found(database, run, selection, outline.unreadable)?.into());
            }
            let names = names(&outline, args.metrics.as_deref(), run)?;
            let page = Page::of(names, &context.page, DEFAULT_LIMIT);
            let page = with_points(database, run, &outline, page)?;
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

/// The metrics of the selection that are wanted, main metrics first.
fn names(outline: &Outline, wanted: Option<&[String]>, run: &Run) -> Result<Vec<String>, Failure> {
    let mut names = outline.keys.clone();
    names.sort_by(|a, b| importance(a).cmp(&importance(b)));
    let mut wanted_names = wanted.into_iter().flatten();
    if let Some(name) = wanted_names.find(|name| !names.contains(name)) {
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        return Err(resolve::no_such_metric(name, run, &known, "This selection holds"));
    }
    names.retain(|name| wanted.is_none_or(|wanted| wanted.contains(name)));
    Ok(names)
}

/// The metrics of a page, each thinned to what can be shown.
fn with_points(
    database: &Database<'_>,
    run: &Run,
    outline: &Outline,
    page: Page<String>,
) -> TrackioResult<Page<Metric>> {
    let mut ids_of: Vec<Vec<i64>> = Vec::new();
    let mut page = page.try_map(|name| {
        let place = outline.place(&name);
        let rows = outline.rows_where(|shape| shape.iter().any(|(key, _)| Some(*key) == place));
        let shown = evenly(rows.len(), DEFAULT_POINTS);
        ids_of.push(shown.iter().filter_map(|index| outline.id(*rows.get(*index)?)).collect());
        TrackioResult::Ok(Metric { name, points: Vec::new(), rows: rows.len() })
    })?;
    // Metrics that are logged together share their rows.
    let ids: BTreeSet<i64> = ids_of.iter().flatten().copied().collect();
    let ids: Vec<i64> = ids.into_iter().collect();
    let rows = metric::rows_with(database, Kind::Metrics, run, &ids)?;
    let rows: HashMap<i64, Row> = rows.into_iter().map(|row| (row.id, row)).collect();
    for (metric, ids) in page.items.iter_mut().zip(ids_of) {
        let point = |id| {
            let Row { timestamp, step, metrics, .. } = rows.get(&id)?;
            let value = metrics.get(&metric.name)?.clone();
            Some(Point { timestamp: timestamp.clone(), step: *step, value })
        };
        metric.points = ids.into_iter().filter_map(point).collect();
    }
    Ok(page)
}

fn thin(points: &mut Vec<Point>, most: usize) {
    let kept = evenly(points.len(), most);
    let mut index = 0;
    points.retain(|_| {
        index += 1;
        kept.binary_search(&(index - 1)).is_ok()
    });
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
