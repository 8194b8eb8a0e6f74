//! Alerts of one title and level as one: training code that calls out tends to repeat itself.

use std::collections::BTreeMap;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use super::around::Moment;
use crate::trackio::alert::Alert;
use crate::trackio::time;
use crate::trackio::value::Step;

/// So many runs are named in a group.
const NAMED_RUNS: usize = 5;

/// Alerts of one title and level.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Group {
    /// What a person reads first.
    pub title: String,
    /// As stored.
    pub level: String,
    /// How many there are.
    pub count: usize,
    /// The step of the oldest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub first_step: Option<Step>,
    /// The step of the newest that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub last_step: Option<Step>,
    /// The first runs that raised it.
    pub runs: Vec<String>,
    /// When the oldest was raised, as stored.
    #[serde(skip)]
    pub first_time: String,
    /// The id of the run that raised the oldest.
    #[serde(skip)]
    pub first_run: String,
}

impl Group {
    /// Where the oldest stands in its run: at its step, or at its time.
    pub fn first(&self) -> Moment {
        let at_time = || Moment::Time(time::seconds(&self.first_time));
        self.first_step.map_or_else(at_time, |step| Moment::Step(step.as_f64()))
    }
}

/// The groups of `alerts`, which come newest first; the group with the newest alert first.
pub fn of(alerts: &[Alert]) -> Vec<Group> {
    let mut groups: BTreeMap<(&str, &str), (usize, Group)> = BTreeMap::new();
    // Oldest first, so that the first step is the first.
    for (place, alert) in alerts.iter().enumerate().rev() {
        let new = || Group {
            title: alert.title.clone(),
            level: alert.level.clone(),
            count: 0,
            first_step: alert.step,
            last_step: None,
            runs: Vec::new(),
            first_time: alert.timestamp.clone(),
            first_run: alert.run_id.clone(),
        };
        let key = (alert.title.as_str(), alert.level.as_str());
        let (newest, group) = groups.entry(key).or_insert_with(|| (place, new()));
        *newest = place;
        group.count += 1;
        group.last_step = alert.step.or(group.last_step);
        if group.runs.len() < NAMED_RUNS && !group.runs.contains(&alert.run) {
            group.runs.push(alert.run.clone());
        }
    }
    let mut groups: Vec<(usize, Group)> = groups.into_values().collect();
    groups.sort_by_key(|(newest, _)| *newest);
    groups.into_iter().map(|(_, group)| group).collect()
}
