//! One trace in full: its texts are cut, and its last messages left for the next page, only as
//! far as the answer has no room for them.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::outline::HeadFields;
use crate::tools::common::budget::BYTES_A_TOKEN;
use crate::tools::common::resolve::shown;
use crate::tools::common::shape::counted;
use crate::tools::common::{Context, Failure, PageRequest};
use crate::trackio::bounded::{self, Limits};
use crate::trackio::trace::{self, Head, Payload, each};
use crate::trackio::{Result as TrackioResult, Snapshot};

/// So many letters of a text stay, for a token of the budget, before messages are left out.
const TOKENS_A_LETTER: usize = 5;
/// The items of a list, the fields of an object.
const MOST_ITEMS: usize = 1_000;
/// So many budgets' worth is read: texts are cut from there on.
const BUDGETS: usize = 4;

/// A trace, as far as it may fit.
pub struct Whole {
    head: HeadFields,
    metadata: Value,
    /// What is on the page: messages, then spans.
    messages: Vec<Value>,
    spans: Vec<Value>,
    /// How many there are in all.
    counts: (usize, usize),
    /// The letters that a text may have, and below which none is cut.
    longest: usize,
    least: usize,
    request: PageRequest,
}

impl Whole {
    /// Reads the messages and spans that the page begins with.
    pub fn read(snapshot: &Snapshot<'_>, context: &Context, head: &Head) -> TrackioResult<Self> {
        let bytes = context.tokens * BYTES_A_TOKEN;
        let limits = Limits { letters: bytes, items: MOST_ITEMS, bytes: BUDGETS * bytes };
        let found = trace::read(snapshot, head, |payload| {
            let metadata = bounded::read(payload.metadata, limits).map(|(value, _)| value);
            let metadata = metadata.unwrap_or_else(|| Map::new().into());
            let (messages, spans, counts) = parts(payload, limits, &context.page)?;
            Some((metadata, messages, spans, counts))
        })?;
        let Some((metadata, messages, spans, counts)) = found else {
            return Err(Failure(format!(
                "The messages of trace `{}` are no readable list. query_project shows them as \
                 they are stored.",
                shown(&head.id)
            ))
            .into());
        };
        Ok(Self {
            head: head.clone().into(),
            metadata,
            messages,
            spans,
            counts,
            longest: bytes,
            least: context.tokens / TOKENS_A_LETTER,
            request: context.page.clone(),
        })
    }

    /// `Trace abc: 2 messages and 3 spans`.
    pub fn headline(&self) -> String {
        let (messages, spans) = self.counts;
        let spans = match spans {
            0 => String::new(),
            spans => format!(" and {}", counted(spans, "span")),
        };
        format!("Trace {}: {}{spans}", self.head.id, counted(messages, "message"))
    }

    /// Cuts texts, then leaves parts for the next page.
    pub fn shrink(&mut self, share: f64) -> bool {
        let longest = self.values().map(longest_text).max().unwrap_or_default().min(self.longest);
        if longest > self.least {
            self.longest = ((longest as f64 * share) as usize).max(self.least);
            return true;
        }
        let all = self.messages.len() + self.spans.len();
        let kept = ((all as f64 * share) as usize).max(1);
        self.spans.truncate(kept.saturating_sub(self.messages.len()));
        self.messages.truncate(kept);
        kept < all
    }

    fn values(&self) -> impl Iterator<Item = &Value> {
        self.messages.iter().chain(&self.spans).chain([&self.metadata])
    }

    fn next_cursor(&self) -> Option<String> {
        let next = self.request.offset + self.messages.len() + self.spans.len();
        (next < self.counts.0 + self.counts.1).then(|| self.request.cursor_at(next))
    }

    /// What of the trace is not on the page, in words.
    fn left_out(&self, shown: &[&Value]) -> Option<String> {
        let mut parts = Vec::new();
        let from = self.request.offset;
        let spans_from = from.saturating_sub(self.counts.0);
        let kinds = [
            ("messages", from.min(self.counts.0), self.messages.len(), self.counts.0),
            ("spans", spans_from, self.spans.len(), self.counts.1),
        ];
        for (noun, from, here, all) in kinds {
            if here < all {
                parts.push(match here {
                    0 => format!("none of {all} {noun} here"),
                    _ => format!("{noun} {} to {} of {all} here", from + 1, from + here),
                });
            }
        }
        let (texts, letters) = shown.iter().fold((0, 0), |sum, value| add(sum, cuts(value)));
        if texts > 0 {
            parts.push(format!(
                "{} cut by {letters} letters or items (a larger max_tokens cuts less)",
                counted(texts, "value")
            ));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

type Parts = (Vec<Value>, Vec<Value>, (usize, usize));

/// The messages and spans from the page's first on, as many as may fit.
fn parts(payload: Payload<'_>, limits: Limits, page: &PageRequest) -> Option<Parts> {
    let (mut messages, mut spans) = (Vec::new(), Vec::new());
    let (mut counts, mut bytes) = ((0, 0), 0);
    let most = page.limit.unwrap_or(usize::MAX);
    let mut taken = 0;
    let mut take = |raw, place: usize, kept: &mut Vec<Value>| {
        if place < page.offset || taken >= most || bytes > limits.bytes {
            return;
        }
        let value = bounded::read(raw, limits).map_or(Value::Null, |(value, _)| value);
        bytes += value.to_string().len();
        taken += 1;
        kept.push(value);
    };
    each(payload.messages, |raw| {
        take(raw, counts.0, &mut messages);
        counts.0 += 1;
    })?;
    // Spans that are no list are none.
    let _ = each(payload.spans, |raw| {
        take(raw, counts.0 + counts.1, &mut spans);
        counts.1 += 1;
    });
    Some((messages, spans, counts))
}

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cut = |values: &[Value]| -> Value {
            values.iter().map(|value| cut(value, self.longest)).collect::<Vec<_>>().into()
        };
        let (messages, spans) = (cut(&self.messages), cut(&self.spans));
        let metadata = self::cut(&self.metadata, self.longest);
        let left_out = self.left_out(&[&messages, &metadata, &spans]);
        let mut trace = match serde_json::to_value(&self.head) {
            Ok(Value::Object(head)) => head,
            _ => Map::new(),
        };
        trace.insert("metadata".to_owned(), metadata);
        trace.insert("messages".to_owned(), messages);
        trace.insert("spans".to_owned(), spans);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("traces", &[trace])?;
        map.serialize_entry("total", &1)?;
        if let Some(left_out) = left_out {
            map.serialize_entry("left_out", &left_out)?;
        }
        if let Some(cursor) = self.next_cursor() {
            map.serialize_entry("next_cursor", &cursor)?;
        }
        map.end()
    }
}

/// The value with its texts cut.
fn cut(value: &Value, letters: usize) -> Value {
    match value {
        Value::String(text) => bounded::cut(text, letters).into(),
        Value::Array(items) => items.iter().map(|item| cut(item, letters)).collect(),
        Value::Object(fields) => {
            let cut = |(key, value): (&String, &Value)| (key.clone(), cut(value, letters));
            Value::Object(fields.iter().map(cut).collect())
        }
        other => other.clone(),
    }
}

fn longest_text(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.iter().map(longest_text).max().unwrap_or_default(),
        Value::Object(fields) => fields.values().map(longest_text).max().unwrap_or_default(),
        _ => 0,
    }
}

/// How many values are cut, and by how much.
fn cuts(value: &Value) -> (usize, usize) {
    match value {
        Value::String(text) => bounded::marked(text).map_or((0, 0), |(_, more)| (1, more)),
        Value::Array(items) => items.iter().map(cuts).fold((0, 0), add),
        Value::Object(fields) => fields.values().map(cuts).fold((0, 0), add),
        _ => (0, 0),
    }
}

fn add(a: (usize, usize), b: (usize, usize)) -> (usize, usize) {
    (a.0 + b.0, a.1 + b.1)
}
