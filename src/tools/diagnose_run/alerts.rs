//! The alerts that the training code raised, beside our findings.

use serde::Serialize;

use crate::tools::common::alert_groups::{self, Group};
use crate::tools::common::around::{MainMetrics, MetricAround};
use crate::trackio::value::Step;
use crate::trackio::{Result, Run, Snapshot, alert};

/// So many kinds of stored alerts stand beside the findings.
const SHOWN_ALERTS: usize = 3;
/// What so many metrics did around an alert.
const AROUND_ALERTS: usize = 2;

/// Stored alerts of one title, and what the metrics did around the first of them.
#[derive(Serialize)]
pub struct AlertItem {
    level: String,
    title: String,
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_step: Option<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_step: Option<Step>,
    around_first: Vec<MetricAround>,
}

/// The newest kinds of stored alerts, with what the main metrics did when each was first raised.
pub fn of_run(snapshot: &Snapshot<'_>, run: &Run) -> Result<Vec<AlertItem>> {
    let groups = alert_groups::of(&alert::list(snapshot, Some(run))?);
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let metrics = MainMetrics::of_run(snapshot, run, AROUND_ALERTS)?;
    let item = |group: Group| {
        let around_first = metrics.around(group.first());
        let Group { level, title, count, first_step, last_step, .. } = group;
        let last_step = last_step.filter(|_| count > 1);
        AlertItem { level, title, count, first_step, last_step, around_first }
    };
    Ok(groups.into_iter().take(SHOWN_ALERTS).map(item).collect())
}
