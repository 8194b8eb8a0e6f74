//! `get_logs`: several metrics side by side.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Deserialize;

use super::common::logs::{self, LogsAnswer, Question};
use super::common::shape::Format;
use super::common::{Answer, Context, Failure};
use super::{Category, Tool};
use crate::trackio::metric::Kind;

pub struct GetLogs;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    project: Option<String>,
    /// Name, id, or the start of an id; default: the newest.
    run: Option<String>,
    metrics: Option<Vec<String>>,
    /// Only finite numbers and histograms.
    scalar_only: Option<bool>,
    /// Default 100; 0: every row, paged.
    #[schemars(range(min = 0))]
    max_points: Option<usize>,
    format: Option<Format>,
}

impl Tool for GetLogs {
    const NAME: &'static str = "get_logs";
    const TITLE: &'static str = "Get several metrics side by side";
    const CATEGORY: Category = Category::Metrics;
    const ABOUT: &'static str = "Rows of one run with several metrics side by side, sampled; name \
        the metrics you want. For one curve with statistics use get_metric_values.";
    const GUIDE: &'static str = "Without `metrics` it pages by metric, main metrics first. \
        `max_points: 0` pages through every row. `format: records` gives Trackio's objects; with \
        `max_points` they are the rows that Trackio itself would keep.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = LogsAnswer;

    fn run(context: &Context, args: Args) -> Result<Answer<LogsAnswer>, Failure> {
        let question = Question {
            kind: Kind::Metrics,
            metrics: args.metrics.as_deref(),
            scalar_only: args.scalar_only.unwrap_or(false),
            max_points: args.max_points,
            format: args.format.unwrap_or_default(),
            with_steps: false,
        };
        logs::of_run(context, args.project.as_deref(), args.run.as_deref(), &question)
    }
}
