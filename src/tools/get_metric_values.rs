//! `get_metric_values`: one curve.

use std::ops::ControlFlow;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::points::{self, Points};
use super::common::shape::{Format, NonFiniteValues, Point, direction, role, unreadable_note};
use super::common::window::{Window, described};
use super::common::{Answer, Context, Failure, Output, resolve, text};
use super::{Category, Tool};
use crate::analysis::role::classify;
use crate::analysis::series::Series;
use crate::analysis::stats::{self, summarize};
use crate::trackio::metric::{self, Kind, Selection};
use crate::trackio::{Result as TrackioResult, Run, Snapshot, columns, time, value};

pub struct GetMetricValues;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    project: Option<String>,
    /// Name, id, or the start of an id; default: the newest.
    run: Option<String>,
    metric: String,
    step: Option<f64>,
    around_step: Option<f64>,
    at_time: Option<String>,
    /// Half width: steps around_step (10), seconds at_time (60).
    window: Option<f64>,
    from_step: Option<f64>,
    to_step: Option<f64>,
    /// Default 100; 0: every row, paged.
    #[schemars(range(min = 0))]
    max_points: Option<usize>,
    format: Option<Format>,
}

#[derive(Serialize, JsonSchema)]
pub struct Values {
    project: String,
    run: String,
    run_id: String,
    metric: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<Stats>,
    #[serde(skip_serializing_if = "Option::is_none")]
    non_finite: Option<NonFiniteValues>,
    #[serde(flatten)]
    points: Points,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<Coverage>,
}

/// Over every row of the selection.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Stats {
    count: usize,
    non_finite: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<Point>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Point>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Point>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Point>,
    #[serde(skip_serializing_if = "Option::is_none")]
    best: Option<Point>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    std: Option<f64>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Coverage {
    rows: usize,
    shown: usize,
    method: &'static str,
}

impl Tool for GetMetricValues {
    const NAME: &'static str = "get_metric_values";
    const TITLE: &'static str = "Get a metric's values";
    const CATEGORY: Category = Category::Metrics;
    const ABOUT: &'static str = "One metric of one run: statistics over all rows and a sampled \
        curve; or the values at a step, around a step or time, or in a range of steps. For \
        several metrics use get_logs or get_snapshot.";
    const GUIDE: &'static str = "Statistics see every row of the selection; `best` follows the \
        metric's direction. The sample keeps first, last, minimum, maximum and the edges of \
        non-finite stretches. `format: records` gives Trackio's objects, evenly spaced as Trackio \
        thins them; `max_points: 0` gives every row in pages.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = Values;

    fn run(context: &Context, args: Args) -> Result<Answer<Values>, Failure> {
        let target = resolve::target(context, args.project.as_deref(), args.run.as_deref())?;
        let selection = args.window().selection(context)?;
        let (output, notes) = context.read(&target.project, |snapshot| {
            let resolved = resolve::run(snapshot, &target.run)?;
            let mut notes = resolved.notes(args.run.as_deref());
            let found = find(snapshot, &resolved.run, &args.metric, selection)?;
            notes.extend(unreadable_note(found.unreadable));
            if found.points.is_empty() {
                return Err(nothing_found(snapshot, &resolved.run, &args.metric, selection)?.into());
            }
            Ok((values(context, &args, snapshot, &resolved.run, found), notes))
        })?;
        Ok(Answer::new(output).with_notes(target.notes).with_notes(notes))
    }
}

impl Output for Values {
    fn headline(&self) -> String {
        let of = format!("{} of run {} (project {})", self.metric, self.run, self.project);
        let Some(stats) = &self.stats else { return format!("{of}.") };
        let now = stats
            .last
            .map(|last| format!("last {} at step {}", text::short(last.value), last.step));
        let best = stats
            .best
            .map(|best| format!("best {} at step {}", text::short(best.value), best.step));
        let parts: Vec<String> = now.into_iter().chain(best).collect();
        format!(
            "{of}: {}.",
            if parts.is_empty() { "no finite value".to_owned() } else { parts.join(", ") }
        )
    }

    fn shrink(&mut self, share: f64) -> bool {
        let shrinks = self.points.shrink(share);
        self.coverage = coverage(&self.points);
        shrinks
    }
}

impl Args {
    fn window(&self) -> Window {
        Window {
            step: self.step,
            around_step: self.around_step,
            at_time: self.at_time.clone(),
            window: self.window,
            from_step: self.from_step,
            to_step: self.to_step,
        }
    }
}

#[derive(Default)]
struct Found {
    points: Vec<points::Point>,
    series: Series,
    unreadable: usize,
}

/// The rows that hold the metric. A value may be null or no number at all.
fn find(
    snapshot: &Snapshot<'_>,
    run: &Run,
    metric: &str,
    selection: Selection,
) -> TrackioResult<Found> {
    let mut found = Found::default();
    metric::for_each(snapshot, Kind::Metrics, run, selection, |row| {
        let Some(mut metrics) = value::object(row.json) else {
            found.unreadable += 1;
            return ControlFlow::Continue(());
        };
        let Some(value) = metrics.get_mut(metric).map(serde_json::Value::take) else {
            return ControlFlow::Continue(());
        };
        if let Some(number) = value::number(&value) {
            found.series.push(row.step.as_f64(), time::seconds(row.timestamp), number);
        }
        let timestamp = row.timestamp.to_owned();
        found.points.push(points::Point { timestamp, step: row.step, value });
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

fn nothing_found(
    snapshot: &Snapshot<'_>,
    run: &Run,
    metric: &str,
    selection: Selection,
) -> TrackioResult<Failure> {
    let columns = columns::read(snapshot, Kind::Metrics, run)?;
    let Some(column) = columns.metrics.get(metric) else {
        let known: Vec<&str> = columns.metrics.keys().map(String::as_str).collect();
        return Ok(resolve::no_such_metric(metric, run, &known, "get_metrics_for_run"));
    };
    let steps = &column.series.steps;
    let range = steps.iter().fold(None, |range: Option<(f64, f64)>, step| {
        Some(range.map_or((*step, *step), |(a, b)| (a.min(*step), b.max(*step))))
    });
    let range =
        range.map(|(a, b)| format!(" It was logged {} times from step {a} to {b}.", steps.len()));
    Ok(Failure(format!(
        "Metric `{}` has no value {}.{}",
        resolve::shown(metric),
        described(selection),
        range.unwrap_or_default()
    )))
}

fn values(
    context: &Context,
    args: &Args,
    snapshot: &Snapshot<'_>,
    run: &Run,
    found: Found,
) -> Values {
    let summary = summarize(&found.series, classify(&args.metric).direction);
    let stats = (!found.series.is_empty()).then(|| stats_of(&summary));
    let with_times = args.at_time.is_some();
    let format = args.format.unwrap_or_default();
    let points = Points::pick(found.points, format, args.max_points, with_times, &context.page);
    Values {
        project: snapshot.project.name.clone(),
        run: run.name.clone(),
        run_id: run.id.clone(),
        metric: args.metric.clone(),
        role: role(&args.metric),
        direction: direction(&args.metric),
        stats,
        non_finite: NonFiniteValues::of(&summary),
        coverage: coverage(&points),
        points,
    }
}

fn coverage(points: &Points) -> Option<Coverage> {
    let method = points.method()?;
    Some(Coverage { rows: points.total(), shown: points.shown(), method })
}

fn stats_of(stats: &stats::Stats) -> Stats {
    let point = |point: Option<stats::Point>| point.map(Point::from);
    Stats {
        count: stats.count,
        non_finite: stats.non_finite,
        first: point(stats.first),
        last: point(stats.last),
        min: point(stats.min),
        max: point(stats.max),
        best: point(stats.best),
        mean: stats.mean,
        std: stats.std,
    }
}
