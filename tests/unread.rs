//! What could not be considered is named: projects that are damaged, locked or undated when the
//! newest run or all projects are meant.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::Path;

use serde_json::json;
use support::{Fixture, Session, database};

fn good(dir: &Path, project: &str) {
    database::log_metric(&database::project(dir, project), "id", "run", "loss", 0..3);
}

/// A database whose rows have no time that can be read.
fn undated(dir: &Path, project: &str) {
    good(dir, project);
    let db = rusqlite::Connection::open(dir.join(format!("{project}.db"))).unwrap();
    db.execute("UPDATE metrics SET timestamp = 'yesterday'", ()).unwrap();
}

fn damaged(dir: &Path, project: &str) {
    fs::write(dir.join(format!("{project}.db")), b"this is no database at all").unwrap();
}

/// Calls that mean the newest run, and calls that mean every project.
const NEWEST: [&str; 9] = [
    "get_run_summary",
    "diagnose_run",
    "get_project_summary",
    "get_metrics_for_run",
    "get_logs",
    "get_snapshot",
    "plot_metrics",
    "get_media",
    "get_traces",
];

#[test]
fn the_choice_of_the_newest_run_names_what_could_not_be_considered() {
    let fixture = Fixture::empty();
    good(&fixture.dir, "fine");
    let fine = rusqlite::Connection::open(fixture.dir.join("fine.db")).unwrap();
    database::log_metric(&fine, "only", "only", "loss", 0..3);
    drop(fine);
    damaged(&fixture.dir, "broken");
    undated(&fixture.dir, "timeless");
    let mut session = Session::start(&fixture.dir);
    for tool in NEWEST {
        let mut given = json!({});
        if tool == "get_snapshot" {
            given = json!({"step": 1});
        }
        let text = session.call(tool, given).ok().text;
        assert!(text.contains("2 projects could not be considered"), "{tool}: {text}");
        assert!(text.contains("`broken`") && text.contains("`timeless`"), "{tool}: {text}");
    }
    for (tool, given) in [
        ("get_updates", json!({})),
        ("find_runs", json!({"query": "run"})),
        ("find_artifacts", json!({})),
        ("get_run_summary", json!({"run": "only"})),
    ] {
        let text = session.call(tool, given).text;
        assert!(text.contains("1 project could not be"), "{tool}: {text}");
        assert!(text.contains("`broken`"), "{tool}: {text}");
    }
    let all = session.call("get_all_projects", json!({})).ok().text;
    assert!(all.starts_with("3 projects; 1 of those listed here cannot be read."), "{all}");
}

#[test]
fn nothing_was_found_is_said_only_where_there_is_nothing() {
    let fixture = Fixture::empty();
    let mut session = Session::start(&fixture.dir);
    let words = session.call("get_run_summary", json!({})).failure();
    assert!(words.contains("No run was found"), "{words}");
    for project in ["a", "b", "c", "d", "e"] {
        damaged(&fixture.dir, project);
    }
    for tool in NEWEST {
        let words = session.call(tool, json!({})).failure();
        assert!(!words.contains("No run was found"), "{tool}: {words}");
        if tool != "get_snapshot" {
            assert!(words.contains("5 projects could not be considered: "), "{tool}: {words}");
            assert!(words.contains("`c`") && words.contains("And 2 more"), "{tool}: {words}");
            assert!(!words.contains("`d`"), "{tool}: {words}");
        }
    }
    let words = session.call("find_runs", json!({"query": "run"})).failure();
    assert!(words.contains("No run could be searched"), "{words}");
    assert!(words.contains("5 projects could not be searched: "), "{words}");
}

#[test]
fn runs_without_a_time_are_named_where_another_is_chosen() {
    let fixture = Fixture::empty();
    let db = database::project(&fixture.dir, "p");
    database::log_metric(&db, "id-dated", "dated", "loss", 0..3);
    database::log_metric(&db, "id-undated", "undated", "loss", 0..3);
    db.execute("UPDATE metrics SET timestamp = '' WHERE run_name = 'undated'", ()).unwrap();
    drop(db);
    let mut session = Session::start(&fixture.dir);
    let text = session.call("get_run_summary", json!({"project": "p"})).ok().text;
    assert!(text.contains("this is the one with the newest row, `dated`"), "{text}");
    assert!(text.contains("1 run could not be considered") && text.contains("`undated`"), "{text}");
    let named = session.call("get_run_summary", json!({"project": "p", "run": "dated"})).ok().text;
    assert!(!named.contains("could not be considered"), "{named}");
}
