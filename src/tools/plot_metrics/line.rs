//! One metric of one run: its points, its numbers, its marks.

use std::collections::BTreeSet;

use super::Args;
use super::axis::Along;
use super::choose::Subject;
use super::output::{LineItem, MarkItem};
use crate::analysis::curve::Ordered;
use crate::analysis::finding::{Finding, Kind, Severity};
use crate::analysis::methods::ema::Ema;
use crate::analysis::role::{Split, classify};
use crate::analysis::series::Series;
use crate::analysis::stats;
use crate::chart::sparkline::sparkline;
use crate::chart::trace::thin;
use crate::chart::{Line, Mark, Symbol};
use crate::tools::common::shape::counted;
use crate::trackio::columns::View;
use crate::trackio::value::Step;

/// Of longer lines only what may be seen is kept: the ends and the extremes of so many parts, a
/// few for each pixel of the widest picture.
const LONG: usize = 40_000;
const PARTS: f64 = 10_000.0;
/// The letters of a sparkline.
const WIDTH: usize = 40;
/// Lines of so many points or fewer are drawn as logged: an average would be far from all of them.
const FEW: usize = 40;
/// So many spikes are marked.
const MOST_SPIKES: usize = 30;
/// So many stretches of non-finite values are told of a line.
const HOLES_TOLD: usize = 3;

/// A line and all that is said of it.
pub struct Drawn {
    /// The place of its run.
    pub subject: usize,
    pub metric: String,
    pub line: Line,
    pub item: LineItem,
    pub marks: Vec<MarkItem>,
    /// Points that have no place on the axis.
    pub misplaced: usize,
    /// Over every row.
    pub stats: stats::Stats,
}

impl Drawn {
    /// Brings places to another unit.
    pub fn divide_x(&mut self, unit: f64) {
        let line = &mut self.line;
        let points = line.points.iter_mut().chain(line.smoothed.iter_mut().flatten());
        points.for_each(|point| point.0 /= unit);
        line.marks.iter_mut().for_each(|mark| mark.x /= unit);
    }
}

/// The line of a metric; none where the run has no number of it.
pub fn of(
    place: usize,
    subject: &Subject,
    metric: &str,
    along: &Along,
    args: &Args,
) -> Option<Drawn> {
    let smoothing = args.smoothing.unwrap_or(0.0);
    let view = subject.columns.view(metric)?;
    let stats = subject.columns.metrics.get(metric)?.stats(classify(metric).direction);
    let all = points(&view, along);
    let misplaced = view.values.len() - all.len();
    let smoothed = (smoothing > 0.0 && all.len() > FEW).then(|| bounded(smooth(&all, smoothing)));
    let rows = Rows { view: &view, along };
    let told = marks(subject, metric, &stats, &rows);
    let marks = told.iter().filter_map(|item| item.mark(&rows)).collect();
    let item = LineItem::of(
        subject,
        metric,
        &stats,
        sparkline(view.values, WIDTH, args.log_y == Some(true)),
    );
    let line = Line { style: 0, points: bounded(all), smoothed, marks };
    Some(Drawn {
        subject: place,
        metric: metric.to_owned(),
        line,
        item,
        marks: told,
        misplaced,
        stats,
    })
}

/// The rows of a metric with their places.
pub struct Rows<'a> {
    view: &'a View<'a>,
    along: &'a Along,
}

impl Rows<'_> {
    /// Where the value of `step` is drawn that was logged last.
    pub fn find(&self, step: f64) -> Option<(f64, f64)> {
        let at = self.view.steps.iter().rposition(|found| *found == step)?;
        let time = self.view.times.get(at).copied().unwrap_or(f64::NAN);
        Some((self.along.place(step, time), self.view.values.get(at).copied()?))
    }
}

/// In the order in which they were logged, so that a resumed run is seen to go back. Rows without
/// any order are put in one.
fn points(view: &View<'_>, along: &Along) -> Vec<(f64, f64)> {
    let rows = view.steps.iter().zip(view.times.iter()).zip(view.values);
    let placed = rows.map(|((step, time), value)| (along.place(*step, *time), *value));
    let mut points: Vec<(f64, f64)> = placed.filter(|(x, _)| x.is_finite()).collect();
    if !points.is_sorted_by(|a, b| a.0 <= b.0) && resets(view) == 0 {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    points
}

fn resets(view: &View<'_>) -> usize {
    let (steps, times) = (view.steps.to_vec(), view.times.to_vec());
    Ordered::of(&Series { steps, times, values: view.values.to_vec() }).resets.len()
}

/// Begins anew where the line goes back.
fn smooth(points: &[(f64, f64)], weight: f64) -> Vec<(f64, f64)> {
    let mut ema = Ema::new(weight);
    let mut before = f64::NEG_INFINITY;
    let smoothed = points.iter().map(|&(x, y)| {
        if x < before {
            ema = Ema::new(weight);
        }
        before = x;
        (x, ema.push(y))
    });
    smoothed.collect()
}

fn bounded(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if points.len() <= LONG {
        return points;
    }
    let xs = || points.iter().map(|(x, _)| *x);
    let (low, high) = (xs().fold(f64::INFINITY, f64::min), xs().fold(f64::NEG_INFINITY, f64::max));
    let column = |x: f64| ((x - low) / (high - low) * PARTS) as i64;
    thin(points.iter().copied(), column)
}

/// What is told of single points: the best held-out value, what the diagnosis found in this
/// metric, where values are not finite, where the run was resumed.
fn marks(subject: &Subject, metric: &str, stats: &stats::Stats, rows: &Rows<'_>) -> Vec<MarkItem> {
    let mut marks = Vec::new();
    let is_held_out = classify(metric).split == Some(Split::Eval);
    if let Some(best) = stats.best.filter(|_| is_held_out) {
        marks.push(MarkItem::at("best", Symbol::Ring, best.step, Some(best.value)));
    }
    let findings = &subject.diagnosis.findings;
    for finding in findings.iter().filter(|finding| finding.metric == metric) {
        marks.extend(found(finding, rows));
    }
    for range in stats.non_finite_ranges.iter().take(HOLES_TOLD) {
        let mark = MarkItem::at("not finite", Symbol::Cross, range.from_step, None);
        marks.push(mark.until(range.to_step));
    }
    let is_by_time = matches!(rows.along, Along::Since(_));
    let resumed = findings.iter().find(|finding| finding.kind == Kind::Resumed && !is_by_time);
    if let Some(step) = resumed.and_then(|finding| finding.step) {
        marks.push(MarkItem::at("resumed", Symbol::Rule, step.0, None));
    }
    marks.into_iter().map(|mark| mark.of(&subject.label, metric)).collect()
}

/// Spikes at each step that the finding names, what else warns where it begins.
fn found(finding: &Finding, rows: &Rows<'_>) -> Vec<MarkItem> {
    let value = |step: f64| rows.find(step).map(|(_, value)| value).filter(|v| v.is_finite());
    match finding.kind {
        Kind::NonFinite | Kind::Resumed => Vec::new(),
        Kind::LossSpikes => {
            let mark = |step: f64| MarkItem::at("spike", Symbol::Triangle, step, value(step));
            // A slow rise shows from its low to its high.
            let rise = || finding.until_step.iter().map(|step| step.0).collect();
            let steps: Vec<f64> =
                if finding.steps.is_empty() { rise() } else { finding.steps.clone() };
            steps.into_iter().take(MOST_SPIKES).map(mark).collect()
        }
        _ if finding.severity == Severity::Info => Vec::new(),
        kind => {
            let word = serde_json::to_value(kind).unwrap_or_default();
            let word = word.as_str().unwrap_or_default().replace('_', " ");
            let mark = |step: f64| MarkItem::at(word, Symbol::Diamond, step, value(step));
            finding.step.map(|step| mark(step.0)).into_iter().collect()
        }
    }
}

impl MarkItem {
    /// As it is drawn; none where it is drawn by the line itself, or has no place.
    fn mark(&self, rows: &Rows<'_>) -> Option<Mark> {
        let step = self.step.as_f64();
        let (x, y) = match self.symbol {
            Symbol::Cross => return None,
            Symbol::Rule => (rows.along.place(step, f64::NAN), 0.0),
            _ => rows.find(step)?,
        };
        Some(Mark { symbol: self.symbol, x, y })
    }
}

/// What of the lines is not drawn, or not as was asked for.
pub fn notes(drawn: &[Drawn], args: &Args) -> Vec<String> {
    let misplaced: usize = drawn.iter().map(|drawn| drawn.misplaced).sum();
    let misplaced = (misplaced > 0).then(|| {
        format!("{} without a readable step or time not drawn.", counted(misplaced, "point"))
    });
    let is_smoothed = args.smoothing.is_some_and(|weight| weight > 0.0);
    let raw: BTreeSet<&str> = drawn
        .iter()
        .filter(|drawn| is_smoothed && drawn.line.smoothed.is_none())
        .map(|drawn| drawn.metric.as_str())
        .collect();
    let raw = (!raw.is_empty()).then(|| {
        let names: Vec<&str> = raw.into_iter().collect();
        format!("Not smoothed, for lines of {FEW} points or fewer: {}.", names.join(", "))
    });
    misplaced.into_iter().chain(raw).collect()
}

/// A step as answers give it.
pub fn step(step: f64) -> Step {
    Step::from_f64(step)
}
