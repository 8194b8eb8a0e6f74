//! `get_system_metrics_for_run`: what was measured of the machine.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use super::common::metric_list::{self, MetricItem};
use super::common::shape::OneRun;
use super::common::{Answer, Context, Failure, Output, Page};
use super::{Category, Tool};
use crate::trackio::metric::Kind;

pub struct GetSystemMetricsForRun;

#[derive(Serialize, JsonSchema)]
pub struct SystemMetrics {
    project: String,
    run: String,
    run_id: String,
    metrics: Vec<String>,
    #[serde(flatten)]
    details: Page<MetricItem>,
}

impl Tool for GetSystemMetricsForRun {
    const NAME: &'static str = "get_system_metrics_for_run";
    const TITLE: &'static str = "List a run's system metrics";
    const CATEGORY: Category = Category::System;
    const ABOUT: &'static str = "Lists what was measured of GPU, CPU, memory and network during \
        one run. For the values use get_system_logs.";
    const PAGED: bool = true;
    type Args = OneRun;
    type Output = SystemMetrics;

    fn run(context: &Context, args: OneRun) -> Result<Answer<SystemMetrics>, Failure> {
        let (project, run) = (args.project.as_deref(), args.run.as_deref());
        let list = metric_list::of_run(context, Kind::System, project, run, None)?;
        let output = SystemMetrics {
            project: list.project,
            run: list.run.name,
            run_id: list.run.id,
            metrics: metric_list::names(&list.page),
            details: list.page,
        };
        Ok(Answer::new(output).with_notes(list.notes))
    }
}

impl Output for SystemMetrics {
    fn headline(&self) -> String {
        metric_list::headline(self.details.total, "system metric", &self.run, &self.project)
    }

    fn shrink(&mut self, share: f64) -> bool {
        let shrinks = self.details.shrink(share);
        self.metrics = metric_list::names(&self.details);
        shrinks
    }
}
