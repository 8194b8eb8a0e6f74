//! `get_metric_values`: one curve.

use std::borrow::Cow;
use std::ops::ControlFlow;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::address::{self, Address};
use super::common::points::{self, Candidate, Points};
use super::common::resolve::Resolved;
use super::common::shape::{Format, NonFiniteValues, Point, direction, role, unreadable_note};
use super::common::window::{Window, described, nearest_steps};
use super::common::{Answer, Context, Failure, Output, resolve, text};
use super::{Category, Tool};
use crate::analysis::role::{Direction, classify};
use crate::analysis::sample::{self, Outline};
use crate::analysis::series::Series;
use crate::analysis::shape::shape;
use crate::analysis::stats;
use crate::trackio::columns::{self, View, Wanted};
use crate::trackio::metric::{self, Kind, Row, Selection, Ties};
use crate::trackio::{Result as TrackioResult, Run, Snapshot, value};

pub struct GetMetricValues;

/// Fewer points are their own shape.
const SHORTEST_SHAPE: usize = 5;
/// Longer curves are sampled for their shape.
const LONGEST_SHAPE: usize = 500;

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
    /// The curve in words, with its anchor points.
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<String>,
    #[serde(flatten)]
    points: Points,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<Coverage>,
    #[serde(skip)]
    selection: Selection,
    #[serde(skip)]
    whole: Address,
}

/// Over every row of the selection.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Stats {
    count: usize,
    non_finite: usize,
    /// What all below speaks of; only where it is not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    finite: Option<usize>,
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
            let question = Question { args: &args, snapshot, resolved: &resolved, selection };
            let (values, unreadable) = match question.by_columns(context)? {
                Some(answer) => answer,
                None => question.by_rows(context)?,
            };
            notes.extend(unreadable_note(unreadable));
            Ok((values, notes))
        })?;
        Ok(Answer::new(output).with_notes(target.notes).with_notes(notes))
    }
}

impl Output for Values {
    fn headline(&self) -> String {
        let metric = text::brief_name(&self.metric);
        let of = format!("{metric} of run {}", text::run_of(&self.run, &self.project));
        let of = match self.selection {
            Selection::All => of,
            part => format!("{of}, {} alone", described(part)),
        };
        let Some(stats) = &self.stats else { return format!("{of}.") };
        let word = if stats.non_finite > 0 { "last finite" } else { "last" };
        let now = stats
            .last
            .map(|last| format!("{word} {} at step {}", text::short(last.value), last.step));
        let best = stats
            .best
            .map(|best| format!("best {} at step {}", text::short(best.value), best.step));
        let parts: Vec<String> = now.into_iter().chain(best).collect();
        match (parts.is_empty(), &self.non_finite) {
            (true, Some(values)) => format!("{of}: no finite value, only {}.", values.kinds()),
            _ => format!("{of}: {}.", parts.join(", ")),
        }
    }

    fn whole(&self) -> Vec<Address> {
        if self.points.is_cut() { vec![self.whole.clone()] } else { Vec::new() }
    }

    fn shrink(&mut self, share: f64) -> bool {
        let shrinks = self.points.shrink(share);
        let rows = self.stats.as_ref().map_or(0, |stats| stats.count);
        self.coverage = coverage(&self.points, rows);
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

/// One question about one metric.
struct Question<'a> {
    args: &'a Args,
    snapshot: &'a Snapshot<'a>,
    resolved: &'a Resolved,
    selection: Selection,
}

impl Question<'_> {
    fn run(&self) -> &Run {
        &self.resolved.run
    }

    /// Numbers in columns come from the cache; `None` where the rows themselves are needed.
    fn by_columns(&self, context: &Context) -> TrackioResult<Option<(Values, usize)>> {
        let metric = &self.args.metric;
        if self.args.format == Some(Format::Records) || self.args.at_time.is_some() {
            return Ok(None);
        }
        let wanted = Wanted::values_of_one(metric);
        let columns = columns::of_run(self.snapshot, Kind::Metrics, self.run(), &wanted)?;
        let Some(view) = columns.view(metric) else { return Ok(None) };
        let direction = classify(metric).direction;
        let curve = match self.selection {
            Selection::Steps(from, to) => Curve::within(&view, from, to, direction),
            Selection::All | Selection::Times(..) => {
                let stats = columns.metrics.get(metric).map(|column| column.stats(direction));
                Curve::whole(view, stats.unwrap_or_default())
            }
        };
        // A single step is asked for what stands there, NaN or not.
        let finite = curve.stats.count - curve.stats.non_finite;
        if curve.values.is_empty() || (self.args.step.is_some() && finite == 0) {
            return Ok(None);
        }
        let points = Points::pick_numbers(
            &curve.steps,
            &curve.values,
            finite,
            |most| curve.sample(most),
            self.args.max_points,
            &context.page,
        );
        let values = Values { shape: curve.shape(metric), ..self.values(&curve.stats, points) };
        Ok(Some((values, columns.unreadable)))
    }

    /// The rows that hold the metric. A value may be null or no number at all.
    fn by_rows(&self, context: &Context) -> TrackioResult<(Values, usize)> {
        let metric = &self.args.metric;
        let (mut found, mut unreadable) = (Vec::new(), 0);
        let (mut steps, mut numbers) = (Vec::new(), Vec::new());
        let (snapshot, run) = (self.snapshot, self.run());
        let kind = Kind::Metrics;
        metric::for_each(snapshot, kind, run, self.selection, Ties::Index, |row| {
            let Some(metrics) = value::object(row.json) else {
                unreadable += 1;
                return ControlFlow::Continue(());
            };
            if let Some(value) = metrics.get(metric) {
                let number = value::number(value);
                if let Some(number) = number {
                    steps.push(row.step.as_f64());
                    numbers.push(number);
                }
                let (id, step) = (row.id, row.step.as_f64());
                let number = number.unwrap_or(f64::NAN);
                found.push(Candidate { id, step, number, is_null: value.is_null() });
            }
            ControlFlow::Continue(())
        })?;
        if found.is_empty() {
            return Err(self.nothing_found()?.into());
        }
        let stats = stats::summarize(&steps, &numbers, classify(metric).direction);
        let format = self.args.format.unwrap_or_default();
        let with_times = self.args.at_time.is_some();
        let read = |ids: &[i64]| {
            let rows = metric::rows_with(snapshot, kind, run, ids)?.into_iter();
            let point = |mut row: Row| {
                let value = row.metrics.get_mut(metric)?.take();
                Some(points::Point { timestamp: row.timestamp, step: row.step, value })
            };
            TrackioResult::Ok(rows.filter_map(point).collect())
        };
        let most = self.args.max_points;
        let points = Points::pick(found, format, most, with_times, &context.page, read)?;
        Ok((self.values(&stats, points), unreadable))
    }

    fn values(&self, stats: &stats::Stats, points: Points) -> Values {
        Values {
            project: self.snapshot.project.name.clone(),
            run: self.run().name.clone(),
            run_id: self.run().id.clone(),
            metric: self.args.metric.clone(),
            role: role(&self.args.metric),
            direction: direction(&self.args.metric),
            stats: (stats.count > 0).then(|| stats_of(stats)),
            non_finite: NonFiniteValues::of(stats),
            shape: None,
            coverage: coverage(&points, stats.count),
            points,
            selection: self.selection,
            whole: Address::Values(address::Values {
                project: self.snapshot.project.name.clone(),
                run: self.resolved.handle.clone(),
                kind: Kind::Metrics,
                metric: self.args.metric.clone(),
                from_row: 1,
            }),
        }
    }

    fn nothing_found(&self) -> TrackioResult<Failure> {
        let metric = &self.args.metric;
        // The names of all, so that the nearest can be told.
        let wanted = Wanted { every_metric: true, ..Wanted::values_of_one(metric) };
        let columns = columns::of_run(self.snapshot, Kind::Metrics, self.run(), &wanted)?;
        let Some(column) = columns.metrics.get(metric) else {
            let known: Vec<&str> = columns.metrics.keys().map(String::as_str).collect();
            return Ok(resolve::no_such_metric(metric, self.run(), &known, "get_metrics_for_run"));
        };
        let range = column.steps.map(|(first, last)| {
            format!(" It was logged {} times from step {first} to {last}.", column.count())
        });
        let view = columns.view(metric);
        let steps = view.iter().flat_map(|view| view.steps.iter().copied());
        Ok(Failure(format!(
            "Metric `{}` has no value {}.{}{}",
            resolve::shown(metric),
            described(self.selection),
            range.unwrap_or_default(),
            nearest_steps(self.selection, steps)
        )))
    }
}

/// The numbers of a selection, from the cache.
struct Curve<'a> {
    steps: Cow<'a, [f64]>,
    times: Cow<'a, [f64]>,
    values: Cow<'a, [f64]>,
    outline: Cow<'a, Outline>,
    stats: stats::Stats,
}

impl<'a> Curve<'a> {
    fn whole(view: View<'a>, stats: stats::Stats) -> Self {
        let View { steps, times, values, outline } = view;
        let (values, outline) = (Cow::Borrowed(values), Cow::Borrowed(outline));
        Self { steps, times, values, outline, stats }
    }

    fn within(view: &View<'_>, from: f64, to: f64, direction: Option<Direction>) -> Self {
        let (mut series, mut outline) = (Series::default(), Outline::default());
        for ((step, time), value) in view.steps.iter().zip(view.times.iter()).zip(view.values) {
            if (from..=to).contains(step) {
                series.push(*step, *time, *value);
                outline.push(*step, *value);
            }
        }
        let stats = stats::summarize(&series.steps, &series.values, direction);
        let Series { steps, times, values } = series;
        Self {
            steps: steps.into(),
            times: times.into(),
            values: values.into(),
            outline: Cow::Owned(outline),
            stats,
        }
    }

    fn sample(&self, most: usize) -> Vec<sample::Point> {
        self.outline.sample(&self.steps, &self.values, most)
    }

    /// In words. A very long curve is told by a sample that keeps its extremes.
    fn shape(&self, metric: &str) -> Option<String> {
        if self.values.len() < SHORTEST_SHAPE {
            return None;
        }
        let sample = self.sample(LONGEST_SHAPE);
        // Times tell what was written last, which matters only where logging went back.
        let ascends = sample.is_sorted_by(|a, b| a.step < b.step);
        let times = if ascends { &[] } else { &*self.times };
        let mut series = Series::default();
        for point in sample {
            let time = times.get(point.index).copied().unwrap_or(f64::NAN);
            series.push(point.step, time, point.value);
        }
        Some(shape(metric, &series, classify(metric).direction))
    }
}

/// `rows` counts the non-finite ones too.
fn coverage(points: &Points, rows: usize) -> Option<Coverage> {
    let method = points.method()?;
    Some(Coverage { rows: rows.max(points.total()), shown: points.shown(), method })
}

fn stats_of(stats: &stats::Stats) -> Stats {
    let point = |point: Option<stats::Point>| point.map(Point::from);
    Stats {
        count: stats.count,
        non_finite: stats.non_finite,
        finite: (stats.non_finite > 0).then(|| stats.count - stats.non_finite),
        first: point(stats.first),
        last: point(stats.last),
        min: point(stats.min),
        max: point(stats.max),
        best: point(stats.best),
        mean: stats.mean,
        std: stats.std,
    }
}
