//! `get_project_summary`: one project at a glance.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::common::shape::{RunFacts, RunItem, counted, direction, importance};
use super::common::{Answer, Context, Failure, Output, Page, diagnosis, newest, resolve, text};
use super::diagnose_run::word;
use super::{Category, Tool};
use crate::analysis::run::Options;
use crate::trackio::cache::Bytes;
use crate::trackio::value::{Metrics, Step};
use crate::trackio::{Result as TrackioResult, Run, Snapshot, config, run, time, value};

pub struct GetProjectSummary;

const DEFAULT_LIMIT: usize = 10;
/// The newest runs are diagnosed for so long.
const DIAGNOSIS_TIME: Duration = Duration::from_millis(100);
/// Metrics and config keys are looked for in so many of the newest runs.
const LOOKED_AT: usize = 50;
/// So many values of a config key are listed.
const LISTED_VALUES: usize = 5;
/// So many days, groups and users are counted one by one.
const LISTED_COUNTS: usize = 10;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    /// Default: the project with the newest row.
    project: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct Summary {
    project: String,
    num_runs: usize,
    /// When anything was last logged.
    last_activity: Option<String>,
    /// What Trackio calls last_activity.
    #[schemars(with = "Option<f64>")]
    max_step: Option<Step>,
    by_status: BTreeMap<String, usize>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    by_group: BTreeMap<String, usize>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    by_user: BTreeMap<String, usize>,
    by_day: BTreeMap<String, usize>,
    num_alerts: usize,
    num_artifacts: usize,
    num_traces: usize,
    #[serde(flatten)]
    runs: Page<RunItem>,
    /// Findings, metrics and config keys stand on the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<Found>>,
    /// Runs that were left for diagnose_run, because an overview must be quick.
    #[serde(skip_serializing_if = "is_zero")]
    not_checked: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<Vec<MetricKey>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config_keys: Option<Vec<ConfigKey>>,
}

/// What the curves of one run say.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Found {
    run: String,
    run_id: String,
    verdict: String,
    headline: String,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct MetricKey {
    name: String,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<&'static str>,
    runs: usize,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ConfigKey {
    key: String,
    /// `least to greatest` of numbers, else the values.
    values: String,
    runs: usize,
}

impl Tool for GetProjectSummary {
    const NAME: &'static str = "get_project_summary";
    const TITLE: &'static str = "Summarise a project";
    const CATEGORY: Category = Category::Projects;
    const ABOUT: &'static str = "One project at a glance: newest runs with status, counts by \
        status, group, user and day, what is logged, config keys with their ranges. For all runs \
        use get_runs_for_project.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = Summary;

    fn run(context: &Context, args: Args) -> Result<Answer<Summary>, Failure> {
        let target = match &args.project {
            Some(name) => (resolve::project(context, name)?, Vec::new()),
            None => {
                let (project, mut notes) = newest::project(context)?;
                let name = resolve::shown(&project.name);
                notes.insert(0, format!("No project was named: `{name}` has the newest row."));
                (project, notes)
            }
        };
        let (project, mut notes) = target;
        let (output, looked_at) =
            context.read(&project, |snapshot| summarize(snapshot, context))?;
        if context.page.offset > 0 {
            notes.push(
                "Findings, metrics and config keys stand on the first page; to page through runs \
                 alone, use get_runs_for_project."
                    .to_owned(),
            );
        } else if looked_at < output.runs.total {
            notes.push(format!(
                "Metrics and config keys are those of the newest {looked_at} runs, by their first \
                 and last rows."
            ));
        }
        Ok(Answer::new(output).with_notes(notes))
    }
}

impl Output for Summary {
    fn headline(&self) -> String {
        let states: Vec<String> =
            self.by_status.iter().map(|(status, count)| format!("{count} {status}")).collect();
        let states =
            if states.is_empty() { String::new() } else { format!("; {}", states.join(", ")) };
        // Those with system metrics or alerts alone have a state too.
        let listed = match self.num_runs == self.runs.total {
            true => String::new(),
            false => format!(", {} of them listed by Trackio", self.num_runs),
        };
        let project = text::brief_name(&self.project);
        format!("Project {project}: {}{listed}{states}.", counted(self.runs.total, "run"))
    }

    fn shrink(&mut self, share: f64) -> bool {
        let findings = keep_first(&mut self.findings, share);
        self.not_checked += findings;
        let left_out = findings
            + keep_first(&mut self.metrics, share)
            + keep_first(&mut self.config_keys, share);
        self.runs.shrink(share) || left_out > 0
    }
}

/// Keeps about `share` of a list, three at least, and tells how many were left out.
fn keep_first<T>(list: &mut Option<Vec<T>>, share: f64) -> usize {
    let Some(list) = list else { return 0 };
    let before = list.len();
    list.truncate(((before as f64 * share) as usize).max(3));
    before - list.len()
}

/// What the counts and the list tell of every run. It is kept for as long as the rows and each
/// run's status stay: every page asks for all of it again.
struct Known {
    /// With the part of their configs that Trackio itself wrote: groups and users.
    runs: Vec<RunFacts>,
    until: f64,
}

impl Known {
    fn of_all(snapshot: &Snapshot<'_>, context: &Context, all: &[Run]) -> TrackioResult<Arc<Self>> {
        let key = snapshot.key("facts of all runs".to_owned());
        let now = time::as_seconds(context.now);
        if let Some(kept) = snapshot.kept::<Self>(key.as_ref()).filter(|kept| now < kept.until) {
            return Ok(kept);
        }
        let mut runs = Vec::with_capacity(all.len());
        for run in all {
            let mut facts = RunFacts::of(snapshot, context, run)?;
            let own =
                |(key, value): &(String, Value)| config::is_reserved(key) && value.is_string();
            facts.config = facts.config.map(|config| config.into_iter().filter(own).collect());
            runs.push(facts);
        }
        let until = runs.iter().filter_map(|facts| facts.status_until);
        let until = until.fold(f64::INFINITY, f64::min);
        let known = Arc::new(Self { runs, until });
        snapshot.keep(key, &known);
        Ok(known)
    }
}

impl Bytes for Known {
    fn bytes(&self) -> usize {
        let of_config = |config: &Metrics| {
            let texts = |(key, value): (&String, &Value)| {
                key.len() + value.as_str().map_or(0, str::len) + size_of::<Value>()
            };
            config.iter().map(texts).sum::<usize>()
        };
        let of_run = |facts: &RunFacts| {
            let Run { id, name, .. } = &facts.run;
            size_of::<RunFacts>()
                + id.len()
                + name.len()
                + facts.config.as_ref().map_or(0, of_config)
        };
        self.runs.iter().map(of_run).sum()
    }
}

fn summarize(snapshot: &Snapshot<'_>, context: &Context) -> TrackioResult<(Summary, usize)> {
    let all = run::newest_first(snapshot)?;
    let num_runs = all.iter().filter(|run| run.is_listed()).count();
    let known = Known::of_all(snapshot, context, &all)?;
    let facts = &known.runs;
    let looked_at = all.len().min(LOOKED_AT);
    let (mut findings_of, mut not_checked) = (None, 0);
    let (mut metrics, mut keys) = (None, None);
    if context.page.offset == 0 {
        let newest = all.iter().take(looked_at).map(|run| RunFacts::of(snapshot, context, run));
        let newest = newest.collect::<TrackioResult<Vec<RunFacts>>>()?;
        let (found, rest) = findings(snapshot, context, &newest)?;
        (findings_of, not_checked) = (Some(found), rest);
        (metrics, keys) = (Some(metric_keys(snapshot, &newest)?), Some(config_keys(&newest)));
    }
    let count = |table| count_all(snapshot, table);
    let max_step = facts.iter().filter_map(|facts| facts.last_step);
    let output = Summary {
        project: snapshot.project.name.clone(),
        num_runs,
        last_activity: facts.iter().filter_map(|f| f.last_seen).max().map(time::rfc3339),
        max_step: max_step.max_by(|a, b| a.as_f64().total_cmp(&b.as_f64())),
        by_status: counts(facts.iter().map(|facts| Some(facts.status.as_str().to_owned()))),
        by_group: counts(facts.iter().map(|facts| facts.config_text("_Group"))),
        by_user: counts(facts.iter().map(|facts| facts.config_text("_Username"))),
        by_day: counts(facts.iter().map(|facts| day(&facts.run))),
        num_alerts: count("alerts")?,
        num_artifacts: count("artifacts")?,
        num_traces: count("traces")?,
        runs: Page::of(facts.iter().collect(), &context.page, DEFAULT_LIMIT)
            .try_map(|facts| TrackioResult::Ok(facts.item()))?,
        findings: findings_of,
        not_checked,
        metrics,
        config_keys: keys,
    };
    Ok((output, looked_at))
}

fn day(run: &Run) -> Option<String> {
    let created = time::parse(run.created_at.as_deref()?)?;
    Some(created.to_zoned(jiff::tz::TimeZone::system()).date().to_string())
}

/// How often each value occurs; beyond the most frequent ten, the rest in one.
fn counts(values: impl Iterator<Item = Option<String>>) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for value in values.flatten() {
        *counts.entry(value).or_default() += 1;
    }
    if counts.len() <= LISTED_COUNTS {
        return counts;
    }
    let mut ranked: Vec<(String, usize)> = counts.into_iter().collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| b.0.cmp(&a.0)));
    let rest: usize = ranked.iter().skip(LISTED_COUNTS).map(|(_, count)| count).sum();
    let mut kept: BTreeMap<String, usize> = ranked.into_iter().take(LISTED_COUNTS).collect();
    kept.insert("(others)".to_owned(), rest);
    kept
}

fn count_all(snapshot: &Snapshot<'_>, table: &str) -> TrackioResult<usize> {
    let Some(table) = snapshot.schema.table(table) else { return Ok(0) };
    let of_part = |part: &str| format!("SELECT COUNT(*) AS rows FROM {part}");
    let sql = format!("SELECT SUM(rows) FROM ({})", table.of_parts(of_part));
    let count: i64 = snapshot.connection.query_row(&sql, [], |row| row.get(0))?;
    Ok(count.unsigned_abs() as usize)
}

/// Diagnoses the newest runs for as long as an overview may take, and counts the others.
fn findings(
    snapshot: &Snapshot<'_>,
    context: &Context,
    newest: &[RunFacts],
) -> TrackioResult<(Vec<Found>, usize)> {
    let started = Instant::now();
    let mut found = Vec::new();
    let with_rows = newest.iter().filter(|facts| facts.run.source == run::Source::Metrics);
    for facts in with_rows.clone() {
        if started.elapsed() > DIAGNOSIS_TIME {
            break;
        }
        let diagnosis = diagnosis::of_run(snapshot, context, facts, &Options::default())?;
        found.push(Found {
            run: facts.run.name.clone(),
            run_id: facts.run.id.clone(),
            verdict: word(diagnosis.verdict),
            headline: diagnosis.headline,
        });
    }
    let not_checked = with_rows.count() - found.len();
    // The newest tells most; of the others, those that are not well. A run of which nothing can
    // be said is no finding.
    let quiet = ["healthy", "dpo_healthy", "rl_improving", "insufficient_data"];
    let mut is_newest = true;
    found.retain(|run| {
        std::mem::replace(&mut is_newest, false) || !quiet.contains(&run.verdict.as_str())
    });
    Ok((found, not_checked))
}

fn metric_keys(snapshot: &Snapshot<'_>, newest: &[RunFacts]) -> TrackioResult<Vec<MetricKey>> {
    let mut keys: BTreeMap<String, MetricKey> = BTreeMap::new();
    for facts in newest {
        let mut of_run: BTreeMap<String, String> = BTreeMap::new();
        for metrics in run::first_and_last_metrics(snapshot, &facts.run)? {
            for (name, value) in metrics.iter().filter(|(_, value)| !value.is_null()) {
                of_run.insert(name.clone(), value::kind(value).to_owned());
            }
        }
        for (name, kind) in of_run {
            let direction = direction(&name).filter(|_| kind == "number");
            let new = MetricKey { name: name.clone(), kind, direction, runs: 0 };
            keys.entry(name).or_insert(new).runs += 1;
        }
    }
    let mut keys: Vec<MetricKey> = keys.into_values().collect();
    keys.sort_by(|a, b| importance(&a.name).cmp(&importance(&b.name)));
    Ok(keys)
}

fn config_keys(newest: &[RunFacts]) -> Vec<ConfigKey> {
    let mut values: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for config in newest.iter().filter_map(|facts| facts.config.as_ref()) {
        // Trackio's own keys are shown elsewhere.
        let own = config::flat(config).into_iter().filter(|(key, _)| !config::is_reserved(key));
        for (key, value) in own.filter(|(_, value)| !value.is_null()) {
            values.entry(key).or_default().push(value.clone());
        }
    }
    let mut keys: Vec<(usize, ConfigKey)> = values
        .into_iter()
        .map(|(key, values)| {
            let runs = values.len();
            let (distinct, shown) = describe(values);
            (distinct, ConfigKey { key, values: shown, runs })
        })
        .collect();
    // What varies is what a reader looks for.
    keys.sort_by(|a, b| (b.0 > 1).cmp(&(a.0 > 1)).then_with(|| a.1.key.cmp(&b.1.key)));
    keys.into_iter().map(|(_, key)| key).collect()
}

fn describe(values: Vec<Value>) -> (usize, String) {
    let numbers: Vec<f64> = values.iter().filter_map(Value::as_f64).collect();
    let mut texts: Vec<String> = values
        .iter()
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect();
    texts.sort();
    texts.dedup();
    let distinct = texts.len();
    let is_range = numbers.len() == values.len() && distinct > LISTED_VALUES;
    if is_range {
        let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        return (distinct, format!("{least} to {greatest} ({distinct} values)"));
    }
    let more = match distinct.saturating_sub(LISTED_VALUES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let cut = |text: &String| super::common::text::cut(text, 60);
    let listed: Vec<String> = texts.iter().take(LISTED_VALUES).map(cut).collect();
    (distinct, listed.join(", ") + &more)
}
