//! What the main metrics of a run did around a step or a moment: an alert, a change, a crash.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::shape::importance;
use crate::analysis::around::{self, Around};
use crate::analysis::curve::Ordered;
use crate::analysis::number::Number;
use crate::analysis::role::{Role, classify};
use crate::analysis::series::Series;
use crate::trackio::columns::{self, Wanted};
use crate::trackio::metric::Kind;
use crate::trackio::{Result, Run, Snapshot, value};

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Moment {
    /// A step.
    Step(f64),
    /// Unix seconds.
    Time(f64),
}

/// One metric before, at and after a moment.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct MetricAround {
    /// Its name.
    pub metric: String,
    /// The median of the few points before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub before: Option<Number>,
    /// The value logged there, or the last one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Value>,
    /// The median of the few points after; `"NaN"` where they are not finite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// From before to after; to the value there when nothing came after.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub change_percent: Option<Number>,
    /// Whether noise alone moves the metric as much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_noise: Option<bool>,
}

/// The main metrics of one run, ready to be looked at around many moments.
pub struct MainMetrics(Vec<(String, Series, Ordered)>);

impl MainMetrics {
    /// The first metric of each main role, `most` at most.
    pub fn of_run(snapshot: &Snapshot<'_>, run: &Run, most: usize) -> Result<Self> {
        let columns = columns::of_run(snapshot, Kind::Metrics, run, &Wanted::diagnosis())?;
        let mut names: Vec<&String> = columns.metrics.keys().collect();
        names.sort_by_key(|name| importance(name));
        let mut roles: Vec<Role> = Vec::new();
        let mut metrics = Vec::new();
        for name in names {
            let role = classify(name).role;
            if !is_main(role) || roles.contains(&role) {
                continue;
            }
            let Some(series) = columns.series(name) else { continue };
            roles.push(role);
            let ordered = Ordered::of(&series);
            metrics.push((name.clone(), series, ordered));
            if metrics.len() == most {
                break;
            }
        }
        Ok(Self(metrics))
    }

    /// What each did around `moment`; those that have no value before nor at it are left out.
    pub fn around(&self, moment: Moment) -> Vec<MetricAround> {
        let Some(step) = self.step(moment) else { return Vec::new() };
        self.0
            .iter()
            .filter_map(|(name, _, ordered)| {
                let Around { before, at, after, change, within_noise } =
                    around::around(ordered, step)?;
                Some(MetricAround {
                    metric: name.clone(),
                    before: before.map(Number),
                    at: at.map(rounded),
                    after: after.map(rounded),
                    change_percent: change.map(|c| Number((1000.0 * c).round() / 10.0)),
                    within_noise,
                })
            })
            .collect()
    }

    /// The step that had been reached.
    fn step(&self, moment: Moment) -> Option<f64> {
        let time = match moment {
            Moment::Step(step) => return Some(step),
            Moment::Time(time) => time,
        };
        let rows = self.0.iter().flat_map(|(_, series, _)| series.times.iter().zip(&series.steps));
        let before = rows.filter(|(at, step)| **at <= time && step.is_finite());
        before.max_by(|a, b| a.0.total_cmp(b.0).then(a.1.total_cmp(b.1))).map(|(_, step)| *step)
    }
}

fn is_main(role: Role) -> bool {
    matches!(
        role,
        Role::TrainLoss
            | Role::EvalLoss
            | Role::Reward
            | Role::Score
            | Role::Error
            | Role::GradientNorm
    )
}

/// Six digits; words for what is not finite.
fn rounded(number: f64) -> Value {
    match number.is_finite() {
        true => serde_json::to_value(Number(number)).unwrap_or_default(),
        false => value::json(number),
    }
}
