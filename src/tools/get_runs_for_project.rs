//! `get_runs_for_project`: many runs, filtered and ordered.

use std::cmp::Ordering;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::common::filter::{Condition, Field, Order};
use super::common::shape::{Point, RunFacts, RunItem, counted, direction, importance, matches};
use super::common::status::Status;
use super::common::{Answer, Context, Failure, Output, Page, resolve};
use super::{Category, Tool};
use crate::analysis::role::classify;
use crate::trackio::columns::Wanted;
use crate::trackio::metric::Kind;
use crate::trackio::value::Metrics;
use crate::trackio::{Result as TrackioResult, Run, Snapshot, columns, run};

pub struct GetRunsForProject;

const DEFAULT_LIMIT: usize = 50;
/// How many metrics `detail: full` shows of each run.
const MAIN_METRICS: usize = 6;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    project: String,
    /// Names or ids.
    runs: Option<Vec<String>>,
    /// Part of the name, or a glob.
    pattern: Option<String>,
    status: Option<Status>,
    group: Option<String>,
    user: Option<String>,
    /// Created after this time.
    after: Option<String>,
    before: Option<String>,
    /// Conditions that all must hold: "config.lr <= 1e-4", "last_step > 100".
    r#where: Option<Vec<String>>,
    /// A field of `where`, "-" before it for descending.
    order_by: Option<String>,
    detail: Option<Detail>,
}

#[derive(Deserialize, JsonSchema, PartialEq, Clone, Copy)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Detail {
    Core,
    Full,
}

#[derive(Serialize, JsonSchema)]
pub struct Runs {
    project: String,
    /// How many runs Trackio counts.
    num_runs: usize,
    #[serde(flatten)]
    runs: Page<RunItem>,
}

impl Tool for GetRunsForProject {
    const NAME: &'static str = "get_runs_for_project";
    const TITLE: &'static str = "List runs";
    const CATEGORY: Category = Category::Runs;
    const ABOUT: &'static str = "Lists a project's runs, newest first, with inferred status, last \
        step and group; filters and orders them. detail full adds config, last and best values. \
        For one run use get_run_summary.";
    const GUIDE: &'static str = "`where` takes `field op value`: fields name, status, group, user, \
        created, last_step, config.<key> (`config.optimizer.lr` looks into nested configs); \
        operators = != < <= > >= ~ (contains) in. Names with spaces or operators go in double \
        quotes. `total` also counts runs that have only system metrics or alerts (`has_logs` \
        false); `num_runs` is Trackio's count.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = Runs;

    fn run(context: &Context, args: Args) -> Result<Answer<Runs>, Failure> {
        let project = resolve::project(context, &args.project)?;
        let selection = Selection::of(&args)?;
        let output = context.read(&project, |snapshot| {
            let listed = run::newest_first(snapshot)?;
            let num_runs = listed.iter().filter(|run| run.is_listed()).count();
            let found = selection.select(snapshot, context, listed)?;
            let full = args.detail == Some(Detail::Full);
            let page = Page::of(found, &context.page, DEFAULT_LIMIT);
            let runs = page.try_map(|candidate| {
                let facts = candidate.facts(snapshot, context)?;
                if full { full_item(snapshot, &facts) } else { Ok(facts.item()) }
            })?;
            selection.check_runs(snapshot)?;
            Ok(Runs { project: args.project.clone(), num_runs, runs })
        })?;
        Ok(Answer::new(output))
    }
}

impl Output for Runs {
    fn headline(&self) -> String {
        let of = match self.runs.total.cmp(&self.num_runs) {
            Ordering::Equal => String::new(),
            Ordering::Less => format!(", of {}", self.num_runs),
            Ordering::Greater => format!(", {} of them listed by Trackio", self.num_runs),
        };
        format!("{} of project {}{of}.", counted(self.runs.total, "run"), self.project)
    }

    fn shrink(&mut self, share: f64) -> bool {
        self.runs.shrink(share)
    }
}

/// What the arguments ask for, checked.
struct Selection {
    runs: Option<Vec<String>>,
    pattern: Option<String>,
    conditions: Vec<Condition>,
    order: Option<Order>,
}

/// A run on its way into the list; what is known of it is looked up once, when it is needed.
struct Candidate {
    run: Run,
    facts: Option<RunFacts>,
}

impl Selection {
    fn of(args: &Args) -> Result<Self, Failure> {
        let mut conditions = Vec::new();
        let equal = |field: &str, value: &str| Condition::parse(&format!("{field} = \"{value}\""));
        if let Some(status) = args.status {
            conditions.push(equal("status", status.as_str())?);
        }
        for (field, value) in [("group", &args.group), ("user", &args.user)] {
            if let Some(value) = value {
                conditions.push(equal(field, value)?);
            }
        }
        for (name, operator, value) in [("after", ">", &args.after), ("before", "<", &args.before)]
        {
            let Some(value) = value else { continue };
            if crate::trackio::time::parse(value).is_none() {
                return Err(no_time(name, value));
            }
            conditions.push(Condition::parse(&format!("created {operator} \"{value}\""))?);
        }
        for text in args.r#where.iter().flatten() {
            conditions.push(Condition::parse(text)?);
        }
        let order = args.order_by.as_deref().map(Order::parse).transpose()?;
        Ok(Self { runs: args.runs.clone(), pattern: args.pattern.clone(), conditions, order })
    }

    /// The runs that are wanted, in the order that is wanted.
    fn select(
        &self,
        snapshot: &Snapshot<'_>,
        context: &Context,
        listed: Vec<Run>,
    ) -> TrackioResult<Vec<Candidate>> {
        let mut found = Vec::new();
        for run in listed.into_iter().filter(|run| self.is_named(run)) {
            let mut candidate = Candidate { run, facts: None };
            if self.admits(&mut candidate, snapshot, context)? {
                found.push(candidate);
            }
        }
        if let Some(order) = &self.order {
            let mut keyed = Vec::new();
            for mut candidate in found {
                keyed.push((candidate.value(&order.field, snapshot, context)?, candidate));
            }
            keyed.sort_by(|(a, _), (b, _)| order.compare(a.as_ref(), b.as_ref()));
            found = keyed.into_iter().map(|(_, candidate)| candidate).collect();
        }
        Ok(found)
    }

    fn is_named(&self, run: &Run) -> bool {
        let by_pattern = self.pattern.as_ref().is_none_or(|pattern| matches(pattern, &run.name));
        let by_list = self
            .runs
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| *name == run.id || *name == run.name));
        by_pattern && by_list
    }

    fn admits(
        &self,
        candidate: &mut Candidate,
        snapshot: &Snapshot<'_>,
        context: &Context,
    ) -> TrackioResult<bool> {
        for condition in &self.conditions {
            let value = candidate.value(&condition.field, snapshot, context)?;
            if !condition.is_met_by(value.as_ref()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// An error for the first named run that there is not.
    fn check_runs(&self, snapshot: &Snapshot<'_>) -> TrackioResult<()> {
        for name in self.runs.iter().flatten() {
            resolve::run(snapshot, name)?;
        }
        Ok(())
    }
}

fn no_time(name: &str, value: &str) -> Failure {
    Failure(format!(
        "The argument `{name}` must be a time such as 2026-01-31 or 2026-01-31T12:00:00Z; found \
         `{}`.",
        resolve::shown(value)
    ))
}

impl Candidate {
    fn facts(mut self, snapshot: &Snapshot<'_>, context: &Context) -> TrackioResult<RunFacts> {
        match self.facts.take() {
            Some(facts) => Ok(facts),
            None => RunFacts::of(snapshot, context, &self.run),
        }
    }

    fn value(
        &mut self,
        field: &Field,
        snapshot: &Snapshot<'_>,
        context: &Context,
    ) -> TrackioResult<Option<Value>> {
        if field.needs_config() && self.facts.is_none() {
            self.facts = Some(RunFacts::of(snapshot, context, &self.run)?);
        }
        let config_text = |key: &str| {
            self.facts.as_ref().and_then(|facts| facts.config_text(key)).map(Value::from)
        };
        Ok(match field {
            Field::Name => Some(Value::from(self.run.name.clone())),
            Field::Created => self.run.created_at.clone().map(Value::from),
            Field::LastStep => run::last_step(snapshot, &self.run)?.map(|step| json!(step)),
            Field::Status => self.facts.as_ref().map(|facts| facts.status.as_str().into()),
            Field::Group => config_text("_Group"),
            Field::User => config_text("_Username"),
            Field::Config(key) => {
                let config = self.facts.as_ref().and_then(|facts| facts.config.as_ref());
                config.and_then(|config| lookup(config, key)).cloned()
            }
        })
    }
}

/// A config's value: under the key as it stands, else along its dots.
fn lookup<'a>(config: &'a Metrics, key: &str) -> Option<&'a Value> {
    if let Some(value) = config.get(key) {
        return Some(value);
    }
    let (first, rest) = key.split_once('.')?;
    match config.get(first)? {
        Value::Object(nested) => lookup(nested, rest),
        _ => None,
    }
}

fn full_item(snapshot: &Snapshot<'_>, facts: &RunFacts) -> TrackioResult<RunItem> {
    let columns = columns::of_run(snapshot, Kind::Metrics, &facts.run, &Wanted::statistics())?;
    let mut names: Vec<&String> = columns.metrics.keys().collect();
    names.sort_by_key(|name| importance(name));
    let mut metrics = Map::new();
    for name in names {
        let column = columns.metrics.get(name).filter(|column| column.count() > 0);
        let Some(column) = column else { continue };
        let stats = column.stats(classify(name).direction);
        let point = |point| json!(Point::from(point));
        let mut shown = Map::new();
        shown.extend(stats.last.map(|last| ("last".to_owned(), point(last))));
        if let (Some(best), Some(direction)) = (stats.best, direction(name)) {
            shown.insert("best".to_owned(), point(best));
            shown.insert("direction".to_owned(), direction.into());
        }
        metrics.insert(name.clone(), shown.into());
        if metrics.len() == MAIN_METRICS {
            break;
        }
    }
    Ok(RunItem {
        num_logs: Some(columns.rows + columns.unreadable),
        config: facts.config.clone(),
        metrics: Some(metrics),
        ..facts.item()
    })
}
