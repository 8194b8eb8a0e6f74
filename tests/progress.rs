//! Long work tells how far it came, and ends when the client cancels it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use support::{Fixture, PATIENCE, Session, database::project};

/// Runs with a config and a falling loss.
fn runs(db: &Connection, runs: u32, rows: u32) {
    db.execute_batch(&format!(
        "BEGIN;
         WITH RECURSIVE run(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM run WHERE n < {runs}),
                        row(s) AS (SELECT 0 UNION ALL SELECT s + 1 FROM row WHERE s < {rows} - 1)
         INSERT INTO metrics(run_id, timestamp, run_name, step, metrics)
         SELECT 'id-' || n, printf('2026-01-01T%02d:%02d:%02d+00:00', s / 3600 % 24, s / 60 % 60, s % 60),
                'run ' || n, s, printf('{{\"train/loss\": %f, \"eval/loss\": %f}}', 1.0 / (s + n), 1.1 / (s + 1))
         FROM run, row;
         INSERT INTO configs(run_id, run_name, config, created_at)
         SELECT run_id, run_name, printf('{{\"lr\": %f}}', id / 1000.0), timestamp FROM metrics WHERE step = 0;
         COMMIT"
    ))
    .unwrap();
}

/// The notices of progress until the answer to a request, and the answer.
fn reported(session: &mut Session, method: &str, mut params: Value) -> (Vec<Value>, Value) {
    params["_meta"] = json!({"progressToken": "token"});
    let id = session.post(method, params);
    let mut reports = Vec::new();
    loop {
        let mut message = session.receive(PATIENCE).expect("an answer");
        if message.get("id") == Some(&json!(id)) {
            return (reports, message);
        }
        assert_eq!(message["method"], "notifications/progress", "{message}");
        assert_eq!(message["params"]["progressToken"], "token");
        reports.push(message["params"].take());
    }
}

/// Long work of every kind.
fn long_work() -> Vec<(&'static str, Value)> {
    let call = |tool: &str, arguments: Value| {
        ("tools/call", json!({"name": tool, "arguments": arguments}))
    };
    vec![
        call("diagnose_run", json!({"project": "p"})),
        call("analyze_sweep", json!({"project": "p"})),
        call("get_runs_for_project", json!({"project": "p", "order_by": "best(eval/loss)"})),
        call("find_runs", json!({"query": "run"})),
        ("resources/read", json!({"uri": "trackio://p/run%201/metrics/train%2Floss.csv"})),
    ]
}

#[test]
fn long_work_tells_how_far_it_came() {
    let fixture = Fixture::empty();
    for name in ["p", "q"] {
        runs(&project(&fixture.dir, name), 8, 40);
    }
    let mut session = Session::start(&fixture.dir);
    for (method, params) in long_work() {
        let (reports, answer) = reported(&mut session, method, params.clone());
        assert!(answer["result"].is_object() && answer["result"]["isError"] != true, "{answer}");
        assert!(!reports.is_empty(), "{params}: no progress");
        let mut before = 0.0;
        for report in reports {
            let (done, total) =
                (report["progress"].as_f64().unwrap(), report["total"].as_f64().unwrap());
            assert!(before < done && done <= total, "{params}: {report}");
            assert!(report["message"].is_string(), "{report}");
            before = done;
        }
        // Nobody asked: nothing is told.
        let id = session.post(method, params.clone());
        let message = session.receive(PATIENCE).expect("an answer");
        assert_eq!(message["id"], json!(id), "{params}: {message}");
    }
}

#[test]
fn cancelled_work_ends_without_an_answer() {
    let fixture = Fixture::empty();
    runs(&project(&fixture.dir, "p"), 60, 1_000);
    // One table alone is quickly read.
    runs(&project(&fixture.dir, "long"), 1, 100_000);
    for (method, params) in long_work() {
        // find_runs reads no rows: it is done before anybody cancels.
        if params["name"] == "find_runs" {
            continue;
        }
        let mut session = Session::start(&fixture.dir);
        let mut asked = params.clone();
        asked["_meta"] = json!({"progressToken": 1});
        if method == "resources/read" {
            asked["uri"] = json!("trackio://long/run%201/metrics/train%2Floss.csv");
        }
        let id = session.post(method, asked);
        session.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
        let started = Instant::now();
        let answered = session.answer_to(&json!(id), Duration::from_secs(1));
        assert_eq!(answered, None, "{params}: answered though it was cancelled");
        session.request("ping", Value::Null);
        assert!(started.elapsed() < Duration::from_secs(5));
        // Nothing goes on behind: the process ends at once.
        let (status, took) = session.close();
        assert_eq!(status.code(), Some(0));
        assert!(took < Duration::from_secs(2), "{params}: it took {took:?} to end");
    }
}
