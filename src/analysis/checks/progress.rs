//! Whether the curve goes anywhere: no learning, a rate too low, a plateau, the level of chance.

use crate::analysis::{
    course::{Course, standard_error},
    finding::{Confidence, Finding, Kind, Report},
    methods::{
        mann_kendall::{mann_kendall, tau},
        median::median_or_zero,
        noise::noise,
        theil_sen::theil_sen,
    },
    number::{percent, show},
    role::{Direction, Role},
    run::{Run, Track},
    schedule, shifts,
    span::Span,
};

/// Fewest points from which the absence of progress can be told.
const FEWEST: usize = 8;
/// Fewest points from which the end of progress can be told.
const FEWEST_FOR_PLATEAU: usize = 15;

/// Asks the training curve, and the held-out one where training alone would look dead.
pub fn check(run: &Run<'_>, report: &mut Report) {
    let Some(track) = run.main() else { return };
    if track.role == Role::AdversarialLoss {
        report.skip("not_learning", format!("{} is adversarial: it need not fall", track.shown()));
        return;
    }
    if track.len() < FEWEST {
        let reason = format!("{} has {} points; {FEWEST} needed", track.shown(), track.len());
        report.skip("not_learning", reason);
        return;
    }
    let course = track.course();
    if let Some(finding) = lr_too_low(run, track, &course) {
        report.add(finding);
    } else if let Some(finding) = not_learning(run, track, &course) {
        // One that diverged did learn first, or its loss says so already.
        if report.find(Kind::Diverged).is_none() {
            report.add(finding);
        }
    } else if let Some(finding) = plateau(run, track, &course) {
        report.add(finding);
    }
    if let Some(finding) = chance(run, track, report) {
        report.add(finding);
    }
}

/// No fall of 5 %, or none beyond noise, and no clear trend; or the level of chance.
fn not_learning(run: &Run<'_>, track: &Track, course: &Course) -> Option<Finding> {
    let Course { tau, drop, errors, at_once } = *course;
    let little = drop < 0.05 / run.strictness
        && (tau.abs() < 0.3 || drop < 0.02 / run.strictness || track.trend().p > 0.05);
    let only_noise = errors < 3.0 && tau > -0.2 && track.trend().p > 0.05;
    let guessing = stands_at_chance(run, track);
    // A loss that moves little may yet teach what the held-out data measure.
    let learns = |eval: &Track| (eval.len() >= 3 && eval.drop() > 0.05) || still_improves(eval);
    let eval_learns = run.eval.as_ref().is_some_and(learns);
    let still = (little || only_noise) && !at_once && !eval_learns;
    (still || guessing.is_some()).then(|| {
        let span = Span::levels(track);
        let n = track.len();
        let name = track.shown();
        let summary = match guessing {
            Some(k) => format!(
                "{name} stays at {} (smoothed), about ln {k}: that is guessing among {k}",
                show(span.end)
            ),
            None => format!(
                "{name} {} in {n} points: {} at the start, {} now (smoothed, {})",
                if drop < 0.05 { "made no progress" } else { "moved no more than its noise" },
                show(span.start),
                show(span.end),
                percent(span.change()),
            ),
        };
        Finding::new(Kind::NotLearning, &track.name, summary)
            .at(track.curve.step(0))
            .confidence(if n < 15 { Confidence::Medium } else { Confidence::High })
            .with("start", span.start)
            .with("now", span.end)
            .with("smoothed_drop_percent", 100.0 * drop)
            .with("tau", tau)
            .with("points", n)
    })
}

/// Under 5 % of progress, but steadily so: the second half as steep as half the first.
fn lr_too_low(run: &Run<'_>, track: &Track, course: &Course) -> Option<Finding> {
    let Course { tau, drop, .. } = *course;
    let steady = drop > 0.0
        && drop < 0.05 / run.strictness
        && tau < -0.6
        && track.len() >= FEWEST_FOR_PLATEAU
        && track.trend().p < 0.01;
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
        let span = Span::of(track);
        Finding::new(
            Kind::LrTooLow,
            &track.name,
            format!(
                "{} falls steadily but slowly, {} in {} points ({} to {}{}), and does not flatten: \
                 consistent with a learning rate that is too low",
                track.shown(),
                percent(span.change()),
                track.len(),
                show(span.start),
                show(span.end),
                span.mark(),
            ),
        )
        .at(track.curve.step(0))
        .confidence(Confidence::Medium)
        .with("start", span.start)
        .with("now", span.end)
        .with("smoothed_drop_percent", 100.0 * drop)
        .with("slope_early", early)
        .with("slope_late", late)
        .with("tau", tau)
    })
}

/// The second half brought nothing, and that is shown, not just not refuted: what it may have
/// brought at most (two standard errors above what was measured) is under 2.2 % of the fall, or
/// under 1 % of the level, with no trend left in training or evaluation.
fn plateau(run: &Run<'_>, track: &Track, course: &Course) -> Option<Finding> {
    let few = track.few();
    let n = few.len();
    if n < FEWEST_FOR_PLATEAU || (course.errors < 3.0 && !course.at_once) {
        return None;
    }
    let start = if course.at_once { few.value(0) } else { track.start() };
    let quarter = n / 4;
    let third = median_or_zero(few.between(n / 2, n / 2 + quarter));
    let fourth = median_or_zero(few.between(n - quarter, n));
    let (late, gain) = (third - fourth, start - fourth);
    let most = late + 2.0 * standard_error(noise(&few.values), quarter, quarter);
    let level = third.abs();
    let half = few.between(n / 2, n);
    let by_level = most < 0.01 * level / run.strictness && late < 0.025 * gain;
    let little = most < 0.022 * gain / run.strictness || by_level;
    let tau = tau(half);
    let ends = tau > -0.18 || (tau > -0.3 && mann_kendall(half).p > 0.03);
    let flat = little && late.abs() < 0.04 * level.min(gain) && ends;
    // A loss that lost 99 % of itself has no further to go.
    let room = !track.positive || fourth > 0.01 * start;
    let since = knee(track);
    let middle = few.step(n / 2);
    let early = since <= middle;
    // Where the schedule has ended a run has no reason to move.
    let ended = run.learning_rate.as_ref().is_some_and(|rate| schedule::has_decayed(rate, middle));
    let still = flat && room && early && !ended && !run.eval.as_ref().is_some_and(still_improves);
    // A curve that falls in stairs stands still until the next.
    let landing = || shifts::explained(run, track).iter().any(|s| s.step > few.step(n * 2 / 5));
    (still && !landing() && gain > 0.05 * start.abs()).then(|| {
        Finding::new(
            Kind::Plateau,
            &track.name,
            format!(
                "{} {} from {} to {} (smoothed) by step {} and has not progressed since",
                track.shown(),
                if track.direction == Direction::Max { "rose" } else { "fell" },
                show(track.logged(start)),
                show(track.logged(fourth)),
                show(since),
            ),
        )
        .at(since)
        .confidence(Confidence::Low)
        .with("start", track.logged(start))
        .with("now", track.logged(fourth))
        .with("last_quarter_share_percent", 100.0 * late / gain)
        .with("tau_second_half", tau)
    })
}

/// Whether a held-out curve goes down steadily in its second half: what training no longer shows.
fn still_improves(eval: &Track) -> bool {
    let few = eval.few();
    let half = few.between(few.len() / 2, few.len());
    half.len() >= 6 && tau(half) < -0.6
}

/// The first step at which the smoothed curve has made 95 % of its way.
fn knee(track: &Track) -> f64 {
    let smooth = track.smooth();
    let (start, end) = (track.start(), track.end());
    let reached = smooth.values.iter().position(|v| *v <= end + 0.05 * (start - end));
    smooth.step(reached.unwrap_or(0))
}

/// The number of classes at whose `ln k` the second half of the curve stands, to 0.5 %. Only two
/// classes and the configured number: every other level is the logarithm of some number.
fn stands_at_chance(run: &Run<'_>, track: &Track) -> Option<f64> {
    let known = run.config_number(CLASSES).filter(|k| *k >= 2.0);
    let few = track.few();
    let half = few.between(few.len() / 2, few.len());
    [Some(2.0), known]
        .into_iter()
        .flatten()
        .find(|k| half.iter().all(|v| (v / k.ln() - 1.0).abs() < 0.005))
        .filter(|_| track.positive)
}

/// A loss that stands at `ln k`: what guessing among `k` classes costs.
fn chance(run: &Run<'_>, track: &Track, report: &Report) -> Option<Finding> {
    let stuck = report.warns(Kind::NotLearning) || report.find(Kind::Diverged).is_some();
    if !stuck || !track.positive {
        return None;
    }
    let level = track.end();
    let known = run.config_number(CLASSES);
    let classes = known.into_iter().chain(USUAL_CLASSES.iter().map(|k| f64::from(*k)));
    let near = |k: &f64| *k >= 2.0 && (level / k.ln() - 1.0).abs() < 0.01;
    let k = stands_at_chance(run, track).or_else(|| classes.into_iter().find(near))?;
    let sure = known == Some(k) || k == 2.0;
    Some(
        Finding::new(
            Kind::ChanceLevel,
            &track.name,
            format!(
                "{} stands at {} (smoothed), about ln {k}: the loss of guessing among {k}",
                track.shown(),
                show(level)
            ),
        )
        .confidence(if sure { Confidence::High } else { Confidence::Low })
        .with("level", level)
        .with("classes", k),
    )
}

/// Where a configuration tells how many classes there are.
const CLASSES: &[&str] = &["num_labels", "num_classes", "n_classes", "vocab_size"];

/// Numbers of classes and sizes of vocabularies that occur; every number would match something.
const USUAL_CLASSES: [u32; 18] =
    [2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 100, 256, 1000, 32_000, 50_257, 50_304, 128_256, 151_936];
