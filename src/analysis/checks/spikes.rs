//! Spikes of the loss and slow rises, with how they ended.

use std::cell::LazyCell;

use super::scale::Scaled;
use crate::analysis::{
    finding::{Confidence, Finding, Kind, Report, Severity},
    methods::{
        draw_up::draw_up, median::mad, median::median_or_zero, noise::noise,
        running::running_median,
    },
    number::show,
    role::Role,
    run::{Run, Track},
};

/// Fewest points of a curve in which a spike can be told from its shape.
const FEWEST: usize = 15;

/// A stretch of points far above the curve around them.
struct Event {
    from: usize,
    to: usize,
    /// The latest run of neighbours that stand out.
    run: usize,
    /// The longest such run.
    points: usize,
    /// The highest above the baseline, in the scaled unit.
    height: f64,
}

/// Looks for spikes in every logged point and for slow rises in the smoothed curve.
pub fn check(run: &Run<'_>, report: &mut Report) {
    let Some(track) = run.main() else { return };
    if track.role == Role::AdversarialLoss {
        report.skip("loss_spikes", format!("{} is adversarial: it may swing", track.shown()));
        return;
    }
    if track.len() < FEWEST {
        let reason = format!("{} has {} points; {FEWEST} needed", track.shown(), track.len());
        report.skip("loss_spikes", reason);
        return;
    }
    let scaled = Scaled::of(track);
    let rest = Rest::of(&track.curve.values, &scaled);
    let events = events(track, &rest, run.strictness);
    let spikes = spikes(track, &scaled, &events, run.strictness);
    let warns = spikes.as_ref().is_some_and(|finding| finding.severity != Severity::Info);
    // A curve that diverged has risen: that is told once.
    let told = warns || report.find(Kind::Diverged).is_some();
    let other = || {
        slow_rise(track, &scaled, run.strictness).or_else(|| erratic(track, &rest, run.strictness))
    };
    let other = if told { None } else { other() };
    report.findings.extend(other.or(spikes));
}

/// Points more than 6.5 local deviations and 1.5 x above a running median of `n/10` (5 to 31)
/// points; the first twentieth, where curves fall steeply, is left out.
fn events(track: &Track, rest: &Rest<'_>, strictness: f64) -> Vec<Event> {
    let values = &track.curve.values;
    let deviations = LazyCell::new(|| Deviations::of(values, rest));
    let height = rest.scaled.threshold(1.5, 0.5) * strictness;
    let part = values.len().div_ceil(20).max(1);
    let mut events: Vec<Event> = Vec::new();
    for (p, values) in values.chunks(part).enumerate().skip(1) {
        let places = values.iter().enumerate().map(|(i, value)| (p * part + i, *value));
        let above = places.filter_map(|(i, value)| Some((i, rest.above(i, value)?)));
        let high: Vec<(usize, f64)> = above.filter(|(_, above)| *above > height).collect();
        if high.is_empty() {
            continue;
        }
        let lowest = 6.5 * deviations.around(p, part) * strictness;
        for (i, above) in high.into_iter().filter(|(_, above)| *above > lowest) {
            match events.last_mut().filter(|event| i - event.to <= 2) {
                Some(event) => {
                    event.run = if i == event.to + 1 { event.run + 1 } else { 1 };
                    event.points = event.points.max(event.run);
                    event.to = i;
                    event.height = event.height.max(above);
                }
                None => events.push(Event { from: i, to: i, run: 1, points: 1, height: above }),
            }
        }
    }
    events
}

/// What is left of the logged values above a running median, by the block medians where there are
/// very many; the logarithm is taken only where it is asked for.
struct Rest<'a> {
    scaled: &'a Scaled,
    baseline: Vec<f64>,
    /// The baseline as it would be logged.
    logged: Vec<f64>,
    /// Points a block.
    size: usize,
}

impl<'a> Rest<'a> {
    fn of(values: &[f64], scaled: &'a Scaled) -> Self {
        let blocks = &scaled.curve;
        let baseline = running_median(&blocks.values, (blocks.len() / 10).clamp(5, 31) | 1);
        let logged = baseline.iter().map(|b| scaled.logged(*b)).collect();
        let size = values.len().div_ceil(blocks.len().max(1)).max(1);
        Self { scaled, baseline, logged, size }
    }

    fn of_value(&self, i: usize, value: f64) -> f64 {
        self.scaled.value(value) - self.baseline.get(i / self.size).copied().unwrap_or_default()
    }

    /// The same where it is above zero: what is not, as half are not, needs no logarithm.
    fn above(&self, i: usize, value: f64) -> Option<f64> {
        let logged = self.logged.get(i / self.size).copied().unwrap_or_default();
        (value > logged).then(|| self.of_value(i, value))
    }
}

/// What the noise around the baseline is, along the curve.
struct Deviations {
    /// What is left of every `stride`-th value.
    some: Vec<f64>,
    stride: usize,
    whole: f64,
}

/// Of so many values, at least, a deviation is taken where there are more.
const ENOUGH: usize = 10_000;

impl Deviations {
    fn of(values: &[f64], rest: &Rest<'_>) -> Self {
        let stride = (values.len() / ENOUGH).max(1);
        let some = values.iter().enumerate().step_by(stride);
        let some: Vec<f64> = some.map(|(i, value)| rest.of_value(i, *value)).collect();
        let whole = mad(&some).unwrap_or(0.0);
        Self { some, stride, whole }
    }

    /// The deviation around the part `p`: of the nine twentieths around it, and at least half of
    /// the whole.
    fn around(&self, p: usize, part: usize) -> f64 {
        let place = |p: usize| (p * part).div_ceil(self.stride).min(self.some.len());
        let around = self.some.get(place(p.saturating_sub(4))..place(p + 5)).unwrap_or_default();
        mad(around).unwrap_or(0.0).max(0.5 * self.whole)
    }
}

fn spikes(track: &Track, scaled: &Scaled, events: &[Event], strictness: f64) -> Option<Finding> {
    let worst = events.iter().max_by(|a, b| a.height.total_cmp(&b.height))?;
    let first = events.first()?;
    let last = events.last()?;
    let high = scaled.threshold(2.0, 1.0) * strictness;
    let large = events.iter().filter(|e| e.height > high && lost(track, e) > 0.5).count();
    let above_start = events.iter().any(|e| e.height > high && lost(track, e) > 1.0);
    let frequent = events.iter().filter(|e| lost(track, e) > 0.35).count() >= 3;
    let lasting = events.iter().any(|e| e.points >= 3 && lost(track, e) > 0.25);
    let before = track.curve.between(first.from.saturating_sub(10), first.from);
    let before = scaled.value(median_or_zero(before));
    let end = scaled.value(track.end());
    let sigma = noise(&scaled.curve.values);
    let worse = end - before > (5.0 * sigma).max(scaled.threshold(1.1, 0.1));
    let outcome = if worse { "recovered to a worse level" } else { "recovered" };
    let step = |i: usize| show(track.curve.step(i));
    let top_of = |event: &Event| {
        let by_value =
            |a: &usize, b: &usize| track.curve.value(*a).total_cmp(&track.curve.value(*b));
        (event.from..=event.to).max_by(by_value).unwrap_or(event.from)
    };
    let top = top_of(worst);
    let summary = format!(
        "{} {} in {}, the largest to {} at step {} ({} {}); {outcome}",
        events.len(),
        if events.len() == 1 { "spike" } else { "spikes" },
        track.shown(),
        show(track.logged(track.curve.value(top))),
        step(top),
        scaled.say(worst.height),
        if scaled.logarithmic { "its running median" } else { "above its running median" },
    );
    let finding = Finding::new(Kind::LossSpikes, &track.name, summary)
        .at(track.curve.step(first.from))
        .until(track.curve.step(last.to))
        .showing_at(events.iter().map(|event| track.curve.step(top_of(event))))
        .with("events", events.len())
        .with("largest", track.logged(track.curve.value(top)))
        .with("largest_step", track.curve.step(top))
        .with("largest_ratio", scaled.ratio_or_difference(worst.height))
        .with("longest_points", events.iter().map(|e| e.points).max().unwrap_or(0))
        .with(
            "level_before",
            track.logged(median_or_zero(
                track.curve.between(first.from.saturating_sub(10), first.from),
            )),
        )
        .with("level_now", track.logged(track.end()));
    // One bad batch is not a bad run.
    let warns = large >= 2 || above_start || frequent || lasting || (large == 1 && worse);
    Some(if warns { finding.confidence(Confidence::Medium) } else { finding.info() })
}

/// A curve that keeps jumping up: where a spike is nothing unusual none stands out. A tenth of the
/// points stand 1.5 x above the running median and undo a third of the gain, and jumps of 2 x go
/// up twice as often as down: noise of the batches goes both ways.
fn erratic(track: &Track, rest: &Rest<'_>, strictness: f64) -> Option<Finding> {
    let Rest { scaled, baseline, .. } = rest;
    let x = &scaled.curve;
    let (above, far) = (scaled.threshold(1.5, 0.35), scaled.threshold(2.0, 0.5));
    let undone =
        track.end() + 0.35 * track.start().max(track.blocks().value(0)) - 0.35 * track.end();
    let rest = x.values.iter().zip(baseline).zip(&track.blocks().values);
    let rest = rest.map(|((x, base), value)| (x - base, *value)).enumerate();
    let rest: Vec<(usize, (f64, f64))> = rest.skip(x.len().div_ceil(20)).collect();
    let jumps = rest.iter().filter(|(_, (up, value))| *up > above && *value > undone);
    let jumps: Vec<usize> = jumps.map(|(i, _)| *i).collect();
    let up = rest.iter().filter(|(_, (rest, _))| *rest > far).count();
    let down = rest.iter().filter(|(_, (rest, _))| *rest < -far).count();
    let share = jumps.len() as f64 / x.len() as f64;
    let (first, last) = (*jumps.first()?, *jumps.last()?);
    (jumps.len() >= 3 && share > 0.10 * strictness && up > 2 * down).then(|| {
        Finding::new(
            Kind::LossSpikes,
            &track.name,
            format!(
                "{} keeps jumping: {} of {} points stand 1.5 x or more above the curve around them",
                track.shown(),
                jumps.len(),
                x.len(),
            ),
        )
        .at(x.step(first))
        .until(x.step(last))
        .confidence(Confidence::Medium)
        .with("points", jumps.len())
        .with("share", share)
        .with("level_now", track.logged(track.end()))
    })
}

/// How much of what was gained since the first point an event undid while it lasted. At the floor
/// of a loss every odd batch is a large multiple of nothing.
fn lost(track: &Track, event: &Event) -> f64 {
    let values = track.curve.between(event.from, event.to + 1);
    let top = values.iter().copied().max_by(f64::total_cmp).unwrap_or_default();
    let now = track.end();
    (top - now) / (track.start().max(track.curve.value(0)) - now).max(0.0)
}

/// The largest rise of the smoothed curve above an earlier low: ln 1.5, more than 35 % of the
/// gain, a fifth of it in the logged unit (or 1,000 x, for a loss that began at millions), and six
/// deviations. The window grows with the curve: the more often a run logs, the more of its points
/// are one rise.
fn slow_rise(track: &Track, scaled: &Scaled, strictness: f64) -> Option<Finding> {
    let x = &scaled.curve;
    let smooth = running_median(&x.values, (x.len() / 40).clamp(5, 51) | 1);
    let found = draw_up(&smooth)?;
    let low = smooth.iter().copied().min_by(f64::total_cmp)?;
    let gain = median_or_zero(x.head(0.05, 1)) - low;
    // Noise can grow along a run: what counts is that of the stretch at hand.
    let margin = x.len() / 10;
    let around = x.between(found.from.saturating_sub(margin), found.to + margin);
    let sigma = noise(&x.values).max(noise(around));
    let logged = |level: f64| if scaled.logarithmic { level.exp() } else { level };
    let height = |index: usize| logged(smooth.get(index).copied().unwrap_or(low));
    let whole = logged(low + gain).max(logged(x.value(0))) - logged(low);
    let large = found.rise > scaled.threshold(1.5, 0.5) * strictness
        && (height(found.to) - height(found.from) > 0.2 * whole
            || found.rise > scaled.threshold(1e3, 1.0))
        && found.rise > 0.35 * gain
        && found.rise > 6.0 * sigma * strictness;
    large.then(|| {
        let around = |at: usize| (x.step(at.saturating_sub(2)), x.step(at + 2));
        let (from, to) = (around(found.from), around(found.to));
        let lowest = track.lowest_between(from.0, from.1);
        let highest = track.highest_between(to.0, to.1);
        let (low_step, bottom) = lowest.unwrap_or((from.0, f64::NAN));
        let (high_step, top) = highest.unwrap_or((to.1, f64::NAN));
        let end = median_or_zero(x.tail(0.1, 3));
        let outcome = if end - low < 0.25 * found.rise {
            "recovered"
        } else if end - low < 0.75 * found.rise {
            "recovered to a worse level"
        } else {
            "not recovered"
        };
        Finding::new(
            Kind::LossSpikes,
            &track.name,
            format!(
                "{} rose {} from {} at step {} to {} at step {}; {outcome}",
                track.shown(),
                scaled.say_between(bottom, top),
                show(track.logged(bottom)),
                show(low_step),
                show(track.logged(top)),
                show(high_step),
            ),
        )
        .at(low_step)
        .until(high_step)
        .confidence(Confidence::Medium)
        .with("low", track.logged(bottom))
        .with("high", track.logged(top))
        .with("smoothed_rise", scaled.ratio_or_difference(found.rise))
        .with("rise_in_sigma", found.rise / sigma)
        .with("level_now", track.logged(track.end()))
    })
}
