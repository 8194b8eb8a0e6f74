//! Reading changes nothing in the user's directory: no file, no byte, no time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{FIXTURES, Fixture, Session, changes, glance, sample_calls, snapshot};

/// What models ask beyond the defaults: other shapes, wrong names, SQL.
fn further_calls(project: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("get_runs_for_project", json!({"project": project, "detail": "full"})),
        ("get_run_summary", json!({"project": project, "run": "no such run"})),
        ("get_run_summary", json!({"project": "no such project", "run": "r"})),
        ("query_project", json!({"project": project, "sql": "SELECT count(*) FROM metrics"})),
        (
            "query_project",
            json!({"project": project, "sql": "SELECT * FROM metrics ORDER BY metrics, random()"}),
        ),
        ("query_project", json!({"project": project, "sql": "PRAGMA journal_mode=DELETE"})),
        ("query_project", json!({"project": project, "sql": "PRAGMA wal_checkpoint(TRUNCATE)"})),
        ("query_project", json!({"project": project, "sql": "CREATE TEMP TABLE t AS SELECT 1"})),
    ]
}

/// Call everything about a directory; the tools that changed something.
fn leave_traces(session: &mut Session, dir: &std::path::Path) -> Vec<String> {
    let before = snapshot(dir);
    let mut traces = Vec::new();
    let mut seen = glance(dir);
    let projects: Vec<String> = session.call("get_all_projects", json!({})).structured["projects"]
        .as_array()
        .expect("projects")
        .iter()
        .map(|name| name.as_str().expect("a name").to_owned())
        .collect();
    let mut calls: Vec<(String, Value)> =
        sample_calls(session).into_iter().map(|call| (call.tool, call.arguments)).collect();
    for project in &projects {
        calls.extend(
            further_calls(project)
                .into_iter()
                .map(|(tool, arguments)| (tool.to_owned(), arguments)),
        );
    }
    for (tool, arguments) in calls {
        session.call(&tool, arguments.clone());
        let now = glance(dir);
        for change in changes(&seen, &now) {
            traces.push(format!("{tool} {arguments}: {change}"));
        }
        seen = now;
    }
    assert_eq!(
        open_files_below(session.pid(), dir),
        Vec::<String>::new(),
        "files held open between calls"
    );
    assert_eq!(session.close().0.code(), Some(0));
    for change in changes(&before, &snapshot(dir)) {
        traces.push(format!("in the end: {change}"));
    }
    traces
}

/// Files below a directory that a process has open.
#[cfg(target_os = "linux")]
fn open_files_below(pid: u32, dir: &std::path::Path) -> Vec<String> {
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter(|path| path.starts_with(dir))
        .map(|path| path.display().to_string())
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn open_files_below(_pid: u32, _dir: &std::path::Path) -> Vec<String> {
    Vec::new()
}

#[test]
fn no_tool_changes_anything() {
    for name in FIXTURES {
        let fixture = Fixture::unpack(name);
        let mut session = Session::start(&fixture.dir);
        assert_eq!(leave_traces(&mut session, &fixture.dir), Vec::<String>::new(), "{name}");
    }
}

/// The runs of a project, by name.
fn run_names(session: &mut Session, project: &str) -> Vec<String> {
    let answer = session.call("get_runs_for_project", json!({"project": project})).ok();
    let runs = answer.structured["runs"].as_array().cloned().unwrap_or_default();
    runs.iter().filter_map(|run| run["name"].as_str().map(str::to_owned)).collect()
}

#[cfg(unix)]
#[test]
fn a_directory_nobody_may_write_to_is_read_all_the_same() {
    for name in FIXTURES {
        let fixture = Fixture::unpack(name);
        let mut usual = Session::start(&fixture.dir);
        let project = match name {
            "special-corrupt" => "good",
            "special-mixed-inbox" => "proj",
            "0.24.2" | "0.43.0" => "demo-main",
            _ => "main",
        };
        let expected = run_names(&mut usual, project);
        assert!(!expected.is_empty(), "{name}");
        usual.close();
        support::make_read_only(&fixture.dir);
        let mut session = support::unprivileged(&fixture.dir);
        session.handshake(support::LEGACY);
        assert_eq!(run_names(&mut session, project), expected, "{name}");
        assert_eq!(leave_traces(&mut session, &fixture.dir), Vec::<String>::new(), "{name}");
    }
}

/// `MyProject` of 0.3.4 has its only row in a `-wal` that a killed writer left.
#[test]
fn a_leftover_wal_is_read_without_its_index() {
    let fixture = Fixture::unpack("0.3.4");
    fs::remove_file(fixture.dir.join("MyProject.db-shm")).unwrap();
    let mut session = Session::start(&fixture.dir);
    assert_eq!(run_names(&mut session, "MyProject"), ["r"]);
    let traces = leave_traces(&mut session, &fixture.dir);
    let unavoidable = |trace: &String| {
        trace.ends_with("MyProject.db-shm is new") || trace.contains(":  was Entry")
    };
    let traces: Vec<String> = traces.into_iter().filter(|trace| !unavoidable(trace)).collect();
    assert_eq!(traces, Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn a_leftover_wal_is_read_without_its_index_where_nothing_may_be_written() {
    let fixture = Fixture::unpack("0.3.4");
    fs::remove_file(fixture.dir.join("MyProject.db-shm")).unwrap();
    support::make_read_only(&fixture.dir);
    let mut session = support::unprivileged(&fixture.dir);
    session.handshake(support::LEGACY);
    assert_eq!(run_names(&mut session, "MyProject"), ["r"]);
    assert_eq!(leave_traces(&mut session, &fixture.dir), Vec::<String>::new());
}

#[test]
fn a_leftover_wal_counts() {
    let fixture = Fixture::unpack("0.3.4");
    let mut session = Session::start(&fixture.dir);
    assert_eq!(run_names(&mut session, "MyProject"), ["r"]);
    let sql = json!({"project": "MyProject", "sql": "SELECT count(*) AS rows FROM metrics"});
    assert_ne!(session.call("query_project", sql).ok().structured["rows"][0]["rows"], json!(0));
}
