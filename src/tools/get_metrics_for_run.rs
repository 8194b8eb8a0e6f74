//! `get_metrics_for_run`: what a run logged.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::metric_list::{self, MetricItem};
use super::common::{Answer, Context, Failure, Output, Page};
use super::{Category, Tool};
use crate::trackio::metric::Kind;

pub struct GetMetricsForRun;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    project: Option<String>,
    /// Name, id, or the start of an id; default: the newest.
    run: Option<String>,
    /// Part of the name, or a glob.
    pattern: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct Metrics {
    project: String,
    run: String,
    run_id: String,
    metrics: Vec<String>,
    #[serde(flatten)]
    details: Page<MetricItem>,
}

impl Tool for GetMetricsForRun {
    const NAME: &'static str = "get_metrics_for_run";
    const TITLE: &'static str = "List a run's metrics";
    const CATEGORY: Category = Category::Metrics;
    const ABOUT: &'static str = "Lists the metrics of one run: kind, role, direction, number of \
        values, steps, last value. For the values use get_metric_values.";
    const GUIDE: &'static str = "`kind` is number, text, boolean, image, table, histogram, and so \
        on. Direction and role are inferred from the name.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = Metrics;

    fn run(context: &Context, args: Args) -> Result<Answer<Metrics>, Failure> {
        let (project, run) = (args.project.as_deref(), args.run.as_deref());
        let list =
            metric_list::of_run(context, Kind::Metrics, project, run, args.pattern.as_deref())?;
        let output = Metrics {
            project: list.project,
            run: list.run.name,
            run_id: list.run.id,
            metrics: metric_list::names(&list.page),
            details: list.page,
        };
        Ok(Answer::new(output).with_notes(list.notes))
    }
}

impl Output for Metrics {
    fn headline(&self) -> String {
        metric_list::headline(self.details.total, "metric", &self.run, &self.project)
    }

    fn shrink(&mut self, share: f64) -> bool {
        let shrinks = self.details.shrink(share);
        self.metrics = metric_list::names(&self.details);
        shrinks
    }
}
