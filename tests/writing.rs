//! Logging through the real binary, into projects that real versions of Trackio wrote: what is
//! written can be read, and the rest stays.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::{Fixture, LEGACY, Session, at_home};

const LOGGING: [&str; 4] = ["bulk_log", "bulk_log_system", "bulk_alert", "bulk_upload_media"];

/// A session that may write, its journal under the fixture's own directory.
fn writer(dir: &Path, also: &[&str]) -> Session {
    let dir_argument = dir.to_str().unwrap();
    let arguments = [&["--dir", dir_argument, "--allow-writes"], also].concat();
    let mut session = Session::spawn(arguments, |command| {
        at_home(command, &dir.parent().unwrap().join("home"));
    });
    session.handshake(LEGACY);
    session
}

#[test]
fn tools_that_log_are_offered_only_when_allowed_and_say_what_they_do() {
    let fixture = Fixture::empty();
    let tools = writer(&fixture.dir, &[]).tools();
    for name in LOGGING {
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
        let annotations = &tool["annotations"];
        assert_eq!(annotations["readOnlyHint"], false, "{name}");
        assert_eq!(annotations["destructiveHint"], false, "{name} only adds");
        // Without ids of its own, a row is new each time.
        assert_eq!(annotations["idempotentHint"], false, "{name}");
        let seen: usize = ["name", "title", "description", "inputSchema"]
            .iter()
            .map(|key| tool[*key].as_str().map_or_else(|| tool[*key].to_string().len(), str::len))
            .sum();
        assert!(seen / 4 <= 230, "{name}: a model sees about {} tokens", seen / 4);
        let whole = tool.to_string().len() - annotations.to_string().len();
        assert!(whole / 4 <= 350, "{name} takes about {} tokens", whole / 4);
    }
    let read_only = writer(&fixture.dir, &["--read-only"]).tools();
    assert!(!read_only.iter().any(|tool| LOGGING.contains(&tool["name"].as_str().unwrap())));
}

/// Logs to a project of an era, twice the same, and reads it back; the older runs stay.
fn logs_to(fixture: &str, project: &str, old_run: &str) {
    let fixture = Fixture::unpack(fixture);
    let mut session = writer(&fixture.dir, &[]);
    let runs = |session: &mut Session| {
        let answer =
            session.call("get_runs_for_project", json!({"project": project, "limit": 100}));
        answer.ok().structured["num_runs"].as_i64().unwrap()
    };
    let logs = |session: &mut Session, run: &str| {
        let arguments =
            json!({"project": project, "run": run, "format": "records", "max_points": 0});
        session.call("get_logs", arguments).ok().structured["logs"].clone()
    };
    let (before, old_logs) = (runs(&mut session), logs(&mut session, old_run));
    let entries = json!([
        {"project": project, "run": "evaluation", "metrics": {"acc": 0.5, "bad": "NaN"},
         "config": {"lr": 0.1}, "log_id": "one"},
        {"project": project, "run": "evaluation", "metrics": {"acc": 0.75}, "log_id": "two"},
    ]);
    let answer = session.call("bulk_log", json!({"entries": entries})).ok().structured;
    assert_eq!(answer["written"], 2, "{project}");
    let again = session.call("bulk_log", json!({"logs": entries})).ok().structured;
    assert_eq!((&again["written"], &again["already_there"]), (&json!(0), &json!(2)), "{project}");
    assert_eq!(runs(&mut session), before + 1, "{project}");
    let written = logs(&mut session, "evaluation");
    let cells = |row: &Value| (row["step"].clone(), row["acc"].clone(), row["bad"].clone());
    let found: Vec<_> = written.as_array().unwrap().iter().map(cells).collect();
    let expected = [(json!(0), json!(0.5), json!("NaN")), (json!(1), json!(0.75), Value::Null)];
    assert_eq!(found, expected, "{project}");
    let asked = json!({"project": project, "run": "evaluation"});
    let summary = session.call("get_run_summary", asked).ok().structured;
    assert_eq!(summary["config"]["lr"], 0.1, "{project}");
    assert_eq!(logs(&mut session, old_run), old_logs, "{project}");

    let alert = json!({"alerts": [{"project": project, "run": old_run, "title": "Looked at"}]});
    session.call("bulk_alert", alert).ok();
    let asked = json!({"project": project, "run": old_run});
    let alerts = session.call("get_alerts", asked).ok().structured["alerts"].clone();
    assert!(alerts.to_string().contains("Looked at"), "{project}: {alerts}");
    assert_eq!(logs(&mut session, old_run), old_logs, "{project}");
}

#[test]
fn rows_join_a_project_that_has_no_run_ids() {
    logs_to("0.3.4", "main", "baseline");
    logs_to("0.14.2", "main", "baseline");
}

#[test]
fn rows_join_a_project_of_two_eras() {
    logs_to("upgraded-0.14.2-0.36.0", "main", "baseline");
}

#[test]
fn rows_join_a_project_with_run_ids() {
    logs_to("0.24.2", "demo-main", "baseline");
    logs_to("0.43.0", "demo-main", "baseline");
}
