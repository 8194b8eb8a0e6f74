//! The answer: what the analysis found, as fields and sentences.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::Args;
use super::choose::Chosen;
use super::effect::{CoverageItem, EffectItem, FailureItem, display, settings_of};
use super::nearby::{NearDuplicate, OnFront, Proposed, SeedGroup, SeedNoise};
use super::read::Reading;
use crate::analysis::number::{Number, show};
use crate::analysis::role::Direction;
use crate::analysis::sweep::confounding::{Bond, Pair, pairs};
use crate::analysis::sweep::coverage::coverage;
use crate::analysis::sweep::effects::effects;
use crate::analysis::sweep::failures::failures;
use crate::analysis::sweep::{Keys, Trial};
use crate::tools::common::shape::counted;
use crate::tools::common::{Answer, Context, Output, Page};

const DEFAULT_LIMIT: usize = 12;
/// How many items the other lists hold at most.
pub const LISTED: usize = 8;

#[derive(Serialize, JsonSchema)]
pub struct Sweep {
    pub project: String,
    metric: String,
    direction: Direction,
    basis: String,
    runs: BTreeMap<&'static str, usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    best_run: Option<BestRun>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<BTreeMap<String, Value>>")]
    failures: Vec<FailureItem>,
    #[serde(flatten)]
    effects: Page<EffectItem>,
    #[schemars(with = "Vec<BTreeMap<String, Value>>")]
    coverage: Vec<CoverageItem>,
    #[schemars(with = "Vec<BTreeMap<String, Value>>")]
    seed_groups: Vec<SeedGroup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    seed_noise: Option<SeedNoise>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<BTreeMap<String, Value>>")]
    near_duplicates: Vec<NearDuplicate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    proposed: Option<Proposed>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<BTreeMap<String, Value>>")]
    pareto: Vec<OnFront>,
    /// How many items of these lists do not stand here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    left_out: BTreeMap<&'static str, usize>,
    #[serde(skip)]
    summary: String,
}

#[derive(Serialize)]
struct BestRun {
    run: String,
    run_id: String,
    value: Number,
    config: BTreeMap<String, Value>,
}

impl Sweep {
    /// Analyses what was read.
    pub fn of(reading: Reading, project: &str, args: &Args, context: &Context) -> Answer<Self> {
        let trials: Vec<Trial> = reading.runs.iter().map(|run| run.trial.clone()).collect();
        let keys = Keys::of(&trials);
        let directions: Vec<Direction> = reading.metrics.iter().map(|m| m.direction).collect();
        let lower = directions.first() == Some(&Direction::Min);
        let valued: Vec<bool> = trials.iter().map(|trial| trial.value().is_some()).collect();
        let confounded = pairs(&keys.varied, &valued);
        let failed = failures(&keys.varied, &trials);
        let coverages: Vec<_> =
            keys.varied.iter().map(|key| coverage(key, &trials, lower)).collect();
        let mut items: Vec<(EffectItem, CoverageItem)> = effects(&keys.varied, &trials, lower)
            .iter()
            .zip(keys.varied.iter().zip(&coverages))
            .enumerate()
            .map(|(place, (effect, (key, coverage)))| {
                let with = partners(place, &confounded, &keys);
                (
                    EffectItem::of(key, effect, coverage, with, lower),
                    CoverageItem::of(key, coverage),
                )
            })
            .collect();
        items.sort_by(|a, b| by_weight(&a.0, &b.0));
        let (effects, coverage): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        let failure_items: Vec<FailureItem> =
            failed.iter().filter_map(|f| FailureItem::of(f, &keys)).collect();
        let names: Vec<String> = effects.iter().map(|effect| effect.key.clone()).collect();
        let best_run = best_run(&reading, &names, lower);
        let notes = notes(&reading, &keys, &confounded, &effects);
        let summary = summary(&effects, &failure_items, &trials);

        let listed = super::nearby::Lists::of(&reading, &trials, &keys, &names, &directions);
        let proposed =
            args.config.as_ref().map(|config| Proposed::of(config, &reading, &trials, &keys));
        let main = reading.metrics.first();
        let mut output = Self {
            project: project.to_owned(),
            metric: main.map(|metric| metric.name.clone()).unwrap_or_default(),
            direction: directions.first().copied().unwrap_or(Direction::Min),
            basis: main.map(basis).unwrap_or_default(),
            runs: counts(&reading, &trials),
            best_run,
            failures: failure_items,
            effects: Page::of(effects, &context.page, DEFAULT_LIMIT),
            coverage: Page::of(coverage, &context.page, DEFAULT_LIMIT).items,
            seed_groups: listed.seed_groups,
            seed_noise: listed.seed_noise,
            near_duplicates: listed.near_duplicates,
            proposed,
            pareto: listed.pareto,
            left_out: BTreeMap::new(),
            summary,
        };
        output.cut(context.page.limit.unwrap_or(LISTED));
        Answer::new(output).with_notes(notes)
    }

    /// Keeps so many items of the lists that do not page.
    fn cut(&mut self, most: usize) -> bool {
        let mut lists = [
            ("failures", cut(&mut self.failures, most)),
            ("seed_groups", cut(&mut self.seed_groups, most)),
            ("near_duplicates", cut(&mut self.near_duplicates, most)),
            ("pareto", cut(&mut self.pareto, most)),
        ];
        let mut any = false;
        for (name, count) in lists.iter_mut().filter(|(_, count)| *count > 0) {
            *self.left_out.entry(name).or_default() += *count;
            any = true;
        }
        any
    }
}

/// Truncates a list and says by how much.
fn cut<T>(list: &mut Vec<T>, most: usize) -> usize {
    let before = list.len();
    list.truncate(most);
    before - list.len()
}

fn basis(metric: &Chosen) -> String {
    format!("{}; a run's value is the best of its smoothed curve", metric.reason)
}

/// The keys that go together with the one at `place`.
fn partners(place: usize, confounded: &[Pair], keys: &Keys) -> Vec<String> {
    let other = |pair: &Pair| match (pair.a == place, pair.b == place) {
        (true, _) => Some(pair.b),
        (_, true) => Some(pair.a),
        _ => None,
    };
    let names = confounded.iter().filter_map(other);
    names.filter_map(|other| Some(keys.varied.get(other)?.name.clone())).collect()
}

/// Claims first, the surest before the others; what could not be tested last.
fn by_weight(a: &EffectItem, b: &EffectItem) -> Ordering {
    let weight = |item: &EffectItem| {
        (!item.significant, item.not_tested.is_some(), item.p.map_or(1.0, |p| p.0))
    };
    let strength = |item: &EffectItem| item.effect.map_or(0.0, |effect| effect.0.abs());
    weight(a)
        .partial_cmp(&weight(b))
        .unwrap_or(Ordering::Equal)
        .then(strength(b).total_cmp(&strength(a)))
        .then_with(|| a.key.cmp(&b.key))
}

fn counts(reading: &Reading, trials: &[Trial]) -> BTreeMap<&'static str, usize> {
    let with_value = trials.iter().filter(|trial| trial.value().is_some()).count();
    let diverged = trials.iter().filter(|trial| trial.failed()).count();
    BTreeMap::from([
        ("total", reading.asked),
        ("with_value", with_value),
        ("diverged", diverged),
        ("without_metric", trials.len() - with_value - diverged),
        ("without_config", reading.without_config),
    ])
}

fn best_run(reading: &Reading, names: &[String], lower: bool) -> Option<BestRun> {
    let turned = |value: f64| if lower { value } else { -value };
    let valued = reading.runs.iter().filter_map(|run| Some((run, run.trial.value()?)));
    let (best, value) = valued.min_by(|a, b| turned(a.1).total_cmp(&turned(b.1)))?;
    Some(BestRun {
        run: best.run.name.clone(),
        run_id: best.run.id.clone(),
        value: Number(value),
        config: settings_of(&best.trial, names),
    })
}

fn notes(
    reading: &Reading,
    keys: &Keys,
    confounded: &[Pair],
    effects: &[EffectItem],
) -> Vec<String> {
    let mut notes = super::nearby::warnings(reading);
    for pair in confounded.iter().take(3) {
        let name = |place: usize| keys.varied.get(place).map_or("", |key| key.name.as_str());
        let (a, b) = (name(pair.a), name(pair.b));
        notes.push(match pair.bond {
            Bond::Always => {
                format!(
                    "{a} and {b} were always varied together: their effects cannot be told apart."
                )
            }
            Bond::Mostly => {
                format!(
                    "{a} and {b} were mostly varied together: an effect of one may be the other's."
                )
            }
        });
    }
    let left: Vec<&str> =
        keys.seeds.iter().chain(&keys.labels).map(String::as_str).take(LISTED).collect();
    if !left.is_empty() {
        notes.push(format!("Taken for seeds, names or paths and left out: {}.", left.join(", ")));
    }
    if keys.further > 0 {
        notes.push(format!(
            "{} that few runs set were left out.",
            counted(keys.further, "further config key")
        ));
    }
    if keys.varied.is_empty() {
        notes.push("All configs are the same but for seeds and names: no key was varied.".into());
    }
    if reading.metrics.len() > 1 {
        notes.push("Effects are about the first metric; all make the Pareto front.".to_owned());
    }
    let tested = effects.iter().filter(|item| item.not_tested.is_none()).count();
    if tested > 0 && effects.iter().all(|item| !item.significant) {
        notes.push(
            "No effect beyond chance was found. That is no proof that there is none: few runs \
             show strong effects only."
                .to_owned(),
        );
    }
    notes
}

/// What matters most, in a sentence or two.
fn summary(effects: &[EffectItem], failures: &[FailureItem], trials: &[Trial]) -> String {
    let mut sentences = Vec::new();
    if let Some(first) = failures.first() {
        sentences.push(first.sentence());
    }
    let claimed: Vec<String> =
        effects.iter().filter(|item| item.significant).take(3).map(EffectItem::words).collect();
    if claimed.is_empty() {
        let tested = effects.iter().any(|item| item.not_tested.is_none());
        let n = trials.iter().filter(|trial| trial.value().is_some()).count();
        sentences.push(match (tested, effects.is_empty()) {
            (true, _) => "no key has an effect beyond chance".to_owned(),
            (false, true) => "no key was varied".to_owned(),
            (false, false) => {
                format!("{} with a value: too few to tell effects", counted(n, "run"))
            }
        });
    } else {
        sentences.push(claimed.join("; "));
    }
    sentences.join("; ")
}

impl Output for Sweep {
    fn headline(&self) -> String {
        let total = self.runs.get("total").copied().unwrap_or(0);
        let better = match self.direction {
            Direction::Min => "lower",
            Direction::Max => "higher",
        };
        let best = self
            .best_run
            .as_ref()
            .map(|best| format!(" Best: {} of run {}.", show(best.value.0), display(&best.run)));
        format!(
            "{} of project {} by {} ({better} is better): {}.{}",
            counted(total, "run"),
            display(&self.project),
            display(&self.metric),
            self.summary,
            best.unwrap_or_default()
        )
    }

    fn shrink(&mut self, share: f64) -> bool {
        // Repetitions, duplicates and fronts first; the effects are what was asked for.
        let longest = self.seed_groups.len().max(self.near_duplicates.len()).max(self.pareto.len());
        if longest > 3 && self.cut((longest as f64 * share) as usize + 1) {
            return true;
        }
        if let Some(proposed) = &mut self.proposed
            && proposed.shrink()
        {
            return true;
        }
        let shrunk = self.effects.shrink(share);
        self.coverage.truncate(self.effects.items.len());
        shrunk || self.cut(1)
    }
}
