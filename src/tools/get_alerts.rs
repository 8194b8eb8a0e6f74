//! `get_alerts`: what the training code called out.

use std::collections::BTreeMap;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::alert_groups::{self, Group};
use super::common::around::{MainMetrics, MetricAround};
use super::common::shape::counted;
use super::common::{Answer, Context, Failure, Item, Output, Page, resolve, text};
use super::{Category, Tool};
use crate::trackio::alert::{self, Alert};
use crate::trackio::value::Step;
use crate::trackio::{Snapshot, run, time};

pub struct GetAlerts;

const DEFAULT_LIMIT: usize = 50;
/// Groups are an overview: so many of the largest.
const MOST_GROUPS: usize = 10;
/// What the metrics did is told of so many groups, of runs and of metrics each.
const GROUPS_WITH_METRICS: usize = 5;
/// Each run is read through for it.
const RUNS_WITH_METRICS: usize = 3;
const METRICS_AROUND: usize = 2;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    project: String,
    /// Name, id, or the start of an id; default: all runs.
    run: Option<String>,
    /// info, warn or error.
    level: Option<String>,
    /// Only alerts after this time.
    since: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct Alerts {
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    by_level: BTreeMap<String, usize>,
    groups: Vec<GroupItem>,
    #[serde(flatten)]
    alerts: Page<AlertItem>,
}

/// A group, and what the main metrics of its first run did around its first alert.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct GroupItem {
    #[serde(flatten)]
    group: Group,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Option<Vec<serde_json::Value>>")]
    around_first: Vec<MetricAround>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct AlertItem {
    timestamp: String,
    run: String,
    title: String,
    text: Option<String>,
    level: String,
    #[schemars(with = "Option<f64>")]
    step: Option<Step>,
    run_id: String,
}

impl Item for AlertItem {
    const LIST: &'static str = "alerts";
}

impl Tool for GetAlerts {
    const NAME: &'static str = "get_alerts";
    const TITLE: &'static str = "Get alerts";
    const CATEGORY: Category = Category::Alerts;
    const ABOUT: &'static str = "Alerts that the training code raised, newest first, grouped and \
        counted by level; filter by run, level, time.";
    const GUIDE: &'static str = "Alerts of one title and level are a group; `around_first` tells \
        what the main metrics of its run did when the first of them was raised.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = Alerts;

    fn run(context: &Context, args: Args) -> Result<Answer<Alerts>, Failure> {
        let project = resolve::project(context, &args.project)?;
        let since = match &args.since {
            Some(text) => Some(time::parse(text).ok_or_else(|| no_time(text))?),
            None => None,
        };
        let (output, notes) = context.read(&project, |snapshot| {
            let resolved =
                args.run.as_deref().map(|run| resolve::run(snapshot, run)).transpose()?;
            let all = alert::list(snapshot, resolved.as_ref().map(|resolved| &resolved.run))?;
            let mut notes: Vec<String> = resolved
                .as_ref()
                .map(|resolved| resolved.notes(args.run.as_deref()))
                .unwrap_or_default();
            let level = match &args.level {
                Some(level) => Some(meant_level(level, &all)?),
                None => None,
            };
            notes.extend(level_note(args.level.as_deref(), level.as_deref(), &all));
            let is_wanted = |alert: &Alert| {
                let after = |since| time::parse(&alert.timestamp).is_some_and(|at| at > since);
                level.as_ref().is_none_or(|level| *level == alert.level) && since.is_none_or(after)
            };
            let all: Vec<Alert> = all.into_iter().filter(is_wanted).collect();
            let output = Alerts {
                project: args.project.clone(),
                run: resolved.map(|resolved| resolved.run.name),
                by_level: by_level(&all),
                groups: with_metrics(snapshot, largest_groups(&all), context.page.offset)?,
                alerts: Page::of(all, &context.page, DEFAULT_LIMIT)
                    .try_map(|alert| crate::trackio::Result::Ok(AlertItem::of(alert)))?,
            };
            Ok((output, notes))
        })?;
        Ok(Answer::new(output).with_notes(notes))
    }
}

impl Output for Alerts {
    fn headline(&self) -> String {
        let of = match &self.run {
            Some(run) => format!("run {}", text::run_of(run, &self.project)),
            None => format!("project {}", text::brief_name(&self.project)),
        };
        match self.alerts.total {
            0 => format!("No alert of {of} matches."),
            total => format!("{} of {of}.", counted(total, "alert")),
        }
    }

    fn shrink(&mut self, share: f64) -> bool {
        let keeps = ((self.groups.len() as f64 * share) as usize).max(1);
        let shrank = self.groups.len() > keeps;
        self.groups.truncate(keeps);
        self.alerts.shrink(share) || shrank
    }
}

impl AlertItem {
    fn of(alert: Alert) -> Self {
        let Alert { timestamp, run, run_id, title, text, level, step } = alert;
        Self { timestamp, run, title, text, level, step, run_id }
    }
}

/// The levels of Trackio's API; the column can hold any text.
const LEVELS: [&str; 3] = ["info", "warn", "error"];

/// The level that is meant: one that alerts have, or Trackio's own in another case or word.
fn meant_level(wanted: &str, all: &[Alert]) -> Result<String, Failure> {
    if all.iter().any(|alert| alert.level == wanted) {
        return Ok(wanted.to_owned());
    }
    let lower = wanted.trim().to_lowercase();
    let word = if lower == "warning" { "warn" } else { lower.as_str() };
    if LEVELS.contains(&word) {
        return Ok(word.to_owned());
    }
    if let Some(alert) = all.iter().find(|alert| alert.level.to_lowercase() == lower) {
        return Ok(alert.level.clone());
    }
    Err(Failure(format!(
        "No alert has the level `{}`. Trackio's levels are {}. {}",
        resolve::shown(wanted),
        LEVELS.join(", "),
        levels(all)
    )))
}

/// A level that no alert has, and one that was understood as another, are worth a word.
fn level_note(wanted: Option<&str>, meant: Option<&str>, all: &[Alert]) -> Option<String> {
    let (wanted, meant) = (wanted?, meant?);
    let is_there = all.iter().any(|alert| alert.level == meant);
    match (is_there, wanted == meant) {
        (true, true) => None,
        (true, false) => Some(format!("`{}` was read as `{meant}`.", resolve::shown(wanted))),
        (false, _) => Some(format!("No alert has the level `{meant}`. {}", levels(all))),
    }
}

fn levels(all: &[Alert]) -> String {
    let levels: Vec<String> =
        by_level(all).into_iter().map(|(level, count)| format!("{level} ({count})")).collect();
    match levels.is_empty() {
        true => "There is no alert at all.".to_owned(),
        false => format!("There are: {}.", levels.join(", ")),
    }
}

fn no_time(text: &str) -> Failure {
    Failure(format!(
        "`since` must be a time such as 2026-01-31T12:00:00Z; found `{}`.",
        resolve::shown(text)
    ))
}

fn by_level(alerts: &[Alert]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for alert in alerts {
        *counts.entry(alert.level.clone()).or_default() += 1;
    }
    counts
}

/// The most frequent first.
fn largest_groups(alerts: &[Alert]) -> Vec<Group> {
    let mut groups = alert_groups::of(alerts);
    groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.title.cmp(&b.title)));
    groups.truncate(MOST_GROUPS);
    groups
}

/// On the first page: what the main metrics did around the first alert of the largest groups.
fn with_metrics(
    snapshot: &Snapshot<'_>,
    groups: Vec<Group>,
    offset: usize,
) -> crate::trackio::Result<Vec<GroupItem>> {
    let of_groups = if offset == 0 { GROUPS_WITH_METRICS } else { 0 };
    let runs = if groups.is_empty() { Vec::new() } else { run::list(snapshot)? };
    let mut metrics: BTreeMap<String, MainMetrics> = BTreeMap::new();
    let mut items = Vec::new();
    for (place, group) in groups.into_iter().enumerate() {
        let id = &group.first_run;
        if place < of_groups && metrics.len() < RUNS_WITH_METRICS && !metrics.contains_key(id) {
            let by_id = runs.iter().find(|run| run.id == *id);
            if let Some(run) = by_id.or_else(|| runs.iter().find(|run| run.name == *id)) {
                let of_run = MainMetrics::of_run(snapshot, run, METRICS_AROUND)?;
                metrics.insert(id.clone(), of_run);
            }
        }
        let own = metrics.get(id).filter(|_| place < of_groups);
        let around_first = own.map(|own| own.around(group.first())).unwrap_or_default();
        items.push(GroupItem { group, around_first });
    }
    Ok(items)
}
