//! `get_logs`: several metrics side by side.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::common::logs::{Logs, Question, coverage_of};
use super::common::shape::{Format, counted, unreadable_note};
use super::common::{Answer, Context, Failure, Output, resolve};
use super::{Category, Tool};
use crate::trackio::metric::{self, Kind, Row, Selection};

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

#[derive(Serialize, JsonSchema)]
pub struct LogsAnswer {
    project: String,
    run: String,
    run_id: String,
    #[serde(flatten)]
    logs: Logs,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<std::collections::BTreeMap<String, Value>>")]
    coverage: Option<Map<String, Value>>,
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
        let target = resolve::target(context, args.project.as_deref(), args.run.as_deref())?;
        let (output, notes) = context.read(&target.project, |snapshot| {
            let resolved = resolve::run(snapshot, &target.run)?;
            let mut notes = resolved.notes(args.run.as_deref());
            let found = metric::rows(snapshot, Kind::Metrics, &resolved.run, Selection::All)?;
            notes.extend(unreadable_note(found.unreadable));
            if found.rows.is_empty() {
                notes.push("This run logged no metrics.".to_owned());
            }
            check_metrics(&found.rows, args.metrics.as_deref(), &resolved.run)?;
            let question = Question {
                kind: Kind::Metrics,
                metrics: args.metrics.as_deref(),
                scalar_only: args.scalar_only.unwrap_or(false),
                max_points: args.max_points,
                format: args.format.unwrap_or_default(),
            };
            let logs = Logs::pick(found.rows, &question, &context.page);
            let project = snapshot.project.name.clone();
            let (run, run_id) = (resolved.run.name, resolved.run.id);
            Ok((LogsAnswer { project, run, run_id, coverage: coverage_of(&logs), logs }, notes))
        })?;
        Ok(Answer::new(output).with_notes(target.notes).with_notes(notes))
    }
}

impl Output for LogsAnswer {
    fn headline(&self) -> String {
        let rows = counted(self.logs.shown(), "row");
        format!("{rows} of run {} (project {}).", self.run, self.project)
    }

    fn shrink(&mut self, share: f64) -> bool {
        let shrinks = self.logs.shrink(share);
        self.coverage = coverage_of(&self.logs);
        shrinks
    }
}

/// An error for the first metric that no row holds.
pub fn check_metrics(
    rows: &[Row],
    wanted: Option<&[String]>,
    run: &crate::trackio::Run,
) -> Result<(), Failure> {
    for name in wanted.into_iter().flatten() {
        if !rows.iter().any(|row| row.metrics.contains_key(name)) {
            let mut known: Vec<&str> =
                rows.iter().flat_map(|row| row.metrics.keys()).map(String::as_str).collect();
            known.sort_unstable();
            known.dedup();
            return Err(resolve::no_such_metric(name, run, &known, "get_metrics_for_run"));
        }
    }
    Ok(())
}
