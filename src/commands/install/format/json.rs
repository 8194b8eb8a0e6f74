//! JSON with comments, edited through its concrete syntax tree.

use std::collections::HashSet;

use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Value;

use super::{Leniency, Refusal, Result};

/// Comments and trailing commas are what the clients' editors allow; the rest is a mistake.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

pub fn parse(text: &str) -> Result<Value> {
    Ok(tree(text)?.to_serde_value().unwrap_or_default())
}

/// Why a client that reads no more than that refuses the text, or does not read all of it.
pub fn fault(text: &str, key: &str, reads: Leniency) -> Option<String> {
    if text.trim().is_empty() && !reads.comments {
        return Some("it is empty; JSON has at least {}".to_owned());
    }
    // The syntax tree takes comments whatever the options say.
    let refused = |options| parse_to_ast(text, &CollectOptions::default(), &options).err();
    let strict = ParseOptions { allow_comments: reads.comments, ..OPTIONS };
    if let Some(error) = refused(strict) {
        return Some(format!("it has comments, which this client does not read ({error})"));
    }
    let strict = ParseOptions { allow_trailing_commas: reads.trailing_commas, ..OPTIONS };
    if let Some(error) = refused(strict) {
        return Some(format!("it has a comma too many, which this client does not read ({error})"));
    }
    let root = tree(text).ok()?.object_value()?;
    let servers = root.object_value(key);
    [Some(root), servers].into_iter().flatten().find_map(|map| repeated(&map)).map(|name| {
        format!("it has `{name}` twice in one map, of which clients read the last or nothing")
    })
}

/// A name that two properties of a map have.
fn repeated(map: &CstObject) -> Option<String> {
    let mut known = HashSet::new();
    let names = map.properties().into_iter().filter_map(|property| property.decoded_name());
    names.into_iter().find(|name| !known.insert(name.clone()))
}

pub fn put(text: &str, key: &str, name: &str, entry: &Value) -> Result<String> {
    // Blanks alone are no file to keep the form of.
    let root = tree(if text.trim().is_empty() { "" } else { text })?;
    let servers = root.object_value_or_create().and_then(|map| map.object_value_or_create(key));
    let servers = servers.ok_or_else(|| Refusal::Shape(format!("`{key}` is not a map")))?;
    match servers.object_value(name) {
        Some(old) => update(&old, entry),
        None => {
            servers.append(name, input(entry));
        }
    }
    Ok(root.to_string())
}

pub fn remove(text: &str, key: &str, name: &str) -> Result<String> {
    let root = tree(text)?;
    if let Some(map) = root.object_value()
        && let Some(servers) = map.object_value(key)
    {
        if let Some(entry) = servers.get(name) {
            entry.remove();
        }
        if servers.properties().is_empty()
            && let Some(servers) = map.get(key)
        {
            servers.remove();
        }
    }
    Ok(root.to_string())
}

/// Sets what differs, so that comments within the entry stay.
fn update(old: &CstObject, entry: &Value) {
    let fields = entry.as_object();
    for property in old.properties() {
        let name = property.decoded_name().unwrap_or_default();
        if !fields.is_some_and(|fields| fields.contains_key(&name)) {
            property.remove();
        }
    }
    for (key, value) in fields.into_iter().flatten() {
        match old.get(key) {
            Some(property) if property.to_serde_value().as_ref() == Some(value) => {}
            Some(property) => property.set_value(input(value)),
            None => {
                old.append(key, input(value));
            }
        }
    }
}

fn tree(text: &str) -> Result<CstRootNode> {
    CstRootNode::parse(text, &OPTIONS).map_err(|e| Refusal::Syntax("JSON", e.to_string()))
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(flag) => CstInputValue::Bool(*flag),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(map) => {
            CstInputValue::Object(map.iter().map(|(k, v)| (k.clone(), input(v))).collect())
        }
    }
}
