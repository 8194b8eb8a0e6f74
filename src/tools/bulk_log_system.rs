//! `bulk_log_system`: system metrics from outside the training.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::common::writing::{self, Common, Logged, Rows};
use super::common::{Answer, Context, Failure};
use super::{Access, Category, Tool};
use crate::trackio::write::entry::Content;

pub struct BulkLogSystem;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    entries: Vec<Row>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Row {
    project: String,
    run: String,
    #[serde(deserialize_with = "writing::object")]
    metrics: Map<String, Value>,
    timestamp: Option<String>,
    /// A repeated log_id is written once.
    log_id: Option<String>,
    run_id: Option<String>,
}

impl Tool for BulkLogSystem {
    const NAME: &'static str = "bulk_log_system";
    const TITLE: &'static str = "Log system metrics";
    const CATEGORY: Category = Category::Write;
    const ACCESS: Access = Access::Write { destructive: false, idempotent: false };
    const ABOUT: &'static str = "Log system metrics (GPU, CPU, memory) to runs by time, without \
        steps. All rows of a project or none. bulk_log is for metrics.";
    type Args = Args;
    type Output = Logged;

    fn run(context: &Context, args: Args) -> Result<Answer<Logged>, Failure> {
        let mut rows = Rows::default();
        for (index, row) in args.entries.into_iter().enumerate() {
            let common = Common {
                place: ("entries", index),
                project: &row.project,
                run: &row.run,
                run_id: row.run_id.as_deref(),
                timestamp: row.timestamp.as_deref(),
                id: row.log_id.as_deref(),
            };
            if row.metrics.is_empty() {
                return Err(common.failure("`metrics` is empty"));
            }
            let content = Content::System { metrics: row.metrics };
            rows.add(&row.project, common.entry(context, content)?);
        }
        rows.write(context, Self::NAME)
    }
}
