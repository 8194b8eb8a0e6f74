//! The formats of the clients' files, and how a server's entry is put in and taken out.
//!
//! Comments, order and everything else stay as they are. No edit is trusted: what comes out is
//! parsed again, and has to hold what the file held before and the entry, and nothing else.

mod json;
#[cfg(test)]
mod tests;
mod toml;
mod yaml;

use serde_json::{Map, Value, json};

use super::client::Leniency;
use super::file::ConfigFile;

/// How a client writes its configuration, and how the servers stand under their key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON, with comments and trailing commas where the client allows them: a map by name.
    Json,
    /// TOML: a table by name.
    Toml,
    /// YAML: a list of servers that each have a `name`.
    YamlList,
    /// YAML: a map by name.
    YamlMap,
}

/// Why a file is left as it is.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It cannot be parsed.
    #[error("it is not valid {0}: {1}")]
    Syntax(&'static str, String),
    /// It parses, and holds something else than what the client reads.
    #[error("{0}")]
    Shape(String),
    /// The edit would change more than the entry.
    #[error("the entry cannot be written without changing more than itself")]
    Entangled,
}

/// What an edit gives.
pub type Result<T> = std::result::Result<T, Refusal>;

impl Format {
    /// The language of a fenced block.
    pub fn language(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Toml => "toml",
            Self::YamlList | Self::YamlMap => "yaml",
        }
    }

    /// The whole file; one that is empty holds nothing.
    pub fn parse(self, text: &str) -> Result<Map<String, Value>> {
        let value = match self {
            Self::Json => json::parse(text)?,
            Self::Toml => toml::parse(text)?,
            Self::YamlList | Self::YamlMap => yaml::parse(text)?,
        };
        match value {
            Value::Object(map) => Ok(map),
            Value::Null => Ok(Map::new()),
            _ => Err(Refusal::Shape("it does not hold a map of settings".to_owned())),
        }
    }

    /// Why a client that reads no more than that refuses a file, although it can be parsed here.
    pub fn fault(self, file: &ConfigFile, key: &str, reads: Leniency) -> Option<String> {
        if file.has_mark() && !reads.mark {
            return Some("it begins with a byte order mark (BOM); save it as UTF-8 without".into());
        }
        match self {
            Self::Json => json::fault(file.body(), key, reads),
            Self::Toml | Self::YamlList | Self::YamlMap => None,
        }
    }

    /// The servers under `key`, each with its name.
    pub fn servers(self, text: &str, key: &str) -> Result<Vec<(String, Value)>> {
        let map = self.parse(text)?;
        match (self, map.get(key)) {
            (_, None | Some(Value::Null)) => Ok(Vec::new()),
            (Self::YamlList, Some(Value::Array(items))) => {
                Ok(items.iter().map(|item| (name_of(item).to_owned(), item.clone())).collect())
            }
            (Self::YamlList, Some(_)) => Err(Refusal::Shape(format!(
                "`{key}` is not a list; this client wants one, with a `name` in each entry"
            ))),
            (_, Some(Value::Object(servers))) => {
                Ok(servers.iter().map(|(name, entry)| (name.clone(), entry.clone())).collect())
            }
            _ => Err(Refusal::Shape(format!("`{key}` is not a map of servers"))),
        }
    }

    /// The text with the entry under `key` and `name`, in place of an older one.
    pub fn put(self, text: &str, key: &str, name: &str, entry: &Value) -> Result<String> {
        // A file of Continue's is not one without its head.
        let is_blank = text.trim().is_empty() && self == Self::YamlList;
        let text = if is_blank { yaml::HEAD } else { text };
        let mut expected = self.parse(text)?;
        let is_new = self.servers(text, key)?.iter().all(|(known, _)| known != name);
        let after = match self {
            Self::Json => json::put(text, key, name, entry)?,
            Self::Toml => toml::put(text, key, name, entry)?,
            Self::YamlList => yaml::put(text, key, name, entry)?,
            Self::YamlMap => return Err(Refusal::Entangled),
        };
        if is_new && !holds_all_of(&after, text) {
            return Err(Refusal::Entangled);
        }
        let servers = expected.entry(key).or_insert(Value::Null);
        match self {
            Self::YamlList => set_in_list(servers, name, entry),
            _ => set_in_map(servers, name, entry),
        }
        self.checked(after, &expected)
    }

    /// The text without the entry, and without `key` where nothing is left under it.
    pub fn remove(self, text: &str, key: &str, name: &str) -> Result<String> {
        let mut expected = self.parse(text)?;
        let after = match self {
            Self::Json => json::remove(text, key, name)?,
            Self::Toml => toml::remove(text, key, name)?,
            Self::YamlList => yaml::remove(text, key, name)?,
            Self::YamlMap => return Err(Refusal::Entangled),
        };
        let is_empty = match expected.get_mut(key) {
            Some(Value::Array(items)) => {
                items.retain(|item| name_of(item) != name);
                items.is_empty()
            }
            Some(Value::Object(servers)) => {
                servers.shift_remove(name);
                servers.is_empty()
            }
            _ => false,
        };
        if is_empty {
            expected.shift_remove(key);
        }
        self.checked(after, &expected)
    }

    /// What to write into a file that has nothing else.
    pub fn snippet(self, key: &str, name: &str, entry: &Value) -> Result<String> {
        match self {
            Self::YamlList => Ok(format!("{key}:\n{}", yaml::item("  ", name, entry))),
            Self::YamlMap => Ok(yaml::map(&json!({key: {name: entry}}))),
            _ => self.put("", key, name, entry),
        }
    }

    fn checked(self, after: String, expected: &Map<String, Value>) -> Result<String> {
        match self.parse(&after) {
            Ok(map) if map == *expected => Ok(after),
            _ => Err(Refusal::Entangled),
        }
    }
}

/// Whether a text holds every letter of another, in their order, comments too.
fn holds_all_of(after: &str, before: &str) -> bool {
    let mut letters = after.chars();
    before.chars().filter(|c| !c.is_whitespace()).all(|c| letters.any(|found| found == c))
}

fn name_of(item: &Value) -> &str {
    item.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn set_in_map(servers: &mut Value, name: &str, entry: &Value) {
    if servers.is_null() {
        *servers = json!({});
    }
    if let Value::Object(servers) = servers {
        servers.insert(name.to_owned(), entry.clone());
    }
}

fn set_in_list(servers: &mut Value, name: &str, entry: &Value) {
    if servers.is_null() {
        *servers = json!([]);
    }
    let mut item = Map::from_iter([("name".to_owned(), Value::from(name))]);
    item.extend(entry.as_object().cloned().unwrap_or_default());
    if let Value::Array(items) = servers {
        match items.iter_mut().find(|item| name_of(item) == name) {
            Some(old) => *old = Value::Object(item),
            None => items.push(Value::Object(item)),
        }
    }
}
