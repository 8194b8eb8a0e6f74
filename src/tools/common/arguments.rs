//! Arguments as models send them: understood where the meaning is plain, refused where it is not.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::absent;
use super::answer::{Failure, PageRequest};
use super::budget;
use super::nearest::{nearest, quoted};
use crate::trackio::fingerprint::short;
use crate::visible::with_hidden;

/// Other names for an argument; Trackio's own among them.
const ALIASES: &[(&str, &str)] = &[
    ("metric_name", "metric"),
    ("run_id", "run"),
    ("run_name", "run"),
    ("query", "sql"),
    ("project_name", "project"),
    ("metrics", "metric"),
    ("metric", "metrics"),
    ("run", "runs"),
    ("logs", "entries"),
];

/// A call's arguments, checked against the tool's schema.
#[derive(Debug)]
pub struct Arguments {
    /// The tool's own arguments.
    pub own: Map<String, Value>,
    /// Which page is wanted.
    pub page: PageRequest,
    /// The tokens that the answer may take.
    pub tokens: usize,
}

/// Checks and completes the arguments of a call.
pub fn check(
    tool: &str,
    schema: &Map<String, Value>,
    given: Map<String, Value>,
) -> Result<Arguments, Failure> {
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let mut own = Map::new();
    // `run_id` beats `run`, as in Trackio.
    for (name, value) in given {
        // An argument that is not there and was not given either is no mistake.
        if value.is_null() {
            continue;
        }
        let (name, is_alias) = match alias(&name, properties) {
            Some(meant) => (meant.to_owned(), name == "run_id"),
            None => (name, false),
        };
        let property = properties.get(&name).ok_or_else(|| unknown(tool, &name, properties))?;
        if absent::is_absent(&name, &value, property) {
            continue;
        }
        let value = coerce(&name, value, property)?;
        // Text of an empty list, or a list of blank items.
        if absent::is_blank(&value) {
            continue;
        }
        let value = entries(tool, &name, value, property)?;
        if is_alias || !own.contains_key(&name) {
            own.insert(name, value);
        }
    }
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !own.contains_key(name) {
            return Err(missing(tool, name, properties));
        }
    }
    let tokens = tokens(&own);
    own.remove("max_tokens");
    let is_paged = properties.contains_key("limit");
    let page = if is_paged { page_request(tool, &mut own)? } else { PageRequest::default() };
    Ok(Arguments { own, page, tokens })
}

/// The entries of a list of objects without what was not given.
fn entries(tool: &str, list: &str, mut value: Value, property: &Value) -> Result<Value, Failure> {
    let of = |key| property.get("items").and_then(|items| items.get(key));
    let (Value::Array(items), Some(Value::Object(properties))) = (&mut value, of("properties"))
    else {
        return Ok(value);
    };
    let required: Vec<&str> = of("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (index, item) in items.iter_mut().enumerate() {
        let Value::Object(entry) = item else { continue };
        entry.retain(|name, value| {
            let Some(property) = properties.get(name) else { return true };
            // A row of a config alone has empty metrics.
            let is_object =
                value.is_object() && property.get("type").is_some_and(|t| t == "object");
            let is_needed = required.contains(&name.as_str());
            (is_object && is_needed) || !absent::is_absent(name, value, property)
        });
        if let Some(name) = required.iter().find(|name| !entry.contains_key(**name)) {
            return Err(Failure(format!(
                "{tool} needs `{name}` in `{list}[{index}]`, which is empty or missing. Nothing was \
                 done."
            )));
        }
    }
    Ok(value)
}

/// Reads checked arguments into the tool's own type.
pub fn read<T: DeserializeOwned>(tool: &str, own: Map<String, Value>) -> Result<T, Failure> {
    serde_json::from_value(Value::Object(own))
        .map_err(|error| Failure(format!("The arguments of {tool} are not right: {error}.")))
}

/// Another way to read the arguments of a call that finds nothing as it was given.
#[derive(Debug, PartialEq)]
pub struct Reading {
    /// The arguments.
    pub arguments: Map<String, Value>,
    /// What must be said about it.
    pub note: Option<String>,
}

/// How else the arguments of a call can be read: with the hidden characters of names that answers
/// show as escapes, and without arguments that are `"none"`.
pub fn readings(schema: &Map<String, Value>, given: &Map<String, Value>) -> Vec<Reading> {
    let mut arguments = given.clone();
    arguments.values_mut().for_each(with_hidden_characters);
    let as_stored = (arguments != *given).then_some(Reading { arguments, note: None });
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let required = schema.get("required").and_then(Value::as_array);
    let without = absent::readings(given, |name| {
        let name = alias(name, properties).unwrap_or(name);
        !required.is_some_and(|required| required.iter().any(|needed| needed == name))
    });
    let without =
        without.into_iter().map(|(arguments, note)| Reading { arguments, note: Some(note) });
    as_stored.into_iter().chain(without).collect()
}

fn with_hidden_characters(value: &mut Value) {
    match value {
        Value::String(text) => *text = with_hidden(text).into_owned(),
        Value::Array(items) => items.iter_mut().for_each(with_hidden_characters),
        _ => {}
    }
}

/// What a failure adds where an argument that the tool needs is `"none"`, which nothing is called.
pub fn meant_missing(
    tool: &str,
    schema: &Map<String, Value>,
    given: &Map<String, Value>,
) -> Option<String> {
    let properties = schema.get("properties").and_then(Value::as_object)?;
    let mut required = schema.get("required")?.as_array()?.iter().filter_map(Value::as_str);
    let is_none = |value: &Value| value.as_str().is_some_and(absent::is_none);
    let name = required.find(|name| given.get(*name).is_some_and(is_none))?;
    Some(format!(
        "If {} was meant as no value: {}",
        given.get(name)?,
        missing(tool, name, properties)
    ))
}

fn alias(name: &str, properties: &Map<String, Value>) -> Option<&'static str> {
    let (_, meant) = ALIASES.iter().find(|(alias, _)| *alias == name)?;
    (!properties.contains_key(name) && properties.contains_key(*meant)).then_some(meant)
}

fn unknown(tool: &str, name: &str, properties: &Map<String, Value>) -> Failure {
    let legal: Vec<&str> = properties.keys().map(String::as_str).collect();
    let close = nearest(name, legal.iter().copied())
        .first()
        .filter(|close| strsim::jaro_winkler(name, close) > 0.8)
        .map(|close| format!(" Did you mean `{close}`?"))
        .unwrap_or_default();
    Failure(format!(
        "{tool} has no argument `{}`.{close} Its arguments are: {}.",
        super::text::cut(name, 80),
        legal.join(", ")
    ))
}

fn missing(tool: &str, name: &str, properties: &Map<String, Value>) -> Failure {
    let about = properties.get(name).and_then(|p| p.get("description")).and_then(Value::as_str);
    let about = about.map(|about| format!(" ({about})")).unwrap_or_default();
    let hint = match name {
        "project" => " get_all_projects lists the projects.",
        "metric" => " get_metrics_for_run lists the metrics of a run.",
        _ => "",
    };
    Failure(format!("{tool} needs the argument `{name}`{about}.{hint}"))
}

/// A value of the type that the schema wants, where it plainly means one.
fn coerce(name: &str, value: Value, property: &Value) -> Result<Value, Failure> {
    let wanted = property.get("type").and_then(Value::as_str).unwrap_or("any");
    let value = match (wanted, value) {
        ("integer", value) => integer(&value).map(Value::from).ok_or(value),
        ("number", Value::String(text)) => {
            text.trim().parse::<f64>().ok().map(Value::from).ok_or(Value::String(text))
        }
        ("number", value) if !value.is_number() => Err(value),
        ("boolean", Value::String(text)) => {
            text.to_lowercase().parse::<bool>().map(Value::from).map_err(|_| Value::String(text))
        }
        ("boolean", value) if !value.is_boolean() => Err(value),
        ("string", value @ (Value::Number(_) | Value::Bool(_))) => {
            Ok(Value::String(value.to_string()))
        }
        ("string", value) if !value.is_string() => Err(value),
        ("array", value) => list(value, property),
        ("object", Value::String(text)) => match serde_json::from_str(&text) {
            Ok(Value::Object(object)) => Ok(Value::Object(object)),
            _ => Err(Value::String(text)),
        },
        ("object", value) if !value.is_object() => Err(value),
        (_, value) => Ok(value),
    };
    let value = value.map_err(|found| wrong_type(name, wanted, &found))?;
    let value = meant_choice(value, property);
    check_choice(name, &value, property)?;
    check_range(name, &value, property)?;
    Ok(value)
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| whole(text.parse().ok()?))
        }
        _ => None,
    }
}

fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

fn list(value: Value, property: &Value) -> Result<Value, Value> {
    let items = match value {
        Value::Array(items) => items,
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(Value::Array(items)) => items,
            _ => vec![Value::String(text)],
        },
        other @ (Value::Number(_) | Value::Bool(_)) => vec![other],
        other => return Err(other),
    };
    let of_strings = property.pointer("/items/type").is_some_and(|kind| kind == "string");
    let items =
        items.into_iter().filter(|item| !of_strings || !absent::is_blank(item)).map(|item| {
            match item {
                Value::Number(_) | Value::Bool(_) if of_strings => {
                    Ok(Value::String(item.to_string()))
                }
                item if of_strings && !item.is_string() => Err(item),
                item => Ok(item),
            }
        });
    items.collect::<Result<Vec<_>, _>>().map(Value::Array)
}

fn wrong_type(name: &str, wanted: &str, found: &Value) -> Failure {
    let article = if wanted.starts_with(['i', 'o', 'a']) { "an" } else { "a" };
    let found = super::text::cut(&found.to_string(), 80);
    Failure(format!("The argument `{name}` must be {article} {wanted}; found {found}."))
}

/// Words that models use for a choice. Trackio knows no success and no failure of a run, so words
/// for these are no synonyms.
const CHOICES: &[(&str, &str)] = &[
    ("running", "active"),
    ("in_progress", "active"),
    ("live", "active"),
    ("stalled", "idle"),
    ("paused", "idle"),
    ("waiting", "idle"),
    ("finished", "ended"),
    ("completed", "ended"),
    ("complete", "ended"),
    ("done", "ended"),
    ("stopped", "ended"),
];

/// Words for a `status` that there is not, and what is said of them.
const OUTCOMES: &[&str] =
    &["failed", "failure", "crashed", "error", "killed", "succeeded", "success"];
const NO_OUTCOMES: &str = " Trackio does not record how a run ended: the status is inferred from \
    when rows came. diagnose_run with a project and no run tells which runs went wrong.";

/// The choice that another word or another case plainly means.
fn meant_choice(value: Value, property: &Value) -> Value {
    let (Some(choices), Some(given)) =
        (property.get("enum").and_then(Value::as_array), value.as_str())
    else {
        return value;
    };
    let given = given.trim().to_lowercase().replace([' ', '-'], "_");
    let synonym = CHOICES.iter().find(|(word, _)| *word == given).map(|(_, choice)| *choice);
    let is_meant = |choice: &&Value| {
        choice.as_str().is_some_and(|choice| choice == given || Some(choice) == synonym)
    };
    choices.iter().find(is_meant).cloned().unwrap_or(value)
}

fn check_choice(name: &str, value: &Value, property: &Value) -> Result<(), Failure> {
    let Some(choices) = property.get("enum").and_then(Value::as_array) else { return Ok(()) };
    if choices.contains(value) {
        return Ok(());
    }
    let choices: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
    let given = value.as_str().unwrap_or_default().to_lowercase();
    let is_outcome = name == "status" && OUTCOMES.contains(&given.as_str());
    let about = if is_outcome { NO_OUTCOMES } else { "" };
    Err(Failure(format!(
        "The argument `{name}` must be one of {}; found {}.{about}",
        quoted(&choices),
        super::text::cut(&value.to_string(), 80)
    )))
}

fn check_range(name: &str, value: &Value, property: &Value) -> Result<(), Failure> {
    let bound = |key| property.get(key).and_then(Value::as_f64);
    let Some(number) = value.as_f64() else { return Ok(()) };
    match (bound("minimum"), bound("maximum")) {
        (Some(least), _) if number < least => {
            Err(Failure(format!("The argument `{name}` must be at least {least}; found {value}.")))
        }
        (_, Some(most)) if number > most => {
            Err(Failure(format!("The argument `{name}` must be at most {most}; found {value}.")))
        }
        _ => Ok(()),
    }
}

/// `max_tokens`, or the most where a larger part was asked for in another way.
fn tokens(own: &Map<String, Value>) -> usize {
    if let Some(tokens) = own.get("max_tokens").and_then(Value::as_u64) {
        return tokens as usize;
    }
    let asks_for_more = own.contains_key("limit") || own.contains_key("max_points");
    if asks_for_more { budget::MOST_TOKENS } else { budget::DEFAULT_TOKENS }
}

fn page_request(tool: &str, own: &mut Map<String, Value>) -> Result<PageRequest, Failure> {
    let limit = own.remove("limit").and_then(|limit| limit.as_u64()).map(|limit| limit as usize);
    let cursor = own.remove("cursor");
    let fingerprint = fingerprint(tool, own);
    let asked = match &cursor {
        None => None,
        Some(cursor) => cursor_of(cursor.as_str().unwrap_or_default(), fingerprint)?,
    };
    let first = PageRequest { offset: 0, limit, stretch: None, fingerprint };
    Ok(PageRequest { limit, ..asked.unwrap_or(first) })
}

fn cursor_of(cursor: &str, fingerprint: u32) -> Result<Option<PageRequest>, Failure> {
    match PageRequest::parse(cursor) {
        Some(asked) if asked.fingerprint == fingerprint => Ok(Some(asked)),
        Some(_) => Err(Failure::new(
            "The cursor belongs to another question. Send it with the same arguments as the call \
             that gave it, or leave it out to begin anew.",
        )),
        None => Err(Failure(format!(
            "`{}` is no cursor. Use the next_cursor of the last answer, or leave it out.",
            super::text::cut(cursor, 40)
        ))),
    }
}

/// Of the tool and its arguments in order of their names.
fn fingerprint(tool: &str, own: &Map<String, Value>) -> u32 {
    let mut sorted: Vec<(&String, &Value)> = own.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    let mut text = tool.to_owned();
    for (name, value) in sorted {
        text.push_str(&format!("\0{name}\0{value}"));
    }
    short(&[text.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn checked(given: Value) -> Result<Arguments, Failure> {
        let schema = json!({
            "properties": {
                "project": {"type": "string"},
                "run": {"type": "string"},
                "metric": {"type": "string"},
                "metrics": {"type": "array", "items": {"type": "string"}},
                "step": {"type": "number"},
                "scalar_only": {"type": "boolean"},
                "detail": {"type": "string", "enum": ["core", "full"]},
                "status": {"type": "string", "enum": ["active", "idle", "ended"]},
                "limit": {"type": "integer", "minimum": 1},
                "cursor": {"type": "string"},
                "max_tokens": {"type": "integer", "minimum": 200, "maximum": 8000},
            },
            "required": ["project"],
        });
        let given = given.as_object().unwrap().clone();
        check("get_logs", schema.as_object().unwrap(), given)
    }

    #[test]
    fn plain_meanings_are_understood() {
        let cases = [
            (json!({"project": "p", "limit": "10"}), json!({"project": "p"})),
            (json!({"project": "p", "limit": 10.0}), json!({"project": "p"})),
            (json!({"project": 5, "run": null}), json!({"project": "5"})),
            (json!({"project": "p", "metric_name": "m"}), json!({"project": "p", "metric": "m"})),
            (
                json!({"project": "p", "run": "a", "run_id": "b"}),
                json!({"project": "p", "run": "b"}),
            ),
            (
                json!({"project": "p", "run_id": "b", "run": "a"}),
                json!({"project": "p", "run": "b"}),
            ),
            (
                json!({"project": "p", "metrics": "loss"}),
                json!({"project": "p", "metrics": ["loss"]}),
            ),
            (
                json!({"project": "p", "metrics": "[\"a\"]"}),
                json!({"project": "p", "metrics": ["a"]}),
            ),
            (json!({"project": "p", "step": "1.5"}), json!({"project": "p", "step": 1.5})),
            (
                json!({"project": "p", "scalar_only": "True"}),
                json!({"project": "p", "scalar_only": true}),
            ),
            (
                json!({"project": "p", "status": "Running", "detail": "FULL"}),
                json!({"project": "p", "status": "active", "detail": "full"}),
            ),
            (
                json!({"project": "p", "status": "finished"}),
                json!({"project": "p", "status": "ended"}),
            ),
        ];
        for (given, expected) in cases {
            assert_eq!(Value::Object(checked(given).unwrap().own), expected);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            (json!({}), "get_logs needs the argument `project`. get_all_projects lists"),
            (json!({"project": "p", "metrix": "m"}), "Did you mean `metric`?"),
            (json!({"project": "p", "limit": "many"}), "must be an integer; found \"many\""),
            (json!({"project": "p", "limit": 0}), "must be at least 1"),
            (json!({"project": "p", "limit": 1.5}), "must be an integer; found 1.5"),
            (json!({"project": ["p"]}), "must be a string"),
            (json!({"project": "p", "detail": "all"}), "must be one of `core`, `full`"),
            (
                json!({"project": "p", "status": "crashed"}),
                "Trackio does not record how a run ended",
            ),
            (
                json!({"project": "p", "status": "purple"}),
                "must be one of `active`, `idle`, `ended`",
            ),
            (json!({"project": "p", "cursor": "xyz"}), "is no cursor"),
            (json!({"project": "p", "cursor": "10.00000000"}), "belongs to another question"),
        ];
        for (given, expected) in cases {
            let message = checked(given).unwrap_err().0;
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn asking_for_more_widens_the_budget() {
        assert_eq!(checked(json!({"project": "p"})).unwrap().tokens, 2_000);
        assert_eq!(checked(json!({"project": "p", "limit": 500})).unwrap().tokens, 8_000);
        assert_eq!(checked(json!({"project": "p", "max_tokens": 400})).unwrap().tokens, 400);
    }
}
