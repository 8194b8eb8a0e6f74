//! `null`, `""`, `[]`, `{}`, `"null"` and `"none"`: what models send for an argument that they do
//! not mean to give is answered as if it had not been sent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use support::{Fixture, Session, database};

/// An answer without what depends on the time of the call, and without its notes.
fn facts(session: &mut Session, tool: &str, arguments: &Map<String, Value>) -> String {
    let mut answer = session.call(tool, Value::Object(arguments.clone()));
    if let Some(fields) = answer.structured.as_object_mut() {
        fields.remove("notes");
        fields.remove("next_cursor");
    }
    let text: Vec<&str> = answer.text.lines().filter(|line| !line.starts_with("Note: ")).collect();
    match answer.structured.is_null() {
        true => format!("{} {}", answer.is_error, text.join("\n")),
        false => format!("{} {}", answer.is_error, answer.structured),
    }
}

#[test]
fn every_spelling_of_no_value_is_answered_as_no_argument_in_every_tool() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let needed: BTreeMap<&str, Value> = BTreeMap::from([
        ("project", json!("demo-main")),
        ("metric", json!("loss")),
        ("query", json!("baseline")),
        ("name", json!("demo-model")),
    ]);
    let mut wrong = Vec::new();
    for tool in session.tools() {
        let name = tool["name"].as_str().unwrap();
        let schema = &tool["inputSchema"];
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let base: Map<String, Value> = required
            .iter()
            .filter_map(Value::as_str)
            .map(|name| (name.to_owned(), needed[name].clone()))
            .collect();
        let without = facts(&mut session, name, &base);
        let arguments: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        let (needed, optional): (Vec<&String>, Vec<&String>) =
            arguments.into_iter().partition(|argument| base.contains_key(*argument));
        let blanks = [json!(null), json!(""), json!([]), json!({}), json!("null")];
        // All optional arguments at once; by argument, the library's own test tries them. What may
        // be a name is looked up, so each alone.
        let mut givens: Vec<Map<String, Value>> = Vec::new();
        for value in &blanks {
            let all = optional.iter().map(|argument| ((*argument).clone(), value.clone()));
            givens.push(base.clone().into_iter().chain(all).collect());
        }
        for argument in optional {
            let mut given = base.clone();
            given.insert(argument.clone(), json!("None"));
            givens.push(given);
        }
        for given in givens {
            if facts(&mut session, name, &given) != without {
                let answer = session.call(name, Value::Object(given.clone()));
                wrong.push(format!("{name} {given:?}: {}", answer.text));
            }
        }
        for argument in needed {
            for value in &blanks {
                let mut given = base.clone();
                given.insert(argument.clone(), value.clone());
                let answer = session.call(name, Value::Object(given));
                let needs = format!("{name} needs the argument `{argument}`");
                if !(answer.is_error && answer.text.contains(&needs)) {
                    wrong.push(format!("{name} {argument}: {value}: {}", answer.text));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_is_really_called_none_is_found_and_the_rest_is_noted() {
    let fixture = Fixture::empty();
    let db = database::project(&fixture.dir, "p");
    database::log_metric(&db, "id-none", "none", "none", 0..3);
    database::log_metric(&db, "id-b", "b", "loss", 0..3);
    drop(db);
    let mut session = Session::start(&fixture.dir);
    let found = session.call("get_run_summary", json!({"project": "p", "run": "none"})).ok();
    assert_eq!(found.structured["run_id"], "id-none");
    let asked = json!({"project": "p", "run": "none", "metric": "none"});
    let found = session.call("get_metric_values", asked).ok();
    assert_eq!(found.structured["run_id"], "id-none", "{}", found.text);
    // No group is called none.
    let found = session.call("get_runs_for_project", json!({"project": "p", "group": "none"})).ok();
    assert_eq!(found.structured["total"], 2, "{}", found.text);
    assert!(found.text.contains("Note: `group` was taken as not given"), "{}", found.text);
    let newest = session.call("get_run_summary", json!({"run": "undefined"})).ok();
    assert!(newest.text.contains("Note: `run` was taken as not given"), "{}", newest.text);
}

#[test]
fn a_field_of_a_written_row_that_is_no_value_is_left_out_or_missing() {
    let fixture = Fixture::empty();
    drop(database::project(&fixture.dir, "p"));
    let dir = fixture.dir.as_os_str();
    let mut session = Session::spawn(["--dir".as_ref(), dir, "--allow-writes".as_ref()], |_| {});
    session.handshake(support::LEGACY);
    let row = json!({"project": "p", "run": "r", "metrics": {"loss": 1}, "step": "none",
        "config": {}, "timestamp": "", "log_id": "null", "run_id": "none"});
    session.call("bulk_log", json!({"entries": [row]})).ok();
    let listed = session.call("get_runs_for_project", json!({"project": "p"})).ok();
    let run = &listed.structured["runs"][0];
    assert_eq!((&run["name"], &run["last_step"]), (&json!("r"), &json!(0)), "{}", listed.text);
    assert_ne!(run["id"], "none");
    for field in ["project", "run", "metrics"] {
        for value in [json!(""), json!("null"), json!({}), json!([])] {
            let mut row = json!({"project": "p", "run": "r", "metrics": {"loss": 1}});
            let is_empty_object = value == json!({}) && field == "metrics";
            row[field] = value;
            let words = session.call("bulk_log", json!({"entries": [row]})).failure();
            let expected = match is_empty_object {
                true => "`metrics` is empty".to_owned(),
                false => format!("`{field}` in `entries[0]`"),
            };
            assert!(words.contains(&expected), "{words}");
        }
    }
    let listed = session.call("get_all_projects", json!({})).ok();
    assert_eq!(listed.structured["projects"], json!(["p"]));
}
