//! `get_system_logs`: GPU, CPU and memory by time.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Deserialize;

use super::common::logs::{self, LogsAnswer, Question};
use super::common::shape::Format;
use super::common::{Answer, Context, Failure};
use super::{Category, Tool};
use crate::trackio::metric::Kind;

pub struct GetSystemLogs;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    project: Option<String>,
    /// Name, id, or the start of an id; default: the newest.
    run: Option<String>,
    metrics: Option<Vec<String>>,
    /// Default 100; 0: every row, paged.
    #[schemars(range(min = 0))]
    max_points: Option<usize>,
    format: Option<Format>,
    /// `step`: beside each row the step that the training had reached.
    join: Option<Join>,
}

/// What rows of the machine are laid beside.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Join {
    Step,
}

impl Tool for GetSystemLogs {
    const NAME: &'static str = "get_system_logs";
    const TITLE: &'static str = "Get system metrics";
    const CATEGORY: Category = Category::System;
    const ABOUT: &'static str = "GPU, CPU and memory of one run by time, sampled; name the metrics \
        you want. get_system_metrics_for_run lists them.";
    const GUIDE: &'static str = "A run's name means the same run as in the other tools; where that \
        one has no system metrics, the notes name the one that has. With `join` the step is that \
        of the last row of metrics until then; before the first there is none.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = LogsAnswer;

    fn run(context: &Context, args: Args) -> Result<Answer<LogsAnswer>, Failure> {
        let question = Question {
            kind: Kind::System,
            metrics: args.metrics.as_deref(),
            scalar_only: false,
            max_points: args.max_points,
            format: args.format.unwrap_or_default(),
            with_steps: args.join.is_some(),
        };
        logs::of_run(context, args.project.as_deref(), args.run.as_deref(), &question)
    }
}
