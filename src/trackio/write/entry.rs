//! What can be logged, and what came of it.

use serde_json::{Map, Value};

use crate::trackio::value::{Metrics, Step};

/// Metric names that Trackio keeps for its own columns (`utils.py`, `RESERVED_KEYS`).
const RESERVED_KEYS: &[&str] = &["project", "run", "timestamp", "step", "time", "metrics"];

/// One row of one project.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The name of the run.
    pub run: String,
    /// Its id; without it the name must mean one run, or none, which is a new one.
    pub run_id: Option<String>,
    /// When, in the form that Trackio stores.
    pub timestamp: String,
    /// The row's own id: a row whose id is there already is not written again.
    pub id: String,
    /// The rest.
    pub content: Content,
}

/// What a row tells.
#[derive(Debug, Clone)]
pub enum Content {
    /// A row of metrics.
    Metrics {
        /// By name, reserved ones renamed.
        metrics: Metrics,
        /// The step; without it the run's next.
        step: Option<Step>,
        /// The run's config, where it has none yet.
        config: Option<Map<String, Value>>,
    },
    /// A row of system metrics, which have no step.
    System {
        /// By name.
        metrics: Metrics,
    },
    /// An alert.
    Alert {
        /// What a person reads first.
        title: String,
        /// The rest.
        text: Option<String>,
        /// `info`, `warn` or `error`.
        level: &'static str,
        /// The step, where it has one.
        step: Option<Step>,
    },
}

impl Content {
    /// The table for it.
    pub fn table(&self) -> &'static str {
        match self {
            Self::Metrics { .. } => "metrics",
            Self::System { .. } => "system_metrics",
            Self::Alert { .. } => "alerts",
        }
    }

    /// The table's column for [`Entry::id`].
    pub fn id_column(&self) -> &'static str {
        match self {
            Self::Metrics { .. } | Self::System { .. } => "log_id",
            Self::Alert { .. } => "alert_id",
        }
    }
}

/// What a write did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// How many rows were added.
    pub written: usize,
    /// How many were there already, by their ids.
    pub already_there: usize,
    /// The runs that the rows are of, in the order of the rows.
    pub runs: Vec<RunOfRows>,
    /// Runs whose config stays, because they had another.
    pub configs_kept: Vec<String>,
    /// The rows wait in the inbox: a dashboard server will put them into the database.
    pub in_inbox: bool,
}

/// A run as a write found or made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOfRows {
    /// Its id; its name in a project from before 0.24.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether the write made it.
    pub is_new: bool,
}

/// Renames what Trackio reserves, as its `log` does; says which.
pub fn rename_reserved(metrics: Metrics) -> (Metrics, Vec<String>) {
    let mut renamed = Vec::new();
    let rename = |(key, value): (String, Value)| {
        if !RESERVED_KEYS.contains(&key.as_str()) && !key.starts_with("__") {
            return (key, value);
        }
        let new = format!("__{key}");
        renamed.push(key);
        (new, value)
    };
    let metrics = metrics.into_iter().map(rename).collect();
    (metrics, renamed)
}

/// A random id of 32 hexadecimal digits, as Trackio gives its runs and rows.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
