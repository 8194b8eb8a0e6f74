//! What must hold for every case, whatever it is made of.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::case::{Case, Mode};
use super::server::{self, MOST_MEMORY_KB, Outcome};
use super::text;
use super::tree::fingerprint;

/// What was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    Hang,
    Memory,
    Reply,
    Written,
    Text,
    Bug,
    Schema,
}

impl Invariant {
    pub fn name(self) -> &'static str {
        match self {
            Self::Hang => "hang",
            Self::Memory => "memory",
            Self::Reply => "reply",
            Self::Written => "written",
            Self::Text => "text",
            Self::Bug => "bug",
            Self::Schema => "schema",
        }
    }
}

/// One thing that was broken: `cause` is the same for findings that are likely one fault.
pub struct Problem {
    pub invariant: Invariant,
    pub cause: String,
    pub detail: String,
}

/// What the structured answers of each tool look like, as the server lists it.
pub struct Tools(BTreeMap<String, Option<jsonschema::Validator>>);

impl Tools {
    pub fn of(definitions: &[Value]) -> Self {
        let schema = |tool: &Value| {
            tool.get("outputSchema").map(|schema| jsonschema::validator_for(schema).unwrap())
        };
        let schemas = definitions
            .iter()
            .filter_map(|tool| Some((tool["name"].as_str()?.to_owned(), schema(tool))))
            .collect();
        Self(schemas)
    }

    fn schema(&self, name: &str) -> Option<&jsonschema::Validator> {
        self.0.get(name)?.as_ref()
    }
}

/// The beginning of a picture; nobody reads more.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Runs a case in a directory of its own; everything that was broken.
pub fn check(binary: &Path, tools: &Tools, case: &Case, with_schemas: bool) -> Vec<Problem> {
    let temp = tempfile::tempdir().unwrap();
    let home = temp.path();
    for name in ["user", "temporary", "work"] {
        fs::create_dir(home.join(name)).unwrap();
    }
    case.tree.write(&home.join("trackio"));
    fs::write(home.join("work/picture.png"), PICTURE).unwrap();
    fs::write(home.join("work/notes.md"), "# Notes").unwrap();
    let watched: &[&str] = match case.mode {
        Mode::Read => &["trackio", "user", "work"],
        Mode::Write | Mode::WriteToInbox => &["work"],
    };
    let watched: Vec<PathBuf> = watched.iter().map(|name| home.join(name)).collect();
    let before: Vec<_> = watched.iter().map(|dir| fingerprint(dir)).collect();
    let outcome = server::ask(binary, home, &case.lines, case.mode);
    let mut problems = Problems::default();
    for (dir, before) in watched.iter().zip(before) {
        for path in differences(&before, &fingerprint(dir)) {
            let kind = path.file_name().unwrap_or_default().to_string_lossy();
            let kind = kind.rsplit_once('.').map_or("a directory", |(_, kind)| kind).to_owned();
            problems.add(Invariant::Written, kind, path.display().to_string());
        }
    }
    for (path, _) in
        differences(&BTreeMap::new(), &fingerprint(&home.join("temporary"))).iter().zip([()])
    {
        if !path.as_os_str().is_empty() {
            problems.add(
                Invariant::Written,
                "left in the temporary directory",
                path.display().to_string(),
            );
        }
    }
    look(&mut problems, tools, case, outcome, with_schemas);
    problems.0
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, invariant: Invariant, cause: impl Into<String>, detail: impl Into<String>) {
        let problem = Problem { invariant, cause: cause.into(), detail: detail.into() };
        // One of a kind is enough for a case.
        if !self.0.iter().any(|known| known.invariant == invariant && known.cause == problem.cause)
        {
            self.0.push(problem);
        }
    }
}

fn look(problems: &mut Problems, tools: &Tools, case: &Case, outcome: Outcome, with_schemas: bool) {
    if let Some(hang) = &outcome.hangs {
        problems.add(Invariant::Hang, hang, "");
    }
    if outcome.peak_kb > MOST_MEMORY_KB {
        problems.add(Invariant::Memory, "", format!("{} MB", outcome.peak_kb >> 10));
    }
    if let Some(status) = &outcome.ended_badly {
        problems.add(
            Invariant::Bug,
            format!("the process ended: {status}"),
            outcome.stderr.clone(),
        );
    }
    if let Some(panic) = outcome.stderr.lines().find(|line| line.contains("panicked at")) {
        let place = panic.rsplit("panicked at").next().unwrap_or_default().trim();
        problems.add(Invariant::Bug, format!("panicked at {place}"), outcome.stderr.clone());
    }
    for (why, line) in &outcome.unreadable {
        problems.add(Invariant::Reply, *why, line);
    }
    for line in &outcome.unanswered {
        let line = &case.lines[*line];
        problems.add(
            Invariant::Reply,
            format!("no answer to {}", what(line)),
            String::from_utf8_lossy(line),
        );
    }
    for answer in &outcome.unasked {
        let code = &answer["error"]["code"];
        problems.add(
            Invariant::Reply,
            format!("an answer to nothing, error {code}"),
            answer.to_string(),
        );
    }
    for (line, answer) in &outcome.answers {
        let line = line.and_then(|line| case.lines.get(line));
        look_at(problems, tools, line.map(Vec::as_slice), answer, with_schemas);
    }
}

/// One message of the server.
fn look_at(
    problems: &mut Problems,
    tools: &Tools,
    line: Option<&[u8]>,
    answer: &Value,
    with_schemas: bool,
) {
    let messages = answer.as_array().cloned().unwrap_or_else(|| vec![answer.clone()]);
    for message in messages {
        let shown = line.map(|line| brief(&String::from_utf8_lossy(line))).unwrap_or_default();
        let detail = format!("{shown} -> {}", brief(&message.to_string()));
        if let Some(what) = wrong_envelope(&message) {
            problems.add(Invariant::Reply, what, &detail);
            continue;
        }
        let asked: Value =
            line.and_then(|line| serde_json::from_slice(line).ok()).unwrap_or(Value::Null);
        for (place, text) in texts(&asked, &message) {
            if let Some(c) = text::unescaped(text) {
                problems.add(
                    Invariant::Text,
                    format!("in {place}"),
                    format!("U+{:04X}: {detail}", u32::from(c)),
                );
            }
            if text.contains("hit a bug") || text.contains("this is a bug") {
                problems.add(Invariant::Bug, format!("hit a bug in {place}"), &detail);
            }
        }
        let result = &message["result"];
        let name = asked["params"]["name"].as_str().unwrap_or_default();
        if asked["method"] != "tools/call"
            || result.is_null()
            || result.get("resultType").is_some_and(|kind| kind != "complete")
        {
            continue;
        }
        match result.get("structuredContent") {
            _ if result["isError"] == true => {}
            Some(structured @ Value::Object(_)) => {
                if with_schemas
                    && let Some(schema) = tools.schema(name)
                    && let Err(error) = schema.validate(structured)
                {
                    let (place, rule) =
                        (error.instance_path().to_string(), error.schema_path().to_string());
                    let place: Vec<&str> =
                        place.split('/').filter(|part| part.parse::<u64>().is_err()).collect();
                    let cause = format!("{name}: {} ({rule})", place.join("/"));
                    problems.add(Invariant::Schema, cause, format!("{error}; {detail}"));
                }
            }
            Some(_) => problems.add(Invariant::Reply, "structured content is no object", &detail),
            None if tools.schema(name).is_some() => {
                problems.add(Invariant::Reply, "neither isError nor structuredContent", &detail);
            }
            None => {}
        }
        let content = result["content"].as_array();
        if content.is_none_or(Vec::is_empty) {
            problems.add(Invariant::Reply, "no content", &detail);
        }
    }
}

/// What is wrong with a message as JSON-RPC.
fn wrong_envelope(message: &Value) -> Option<&'static str> {
    let fields: &Map<String, Value> = match message {
        Value::Object(fields) => fields,
        _ => return Some("a message is no object"),
    };
    if message["jsonrpc"] != "2.0" {
        return Some("not JSON-RPC 2.0");
    }
    if fields.contains_key("method") {
        return None;
    }
    if !fields.contains_key("id") {
        return Some("an answer without an id");
    }
    match (fields.get("result"), fields.get("error")) {
        (Some(Value::Object(_)), None) => None,
        (None, Some(error)) if error["code"].is_i64() && error["message"].is_string() => None,
        _ => Some("neither a result nor an error"),
    }
}

/// The texts of an answer that a model or a person reads as text, and where they are.
fn texts<'a>(asked: &Value, message: &'a Value) -> Vec<(String, &'a str)> {
    let result = &message["result"];
    let kind = if message.get("error").is_some() || result["isError"] == true {
        "an error"
    } else {
        "an answer"
    };
    // A tool's own name only where it is one: what a client made up is no place.
    let place = match (asked["method"].as_str(), asked["params"]["name"].as_str()) {
        (Some("tools/call"), Some(name)) if result["isError"] == false => {
            format!("{kind} of {name}")
        }
        (Some(method), _) if method.contains('/') => {
            format!("{kind} to {}", method.chars().take(30).collect::<String>())
        }
        _ => kind.to_owned(),
    };
    let mut found: Vec<&str> = message["error"]["message"].as_str().into_iter().collect();
    let items = |name: &str| result[name].as_array().into_iter().flatten();
    found.extend(items("content").filter_map(|block| block["text"].as_str()));
    found.extend(items("messages").filter_map(|prompt| prompt["content"]["text"].as_str()));
    for resource in items("resources").chain(items("content")) {
        found.extend(
            ["name", "title", "description"].iter().filter_map(|key| resource[*key].as_str()),
        );
    }
    // A table is data.
    let is_text = |part: &&Value| part["mimeType"] != "text/csv";
    found.extend(items("contents").filter(is_text).filter_map(|part| part["text"].as_str()));
    let completions = result["completion"]["values"].as_array().into_iter().flatten();
    found.extend(completions.filter_map(Value::as_str));
    found.into_iter().map(|text| (place.clone(), text)).collect()
}

/// What kind of line it is, for the name of a cause.
fn what(line: &[u8]) -> String {
    match serde_json::from_slice::<Value>(line) {
        Ok(message) if message.is_object() => {
            let method = message["method"].as_str().unwrap_or("no method");
            let tool =
                if method == "tools/call" { message["params"]["name"].as_str() } else { None };
            let shown: String = tool.unwrap_or(method).chars().take(30).collect();
            let is_plain = message["params"].is_object() && message["jsonrpc"] == "2.0";
            if is_plain { shown } else { format!("{shown}, odd") }
        }
        Ok(_) => "JSON that is no object".to_owned(),
        Err(error) => format!("a broken line ({:?})", error.classify()),
    }
}

fn differences<K: Ord + Clone, V: PartialEq>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
) -> Vec<K> {
    let changed =
        before.iter().filter(|(key, value)| after.get(key) != Some(value)).map(|(key, _)| key);
    let new = after.keys().filter(|key| !before.contains_key(key));
    changed.chain(new).cloned().collect()
}

fn brief(text: &str) -> String {
    let mut brief: String = text.chars().take(1_500).collect();
    if brief.len() < text.len() {
        brief.push('…');
    }
    brief
}
