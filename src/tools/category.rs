//! What kinds of questions there are, and which tool answers which.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A group of tools.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Category {
    /// What there is.
    Projects,
    /// Runs of a project.
    Runs,
    /// Curves and values.
    Metrics,
    /// GPU, CPU and memory.
    System,
    /// What the training code called out.
    Alerts,
    /// What the curves mean.
    Analysis,
    /// Models, datasets, registries.
    Artifacts,
    /// Images, tables, reports, files.
    Media,
    /// Conversations and agents.
    Traces,
    /// SQL.
    Query,
    /// Logging, changing, sending: only where the user allowed it.
    Write,
    /// Help and settings.
    Guide,
}

impl Category {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::Projects,
        Self::Runs,
        Self::Metrics,
        Self::System,
        Self::Alerts,
        Self::Analysis,
        Self::Artifacts,
        Self::Media,
        Self::Traces,
        Self::Query,
        Self::Write,
        Self::Guide,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Projects => "projects",
            Self::Runs => "runs",
            Self::Metrics => "metrics",
            Self::System => "system",
            Self::Alerts => "alerts",
            Self::Analysis => "analysis",
            Self::Artifacts => "artifacts",
            Self::Media => "media",
            Self::Traces => "traces",
            Self::Query => "query",
            Self::Write => "write",
            Self::Guide => "guide",
        }
    }

    /// When to use which of its tools: a sentence or two.
    pub fn guide(self) -> &'static str {
        match self {
            Self::Projects => {
                "get_all_projects lists what there is; get_project_summary tells of one project: \
                 its newest runs, their states, what they log."
            }
            Self::Runs => {
                "get_run_summary tells all about one run in one call (\"how is my run doing?\"). \
                 get_runs_for_project lists, filters and orders many of one project. find_runs finds \
                 some by what is remembered of them (\"the llama run with lr 3e-4\"), in all \
                 projects. get_updates tells what is new since the last call, to watch a training."
            }
            Self::Metrics => {
                "get_metric_values gives one curve with its statistics; get_snapshot all metrics \
                 around a step or time; get_logs several metrics; get_metrics_for_run names."
            }
            Self::System => {
                "get_system_metrics_for_run lists what was measured of GPU, CPU and memory; \
                 get_system_logs gives values."
            }
            Self::Alerts => "get_alerts: what the training code raised.",
            Self::Analysis => {
                "diagnose_run gives the verdict on a run's curves with its evidence, or ranks the \
                 runs of a project, sickest first; compare_runs tells which run is best and what \
                 was different; analyze_sweep which settings mattered; plot_metrics draws curves."
            }
            Self::Artifacts => {
                "find_artifacts lists models, datasets and registries; get_artifact tells all about \
                 one version."
            }
            Self::Media => "get_media: logged images, tables, reports, files.",
            Self::Traces => "get_traces: conversations, agents.",
            Self::Query => "query_project runs read-only SQL where no other tool fits.",
            Self::Write => {
                "bulk_log, bulk_log_system, bulk_alert, bulk_upload_media, rename_run, delete_run, \
                 upload_db_to_space, trigger_sync."
            }
            Self::Guide => "get_guide explains tools; get_settings tells where data is looked for.",
        }
    }
}
