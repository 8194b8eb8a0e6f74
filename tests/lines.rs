//! Every line that asks for something is answered, with its id and the reason, and nothing else is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{Fixture, LEGACY, PATIENCE, Session};

const PARSE: i64 = -32_700;
const REQUEST: i64 = -32_600;
const METHOD: i64 = -32_601;
const PARAMS: i64 = -32_602;

/// A call with these parameters.
fn call(id: &str, params: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#).into()
}

/// What is answered to a line that is followed by a ping: the answers before that of the ping.
fn answers(session: &mut Session, line: &[u8]) -> Vec<Value> {
    session.send_bytes(line);
    session.send(&json!({"jsonrpc": "2.0", "id": "ping", "method": "ping"}));
    let mut answers = Vec::new();
    loop {
        let message = session.receive(PATIENCE).expect("the ping was not answered");
        if message["id"] == "ping" {
            return answers;
        }
        answers.push(message);
    }
}

/// The only answer, which is an error: its code, id and reason.
#[track_caller]
fn refusal(session: &mut Session, line: &[u8]) -> (i64, Value, String) {
    let shown = String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned();
    let answers = answers(session, line);
    let [answer] = answers.as_slice() else { panic!("{shown}: {answers:?}") };
    assert!(answer.get("id").is_some(), "{shown}: no id in {answer}");
    assert!(answer.get("result").is_none(), "{shown}: {answer}");
    let reason = answer["error"]["message"].as_str().unwrap().to_owned();
    assert!(!reason.is_empty(), "{shown}: {answer}");
    (answer["error"]["code"].as_i64().unwrap(), answer["id"].clone(), reason)
}

/// Lines, the code and id of the error that each is answered with, and a word of the reason.
fn refused() -> Vec<(Vec<u8>, i64, Value, &'static str)> {
    let deep = |levels: usize| {
        let list = "[".repeat(levels) + &"]".repeat(levels);
        call("9", &format!(r#"{{"name":"get_settings","arguments":{{"project":{list}}}}}"#))
    };
    let line = |text: &str| text.as_bytes().to_vec();
    let name = |name: &str| call("20", &format!(r#"{{"name":{name},"arguments":{{}}}}"#));
    let with = |arguments: &str| {
        call("10", &format!(r#"{{"name":"get_settings","arguments":{arguments}}}"#))
    };
    let latin =
        b"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"ping\",\"params\":{\"a\":\"caf\xe9\"}}";
    vec![
        // What is no JSON.
        (with(r#"{"limit":1e400}"#), PARSE, json!(10), "number"),
        (with(r#"{"limit":NaN}"#), PARSE, json!(10), "JSON"),
        (with(r#"{"limit":-Infinity}"#), PARSE, json!(10), "JSON"),
        (with(r#"{"limit":01}"#), PARSE, json!(10), "JSON"),
        (with(r#"{'limit':1}"#), PARSE, json!(10), "JSON"),
        (with(r#"{"limit":1,}"#), PARSE, json!(10), "JSON"),
        (with("{\"limit\":\"\t\"}"), PARSE, json!(10), "JSON"),
        (deep(200), PARSE, json!(9), "recursion"),
        (latin.to_vec(), PARSE, json!(5), "UTF-8"),
        (line(r#"{"jsonrpc":"2.0","id":12,"method":"ping""#), PARSE, json!(12), "JSON"),
        (line(r#"{"jsonrpc":"2.0","id":"s","method":"pi"#), PARSE, json!("s"), "JSON"),
        (line(r#"{"jsonrpc":"2.0","id":1"#), PARSE, Value::Null, "JSON"),
        (line(r#"{"method":"ping","params":{"x":nul},"id":3}"#), PARSE, json!(3), "JSON"),
        (line(r#"{"jsonrpc":"2.0","id":4,"method":"ping"}}"#), PARSE, json!(4), "JSON"),
        (line("hello"), PARSE, Value::Null, "JSON"),
        (line("{"), PARSE, Value::Null, "JSON"),
        (line("GET / HTTP/1.1"), PARSE, Value::Null, "JSON"),
        (b"\xff\xfe{".to_vec(), PARSE, Value::Null, "UTF-8"),
        (b"\0".to_vec(), PARSE, Value::Null, "JSON"),
        // What is JSON and no request.
        (line("42"), REQUEST, Value::Null, "object"),
        (line("null"), REQUEST, Value::Null, "object"),
        (line("\"text\""), REQUEST, Value::Null, "object"),
        (line("{}"), REQUEST, Value::Null, "method"),
        (line("[]"), REQUEST, Value::Null, "empty batch"),
        (line(r#"{"jsonrpc":"2.0","id":6}"#), REQUEST, json!(6), "method"),
        (line(r#"{"jsonrpc":"2.0","id":6,"method":5}"#), REQUEST, json!(6), "method"),
        (line(r#"{"id":6,"method":"ping"}"#), REQUEST, json!(6), "jsonrpc"),
        (line(r#"{"jsonrpc":"1.0","id":"a","method":"ping"}"#), REQUEST, json!("a"), "jsonrpc"),
        (line(r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#), REQUEST, Value::Null, "id"),
        (line(r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#), REQUEST, json!(1.5), "id"),
        (line(r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#), REQUEST, Value::Null, "id"),
        (line(r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#), REQUEST, Value::Null, "id"),
        (
            line(r#"{"jsonrpc":"2.0","id":18446744073709551615,"method":"ping"}"#),
            REQUEST,
            json!(u64::MAX),
            "id",
        ),
        // Methods and parameters.
        (line(r#"{"jsonrpc":"2.0","id":7,"method":"no/such"}"#), METHOD, json!(7), "no/such"),
        (line(r#"{"jsonrpc":"2.0","id":7,"method":""}"#), METHOD, json!(7), "method"),
        (
            line(r#"{"jsonrpc":"2.0","id":7,"method":"notifications/x"}"#),
            METHOD,
            json!(7),
            "method",
        ),
        (call("11", "[]"), PARAMS, json!(11), "params"),
        (call("11", "\"x\""), PARAMS, json!(11), "params"),
        (call("11", "{}"), PARAMS, json!(11), "name"),
        (with("[]"), PARAMS, json!(10), "arguments"),
        (with("\"{}\""), PARAMS, json!(10), "arguments"),
        (with("5"), PARAMS, json!(10), "arguments"),
        (name("null"), PARAMS, json!(20), "name"),
        (name("5"), PARAMS, json!(20), "name"),
        (name("[\"get_settings\"]"), PARAMS, json!(20), "name"),
        (name("\"no_such_tool\""), PARAMS, json!(20), "no_such_tool"),
        (call("11", r#"{"name":"get_settings","_meta":5}"#), PARAMS, json!(11), "_meta"),
        (
            line(r#"{"jsonrpc":"2.0","id":8,"method":"resources/read","params":{}}"#),
            PARAMS,
            json!(8),
            "uri",
        ),
        (
            line(r#"{"jsonrpc":"2.0","id":8,"method":"tools/list","params":{"cursor":5}}"#),
            PARAMS,
            json!(8),
            "cursor",
        ),
        (
            line(r#"{"jsonrpc":"2.0","id":8,"method":"prompts/get","params":{"name":{}}}"#),
            PARAMS,
            json!(8),
            "name",
        ),
        (
            line(r#"{"jsonrpc":"2.0","id":8,"method":"completion/complete","params":{"ref":{}}}"#),
            PARAMS,
            json!(8),
            "argument",
        ),
        (
            line(
                r#"{"jsonrpc":"2.0","id":8,"method":"completion/complete","params":{"ref":{"type":"x"},"argument":{}}}"#,
            ),
            PARAMS,
            json!(8),
            "completion/complete",
        ),
    ]
}

#[test]
fn every_line_that_is_refused_is_answered_with_its_id_and_the_reason() {
    let fixture = Fixture::empty();
    let mut session = Session::start(&fixture.dir);
    for (line, code, id, word) in refused() {
        let shown = String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned();
        let (given, given_id, reason) = refusal(&mut session, &line);
        assert_eq!((given, given_id), (code, id), "{shown}: {reason}");
        assert!(reason.contains(word), "{shown}: {reason}");
        assert!(reason.len() < 1_000, "{shown}: {reason}");
    }
    assert!(session.close().0.success());
}

#[test]
fn before_the_handshake_too() {
    let fixture = Fixture::empty();
    let mut session = Session::silent(&fixture.dir);
    for (line, code, id, _) in refused().into_iter().filter(|(_, code, ..)| *code != PARAMS) {
        let shown = String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned();
        let (given, given_id, reason) = refusal(&mut session, &line);
        assert_eq!((given, given_id), (code, id), "{shown}: {reason}");
    }
    for params in ["[]", "{}", r#"{"protocolVersion":5,"capabilities":{},"clientInfo":{}}"#] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{params}}}"#);
        let (code, id, _) = refusal(&mut session, line.as_bytes());
        assert_eq!((code, id), (PARAMS, json!(1)), "{params}");
    }
    session.handshake(LEGACY);
    assert!(!session.tools().is_empty());
}

#[test]
fn notifications_answers_and_empty_lines_are_not_answered() {
    let fixture = Fixture::empty();
    let mut session = Session::start(&fixture.dir);
    let lines: [&[u8]; 14] = [
        b"",
        b"\r",
        b"   ",
        br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        br#"{"jsonrpc":"2.0","method":"notifications/initialized","params":null}"#,
        br#"{"jsonrpc":"2.0","method":"notifications/initialized","id":null}"#,
        br#"{"jsonrpc":"2.0","method":"notifications/no/such","params":{"a":1}}"#,
        br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":[]}"#,
        br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"x"}}"#,
        br#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":NaN}}"#,
        br#"{"jsonrpc":"2.0","method":"tools/list"}"#,
        br#"{"jsonrpc":"2.0","id":77,"result":{}}"#,
        br#"{"jsonrpc":"2.0","id":77,"error":{"code":-1,"message":"x"}}"#,
        br#"{"jsonrpc":"2.0","id":77,"result":{"x":NaN}}"#,
    ];
    for line in lines {
        let answers = answers(&mut session, line);
        assert!(answers.is_empty(), "{}: {answers:?}", String::from_utf8_lossy(line));
    }
}

#[test]
fn lines_that_can_be_understood_are() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    // Half of a surrogate pair is a letter that cannot be shown.
    let line = call("7", r#"{"name":"get_runs_for_project","arguments":{"project":"\ud83d"}}"#);
    session.send_bytes(&line);
    let answer = session.answer_to(&json!(7), PATIENCE).unwrap();
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains('\u{fffd}'), "{text}");
    let lines: [&[u8]; 7] = [
        b"\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"ping\"}",
        b" {\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"ping\"} \r",
        br#"{"jsonrpc":"2.0","id":8,"method":"ping","params":null}"#,
        br#"{"jsonrpc":"2.0","id":8,"method":"ping","extra":1}"#,
        br#"{"jsonrpc":"2.0","id":8,"method":"ping","result":{},"error":null}"#,
        br#"{"jsonrpc":"2.0","id":8,"method":"tools/list","params":{"cursor":null}}"#,
        br#"{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"get_settings","arguments":null}}"#,
    ];
    for line in lines {
        let answers = self::answers(&mut session, line);
        let shown = String::from_utf8_lossy(line);
        // A tool works on a thread: it may answer after the ping.
        let answer = match answers.as_slice() {
            [] => session.answer_to(&json!(8), PATIENCE).expect("an answer"),
            [answer] => answer.clone(),
            more => panic!("{shown}: {more:?}"),
        };
        assert!(answer["id"] == 8 && answer["result"].is_object(), "{shown}: {answer}");
    }
}

#[test]
fn a_line_of_any_length_is_answered_within_bounds() {
    let fixture = Fixture::empty();
    let mut session = Session::start(&fixture.dir);
    let long = "x".repeat(17 << 20);
    for (line, id) in [
        (format!(r#"{{"id":1,"method":"ping","params":{{"a":"{long}"}}}}"#), json!(1)),
        (format!(r#"{{"method":"ping","params":{{"a":"{long}"}},"id":2}}"#), json!(2)),
        (long, Value::Null),
    ] {
        let (code, given, reason) = refusal(&mut session, line.as_bytes());
        assert_eq!((code, given), (REQUEST, id), "{reason}");
        assert!(reason.contains("16 MiB"), "{reason}");
    }
    // Short values take a multiple of their text.
    let values = |count: usize| {
        let list = vec!["1"; count].join(",");
        call("3", &format!(r#"{{"name":"get_settings","arguments":{{"a":[{list}]}}}}"#))
    };
    let (code, id, reason) = refusal(&mut session, &values(6_000_000));
    assert_eq!((code, id), (REQUEST, json!(3)), "{reason}");
    assert!(reason.contains("values"), "{reason}");
    session.send_bytes(&values(400_000));
    let answer = session.answer_to(&json!(3), PATIENCE).unwrap();
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string(format!("/proc/{}/status", session.pid())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak < 300_000, "{peak} kB");
    }
}

#[test]
fn a_batch_is_answered_as_the_revision_says() {
    let fixture = Fixture::empty();
    let batch = br#"[{"jsonrpc":"2.0","id":"a","method":"ping"},
        {"jsonrpc":"2.0","method":"notifications/initialized"}, 5,
        {"jsonrpc":"2.0","id":"b","method":"tools/call","params":{"name":"get_settings"}},
        {"jsonrpc":"2.0","id":"c","method":"no/such"}]"#;
    let batch: Vec<u8> = batch.iter().copied().filter(|byte| *byte != b'\n').collect();
    let mut session = Session::silent(&fixture.dir);
    let (code, id, _) = refusal(&mut session, &batch);
    assert_eq!((code, id), (REQUEST, Value::Null), "before initialize");
    for revision in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        let mut session = Session::silent(&fixture.dir);
        session.handshake(revision);
        let (code, id, reason) = refusal(&mut session, &batch);
        assert_eq!((code, id), (REQUEST, Value::Null), "{revision}");
        assert!(reason.contains("2025-03-26"), "{revision}: {reason}");
    }
    let mut session = Session::silent(&fixture.dir);
    session.handshake("2025-03-26");
    session.send_bytes(&batch);
    let answer = session.receive_any(PATIENCE).expect("an answer to the batch");
    let answers = answer.as_array().expect("one array");
    let of = |id: Value| answers.iter().find(|answer| answer["id"] == id).expect("an answer");
    assert_eq!(answers.len(), 4, "{answers:?}");
    assert!(of(json!("a"))["result"].is_object());
    assert!(of(json!("b"))["result"]["structuredContent"].is_object());
    assert_eq!(of(json!("c"))["error"]["code"], METHOD);
    assert_eq!(of(Value::Null)["error"]["code"], REQUEST);
    let notices = br#"[{"jsonrpc":"2.0","method":"notifications/initialized"}]"#;
    assert!(self::answers(&mut session, notices).is_empty());
    assert_eq!(refusal(&mut session, b"[]").0, REQUEST);
    // A batch holds at most a hundred.
    let of = |count: usize| {
        let pings = (0..count).map(|id| json!({"jsonrpc": "2.0", "id": id, "method": "ping"}));
        Value::from_iter(pings).to_string().into_bytes()
    };
    session.send_bytes(&of(100));
    let answer = session.receive_any(PATIENCE).expect("an answer to the batch");
    assert_eq!(answer.as_array().map(Vec::len), Some(100));
    assert!(refusal(&mut session, &of(101)).2.contains("at most 100"));
}

#[test]
fn an_id_that_is_still_under_way_is_refused() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let first = session.call("get_updates", json!({"project": "demo-main"})).ok().structured;
    let wait = |cursor: &Value| {
        let arguments = json!({"project": "demo-main", "cursor": cursor, "wait_seconds": 1});
        json!({"jsonrpc": "2.0", "id": "twice", "method": "tools/call",
               "params": {"name": "get_updates", "arguments": arguments}})
    };
    let message = wait(&first["next_cursor"]);
    session.send(&message);
    let (code, id, reason) = refusal(&mut session, message.to_string().as_bytes());
    assert_eq!((code, id), (REQUEST, json!("twice")), "{reason}");
    let answer = session.answer_to(&json!("twice"), PATIENCE).expect("the first is answered");
    assert!(answer["result"].is_object(), "{answer}");
    // Then it is free again.
    session.send(&message);
    assert!(session.answer_to(&json!("twice"), PATIENCE).expect("an answer")["result"].is_object());
}

#[test]
fn the_last_line_needs_no_end() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-trackio"));
    let fixture = Fixture::empty();
    command.arg("--dir").arg(&fixture.dir).stdin(Stdio::piped()).stdout(Stdio::piped());
    for (line, answer) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, json!({})),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping""#, Value::Null),
    ] {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&said["id"], &said["result"]), (&json!(1), &answer), "{line}");
        assert!(output.status.success());
    }
}
