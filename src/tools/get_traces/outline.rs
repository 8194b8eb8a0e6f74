//! One line of the list.

use std::borrow::Cow;

use rmcp::schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::analysis::number::Number;
use crate::tools::common::Item;
use crate::trackio::trace::Head;
use crate::trackio::trace::outline::{Counts, Outline};
use crate::trackio::value::Step;

/// A trace in outline. The fields up to `timestamp` and `metadata` are Trackio's.
#[derive(Serialize)]
pub struct OutlineItem {
    #[serde(flatten)]
    head: HeadFields,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Counts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    characters: Option<usize>,
    #[serde(skip_serializing_if = "Counts::is_empty")]
    tool_calls: Counts,
    /// How many of each kind.
    #[serde(skip_serializing_if = "Counts::is_empty")]
    span_kinds: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    /// What stands around the text that was looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    matched: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'static str>,
}

/// What tells a trace from others, in Trackio's names.
#[derive(Clone, Serialize)]
pub struct HeadFields {
    /// The whole id.
    pub id: String,
    key: String,
    index: Option<i64>,
    run: String,
    run_id: String,
    step: Option<Step>,
    timestamp: String,
}

impl From<Head> for HeadFields {
    fn from(head: Head) -> Self {
        let Head { id, key, index, run, run_id, step, timestamp, .. } = head;
        Self { id, key, index, run, run_id, step, timestamp }
    }
}

impl Item for OutlineItem {
    const LIST: &'static str = "traces";
}

impl JsonSchema for OutlineItem {
    fn schema_name() -> Cow<'static, str> {
        "trace".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object"})
    }
}

impl OutlineItem {
    /// The line of a trace; without an outline its JSON cannot be read.
    pub fn of(head: Head, outline: Option<(Outline, Option<String>)>) -> Self {
        let is_readable = outline.is_some();
        let (outline, matched) = outline.unwrap_or_default();
        Self {
            head: head.into(),
            roles: is_readable.then_some(outline.roles),
            characters: is_readable.then_some(outline.characters),
            tool_calls: outline.tool_calls,
            span_kinds: outline.spans,
            status: outline.status,
            errors: (outline.errors > 0).then_some(outline.errors),
            error: outline.error,
            duration_ms: outline.duration_ms.map(Number),
            cost_usd: outline.cost_usd.map(Number),
            input_tokens: outline.input_tokens.map(Number),
            output_tokens: outline.output_tokens.map(Number),
            metadata: is_readable.then_some(outline.metadata),
            request: outline.request,
            answer: outline.answer,
            matched,
            problem: (!is_readable).then_some("its messages are no readable list"),
        }
    }
}
