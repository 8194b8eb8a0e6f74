//! `bulk_alert`: what an assistant calls out about a run, for people and later sessions.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Deserialize;

use super::common::writing::{self, Common, Logged, Rows};
use super::common::{Answer, Context, Failure};
use super::{Access, Category, Tool};
use crate::trackio::value::Step;
use crate::trackio::write::entry::Content;

pub struct BulkAlert;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    alerts: Vec<Row>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Row {
    project: String,
    run: String,
    title: String,
    text: Option<String>,
    /// Default: warn.
    level: Option<Level>,
    #[serde(default, deserialize_with = "writing::step")]
    #[schemars(with = "Option<f64>")]
    step: Option<Step>,
    timestamp: Option<String>,
    /// A repeated alert_id is written once.
    alert_id: Option<String>,
    run_id: Option<String>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Level {
    #[serde(alias = "INFO")]
    Info,
    #[serde(alias = "WARN", alias = "warning", alias = "WARNING")]
    Warn,
    #[serde(alias = "ERROR")]
    Error,
}

impl Tool for BulkAlert {
    const NAME: &'static str = "bulk_alert";
    const TITLE: &'static str = "Raise alerts";
    const CATEGORY: Category = Category::Write;
    const ACCESS: Access = Access::Write { destructive: false, idempotent: false };
    const ABOUT: &'static str = "Raise alerts on runs, for people at the dashboard and for \
        get_alerts. All alerts of a project or none; webhooks are not called.";
    type Args = Args;
    type Output = Logged;

    fn run(context: &Context, args: Args) -> Result<Answer<Logged>, Failure> {
        let mut rows = Rows::default();
        for (index, row) in args.alerts.into_iter().enumerate() {
            let common = Common {
                place: ("alerts", index),
                project: &row.project,
                run: &row.run,
                run_id: row.run_id.as_deref(),
                timestamp: row.timestamp.as_deref(),
                id: row.alert_id.as_deref(),
            };
            let content = Content::Alert {
                title: row.title.clone(),
                text: row.text.clone(),
                level: row.level.unwrap_or(Level::Warn).as_str(),
                step: row.step,
            };
            rows.add(&row.project, common.entry(context, content)?);
        }
        rows.write(context, Self::NAME)
    }
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}
