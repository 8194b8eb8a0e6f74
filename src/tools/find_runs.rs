//! `find_runs`: from half-remembered words to runs, in all projects.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::shape::counted;
use super::common::status::Status;
use super::common::{Answer, Context, Failure, Item, Output, Page, scan};
use super::{Category, Tool};

mod entry;
mod matching;
mod query;
mod search;
#[cfg(test)]
mod tests;
mod words;

pub struct FindRuns;

const DEFAULT_LIMIT: usize = 20;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    /// Words, "lr=3e-4", part of a name.
    query: String,
    /// Default: all.
    project: Option<String>,
    /// Created after this time.
    after: Option<String>,
    before: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct Found {
    searched_projects: usize,
    searched_runs: usize,
    #[serde(flatten)]
    runs: Page<FoundRun>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct FoundRun {
    project: String,
    id: String,
    name: String,
    /// The share of the query that it meets.
    score: f64,
    /// What met it.
    matched: Vec<String>,
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

impl Item for FoundRun {
    const LIST: &'static str = "runs";
}

impl Tool for FindRuns {
    const NAME: &'static str = "find_runs";
    const TITLE: &'static str = "Find runs";
    const CATEGORY: Category = Category::Runs;
    const ABOUT: &'static str = "Finds runs in all projects by what is remembered of them: name \
        (typos allowed), group, user, config keys and values; ranked, with why. For exact filters \
        in one project use get_runs_for_project.";
    const GUIDE: &'static str = "Numbers are equal by value (`3e-4` finds 0.0003), pairs are \
        `lr=3e-4`, `lr:3e-4` or `lr 3e-4`, and usual keys are known by their other names (lr and \
        learning_rate, bs and batch_size, wd and weight_decay, ...). Words in double quotes stay \
        together. Words such as `the`, `run` or `yesterday` are passed over: time is `after` and \
        `before`. `score` is the share of the query that a run meets; runs that meet less than \
        half of what the best one does are left out.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = Found;

    fn run(context: &Context, args: Args) -> Result<Answer<Found>, Failure> {
        search::search(context, &args, scan::TIME)
    }
}

impl Output for Found {
    fn headline(&self) -> String {
        format!(
            "{} found among {} of {}.",
            counted(self.runs.total, "run"),
            counted(self.searched_runs, "run"),
            counted(self.searched_projects, "project")
        )
    }

    fn shrink(&mut self, share: f64) -> bool {
        self.runs.shrink(share)
    }
}
