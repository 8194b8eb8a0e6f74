//! Runs at the same point: an equal step, an equal time since the start, an equal part of the run.

use super::contender::Contender;

/// What is made equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Align {
    /// The training step.
    #[default]
    Step,
    /// Seconds since the run began.
    Elapsed,
    /// The part of its steps: of the planned total where that is known.
    Fraction,
}

/// A run's measures beyond its metrics.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extent {
    /// When it began, Unix seconds.
    pub started: Option<f64>,
    /// The steps of the whole run: planned where known, else made.
    pub total: f64,
}

/// The furthest point that all contenders reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Common {
    /// The point: a step, seconds, or a part between 0 and 1.
    pub at: f64,
    /// The step of each contender there.
    pub steps: Vec<f64>,
}

/// A run that reached less than this share of what the longest did sets no common point: a trial of
/// ten steps would leave nothing to compare.
const SHORT: f64 = 0.25;

/// Which of them are long enough to be compared at one point: all where fewer than two are.
pub fn of_similar_length(align: Align, contenders: &[(&Contender, Extent)]) -> Vec<bool> {
    let reached: Vec<f64> = contenders
        .iter()
        .map(|(contender, extent)| reach(align, contender, *extent).unwrap_or(0.0))
        .collect();
    let longest = reached.iter().copied().fold(0.0, f64::max);
    let long: Vec<bool> = reached.iter().map(|reached| *reached >= SHORT * longest).collect();
    match long.iter().filter(|long| **long).count() {
        0 | 1 => vec![true; long.len()],
        _ => long,
    }
}

/// The furthest point that all of them reached; `None` with fewer than two, or where there is no
/// such point.
pub fn common(align: Align, contenders: &[(&Contender, Extent)]) -> Option<Common> {
    if contenders.len() < 2 {
        return None;
    }
    let reached: Option<Vec<f64>> =
        contenders.iter().map(|(contender, extent)| reach(align, contender, *extent)).collect();
    let at = reached?.into_iter().min_by(f64::total_cmp)?;
    let at = if align == Align::Step { shared_step(contenders, at) } else { at };
    let step = |(contender, extent): &(&Contender, Extent)| step_at(align, contender, *extent, at);
    let steps: Option<Vec<f64>> = contenders.iter().map(step).collect();
    Some(Common { at, steps: steps? })
}

fn reach(align: Align, contender: &Contender, extent: Extent) -> Option<f64> {
    match align {
        Align::Step => Some(contender.last_step()),
        Align::Elapsed => {
            let last = contender.series.times.iter().copied().filter(|time| time.is_finite());
            Some(last.max_by(f64::total_cmp)? - extent.started?)
        }
        Align::Fraction => {
            (extent.total > 0.0).then(|| (contender.last_step() / extent.total).min(1.0))
        }
    }
}

/// The last step that all of them logged, where that is not much earlier than `reached`: values
/// of one step are better than those of neighbours.
fn shared_step(contenders: &[(&Contender, Extent)], reached: f64) -> f64 {
    let Some((first, rest)) = contenders.split_first() else { return reached };
    let logged = |contender: &Contender, step: f64| {
        contender.steps().binary_search_by(|own| own.total_cmp(&step)).is_ok()
    };
    let steps = first.0.steps();
    let up_to = steps.get(..steps.partition_point(|step| *step <= reached)).unwrap_or_default();
    let shared =
        up_to.iter().rev().find(|step| rest.iter().all(|(other, _)| logged(other, **step)));
    shared.copied().filter(|step| *step >= reached / 2.0).unwrap_or(reached)
}

/// The step of a contender at that point; `None` where it has no value yet.
fn step_at(align: Align, contender: &Contender, extent: Extent, at: f64) -> Option<f64> {
    let step = match align {
        Align::Step => at,
        // Parts are quotients: rounding must not cost the last point.
        Align::Fraction => at * extent.total * (1.0 + 1e-9),
        Align::Elapsed => {
            let series = &contender.series;
            let until = extent.started? + at;
            let points = series.steps.iter().zip(&series.times);
            let reached = points.filter(|(_, time)| **time <= until).map(|(step, _)| *step);
            reached.max_by(f64::total_cmp)?
        }
    };
    contender.steps().first().is_some_and(|first| *first <= step).then_some(step)
}
