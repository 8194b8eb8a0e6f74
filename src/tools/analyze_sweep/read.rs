//! From a project's runs to the trials of a sweep.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Args;
use super::choose::{Candidates, Chosen};
use crate::analysis::finding::Verdict;
use crate::analysis::run::Options;
use crate::analysis::series::Series;
use crate::analysis::sweep::{Outcome, Setting, Trial};
use crate::tools::common::shape::{RunFacts, matches};
use crate::tools::common::status::Status;
use crate::tools::common::{Context, Failure, diagnosis, resolve};
use crate::trackio::columns::{self, Wanted};
use crate::trackio::metric::Kind;
use crate::trackio::value::Metrics;
use crate::trackio::{Result as TrackioResult, Run, Snapshot, config, run};

/// Runs are read for so long.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// The runs of a sweep, newest first.
pub struct Reading {
    /// How many runs were asked for, read or not.
    pub asked: usize,
    /// How many have no config.
    pub without_config: usize,
    /// The runs that were read and have a config.
    pub runs: Vec<Member>,
    /// The metrics, the main one first.
    pub metrics: Vec<Chosen>,
    /// How many runs were looked at.
    pub looked_at: usize,
}

/// One run of it.
pub struct Member {
    /// The run.
    pub run: Run,
    /// Whether it still goes on.
    pub status: Status,
    /// Its highest step.
    pub last_step: Option<f64>,
    /// What the analysis sees of it.
    pub trial: Trial,
}

/// A run whose metrics are read and not yet chosen from.
struct Candidate {
    member: Member,
    outcomes: BTreeMap<String, Outcome>,
    diverged: bool,
}

impl Reading {
    /// Reads the runs that `args` ask for.
    pub fn of(snapshot: &Snapshot<'_>, context: &Context, args: &Args) -> TrackioResult<Self> {
        let asked = asked(snapshot, args)?;
        if asked.is_empty() {
            return Err(nothing_asked(snapshot, args)?.into());
        }
        let started = Instant::now();
        let candidates = Candidates::of(args)?;
        let (mut read, mut names, mut declared) = (Vec::new(), BTreeSet::new(), Vec::new());
        let (mut looked_at, mut without_config) = (0, 0);
        let mut count = context.count(asked.len(), "runs");
        for (run, config) in &asked {
            if started.elapsed() > DEADLINE && looked_at > 0 {
                break;
            }
            count.reach(looked_at)?;
            looked_at += 1;
            let Some(config) = config else {
                without_config += 1;
                continue;
            };
            declared.extend(config.get("metric_for_best_model").and_then(Value::as_str));
            read.push(candidate(snapshot, context, run, config, &candidates, &mut names)?);
        }
        if read.is_empty() {
            return Err(Failure(format!(
                "None of {looked_at} runs of project `{}` has a config, so there is nothing to \
                 compare. trackio.init(config=...) records one.",
                resolve::shown(&snapshot.project.name)
            ))
            .into());
        }
        let found = read.iter().map(|candidate| &candidate.outcomes);
        let metrics = candidates.choose(found, &names, &declared)?;
        let runs = read.into_iter().map(|candidate| candidate.with(&metrics)).collect();
        Ok(Self { asked: asked.len(), without_config, runs, metrics, looked_at })
    }
}

/// The runs with metrics that `pattern` and `group` leave, with their configs.
fn asked(snapshot: &Snapshot<'_>, args: &Args) -> TrackioResult<Vec<(Run, Option<Metrics>)>> {
    let mut asked = Vec::new();
    for run in run::newest_first(snapshot)? {
        let by_name = args.pattern.as_ref().is_none_or(|pattern| matches(pattern, &run.name));
        if run.source != run::Source::Metrics || !by_name {
            continue;
        }
        let config = config::of_run(snapshot, &run)?;
        let group = config.as_ref().and_then(|config| config.get("_Group")?.as_str());
        if args.group.is_none() || args.group.as_deref() == group {
            asked.push((run, config));
        }
    }
    Ok(asked)
}

fn nothing_asked(snapshot: &Snapshot<'_>, args: &Args) -> TrackioResult<Failure> {
    let project = resolve::shown(&snapshot.project.name);
    let all = self::asked(snapshot, &Args { pattern: None, group: None, ..args.clone() })?;
    let groups: BTreeSet<&str> =
        all.iter().filter_map(|(_, config)| config.as_ref()?.get("_Group")?.as_str()).collect();
    let groups: Vec<&str> = groups.into_iter().take(10).collect();
    Ok(Failure(match (all.len(), groups.is_empty()) {
        (0, _) => format!("Project `{project}` has no runs with metrics."),
        (all, true) => format!(
            "None of the {all} runs of project `{project}` matches. None has a group; \
             get_runs_for_project lists their names."
        ),
        (all, false) => format!(
            "None of the {all} runs of project `{project}` matches. Its groups: {}.",
            resolve::shown(&groups.join(", "))
        ),
    }))
}

fn candidate(
    snapshot: &Snapshot<'_>,
    context: &Context,
    run: &Run,
    config: &Metrics,
    candidates: &Candidates,
    names: &mut BTreeSet<String>,
) -> TrackioResult<Candidate> {
    let facts = RunFacts::with_config(snapshot, context, run, Some(config.clone()))?;
    let mut wanted = Wanted::diagnosis();
    wanted.values.extend(candidates.named().cloned());
    let columns = columns::of_run(snapshot, Kind::Metrics, run, &wanted)?;
    let diagnosis = diagnosis::of_run(snapshot, context, &facts, &Options::default())?;
    let mut outcomes = BTreeMap::new();
    for (name, _) in columns.metrics.iter().filter(|(_, column)| column.count() > 0) {
        names.insert(name.clone());
        if let Some(direction) = candidates.direction(name) {
            let series: Option<Series> = columns.series(name);
            outcomes.insert(name.clone(), Outcome::of(&series.unwrap_or_default(), direction));
        }
    }
    let settings = settings(config);
    let member = Member {
        run: run.clone(),
        status: facts.status,
        last_step: facts.last_step.map(|step| step.as_f64()),
        trial: Trial { settings, outcomes: Vec::new() },
    };
    let diverged = matches!(diagnosis.verdict, Verdict::NonFinite | Verdict::Diverged);
    Ok(Candidate { member, outcomes, diverged })
}

impl Candidate {
    fn with(self, metrics: &[Chosen]) -> Member {
        let outcome = |metric: &Chosen| match (self.diverged, self.outcomes.get(&metric.name)) {
            (true, _) => Outcome::Failed,
            (false, found) => found.copied().unwrap_or(Outcome::Missing),
        };
        let outcomes = metrics.iter().map(outcome).collect();
        let mut member = self.member;
        member.trial.outcomes = outcomes;
        member
    }
}

/// The settings of a config by dotted key. A null is no setting: projects restored from Parquet
/// hold one for every key that other runs have.
pub fn settings(config: &Metrics) -> BTreeMap<String, Setting> {
    let own = config::flat(config).into_iter().filter(|(key, _)| !config::is_reserved(key));
    let setting = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(Setting::Word(text.clone())),
        Value::Number(number) => number.as_f64().map(Setting::Number),
        other => Some(Setting::Word(config::canonical(other))),
    };
    own.filter_map(|(key, value)| Some((key, setting(value)?))).collect()
}
