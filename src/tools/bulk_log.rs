//! `bulk_log`: rows of metrics from outside the training, an evaluation say.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::common::writing::{self, Common, Logged, Rows};
use super::common::{Answer, Context, Failure};
use super::{Access, Category, Tool};
use crate::trackio::value::Step;
use crate::trackio::write::entry::{Content, rename_reserved};

pub struct BulkLog;

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
    /// Default: the run's next.
    #[serde(default, deserialize_with = "writing::step")]
    #[schemars(with = "Option<f64>")]
    step: Option<Step>,
    #[serde(default, deserialize_with = "writing::optional_object")]
    config: Option<Map<String, Value>>,
    timestamp: Option<String>,
    /// A repeated log_id is written once.
    log_id: Option<String>,
    run_id: Option<String>,
}

/// Config keys that begin with `_` and are no mistake: Trackio's own.
const CONFIG_KEYS: &[&str] = &["_Username", "_Created", "_Group"];

impl Tool for BulkLog {
    const NAME: &'static str = "bulk_log";
    const TITLE: &'static str = "Log metrics";
    const CATEGORY: Category = Category::Write;
    const ACCESS: Access = Access::Write { destructive: false, idempotent: false };
    const ABOUT: &'static str = "Log rows of metrics to runs; makes projects and runs that do not \
        exist. All rows of a project or none. bulk_log_system is for GPU, CPU and memory.";
    const GUIDE: &'static str = "A run name that several runs share needs run_id. Non-finite \
        numbers are the strings NaN, Infinity and -Infinity. Rows are only added: a run that has a \
        config keeps it. With log_ids a call can be repeated safely after a failure.";
    type Args = Args;
    type Output = Logged;

    fn run(context: &Context, args: Args) -> Result<Answer<Logged>, Failure> {
        let mut rows = Rows::default();
        let mut renamed: Vec<String> = Vec::new();
        for (index, row) in args.entries.into_iter().enumerate() {
            let common = Common {
                place: ("entries", index),
                project: &row.project,
                run: &row.run,
                run_id: row.run_id.as_deref(),
                timestamp: row.timestamp.as_deref(),
                id: row.log_id.as_deref(),
            };
            let config = row.config.filter(|config| !config.is_empty());
            if row.metrics.is_empty() && config.is_none() {
                return Err(common.failure("`metrics` is empty"));
            }
            let is_reserved = |key: &&String| key.starts_with('_') && !is_trackios(key);
            if let Some(key) = config.as_ref().and_then(|config| config.keys().find(is_reserved)) {
                let reason =
                    format!("config keys that begin with `_` are Trackio's; found `{key}`");
                return Err(common.failure(&reason));
            }
            let (metrics, names) = rename_reserved(row.metrics);
            renamed.extend(names);
            let content = Content::Metrics { metrics, step: row.step, config };
            rows.add(&row.project, common.entry(context, content)?);
        }
        let answer = rows.write(context, Self::NAME)?;
        Ok(answer.with_notes(renamed_note(renamed)))
    }
}

fn is_trackios(key: &str) -> bool {
    CONFIG_KEYS.contains(&key)
}

fn renamed_note(mut renamed: Vec<String>) -> Option<String> {
    renamed.sort();
    renamed.dedup();
    let names: Vec<String> = renamed.iter().map(|name| format!("{name} as __{name}")).collect();
    (!names.is_empty())
        .then(|| format!("Trackio reserves some metric names; written: {}.", names.join(", ")))
}

#[cfg(test)]
mod tests;
