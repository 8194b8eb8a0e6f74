//! Which of a run's media are meant.

use std::collections::BTreeMap;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use super::super::common::Failure;
use super::super::common::nearest::{nearest, quoted};
use super::super::common::resolve::shown;
use super::{FILE, IMAGE};
use crate::trackio::media::Logged;
use crate::trackio::value::Step;

/// Trackio's types of media, by its names.
const TYPES: [&str; 8] =
    ["image", "table", "histogram", "audio", "video", "object3d", "html", "markdown"];

/// Words of users for them.
const SYNONYMS: [(&str, &str); 5] = [
    ("report", "markdown"),
    ("picture", "image"),
    ("sound", "audio"),
    ("3d", "object3d"),
    ("text", "markdown"),
];

/// What was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The metric's name.
    pub metric: Option<String>,
    /// The step.
    pub step: Option<f64>,
    /// Trackio's type.
    pub kind: Option<String>,
}

impl Wanted {
    /// Whether nothing was picked.
    pub fn is_everything(&self) -> bool {
        self.metric.is_none() && self.step.is_none() && self.kind.is_none()
    }

    /// Whether images are to be looked at, and not only listed.
    pub fn is_for_eyes(&self) -> bool {
        self.metric.is_some() || self.step.is_some() || self.kind.as_deref() == Some(IMAGE)
    }
}

/// The type that a word means: Trackio's, in any case and number, or one that was logged.
pub fn kind(word: &str) -> String {
    let lower = word.trim().to_lowercase();
    let lower = lower.strip_prefix("trackio.").unwrap_or(&lower);
    let one = lower.strip_suffix('s').unwrap_or(lower);
    let is_known = |word: &&str| TYPES.contains(word) || *word == FILE;
    let known = [lower, one].into_iter().find(is_known);
    let synonym = SYNONYMS.iter().find(|(word, _)| *word == one).map(|(_, meant)| *meant);
    known.or(synonym).unwrap_or(lower).to_owned()
}

/// Those that were asked for, newest first.
pub fn choose(all: &[Logged], wanted: &Wanted) -> Result<Vec<Logged>, Failure> {
    let of_kind: Vec<&Logged> = match &wanted.kind {
        Some(kind) => all.iter().filter(|logged| logged.kind == *kind).collect(),
        None => all.iter().collect(),
    };
    if let Some(kind) = &wanted.kind
        && of_kind.is_empty()
        && !TYPES.contains(&kind.as_str())
    {
        return Err(Failure(format!(
            "There is no type `{}`. Types are {} and {FILE}. {}",
            shown(kind),
            TYPES.join(", "),
            what_there_is(all)
        )));
    }
    let of_metric: Vec<&Logged> = match &wanted.metric {
        Some(metric) => of_kind.into_iter().filter(|logged| logged.metric == *metric).collect(),
        None => of_kind,
    };
    if let Some(metric) = &wanted.metric
        && of_metric.is_empty()
    {
        return Err(no_such_metric(all, metric, wanted.kind.as_deref()));
    }
    let mut chosen: Vec<Logged> = match wanted.step {
        Some(step) => of_metric
            .iter()
            .filter(|logged| logged.step.as_f64() == step)
            .copied()
            .cloned()
            .collect(),
        None => of_metric.iter().copied().cloned().collect(),
    };
    if let Some(step) = wanted.step
        && chosen.is_empty()
    {
        return Err(no_such_step(&of_metric, step));
    }
    chosen.reverse();
    Ok(chosen)
}

fn no_such_metric(all: &[Logged], metric: &str, kind: Option<&str>) -> Failure {
    let what = kind.unwrap_or("media");
    let names = nearest(metric, all.iter().map(|logged| logged.metric.as_str()));
    let near = match names.is_empty() {
        true => String::new(),
        false => format!(" Nearest: {}.", quoted(&names)),
    };
    Failure(format!(
        "This run logged no {what} under `{}`.{near} {} For numbers use get_metric_values.",
        shown(metric),
        what_there_is(all)
    ))
}

fn no_such_step(of_metric: &[&Logged], step: f64) -> Failure {
    let steps = || of_metric.iter().map(|logged| logged.step);
    let before = steps().filter(|own| own.as_f64() < step).max_by(by_number);
    let after = steps().filter(|own| own.as_f64() > step).min_by(by_number);
    let near: Vec<String> =
        [before, after].into_iter().flatten().map(|step| step.to_string()).collect();
    let hint = match near.is_empty() {
        true => "This run logged none at all.".to_owned(),
        false => format!("Nearest steps that have: {}.", near.join(", ")),
    };
    Failure(format!("No such media were logged at step {}. {hint}", Step::from_f64(step)))
}

fn by_number(a: &Step, b: &Step) -> std::cmp::Ordering {
    a.as_f64().total_cmp(&b.as_f64())
}

/// The types that a run logged, as a sentence.
pub fn what_there_is(all: &[Logged]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for logged in all {
        *counts.entry(&logged.kind).or_default() += 1;
    }
    let counts: Vec<String> =
        counts.into_iter().map(|(kind, count)| format!("{} {count}", shown(kind))).collect();
    match counts.is_empty() {
        true => "The run logged no media at all.".to_owned(),
        false => format!("The run logged: {}.", counts.join(", ")),
    }
}

/// The media of one metric.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Group {
    metric: String,
    #[serde(rename = "type")]
    kind: String,
    count: usize,
    #[schemars(with = "Option<f64>")]
    first_step: Step,
    #[schemars(with = "Option<f64>")]
    last_step: Step,
}

/// What there is, the most frequent first.
pub fn groups(all: &[Logged]) -> Vec<Group> {
    let mut groups: BTreeMap<(&str, &str), Group> = BTreeMap::new();
    for logged in all {
        let group = groups.entry((&logged.metric, &logged.kind)).or_insert_with(|| Group {
            metric: logged.metric.clone(),
            kind: logged.kind.clone(),
            count: 0,
            first_step: logged.step,
            last_step: logged.step,
        });
        group.count += 1;
        if logged.step.as_f64() < group.first_step.as_f64() {
            group.first_step = logged.step;
        }
        if logged.step.as_f64() > group.last_step.as_f64() {
            group.last_step = logged.step;
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

/// So many of them, evenly, first and last included.
pub fn evenly<T>(items: &[T], most: usize) -> Vec<&T> {
    if items.len() <= most || most < 2 {
        return items.iter().take(most).collect();
    }
    let last = items.len() - 1;
    (0..most).filter_map(|place| items.get(place * last / (most - 1))).collect()
}
