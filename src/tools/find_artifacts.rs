//! `find_artifacts`: models, datasets and registries, in one project or in all.

mod item;
mod search;

use std::collections::BTreeMap;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::item::{EventItem, ListItem, Listing, RegistryFacts, RunArtifactItem};
use self::search::{Filter, Found};
use super::common::checkpoint::{self, Checkpoint};
use super::common::shape::counted;
use super::common::{Answer, Context, Failure, Output, Page, resolve, text, unread};
use super::{Category, Tool};
use crate::analysis::role::classify;
use crate::trackio::columns::{self, Columns, Wanted};
use crate::trackio::metric::Kind;
use crate::trackio::{Project, Result as TrackioResult, Run, Snapshot, artifact, registry};

pub use self::item::EventItem as RegistryEvent;
pub use self::item::LinkItem;

pub struct FindArtifacts;

const DEFAULT_LIMIT: usize = 20;
/// So many entries of a registry's log are shown.
const SHOWN_EVENTS: usize = 20;
/// So many of a run's inputs and of its outputs are told, at most.
const MOST_LINKS: usize = 500;
/// Lists beside the page are cut to no fewer.
const FEWEST: usize = 3;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    /// Default: all; `registry-…` is a registry.
    project: Option<String>,
    /// Part of the name, or a glob.
    pattern: Option<String>,
    /// model, dataset, …
    #[serde(rename = "type")]
    kind: Option<String>,
    alias: Option<String>,
    /// Only what this run logged or used.
    run: Option<String>,
    /// With run: the metric whose best step names the best checkpoint.
    metric: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct Artifacts {
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Map<String, Value>>")]
    registry: Option<RegistryFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Map<String, Value>>")]
    best_checkpoint: Option<Checkpoint>,
    #[serde(flatten)]
    artifacts: Listing,
    /// What the run used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<Map<String, Value>>>")]
    input: Option<Vec<RunArtifactItem>>,
    /// What the run logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<Map<String, Value>>>")]
    output: Option<Vec<RunArtifactItem>>,
    /// The registry's newest events, oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<Map<String, Value>>>")]
    events: Option<Vec<EventItem>>,
    /// What did not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<String>,
    /// How many inputs and outputs the run has.
    #[serde(skip)]
    whole: usize,
}

/// What is known of the one run that was asked about.
struct OfRun {
    run: Run,
    artifacts: artifact::RunArtifacts,
    best: Option<Checkpoint>,
    notes: Vec<String>,
}

impl Tool for FindArtifacts {
    const NAME: &'static str = "find_artifacts";
    const TITLE: &'static str = "Find artifacts";
    const CATEGORY: Category = Category::Artifacts;
    const ABOUT: &'static str = "Finds models, datasets and other artifacts, in one project or \
        all. Gives their versions, aliases and sizes, and the collections of registries; with run, \
        its best checkpoint too. For files and lineage use get_artifact.";
    const GUIDE: &'static str = "Versions are numbered from 0; an alias such as `latest` or \
        `prod` names one of them. A project named `registry-…` is a registry: its collections link \
        versions of other projects. With `run`, `output` is what it logged, `input` what it used.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = Artifacts;

    fn run(context: &Context, args: Args) -> Result<Answer<Artifacts>, Failure> {
        let Scope { projects, of_run, mut notes } = scope(context, &args)?;
        let filter = Filter {
            pattern: args.pattern,
            kind: args.kind,
            alias: args.alias,
            versions: of_run.as_ref().map(|of_run| ids(&projects, &of_run.artifacts)),
        };
        let is_one = projects.len() == 1 && (args.project.is_some() || of_run.is_some());
        let found = search::in_projects(context, &projects, &filter, is_one)?;
        notes.extend(found.notes(is_one));
        let mut output = page(context, &projects, found, is_one)?;
        if let Some(of_run) = of_run {
            notes.extend(of_run.notes.clone());
            output.add_run(of_run);
        }
        if let (true, Some(project)) = (is_one, projects.first()) {
            output.project = Some(project.name.clone());
            context.read(project, registry_facts)?.into_iter().for_each(|(facts, events)| {
                (output.registry, output.events) = (Some(facts), Some(events));
            });
        }
        output.left_out = output.describe_rest();
        Ok(Answer::new(output).with_notes(notes))
    }
}

/// Where to look.
struct Scope {
    projects: Vec<Project>,
    of_run: Option<OfRun>,
    notes: Vec<String>,
}

/// The projects, and the run where one was named.
fn scope(context: &Context, args: &Args) -> Result<Scope, Failure> {
    if let Some(run) = &args.run {
        let target = resolve::target(context, args.project.as_deref(), Some(run))?;
        let metric = args.metric.as_deref();
        let of_run =
            context.read(&target.project, |snapshot| of_run(snapshot, context, run, metric))?;
        return Ok(Scope {
            projects: vec![target.project],
            of_run: Some(of_run),
            notes: target.notes,
        });
    }
    if args.metric.is_some() {
        return Err(Failure::new(
            "`metric` chooses the best checkpoint of a run: name the run, or leave metric out.",
        ));
    }
    if let Some(name) = &args.project {
        let projects = vec![resolve::project(context, name)?];
        return Ok(Scope { projects, of_run: None, notes: Vec::new() });
    }
    let names = context.store.all_project_names(&context.stop)?;
    let (projects, unread) = unread::projects(context, &names);
    let notes = unread.note("found").into_iter().collect();
    Ok(Scope { projects, of_run: None, notes })
}

fn of_run(
    snapshot: &Snapshot<'_>,
    context: &Context,
    wanted: &str,
    metric: Option<&str>,
) -> TrackioResult<OfRun> {
    let resolved = resolve::run(snapshot, wanted)?;
    let notes = resolved.notes(Some(wanted));
    let run = resolved.run;
    let artifacts = artifact::of_run(snapshot, &run)?;
    let columns = columns::of_run(snapshot, Kind::Metrics, &run, &Wanted::statistics())?;
    if let Some(metric) = metric {
        check_metric(metric, &run, &columns)?;
    }
    let directory = &context.store.directory().path;
    let best = checkpoint::best(snapshot, directory, &run, &columns, metric)?;
    Ok(OfRun { run, artifacts, best, notes })
}

/// A best step needs a metric that is there and a direction that is better.
fn check_metric(metric: &str, run: &Run, columns: &Columns) -> Result<(), Failure> {
    let Some(column) = columns.metrics.get(metric) else {
        let known: Vec<&str> = columns.metrics.keys().map(String::as_str).collect();
        return Err(resolve::no_such_metric(metric, run, &known, "get_metrics_for_run"));
    };
    if column.stats(classify(metric).direction).best.is_none() {
        return Err(Failure(format!(
            "Metric `{}` has no best step: it is not clear which way is better, or it holds no \
             finite number. Without metric the best checkpoint is by the main metric.",
            resolve::shown(metric)
        )));
    }
    Ok(())
}

/// The versions of the run's own project among what it made and used.
fn ids(projects: &[Project], of_run: &artifact::RunArtifacts) -> BTreeMap<String, Vec<i64>> {
    let here = projects.first().map(|project| crate::trackio::name::canonical(&project.name));
    let mut by_name: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let all = of_run.output.iter().chain(&of_run.input);
    for version in all.filter(|version| Some(&version.project) == here.as_ref()) {
        by_name.entry(version.name.clone()).or_default().push(version.version_id);
    }
    by_name
}

fn registry_facts(
    snapshot: &Snapshot<'_>,
) -> TrackioResult<Option<(RegistryFacts, Vec<EventItem>)>> {
    let Some(registry) = registry::of(snapshot)? else { return Ok(None) };
    let (events, num_events) = registry::events(snapshot, SHOWN_EVENTS)?;
    let facts = RegistryFacts::of(registry, num_events);
    Ok(Some((facts, events.into_iter().map(EventItem::from).collect())))
}

fn page(
    context: &Context,
    projects: &[Project],
    found: Found,
    is_one: bool,
) -> Result<Artifacts, Failure> {
    let all = Page::of(found.all, &context.page, DEFAULT_LIMIT);
    // Of one artifact all versions are of interest, of many the newest.
    let most_versions = match all.items.len() {
        1 => 1_000,
        2..=DEFAULT_LIMIT => 50,
        _ => FEWEST,
    };
    let artifacts = all.try_map(|listed| {
        let project = projects.get(listed.project).ok_or_else(|| Failure::new("No project."))?;
        let shown = (!is_one).then(|| project.name.clone());
        context.read(project, |snapshot| {
            item::of(snapshot, listed.clone(), shown.clone(), most_versions)
        })
    })?;
    Ok(Artifacts {
        project: None,
        run: None,
        run_id: None,
        registry: None,
        best_checkpoint: None,
        artifacts: Listing(artifacts),
        input: None,
        output: None,
        events: None,
        left_out: None,
        whole: 0,
    })
}

impl Artifacts {
    fn add_run(&mut self, of_run: OfRun) {
        // More would fit no answer; the newest come last.
        let items = |list: Vec<artifact::RunArtifact>| {
            let older = list.len().saturating_sub(MOST_LINKS);
            Some(list.into_iter().skip(older).map(RunArtifactItem::from).collect())
        };
        self.whole = of_run.artifacts.input.len() + of_run.artifacts.output.len();
        self.run = Some(of_run.run.name);
        self.run_id = Some(of_run.run.id);
        self.best_checkpoint = of_run.best;
        self.input = items(of_run.artifacts.input);
        self.output = items(of_run.artifacts.output);
    }

    /// How much is in the lists beside the page.
    fn lengths(&self) -> (usize, usize) {
        let versions = self.artifacts.0.items.iter().map(ListItem::len).sum();
        let links = |list: &Option<Vec<RunArtifactItem>>| list.as_ref().map_or(0, Vec::len);
        (versions, links(&self.input) + links(&self.output))
    }

    fn describe_rest(&self) -> Option<String> {
        let short: usize = self.artifacts.0.items.iter().map(ListItem::left_out).sum();
        let (_, links) = self.lengths();
        let mut parts = Vec::new();
        if short > 0 {
            parts.push(format!(
                "{} (newest are shown; pattern narrows to one artifact, max_tokens: 8000 shows more)",
                counted(short, "older version")
            ));
        }
        if links < self.whole {
            parts.push(format!("{} of the run's inputs and outputs", self.whole - links));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Cuts lists within items and beside the page; `false` where all are short.
    fn shrink_lists(&mut self, share: f64, least: usize) -> bool {
        let kept = |length: usize| ((length as f64 * share) as usize).max(least);
        let longest = self.artifacts.0.items.iter().map(ListItem::len).max().unwrap_or_default();
        let before = (self.lengths(), self.events.as_ref().map_or(0, Vec::len));
        for item in &mut self.artifacts.0.items {
            item.truncate(kept(longest));
        }
        for list in [&mut self.input, &mut self.output].into_iter().flatten() {
            // The newest come last.
            let from = list.len() - kept(list.len()).min(list.len());
            list.drain(..from);
        }
        if let Some(events) = &mut self.events {
            let from = events.len() - kept(events.len()).min(events.len());
            events.drain(..from);
        }
        before != (self.lengths(), self.events.as_ref().map_or(0, Vec::len))
    }
}

impl Output for Artifacts {
    fn headline(&self) -> String {
        let project = self.project.as_deref().map(text::brief_name);
        let place = match (&self.run, &project) {
            (Some(run), Some(project)) => {
                format!("that run {} (project {project}) logged or used", text::brief_name(run))
            }
            (None, Some(project)) => format!("in project {project}"),
            _ => "in all projects".to_owned(),
        };
        let noun = if self.registry.is_some() { "collection" } else { "artifact" };
        match self.artifacts.0.total {
            0 => format!("No {noun} {place}."),
            total => format!("{} {place}.", counted(total, noun)),
        }
    }

    fn shrink(&mut self, share: f64) -> bool {
        let shrinks = self.shrink_lists(share, FEWEST)
            || self.artifacts.0.shrink(share)
            || self.shrink_lists(0.0, 1);
        self.left_out = self.describe_rest();
        shrinks
    }
}
