//! The small shapes that several tools answer with.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::context::Context;
use super::status::{self, Status};
use crate::analysis::role::{self, Direction, Role};
use crate::analysis::stats::{self, NonFinite};
use crate::trackio::value::{Metrics, Step};
use crate::trackio::{Result, Run, Snapshot, config, run, time};

/// The run that a tool is about.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct OneRun {
    /// Default: the project with the newest row.
    pub project: Option<String>,
    /// Name, id, or the start of an id; default: the newest.
    pub run: Option<String>,
}

/// How rows are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Format {
    /// Lists side by side: few tokens.
    #[default]
    Columns,
    /// Trackio's own objects.
    Records,
}

/// A value and its step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Point {
    /// The value, finite.
    pub value: f64,
    /// Its step.
    #[schemars(with = "f64")]
    pub step: Step,
}

impl From<stats::Point> for Point {
    fn from(point: stats::Point) -> Self {
        Self { value: point.value, step: Step::from_f64(point.step) }
    }
}

/// Where the non-finite values are.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct NonFiniteValues {
    /// How many there are.
    pub count: usize,
    /// The first stretches: first step, last step, `NaN`, `Infinity` or `-Infinity`.
    pub ranges: Vec<Value>,
}

/// How many stretches are listed.
const RANGES: usize = 10;

impl NonFiniteValues {
    /// What the statistics found; `None` where all is finite.
    pub fn of(stats: &stats::Stats) -> Option<Self> {
        if stats.non_finite == 0 {
            return None;
        }
        let range = |range: &stats::NonFiniteRange| {
            let kind = match range.kind {
                NonFinite::NaN => "NaN",
                NonFinite::Infinity => "Infinity",
                NonFinite::NegativeInfinity => "-Infinity",
            };
            let (from, to) = (Step::from_f64(range.from_step), Step::from_f64(range.to_step));
            serde_json::json!([from, to, kind])
        };
        let ranges = stats.non_finite_ranges.iter().take(RANGES).map(range).collect();
        Some(Self { count: stats.non_finite, ranges })
    }

    /// `NaN`, `NaN and Infinity`: what the listed stretches hold.
    pub fn kinds(&self) -> String {
        let kinds = self.ranges.iter().filter_map(|range| range.get(2)?.as_str());
        let mut kinds: Vec<&str> = kinds.collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds.join(" and ")
    }
}

/// A run in a list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct RunItem {
    /// The run's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The timestamp of its first row, as stored.
    pub created_at: Option<String>,
    /// When it last wrote anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<String>,
    /// Inferred.
    pub status: Status,
    /// Whether it logged metrics.
    pub has_logs: bool,
    /// Its highest step.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub last_step: Option<Step>,
    /// The config's `_Group`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What it was ordered or filtered by, where nothing else shows that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    pub values: Option<Metrics>,
    /// How many rows it logged; with `detail: full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_logs: Option<usize>,
    /// Its config; with `detail: full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    pub config: Option<Metrics>,
    /// Last and best of its main metrics; with `detail: full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    pub metrics: Option<Metrics>,
}

impl super::Item for RunItem {
    const LIST: &'static str = "runs";
}

/// What is known of a run without reading its rows.
#[derive(Debug, Clone)]
pub struct RunFacts {
    /// The run.
    pub run: Run,
    /// Its config.
    pub config: Option<Metrics>,
    /// When it last wrote anything.
    pub last_seen: Option<Timestamp>,
    /// Inferred.
    pub status: Status,
    /// When the status changes if no row comes, in seconds since 1970.
    pub status_until: Option<f64>,
    /// Its highest step.
    pub last_step: Option<Step>,
}

impl RunFacts {
    /// Looks a run up.
    pub fn of(snapshot: &Snapshot<'_>, context: &Context, run: &Run) -> Result<Self> {
        let config = config::of_run(snapshot, run)?;
        Self::with_config(snapshot, context, run, config)
    }

    /// Looks a run up whose config is known.
    pub fn with_config(
        snapshot: &Snapshot<'_>,
        context: &Context,
        run: &Run,
        config: Option<Metrics>,
    ) -> Result<Self> {
        let last_seen = status::last_seen(snapshot, run)?;
        let status::Outlook { status, until: status_until } =
            status::infer(snapshot, run, last_seen, context.now, config.as_ref())?;
        let last_step = run::last_step(snapshot, run)?;
        Ok(Self { run: run.clone(), config, last_seen, status, status_until, last_step })
    }

    /// A text of the config, such as `_Group`.
    pub fn config_text(&self, key: &str) -> Option<String> {
        self.config.as_ref()?.get(key)?.as_str().map(str::to_owned)
    }

    /// As it stands in a list.
    pub fn item(&self) -> RunItem {
        RunItem {
            id: self.run.id.clone(),
            name: self.run.name.clone(),
            created_at: self.run.created_at.clone(),
            last_seen: self.last_seen.map(time::rfc3339),
            status: self.status,
            has_logs: self.run.source == run::Source::Metrics,
            last_step: self.last_step,
            group: self.config_text("_Group"),
            values: None,
            num_logs: None,
            config: None,
            metrics: None,
        }
    }
}

/// The order in which metrics matter to a reader: losses, then scores, then the rest; of the
/// machine's, how busy the cards are.
pub fn importance(metric: &str) -> (u8, &str) {
    let rank = match role::classify(metric).role {
        Role::EvalLoss => 0,
        Role::TrainLoss => 1,
        Role::Reward => 2,
        Role::Score | Role::Error => 3,
        Role::PreferenceAccuracy | Role::PreferenceMargin => 4,
        Role::LearningRate | Role::GradientNorm | Role::Kl => 5,
        Role::GpuUtilization => 6,
        Role::Epoch | Role::Counter => 9,
        _ => 7,
    };
    (rank, metric)
}

/// Which way is better, as a word; `None` where that is not clear.
pub fn direction(metric: &str) -> Option<&'static str> {
    role::classify(metric).direction.map(|direction| match direction {
        Direction::Min => "min",
        Direction::Max => "max",
    })
}

/// What a metric is, as a word; `None` where the name says nothing.
pub fn role(metric: &str) -> Option<String> {
    let role = role::classify(metric).role;
    if role == Role::Other {
        return None;
    }
    serde_json::to_value(role).ok()?.as_str().map(str::to_owned)
}

/// Whether `name` meets a pattern: a part of it, in any case, or a glob with `*` and `?`.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    if !pattern.contains(['*', '?']) {
        return name.contains(&pattern);
    }
    glob(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
}

/// Linear in both: a mismatch goes back to the last star alone.
fn glob(pattern: &[char], name: &[char]) -> bool {
    let (mut at_pattern, mut at_name) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = name.get(at_name) {
        match pattern.get(at_pattern) {
            Some('*') => {
                star = Some((at_pattern, at_name));
                at_pattern += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == letter => {
                at_pattern += 1;
                at_name += 1;
            }
            _ => match star {
                Some((pattern_star, name_star)) => {
                    star = Some((pattern_star, name_star + 1));
                    at_pattern = pattern_star + 1;
                    at_name = name_star + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at_pattern).all(|rest| *rest == '*')
}

/// `1 run`, `2 runs`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// A note about rows that hold no JSON; none when all is well.
pub fn unreadable_note(unreadable: usize) -> Option<String> {
    (unreadable > 0).then(|| {
        let rows = counted(unreadable, "row");
        format!("{rows} of this run could not be read (no JSON object) and were left out.")
    })
}

#[cfg(test)]
mod tests {
    use super::{importance, matches};

    #[test]
    fn what_matters_comes_first() {
        let mut names = ["memory/percent", "gpu/0/utilization", "train/epoch", "eval/loss"];
        names.sort_by_key(|name| importance(name));
        assert_eq!(names, ["eval/loss", "gpu/0/utilization", "memory/percent", "train/epoch"]);
    }

    #[test]
    fn patterns_are_parts_or_globs() {
        let cases = [
            ("loss", "train/Loss", true),
            ("train/*", "train/loss", true),
            ("*loss", "train/loss", true),
            ("t*n/l?ss", "train/loss", true),
            ("loss*", "train/loss", false),
            ("*a*b*", "xaybz", true),
            ("*a*b*", "xbya", false),
            ("", "anything", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
