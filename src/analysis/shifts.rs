//! Falls of the level that the run itself explains: a new epoch, a lower learning rate.
//!
//! Training on the same data again falls in stairs, one an epoch, and a step schedule lets the
//! loss fall where it lowers the rate. Neither is an anomaly, and between two stairs a curve may
//! stand still without having stopped to learn.

use super::{
    curve::Curve,
    methods::{noise::noise, pelt::change_points, theil_sen::theil_sen},
    number::show,
    run::{Run, Track},
};

/// Points on either side of a shift by which its height is measured.
const AROUND: usize = 10;

/// Why the level fell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cause {
    /// This pass over the data began.
    Epoch(f64),
    /// The learning rate fell so many times.
    LearningRate(f64),
}

/// A fall of the level between two logged points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// The first step at the new level.
    pub step: f64,
    /// The level before, as in the track's curve.
    pub before: f64,
    /// The level after.
    pub after: f64,
    /// Why.
    pub cause: Cause,
}

/// The falls of `track` that an epoch or the learning rate explains: change points of the mean
/// (PELT) within one interval of either, at which the lines fitted to both sides stand apart by
/// eight standard errors and 3 % of the level. A smooth fall has change points too, but its two
/// lines meet.
pub fn explained(run: &Run<'_>, track: &Track) -> Vec<Shift> {
    if run.epoch.is_none() && run.learning_rate.is_none() {
        return Vec::new();
    }
    let few = track.few();
    let sigma = noise(&few.values);
    let shift = |at: usize| {
        let (before, after) = levels(few, at)?;
        let clear = before - after > (4.0 * sigma).max(0.03 * before.abs());
        let cause = epoch(run, few, at).or_else(|| rate(run, few, at)).filter(|_| clear)?;
        Some(Shift { step: few.step(at), before, after, cause })
    };
    change_points(&few.values).into_iter().filter_map(shift).collect()
}

/// The shifts in a sentence; `None` without any.
pub fn say(track: &Track, shifts: &[Shift]) -> Option<String> {
    let largest = shifts
        .iter()
        .max_by(|a, b| (a.before - a.after).total_cmp(&(b.before - b.after)))
        .filter(|_| !track.is_empty())?;
    let (before, after) = (track.logged(largest.before), track.logged(largest.after));
    let times = match shifts.len() {
        1 => "a step".to_owned(),
        n => format!("{n} steps, the largest"),
    };
    let why = match largest.cause {
        Cause::Epoch(epoch) => format!("where epoch {} began", show(epoch)),
        Cause::LearningRate(times) => format!("where the learning rate fell {times:.0} x"),
    };
    Some(format!(
        "{} changes in {times} from {} to {} at step {}, {why}: explained, not an anomaly",
        track.shown(),
        show(before),
        show(after),
        show(largest.step),
    ))
}

/// The levels on both sides of the point at `at`, by a line through each.
fn levels(curve: &Curve, at: usize) -> Option<(f64, f64)> {
    let here = curve.step(at);
    let level = |from: usize, to: usize| {
        let steps = curve.steps.get(from..to.min(curve.len()))?;
        let line = theil_sen(steps, curve.between(from, to)).filter(|_| steps.len() >= 4)?;
        Some(line.intercept + line.slope * here)
    };
    Some((level(at.saturating_sub(AROUND), at)?, level(at, at + AROUND)?))
}

/// The steps just before and just after the point at `at`, an interval of logging away.
fn neighbours(curve: &Curve, at: usize) -> (f64, f64) {
    (curve.step(at.saturating_sub(2)), curve.step(at + 1))
}

/// The epoch that began there, where an epoch is much longer than the interval.
fn epoch(run: &Run<'_>, curve: &Curve, at: usize) -> Option<Cause> {
    let epochs = run.epoch.as_ref().filter(|epoch| !epoch.is_empty())?.raw();
    let (before, after) = neighbours(curve, at);
    let (from, to) = (epochs.level_at(before, 1), epochs.level_at(after, 1));
    let whole = epochs.value(epochs.len() - 1) - epochs.value(0);
    let span = (curve.last_step() - curve.step(0)) / whole;
    (to.floor() > from.floor() && span > 2.0 * (after - before)).then(|| Cause::Epoch(to.floor()))
}

/// The learning rate fell there to half or less.
fn rate(run: &Run<'_>, curve: &Curve, at: usize) -> Option<Cause> {
    let rate = run.learning_rate.as_ref().filter(|rate| !rate.is_empty())?.raw();
    let (before, after) = neighbours(curve, at);
    let (from, to) = (rate.level_at(before, 1), rate.level_at(after, 1));
    (to > 0.0 && from >= 2.0 * to).then(|| Cause::LearningRate(from / to))
}
