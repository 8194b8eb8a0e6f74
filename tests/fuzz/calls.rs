//! Calls of tools, and other requests, about given names. Arguments come from the tools' own
//! schemas: each argument of each tool, of the right type, of a wrong one, or "not given" in one
//! of its spellings.

use serde_json::{Map, Value, json};

use super::base::Names;
use super::random::Random;
use super::{sql, values};

/// How much of a call is as a model would send it.
#[derive(Clone, Copy)]
pub struct Care(pub usize);

impl Care {
    /// To reach the data.
    pub const GOOD: Self = Self(93);
    /// To find what arguments alone can do.
    pub const POOR: Self = Self(55);
}

const NOT_GIVEN: &[&str] =
    &["null", "\"\"", "[]", "{}", "\"null\"", "\"none\"", "\" \"", "[\"\"]", "[null]"];

/// Arguments for one of the tools.
pub fn call(random: &mut Random, tools: &[Value], names: &Names, care: Care) -> Value {
    let tool = random.pick(tools);
    json!({"name": tool["name"], "arguments": arguments(random, &tool["inputSchema"], names, care)})
}

fn arguments(random: &mut Random, schema: &Value, names: &Names, care: Care) -> Value {
    let mut given = Map::new();
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, about) in schema["properties"].as_object().into_iter().flatten() {
        let is_wanted = match name.as_str() {
            name if required.contains(&name) => random.chance(97),
            "project" | "run" | "metric" => random.chance(80),
            _ => random.chance(18),
        };
        if is_wanted {
            given.insert(name.clone(), argument(random, name, about, names, care));
        }
    }
    if random.chance(3) {
        given.insert(values::text(random), values::value(random, 2));
    }
    Value::Object(given)
}

fn argument(random: &mut Random, name: &str, about: &Value, names: &Names, care: Care) -> Value {
    // Longer waits are no hang.
    if name == "wait_seconds" {
        let waits = [
            json!(0),
            json!(0.2),
            json!(-1),
            json!("0.1"),
            json!(""),
            json!("none"),
            json!([]),
            json!(null),
        ];
        return random.pick(&waits).clone();
    }
    if random.chance(care.0) {
        return plausible(random, name, about, names);
    }
    match random.below(4) {
        0 => serde_json::from_str(&random.word(NOT_GIVEN)).unwrap_or_default(),
        1 => typed(random, about, names, Care::POOR),
        2 => json!(values::text(random)),
        _ => values::value(random, 3),
    }
}

/// A value as the name of the argument suggests.
fn plausible(random: &mut Random, name: &str, about: &Value, names: &Names) -> Value {
    let mut one_of = |list: &[String]| match list.is_empty() {
        true => values::text(random),
        false => random.pick(list).clone(),
    };
    let text = match name {
        "project" => one_of(&names.projects),
        "run" | "old_name" | "run_id" => one_of(&names.runs),
        "metric" | "train_metric" | "eval_metric" | "system_metric"
            if about["type"] == "string" =>
        {
            one_of(&names.metrics)
        }
        "runs" => return json!([one_of(&names.runs), one_of(&names.runs)]),
        "metrics" if about["type"] == "array" => {
            return json!([one_of(&names.metrics), one_of(&names.metrics)]);
        }
        "metric" => return json!([one_of(&names.metrics)]),
        "trace" => one_of(&names.traces),
        "name" => one_of(&names.artifacts),
        "config" => return json!({(one_of(&names.keys)): values::value(random, 1)}),
        "after" | "before" | "at_time" | "since" | "timestamp" => values::time(random),
        "group" if about["type"] == "string" => one_of(&names.keys),
        "order_by" => order(random, names),
        "where" => {
            return (0..random.between(1, 3)).map(|_| json!(condition(random, names))).collect();
        }
        "query" | "pattern" | "search" => {
            let all = [&names.runs, &names.keys, &names.metrics];
            let list = *random.pick(&all);
            if list.is_empty() { "run".to_owned() } else { random.pick(list).clone() }
        }
        "sql" => sql::statement(random),
        "path" => random.word(&["picture.png", "notes.md", "nothing.png", "../picture.png"]),
        "file" => random.word(&[
            "w.bin",
            "weights/w.bin",
            "x.txt",
            "o.txt",
            "f.txt",
            "table.csv",
            "table.jsonl",
            "nothing",
        ]),
        "version" => random.word(&["v0", "v1", "1", "latest", "best", "0", "v99"]),
        "level" => random.word(&["info", "warn", "error", "ERROR", "warning"]),
        "cursor" => format!("{}.{:08x}", random.below(40), random.next() as u32),
        "topic" => random.word(&["metrics", "curves", "find_runs", "analysis", "sql"]),
        _ => return typed(random, about, names, Care::GOOD),
    };
    json!(text)
}

/// A value of the type that the schema names.
fn typed(random: &mut Random, about: &Value, names: &Names, care: Care) -> Value {
    if let Some(choices) = about["enum"].as_array() {
        return random.pick(choices).clone();
    }
    match about["type"].as_str().unwrap_or_default() {
        "integer" | "number" => match random.below(4) {
            0 => json!(values::number(random)),
            1 => serde_json::from_str(&values::number(random)).unwrap_or(json!(0)),
            _ => json!(random.below(12)),
        },
        "boolean" => random.pick(&[json!(true), json!(false), json!("true"), json!(1)]).clone(),
        "array" => {
            (0..random.between(0, 3)).map(|_| typed(random, &about["items"], names, care)).collect()
        }
        "object" if about["properties"].is_object() => arguments(random, about, names, care),
        "object" => json!({(values::text(random)): values::value(random, 2), "loss": 0.5}),
        _ => json!(values::text(random)),
    }
}

fn order(random: &mut Random, names: &Names) -> String {
    let sign = random.word(&["", "-"]);
    format!("{sign}{}", field(random, names))
}

fn condition(random: &mut Random, names: &Names) -> String {
    let comparison = random.word(&["=", "!=", "<", "<=", ">", ">=", "~", " in ", "=="]);
    let value = if random.chance(50) { values::number(random) } else { values::text(random) };
    format!("{}{comparison}{value}", field(random, names))
}

fn field(random: &mut Random, names: &Names) -> String {
    let list = if random.chance(50) { &names.metrics } else { &names.keys };
    let name = if list.is_empty() { "loss".to_owned() } else { random.pick(list).clone() };
    match random.below(8) {
        0 => format!("config.{name}"),
        1 => format!("last({name})"),
        2 => format!("best(\"{name}\")"),
        3 => format!("min({name})"),
        4 => random.word(&[
            "name",
            "status",
            "group",
            "user",
            "created",
            "last_step",
            "id",
            "duration",
        ]),
        5 => name,
        6 => values::text(random),
        _ => format!("max({name})"),
    }
}

/// A request that is no tool call: resources, prompts, completion, lists.
pub fn other(random: &mut Random, names: &Names, care: Care) -> (&'static str, Value) {
    let mut name_of = |list: &[String]| match list.is_empty() || !random.chance(care.0) {
        true => values::text(random),
        false => random.pick(list).clone(),
    };
    let (project, run, metric) =
        (name_of(&names.projects), name_of(&names.runs), name_of(&names.metrics));
    match random.below(9) {
        0 => ("resources/list", json!({})),
        1 => ("resources/subscribe", json!({"uri": format!("trackio://{}", percent(&project))})),
        2..5 => {
            let raw = random.chance(10);
            let part = |text: &str| if raw { text.to_owned() } else { percent(text) };
            let (project, run, metric) = (part(&project), part(&run), part(&metric));
            let uri = match random.below(6) {
                0 => "trackio://projects".to_owned(),
                1 => format!("trackio://{project}"),
                2 => format!("trackio://{project}/{run}"),
                3 => format!("trackio://{project}/{run}/metrics/{metric}.csv"),
                4 => format!(
                    "trackio://{project}/{run}/system/{metric}.csv?from_row={}",
                    values::number(random)
                ),
                _ => format!("trackio://guide/{metric}"),
            };
            ("resources/read", json!({"uri": uri}))
        }
        5..7 => {
            let name = random.word(&["project", "run", "metric", "runs", "topic", "system_metric"]);
            let typed = if random.chance(40) {
                String::new()
            } else {
                run.chars().take(random.below(6)).collect()
            };
            let about = match random.chance(50) {
                true => json!({"type": "ref/prompt", "name": "compare_runs"}),
                false => {
                    json!({"type": "ref/resource", "uri": "trackio://{project}/{run}/metrics/{metric}.csv"})
                }
            };
            let context = json!({"arguments": {"project": project, "run": run}});
            let argument = json!({"name": name, "value": typed});
            ("completion/complete", json!({"ref": about, "argument": argument, "context": context}))
        }
        7 => {
            let prompts = [
                "check_training",
                "compare_runs",
                "find_best_run",
                "debug_run",
                "plan_next_run",
                "weekly_report",
                "audit_logging",
            ];
            let arguments = json!({"project": project, "run": run, "metric": metric});
            ("prompts/get", json!({"name": random.pick(&prompts), "arguments": arguments}))
        }
        _ => ("tools/list", json!({})),
    }
}

fn percent(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}
