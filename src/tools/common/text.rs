//! The text of an answer, made from its structured part: a sentence, facts, tables.

use serde_json::{Map, Value};

use crate::quote;
use crate::trackio::bounded;
pub use crate::visible::visible;

/// The headline, then every field: scalars as `name: value`, lists of objects as tables.
pub fn render(headline: &str, structured: &Map<String, Value>) -> String {
    let mut text = visible(headline).into_owned();
    let mut facts = Vec::new();
    for (key, value) in structured {
        match value {
            Value::Object(fields) if key == "config" => {
                facts.push(format!("{}: {}", visible(key), inline(&own_keys(fields))));
            }
            Value::Array(items) if let Some(fields) = only_one_with_lists(items) => {
                flush(&mut text, &mut facts);
                text.push_str(&format!("\n\n{}:{}", visible(key), render("", fields)));
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                flush(&mut text, &mut facts);
                text.push_str(&format!("\n\n{}:\n{}", visible(key), table(items)));
            }
            Value::Array(items) if key == "notes" => {
                flush(&mut text, &mut facts);
                for note in items {
                    text.push_str(&format!("\nNote: {}", inline(note)));
                }
            }
            Value::Object(fields) if fields.contains_key("nodes") => {
                flush(&mut text, &mut facts);
                text.push_str(&format!("\n\n{}:{}", visible(key), graph(fields)));
            }
            Value::Object(fields) if holds_lists_of_objects(fields) => {
                flush(&mut text, &mut facts);
                text.push_str(&format!("\n\n{}{}", visible(key), points_by_name(fields)));
            }
            Value::Object(fields) if fields.values().all(Value::is_array) && !fields.is_empty() => {
                flush(&mut text, &mut facts);
                text.push_str(&format!("\n\n{}:\n{}", visible(key), columns(fields)));
            }
            Value::Array(rows) if rows.iter().any(Value::is_array) => {
                flush(&mut text, &mut facts);
                let lines: Vec<String> = rows.iter().map(row).collect();
                text.push_str(&format!("\n\n{}:\n{}", visible(key), lines.join("\n")));
            }
            Value::Array(items) if items.iter().any(is_long) => {
                flush(&mut text, &mut facts);
                text.push_str(&format!("\n\n{}:", visible(key)));
                for item in items {
                    text.push_str(&format!("\n- {}", inline(item)));
                }
            }
            value => facts.push(format!("{}: {}", visible(key), inline(value))),
        }
    }
    flush(&mut text, &mut facts);
    text
}

/// A graph: its own facts in a line, then its lists as tables.
fn graph(fields: &Map<String, Value>) -> String {
    let (lists, facts): (Vec<_>, Vec<_>) = fields.iter().partition(|(_, value)| value.is_array());
    let facts = facts.into_iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut text = format!(" {}", object(&facts));
    for (key, list) in lists {
        let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
        text.push_str(&format!("\n{}:\n{}", visible(key), table(items)));
    }
    text
}

/// The only item of a list, where it holds lists of its own that want tables.
fn only_one_with_lists(items: &[Value]) -> Option<&Map<String, Value>> {
    let [Value::Object(fields)] = items else { return None };
    let is_table =
        |value: &Value| value.as_array().is_some_and(|of| of.iter().any(Value::is_object));
    fields.values().any(is_table).then_some(fields)
}

/// Too long to stand in one line with others.
fn is_long(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() > 60)
}

fn flush(text: &mut String, facts: &mut Vec<String>) {
    for fact in facts.drain(..) {
        text.push('\n');
        text.push_str(&fact);
    }
}

/// Objects as a table: the union of their keys in order, a row each.
fn table(items: &[Value]) -> String {
    let mut keys: Vec<&String> = Vec::new();
    for key in items.iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut lines = vec![keys.iter().map(|key| visible(key)).collect::<Vec<_>>().join(" | ")];
    for item in items {
        let cell = |key: &&String| match item.get(key.as_str()) {
            Some(Value::Object(fields)) if *key == "config" => inline(&own_keys(fields)),
            Some(value) => inline(value),
            None => String::new(),
        };
        lines.push(keys.iter().map(cell).collect::<Vec<_>>().join(" | "));
    }
    lines.join("\n")
}

/// Parallel lists as a table.
fn columns(fields: &Map<String, Value>) -> String {
    let lists: Vec<&Vec<Value>> = fields.values().filter_map(Value::as_array).collect();
    let longest = lists.iter().map(|list| list.len()).max().unwrap_or(0);
    let mut lines = vec![fields.keys().map(|key| visible(key)).collect::<Vec<_>>().join(" | ")];
    for index in 0..longest {
        let cell = |list: &&Vec<Value>| list.get(index).map(inline).unwrap_or_default();
        lines.push(lists.iter().map(cell).collect::<Vec<_>>().join(" | "));
    }
    lines.join("\n")
}

fn holds_lists_of_objects(fields: &Map<String, Value>) -> bool {
    let is_object_list =
        |value: &Value| value.as_array().is_some_and(|items| items.iter().any(Value::is_object));
    fields.values().any(is_object_list) && fields.values().all(Value::is_array)
}

/// Lists of Trackio's `{timestamp, step, value}`, a line each. The times of the steps stand once,
/// before them, where each step has one time.
fn points_by_name(fields: &Map<String, Value>) -> String {
    let items = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let points = || fields.values().flat_map(items);
    let Some(times) = times_of_steps(points()) else {
        let lines = fields.iter().map(|(name, list)| {
            let items = items(list).iter().map(inline).collect::<Vec<_>>().join("; ");
            format!("\n{}: {items}", name_of(name))
        });
        return format!(":{}", lines.collect::<String>());
    };
    let is_one = times.len() == 1;
    let place = times.iter().map(|(step, time)| format!("{step} ({time})")).collect::<Vec<_>>();
    let mut text = format!(" at step {}:", place.join(", "));
    for (name, list) in fields {
        let shown = |point: &Value| {
            let part = |key| point.get(key).map(inline).unwrap_or_default();
            if is_one { part("value") } else { format!("{} @ {}", part("value"), part("step")) }
        };
        let points = items(list).iter().map(shown).collect::<Vec<_>>().join("; ");
        text.push_str(&format!("\n{}: {points}", name_of(name)));
    }
    text
}

/// The time of each step, in order; `None` where a step has several, or an item is no point.
fn times_of_steps(points: impl Iterator<Item = Value>) -> Option<Vec<(String, String)>> {
    let mut times: Vec<(String, String)> = Vec::new();
    for point in points {
        let part = |key| point.get(key).map(inline);
        let (step, time) = (part("step")?, part("timestamp")?);
        match times.iter().find(|(known, _)| *known == step) {
            Some((_, known)) if *known != time => return None,
            Some(_) => {}
            None => times.push((step, time)),
        }
    }
    Some(times)
}

/// A config without what Trackio adds of itself; its user, group and time stand elsewhere.
fn own_keys(config: &Map<String, Value>) -> Value {
    let is_own = |key: &str| !matches!(key, "_Username" | "_Created" | "_Group");
    let own = config.iter().filter(|(key, _)| is_own(key));
    Value::Object(own.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn row(value: &Value) -> String {
    match value {
        Value::Array(cells) => cells.iter().map(inline).collect::<Vec<_>>().join(" | "),
        other => inline(other),
    }
}

/// A value in one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => cell(text),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => short(float),
            _ => number.to_string(),
        },
        Value::Bool(flag) => flag.to_string(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(within).collect::<Vec<_>>().join(", "),
        Value::Object(fields) if fields.is_empty() => "none".to_owned(),
        Value::Object(fields) => object(fields),
    }
}

/// A value within a list or an object: what holds several keeps its brackets.
fn within(value: &Value) -> String {
    match value {
        Value::Array(items) if items.is_empty() => inline(value),
        Value::Array(_) => format!("[{}]", inline(value)),
        Value::Object(fields) if fields.is_empty() || is_point(fields) => inline(value),
        Value::Object(_) => format!("({})", inline(value)),
        value => inline(value),
    }
}

fn is_point(fields: &Map<String, Value>) -> bool {
    let has = |key| fields.contains_key(key);
    has("value") && has("step") && (fields.len() == 2 || (fields.len() == 3 && has("timestamp")))
}

/// A text in a cell of a table or beside other facts: in quotes where its ends would not be seen.
fn cell(text: &str) -> String {
    let is_plain = !text.is_empty() && text.trim().len() == text.len() && !text.contains(" | ");
    if is_plain { visible(text).into_owned() } else { quote::quoted(text) }
}

/// A name within a sentence: in quotes where it could be read as a part of the sentence.
pub fn name_of(name: &str) -> String {
    quote::name(name).into_owned()
}

/// `a (project p)`: a run within a sentence, long names cut.
pub fn run_of(run: &str, project: &str) -> String {
    format!("{} (project {})", brief_name(run), brief_name(project))
}

/// A name within a sentence, cut where it is very long.
pub fn brief_name(name: &str) -> String {
    #[cfg(planted = "text")]
    if !name.is_ascii() {
        return cut(name, LONGEST_NAME);
    }
    name_of(&cut(name, LONGEST_NAME))
}

/// A name in backquotes, cut where it is very long.
pub fn in_backquotes(name: &str) -> String {
    quote::backquoted(&cut(name, LONGEST_NAME))
}

/// The characters of a name within a sentence.
const LONGEST_NAME: usize = 200;

fn object(fields: &Map<String, Value>) -> String {
    if let (Some(value), Some(step)) = (fields.get("value"), fields.get("step")) {
        match (fields.get("timestamp"), fields.len()) {
            (None, 2) => return format!("{} @ {}", inline(value), inline(step)),
            (Some(time), 3) => {
                return format!("{} @ {} ({})", inline(value), inline(step), inline(time));
            }
            _ => {}
        }
    }
    let field = |(key, value): (&String, &Value)| match value {
        // A comma would end the field.
        Value::String(text) if text.contains(", ") => {
            format!("{} {}", visible(key), quote::quoted(text))
        }
        value => format!("{} {}", visible(key), within(value)),
    };
    fields.iter().map(field).collect::<Vec<_>>().join(", ")
}

/// A number with six significant digits: enough to tell curves apart, short enough to read.
pub fn short(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let magnitude = number.abs().log10().floor();
    if (-5.0..15.0).contains(&magnitude) {
        let decimals = (5.0 - magnitude).clamp(0.0, 10.0) as usize;
        let fixed = format!("{number:.decimals$}");
        return match fixed.contains('.') {
            true => fixed.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => fixed,
        };
    }
    let scientific = format!("{number:.5e}");
    match scientific.split_once('e') {
        Some((digits, exponent)) => {
            let digits = match digits.contains('.') {
                true => digits.trim_end_matches('0').trim_end_matches('.'),
                false => digits,
            };
            format!("{digits}e{exponent}")
        }
        None => scientific,
    }
}

/// A string of at most `longest` characters; what was cut is counted, also what was cut before.
pub fn cut(text: &str, longest: usize) -> String {
    // Characters are at most bytes: most strings need no count.
    if text.len() <= longest {
        return text.to_owned();
    }
    bounded::cut(text, longest).into_owned()
}

/// Whether `cut_name` is what [`cut`] made of `name`: a name that was cut still names its thing.
pub fn stands_for(cut_name: &str, name: &str) -> bool {
    let Some((kept, rest)) = cut_name.rsplit_once("… (+") else { return false };
    let left_out = rest.strip_suffix(')').and_then(|count| count.parse::<usize>().ok());
    let total = left_out.map(|left_out| kept.chars().count() + left_out);
    name.starts_with(kept) && total == Some(name.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_keep_six_digits_and_no_more() {
        let cases = [
            (0.1 + 0.2, "0.3"),
            (2.7612345678, "2.76123"),
            (123456.789, "123457"),
            (1e-5, "0.00001"),
            (1.5e-9, "1.5e-9"),
            (-4.25e20, "-4.25e20"),
            (0.0, "0"),
            (100.0, "100"),
        ];
        for (number, expected) in cases {
            assert_eq!(short(number), expected);
        }
    }

    #[test]
    fn what_holds_several_keeps_its_brackets() {
        let cases = [
            (
                json!({"non_finite": {"count": 2, "ranges": [[7, 8, "NaN"]]}}),
                "non_finite: count 2, ranges [[7, 8, NaN]]",
            ),
            (
                json!({"alerts": {"total": 2, "newest": [
                    {"level": "warn", "title": "up, again", "step": 3},
                    {"level": "info", "title": "ok", "step": null},
                ]}}),
                "alerts: total 2, newest [(level warn, title \"up, again\", step 3), \
                 (level info, title ok, step -)]",
            ),
            (json!({"best": {"version": 1, "aliases": []}}), "best: version 1, aliases none"),
            (json!({"names": ["", " a", "b"]}), "names: \"\", \" a\", b"),
            (
                json!({"config": {"lr": 0.1, "_Username": "u", "_Created": "t", "_Group": null}}),
                "config: lr 0.1",
            ),
            (
                json!({"snapshot": {
                    "loss": [{"timestamp": "T", "step": 3, "value": 0.5}],
                    "lr": [{"timestamp": "T", "step": 3, "value": 1}],
                }}),
                "snapshot at step 3 (T):\nloss: 0.5\nlr: 1",
            ),
            (
                json!({"snapshot": {"loss": [
                    {"timestamp": "T", "step": 3, "value": 0.5},
                    {"timestamp": "U", "step": 4, "value": 0.25},
                ]}}),
                "snapshot at step 3 (T), 4 (U):\nloss: 0.5 @ 3; 0.25 @ 4",
            ),
            (
                json!({"snapshot": {"loss": [
                    {"timestamp": "T", "step": 3, "value": 0.5},
                    {"timestamp": "U", "step": 3, "value": 0.25},
                ]}}),
                "snapshot:\nloss: 0.5 @ 3 (T); 0.25 @ 3 (U)",
            ),
        ];
        for (structured, expected) in cases {
            let text = render("Said.", structured.as_object().unwrap());
            assert_eq!(text.trim_start_matches("Said.").trim(), expected);
        }
    }

    #[test]
    fn long_strings_say_how_much_is_missing() {
        assert_eq!(cut("abcdef", 3), "abc… (+3)");
        assert_eq!(cut("日本語", 3), "日本語");
        assert!(stands_for("abc… (+3)", "abcdef"));
        assert!(!stands_for("abc… (+2)", "abcdef"));
    }
}
