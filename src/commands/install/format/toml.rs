//! TOML, edited in place. `toml_edit` writes every line's end as a line feed, so a file of
//! Windows goes through it with line feeds and gets its own ends back.

use serde_json::Value;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, value};

use super::{Refusal, Result};

pub fn parse(text: &str) -> Result<Value> {
    toml_edit::de::from_str(text).map_err(|error| Refusal::Syntax("TOML", error.to_string()))
}

pub fn put(text: &str, key: &str, name: &str, entry: &Value) -> Result<String> {
    edit(text, |document| {
        let servers = document.entry(key).or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        });
        let is_inline = servers.is_value();
        let Some(servers) = servers.as_table_like_mut() else { return };
        match servers.get_mut(name).and_then(Item::as_table_like_mut) {
            Some(old) => set(old, entry),
            None => {
                let mut table = Table::new();
                set(&mut table, entry);
                let item =
                    if is_inline { value(table.into_inline_table()) } else { Item::Table(table) };
                servers.insert(name, item);
            }
        }
    })
}

pub fn remove(text: &str, key: &str, name: &str) -> Result<String> {
    edit(text, |document| {
        let Some(servers) = document.get_mut(key).and_then(Item::as_table_like_mut) else { return };
        servers.remove(name);
        if servers.is_empty() {
            document.remove(key);
        }
    })
}

fn edit(text: &str, change: impl FnOnce(&mut DocumentMut)) -> Result<String> {
    let is_windows = text.contains("\r\n");
    let unix = text.replace("\r\n", "\n");
    if is_windows && text.matches('\n').count() != text.matches("\r\n").count() {
        return Err(Refusal::Shape("its lines end in different ways".to_owned()));
    }
    let mut document: DocumentMut = unix
        .parse()
        .map_err(|error: toml_edit::TomlError| Refusal::Syntax("TOML", error.to_string()))?;
    change(&mut document);
    let after = document.to_string();
    Ok(if is_windows { after.replace('\n', "\r\n") } else { after })
}

/// Sets what differs: a string, a flag, a list of strings, or a table of strings.
fn set(table: &mut dyn TableLike, entry: &Value) {
    let fields = entry.as_object();
    let keys: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
    for key in keys.iter().filter(|key| !fields.is_some_and(|f| f.contains_key(*key))) {
        table.remove(key);
    }
    for (key, wanted) in fields.into_iter().flatten() {
        if wanted.is_object()
            && let Some(old) = table.get_mut(key).and_then(Item::as_table_like_mut)
        {
            set(old, wanted);
        } else if !table.get(key).is_some_and(|old| holds(old, wanted)) {
            table.insert(key, item(wanted));
        }
    }
}

fn holds(old: &Item, wanted: &Value) -> bool {
    match wanted {
        Value::String(text) => old.as_str() == Some(text),
        Value::Bool(flag) => old.as_bool() == Some(*flag),
        Value::Array(items) => old.as_array().is_some_and(|old| {
            old.iter().map(toml_edit::Value::as_str).eq(items.iter().map(Value::as_str))
        }),
        // What is no text is never ours, so it is there already.
        _ => !wanted.is_object(),
    }
}

fn item(wanted: &Value) -> Item {
    match wanted {
        Value::String(text) => value(text.as_str()),
        Value::Bool(flag) => value(*flag),
        Value::Array(items) => value(items.iter().filter_map(Value::as_str).collect::<Array>()),
        Value::Object(map) => {
            let pairs = map.iter().filter_map(|(key, text)| Some((key.as_str(), text.as_str()?)));
            Item::Table(pairs.collect::<InlineTable>().into_table())
        }
        Value::Null | Value::Number(_) => Item::None,
    }
}
