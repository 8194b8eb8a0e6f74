//! The value of a condition: a number, a switch, a text, or a list of these.

use serde_json::Value;

use super::parse::Mistake;
use crate::trackio::value;

/// A text without the quotes around it.
pub fn unquote(text: &str) -> &str {
    match quoted(text) {
        Some((inside, "")) => inside,
        _ => text,
    }
}

/// What stands in the quotes that begin a text, and what comes after them.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    text.get(1..)?.split_once(quote)
}

/// One value.
pub fn single(text: &str) -> Result<Value, Mistake> {
    if text.starts_with(['"', '\'']) {
        return match quoted(text) {
            None => Err(Mistake::at(text, "a quote is not closed")),
            Some((inside, "")) => Ok(Value::from(inside)),
            Some((_, more)) => Err(more_than_one(more.trim_start(), text)),
        };
    }
    let lower = format!("{} ", text.to_lowercase());
    for joint in [" and ", " or ", "&&", "||"] {
        if let Some(more) = lower.find(joint).and_then(|at| text.get(at..)) {
            return Err(more_than_one(more.trim_start(), text));
        }
    }
    Ok(scalar(text))
}

fn more_than_one(more: &str, text: &str) -> Mistake {
    let mistake = Mistake::at(more, "one condition holds one value");
    let word = more.split_whitespace().next().unwrap_or_default().to_lowercase();
    if word == "or" || word == "||" {
        return mistake
            .hint("`in [a, b]` takes one of several values; any other `or` is for query_project.");
    }
    mistake.hint(&format!(
        "Each condition is an item of its own, [\"...\", \"...\"]; all must hold. A value with such \
         words goes in double quotes: `\"{}\"`.",
        text.replace('"', "")
    ))
}

fn scalar(text: &str) -> Value {
    if let Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) =
        serde_json::from_str::<Value>(text)
    {
        return value;
    }
    match text {
        "True" => Value::from(true),
        "False" => Value::from(false),
        "None" => Value::Null,
        text => match text.parse::<f64>() {
            Ok(number) => value::json(number),
            Err(_) => Value::from(text),
        },
    }
}

/// `[a, "b, c"]`, `(a, b)` or `a, b`.
pub fn list(text: &str) -> Result<Vec<Value>, Mistake> {
    let inside = |open, close| text.strip_prefix(open).map(|rest| rest.strip_suffix(close));
    let mut rest = match inside('[', ']').or_else(|| inside('(', ')')) {
        None => text,
        Some(Some(inside)) => inside.trim(),
        Some(None) => return Err(Mistake::at(text, "the list is not closed")),
    };
    let mut values = Vec::new();
    while !rest.is_empty() {
        let end = match quoted(rest) {
            Some((inside, _)) => {
                let behind = inside.len() + 2;
                let after = rest.get(behind..).unwrap_or_default();
                after.find(',').map_or(rest.len(), |comma| behind + comma)
            }
            None => rest.find(',').unwrap_or(rest.len()),
        };
        let item = rest.get(..end).unwrap_or_default().trim();
        if item.is_empty() {
            return Err(Mistake::at(text, "the list holds an empty value"));
        }
        values.push(single(item)?);
        rest = rest.get(end + 1..).unwrap_or_default().trim_start();
    }
    match values.is_empty() {
        true => Err(Mistake::at(text, "the list is empty")),
        false => Ok(values),
    }
}
