//! Values that a schema allows and nobody expects: NULL in every column that may hold it, integers
//! and numbers at the ends of their ranges, in the data and in arguments.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::fs;

use rusqlite::Connection;
use serde_json::{Map, Value, json};
use support::{Fixture, Session, database};

/// A tool that reads, with the arguments that it needs for a project.
struct Call {
    tool: String,
    arguments: Value,
}

/// One call of every tool that can be asked about `project`; `known` are the other arguments.
fn calls(session: &mut Session, project: &str, known: &Value) -> Vec<Call> {
    let mut calls = Vec::new();
    for tool in session.tools() {
        let schema = &tool["inputSchema"];
        let needs = schema["required"].as_array().cloned().unwrap_or_default();
        let mut arguments = Map::new();
        let has = |name: &str| schema["properties"].get(name).is_some();
        for name in
            needs.iter().filter_map(Value::as_str).chain(has("project").then_some("project"))
        {
            let value = if name == "project" { json!(project) } else { known[name].clone() };
            arguments.insert(name.to_owned(), value);
        }
        if arguments.values().all(|value| !value.is_null()) {
            let tool = tool["name"].as_str().unwrap().to_owned();
            calls.push(Call { tool, arguments: arguments.into() });
        }
    }
    calls
}

fn validators(session: &mut Session) -> BTreeMap<String, jsonschema::Validator> {
    let of = |tool: &Value| {
        let schema = jsonschema::validator_for(tool.get("outputSchema")?).unwrap();
        Some((tool["name"].as_str()?.to_owned(), schema))
    };
    session.tools().iter().filter_map(of).collect()
}

/// The columns of the tables with rows that may be NULL.
fn nullable(db: &Connection) -> Vec<(String, String)> {
    let mut tables = db
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .unwrap();
    let tables: Vec<String> =
        tables.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut found = Vec::new();
    for table in tables {
        let filled: i64 =
            db.query_row(&format!("SELECT COUNT(*) FROM {table}"), (), |row| row.get(0)).unwrap();
        let mut columns = db
            .prepare("SELECT name FROM pragma_table_info(?1) WHERE \"notnull\" = 0 AND pk = 0")
            .unwrap();
        let columns = columns.query_map([&table], |row| row.get(0)).unwrap().map(Result::unwrap);
        found.extend(columns.filter(|_| filled > 0).map(|column| (table.clone(), column)));
    }
    found
}

#[test]
fn an_answer_keeps_its_schema_whatever_column_is_null() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for (version, project, name) in [
        ("0.43.0", "demo-main", "none-such"),
        ("0.43.0", "demo-traces", "none-such"),
        ("0.43.0", "art-proj", "shelf"),
        ("0.43.0", "registry-models", "Prod"),
        ("0.14.2", "main", "none-such"),
    ] {
        let fixture = Fixture::unpack(version);
        let path = fixture.dir.join(format!("{project}.db"));
        let columns = {
            let db = Connection::open(&path).unwrap();
            db.execute_batch("PRAGMA journal_mode = DELETE").unwrap();
            if name == "shelf" {
                db.execute_batch(
                    "INSERT INTO artifacts(id, name, type, description, created_at)
                         VALUES (90, 'shelf', 'dataset', 'd', '2026-01-02');
                     INSERT INTO artifact_versions(artifact_id, version, manifest_digest, manifest,
                         metadata, size_bytes, producer_run_id, producer_run_name, created_at)
                         VALUES (90, 0, 'd', '[]', '{}', 0, 'id', 'run', '2026-01-02')",
                )
                .unwrap();
            }
            nullable(&db)
        };
        let before = fs::read(&path).unwrap();
        let mut session = Session::start(&fixture.dir);
        let validators = validators(&mut session);
        let known = json!({"metric": "loss", "query": "run", "name": name});
        let calls = calls(&mut session, project, &known);
        for (table, column) in columns {
            let set = Connection::open(&path)
                .unwrap()
                .execute(&format!("UPDATE {table} SET {column} = NULL"), ());
            if set.is_err() {
                continue;
            }
            tried += 1;
            for Call { tool, arguments } in &calls {
                let answer = session.call(tool, arguments.clone());
                let what = format!("{version} {table}.{column} NULL, {tool} {arguments}");
                if answer.text.contains("hit a bug") {
                    wrong.push(format!("{what}: {}", answer.text));
                }
                if let (false, Some(schema)) = (answer.is_error, validators.get(tool)) {
                    wrong.extend(
                        schema
                            .iter_errors(&answer.structured)
                            .map(|error| format!("{what}: {error} at {}", error.instance_path())),
                    );
                }
            }
            fs::write(&path, &before).unwrap();
        }
    }
    assert!(tried > 20, "only {tried} columns");
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
}

/// Numbers at the ends of what integers and floats hold.
fn ends() -> Vec<Value> {
    let whole = [i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN + 1, 0, 1, -1].map(|n| json!(n));
    let others = [
        json!(u64::MAX),
        json!(9.3e18),
        json!(-9.3e18),
        json!(1e308),
        json!(-1e308),
        json!(5e-324),
        json!("9223372036854775808"),
        json!("-9223372036854775809"),
    ];
    whole.into_iter().chain(others).collect()
}

#[test]
fn no_number_however_large_is_a_bug() {
    let fixture = Fixture::empty();
    let db = database::project(&fixture.dir, "p");
    for (run, steps) in [
        ("low", [i64::MIN, i64::MIN + 1, i64::MIN + 2]),
        ("high", [i64::MAX - 2, i64::MAX - 1, i64::MAX]),
        ("both", [i64::MIN, 0, i64::MAX]),
    ] {
        for (index, step) in steps.into_iter().enumerate() {
            let metrics =
                json!({"loss": index as f64, "epoch": step, "big": 1e308, "small": -1e308});
            db.execute(
                "INSERT INTO metrics(run_id, timestamp, run_name, step, metrics)
                 VALUES (?1, '2026-01-01T00:00:00+00:00', ?1, ?2, ?3)",
                (run, step, metrics.to_string()),
            )
            .unwrap();
            db.execute(
                "INSERT INTO alerts(run_id, timestamp, run_name, title, text, level, step)
                 VALUES (?1, '2026-01-01T00:00:00+00:00', ?1, 't', 'x', 'warn', ?2)",
                (run, step),
            )
            .unwrap();
        }
        let config = json!({"lr": 1e308, "max_steps": i64::MAX, "epochs": i64::MIN}).to_string();
        db.execute(
            "INSERT INTO configs(run_id, run_name, config, created_at)
             VALUES (?1, ?1, ?2, '2026-01-01T00:00:00+00:00')",
            (run, config),
        )
        .unwrap();
    }
    drop(db);
    let mut session = Session::start(&fixture.dir);
    let mut wrong = Vec::new();
    let tools = session.tools();
    for run in ["low", "high", "both"] {
        let known = json!({"metric": "loss", "query": "low", "name": "a"});
        for Call { tool, mut arguments } in calls(&mut session, "p", &known) {
            let schema = tools.iter().find(|one| one["name"] == tool.as_str()).unwrap();
            let properties = schema["inputSchema"]["properties"].as_object().unwrap();
            match (properties.contains_key("run"), properties.contains_key("runs")) {
                (true, _) => arguments["run"] = json!(run),
                (_, true) if tool == "plot_metrics" => arguments["runs"] = json!([run]),
                _ => {}
            }
            let mut ask = |arguments: Value| {
                let answer = session.call(&tool, arguments.clone());
                if answer.text.contains("hit a bug") {
                    wrong.push(format!(
                        "{tool} {arguments}: {}\n{}",
                        answer.text,
                        session.stderr()
                    ));
                }
                answer
            };
            let first = ask(arguments.clone());
            let is_number =
                |property: &Value| matches!(property["type"].as_str(), Some("number" | "integer"));
            for (name, property) in properties {
                if !is_number(property) {
                    continue;
                }
                for value in ends() {
                    let mut given = arguments.clone();
                    given[name] = value.clone();
                    if name == "window" {
                        given["around_step"] = json!(i64::MAX);
                    }
                    ask(given.clone());
                    // A window around such a step, and a range from it on.
                    if name == "around_step" || name == "from_step" {
                        let other = if name == "from_step" { "to_step" } else { "window" };
                        given[other] = json!(i64::MAX);
                        ask(given);
                    }
                }
            }
            // A cursor far beyond the end.
            let mut given = arguments.clone();
            given["limit"] = json!(1);
            if !properties.contains_key("cursor") || first.is_error {
                continue;
            }
            let page = ask(given.clone());
            let Some(cursor) = page.facts()["next_cursor"].as_str().map(str::to_owned) else {
                continue;
            };
            if let Some((_, rest)) = cursor.split_once('.') {
                for offset in [usize::MAX, usize::MAX - 1, i64::MAX as usize] {
                    for end in [String::new(), format!(".{offset}"), format!(".{offset}-{offset}")]
                    {
                        given["cursor"] = json!(format!("{offset}.{rest}{end}"));
                        ask(given.clone());
                    }
                }
            }
        }
    }
    for uri in [
        format!("trackio://p/low/metrics/loss.csv?from_row={}", u64::MAX),
        format!("trackio://p/low/metrics/loss.csv?from_row={}", i64::MAX),
    ] {
        let answer = session.request("resources/read", json!({"uri": uri})).to_string();
        if answer.contains("hit a bug") {
            wrong.push(format!("{uri}: {answer}"));
        }
    }
    for runs in [u64::MAX, i64::MAX as u64] {
        let answer = session.request("resources/list", json!({"cursor": format!("{runs}.p")}));
        if answer.to_string().contains("hit a bug") {
            wrong.push(format!("{runs}: {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
}
