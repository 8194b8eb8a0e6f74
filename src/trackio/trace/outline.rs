//! What a trace is about, in a few lines: who spoke, what was called, what went wrong, what it
//! cost. Times, costs and the status are added up as Trackio's own `get trace` does.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Payload, each};
use crate::trackio::bounded::{self, Limits};
use crate::trackio::time;
use crate::trackio::value;

/// Letters of a request, an answer or an error.
const SHOWN_LETTERS: usize = 120;
/// What is kept of metadata.
const METADATA: Limits = Limits { letters: 120, items: 16, bytes: 4_000 };
/// What is kept of a content, to find its text.
const CONTENT: Limits = Limits { letters: SHOWN_LETTERS, items: 8, bytes: 4_000 };
/// Different roles, tools or kinds that are told apart; more are not: data can hold any.
const MOST_NAMES: usize = 12;
/// Letters of such a name.
const NAME_LETTERS: usize = 60;

/// How often each name occurs.
pub type Counts = BTreeMap<String, usize>;

/// A trace in a few lines.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outline {
    /// How many messages there are.
    pub messages: usize,
    /// Who spoke how often.
    pub roles: Counts,
    /// The letters of all contents.
    pub characters: usize,
    /// Which tools the messages call, and how often.
    pub tool_calls: Counts,
    /// The spans by kind.
    pub spans: Counts,
    /// Spans and tool results that failed; 1 where only the metadata say so.
    pub errors: usize,
    /// What the first of them says.
    pub error: Option<String>,
    /// `error`, what the metadata say, or `success` where all spans say so.
    pub status: Option<String>,
    /// From the first span's start to the last one's end.
    pub duration_ms: Option<f64>,
    /// Of all spans.
    pub cost_usd: Option<f64>,
    /// Of all spans.
    pub input_tokens: Option<f64>,
    /// Of all spans.
    pub output_tokens: Option<f64>,
    /// What the user said first.
    pub request: Option<String>,
    /// What the assistant said last.
    pub answer: Option<String>,
    /// Rewards, scores and whatever else was noted; long values cut.
    pub metadata: Map<String, Value>,
}

impl Outline {
    /// Reads a trace through; `None` where its messages are no list.
    pub fn of(payload: Payload<'_>) -> Option<Self> {
        let mut outline = Self::default();
        each(payload.messages, |message| outline.add_message(message))?;
        if let Some((Value::Object(metadata), _)) = bounded::read(payload.metadata, METADATA) {
            outline.metadata = metadata;
        }
        let mut spans = Spans::default();
        let _ = each(payload.spans, |span| outline.add_span(span, &mut spans));
        outline.sum_up(spans);
        Some(outline)
    }

    /// The numbers of the metadata by name, those one level down with a dot.
    pub fn numbers(&self) -> Vec<(String, f64)> {
        let mut numbers = Vec::new();
        for (name, value) in &self.metadata {
            match value {
                Value::Object(inner) => numbers.extend(inner.iter().filter_map(|(key, value)| {
                    Some((format!("{name}.{key}"), value::number(value)?))
                })),
                value => {
                    numbers.extend(value::number(value).map(|number| (name.clone(), number)));
                }
            }
        }
        numbers
    }

    fn add_message(&mut self, raw: &RawValue) {
        self.messages += 1;
        let message = serde_json::from_str::<Message<'_>>(raw.get()).unwrap_or_default();
        let role = message.role.and_then(word).unwrap_or_else(|| "?".to_owned());
        count(&mut self.roles, &role);
        let (content, letters) =
            message.content.and_then(|content| bounded::read(content, CONTENT)).unwrap_or_default();
        self.characters += letters;
        if let Some(text) = text_of(&content) {
            match role.as_str() {
                "user" if self.request.is_none() => self.request = Some(text),
                "assistant" => self.answer = Some(text),
                _ => {}
            }
        }
        let failed = message.status.and_then(word).is_some_and(|status| is_failure(&status))
            || message.is_error.is_some_and(|flag| flag.get() == "true");
        if failed {
            self.add_error(text_of(&content));
        }
        for part in content.as_array().into_iter().flatten() {
            if part.get("type").is_some_and(|kind| kind == "tool_use") {
                count(
                    &mut self.tool_calls,
                    part.get("name").and_then(Value::as_str).unwrap_or("?"),
                );
            }
        }
        if let Some(calls) = message.tool_calls {
            let _ = each(calls, |call| {
                let call = serde_json::from_str::<Call<'_>>(call.get()).unwrap_or_default();
                let name = call.function.and_then(|function| {
                    serde_json::from_str::<Call<'_>>(function.get()).ok()?.name
                });
                let name = name.or(call.name).and_then(word);
                count(&mut self.tool_calls, name.as_deref().unwrap_or("?"));
            });
        }
    }

    fn add_span(&mut self, raw: &RawValue, spans: &mut Spans) {
        spans.count += 1;
        let Ok(span) = serde_json::from_str::<Span<'_>>(raw.get()) else { return };
        let text = |raw: Option<&RawValue>| raw.and_then(word);
        count(&mut self.spans, text(span.kind).as_deref().unwrap_or("span"));
        let status = text(span.status).map(|status| status.to_lowercase());
        spans.succeeded += usize::from(status.as_deref() == Some("success"));
        let error = span.error.and_then(said);
        if status.is_some_and(|status| is_failure(&status)) || error.is_some() {
            self.add_error(error.or_else(|| text(span.name)));
        }
        let moment = |raw| text(raw).and_then(|text| moment(&text));
        let (start, end) = (moment(span.start_time), moment(span.end_time));
        spans.start = [spans.start, start].into_iter().flatten().reduce(f64::min);
        spans.end = [spans.end, end].into_iter().flatten().reduce(f64::max);
        let duration = span.duration_ms.and_then(number);
        let duration =
            duration.or_else(|| Some(1_000.0 * (end? - start?))).map(|duration| duration.max(0.0));
        spans.longest = [spans.longest, duration].into_iter().flatten().reduce(f64::max);
        let add = |to: &mut Option<f64>, more: Option<f64>| {
            if let Some(more) = more {
                *to = Some(to.unwrap_or_default() + more);
            }
        };
        add(&mut self.cost_usd, span.cost_usd.and_then(number));
        if let Some(usage) =
            span.usage.and_then(|usage| serde_json::from_str::<Usage<'_>>(usage.get()).ok())
        {
            add(&mut self.input_tokens, usage.input_tokens.and_then(number));
            add(&mut self.output_tokens, usage.output_tokens.and_then(number));
        }
    }

    fn sum_up(&mut self, spans: Spans) {
        let noted = |key: &str| self.metadata.get(key).and_then(value::number);
        self.duration_ms = match (spans.start, spans.end) {
            (Some(start), Some(end)) => Some(rounded(1_000.0 * (end - start)).max(0.0)),
            _ => spans.longest.or(noted("duration_ms")).or(noted("latency_ms")),
        };
        self.cost_usd = self.cost_usd.or(noted("cost_usd"));
        let said = self.metadata.get("status").and_then(Value::as_str).filter(|s| !s.is_empty());
        let all_succeeded = spans.count > 0 && spans.succeeded == spans.count;
        let status = said.map(str::to_owned).or(all_succeeded.then(|| "success".to_owned()));
        if self.errors == 0 && status.as_deref().is_some_and(is_failure) {
            let error = self.metadata.get("error").and_then(Value::as_str).map(str::to_owned);
            self.add_error(error);
        }
        self.status = if self.errors > 0 { Some("error".to_owned()) } else { status };
    }

    fn add_error(&mut self, what: Option<String>) {
        self.errors += 1;
        self.error = self.error.take().or(what);
    }
}

/// What the spans say together.
#[derive(Default)]
struct Spans {
    count: usize,
    succeeded: usize,
    start: Option<f64>,
    end: Option<f64>,
    longest: Option<f64>,
}

/// The parts of a message that are looked at, unread: any of them can be anything.
#[derive(Default, Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    is_error: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    function: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Span<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    start_time: Option<&'a RawValue>,
    #[serde(borrow)]
    end_time: Option<&'a RawValue>,
    #[serde(borrow)]
    duration_ms: Option<&'a RawValue>,
    #[serde(borrow)]
    cost_usd: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Usage<'a> {
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    output_tokens: Option<&'a RawValue>,
}

fn count(counts: &mut Counts, name: &str) {
    let name = bounded::cut(name, NAME_LETTERS);
    if counts.len() < MOST_NAMES || counts.contains_key(&*name) {
        *counts.entry(name.into_owned()).or_default() += 1;
    } else {
        *counts.entry("…".to_owned()).or_default() += 1;
    }
}

/// The text in a JSON value, cut; `None` where it is no text or an empty one.
fn word(raw: &RawValue) -> Option<String> {
    match bounded::read(raw, CONTENT)?.0 {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn number(raw: &RawValue) -> Option<f64> {
    match bounded::read(raw, CONTENT)?.0 {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// What Python takes for true, as a text.
fn said(raw: &RawValue) -> Option<String> {
    match bounded::read(raw, CONTENT)?.0 {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) => (!text.is_empty()).then_some(text),
        Value::Number(number) => (number.as_f64() != Some(0.0)).then(|| number.to_string()),
        Value::Array(items) if items.is_empty() => None,
        Value::Object(fields) if fields.is_empty() => None,
        other => Some(bounded::cut(&other.to_string(), SHOWN_LETTERS).into_owned()),
    }
}

/// The text of a content: itself, or its first part that has one.
fn text_of(content: &Value) -> Option<String> {
    let of_part = |part: &Value| match part {
        Value::String(text) => Some(text.clone()),
        part => {
            let text = part.get("text").or_else(|| part.get("content"));
            text.and_then(Value::as_str).map(str::to_owned)
        }
    };
    match content {
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Array(parts) => parts.iter().find_map(of_part),
        other => of_part(other),
    }
}

fn is_failure(status: &str) -> bool {
    matches!(status.to_lowercase().as_str(), "error" | "failed")
}

/// Seconds since 1970. A span's time without a zone is UTC.
fn moment(text: &str) -> Option<f64> {
    let text = text.trim();
    let stamped = text.parse::<jiff::Timestamp>().ok();
    stamped.or_else(|| format!("{text}Z").parse().ok()).map(time::as_seconds)
}

fn rounded(milliseconds: f64) -> f64 {
    (1_000.0 * milliseconds).round() / 1_000.0
}
