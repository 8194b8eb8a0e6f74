//! Spikes of the loss and slow rises, with how they ended.

use super::scale::Scaled;
use crate::analysis::{
    curve::Curve,
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
        report.skip("loss_spikes", format!("{} is adversarial: it may swing", track.name));
        return;
    }
    if track.len() < FEWEST {
        let reason = format!("{} has {} points; {FEWEST} needed", track.name, track.len());
        report.skip("loss_spikes", reason);
        return;
    }
    let scaled = Scaled::of(track, &track.curve);
    let blocks = Scaled::of(track, track.blocks()).curve;
    let events = events(&scaled, &blocks, run.strictness);
    let spikes = spikes(track, &scaled, &events, run.strictness);
    let lasting = spikes.as_ref().is_some_and(|finding| finding.severity != Severity::Info);
    // A curve that diverged has risen: that is told once.
    let told = lasting || report.find(Kind::Diverged).is_some();
    let rise = if told { None } else { slow_rise(track, run.strictness) };
    report.findings.extend(rise.or(spikes));
}

/// Points more than eight local deviations and 1.5 x above a running median of `n/10` (5 to 31)
/// points; the first twentieth, where curves fall steeply, is left out.
fn events(scaled: &Scaled, blocks: &Curve, strictness: f64) -> Vec<Event> {
    let x = &scaled.curve;
    let baseline = baseline(x.len(), blocks);
    let rest: Vec<f64> = x.values.iter().zip(&baseline).map(|(v, b)| v - b).collect();
    let scale = local_scale(&rest);
    let height = scaled.threshold(1.5, 0.5) * strictness;
    let skip = x.len().div_ceil(20);
    let mut events: Vec<Event> = Vec::new();
    for (i, (&above, &scale)) in rest.iter().zip(&scale).enumerate().skip(skip) {
        if above <= height || above <= 8.0 * scale * strictness {
            continue;
        }
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
    events
}

/// The running median at each of `n` points, by the block medians where there are very many.
fn baseline(n: usize, blocks: &Curve) -> Vec<f64> {
    let window = (blocks.len() / 10).clamp(5, 31) | 1;
    let medians = running_median(&blocks.values, window);
    let size = n.div_ceil(blocks.len().max(1)).max(1);
    medians.iter().flat_map(|median| std::iter::repeat_n(*median, size)).take(n).collect()
}

/// The deviation of the residuals around each point: of the nine twentieths around it, and at
/// least half of the whole.
fn local_scale(rest: &[f64]) -> Vec<f64> {
    let size = rest.len().div_ceil(20).max(1);
    let floor = 0.5 * spread(rest);
    let parts = rest.len().div_ceil(size);
    let scales = (0..parts).map(|part| {
        let from = part.saturating_sub(4) * size;
        let to = ((part + 5) * size).min(rest.len());
        spread(rest.get(from..to).unwrap_or_default()).max(floor)
    });
    scales.flat_map(|scale| std::iter::repeat_n(scale, size)).take(rest.len()).collect()
}

/// The deviation of `values`; of some thousand evenly spaced ones where there are very many.
fn spread(values: &[f64]) -> f64 {
    let stride = values.len() / 5_000 + 1;
    let some: Vec<f64> = values.iter().step_by(stride).copied().collect();
    mad(&some).unwrap_or(0.0)
}

fn spikes(track: &Track, scaled: &Scaled, events: &[Event], strictness: f64) -> Option<Finding> {
    let worst = events.iter().max_by(|a, b| a.height.total_cmp(&b.height))?;
    let first = events.first()?;
    let last = events.last()?;
    let high = scaled.threshold(2.0, 1.0) * strictness;
    let x = &scaled.curve;
    let large = events.iter().filter(|e| e.height > high && lost(track, e) > 0.5).count();
    let above_start = events.iter().any(|e| e.height > high && lost(track, e) > 1.0);
    let frequent = events.iter().filter(|e| lost(track, e) > 0.35).count() >= 3;
    let lasting = events.iter().any(|e| e.points >= 3 && lost(track, e) > 0.25);
    let before = median_or_zero(x.between(first.from.saturating_sub(10), first.from));
    let end = median_or_zero(x.tail(0.1, 3));
    let sigma = noise(&x.values);
    let worse = end - before > (5.0 * sigma).max(scaled.threshold(1.1, 0.1));
    let outcome = if worse { "recovered to a worse level" } else { "recovered" };
    let step = |i: usize| show(track.curve.step(i));
    let top = (worst.from..=worst.to)
        .max_by(|a, b| x.value(*a).total_cmp(&x.value(*b)))
        .unwrap_or(worst.from);
    let summary = format!(
        "{} {} in {}, the largest to {} at step {} ({} {}); {outcome}",
        events.len(),
        if events.len() == 1 { "spike" } else { "spikes" },
        track.name,
        show(track.logged(track.curve.value(top))),
        step(top),
        scaled.say(worst.height),
        if scaled.logarithmic { "its running median" } else { "above its running median" },
    );
    let finding = Finding::new(Kind::LossSpikes, &track.name, summary)
        .at(track.curve.step(first.from))
        .until(track.curve.step(last.to))
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

/// How much of what was gained since the first point an event undid while it lasted. At the floor of a loss every odd batch is
/// a large multiple of nothing.
fn lost(track: &Track, event: &Event) -> f64 {
    let values = track.curve.between(event.from, event.to + 1);
    let top = values.iter().copied().max_by(f64::total_cmp).unwrap_or_default();
    let now = track.end();
    (top - now) / (track.start().max(track.curve.value(0)) - now).max(0.0)
}

/// The largest rise of the smoothed curve above an earlier low: ln 1.6, more than 35 % of the
/// gain and six deviations.
fn slow_rise(track: &Track, strictness: f64) -> Option<Finding> {
    let scaled = Scaled::of(track, track.blocks());
    let x = &scaled.curve;
    let smooth = running_median(&x.values, 5);
    let found = draw_up(&smooth)?;
    let low = smooth.iter().copied().min_by(f64::total_cmp)?;
    let gain = median_or_zero(x.head(0.05, 1)) - low;
    // Noise can grow along a run: what counts is that of the stretch at hand.
    let margin = x.len() / 10;
    let around = x.between(found.from.saturating_sub(margin), found.to + margin);
    let sigma = noise(&x.values).max(noise(around));
    let large = found.rise > scaled.threshold(1.6, 0.5) * strictness
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
                track.name,
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
