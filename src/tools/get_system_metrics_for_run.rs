//! `get_system_metrics_for_run`: what was measured of the machine.

use super::common::metric_list::{self, Args, MetricList};
use super::common::{Answer, Context, Failure};
use super::{Category, Tool};
use crate::trackio::metric::Kind;

pub struct GetSystemMetricsForRun;

impl Tool for GetSystemMetricsForRun {
    const NAME: &'static str = "get_system_metrics_for_run";
    const TITLE: &'static str = "List a run's system metrics";
    const CATEGORY: Category = Category::System;
    const ABOUT: &'static str = "Lists what was measured of GPU, CPU, memory and network during \
        one run. For the values use get_system_logs.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = MetricList;

    fn run(context: &Context, args: Args) -> Result<Answer<MetricList>, Failure> {
        metric_list::of_run(context, Kind::System, &args)
    }
}
