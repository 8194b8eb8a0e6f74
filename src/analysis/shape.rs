//! A series in words and a dozen points, for a reader without a picture.

use super::{
    checks::{self, overfitting::turn},
    curve::Curve,
    finding::{Kind, Report},
    methods::running::running_median,
    number::{percent, show},
    role::{Direction, Role, Split, classify},
    run::{Options, Run, RunFacts, Status, Track},
    series::Series,
    span::course,
};
use crate::quote;

/// Points that are named.
const ANCHORS: usize = 12;

/// The course of `series`, what the checks say of it, and its anchor points: start, knees, best,
/// last. Under 150 tokens.
pub fn shape(name: &str, series: &Series, direction: Option<Direction>) -> String {
    let metrics = [(name.to_owned(), series.clone())];
    let facts = RunFacts { metrics: &metrics, status: Status::Ended, ..RunFacts::default() };
    let options = Options {
        train_metric: Some(name.to_owned()),
        directions: direction.map(|d| (name.to_owned(), d)).into_iter().collect(),
        ..Options::default()
    };
    let run = Run::resolve(facts, &options);
    let Some(track) = run.train.as_ref().filter(|track| !track.is_empty()) else {
        return format!("{} has no finite value", quote::name(name));
    };
    let mut words = vec![format!("{}{}", course(track), manner(track))];
    // A schedule or a counter is described, not judged.
    let judged = direction.is_some() || classify(name).direction.is_some();
    let report = checks::of_curves(&run);
    let held_out = classify(name).split == Some(Split::Eval);
    let turn = (judged && held_out).then(|| turn(track)).flatten();
    if let Some(turn) = turn.filter(|turn| turn.rising && turn.sigmas > 3.0) {
        let step = show(track.blocks().step(turn.lowest));
        words
            .push(format!("turned at step {step}, {} worse since", percent(turn.loss_from_lowest)));
    }
    let kinds: &[Kind] = match judged {
        true if held_out => &[Kind::NonFinite, Kind::NotLearning, Kind::Plateau],
        true => &[
            Kind::NonFinite,
            Kind::Diverged,
            Kind::LossSpikes,
            Kind::NotLearning,
            Kind::Plateau,
            Kind::RewardCollapsed,
            Kind::RewardDeclining,
            Kind::RewardFlat,
        ],
        false => &[Kind::NonFinite, Kind::GradExplosion],
    };
    words.extend(remarks(&report, kinds));
    let points: Vec<String> = anchors(track)
        .into_iter()
        .map(|(step, value)| format!("{}: {}", show(step), show(value)))
        .collect();
    format!("{}. Step: value {}", words.join("; "), points.join(", "))
}

/// The first two remarks, short.
fn remarks<'a>(report: &'a Report, kinds: &'a [Kind]) -> impl Iterator<Item = String> + 'a {
    kinds.iter().filter_map(|kind| report.find(*kind)).take(2).map(|finding| {
        let word = match finding.kind {
            Kind::NonFinite => "non-finite",
            Kind::Diverged => "diverged",
            Kind::LossSpikes => "spikes",
            Kind::NotLearning => "no progress",
            Kind::Plateau => "plateau",
            Kind::GradExplosion => "grew or jumped",
            Kind::RewardCollapsed => "collapsed",
            Kind::RewardDeclining => "declining",
            _ => "flat",
        };
        match (finding.step, finding.until_step) {
            (Some(step), Some(until)) if step == until => format!("{word} at step {step}"),
            (Some(step), Some(until)) => format!("{word} at steps {step} to {until}"),
            (Some(step), None) => format!("{word} from step {step}"),
            (None, _) => word.to_owned(),
        }
    })
}

/// How it went: steadily, with noise, without a trend.
fn manner(track: &Track) -> &'static str {
    if track.role == Role::LearningRate || track.len() < 5 {
        return "";
    }
    match track.course().tau.abs() {
        0.9.. => ", steadily",
        0.4.. => "",
        0.2.. => ", noisily",
        _ => ", without a trend",
    }
}

/// Start, knees, best and last: first the landmarks, then again and again the point of the
/// smoothed curve that is farthest from the line through its neighbours (Ramer 1972, Douglas &
/// Peucker 1973).
fn anchors(track: &Track) -> Vec<(f64, f64)> {
    let raw = &track.raw();
    let best = Track::best(&track.curve);
    let blocks = raw.blocks(200);
    let smooth = Curve { values: running_median(&blocks.values, 3), steps: blocks.steps };
    let mut chosen = vec![
        (raw.step(0), raw.value(0)),
        (raw.step(best), raw.value(best)),
        (raw.last_step(), raw.value(raw.len().saturating_sub(1))),
    ];
    chosen.sort_by(|a, b| a.0.total_cmp(&b.0));
    chosen.dedup_by(|a, b| a.0 == b.0);
    while chosen.len() < ANCHORS.min(raw.len()) {
        let Some(knee) = farthest(&chosen, &smooth) else { break };
        let at = chosen.partition_point(|point| point.0 < knee.0);
        chosen.insert(at, knee);
    }
    chosen
}

/// The point of `curve` that lies farthest above or below the polyline through `chosen`.
fn farthest(chosen: &[(f64, f64)], curve: &Curve) -> Option<(f64, f64)> {
    let line = |step: f64| {
        chosen.windows(2).find_map(|pair| match pair {
            [a, b] if a.0 < step && step < b.0 => {
                Some(a.1 + (b.1 - a.1) * (step - a.0) / (b.0 - a.0))
            }
            _ => None,
        })
    };
    curve
        .steps
        .iter()
        .zip(&curve.values)
        .filter_map(|(step, value)| Some((*step, *value, (value - line(*step)?).abs())))
        .max_by(|a, b| a.2.total_cmp(&b.2))
        .filter(|(_, _, distance)| *distance > 0.0)
        .map(|(step, value, _)| (step, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(n: usize, f: impl Fn(f64) -> f64) -> Series {
        let mut series = Series::default();
        for i in 0..n {
            series.push(i as f64 * 10.0, i as f64, f(i as f64));
        }
        series
    }

    #[test]
    fn a_falling_loss_in_words() {
        let text = shape("train/loss", &series(500, |i| 0.5 + 2.0 * (-i / 60.0).exp()), None);
        assert!(text.starts_with("train/loss fell from 2."), "{text}");
        assert!(text.contains("steadily") && text.contains("4990: 0.5"), "{text}");
        assert!(text.len() < 600, "{} bytes: {text}", text.len());
    }

    #[test]
    fn a_spike_and_a_nan_are_named() {
        let text = shape(
            "loss",
            &series(300, |i| match i as usize {
                100..110 => 9.0,
                295.. => f64::NAN,
                _ => 1.0 + (-i / 50.0).exp() + 0.01 * (i * 1.7).sin(),
            }),
            None,
        );
        assert!(text.contains("non-finite from step 2950"), "{text}");
        assert!(text.contains("spikes at steps 1000 to 1090"), "{text}");
    }

    #[test]
    fn what_recovered_has_an_end() {
        let bad = |i: f64| if (7.0..10.0).contains(&i) { f64::INFINITY } else { 3.0 - i / 60.0 };
        let text = shape("loss", &series(100, bad), None);
        assert!(text.contains("non-finite at steps 70 to 90"), "{text}");
    }

    #[test]
    fn a_schedule_is_described_without_judgement() {
        let text = shape("train/learning_rate", &series(100, |i| 1e-4 * (1.0 - i / 100.0)), None);
        assert!(!text.contains("progress"), "{text}");
        assert_eq!(shape("x", &Series::default(), None), "x has no finite value");
    }
}
