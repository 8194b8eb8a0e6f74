//! A curve that ended well above its best and stayed there.

use super::scale::Scaled;
use crate::analysis::{
    curve::Curve,
    finding::{Confidence, Finding, Kind, Report},
    methods::{
        mann_kendall::{mann_kendall, tau},
        median::median_or_zero,
        noise::noise,
        running::running_median,
    },
    number::show,
    role::Role,
    run::{Run, Track},
    span::Span,
};

/// Compares the level at the end with the best and with the start.
pub fn check(run: &Run<'_>, report: &mut Report) {
    let Some(track) = run.main() else {
        report.skip("diverged", "no training metric is known");
        return;
    };
    if track.len() < 3 {
        report.skip("diverged", format!("{} has {} points; 3 needed", track.shown(), track.len()));
        return;
    }
    if let Some(finding) = diverged(track, run.strictness) {
        report.add(finding);
    }
}

/// `rise = end - best` in log units, `lost = rise / (start - best)`: diverged when the rise is
/// above ln 1.3 and five deviations of the noise, and more than 60 % of the gain is lost, or more
/// than 35 % with a rise of ln 2. Fewer than ten points need ln 2, unless they rise throughout.
fn diverged(track: &Track, strictness: f64) -> Option<Finding> {
    let scaled = Scaled::of(track);
    let x = &scaled.curve;
    let smooth = running_median(&x.values, if x.len() < 20 { 3 } else { 5 });
    let few = x.len() < 10;
    let best = (0..x.len()).min_by(|a, b| at(&smooth, *a).total_cmp(&at(&smooth, *b)))?;
    // A curve whose very first point was best has fallen from there at once.
    let low = at(&smooth, best).min(if best == 0 { x.value(0) } else { f64::INFINITY });
    let end = median_or_zero(x.tail(0.1, if few { 1 } else { 3 }));
    let rise = end - low;
    let gain = median_or_zero(x.head(0.05, 1)) - low;
    let lost = if gain > 0.0 { rise / gain } else { f64::INFINITY };
    let sigma = noise(&x.values);
    let recent = best * 10 >= x.len() * 9;
    // Five deviations, or half of it where the curve has kept rising since its best.
    let least = 2.0;
    if recent || rise <= least * sigma * strictness {
        return None;
    }
    let since = Curve { steps: Vec::new(), values: x.between(best, x.len()).to_vec() }.blocks(400);
    let tau = tau(&since.values);
    let climbs = tau > 0.3 && mann_kendall(&since.values).p < 0.01;
    let double = scaled.threshold(2.0, 1.0);
    // A curve that ended at twice where it began has nothing left to lose to noise.
    let ruined = lost > 1.0 && end - x.value(0).max(median_or_zero(x.head(0.05, 1))) > double;
    let enough = if climbs || ruined { least } else { 5.0 };
    if rise <= enough * sigma * strictness {
        return None;
    }
    let double = rise > double * strictness && lost > 0.35;
    // Up from the first point on: few points suffice where nearly every one is above the last.
    let from_start = best == 0 && x.len() >= 5 && tau > 0.8;
    let diverged = match track.role {
        // A loss of two players moves as it likes; only an explosion says something.
        Role::AdversarialLoss => rise > scaled.threshold(100.0, 20.0) && lost > 1.0,
        _ if few && !from_start => double,
        _ => double || (rise > scaled.threshold(1.3, 0.6) * strictness && lost > 0.6),
    };
    diverged.then(|| {
        let until = x.step(best + 2);
        let (best_step, low) = track
            .lowest_between(f64::NEG_INFINITY, until)
            .unwrap_or((x.step(best), track.blocks().value(best)));
        let onset = x.step(onset(&smooth, best, rise));
        let span = Span::of(track);
        let (best, end) = (track.logged(low), span.end);
        Finding::new(
            Kind::Diverged,
            &track.name,
            format!(
                "{} was best ({}) at step {}, rose from step {} on and ended at {}{}, {} {}its best",
                track.shown(),
                show(best),
                show(best_step),
                show(onset),
                show(end),
                span.mark(),
                scaled.say_between(low, track.logged(end)),
                if scaled.logarithmic { "" } else { "above " },
            ),
        )
        .at(onset)
        .confidence(if few { Confidence::Medium } else { Confidence::High })
        .with("best", best)
        .with("best_step", best_step)
        .with("end", end)
        .with("start", span.start)
        .with("share_of_gain_lost", lost)
        .with("rise_in_sigma", rise / sigma)
    })
}

/// The last point at which a rise of `rise` from `best` had not begun yet: after it the curve stays
/// a tenth of the rise above its best.
fn onset(smooth: &[f64], best: usize, rise: f64) -> usize {
    let limit = at(smooth, best) + 0.1 * rise;
    smooth.iter().rposition(|value| *value <= limit).map_or(best, |last| last.max(best))
}

fn at(values: &[f64], index: usize) -> f64 {
    values.get(index).copied().unwrap_or(f64::NAN)
}
