//! What all traces of a selection have in common, together and by step.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use crate::analysis::number::Number;
use crate::tools::common::shape::counted;
use crate::trackio::subsample::evenly;
use crate::trackio::trace::outline::{Counts, Outline};
use crate::trackio::trace::{self, Head};
use crate::trackio::value::Step;
use crate::trackio::{Result as TrackioResult, Snapshot};

/// So long traces are read through for the statistics.
const DEADLINE: Duration = Duration::from_secs(5);
/// So many scores are told of.
const MOST_SCORES: usize = 8;
/// So many different names are gathered: metadata can hold any.
const MOST_NAMES: usize = 64;
/// So many steps stand in an answer.
const MOST_STEPS: usize = 50;
/// So many scores have a mean at each step.
const SCORES_BY_STEP: usize = 2;

/// All traces of the selection.
#[derive(Serialize)]
pub struct Statistics {
    statistics: Sums,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scores: Vec<Score>,
    steps: Vec<AtStep>,
    /// How many steps there are, where not all are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps_in_all: Option<usize>,
}

#[derive(Default, Serialize)]
struct Sums {
    messages: usize,
    characters: usize,
    /// Traces in which something failed.
    with_errors: usize,
    #[serde(skip_serializing_if = "Counts::is_empty")]
    tool_calls: Counts,
    #[serde(skip_serializing_if = "Counts::is_empty")]
    span_kinds: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<Number>,
}

/// A number of the metadata.
#[derive(Serialize)]
struct Score {
    name: String,
    count: usize,
    #[serde(skip_serializing_if = "is_zero")]
    non_finite: usize,
    mean: Option<Number>,
    min: Option<Number>,
    max: Option<Number>,
}

/// One step; `step` and `count` are Trackio's.
#[derive(Serialize)]
struct AtStep {
    step: Option<Step>,
    count: usize,
    #[serde(skip_serializing_if = "is_zero")]
    with_errors: usize,
    /// The mean of each main score.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    means: BTreeMap<String, Value>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Numbers that are added up one by one.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    count: usize,
    non_finite: usize,
    sum: f64,
    min: Option<f64>,
    max: Option<f64>,
}

impl Tally {
    fn add(&mut self, number: f64) {
        self.count += 1;
        if !number.is_finite() {
            self.non_finite += 1;
            return;
        }
        self.sum += number;
        self.min = Some(self.min.map_or(number, |min| min.min(number)));
        self.max = Some(self.max.map_or(number, |max| max.max(number)));
    }

    fn mean(self) -> Option<f64> {
        let finite = self.count - self.non_finite;
        (finite > 0).then(|| self.sum / finite as f64)
    }
}

/// What one step has.
#[derive(Default)]
struct Gathered {
    step: Option<Step>,
    count: usize,
    with_errors: usize,
    scores: BTreeMap<String, Tally>,
}

impl Statistics {
    /// Reads every trace through, as far as the time allows. Answers the outlines of the first too,
    /// `most` at most, `None` for one that cannot be read.
    pub fn of(
        snapshot: &Snapshot<'_>,
        heads: &[Head],
        most: usize,
        notes: &mut Vec<String>,
    ) -> TrackioResult<(Self, Vec<Option<Outline>>)> {
        let mut first = Vec::new();
        let began = Instant::now();
        let mut sums = Sums::default();
        let mut scores: BTreeMap<String, Tally> = BTreeMap::new();
        let mut steps: BTreeMap<u64, Gathered> = BTreeMap::new();
        let (mut unreadable, mut unread) = (0, 0);
        for head in heads {
            let at = steps.entry(place(head.step)).or_default();
            at.step = head.step;
            at.count += 1;
            snapshot.stop.check()?;
            if began.elapsed() > DEADLINE {
                unread += 1;
                continue;
            }
            let outline = trace::read(snapshot, head, Outline::of)?;
            if first.len() < most {
                first.push(outline.clone());
            }
            let Some(outline) = outline else {
                unreadable += 1;
                continue;
            };
            for (name, number) in outline.numbers() {
                for scores in [&mut scores, &mut at.scores] {
                    if scores.len() < MOST_NAMES || scores.contains_key(&name) {
                        scores.entry(name.clone()).or_default().add(number);
                    }
                }
            }
            at.with_errors += usize::from(outline.errors > 0);
            sums.add(outline);
        }
        notes.extend((unreadable > 0).then(|| {
            format!(
                "{} cannot be read; the statistics leave them out.",
                counted(unreadable, "trace")
            )
        }));
        notes.extend((unread > 0).then(|| {
            format!(
                "The statistics beside `count` cover the newest {} of {} traces: more would take \
                 too long.",
                heads.len() - unread,
                heads.len()
            )
        }));
        let scores = main_scores(scores);
        let by_step: Vec<&String> = scores
            .iter()
            .map(|score| &score.name)
            .filter(|name| is_score(name))
            .take(SCORES_BY_STEP)
            .collect();
        let steps: Vec<AtStep> =
            steps.into_values().map(|gathered| gathered.shown(&by_step)).collect();
        let mut statistics = Self { statistics: sums, scores, steps, steps_in_all: None };
        statistics.keep_steps(MOST_STEPS);
        Ok((statistics, first))
    }

    /// Leaves out steps, then scores.
    pub fn shrink(&mut self, share: f64) -> bool {
        let before = (self.steps.len(), self.scores.len());
        self.keep_steps(((before.0 as f64 * share) as usize).max(2));
        if self.steps.len() == before.0 {
            self.scores.truncate(((before.1 as f64 * share) as usize).max(1));
        }
        before != (self.steps.len(), self.scores.len())
    }

    fn keep_steps(&mut self, most: usize) {
        let all = self.steps.len();
        if all <= most {
            return;
        }
        self.steps_in_all = self.steps_in_all.or(Some(all));
        let kept = evenly(all, most);
        let mut place = 0;
        self.steps.retain(|_| {
            place += 1;
            kept.contains(&(place - 1))
        });
    }
}

impl Sums {
    fn add(&mut self, outline: Outline) {
        self.messages += outline.messages;
        self.characters += outline.characters;
        self.with_errors += usize::from(outline.errors > 0);
        let pairs =
            [(&mut self.tool_calls, outline.tool_calls), (&mut self.span_kinds, outline.spans)];
        for (sums, more) in pairs {
            for (name, count) in more {
                if sums.len() < MOST_NAMES / 4 || sums.contains_key(&name) {
                    *sums.entry(name).or_default() += count;
                } else {
                    *sums.entry("…".to_owned()).or_default() += count;
                }
            }
        }
        if let Some(cost) = outline.cost_usd {
            self.cost_usd = Some(Number(self.cost_usd.map_or(0.0, |sum| sum.0) + cost));
        }
    }
}

impl Gathered {
    fn shown(self, scores: &[&String]) -> AtStep {
        let mean = |name: &&String| {
            let mean = self.scores.get(*name)?.mean()?;
            Some(((*name).clone(), serde_json::to_value(Number(mean)).ok()?))
        };
        let means = scores.iter().filter_map(mean).collect();
        AtStep { step: self.step, count: self.count, with_errors: self.with_errors, means }
    }
}

/// The order of steps, as a key.
fn place(step: Option<Step>) -> u64 {
    let bits = step.map_or(f64::NEG_INFINITY, Step::as_f64).to_bits();
    // Floats compare as integers once the sign is set right.
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// Those that are scores by their name first, then the most frequent.
fn main_scores(tallies: BTreeMap<String, Tally>) -> Vec<Score> {
    let mut tallies: Vec<(String, Tally)> = tallies.into_iter().collect();
    tallies.sort_by_key(|(name, tally)| (!is_score(name), std::cmp::Reverse(tally.count)));
    let shown = |(name, tally): (String, Tally)| Score {
        name,
        count: tally.count,
        non_finite: tally.non_finite,
        mean: tally.mean().map(Number),
        min: tally.min.map(Number),
        max: tally.max.map(Number),
    };
    tallies.into_iter().take(MOST_SCORES).map(shown).collect()
}

/// Whether a name says that the number rates the trace.
fn is_score(name: &str) -> bool {
    const WORDS: [&str; 10] = [
        "reward",
        "score",
        "return",
        "accuracy",
        "correct",
        "rating",
        "grade",
        "pass",
        "advantage",
        "success",
    ];
    let name = name.to_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}
