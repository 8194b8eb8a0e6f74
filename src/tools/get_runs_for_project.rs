//! `get_runs_for_project`: many runs, filtered and ordered.

use std::cmp::Ordering;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::common::nearest::check_pattern;
use super::common::shape::{Point, RunFacts, RunItem, counted, direction, importance};
use super::common::status::Status;
use super::common::{Answer, Context, Failure, Output, Page, resolve, scan, text};
use super::{Category, Tool};
use crate::analysis::role::classify;
use crate::trackio::columns::Wanted;
use crate::trackio::metric::Kind;
use crate::trackio::{Result as TrackioResult, Snapshot, columns, run};

mod candidate;
mod selection;
#[cfg(test)]
mod tests;

use selection::Selection;

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
    /// Conditions that all must hold: "config.lr <= 1e-4", "best(val/loss) < 0.5".
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
        created, last_step, config.<key> (`config.optimizer.lr` looks into nested configs), and \
        last(m), best(m), min(m), max(m), mean(m) of the finite values of a metric; operators = \
        != < <= > >= ~ (contains) in. Names with spaces or operators go in double quotes. A run \
        without the config key meets `!=` alone, one without the metric nothing. `order_by` takes \
        a field, `-` before it for descending, and lists runs without it last. `values` shows \
        what a run was ordered or filtered by. `total` also counts runs that have only system metrics or alerts (`has_logs` \
        false); `num_runs` is Trackio's count.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = Runs;

    fn run(context: &Context, args: Args) -> Result<Answer<Runs>, Failure> {
        let project = resolve::project(context, &args.project)?;
        let selection = Selection::of(&args)?;
        let (output, notes) = context.read(&project, |snapshot| {
            let listed = run::newest_first(snapshot)?;
            let num_runs = listed.iter().filter(|run| run.is_listed()).count();
            if let Some(pattern) = &args.pattern {
                check_pattern("run", pattern, listed.iter().map(|run| run.name.as_str()))?;
            }
            let found = selection.select(snapshot, context, listed, scan::TIME)?;
            let full = args.detail == Some(Detail::Full);
            let page = Page::of(found.candidates, &context.page, DEFAULT_LIMIT);
            let runs = page.searched(found.searched).try_map(|candidate| {
                let values = candidate.values();
                let facts = candidate.facts(snapshot, context)?;
                let item = if full { full_item(snapshot, &facts)? } else { facts.item() };
                TrackioResult::Ok(RunItem { values, ..item })
            })?;
            selection.check_runs(snapshot)?;
            Ok((Runs { project: args.project.clone(), num_runs, runs }, found.notes))
        })?;
        Ok(Answer::new(output).with_notes(notes))
    }
}

impl Output for Runs {
    fn headline(&self) -> String {
        let of = match self.runs.total.cmp(&self.num_runs) {
            Ordering::Equal => String::new(),
            Ordering::Less => format!(", of {}", self.num_runs),
            Ordering::Greater => format!(", {} of them listed by Trackio", self.num_runs),
        };
        let project = text::brief_name(&self.project);
        format!("{} of project {project}{of}.", counted(self.runs.total, "run"))
    }

    fn shrink(&mut self, share: f64) -> bool {
        self.runs.shrink(share)
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
