//! Traces go to a table of their own (`sqlite_storage.py`, `_split_trace_metrics`).

use serde_json::{Value, json};

use crate::trackio::value::Metrics;

/// What of a span can be searched; its inputs and outputs repeat the conversation.
const SEARCHABLE_SPAN_FIELDS: &[&str] =
    &["id", "name", "kind", "model", "status", "error", "metadata"];

/// One trace, taken out of a row of metrics.
#[derive(Debug)]
pub struct Trace {
    /// `run id:row id:key`, and `:index` in a list.
    pub id: String,
    /// The metric.
    pub key: String,
    /// Its place in a list.
    pub index: Option<usize>,
    /// The conversation.
    pub messages: Value,
    /// What was said about it.
    pub metadata: Value,
    /// Its steps.
    pub spans: Value,
    /// What a search looks at.
    pub search_text: String,
}

/// The metrics without traces, and the traces.
pub fn split(metrics: &Metrics, run_id: &str, row_id: &str) -> (Metrics, Vec<Trace>) {
    let (mut rest, mut traces) = (Metrics::new(), Vec::new());
    for (key, value) in metrics {
        let prefix = format!("{run_id}:{row_id}:{key}");
        match value {
            Value::Array(items) if items.iter().any(is_trace) => {
                for (index, item) in items.iter().enumerate().filter(|(_, item)| is_trace(item)) {
                    traces.push(of(format!("{prefix}:{index}"), key, Some(index), item));
                }
                let others: Vec<Value> =
                    items.iter().filter(|item| !is_trace(item)).cloned().collect();
                if !others.is_empty() {
                    rest.insert(key.clone(), Value::Array(others));
                }
            }
            value if is_trace(value) => traces.push(of(prefix, key, None, value)),
            value => {
                rest.insert(key.clone(), value.clone());
            }
        }
    }
    (rest, traces)
}

fn is_trace(value: &Value) -> bool {
    value.get("_type").is_some_and(|kind| kind == "trackio.trace")
}

fn of(id: String, key: &str, index: Option<usize>, trace: &Value) -> Trace {
    let part = |name: &str, empty: Value| trace.get(name).cloned().unwrap_or(empty);
    let (messages, metadata) = (part("messages", json!([])), part("metadata", json!({})));
    let spans = part("spans", json!([]));
    let mut words = vec![id.clone(), key.to_owned()];
    collect(&messages, &mut words);
    collect(&metadata, &mut words);
    for span in spans.as_array().into_iter().flatten() {
        match span.as_object() {
            Some(span) => {
                for field in SEARCHABLE_SPAN_FIELDS.iter().filter_map(|name| span.get(*name)) {
                    collect(field, &mut words);
                }
            }
            None => collect(span, &mut words),
        }
    }
    let search_text = words.join(" ").to_lowercase();
    Trace { id, key: key.to_owned(), index, messages, metadata, spans, search_text }
}

fn collect(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::String(word) => words.push(word.clone()),
        Value::Bool(_) | Value::Number(_) => words.push(value.to_string()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, words)),
    }
}
