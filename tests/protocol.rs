//! The protocol as clients speak it: raw JSON lines to the real binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{Fixture, LEGACY, PATIENCE, Session, sample_calls};

/// "At once": far below the seconds after which clients give a server up.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A query that never ends by itself.
const ENDLESS: &str =
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT count(*) FROM c";

const WRITE_TOOLS: [&str; 8] = [
    "bulk_log",
    "bulk_log_system",
    "bulk_alert",
    "bulk_upload_media",
    "rename_run",
    "delete_run",
    "trigger_sync",
    "upload_db_to_space",
];

/// The parameters of a request of the stateless protocol.
fn stateless(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "black-box tests", "version": "1"},
    });
    params
}

#[test]
fn every_legacy_version_is_negotiated() {
    let fixture = Fixture::empty();
    let cases = [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ];
    for (asked, spoken) in cases {
        let mut session = Session::silent(&fixture.dir);
        let result = session.handshake(asked);
        assert_eq!(result["protocolVersion"], spoken, "asked for {asked}");
        assert_eq!(result["serverInfo"]["name"], "mcp-trackio");
        assert_eq!(result["serverInfo"]["version"], env!("CARGO_PKG_VERSION"));
        assert!(result["capabilities"]["tools"].is_object(), "{result}");
        let instructions = result["instructions"].as_str().expect("instructions");
        assert!(
            (1..=2048).contains(&instructions.len()),
            "instructions of {} bytes",
            instructions.len()
        );
        assert!(!session.tools().is_empty(), "no tools with {asked}");
    }
}

#[test]
fn stateless_requests_need_no_handshake() {
    let fixture = Fixture::unpack("0.14.2");
    let mut session = Session::silent(&fixture.dir);
    let discovered = session.request("server/discover", stateless(json!({})))["result"].take();
    let versions = discovered["supportedVersions"].as_array().expect("supported versions");
    assert!(versions.contains(&json!("2026-07-28")), "{discovered}");
    assert!(discovered["capabilities"]["tools"].is_object(), "{discovered}");
    assert!(discovered["instructions"].is_string(), "{discovered}");
    let list = session.request("tools/list", stateless(json!({})))["result"].take();
    assert!(list["tools"].as_array().is_some_and(|tools| !tools.is_empty()), "{list}");
    assert_eq!(list["resultType"], "complete");
    assert!(list["ttlMs"].is_number() && list["cacheScope"].is_string(), "no caching hints");
    let call = stateless(json!({"name": "get_all_projects", "arguments": {}}));
    let answer = session.request("tools/call", call)["result"].take();
    assert_eq!(answer["resultType"], "complete");
    assert!(answer["structuredContent"]["projects"].is_array(), "{answer}");
    assert_eq!(session.close().0.code(), Some(0));
}

#[test]
fn a_dual_client_may_probe_and_then_shake_hands() {
    let fixture = Fixture::empty();
    let mut session = Session::silent(&fixture.dir);
    session.send(&json!({"jsonrpc": "2.0", "id": "probe-1", "method": "server/discover", "params": stateless(json!({}))}));
    let probed = session.answer_to(&json!("probe-1"), AT_ONCE).expect("an answer to a string id");
    assert!(probed["result"].is_object(), "{probed}");
    assert_eq!(session.handshake(LEGACY)["protocolVersion"], LEGACY);
    assert!(!session.tools().is_empty());
}

#[test]
fn any_method_before_the_handshake_is_answered_at_once() {
    let fixture = Fixture::empty();
    let methods = [
        "ping",
        "tools/list",
        "resources/list",
        "resources/templates/list",
        "prompts/list",
        "logging/setLevel",
        "completion/complete",
        "server/discover",
        "no/such/method",
    ];
    for method in methods {
        let mut session = Session::silent(&fixture.dir);
        let id = session.post(method, json!({}));
        let answer = session.answer_to(&json!(id), AT_ONCE);
        let answer =
            answer.unwrap_or_else(|| panic!("{method}: silence; stderr: {}", session.stderr()));
        assert!(
            answer.get("result").is_some() != answer.get("error").is_some(),
            "{method}: {answer}"
        );
        session.handshake(LEGACY);
        assert!(!session.tools().is_empty(), "no tools after {method}");
    }
}

#[test]
fn a_tool_call_before_the_handshake_is_answered_at_once() {
    let fixture = Fixture::empty();
    let mut session = Session::silent(&fixture.dir);
    let id = session.post_call("get_all_projects", &json!({}));
    assert!(
        session.answer_to(&json!(id), AT_ONCE).is_some(),
        "silence; stderr: {}",
        session.stderr()
    );
    session.handshake(LEGACY);
}

#[test]
fn a_notification_before_the_handshake_does_not_end_the_server() {
    let fixture = Fixture::empty();
    for method in ["notifications/cancelled", "notifications/initialized", "notifications/whatever"]
    {
        let mut session = Session::silent(&fixture.dir);
        session.send(&json!({"jsonrpc": "2.0", "method": method, "params": {"requestId": 7}}));
        session.handshake(LEGACY);
        assert!(!session.tools().is_empty(), "no tools after {method}");
    }
}

#[test]
fn the_server_ends_cleanly_with_its_input() {
    let fixture = Fixture::unpack("0.14.2");
    type Act = fn(&mut Session);
    let cases: [(&str, Act); 6] = [
        ("nothing said", |_| {}),
        ("a probe only", |session| drop(session.request("server/discover", stateless(json!({}))))),
        ("an unknown method only", |session| drop(session.request("no/such/method", json!({})))),
        ("a handshake", |session| drop(session.handshake(LEGACY))),
        ("a call", |session| {
            session.handshake(LEGACY);
            session.call("get_all_projects", json!({}));
        }),
        ("an open subscription", |session| {
            session.request("server/discover", stateless(json!({})));
            session.post(
                "subscriptions/listen",
                stateless(json!({"filter": {}, "notifications": {}})),
            );
            thread::sleep(Duration::from_millis(100));
        }),
    ];
    for (what, act) in cases {
        let mut session = Session::silent(&fixture.dir);
        act(&mut session);
        let (status, took) = session.close();
        assert_eq!(status.code(), Some(0), "after {what}; stderr: {}", session.stderr());
        assert!(took < AT_ONCE, "after {what} it took {took:?} to end");
    }
}

#[test]
fn calls_in_flight_at_the_end_of_input_are_answered() {
    let fixture = Fixture::unpack("0.14.2");
    let mut session = Session::start(&fixture.dir);
    let ids: Vec<u64> = (0..4).map(|_| session.post_call("get_all_projects", &json!({}))).collect();
    session.close();
    let mut answered = BTreeSet::new();
    while let Some(message) = session.receive(AT_ONCE) {
        answered.extend(message["id"].as_u64());
    }
    assert!(ids.iter().all(|id| answered.contains(id)), "{ids:?} asked, {answered:?} answered");
}

#[test]
fn lines_that_are_no_requests_do_no_harm() {
    let fixture = Fixture::empty();
    let mut session = Session::start(&fixture.dir);
    let lines = [
        "",
        "{",
        "not JSON",
        "42",
        "[]",
        "null",
        "\"text\"",
        "{}",
        r#"{"jsonrpc":"2.0"}"#,
        r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
    ];
    for line in lines {
        session.send_line(line);
        assert!(session.request("ping", Value::Null)["result"].is_object(), "no ping after {line}");
    }
    assert_eq!(session.close().0.code(), Some(0));
}

#[test]
fn a_mistake_names_what_was_probably_meant() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let cases = [
        ("get_run_sumary", json!({}), "get_run_summary"),
        ("getMetricValues", json!({}), "get_metric_values"),
        ("get_run_summary", json!({"project": "demo-main", "rnu": "baseline"}), "run"),
        (
            "get_metric_values",
            json!({"project": "demo-main", "run": "baseline", "metrc": "train/loss"}),
            "metric",
        ),
        ("get_all_projects", json!({"patern": "demo"}), "pattern"),
        ("get_metric_values", json!({"project": "demo-main", "run": "baseline"}), "metric"),
        ("get_runs_for_project", json!({}), "project"),
    ];
    for (tool, arguments, meant) in cases {
        let answer = session.request("tools/call", json!({"name": tool, "arguments": arguments}));
        let failed = answer["result"]["isError"] == true || answer["error"].is_object();
        assert!(failed, "{tool} {arguments}: {answer}");
        let said = answer.to_string();
        assert!(said.contains(meant), "{tool} {arguments} does not lead to {meant}: {said}");
    }
}

#[test]
fn an_unknown_argument_is_refused_with_the_legal_ones() {
    let fixture = Fixture::empty();
    let mut session = Session::start(&fixture.dir);
    for tool in session.tools() {
        let name = tool["name"].as_str().unwrap();
        let said = session.call(name, json!({"nonsense_argument": 1})).failure();
        assert!(said.contains("nonsense_argument"), "{name} does not name the argument: {said}");
        for legal in tool["inputSchema"]["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
        {
            assert!(
                said.contains(legal.as_str()),
                "{name} does not name its argument {legal}: {said}"
            );
        }
    }
}

#[test]
fn wrong_types_are_refused_by_name() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let run = |also: Value| {
        let mut arguments = json!({"project": "demo-main", "run": "baseline"});
        arguments.as_object_mut().unwrap().extend(also.as_object().unwrap().clone());
        arguments
    };
    let metric = |also: Value| {
        let mut arguments = run(json!({"metric": "train/loss"}));
        arguments.as_object_mut().unwrap().extend(also.as_object().unwrap().clone());
        arguments
    };
    let cases = [
        ("get_runs_for_project", json!({"project": 5}), "project"),
        ("get_runs_for_project", json!({"project": ["demo-main"]}), "project"),
        ("get_runs_for_project", json!({"project": "demo-main", "limit": "many"}), "limit"),
        ("get_runs_for_project", json!({"project": "demo-main", "limit": -1}), "limit"),
        ("get_runs_for_project", json!({"project": "demo-main", "limit": 2.5}), "limit"),
        ("get_runs_for_project", json!({"project": "demo-main", "limit": {"a": 1}}), "limit"),
        ("get_runs_for_project", json!({"project": "demo-main", "status": "sleeping"}), "status"),
        ("get_runs_for_project", json!({"project": "demo-main", "order_by": "colour"}), "colour"),
        (
            "get_runs_for_project",
            json!({"project": "demo-main", "cursor": "no such cursor"}),
            "cursor",
        ),
        ("get_runs_for_project", json!({"project": "demo-main", "where": ["lr"]}), "operator"),
        ("get_metric_values", metric(json!({"step": true})), "step"),
        ("get_metric_values", metric(json!({"step": "ten"})), "step"),
        ("get_metric_values", metric(json!({"max_points": -5})), "max_points"),
        ("get_metric_values", metric(json!({"format": "csv"})), "format"),
        ("get_metric_values", metric(json!({"at_time": "soon"})), "at_time"),
        ("get_metric_values", metric(json!({"step": 1, "around_step": 2})), "around_step"),
        ("get_metric_values", metric(json!({"window": 3})), "window"),
        ("get_logs", run(json!({"scalar_only": "perhaps"})), "scalar_only"),
        ("get_alerts", json!({"project": "demo-main", "since": "yesterdayish"}), "since"),
    ];
    for (tool, arguments, named) in cases {
        let answer = session.request("tools/call", json!({"name": tool, "arguments": arguments}));
        let failed = answer["result"]["isError"] == true || answer["error"].is_object();
        assert!(failed, "{tool} {arguments}: {answer}");
        assert!(
            answer.to_string().contains(named),
            "{tool} {arguments} does not name {named}: {answer}"
        );
    }
}

#[test]
fn numbers_are_understood_as_models_write_them() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let ask = |session: &mut Session, limit: Value| {
        session
            .call("get_runs_for_project", json!({"project": "demo-main", "limit": limit}))
            .ok()
            .structured["runs"]
            .take()
    };
    let two = ask(&mut session, json!(2));
    assert_eq!(two.as_array().map(Vec::len), Some(2));
    for written in [json!("2"), json!(2.0)] {
        assert_eq!(ask(&mut session, written.clone()), two, "limit {written}");
    }
    let asked = json!({"project": "demo-main", "run": null, "limit": null});
    session.call("get_alerts", asked).ok();
}

#[test]
fn ten_megabytes_in_an_argument_are_answered_briefly() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let long = "x".repeat(10 << 20);
    let cases = [
        ("get_run_summary", json!({"project": "demo-main", "run": long})),
        ("get_run_summary", json!({"project": long, "run": "baseline"})),
        ("get_metric_values", json!({"project": "demo-main", "run": "baseline", "metric": long})),
        ("get_runs_for_project", json!({"project": "demo-main", "cursor": long})),
        ("get_runs_for_project", json!({"project": "demo-main", "where": [long]})),
        ("query_project", json!({"project": "demo-main", "sql": long})),
        ("query_project", json!({"project": "demo-main", "sql": format!("SELECT '{long}' AS a")})),
    ];
    for (tool, arguments) in cases {
        let answer = session.call(tool, arguments);
        assert!(
            answer.raw.to_string().len() < 32_000,
            "{tool}: an answer of {} bytes",
            answer.raw.to_string().len()
        );
    }
    let started = Instant::now();
    let answer = session.request("tools/call", json!({"name": long, "arguments": {}}));
    assert!(answer.to_string().len() < 32_000, "an unknown tool's name is echoed whole");
    assert!(started.elapsed() < PATIENCE);
}

/// Processor time that a process has used, in seconds.
#[cfg(target_os = "linux")]
fn processor_time(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11..=12].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

#[test]
fn a_cancelled_query_stops_working() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let id = session.post_call("query_project", &json!({"project": "demo-main", "sql": ENDLESS}));
    #[cfg(target_os = "linux")]
    {
        let started = Instant::now();
        while processor_time(session.pid()) < 0.2 {
            assert!(started.elapsed() < AT_ONCE, "the query was to be running by now");
            thread::sleep(Duration::from_millis(20));
        }
    }
    #[cfg(not(target_os = "linux"))]
    thread::sleep(Duration::from_millis(400));
    session.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
    thread::sleep(Duration::from_millis(300));
    #[cfg(target_os = "linux")]
    {
        let before = processor_time(session.pid());
        thread::sleep(Duration::from_millis(500));
        let used = processor_time(session.pid()) - before;
        assert!(used < 0.1, "{used} s of work in half a second after the cancellation");
    }
    let started = Instant::now();
    session.call("query_project", json!({"project": "demo-main", "sql": "SELECT 1 AS one"})).ok();
    assert!(started.elapsed() < AT_ONCE);
}

#[test]
fn long_calls_hold_nothing_else_up() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let endless: Vec<u64> = (0..6)
        .map(|_| {
            session.post_call("query_project", &json!({"project": "demo-main", "sql": ENDLESS}))
        })
        .collect();
    thread::sleep(Duration::from_millis(200));
    let ping = session.post("ping", Value::Null);
    let message = session.receive(AT_ONCE).expect("ping waits behind the calls");
    assert_eq!(message["id"], json!(ping), "a query without end has ended: {message}");
    for id in endless {
        session.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
    }
    session.call("get_all_projects", json!({})).ok();
}

#[test]
fn requests_of_one_client_in_parallel_get_their_own_answers() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let asked: BTreeMap<u64, usize> = (0..64)
        .map(|number| {
            let sql = json!({"project": "demo-main", "sql": format!("SELECT {number} AS number")});
            (session.post_call("query_project", &sql), number)
        })
        .collect();
    for _ in 0..asked.len() {
        let message = session.receive(PATIENCE).expect("an answer");
        let number = asked[&message["id"].as_u64().expect("an id")];
        assert_eq!(
            message["result"]["structuredContent"]["rows"][0]["number"],
            json!(number),
            "{message}"
        );
    }
}

/// Every object below (and including) a schema, with its path.
fn parts<'a>(schema: &'a Value, path: &str, found: &mut Vec<(String, &'a Value)>) {
    match schema {
        Value::Object(members) => {
            found.push((path.to_owned(), schema));
            for (key, member) in members {
                parts(member, &format!("{path}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                parts(item, &format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn schemas_are_plain_enough_for_every_client() {
    let fixture = Fixture::empty();
    let mut session = Session::start(&fixture.dir);
    let tools = session.tools();
    assert_eq!(tools, session.tools(), "the list is not the same twice");
    let mut names = BTreeSet::new();
    for tool in &tools {
        let name = tool["name"].as_str().unwrap();
        assert!(names.insert(name), "{name} is listed twice");
        assert!(!WRITE_TOOLS.contains(&name), "{name} is offered without --allow-writes");
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.chars().all(legal) && name.len() <= 64, "{name} is no good name");
        assert!(
            tool["title"].as_str().is_some_and(|title| !title.is_empty()),
            "{name} has no title"
        );
        let about = tool["description"].as_str().unwrap_or_default();
        assert!(
            (20..=2048).contains(&about.len()),
            "{name}: a description of {} bytes",
            about.len()
        );
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{name}");
        assert_eq!(tool["annotations"]["openWorldHint"], false, "{name}");
        let input = &tool["inputSchema"];
        assert_eq!(input["type"], "object", "{name}");
        assert_eq!(input["additionalProperties"], false, "{name}");
        for key in ["anyOf", "oneOf", "allOf", "title", "description"] {
            assert!(input.get(key).is_none(), "{name}: `{key}` at the root of the input schema");
        }
        for (argument, schema) in input["properties"].as_object().into_iter().flatten() {
            assert!(schema.is_object(), "{name}: {argument} has a bare boolean schema");
        }
        let mut schemas = vec![("inputSchema", input)];
        if let Some(output) = tool.get("outputSchema") {
            assert_eq!(output["type"], "object", "{name}: output");
            schemas.push(("outputSchema", output));
        }
        for (which, schema) in schemas {
            jsonschema::validator_for(schema)
                .unwrap_or_else(|error| panic!("{name} {which}: {error}"));
            let mut found = Vec::new();
            parts(schema, which, &mut found);
            for (path, part) in found {
                // An argument may be called what a keyword is called.
                if path.ends_with("/properties") {
                    continue;
                }
                for key in ["$ref", "$defs", "definitions", "$schema", "format"] {
                    assert!(
                        part.get(key).is_none_or(Value::is_object),
                        "{name} {path} has `{key}`"
                    );
                }
                assert!(!part["type"].is_array(), "{name} {path} has a list of types");
                for key in ["anyOf", "oneOf"] {
                    let branches = part[key].as_array().into_iter().flatten();
                    for branch in branches {
                        assert_ne!(branch["type"], "null", "{name} {path} has a null branch");
                    }
                }
            }
        }
    }
    for expected in [
        "get_all_projects",
        "get_project_summary",
        "get_runs_for_project",
        "get_run_summary",
        "get_metrics_for_run",
        "get_metric_values",
        "get_snapshot",
        "get_logs",
        "get_system_metrics_for_run",
        "get_system_logs",
        "get_alerts",
        "query_project",
        "get_guide",
        "get_settings",
    ] {
        assert!(names.contains(expected), "{expected} is not on the list");
    }
}

#[test]
fn write_tools_cannot_be_called_unasked() {
    let fixture = Fixture::unpack("0.43.0");
    let before = support::snapshot(&fixture.dir);
    let mut session = Session::start(&fixture.dir);
    for tool in WRITE_TOOLS {
        let arguments = json!({"project": "demo-main", "run": "baseline", "confirm": true});
        let answer = session.request("tools/call", json!({"name": tool, "arguments": arguments}));
        assert!(
            answer["error"].is_object() || answer["result"]["isError"] == true,
            "{tool}: {answer}"
        );
    }
    assert_eq!(support::changes(&before, &support::snapshot(&fixture.dir)), Vec::<String>::new());
}

#[test]
fn the_list_of_tools_stays_small() {
    let fixture = Fixture::empty();
    let mut session = Session::start(&fixture.dir);
    let tools = session.tools();
    let bytes = |tool: &Value, keys: &[&str]| -> usize {
        keys.iter()
            .filter_map(|key| tool.get(*key))
            .map(|part| part.as_str().map_or_else(|| part.to_string().len(), str::len))
            .sum()
    };
    let seen: usize = tools
        .iter()
        .map(|tool| bytes(tool, &["name", "title", "description", "inputSchema"]))
        .sum();
    let whole: usize = tools.iter().map(|tool| tool.to_string().len()).sum();
    assert!(seen / 4 <= 5_000, "a model sees about {} tokens", seen / 4);
    assert!(whole / 4 <= 9_000, "the list takes about {} tokens", whole / 4);
}

#[test]
fn the_list_with_the_tools_that_write_stays_small() {
    let fixture = Fixture::empty();
    let dir = fixture.dir.to_str().unwrap();
    let mut session = Session::spawn(["--dir", dir, "--allow-writes"], |_| {});
    session.handshake(LEGACY);
    let tools = session.tools();
    let seen = ["name", "title", "description", "inputSchema"];
    let bytes = |tool: &Value| -> usize {
        let parts = seen.iter().filter_map(|key| tool.get(*key));
        parts.map(|part| part.as_str().map_or_else(|| part.to_string().len(), str::len)).sum()
    };
    let model: usize = tools.iter().map(bytes).sum();
    let whole: usize = tools.iter().map(|tool| tool.to_string().len()).sum();
    assert!(model / 4 <= 7_500, "a model sees about {} tokens", model / 4);
    assert!(whole / 4 <= 12_000, "the list takes about {} tokens", whole / 4);
    for tool in tools.iter().filter(|tool| tool["annotations"]["readOnlyHint"] == false) {
        let (own, whole) = (bytes(tool) / 4, tool.to_string().len() / 4);
        let name = tool["name"].as_str().unwrap();
        assert!(own <= 260, "a model sees about {own} tokens of {name}");
        assert!(whole <= 400, "{name} takes about {whole} tokens");
    }
}

/// Every default answer about a fixture is valid by its tool's own schema and small.
fn default_answers(fixture: &str) {
    let fixture = Fixture::unpack(fixture);
    let mut session = Session::start(&fixture.dir);
    let tools = session.tools();
    let schemas: BTreeMap<&str, &Value> = tools
        .iter()
        .filter_map(|tool| Some((tool["name"].as_str()?, tool.get("outputSchema")?)))
        .collect();
    let validators: BTreeMap<&str, jsonschema::Validator> = schemas
        .iter()
        .map(|(name, schema)| (*name, jsonschema::validator_for(schema).unwrap()))
        .collect();
    let mut answered: BTreeSet<String> = BTreeSet::new();
    let mut wrong = Vec::new();
    for call in sample_calls(&mut session) {
        let answer = session.call(&call.tool, call.arguments.clone());
        let what = format!("{} {}", call.tool, call.arguments);
        if answer.text.len() > 8_000 {
            wrong.push(format!("{what}: {} bytes of text", answer.text.len()));
        }
        if answer.text.trim().is_empty() {
            wrong.push(format!("{what}: no text"));
        }
        if answer.is_error {
            continue;
        }
        answered.insert(call.tool.clone());
        let size = answer.structured.to_string().len();
        if size > 8_000 {
            wrong.push(format!("{what}: {size} bytes of structured content"));
        }
        match validators.get(call.tool.as_str()) {
            Some(validator) => wrong.extend(
                validator
                    .iter_errors(&answer.structured)
                    .map(|error| format!("{what}: {error} at {}", error.instance_path())),
            ),
            None if !answer.structured.is_null() => {
                wrong.push(format!("{what}: structured content, but no schema for it"))
            }
            None => {}
        }
    }
    assert!(
        wrong.is_empty(),
        "{} findings:\n{}",
        wrong.len(),
        wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n")
    );
    let core = [
        "get_all_projects",
        "get_runs_for_project",
        "get_run_summary",
        "get_metric_values",
        "get_logs",
        "query_project",
    ];
    for tool in core {
        assert!(answered.contains(tool), "{tool} answered nothing");
    }
}

macro_rules! default_answers {
    ($($test:ident: $fixture:literal,)*) => {
        mod default_answers_are_valid_and_small {
            $(#[test] fn $test() { super::default_answers($fixture); })*
        }
    };
}

default_answers! {
    of_0_3_4: "0.3.4",
    of_0_14_2: "0.14.2",
    of_0_24_2: "0.24.2",
    of_0_43_0: "0.43.0",
    of_an_upgraded_project: "upgraded-0.14.2-0.36.0",
    of_odd_files: "special-corrupt",
    of_a_waiting_inbox: "special-mixed-inbox",
}
