//! The answer and how it is made to fit.

use std::borrow::Cow;

use rmcp::schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::config_diff::{Counts, Difference};
use super::gather::Entry;
use super::metric::{Compared, Winner};
use crate::analysis::finding::Verdict;
use crate::analysis::number::Number;
use crate::tools::common::shape::counted;
use crate::tools::common::status::Status;
use crate::tools::common::{Output, Page, text};
use crate::trackio::value::Step;

#[derive(Serialize)]
pub struct Comparison {
    pub project: String,
    pub recommendation: Recommended,
    /// The metric that decides.
    pub decided_by: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comparability: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<ComparedRun>,
    #[serde(flatten)]
    pub metrics: MetricPage,
    /// Names that were taken for one metric.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub same_metric: Vec<Mapped>,
    /// From which step curves of `decided_by` stay apart by more than noise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub curves_apart: Vec<Apart>,
    pub config_keys: Counts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub config_diff: Vec<Difference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

#[derive(Serialize)]
pub struct Recommended {
    /// None where there is no clear winner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    pub reason: String,
}

#[derive(Serialize)]
pub struct ComparedRun {
    run: String,
    id: String,
    status: Status,
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_step: Option<Step>,
}

impl ComparedRun {
    pub fn of(entry: &Entry) -> Self {
        Self {
            run: entry.label.clone(),
            id: entry.facts.run.id.clone(),
            status: entry.facts.status,
            verdict: entry.verdict,
            last_step: entry.facts.last_step,
        }
    }
}

#[derive(Serialize)]
pub struct Mapped {
    pub metric: String,
    pub name: String,
    pub runs: Vec<String>,
}

#[derive(Serialize)]
pub struct Apart {
    pub run: String,
    pub other: String,
    pub apart: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_step: Option<Number>,
}

/// Metrics as winners, and as a table of values with a column a run.
pub struct MetricPage {
    pub page: Page<Compared>,
    pub labels: Vec<String>,
}

impl MetricPage {
    fn table(&self) -> Map<String, Value> {
        let rows = || {
            let items = self.page.items.iter();
            items.flat_map(|item| item.rows.iter().map(move |row| (&item.winner.metric, row)))
        };
        let mut table = Map::new();
        table.insert("metric".into(), rows().map(|(metric, _)| metric.as_str()).collect());
        table.insert("value".into(), rows().map(|(_, row)| row.value.as_str()).collect());
        for (run, label) in self.labels.iter().enumerate() {
            let cells = rows().map(|(_, row)| json!(row.of_runs.get(run).copied().flatten()));
            table.insert(label.clone(), cells.collect());
        }
        table
    }
}

impl Serialize for MetricPage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let winners: Vec<&Winner> = self.page.items.iter().map(|item| &item.winner).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("winner_by_metric", &winners)?;
        map.serialize_entry("values", &self.table())?;
        map.serialize_entry("total", &self.page.total)?;
        if let Some(cursor) = self.page.next_cursor() {
            map.serialize_entry("next_cursor", &cursor)?;
        }
        map.end()
    }
}

/// Written out: what the answer holds is much, and its schema is sent to every client.
impl JsonSchema for Comparison {
    fn schema_name() -> Cow<'static, str> {
        "comparison".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "recommendation": {"type": "object"},
                "decided_by": {"type": "string"},
                "comparability": {"type": "array"},
                "runs": {"type": "array"},
                "winner_by_metric": {"type": "array", "items": {"type": "object", "properties": {
                    "metric": {"type": "string"},
                    "best_run": {"type": "string"},
                    "best_value": {"type": "number"},
                    "tie": {"type": "boolean"},
                }}},
                "values": {"type": "object"},
                "curves_apart": {"type": "array"},
                "config_diff": {"type": "array"},
                "total": {"type": "integer"},
                "next_cursor": {"type": "string"},
            },
        })
    }
}

impl Comparison {
    /// As it stands on a page after the first: what was said there is not said again.
    pub fn next_page(self) -> Self {
        Self {
            comparability: Vec::new(),
            runs: Vec::new(),
            same_metric: Vec::new(),
            curves_apart: Vec::new(),
            config_diff: Vec::new(),
            ..self
        }
    }
}

impl Output for Comparison {
    fn headline(&self) -> String {
        let runs = counted(self.metrics.labels.len(), "run");
        let project = text::brief_name(&self.project);
        let metric = text::brief_name(&self.decided_by);
        let of = format!("{runs} of project {project}, decided by {metric}");
        match &self.recommendation.run {
            Some(run) => format!("{of}: {}.", text::brief_name(run)),
            None => format!("{of}: no clear winner."),
        }
    }

    fn shrink(&mut self, share: f64) -> bool {
        // Metrics page, the rest does not: of that the first few stay as long as they can.
        for least in [3, 1] {
            let shrunk = [
                keep(&mut self.config_diff, share, least),
                keep(&mut self.same_metric, share, least),
                keep(&mut self.curves_apart, share, least),
                self.metrics.page.items.len() > least && self.metrics.page.shrink(share),
                keep(&mut self.comparability, share, 2 * least),
            ];
            if shrunk.contains(&true) {
                self.left_out = self.describe_rest();
                return true;
            }
        }
        false
    }
}

impl Comparison {
    fn describe_rest(&self) -> Option<String> {
        let all = self.config_keys.changed + self.config_keys.only_in;
        let left_out = all - self.config_diff.len().min(all);
        // On a later page none was shown, and none is missed.
        (left_out > 0 && left_out < all)
            .then(|| format!("{left_out} of {all} config differences; max_tokens: 8000 shows more"))
    }
}

/// Keeps about `share` of the items, and says whether any went.
fn keep<T>(items: &mut Vec<T>, share: f64, least: usize) -> bool {
    let before = items.len();
    items.truncate(((before as f64 * share) as usize).max(least));
    items.len() < before
}
