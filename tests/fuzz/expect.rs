//! What a line that a client sends must be answered with, read from the line alone.

use serde_json::{Map, Value};

#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// A notification or an empty line.
    Nothing,
    /// One answer with this id.
    One(Value),
    /// One answer, most often an error, with one of these ids or `null`.
    Refusal(Vec<Value>),
    /// The same, or nothing: what may be taken for a notification or an answer, and what ends only
    /// when the client wants it.
    Maybe(Vec<Value>),
    /// The revision decides: a list of answers, a refusal, or nothing.
    Batch,
}

pub fn of(line: &[u8]) -> Expected {
    if line.trim_ascii().is_empty() {
        return Expected::Nothing;
    }
    match serde_json::from_slice::<Value>(line) {
        Ok(Value::Object(fields)) => of_message(&fields),
        Ok(Value::Array(_)) => Expected::Batch,
        Ok(_) => Expected::Refusal(Vec::new()),
        Err(_) => {
            let text = String::from_utf8_lossy(line);
            let ids = ids_within(&text);
            let is_answer =
                !text.contains("method") && (text.contains("result") || text.contains("error"));
            if text.contains("notifications/") || is_answer {
                Expected::Maybe(ids)
            } else {
                Expected::Refusal(ids)
            }
        }
    }
}

fn of_message(fields: &Map<String, Value>) -> Expected {
    let id = fields.get("id");
    let method = fields.get("method").and_then(Value::as_str);
    let is_valid = fields.get("jsonrpc").is_some_and(|version| version == "2.0");
    let is_answer = fields.contains_key("result") || fields.contains_key("error");
    let ids: Vec<Value> = id.cloned().into_iter().collect();
    match (method, id) {
        (Some("subscriptions/listen"), _) => Expected::Maybe(ids),
        (Some(method), None | Some(Value::Null)) if method.starts_with("notifications/") => {
            Expected::Maybe(ids)
        }
        (Some(_), None) if is_valid => Expected::Nothing,
        (Some(_), None) => Expected::Maybe(ids),
        (None, _) if is_answer => Expected::Maybe(ids),
        (Some(_), Some(id @ (Value::String(_) | Value::Number(_)))) if is_valid && !id.is_f64() => {
            Expected::One(id.clone())
        }
        _ => Expected::Refusal(ids),
    }
}

/// The requests that a line takes back: these need no answer.
pub fn cancelled(line: &[u8]) -> Vec<Value> {
    let messages = match serde_json::from_slice::<Value>(line) {
        Ok(Value::Array(messages)) => messages,
        Ok(message) => vec![message],
        Err(_) => Vec::new(),
    };
    let cancelled =
        messages.into_iter().filter(|message| message["method"] == "notifications/cancelled");
    cancelled.map(|message| message["params"]["requestId"].clone()).collect()
}

/// Whatever follows `"id":` in a line, valid JSON or not.
pub fn ids_within(text: &str) -> Vec<Value> {
    let mut ids = Vec::new();
    for (at, key) in text.match_indices("\"id\"") {
        let rest = text[at + key.len()..].trim_start().trim_start_matches(':').trim_start();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        if let Some(Ok(id)) = values.next() {
            ids.push(id);
        } else if let Some(Ok(id)) =
            rest.split([',', '}']).next().map(|id| id.trim().parse::<i64>())
        {
            ids.push(id.into());
        }
    }
    ids
}
