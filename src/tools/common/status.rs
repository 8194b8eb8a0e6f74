//! Whether a run still goes on. Trackio keeps no status: it is inferred from the rows.

use jiff::Timestamp;
use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::trackio::value::Metrics;
use crate::trackio::{Result, Run, Snapshot, run, time, value};

/// The inferred state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Status {
    /// Its newest row is as young as its pace of logging lets expect.
    Active,
    /// Rows are late.
    Idle,
    /// Rows stopped, or the known total of steps is reached.
    Ended,
}

impl Status {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Idle => "idle",
            Self::Ended => "ended",
        }
    }
}

/// A run whose newest row is so many seconds old is active at any pace.
const YOUNG: f64 = 120.0;
/// How many gaps tell the pace.
const GAPS: usize = 50;
/// Rows of one flush share a timestamp, so more rows than gaps are read.
const NEWEST_ROWS: u32 = 600;

/// The newest moment at which the run wrote anything.
pub fn last_seen(snapshot: &Snapshot<'_>, of: &Run) -> Result<Option<Timestamp>> {
    let last = run::last_timestamps(snapshot, &["metrics", "system_metrics", "alerts"], of)?;
    Ok(last.iter().filter_map(|text| time::parse(text)).max())
}

/// The total of steps that the config names, if it does.
pub fn total_steps(config: Option<&Metrics>) -> Option<f64> {
    let config = config?;
    ["max_steps", "total_steps", "num_training_steps", "num_steps", "max_iters", "iterations"]
        .iter()
        .find_map(|key| value::number(config.get(*key)?))
        .filter(|total| *total > 0.0 && total.is_finite())
}

/// A status, and how long it holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// Inferred.
    pub status: Status,
    /// When to look again, in seconds since 1970, if no row comes; `None` where it stays.
    pub until: Option<f64>,
}

/// Infers the status from the newest rows, their pace and the known total.
pub fn infer(
    snapshot: &Snapshot<'_>,
    of: &Run,
    last_seen: Option<Timestamp>,
    now: Timestamp,
    config: Option<&Metrics>,
) -> Result<Outlook> {
    let ended = Outlook { status: Status::Ended, until: None };
    let Some(last_seen) = last_seen else { return Ok(ended) };
    if let (Some(total), Some(step)) = (total_steps(config), run::last_step(snapshot, of)?)
        // Steps count from 0 or from 1.
        && step.as_f64() >= total - 1.0
    {
        return Ok(ended);
    }
    let age = time::as_seconds(now) - time::as_seconds(last_seen);
    let seen = time::as_seconds(last_seen);
    if age <= YOUNG {
        return Ok(Outlook { status: Status::Active, until: Some(seen + YOUNG) });
    }
    // No gap is longer than the run, so a run that ended long ago needs no look at its rows.
    let started = of.created_at.as_deref().map_or(f64::NAN, time::seconds);
    if by_age(age, seen - started).0 == Status::Ended {
        return Ok(ended);
    }
    let (status, until) = by_age(age, interval(snapshot, of)?);
    Ok(Outlook { status, until: until.map(|age| seen + age) })
}

/// The status at an age, and the age at which it changes.
fn by_age(age: f64, interval: f64) -> (Status, Option<f64>) {
    let active = (5.0 * interval).max(YOUNG);
    let idle = (10.0 * interval).max(1_800.0);
    match age {
        age if age < active => (Status::Active, Some(active)),
        age if age < idle => (Status::Idle, Some(idle)),
        _ => (Status::Ended, None),
    }
}

/// The median of the last positive gaps between rows, in seconds; 0 without any.
fn interval(snapshot: &Snapshot<'_>, of: &Run) -> Result<f64> {
    let newest = run::newest_timestamps(snapshot, of, NEWEST_ROWS)?;
    let times: Vec<f64> = newest.iter().map(|text| time::seconds(text)).collect();
    let mut gaps: Vec<f64> = times
        .windows(2)
        .filter_map(|pair| match pair {
            [later, earlier] => Some(later - earlier),
            _ => None,
        })
        .filter(|gap| *gap > 0.0)
        .take(GAPS)
        .collect();
    gaps.sort_by(f64::total_cmp);
    let middle = gaps.len() / 2;
    Ok(match (gaps.len() % 2, gaps.get(middle)) {
        (_, None) => 0.0,
        (1, Some(median)) => *median,
        (_, Some(upper)) => (upper + gaps.get(middle - 1).unwrap_or(upper)) / 2.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_measured_by_the_pace_of_the_run() {
        let cases = [
            (60.0, 1.0, Status::Active),
            (130.0, 1.0, Status::Idle),
            (130.0, 60.0, Status::Active),
            (1_700.0, 1.0, Status::Idle),
            (1_900.0, 1.0, Status::Ended),
            (1_900.0, 300.0, Status::Idle),
            (3_100.0, 300.0, Status::Ended),
            (10_000.0, 0.0, Status::Ended),
        ];
        for (age, interval, expected) in cases {
            assert_eq!(by_age(age, interval).0, expected, "{age} s at a pace of {interval} s");
        }
    }
}
