//! What makes a comparison of runs unfair, one sentence each.

use super::contender::Contender;
use crate::analysis::{number::show, role::Role, run::Status};

/// So many runs are named; the rest are counted.
const NAMED: usize = 5;
/// Steps per point so far apart, at a similar number of points, are steps of another kind.
const OTHER_AXIS: f64 = 10.0;
/// The same for the distance between points.
const OTHER_CADENCE: f64 = 1.5;
/// Levels at the start so far apart, of ranges that do not meet, are values of another kind.
const OTHER_SCALE: f64 = 5.0;

/// A run as far as it matters here.
#[derive(Debug, Clone)]
pub struct Entrant {
    /// What it is called.
    pub label: String,
    /// Whether rows still arrive.
    pub status: Status,
    /// Its last step.
    pub step: Option<f64>,
    /// The planned steps, where known.
    pub total: Option<f64>,
    /// Whether it has the metric that decides, be it only as NaN.
    pub has_metric: bool,
    /// That metric; `None` where no value is finite.
    pub contender: Option<Contender>,
}

/// What is to be said of a comparison.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fairness {
    /// One sentence each, the gravest first.
    pub warnings: Vec<String>,
    /// Whether values cannot be ranked: they are of another scale.
    pub other_scale: bool,
}

/// Looks at `entrants` compared by `metric`.
pub fn fairness(metric: &str, role: Role, entrants: &[Entrant]) -> Fairness {
    let scale = scale(metric, role, entrants);
    let axis = axis(entrants);
    let cadence = if axis.is_none() { cadence(metric, entrants) } else { None };
    let other_scale = scale.as_ref().is_some_and(|(_, of_leaders)| *of_leaders);
    let scale = scale.map(|(warning, _)| warning);
    let warnings = [scale, axis, missing(metric, entrants), not_finite(metric, entrants)]
        .into_iter()
        .chain([running(entrants), early(entrants), length(metric, entrants), cadence])
        .chain([resumed(entrants)]);
    Fairness { warnings: warnings.flatten().collect(), other_scale }
}

/// Names in a sentence: `a, b and 3 more`.
pub fn names<T: AsRef<str>>(names: &[T]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The labels of the entrants for which `tell` has something to add.
fn told(entrants: &[Entrant], tell: impl Fn(&Entrant) -> Option<String>) -> Option<String> {
    let told: Vec<String> = entrants
        .iter()
        .filter_map(|entrant| Some(format!("{}{}", entrant.label, tell(entrant)?)))
        .collect();
    (!told.is_empty()).then(|| names(&told))
}

fn contenders(entrants: &[Entrant]) -> Vec<(&str, &Contender)> {
    let pair = |entrant: &'_ Entrant| entrant.contender.is_some();
    let with = entrants.iter().filter(|entrant| pair(entrant));
    with.filter_map(|entrant| Some((entrant.label.as_str(), entrant.contender.as_ref()?))).collect()
}

fn missing(metric: &str, entrants: &[Entrant]) -> Option<String> {
    let without = told(entrants, |entrant| (!entrant.has_metric).then(String::new))?;
    Some(format!("{metric} is missing in {without}: not ranked"))
}

fn not_finite(metric: &str, entrants: &[Entrant]) -> Option<String> {
    let told = told(entrants, |entrant| match &entrant.contender {
        None if entrant.has_metric => Some(" (no finite value: not ranked)".to_owned()),
        Some(contender) if contender.series.values.last().is_some_and(|last| !last.is_finite()) => {
            let step = show(contender.last_step());
            Some(format!(" (finite up to step {step}: only those values count)"))
        }
        _ => None,
    })?;
    Some(format!("{metric} ends in NaN or infinity in {told}"))
}

fn place(entrant: &Entrant) -> Option<String> {
    let step = show(entrant.step?);
    Some(match entrant.total {
        Some(total) => format!(" (step {step} of {})", show(total)),
        None => format!(" (step {step})"),
    })
}

fn running(entrants: &[Entrant]) -> Option<String> {
    let running = told(entrants, |entrant| match entrant.status {
        Status::Ended => None,
        Status::Active | Status::Idle => place(entrant),
    })?;
    Some(format!("still running: {running}"))
}

fn early(entrants: &[Entrant]) -> Option<String> {
    let early = told(entrants, |entrant| {
        let (step, total) = (entrant.step?, entrant.total?);
        (entrant.status == Status::Ended && step < 0.99 * total - 1.0).then(|| place(entrant))?
    })?;
    Some(format!("ended before its planned steps: {early}"))
}

fn resumed(entrants: &[Entrant]) -> Option<String> {
    let is_resumed = |entrant: &Entrant| {
        entrant.contender.as_ref().is_some_and(|contender| contender.resumed).then(String::new)
    };
    let resumed = told(entrants, is_resumed)?;
    Some(format!(
        "resumed from an earlier step (of a step logged twice the later value counts): {resumed}"
    ))
}

/// The entrants with the smallest and the largest of a measure, and both measures.
fn extremes<'a>(
    all: &[(&'a str, &Contender)],
    measure: impl Fn(&Contender) -> Option<f64>,
) -> Option<(f64, Vec<&'a str>, f64, Vec<&'a str>)> {
    let measured: Vec<(&str, f64)> =
        all.iter().filter_map(|(label, one)| Some((*label, measure(one)?))).collect();
    let least = measured.iter().map(|(_, found)| *found).min_by(f64::total_cmp)?;
    let most = measured.iter().map(|(_, found)| *found).max_by(f64::total_cmp)?;
    let with = |wanted: f64| {
        let near = measured.iter().filter(move |(_, found)| (found / wanted - 1.0).abs() < 0.05);
        near.map(|(label, _)| *label).collect::<Vec<&'a str>>()
    };
    (least > 0.0).then(|| (least, with(least), most, with(most)))
}

fn axis(entrants: &[Entrant]) -> Option<String> {
    let all = contenders(entrants);
    let (least, few, most, many) = extremes(&all, |one| Some(one.last_step()))?;
    let points = |labels: &[&str]| {
        let of = all.iter().filter(|(label, _)| labels.contains(label));
        of.map(|(_, one)| one.len()).max().unwrap_or(1) as f64
    };
    let (a, b) = (points(&few), points(&many));
    let alike = a > 2.0 && b > 2.0 && a.max(b) / a.min(b) <= 3.0;
    (most / least >= OTHER_AXIS && alike).then(|| {
        format!(
            "steps look like different units: {} points up to step {} in {}, {} up to step {} in \
             {}; align: fraction or elapsed compares such runs",
            show(a),
            show(least),
            names(&few),
            show(b),
            show(most),
            names(&many)
        )
    })
}

fn cadence(metric: &str, entrants: &[Entrant]) -> Option<String> {
    let (least, often, most, seldom) = extremes(&contenders(entrants), Contender::spacing)?;
    (most / least >= OTHER_CADENCE).then(|| {
        format!(
            "{metric} was logged every {} steps in {}, every {} in {}: the best of more points is \
             a luckier one",
            show(least),
            names(&often),
            show(most),
            names(&seldom)
        )
    })
}

fn length(metric: &str, entrants: &[Entrant]) -> Option<String> {
    let (least, short, most, long) = extremes(&contenders(entrants), |one| Some(one.last_step()))?;
    (most / least > 1.1).then(|| {
        format!(
            "{metric} goes up to step {} in {}, up to step {} in {}",
            show(least),
            names(&short),
            show(most),
            names(&long)
        )
    })
}

/// Values of another scale, and whether that leaves open who is best: a loss far above the others
/// does not.
fn scale(metric: &str, role: Role, entrants: &[Entrant]) -> Option<(String, bool)> {
    let mut all = contenders(entrants);
    match role {
        Role::Score | Role::PreferenceAccuracy => {
            let (small, large): (Vec<_>, Vec<_>) =
                all.iter().partition(|(_, one)| one.range().1 <= 1.0 + 1e-9);
            let large: Vec<&str> = large
                .iter()
                .filter(|(_, one)| one.range().1 > 1.5)
                .map(|(name, _)| *name)
                .collect();
            let small: Vec<&str> = small.iter().map(|(name, _)| *name).collect();
            (!small.is_empty() && !large.is_empty()).then(|| {
                let warning = format!(
                    "{metric} has another scale: at most 1 in {}, above 1 in {} (percent?)",
                    names(&small),
                    names(&large)
                );
                (warning, true)
            })
        }
        Role::TrainLoss | Role::EvalLoss | Role::LossPart => {
            all.sort_by(|a, b| a.1.range().0.total_cmp(&b.1.range().0));
            let (lowest, others) = all.split_first()?;
            let apart = |other: &&(&str, &Contender)| {
                let (low, high) = (lowest.1.start(), other.1.start());
                lowest.1.range().1 < other.1.range().0 && low > 0.0 && high / low >= OTHER_SCALE
            };
            let other = others.iter().find(apart)?;
            let warning = format!(
                "{metric} has another scale or another start: it begins at {} in {}, at {} in {}, \
                 and their values never meet",
                show(lowest.1.start()),
                lowest.0,
                show(other.1.start()),
                other.0
            );
            Some((warning, others.first().is_some_and(|second| apart(&second))))
        }
        _ => None,
    }
}
