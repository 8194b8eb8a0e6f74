//! Where a run stands: steps done and to come, pace, learning-rate phase.

use rmcp::schemars::{self, JsonSchema};
use serde::Serialize;

use super::{
    curve::Curve,
    methods::median::median_or_zero,
    number::Number,
    run::{Run, Status, Track},
};

/// Steps done and to come.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Progress {
    /// The last step.
    pub step: Number,
    /// The step at which the run ends, where the configuration tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Number>,
    /// The share done, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<Number>,
    /// The last epoch logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Number>,
    /// Steps per second over the last fifth of the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps_per_second: Option<Number>,
    /// Seconds to the end at that pace; absent for a run that is not active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta: Option<Number>,
}

/// What the learning rate is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It rises to its peak.
    Warmup,
    /// It stands.
    Constant,
    /// It falls.
    Decay,
    /// It has fallen to under a hundredth of its peak.
    Ended,
}

/// The learning rate now.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LearningRate {
    /// The last value.
    pub value: Number,
    /// What it is doing.
    pub phase: Phase,
}

/// Steps done and to come.
pub fn progress(run: &Run<'_>) -> Option<Progress> {
    let step = last_step(run)?;
    let total = total_steps(run).filter(|total| *total >= step);
    let pace = pace(run).map(|pace| median_or_zero(pace.tail(0.2, 3))).filter(|p| *p > 0.0);
    let active = run.facts.status == Status::Active;
    let eta = total.zip(pace).filter(|_| active).map(|(total, pace)| (total - step) / pace);
    Some(Progress {
        step: Number(step),
        total: total.map(Number),
        percent: total.filter(|t| *t > 0.0).map(|t| Number((1000.0 * step / t).round() / 10.0)),
        epoch: run.epoch.as_ref().and_then(last_value).map(Number),
        steps_per_second: pace.map(Number),
        eta: eta.map(|eta| Number(eta.round())),
    })
}

/// The learning rate now.
pub fn learning_rate(run: &Run<'_>) -> Option<LearningRate> {
    let track = run.learning_rate.as_ref()?;
    let value = last_value(track)?;
    let peak = peak(track);
    let recent = track.ordered.curve.tail(0.2, 2);
    let before = recent.first().copied().unwrap_or(value);
    let moved = (value - before).abs() > 0.001 * peak;
    let phase = match moved {
        _ if peak > 0.0 && value < 0.01 * peak => Phase::Ended,
        true if value > before => Phase::Warmup,
        true => Phase::Decay,
        // A step schedule stands still between its falls.
        false => Phase::Constant,
    };
    Some(LearningRate { value: Number(value), phase })
}

/// Whether the learning rate had fallen to under a fifth of its peak by `step`.
pub fn has_decayed(track: &Track, step: f64) -> bool {
    track.ordered.curve.level_at(step, 1) < 0.2 * peak(track)
}

fn peak(track: &Track) -> f64 {
    track.ordered.curve.values.iter().copied().max_by(f64::total_cmp).unwrap_or(0.0)
}

fn last_value(track: &Track) -> Option<f64> {
    track.ordered.curve.values.last().copied()
}

/// The last step of the metric that reached furthest.
pub fn last_step(run: &Run<'_>) -> Option<f64> {
    let tracks = [run.main(), run.reward.as_ref(), run.eval.as_ref()];
    let last = |track: &Track| track.ordered.all.last().map(|(step, _)| *step);
    tracks.into_iter().flatten().filter_map(last).max_by(f64::total_cmp)
}

/// The step at which the run ends: as configured, or from epochs planned and epochs done.
pub fn total_steps(run: &Run<'_>) -> Option<f64> {
    let configured = run.config_number(&[
        "max_steps",
        "total_steps",
        "num_training_steps",
        "max_train_steps",
        "train_steps",
        "num_steps",
        "max_iters",
        "total_iters",
    ]);
    // Hugging Face writes -1 for "by epochs".
    if let Some(total) = configured.filter(|total| *total > 0.0) {
        return Some(total);
    }
    let epochs = run.config_number(&["num_train_epochs", "num_epochs", "max_epochs", "epochs"])?;
    let epoch = run.epoch.as_ref()?;
    let (step, done) = (epoch.ordered.curve.last_step(), last_value(epoch)?);
    (done > 0.0 && epochs > 0.0 && step > 0.0).then(|| (step * epochs / done).round())
}

/// Steps per second between neighbouring rows of the main metric, at the later row's step.
pub fn pace(run: &Run<'_>) -> Option<Curve> {
    let rows = timeline(run)?;
    let mut pace = Curve::default();
    for pair in rows.windows(2) {
        if let [(t0, s0), (t1, s1)] = pair
            && t1 > t0
            && s1 > s0
        {
            pace.steps.push(*s1);
            pace.values.push((s1 - s0) / (t1 - t0));
        }
    }
    (!pace.is_empty()).then_some(pace)
}

/// The time of the last row of the main metric.
pub fn last_time(run: &Run<'_>) -> Option<f64> {
    timeline(run)?.last().map(|(time, _)| *time)
}

/// The step that the run had reached at `time`.
pub fn step_at(run: &Run<'_>, time: f64) -> Option<f64> {
    let rows = timeline(run)?;
    let after = rows.partition_point(|(t, _)| *t <= time);
    rows.get(after.saturating_sub(1)).map(|(_, step)| *step)
}

/// Time and step of the main metric's rows, by time.
fn timeline(run: &Run<'_>) -> Option<Vec<(f64, f64)>> {
    let main = run.reward.as_ref().or(run.main())?;
    let (_, series) = run.facts.metrics.iter().find(|(name, _)| *name == main.name)?;
    let rows = series.times.iter().copied().zip(series.steps.iter().copied());
    let mut rows: Vec<(f64, f64)> =
        rows.filter(|(time, step)| time.is_finite() && step.is_finite()).collect();
    if !rows.is_sorted_by(|a, b| a.0 <= b.0) {
        rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    }
    (!rows.is_empty()).then_some(rows)
}
