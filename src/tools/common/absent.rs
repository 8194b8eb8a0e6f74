//! What models send for an argument that they do not mean to give.
//!
//! * An empty or blank text, `"null"` in any case, an empty list or object and a list of nothing
//!   else are no value, as `null` is.
//! * `"none"` and `"undefined"` in any case are no value where a number, a time, a choice, an id or
//!   a list is expected. Elsewhere they may be a name: a tool that reads looks for that name first
//!   ([`readings`]); a tool that writes takes it as the name.
//! * For an argument that a tool needs, no value means that it is missing.

use serde_json::{Map, Value};

/// Texts that no name can be: times, choices that the schema does not list, ids, tokens, SQL.
const NEVER_NAMES: &[&str] = &[
    "after",
    "before",
    "since",
    "at_time",
    "timestamp",
    "level",
    "order_by",
    "sql",
    "topic",
    "cursor",
    "confirm",
    "run_id",
    "log_id",
    "alert_id",
];

/// The most arguments that are tried as a name and as no value, in all combinations.
const MOST_TRIED: usize = 4;

/// Whether `value`, given for the argument `name` with this schema, is no value.
pub fn is_absent(name: &str, value: &Value, property: &Value) -> bool {
    match value {
        Value::String(text) => {
            let is_text = property.get("type").is_some_and(|kind| kind == "string");
            is_blank(value)
                || (is_none(text) && !may_be_a_name(name, property))
                || (!is_text && matches!(text.trim(), "[]" | "{}"))
        }
        value => is_blank(value),
    }
}

/// Whether it is no value whatever is expected.
pub fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => is_blank_text(text),
        Value::Array(items) => items.iter().all(is_blank),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// [`is_blank`] of a text.
pub fn is_blank_text(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text.eq_ignore_ascii_case("null")
}

/// Whether a text is a word for no value, which can be a name too.
pub fn is_none(text: &str) -> bool {
    ["none", "undefined"].iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

fn may_be_a_name(name: &str, property: &Value) -> bool {
    property.get("type").is_some_and(|kind| kind == "string")
        && property.get("enum").is_none()
        && !NEVER_NAMES.contains(&name)
}

/// `given` without some of the arguments that may have been meant as no value, and a note on what
/// was left out: each choice of them, fewest first. `is_optional` knows which can be left out.
pub fn readings(
    given: &Map<String, Value>,
    is_optional: impl Fn(&str) -> bool,
) -> Vec<(Map<String, Value>, String)> {
    let is_none = |value: &Value| value.as_str().is_some_and(is_none);
    let doubtful: Vec<&String> = given
        .iter()
        .filter(|(name, value)| is_none(value) && is_optional(name))
        .map(|(name, _)| name)
        .take(MOST_TRIED)
        .collect();
    let mut choices: Vec<u32> = (1..1 << doubtful.len()).collect();
    choices.sort_by_key(|choice: &u32| choice.count_ones());
    let reading = |choice: u32| {
        let left_out: Vec<&String> = (0..)
            .zip(&doubtful)
            .filter(|(place, _)| choice & (1 << place) != 0)
            .map(|(_, name)| *name)
            .collect();
        let mut arguments = given.clone();
        arguments.retain(|name, _| !left_out.contains(&name));
        let names: Vec<String> = left_out.iter().map(|name| format!("`{name}`")).collect();
        let note = format!(
            "{} was taken as not given: nothing is called {}.",
            names.join(" and "),
            left_out.first().and_then(|name| given.get(*name)).unwrap_or(&Value::Null)
        );
        (arguments, note)
    };
    choices.into_iter().map(reading).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tools::common::arguments;
    use crate::tools::{AnyTool, TOOLS};

    /// What is no value for every argument.
    fn blanks() -> Vec<Value> {
        let texts = ["", "  ", "\n", "null", "NULL", " Null "].map(Value::from);
        let others =
            [json!(null), json!([]), json!({}), json!([""]), json!([null]), json!([[], {}])];
        texts.into_iter().chain(others).collect()
    }

    fn nones() -> Vec<Value> {
        ["none", "None", "NONE", "undefined", " none "].map(Value::from).to_vec()
    }

    fn sample(property: &Value) -> Value {
        match property["type"].as_str() {
            Some("array") => json!([sample(&property["items"])]),
            Some("object") => {
                let required = property["required"].as_array().cloned().unwrap_or_default();
                let field = |name: Value| {
                    let name = name.as_str().unwrap().to_owned();
                    let value = sample(&property["properties"][&name]);
                    (name, value)
                };
                let fields: Map<String, Value> = required.into_iter().map(field).collect();
                if fields.is_empty() { json!({"a": 1}) } else { fields.into() }
            }
            Some("number" | "integer") => json!(1),
            _ => json!("x"),
        }
    }

    /// The schema of a tool's arguments, and arguments with all that it needs.
    fn needed(tool: &dyn AnyTool) -> (Map<String, Value>, Map<String, Value>) {
        let schema = Value::Object((*tool.input_schema()).clone());
        let root = json!({"type": "object", "required": schema["required"],
                          "properties": schema["properties"]});
        let base = match &schema["required"] {
            Value::Null => Map::new(),
            _ => sample(&root).as_object().unwrap().clone(),
        };
        (schema.as_object().unwrap().clone(), base)
    }

    #[test]
    fn every_optional_argument_of_every_tool_can_be_left_blank() {
        for tool in TOOLS {
            let (schema, base) = needed(*tool);
            let checked = |given| arguments::check(tool.name(), &schema, given);
            let without = checked(base.clone()).unwrap();
            for (name, property) in schema["properties"].as_object().unwrap() {
                let is_name = property["type"] == "string"
                    && property.get("enum").is_none()
                    && !NEVER_NAMES.contains(&name.as_str());
                let nones = if is_name { Vec::new() } else { nones() };
                for value in blanks().into_iter().chain(nones) {
                    let place = format!("{} {name}: {value}", tool.name());
                    let mut given = base.clone();
                    given.insert(name.clone(), value);
                    match (base.contains_key(name), checked(given)) {
                        (false, Ok(with)) => {
                            assert_eq!(
                                (with.own, with.tokens),
                                (without.own.clone(), without.tokens),
                                "{place}"
                            );
                            assert_eq!(with.page, without.page, "{place}");
                        }
                        (true, Err(failure)) => {
                            let needs = format!("{} needs the argument `{name}`", tool.name());
                            assert!(failure.0.starts_with(&needs), "{place}: {failure}");
                        }
                        (_, other) => panic!("{place}: {other:?}"),
                    }
                }
            }
        }
    }

    #[test]
    fn every_field_of_an_entry_to_write_can_be_left_blank_or_is_named_as_missing() {
        let lists = ["bulk_log", "bulk_log_system", "bulk_alert", "bulk_upload_media"];
        for tool in TOOLS.iter().filter(|tool| lists.contains(&tool.name())) {
            let (schema, base) = needed(*tool);
            let checked = |given| arguments::check(tool.name(), &schema, given);
            let (list, entry) = base.iter().next().unwrap();
            let fields = schema["properties"][list]["items"]["properties"].as_object().unwrap();
            for (name, value) in
                fields.keys().flat_map(|name| blanks().into_iter().map(move |value| (name, value)))
            {
                let place = format!("{} {name}: {value}", tool.name());
                let mut given = base.clone();
                given[list][0][name] = value;
                match (entry[0].get(name), checked(given)) {
                    (None, Ok(with)) => assert_eq!(with.own, base, "{place}"),
                    // Metrics may be empty beside a config.
                    (Some(_), Ok(with)) => {
                        assert_eq!(with.own[list][0][name], json!({}), "{place}")
                    }
                    (Some(_), Err(failure)) => {
                        assert!(
                            failure.0.contains(&format!("`{name}` in `{list}[0]`")),
                            "{place}: {failure}"
                        );
                    }
                    (_, other) => panic!("{place}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn blank_items_of_a_list_are_left_out() {
        let schema =
            json!({"properties": {"runs": {"type": "array", "items": {"type": "string"}}}});
        let schema = schema.as_object().unwrap();
        let cases = [
            (json!(["a", "", null, "null"]), json!({"runs": ["a"]})),
            (json!(["none"]), json!({"runs": ["none"]})),
            (json!("[\"\"]"), json!({})),
            (json!("[]"), json!({})),
            (json!("none"), json!({})),
        ];
        for (given, expected) in cases {
            let given = json!({"runs": given}).as_object().unwrap().clone();
            let own = arguments::check("t", schema, given).unwrap().own;
            assert_eq!(Value::Object(own), expected);
        }
    }

    #[test]
    fn a_name_that_may_be_none_is_read_as_a_name_first() {
        let given = json!({"run": "none", "group": "None", "project": "none", "metric": "loss"});
        let given = given.as_object().unwrap();
        let readings = readings(given, |name| name != "project");
        let left: Vec<Value> =
            readings.iter().map(|(arguments, _)| Value::Object(arguments.clone())).collect();
        let expected = [
            json!({"group": "None", "project": "none", "metric": "loss"}),
            json!({"run": "none", "project": "none", "metric": "loss"}),
            json!({"project": "none", "metric": "loss"}),
        ];
        assert_eq!(left, expected);
        assert!(readings[0].1.contains("`run` was taken as not given"));
    }
}
