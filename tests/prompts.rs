//! Prompts: what clients list, and plans that work when they are followed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use support::{Fixture, LEGACY, Session};

const NAMES: [&str; 7] = [
    "check_training",
    "compare_runs",
    "find_best_run",
    "debug_run",
    "plan_next_run",
    "weekly_report",
    "audit_logging",
];

fn listed(session: &mut Session) -> Vec<Value> {
    session.request("prompts/list", json!({}))["result"]["prompts"].as_array().unwrap().clone()
}

fn text(session: &mut Session, name: &str, arguments: Value) -> String {
    let answer = session.request("prompts/get", json!({"name": name, "arguments": arguments}));
    let message = &answer["result"]["messages"][0];
    assert_eq!(message["role"], "user", "{answer}");
    message["content"]["text"].as_str().unwrap().to_owned()
}

#[test]
fn every_prompt_is_listed_with_optional_arguments() {
    let fixture = Fixture::empty();
    let mut session = Session::start(&fixture.dir);
    let prompts = listed(&mut session);
    let names: Vec<&str> = prompts.iter().map(|prompt| prompt["name"].as_str().unwrap()).collect();
    assert_eq!(names, NAMES);
    for prompt in &prompts {
        assert!(prompt["title"].is_string() && prompt["description"].is_string(), "{prompt}");
        for argument in prompt["arguments"].as_array().unwrap() {
            assert_eq!(argument["required"], false, "{prompt}");
            assert!(argument["description"].is_string(), "{prompt}");
        }
        let plan = text(&mut session, prompt["name"].as_str().unwrap(), json!({}));
        assert!(plan.len() < 4_000, "{} bytes", plan.len());
    }
}

/// The value that somebody who follows the plan puts for a placeholder.
fn followed(name: &str, value: &Value) -> Value {
    if !value.to_string().contains('<') {
        return value.clone();
    }
    match name {
        "project" => json!("demo-main"),
        "run" => json!("baseline"),
        "runs" => json!(["baseline", "resumed"]),
        "around_step" => json!(3),
        "config" => json!({"lr": 0.1}),
        "order_by" => json!("best(train/loss)"),
        other => panic!("teach this test what {other} is: {value}"),
    }
}

#[test]
fn every_plan_can_be_followed() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let mut calls = 0;
    for prompt in listed(&mut session) {
        let name = prompt["name"].as_str().unwrap();
        let takes = |name: &str| {
            prompt["arguments"].as_array().unwrap().iter().any(|argument| argument["name"] == name)
        };
        let filled = [("project", "demo-main"), ("run", "baseline"), ("metric", "loss")];
        let filled: serde_json::Map<String, Value> = filled
            .into_iter()
            .filter(|(name, _)| takes(name))
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        for arguments in [json!({}), json!({"project": "demo-main"}), Value::Object(filled)] {
            let plan = text(&mut session, name, arguments);
            for line in plan.lines() {
                let Some((number, step)) = line.split_once(". ") else { continue };
                let Some((tool, rest)) = step.split_once(' ') else { continue };
                if number.parse::<u8>().is_err() {
                    continue;
                }
                let mut read = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
                let arguments = read.next().expect("arguments").expect(line);
                let arguments: Value = arguments
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(name, value)| (name.clone(), followed(name, value)))
                    .collect::<serde_json::Map<_, _>>()
                    .into();
                let answer = session.call(tool, arguments.clone());
                // A fixture has no sweep; all else must be answered.
                let lacks = tool == "analyze_sweep" && answer.text.contains("config");
                assert!(!answer.is_error || lacks, "{name}: {line}\n{arguments}: {}", answer.text);
                calls += 1;
            }
        }
    }
    assert!(calls > 40, "only {calls} calls were found in the plans");
}

#[test]
fn what_was_filled_in_is_used() {
    let fixture = Fixture::empty();
    let mut session = Session::start(&fixture.dir);
    let plan = text(&mut session, "debug_run", json!({"project": "my \"p\"", "run": "a/b"}));
    assert!(plan.contains(r#"{"project":"my \"p\"","run":"a/b"}"#), "{plan}");
    let plan =
        text(&mut session, "compare_runs", json!({"runs": "a, b", "metric": "", "project": "  "}));
    assert!(plan.contains(r#""runs":["a","b"]"#) && !plan.contains("metrics\":"), "{plan}");
    let plan = text(&mut session, "weekly_report", json!({"days": "30"}));
    assert!(plan.contains("the last 30 days"), "{plan}");
}

#[test]
fn mistakes_teach() {
    let fixture = Fixture::empty();
    let mut session = Session::start(&fixture.dir);
    let long = "x".repeat(100_000);
    let cases = [
        (json!({"name": "chek_training"}), "check_training"),
        (json!({"name": "check_training", "arguments": {"rnu": "x"}}), "`run`"),
        (json!({"name": "check_training", "arguments": {"run": long}}), "letters"),
    ];
    for (asked, taught) in cases {
        let answer = session.request("prompts/get", asked);
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(taught) && message.len() < 2_000, "{message}");
    }
}

#[test]
fn prompts_follow_the_toolsets() {
    let fixture = Fixture::empty();
    let dir = fixture.dir.to_str().unwrap();
    let mut session = Session::spawn(["--dir", dir, "--toolsets", "runs,analysis"], |_| {});
    session.handshake(LEGACY);
    let prompts = listed(&mut session);
    let names: Vec<&str> = prompts.iter().map(|prompt| prompt["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["check_training"]);
}
