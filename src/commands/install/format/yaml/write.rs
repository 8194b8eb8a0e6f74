//! YAML as a person would write it, for what an entry holds.

use serde_json::{Map, Value};

/// One entry of a list, as lines.
pub fn item(indent: &str, name: &str, entry: &Value) -> String {
    let mut fields = Map::from_iter([("name".to_owned(), Value::from(name))]);
    fields.extend(entry.as_object().cloned().unwrap_or_default());
    let lines = map(&Value::Object(fields));
    let lines = lines.lines().enumerate().map(|(number, line)| match number {
        0 => format!("{indent}- {line}\n"),
        _ => format!("{indent}  {line}\n"),
    });
    lines.collect()
}

/// A map, as lines.
pub fn map(value: &Value) -> String {
    let mut lines = String::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                lines += &format!("{}:\n", scalar(key));
                for line in map(value).lines() {
                    lines += &format!("  {line}\n");
                }
            }
            Value::String(text) => lines += &format!("{}: {}\n", scalar(key), scalar(text)),
            other => lines += &format!("{}: {}\n", scalar(key), spaced(other)),
        }
    }
    lines
}

/// A list of one entry, in brackets; JSON is YAML.
pub fn in_brackets(name: &str, entry: &Value) -> String {
    let mut fields = Map::from_iter([("name".to_owned(), Value::from(name))]);
    fields.extend(entry.as_object().cloned().unwrap_or_default());
    format!("[{}]", spaced(&Value::Object(fields)))
}

/// JSON on one line, with spaces: `["a", "b"]`.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let pairs = map
                .iter()
                .map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), spaced(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Text as it stands where it cannot be taken for anything else, else in quotes.
fn scalar(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "/_.-".contains(c))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { Value::from(text).to_string() }
}
