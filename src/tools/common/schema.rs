//! JSON schemas as every client takes them: flat, inline, without what some of them misread.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::schemars::generate::SchemaSettings;
use rmcp::schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Which of a tool's two schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Of the arguments.
    Input,
    /// Of the structured answer.
    Output,
}

/// The schemas that were asked for so far. Every call is checked against one, and to make it
/// costs more than a call.
static MADE: Mutex<BTreeMap<(&str, Side), Made>> = Mutex::new(BTreeMap::new());

type Made = Arc<Map<String, Value>>;

/// A tool's schema, made once in the life of the process.
pub fn once(tool: &'static str, side: Side, make: impl FnOnce() -> Map<String, Value>) -> Made {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(made.entry((tool, side)).or_insert_with(|| Arc::new(make())))
}

/// The schema of a tool's arguments; with `paged`, those of every list tool too.
pub fn of_arguments<T: JsonSchema>(paged: bool) -> Map<String, Value> {
    let mut schema = root(SchemaSettings::draft2020_12(), |mut generator| {
        generator.root_schema_for::<T>().to_value()
    });
    let mut properties = match schema.remove("properties") {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    if paged {
        properties.insert("limit".into(), json!({"type": "integer", "minimum": 1}));
        properties.insert(
            "cursor".into(),
            json!({"type": "string", "description": "next_cursor of the last page"}),
        );
    }
    properties.insert(
        "max_tokens".into(),
        json!({"type": "integer", "minimum": super::budget::FEWEST_TOKENS,
               "maximum": super::budget::MOST_TOKENS}),
    );
    let mut ordered = Map::new();
    ordered.insert("type".into(), "object".into());
    ordered.insert("properties".into(), properties.into());
    if let Some(required) = schema.remove("required") {
        ordered.insert("required".into(), required);
    }
    ordered.insert("additionalProperties".into(), false.into());
    ordered
}

/// The schema of a tool's structured answer.
pub fn of_output<T: JsonSchema>() -> Map<String, Value> {
    let mut schema = root(SchemaSettings::draft2020_12().for_serialize(), |mut generator| {
        generator.root_schema_for::<T>().to_value()
    });
    schema.remove("description");
    for (key, value) in &mut schema {
        remove_descriptions(value, key != "properties");
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert("notes".into(), json!({"type": "array", "items": {"type": "string"}}));
        properties.values_mut().for_each(prune);
    }
    schema.insert("type".into(), "object".into());
    schema
}

fn root(
    settings: SchemaSettings,
    generate: impl FnOnce(SchemaGenerator) -> Value,
) -> Map<String, Value> {
    let settings = settings.with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = generate(settings.into_generator());
    simplify(&mut schema);
    match schema {
        Value::Object(mut schema) => {
            schema.remove("title");
            schema.remove("description");
            schema
        }
        _ => Map::new(),
    }
}

/// Any value that a field may hold. Clients want a keyword in every schema, some misread a list of
/// types, and no field of ours is an empty promise of a boolean.
fn anything() -> Value {
    json!({"not": {"type": "boolean"}})
}

/// Removes formats, null branches and defaults.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Bool(true) => *schema = anything(),
        Value::Object(object) => {
            object.remove("format");
            object.remove("default");
            loosen_required_nulls(object);
            take_null_out(object);
            list_choices(object);
            for (key, value) in object.iter_mut() {
                match value {
                    Value::Bool(true) if key == "items" => *value = anything(),
                    Value::Object(properties) if key == "properties" => {
                        properties.values_mut().for_each(simplify);
                    }
                    Value::Bool(_) => {}
                    other => simplify(other),
                }
            }
        }
        Value::Array(items) => {
            items.iter_mut().filter(|item| item.is_object()).for_each(simplify);
        }
        _ => {}
    }
}

/// Choices that are told one by one, as a plain list.
fn list_choices(object: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = object.get("oneOf") else { return };
    let choices: Option<Vec<Value>> =
        branches.iter().map(|branch| branch.get("const").cloned()).collect();
    if let Some(choices) = choices {
        object.remove("oneOf");
        object.insert("type".into(), "string".into());
        object.insert("enum".into(), choices.into());
    }
}

/// A field that is always there and can be null, as in Trackio's own answers, may hold anything.
fn loosen_required_nulls(object: &mut Map<String, Value>) {
    let required = object.get("required").cloned().unwrap_or_default();
    let is_required = |name: &str| {
        required.as_array().is_some_and(|required| required.iter().any(|one| one == name))
    };
    let Some(Value::Object(properties)) = object.get_mut("properties") else { return };
    for (name, property) in properties {
        if is_required(name) && allows_null(property) {
            *property = anything();
        }
    }
}

fn allows_null(schema: &Value) -> bool {
    let lists = |key| schema.get(key).and_then(Value::as_array).into_iter().flatten();
    lists("type").any(|kind| kind == "null")
        || lists("anyOf").any(|branch| branch.get("type").is_some_and(|kind| kind == "null"))
}

fn take_null_out(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    let Some(Value::Array(branches)) = object.get_mut("anyOf") else { return };
    branches.retain(|branch| branch.get("type").is_none_or(|kind| kind != "null"));
    if let [Value::Object(only)] = branches.as_slice() {
        let only = only.clone();
        object.remove("anyOf");
        for (key, value) in only {
            object.entry(key).or_insert(value);
        }
    }
}

fn remove_descriptions(schema: &mut Value, is_schema: bool) {
    match schema {
        Value::Object(object) => {
            if is_schema {
                object.remove("description");
            }
            for (key, value) in object {
                remove_descriptions(value, !is_schema || key != "properties");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| remove_descriptions(item, true)),
        _ => {}
    }
}

/// Keeps what a field is, and what a list is of; what lies deeper is left to the documentation,
/// because every client loads these schemas and no model needs them.
fn prune(schema: &mut Value) {
    let Value::Object(object) = schema else { return };
    object.retain(|key, _| matches!(key.as_str(), "type" | "enum" | "not" | "items"));
    if object.is_empty() {
        *schema = anything();
    } else if let Some(items) = object.get_mut("items") {
        prune(items);
    }
}
