//! Whether the curve goes anywhere: no learning, a rate too low, a plateau, the level of chance.

use crate::analysis::{
    finding::{Confidence, Finding, Kind, Report},
    methods::{
        mann_kendall::{Trend, mann_kendall},
        median::median_or_zero,
        noise::noise,
        theil_sen::theil_sen,
    },
    number::{percent, show},
    role::Role,
    run::{Run, Track},
    schedule,
};

/// Fewest points from which the absence of progress can be told.
const FEWEST: usize = 8;
/// Fewest points from which the end of progress can be told.
const FEWEST_FOR_PLATEAU: usize = 15;

/// A curve's way from start to end.
struct Course {
    trend: Trend,
    /// Relative fall, the two levels being medians.
    drop: f64,
    /// The fall in deviations of the noise of the two levels.
    sigmas: f64,
}

impl Course {
    fn of(track: &Track) -> Self {
        let few = track.few();
        let (start, end) = (track.start(), track.end());
        let sigma = noise(&few.values);
        Self {
            trend: mann_kendall(&few.values),
            drop: track.drop(),
            sigmas: if sigma > 0.0 { (start - end) / sigma } else { f64::INFINITY },
        }
    }
}

/// Asks the training curve, and the held-out one where training alone would look dead.
pub fn check(run: &Run<'_>, report: &mut Report) {
    let Some(track) = run.main() else { return };
    if track.role == Role::AdversarialLoss {
        report.skip("not_learning", format!("{} is adversarial: it need not fall", track.name));
        return;
    }
    if track.len() < FEWEST {
        let reason = format!("{} has {} points; {FEWEST} needed", track.name, track.len());
        report.skip("not_learning", reason);
        return;
    }
    let course = Course::of(track);
    if let Some(finding) = lr_too_low(run, track, &course) {
        report.add(finding);
    } else if let Some(finding) = not_learning(run, track, &course) {
        report.add(finding);
    } else if let Some(finding) = plateau(run, track, &course) {
        report.add(finding);
    }
    if let Some(finding) = chance(run, track, report) {
        report.add(finding);
    }
}

fn not_learning(run: &Run<'_>, track: &Track, course: &Course) -> Option<Finding> {
    let Course { trend, drop, .. } = course;
    let still = *drop < 0.05 * run.strictness
        && (trend.p > 0.05 || trend.tau.abs() < 0.3 || *drop < 0.02 * run.strictness);
    // A loss that moves little may yet teach what the held-out data measure.
    let eval_learns = run.eval.as_ref().is_some_and(|eval| eval.len() >= 3 && eval.drop() > 0.05);
    (still && !eval_learns).then(|| {
        let (start, now) = (track.logged(track.start()), track.logged(track.end()));
        Finding::new(
            Kind::NotLearning,
            &track.name,
            format!(
                "{} stands at {} after {} points, where it began ({}): a change of {}",
                track.name,
                show(now),
                track.len(),
                show(start),
                percent(-drop),
            ),
        )
        .at(track.curve.step(0))
        .confidence(if track.len() < 15 { Confidence::Medium } else { Confidence::High })
        .with("start", start)
        .with("now", now)
        .with("drop_percent", 100.0 * drop)
        .with("tau", trend.tau)
        .with("points", track.len())
    })
}

/// Under 5 % of progress, but steadily so: the second half as steep as half the first.
fn lr_too_low(run: &Run<'_>, track: &Track, course: &Course) -> Option<Finding> {
    let Course { trend, drop, .. } = course;
    let steady = *drop > 0.0
        && *drop < 0.05 * run.strictness
        && trend.p < 0.01
        && trend.tau < -0.6
        && track.len() >= FEWEST_FOR_PLATEAU;
    if !steady {
        return None;
    }
    let few = track.few();
    let half = few.len() / 2;
    let slope = |from: usize, to: usize| {
        let steps = few.steps.get(from..to).unwrap_or_default();
        theil_sen(steps, few.between(from, to)).map_or(0.0, |line| line.slope)
    };
    let (early, late) = (slope(0, half), slope(half, few.len()));
    let vanishing =
        run.grad_norm.as_ref().is_some_and(|g| g.len() >= 5 && g.end() < 0.01 * g.start());
    (late < 0.0 && late <= 0.5 * early && !vanishing).then(|| {
        let (start, now) = (track.logged(track.start()), track.logged(track.end()));
        Finding::new(
            Kind::LrTooLow,
            &track.name,
            format!(
                "{} falls steadily but slowly, {} in {} points ({} to {}), and does not flatten: \
                 consistent with a learning rate that is too low",
                track.name,
                percent(*drop),
                track.len(),
                show(start),
                show(now),
            ),
        )
        .at(track.curve.step(0))
        .confidence(Confidence::Medium)
        .with("start", start)
        .with("now", now)
        .with("drop_percent", 100.0 * drop)
        .with("slope_early", early)
        .with("slope_late", late)
        .with("tau", trend.tau)
    })
}

/// The second half brought under 2 % of the fall and under 1 % of the level.
fn plateau(run: &Run<'_>, track: &Track, course: &Course) -> Option<Finding> {
    let n = track.blocks.len();
    if n < FEWEST_FOR_PLATEAU || course.drop < 0.05 || course.sigmas < 3.0 {
        return None;
    }
    let blocks = &track.blocks;
    let width = (n / 10).max(3);
    let middle = median_or_zero(blocks.between(n / 2 - width / 2, n / 2 - width / 2 + width));
    let (start, end) = (track.start(), track.end());
    let late = middle - end;
    let few = track.few();
    let second = mann_kendall(few.between(few.len() / 2, few.len()));
    let flat = late < 0.02 * (start - end) / run.strictness
        && late < 0.01 * middle.abs() / run.strictness
        && late > -0.05 * (start - end)
        && (second.tau > -0.2 || second.p > 0.05);
    if !flat {
        return None;
    }
    // At the end of its schedule a run has no reason to move.
    let decayed = run.learning_rate.as_ref().is_some_and(schedule::has_decayed);
    if decayed {
        return None;
    }
    let since = knee(track);
    Some(
        Finding::new(
            Kind::Plateau,
            &track.name,
            format!(
                "{} fell from {} to {} by step {} and has not progressed since",
                track.name,
                show(track.logged(start)),
                show(track.logged(end)),
                show(since),
            ),
        )
        .at(since)
        .confidence(Confidence::Low)
        .with("start", track.logged(start))
        .with("now", track.logged(end))
        .with("second_half_share_percent", 100.0 * late / (start - end))
        .with("tau_second_half", second.tau),
    )
}

/// The first step at which the smoothed curve has made 98 % of its way.
fn knee(track: &Track) -> f64 {
    let smooth = track.smooth();
    let (start, end) = (track.start(), track.end());
    let reached = smooth.values.iter().position(|v| *v <= end + 0.02 * (start - end));
    smooth.step(reached.unwrap_or(0))
}

/// A loss that stands at `ln k`: what guessing among `k` classes costs.
fn chance(run: &Run<'_>, track: &Track, report: &Report) -> Option<Finding> {
    let stuck = report.warns(Kind::NotLearning) || report.find(Kind::Diverged).is_some();
    if !stuck || !track.positive() {
        return None;
    }
    let level = track.end();
    let known = run.config_number(&["num_labels", "num_classes", "vocab_size", "n_classes"]);
    let classes = known.into_iter().chain(USUAL_CLASSES.iter().map(|k| f64::from(*k)));
    let k = classes.filter(|k| *k >= 2.0).find(|k| (level / k.ln() - 1.0).abs() < 0.01)?;
    Some(
        Finding::new(
            Kind::ChanceLevel,
            &track.name,
            format!(
                "{} stands at {} = ln {k}: the loss of guessing among {k}",
                track.name,
                show(level)
            ),
        )
        .confidence(if known == Some(k) || k == 2.0 { Confidence::High } else { Confidence::Low })
        .with("level", level)
        .with("classes", k),
    )
}

/// Numbers of classes and sizes of vocabularies that occur; every number would match something.
const USUAL_CLASSES: [u32; 18] =
    [2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 100, 256, 1000, 32_000, 50_257, 50_304, 128_256, 151_936];
