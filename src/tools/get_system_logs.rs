//! `get_system_logs`: GPU, CPU and memory by time.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::common::logs::{Logs, Question, coverage_of};
use super::common::metric_list::rows_elsewhere;
use super::common::shape::{Format, counted, unreadable_note};
use super::common::{Answer, Context, Failure, Output, resolve};
use super::get_logs::check_metrics;
use super::{Category, Tool};
use crate::trackio::metric::{self, Kind, Selection};

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
}

#[derive(Serialize, JsonSchema)]
pub struct SystemLogs {
    project: String,
    run: String,
    run_id: String,
    #[serde(flatten)]
    logs: Logs,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<std::collections::BTreeMap<String, Value>>")]
    coverage: Option<Map<String, Value>>,
}

impl Tool for GetSystemLogs {
    const NAME: &'static str = "get_system_logs";
    const TITLE: &'static str = "Get system metrics";
    const CATEGORY: Category = Category::System;
    const ABOUT: &'static str = "GPU, CPU and memory of one run by time, sampled; name the metrics \
        you want. get_system_metrics_for_run lists them.";
    const GUIDE: &'static str = "A run's name means the same run as in the other tools; where that \
        one has no system metrics, the notes name the one that has.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = SystemLogs;

    fn run(context: &Context, args: Args) -> Result<Answer<SystemLogs>, Failure> {
        let target = resolve::target(context, args.project.as_deref(), args.run.as_deref())?;
        let (output, notes) = context.read(&target.project, |snapshot| {
            let resolved = resolve::run(snapshot, &target.run)?;
            let mut notes = resolved.notes(args.run.as_deref());
            let found = metric::rows(snapshot, Kind::System, &resolved.run, Selection::All)?;
            notes.extend(unreadable_note(found.unreadable));
            if found.rows.is_empty() {
                notes.extend(rows_elsewhere(snapshot, Kind::System, &resolved)?);
            } else {
                check_metrics(&found.rows, args.metrics.as_deref(), &resolved.run)?;
            }
            let question = Question {
                kind: Kind::System,
                metrics: args.metrics.as_deref(),
                scalar_only: false,
                max_points: args.max_points,
                format: args.format.unwrap_or_default(),
            };
            let logs = Logs::pick(found.rows, &question, &context.page);
            let project = snapshot.project.name.clone();
            let (run, run_id) = (resolved.run.name, resolved.run.id);
            Ok((SystemLogs { project, run, run_id, coverage: coverage_of(&logs), logs }, notes))
        })?;
        Ok(Answer::new(output).with_notes(target.notes).with_notes(notes))
    }
}

impl Output for SystemLogs {
    fn headline(&self) -> String {
        let rows = counted(self.logs.shown(), "row");
        format!("{rows} of system metrics of run {} (project {}).", self.run, self.project)
    }

    fn shrink(&mut self, share: f64) -> bool {
        let shrinks = self.logs.shrink(share);
        self.coverage = coverage_of(&self.logs);
        shrinks
    }
}
