//! One key: its effect, its failures, what was tried of it.

use std::collections::BTreeMap;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::output::LISTED;
use crate::analysis::number::{Number, show};
use crate::analysis::sweep::coverage::{Coverage, Edge};
use crate::analysis::sweep::effects::{Effect, Measure};
use crate::analysis::sweep::failures::{Failure, Where};
use crate::analysis::sweep::permutation::Shape;
use crate::analysis::sweep::{Key, Keys, Setting, Trial};
use crate::tools::common::{Item, text};

/// Letters of a setting.
const LONGEST: usize = 60;
/// Keys with more values are told by their range.
const MOST_VALUES: usize = 10;

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct EffectItem {
    pub key: String,
    n: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    low: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measure: Option<&'static str>,
    pub significant: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epsilon_squared: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    best_value: Option<Value>,
    at_edge: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    confounded_with: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_tested: Option<String>,
    #[serde(skip)]
    edge: Option<Edge>,
}

impl Item for EffectItem {
    const LIST: &'static str = "effects";
}

impl EffectItem {
    pub fn of(
        key: &Key,
        effect: &Effect,
        coverage: &Coverage,
        confounded_with: Vec<String>,
        lower_is_better: bool,
    ) -> Self {
        let found = effect.found.as_ref().ok();
        let significant = effect.is_significant();
        let shape = |rho: Option<f64>, shape: Shape| match (shape, rho) {
            (Shape::Line, Some(rho)) if (rho < 0.0) == lower_is_better => "larger_is_better",
            (Shape::Line, _) => "smaller_is_better",
            (Shape::Valley, _) => match coverage.at_edge {
                Some(Edge::Low) => "best_at_low_end",
                Some(Edge::High) => "best_at_high_end",
                None => "best_in_the_middle",
            },
            (Shape::Groups, _) => "differs_by_value",
        };
        Self {
            key: key.name.clone(),
            n: effect.n,
            effect: found.map(|found| Number(found.effect)),
            low: found.map(|found| Number(round(found.low))),
            high: found.map(|found| Number(round(found.high))),
            measure: found.map(|found| match found.measure {
                Measure::RankCorrelation => "rank_correlation",
                Measure::EpsilonSquared => "epsilon_squared",
                Measure::RankCurve => "rank_curve",
            }),
            significant,
            p: found.map(|found| Number(round(found.p))),
            shape: found.filter(|_| significant).map(|f| shape(Some(f.effect), f.shape)),
            epsilon_squared: found
                .and_then(|found| found.epsilon_squared)
                .map(|e| Number(round(e))),
            best_value: coverage.best.and_then(|best| key.levels.get(best)).map(json),
            at_edge: coverage.at_edge.is_some(),
            confounded_with,
            not_tested: effect.found.as_ref().err().cloned(),
            edge: coverage.at_edge,
        }
        .rounded()
    }

    fn rounded(self) -> Self {
        Self { effect: self.effect.map(|effect| Number(round(effect.0))), ..self }
    }

    /// The effect in words.
    pub fn words(&self) -> String {
        let how = match self.shape.unwrap_or_default() {
            "larger_is_better" => "larger is better",
            "smaller_is_better" => "smaller is better",
            "best_in_the_middle" => "best in the middle",
            _ => "it differs by value",
        };
        let best = self.best_value.as_ref().map(|best| format!(", best {}", said(best)));
        let edge = match self.edge {
            Some(Edge::Low) => ", the lowest tried",
            Some(Edge::High) => ", the highest tried",
            None => "",
        };
        let with = match self.confounded_with.first() {
            Some(other) => format!(", varied together with {}", display(other)),
            None => String::new(),
        };
        format!("{} matters ({how}{}{edge}{with})", display(&self.key), best.unwrap_or_default())
    }
}

/// Three decimals are more than any effect is sure to.
pub fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[derive(Serialize)]
pub struct FailureItem {
    key: String,
    /// `at or above`, `at or below`, `at`.
    side: &'static str,
    value: Value,
    diverged: usize,
    diverged_elsewhere: usize,
    runs_elsewhere: usize,
    p: Number,
}

impl FailureItem {
    pub fn of(failure: &Failure, keys: &Keys) -> Option<Self> {
        let key = keys.varied.get(failure.key)?;
        let (side, level) = match failure.side {
            Where::AtOrAbove(level) => ("at or above", level),
            Where::AtOrBelow(level) => ("at or below", level),
            Where::At(level) => ("at", level),
        };
        Some(Self {
            key: key.name.clone(),
            side,
            value: json(key.levels.get(level)?),
            diverged: failure.failed,
            diverged_elsewhere: failure.failed_elsewhere,
            runs_elsewhere: failure.elsewhere,
            p: Number(round(failure.chance)),
        })
    }

    /// The fact in words.
    pub fn sentence(&self) -> String {
        format!(
            "{} runs with {} {} {} diverged, {} of the other {}",
            if self.diverged == 2 { "both".to_owned() } else { format!("all {}", self.diverged) },
            display(&self.key),
            self.side,
            said(&self.value),
            match self.diverged_elsewhere {
                0 => "none".to_owned(),
                count => count.to_string(),
            },
            self.runs_elsewhere
        )
    }
}

/// What was tried of a key: the lists go side by side.
#[derive(Serialize)]
pub struct CoverageItem {
    key: String,
    distinct: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<[Number; 2]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diverged: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    means: Vec<Option<Number>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gaps: Vec<[Number; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edge: Option<String>,
}

impl CoverageItem {
    pub fn of(key: &Key, coverage: &Coverage) -> Self {
        let ends = || Some((key.number(0)?, key.number(key.levels.len().checked_sub(1)?)?));
        let ends = ends().filter(|_| key.numeric);
        let any_failed = coverage.levels.iter().any(|level| level.failed > 0);
        let levels = match key.levels.len() {
            0..=MOST_VALUES => coverage.levels.as_slice(),
            _ => &[],
        };
        let edge = match (coverage.at_edge, ends) {
            (Some(Edge::Low), Some((low, _))) => {
                Some(format!("the best is the lowest tried: nothing below {} is known", show(low)))
            }
            (Some(Edge::High), Some((_, high))) => Some(format!(
                "the best is the highest tried: nothing above {} is known",
                show(high)
            )),
            _ => None,
        };
        Self {
            key: key.name.clone(),
            distinct: key.levels.len(),
            scale: key.numeric.then(|| if key.is_log() { "log" } else { "linear" }),
            range: ends.map(|(low, high)| [Number(low), Number(high)]),
            values: levels.iter().filter_map(|l| key.levels.get(l.level)).map(json).collect(),
            runs: levels.iter().map(|level| level.runs).collect(),
            diverged: levels.iter().filter(|_| any_failed).map(|level| level.failed).collect(),
            means: levels.iter().map(|level| level.mean.map(Number)).collect(),
            gaps: coverage.gaps.iter().map(|(a, b)| [Number(*a), Number(*b)]).collect(),
            edge,
        }
    }
}

/// A setting as JSON.
pub fn json(setting: &Option<Setting>) -> Value {
    match setting {
        None => Value::from("(not set)"),
        Some(Setting::Number(number)) => serde_json::to_value(Number(*number)).unwrap_or_default(),
        Some(Setting::Word(word)) => text::cut(word, LONGEST).into(),
    }
}

/// The settings of a run, of the first of these keys that it has.
pub fn settings_of(trial: &Trial, names: &[String]) -> BTreeMap<String, Value> {
    let set = names.iter().filter_map(|name| Some((name, trial.settings.get(name)?)));
    let some = set.take(LISTED);
    some.map(|(name, setting)| (name.clone(), json(&Some(setting.clone())))).collect()
}

/// A value in a sentence.
fn said(value: &Value) -> String {
    match (value.as_f64(), value.as_str()) {
        (Some(number), _) => show(number).to_string(),
        (_, Some(word)) => display(word),
        _ => value.to_string(),
    }
}

/// A name or word of the data in a sentence.
pub fn display(name: &str) -> String {
    text::name_of(&text::cut(name, LONGEST))
}
