//! Changes as answers tell them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::analysis::role::{Role, classify};
use crate::analysis::run::Options;
use crate::tools::common::shape::{RunFacts, importance};
use crate::tools::common::status::Status;
use crate::tools::common::{Context, curves::VERDICTS, diagnosis, text};
use crate::tools::diagnose_run::word;
use crate::trackio::metric::Row;
use crate::trackio::run::Source;
use crate::trackio::updates::{RunNews, newest_rows};
use crate::trackio::value::{self, Metrics, Step};
use crate::trackio::{Result, Snapshot, alert, time};

/// Of so many new rows, the newest, are the last values taken.
const LOOKED_AT: u64 = 1_000;
/// So many metrics are shown.
const SHOWN_METRICS: usize = 4;
/// So many alerts are shown.
const SHOWN_ALERTS: usize = 3;
/// A verdict is renewed when one of so many rows is new.
const GROWTH: u64 = 50;
/// After so long no further run gets a verdict in one look.
const DIAGNOSIS_TIME: Duration = Duration::from_millis(100);

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Kind {
    NewRun,
    Rows,
    Alerts,
    Status,
    Renamed,
    Deleted,
}

/// One thing that happened.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Change {
    pub project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    pub kind: Kind,
    /// New rows of metrics, new alerts, or deleted runs without a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// New rows of system metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub last_step: Option<Step>,
    /// The last values of the main metrics, each with its step.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    pub metrics: Option<Metrics>,
    /// The newest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<BTreeMap<String, Value>>")]
    pub alerts: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_verdict: Option<String>,
}

impl Change {
    /// A change with nothing but its kind.
    pub fn of(project: &str, run: Option<(&str, &str)>, kind: Kind) -> Self {
        Self {
            project: project.to_owned(),
            run: run.map(|(_, name)| name.to_owned()),
            run_id: run.map(|(id, _)| id.to_owned()),
            kind,
            count: None,
            system_rows: None,
            last_step: None,
            metrics: None,
            alerts: Vec::new(),
            old_name: None,
            status: None,
            old_status: None,
            verdict: None,
            old_verdict: None,
        }
    }
}

/// The state of a run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct RunNow {
    project: String,
    run: String,
    run_id: String,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<String>,
    num_logs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    last_step: Option<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    metrics: Option<Metrics>,
}

/// The sums over all changes, by what they count.
pub fn sums(changes: &[Change]) -> BTreeMap<&'static str, u64> {
    let mut sums = BTreeMap::new();
    for change in changes {
        let (name, count) = match change.kind {
            Kind::NewRun => ("runs", 1),
            Kind::Rows => ("rows", change.count.unwrap_or(0)),
            Kind::Alerts => ("alerts", change.count.unwrap_or(0)),
            Kind::Status => ("status_changes", 1),
            Kind::Renamed => ("renamed", 1),
            Kind::Deleted => ("deleted", change.count.unwrap_or(1)),
        };
        *sums.entry(name).or_default() += count;
        if let Some(rows) = change.system_rows {
            *sums.entry("system_rows").or_default() += rows;
        }
    }
    sums.retain(|_, count| *count > 0);
    sums
}

/// Leaves out the values, and puts first what must not be cut off; whether anything was changed.
pub fn shorten(changes: &mut [Change]) -> bool {
    let had_details =
        changes.iter().any(|change| change.metrics.is_some() || !change.alerts.is_empty());
    for change in changes.iter_mut() {
        change.metrics = None;
        change.alerts.clear();
    }
    if had_details {
        changes.sort_by_key(|change| match change.kind {
            Kind::Alerts => 0,
            Kind::Status => 1,
            Kind::Deleted | Kind::Renamed => 2,
            Kind::NewRun => 3,
            Kind::Rows => 4,
        });
    }
    had_details
}

/// Looks at the followed runs: their status, their verdict, their newest rows.
pub struct Follower<'a> {
    snapshot: &'a Snapshot<'a>,
    context: &'a Context,
    started: Instant,
    /// When a status changes though no row comes, in seconds since 1970.
    pub until: Option<f64>,
}

impl<'a> Follower<'a> {
    /// For one look at one project.
    pub fn new(snapshot: &'a Snapshot<'a>, context: &'a Context) -> Self {
        Self { snapshot, context, started: Instant::now(), until: None }
    }

    /// The state of a run, for a first look.
    pub fn now(&mut self, news: &mut RunNews) -> Result<RunNow> {
        let facts = self.facts(news)?;
        let rows = newest_rows(self.snapshot, &news.run, LOOKED_AT / 10)?;
        self.judge(news, &facts, true)?;
        Ok(RunNow {
            project: self.snapshot.project.name.clone(),
            run: news.run.name.clone(),
            run_id: news.run.id.clone(),
            status: facts.status,
            verdict: verdict_of(news.state.verdict),
            num_logs: news.state.rows.saturating_add(news.state.waiting[0]),
            last_step: facts.last_step,
            last_seen: facts.last_seen.map(time::rfc3339),
            metrics: last_values(&rows),
        })
    }

    /// What is new of a followed run.
    pub fn changes(&mut self, news: &mut RunNews) -> Result<Vec<Change>> {
        let (old_status, old_verdict) = (news.state.status, news.state.verdict);
        let facts = self.facts(news)?;
        let rows = newest_rows(self.snapshot, &news.run, news.new[0].min(LOOKED_AT))?;
        let has_ended = old_status != news.state.status && facts.status == Status::Ended;
        let is_due = has_ended || rows.iter().any(|row| !is_finite(row));
        self.judge(news, &facts, is_due)?;
        let mut changes = self.told(news, &rows)?;
        let mut change = self.change(news, Kind::Status);
        if old_status != 0 && old_status != news.state.status {
            change.status = Some(facts.status);
            change.old_status = status_of(old_status);
        }
        if old_verdict != 0 && old_verdict != news.state.verdict {
            change.verdict = verdict_of(news.state.verdict);
            change.old_verdict = verdict_of(old_verdict);
        }
        if change.status.is_some() || change.verdict.is_some() {
            change.last_step = facts.last_step;
            changes.push(change);
        }
        for change in changes.iter_mut().filter(|change| change.kind == Kind::NewRun) {
            change.status = Some(facts.status);
            change.verdict = verdict_of(news.state.verdict);
        }
        Ok(changes)
    }

    /// What is new of a run that is not followed: no status, no verdict.
    pub fn changes_of_another(&self, news: &RunNews) -> Result<Vec<Change>> {
        let rows = newest_rows(self.snapshot, &news.run, news.new[0].min(LOOKED_AT))?;
        self.told(news, &rows)
    }

    fn told(&self, news: &RunNews, rows: &[Row]) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        if let Some(old_name) = &news.renamed {
            let mut change = self.change(news, Kind::Renamed);
            change.old_name.clone_from(old_name);
            changes.push(change);
        }
        if news.is_new {
            changes.push(self.change(news, Kind::NewRun));
        }
        let [new_rows, system_rows, alerts] = news.new;
        if new_rows > 0 || system_rows > 0 {
            let mut change = self.change(news, Kind::Rows);
            change.count = Some(new_rows);
            change.system_rows = (system_rows > 0).then_some(system_rows);
            change.last_step = rows.first().map(|row| row.step);
            change.metrics = last_values(rows);
            changes.push(change);
        }
        if alerts > 0 {
            let mut change = self.change(news, Kind::Alerts);
            change.count = Some(alerts);
            change.alerts = self.newest_alerts(news)?;
            changes.push(change);
        }
        Ok(changes)
    }

    fn newest_alerts(&self, news: &RunNews) -> Result<Vec<Value>> {
        let all = alert::list(self.snapshot, Some(&news.run))?;
        let count = usize::try_from(news.new[2]).unwrap_or(usize::MAX).min(SHOWN_ALERTS);
        let shown = all.iter().take(count).map(|alert| {
            let mut shown = json!({"level": alert.level, "title": text::cut(&alert.title, 200)});
            if let Some(step) = alert.step
                && let Some(fields) = shown.as_object_mut()
            {
                fields.insert("step".to_owned(), json!(step));
            }
            shown
        });
        Ok(shown.collect())
    }

    fn change(&self, news: &RunNews, kind: Kind) -> Change {
        Change::of(&self.snapshot.project.name, Some((&news.run.id, &news.run.name)), kind)
    }

    fn facts(&mut self, news: &mut RunNews) -> Result<RunFacts> {
        let facts = RunFacts::of(self.snapshot, self.context, &news.run)?;
        news.state.status = status_code(facts.status);
        if let Some(until) = facts.status_until {
            self.until = Some(self.until.map_or(until, |known| known.min(until)));
        }
        Ok(facts)
    }

    /// Gives the run a verdict where the last one is old.
    fn judge(&self, news: &mut RunNews, facts: &RunFacts, is_due: bool) -> Result<()> {
        let state = &mut news.state;
        let has_grown = state.unjudged > 0
            && (state.verdict == 0
                || state.unjudged.saturating_mul(GROWTH)
                    >= state.rows.saturating_add(state.waiting[0]));
        let is_new = state.verdict == 0 && news.new[0] > 0;
        let can_be = news.run.source == Source::Metrics && self.started.elapsed() < DIAGNOSIS_TIME;
        if can_be && (is_due || has_grown || is_new) {
            let found = diagnosis::of_run(self.snapshot, self.context, facts, &Options::default())?;
            state.verdict = verdict_code(&word(found.verdict));
            state.unjudged = 0;
        }
        Ok(())
    }
}

fn status_code(status: Status) -> u8 {
    match status {
        Status::Active => 1,
        Status::Idle => 2,
        Status::Ended => 3,
    }
}

fn status_of(code: u8) -> Option<Status> {
    [Status::Active, Status::Idle, Status::Ended].into_iter().find(|one| status_code(*one) == code)
}

fn verdict_code(word: &str) -> u8 {
    let place = VERDICTS.iter().position(|explained| explained.verdict == word);
    place.map_or(0, |place| place as u8 + 1)
}

fn verdict_of(code: u8) -> Option<String> {
    let explained = VERDICTS.get(usize::from(code.checked_sub(1)?))?;
    Some(explained.verdict.to_owned())
}

fn is_finite(row: &Row) -> bool {
    row.metrics.values().filter_map(value::number).all(f64::is_finite)
}

/// The last value of each main metric, the most important first.
fn last_values(rows: &[Row]) -> Option<Metrics> {
    let mut last: BTreeMap<(u8, &str), Value> = BTreeMap::new();
    for row in rows {
        for (name, found) in &row.metrics {
            let Some(number) = value::number(found) else { continue };
            let shown = || json!({"value": value::json(number), "step": row.step});
            last.entry(importance(name)).or_insert_with(shown);
        }
    }
    let counts = |name: &str| matches!(classify(name).role, Role::Epoch | Role::Counter);
    if last.keys().any(|(_, name)| !counts(name)) {
        last.retain(|(_, name), _| !counts(name));
    }
    let main = last.into_iter().take(SHOWN_METRICS);
    let main: Metrics = main.map(|((_, name), shown)| (name.to_owned(), shown)).collect();
    (!main.is_empty()).then_some(main)
}
