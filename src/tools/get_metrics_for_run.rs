//! `get_metrics_for_run`: what a run logged.

use super::common::metric_list::{self, Args, MetricList};
use super::common::{Answer, Context, Failure};
use super::{Category, Tool};
use crate::trackio::metric::Kind;

pub struct GetMetricsForRun;

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
    type Output = MetricList;

    fn run(context: &Context, args: Args) -> Result<Answer<MetricList>, Failure> {
        metric_list::of_run(context, Kind::Metrics, &args)
    }
}
