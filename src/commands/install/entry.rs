//! A server's entry: what a client starts, in the form that the client reads.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What a client starts.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// What is added to its environment.
    pub env: Vec<(String, String)>,
}

/// How a client writes an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `command`, `args`, `env`.
    Usual,
    /// The same with a `type` before it.
    Typed(&'static str),
    /// The same with `type: local` and the tools that are allowed.
    Copilot,
    /// `type: local`, one list as `command`, `environment`.
    OpenCode,
    /// `cmd`, `envs` and what else Goose wants of an extension.
    Goose,
}

/// The order of variables does not matter.
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        let sorted = |entry: &Self| BTreeMap::from_iter(entry.env.clone());
        self.command == other.command && self.args == other.args && sorted(self) == sorted(other)
    }
}

impl Entry {
    /// In the form of a client.
    pub fn value(&self, shape: Shape, name: &str) -> Value {
        let Self { command, args, .. } = self;
        let env: Map<String, Value> = self
            .env
            .iter()
            .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
            .collect();
        let (mut value, env_key) = match shape {
            Shape::Usual => (json!({"command": command, "args": args}), "env"),
            Shape::Typed(kind) => (json!({"type": kind, "command": command, "args": args}), "env"),
            Shape::Copilot => {
                (json!({"type": "local", "command": command, "args": args, "tools": ["*"]}), "env")
            }
            Shape::OpenCode => {
                let words: Vec<&String> = std::iter::once(command).chain(args).collect();
                (json!({"type": "local", "command": words, "enabled": true}), "environment")
            }
            Shape::Goose => {
                let entry = json!({
                    "name": name, "type": "stdio", "cmd": command, "args": args,
                    "enabled": true, "timeout": 300,
                });
                (entry, "envs")
            }
        };
        if let Value::Object(fields) = &mut value
            && !env.is_empty()
        {
            fields.insert(env_key.to_owned(), Value::Object(env));
        }
        value
    }

    /// What an entry of any client starts; `None` where it starts nothing, but connects.
    pub fn of(value: &Value) -> Option<Self> {
        // Cline's command line keeps it one level deeper.
        let value = value.get("transport").filter(|inner| inner.is_object()).unwrap_or(value);
        let (command, mut args) = match value.get("command").or_else(|| value.get("cmd"))? {
            Value::String(command) => (command.clone(), Vec::new()),
            Value::Array(words) => {
                let mut words = strings(words);
                if words.is_empty() {
                    return None;
                }
                (words.remove(0), words)
            }
            _ => return None,
        };
        args.extend(
            value.get("args").and_then(Value::as_array).map(|a| strings(a)).unwrap_or_default(),
        );
        let env =
            ["env", "environment", "envs"].into_iter().find_map(|key| value.get(key)?.as_object());
        let env = env.into_iter().flatten().map(|(key, value)| {
            (key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        });
        Some(Self { command, args, env: env.collect() })
    }

    /// Whether it starts mcp-trackio, by itself or through another program.
    pub fn is_ours(&self) -> bool {
        is_program(&self.command) || self.args.iter().any(|word| is_program(word))
    }

    /// The arguments that reach mcp-trackio: those after its own name.
    pub fn server_args(&self) -> &[String] {
        let own = self.args.iter().position(|word| is_program(word)).map_or(0, |at| at + 1);
        self.args.get(own..).unwrap_or_default()
    }

    /// The command and its arguments.
    pub fn words(&self) -> Vec<&str> {
        std::iter::once(&self.command).chain(&self.args).map(String::as_str).collect()
    }
}

/// An older entry with the new one's fields: what the user added to it stays, variables too.
pub fn merged(old: &Value, new: Value) -> Value {
    let (Value::Object(old), Value::Object(fields)) = (old, &new) else { return new };
    let mut merged = old.clone();
    for (key, value) in fields {
        match (merged.get_mut(key), value) {
            (Some(Value::Object(kept)), Value::Object(added)) => {
                kept.extend(added.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            _ => {
                merged.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(merged)
}

/// `mcp-trackio`, a path to it, or a version of it: `mcp-trackio@0.1.0`.
fn is_program(word: &str) -> bool {
    let file = word.rsplit(['/', '\\']).next().unwrap_or(word);
    let name = file.split(['@', '=', '[']).next().unwrap_or(file);
    name == "mcp-trackio" || name == "mcp-trackio.exe"
}

fn strings(values: &[Value]) -> Vec<String> {
    values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}
