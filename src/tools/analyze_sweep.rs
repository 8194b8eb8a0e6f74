//! `analyze_sweep`: which settings made the difference, which failed, what was not tried.

mod choose;
mod effect;
mod nearby;
mod output;
mod read;
#[cfg(test)]
mod tests;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::common::{Answer, Context, Failure, resolve};
use super::{Category, Tool};
use crate::analysis::role::Direction;
use output::Sweep;
use read::Reading;

pub struct AnalyzeSweep;

#[derive(Deserialize, JsonSchema, Clone)]
pub struct Args {
    project: String,
    /// The first is analyzed; several make a Pareto front.
    metric: Option<Vec<String>>,
    direction: Option<Vec<Better>>,
    /// Was it run already?
    config: Option<Map<String, Value>>,
    /// Of the run's name.
    pattern: Option<String>,
    group: Option<String>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Better {
    Min,
    Max,
}

impl From<Better> for Direction {
    fn from(better: Better) -> Self {
        match better {
            Better::Min => Self::Min,
            Better::Max => Self::Max,
        }
    }
}

impl Tool for AnalyzeSweep {
    const NAME: &'static str = "analyze_sweep";
    const TITLE: &'static str = "Analyze a sweep";
    const CATEGORY: Category = Category::Analysis;
    const ABOUT: &'static str = "Which hyperparameters made the difference over many runs. Tells \
        each config key's effect with uncertainty, settings that diverged, seed noise, values not \
        tried, near-duplicates, the Pareto front; whether a proposed config was run already.";
    const GUIDE: &'static str = "`effect` is a rank correlation (-1 to 1) of numbers, or \
        epsilon_squared, the share of the spread that lies between values. `low` and `high` are its \
        95 % interval. `significant` is tested by permutation over all keys and shapes together: of \
        sweeps without any effect at most one in twenty shows one. Keys that were varied together \
        name each other in `confounded_with`. Runs that diverged have no value; `failures` tells \
        which settings they share. Seeds, names and paths are no hyperparameters. A project with \
        other runs beside the sweep wants `group` or `pattern`.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = Sweep;

    fn run(context: &Context, args: Args) -> Result<Answer<Sweep>, Failure> {
        let project = resolve::project(context, &args.project)?;
        let reading = context.read(&project, |snapshot| Reading::of(snapshot, context, &args))?;
        Ok(Sweep::of(reading, &project.name, &args, context))
    }
}
