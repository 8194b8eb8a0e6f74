//! What a line of input is: a message for the SDK, a batch of them, or what is refused and why.
//!
//! The SDK drops lines that it cannot parse and answers others without saying which request was
//! meant. So every line is checked here, and whatever asks for an answer gets one: errors carry
//! the request's id, or null where that cannot be read.

use rmcp::model::{ClientJsonRpcMessage, ClientRequest, ErrorCode, JsonRpcMessage};
use serde_json::{Map, Value, json};

use super::skim::Skim;
use crate::tools::common::text;

/// Parsed, a value takes up to a hundred bytes, however short its text is.
const MOST_VALUES: usize = 500_000;
/// How many requests a batch may hold.
const MOST_IN_BATCH: usize = 100;
/// How much of a name that somebody sent is shown.
const LONGEST_SHOWN: usize = 80;

/// What a line is.
#[derive(Debug)]
pub enum Line {
    /// Nothing that asks for an answer.
    Nothing,
    /// A request or a notification.
    Message(Box<ClientJsonRpcMessage>),
    /// Several, each to be read by [`message`].
    Batch(Vec<Value>),
    /// Something that is answered with an error.
    Refused(Refusal),
}

/// Why a message is refused.
#[derive(Debug, PartialEq)]
pub struct Refusal {
    /// The request's id; null where it cannot be read.
    pub id: Value,
    /// The kind of the error.
    pub code: ErrorCode,
    /// What is wrong.
    pub message: String,
}

impl Refusal {
    /// A refusal of what has this id.
    pub fn new(id: Value, code: ErrorCode, message: impl Into<String>) -> Self {
        Self { id, code, message: message.into() }
    }

    /// The error as a client gets it.
    pub fn answer(&self) -> Value {
        json!({
            "jsonrpc": "2.0",
            "id": self.id,
            "error": {"code": self.code.0, "message": self.message},
        })
    }
}

/// Reads a line without its end.
pub fn read(line: &[u8]) -> Line {
    // A byte order mark is allowed before JSON.
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line).trim_ascii();
    if line.is_empty() {
        return Line::Nothing;
    }
    // A value takes a byte or more.
    if line.len() > MOST_VALUES {
        let skim = Skim::of(line);
        if skim.values > MOST_VALUES {
            let why = format!("the message holds more than {MOST_VALUES} values; send it in parts");
            return unreadable(skim, ErrorCode::INVALID_REQUEST, why);
        }
    }
    let parsed = match serde_json::from_slice::<Value>(line) {
        Err(error) if std::str::from_utf8(line).is_ok() => {
            serde_json::from_slice::<Value>(&repaired(line)).map_err(|_| error)
        }
        parsed => parsed,
    };
    match parsed {
        Ok(Value::Array(members)) if members.is_empty() => Line::Refused(Refusal::new(
            Value::Null,
            ErrorCode::INVALID_REQUEST,
            "an empty batch asks for nothing",
        )),
        Ok(Value::Array(members)) if members.len() > MOST_IN_BATCH => Line::Refused(Refusal::new(
            Value::Null,
            ErrorCode::INVALID_REQUEST,
            format!("a batch holds at most {MOST_IN_BATCH} messages, not {}", members.len()),
        )),
        Ok(Value::Array(members)) => Line::Batch(members),
        Ok(value) => message(value),
        Err(error) => {
            let why = if std::str::from_utf8(line).is_err() {
                "it is not UTF-8".to_owned()
            } else {
                error.to_string()
            };
            let why = format!("the line is not valid JSON: {why}");
            unreadable(Skim::of(line), ErrorCode::PARSE_ERROR, why)
        }
    }
}

/// The answer to a line that is longer than `most` bytes.
pub fn too_long(skim: Skim, most: usize) -> Line {
    let why = format!("the message is longer than {} MiB; send it in parts", most >> 20);
    unreadable(skim, ErrorCode::INVALID_REQUEST, why)
}

/// What cannot be read is answered, unless it is plainly no request.
fn unreadable(skim: Skim, code: ErrorCode, why: String) -> Line {
    let is_notice =
        skim.method.as_deref().is_some_and(|method| method.starts_with("notifications/"));
    if skim.id.is_none() && is_notice || skim.method.is_none() && skim.is_answer {
        tracing::debug!(%why, "a notification or an answer cannot be read");
        return Line::Nothing;
    }
    Line::Refused(Refusal::new(skim.id.unwrap_or_default(), code, why))
}

/// Reads one message.
pub fn message(value: Value) -> Line {
    let invalid = |id: &Value, why: &str| {
        Line::Refused(Refusal::new(id.clone(), ErrorCode::INVALID_REQUEST, why))
    };
    let Value::Object(mut members) = value else {
        return invalid(&Value::Null, "a message is a JSON object");
    };
    let given = members.get("id").cloned();
    let id = match &given {
        Some(id @ (Value::String(_) | Value::Number(_))) => id.clone(),
        _ => Value::Null,
    };
    let Some(method) = members.get("method") else {
        // The server asks clients nothing, so an answer has no question.
        return match members.contains_key("result") || members.contains_key("error") {
            true => Line::Nothing,
            false => invalid(&id, "a request has a `method`; this message has none"),
        };
    };
    let Some(method) = method.as_str().map(str::to_owned) else {
        return invalid(&id, "`method` must be a string");
    };
    let is_notice =
        given.as_ref().is_none_or(Value::is_null) && method.starts_with("notifications/");
    if is_notice {
        // Some clients write the id that a notification does not have as null.
        members.remove("id");
    }
    let is_request = members.contains_key("id");
    if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return match is_request || !is_notice {
            true => invalid(&id, "`jsonrpc` must be \"2.0\""),
            false => Line::Nothing,
        };
    }
    if is_request && !is_usable(&id) {
        return invalid(&id, "`id` must be a string or an integer of at most 64 bits");
    }
    if members.get("params").is_some_and(Value::is_null) {
        members.remove("params");
    }
    // With one of these beside its method, the SDK would take a request for an answer.
    members.remove("result");
    members.remove("error");
    let wrong = wrong_params(&method, members.get("params"));
    let refused = |code, why: String| match is_request {
        true => Line::Refused(Refusal::new(id.clone(), code, why)),
        false => Line::Nothing,
    };
    if let Some(why) = wrong {
        return refused(ErrorCode::INVALID_PARAMS, why);
    }
    match serde_json::from_value::<ClientJsonRpcMessage>(Value::Object(members)) {
        Ok(JsonRpcMessage::Request(request)) => match &request.request {
            ClientRequest::CustomRequest(_) if KNOWN.contains(&method.as_str()) => refused(
                ErrorCode::INVALID_PARAMS,
                format!("the `params` of {method} do not have the form that the protocol gives"),
            ),
            ClientRequest::CustomRequest(_) => refused(
                ErrorCode::METHOD_NOT_FOUND,
                format!(
                    "there is no method `{}`",
                    text::visible(&text::cut(&method, LONGEST_SHOWN))
                ),
            ),
            _ => Line::Message(Box::new(JsonRpcMessage::Request(request))),
        },
        Ok(message @ JsonRpcMessage::Notification(_)) => Line::Message(Box::new(message)),
        Ok(_) => Line::Nothing,
        Err(error) => refused(
            ErrorCode::INVALID_PARAMS,
            format!("the `params` of {method} cannot be read: {error}"),
        ),
    }
}

/// Whether the SDK can carry the id.
fn is_usable(id: &Value) -> bool {
    serde_json::from_value::<rmcp::model::RequestId>(id.clone()).is_ok()
}

/// The methods that are answered.
const KNOWN: &[&str] = &[
    "initialize",
    "ping",
    "server/discover",
    "tools/list",
    "tools/call",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "subscriptions/listen",
    "completion/complete",
];

/// A parameter: whether it must be given, and what it must be.
struct Parameter {
    name: &'static str,
    is_required: bool,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Object,
}

const fn text_of(name: &'static str, is_required: bool) -> Parameter {
    Parameter { name, is_required, kind: Kind::Text }
}

const fn object_of(name: &'static str, is_required: bool) -> Parameter {
    Parameter { name, is_required, kind: Kind::Object }
}

fn parameters(method: &str) -> &'static [Parameter] {
    match method {
        "initialize" => {
            &const {
                [
                    text_of("protocolVersion", true),
                    object_of("capabilities", true),
                    object_of("clientInfo", true),
                ]
            }
        }
        "tools/call" | "prompts/get" => {
            &const { [text_of("name", true), object_of("arguments", false)] }
        }
        "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list" => {
            &const { [text_of("cursor", false)] }
        }
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
            &const { [text_of("uri", true)] }
        }
        "completion/complete" => &const { [object_of("ref", true), object_of("argument", true)] },
        "subscriptions/listen" => &const { [object_of("notifications", true)] },
        _ => &[],
    }
}

/// What is wrong with the parameters of a request, as far as a sentence can say it.
fn wrong_params(method: &str, params: Option<&Value>) -> Option<String> {
    let nothing = Map::new();
    let params = match params {
        None => &nothing,
        Some(Value::Object(params)) => params,
        Some(other) => {
            return Some(format!("`params` must be an object, not {}", kind_of(other)));
        }
    };
    let of_all = const { [object_of("_meta", false)] };
    parameters(method).iter().chain(&of_all).find_map(|parameter| {
        let Parameter { name, is_required, kind } = parameter;
        let (wanted, fits): (_, fn(&Value) -> bool) = match kind {
            Kind::Text => ("a string", Value::is_string),
            Kind::Object => ("an object", Value::is_object),
        };
        match params.get(*name) {
            None if *is_required => Some(format!("{method} needs `params.{name}`, {wanted}")),
            Some(Value::Null) if !is_required => None,
            Some(value) if !fits(value) => {
                Some(format!("`params.{name}` must be {wanted}, not {}", kind_of(value)))
            }
            _ => None,
        }
    })
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The text with U+FFFD for each half of a surrogate pair that stands alone: JSON can write it,
/// UTF-8 cannot.
pub fn repaired(text: &[u8]) -> Vec<u8> {
    let mut repaired = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'\\' {
            repaired.push(byte);
            rest = after;
            continue;
        }
        let unit = code_unit(rest);
        let taken = match unit {
            Some(0xD800..=0xDBFF) => match rest.get(6..).and_then(code_unit) {
                Some(0xDC00..=0xDFFF) => 12,
                _ => 6,
            },
            Some(_) => 6,
            None => 2,
        };
        let (escape, after) = rest.split_at(taken.min(rest.len()));
        match unit {
            Some(0xD800..=0xDFFF) if escape.len() == 6 => repaired.extend_from_slice(b"\\ufffd"),
            _ => repaired.extend_from_slice(escape),
        }
        rest = after;
    }
    repaired
}

/// The number of an escape like `\ud83d` at the beginning of a text.
fn code_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    let digits = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_halves_that_stand_alone_are_replaced() {
        let cases = [
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\uDE00x""#, r#""\ufffdx""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\ud83d\n""#, r#""\ufffd\n""#),
            (r#""\ud83"#, r#""\ud83"#),
            (r"\", r"\"),
        ];
        for (text, expected) in cases {
            let repaired = repaired(text.as_bytes());
            assert_eq!(String::from_utf8_lossy(&repaired), expected, "{text}");
        }
    }
}
