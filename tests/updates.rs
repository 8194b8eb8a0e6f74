//! What is new, told once: `get_updates` beside a writer, over the server's own streams.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use serde_json::{Value, json};
use support::{
    Fixture, PATIENCE, Session,
    database::{log_metric, now, project},
};

/// Rows of a metric that no verdict is about.
fn log(db: &Connection, run: &str, name: &str, steps: std::ops::Range<i64>) {
    log_metric(db, run, name, "x", steps);
}

fn alert(db: &Connection, run: &str, name: &str, title: &str) {
    db.execute(
        "INSERT INTO alerts(run_id, timestamp, run_name, title, level, step) VALUES (?, ?, ?, ?, 'warn', 3)",
        (run, now(), name, title),
    )
    .unwrap();
}

/// As Trackio renames: all rows are deleted and written again.
fn rename(db: &Connection, run: &str, name: &str) {
    db.execute_batch(&format!(
        "BEGIN;
         CREATE TEMP TABLE moved AS SELECT run_id, timestamp, step, metrics FROM metrics WHERE run_id = '{run}';
         DELETE FROM metrics WHERE run_id = '{run}';
         INSERT INTO metrics(run_id, timestamp, run_name, step, metrics)
             SELECT run_id, timestamp, '{name}', step, metrics FROM moved;
         DROP TABLE moved;
         UPDATE configs SET run_name = '{name}' WHERE run_id = '{run}';
         UPDATE system_metrics SET run_name = '{name}' WHERE run_id = '{run}';
         UPDATE alerts SET run_name = '{name}' WHERE run_id = '{run}';
         COMMIT"
    ))
    .unwrap();
}

fn delete(db: &Connection, run: &str) {
    for table in ["metrics", "configs", "system_metrics", "alerts"] {
        db.execute(&format!("DELETE FROM {table} WHERE run_id = ?"), [run]).unwrap();
    }
}

/// Asks again and again, each time with the cursor of the answer before.
struct Follower<'a> {
    session: &'a mut Session,
    arguments: Value,
    notes: Vec<String>,
}

impl<'a> Follower<'a> {
    fn new(session: &'a mut Session, arguments: Value) -> Self {
        let mut follower = Self { session, arguments, notes: Vec::new() };
        assert_eq!(follower.news(), Vec::<String>::new(), "the first answer tells no changes");
        follower
    }

    fn ask(&mut self) -> Value {
        let answer = self.session.call("get_updates", self.arguments.clone()).ok().structured;
        let cursor = answer["next_cursor"].as_str().expect("a cursor");
        assert!(cursor.len() <= 500, "{} letters", cursor.len());
        self.arguments["cursor"] = json!(cursor);
        let notes = answer["notes"].as_array().cloned().unwrap_or_default();
        self.notes = notes.iter().map(|note| note.as_str().unwrap().to_owned()).collect();
        answer
    }

    /// The changes in short: `rows a 3`, `renamed b from a`, …
    fn news(&mut self) -> Vec<String> {
        self.ask()["changes"].as_array().expect("changes").iter().map(short).collect()
    }
}

fn short(change: &Value) -> String {
    let mut words = vec![change["kind"].as_str().unwrap().to_owned()];
    words.extend(change["run"].as_str().map(str::to_owned));
    words.extend(change["count"].as_u64().map(|count| count.to_string()));
    words.extend(change["system_rows"].as_u64().map(|count| format!("+{count}")));
    words.extend(change["old_name"].as_str().map(|name| format!("from {name}")));
    words.join(" ")
}

const RUN: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210";

#[test]
fn every_change_is_told_once() {
    let fixture = Fixture::empty();
    let db = project(&fixture.dir, "p");
    log(&db, RUN, "one", 0..3);
    let mut session = Session::start(&fixture.dir);
    let mut follower = Follower::new(&mut session, json!({"project": "p"}));
    let nothing = Vec::<String>::new();
    assert_eq!(follower.news(), nothing);

    log(&db, RUN, "one", 3..5);
    alert(&db, RUN, "one", "loss is odd");
    let answer = follower.ask();
    let changes = answer["changes"].as_array().unwrap();
    assert_eq!(changes.iter().map(short).collect::<Vec<_>>(), ["rows one 2", "alerts one 1"]);
    assert_eq!(changes[0]["run_id"], RUN);
    assert_eq!(changes[0]["metrics"], json!({"x": {"value": 0.2, "step": 4}}));
    assert_eq!(changes[1]["alerts"][0]["title"], "loss is odd");
    assert_eq!(answer["new"], json!({"rows": 2, "alerts": 1}));
    assert_eq!(follower.news(), nothing);

    log(&db, OTHER, "one", 0..4);
    assert_eq!(follower.news(), ["new_run one", "rows one 4"], "a run of the same name");
    db.execute_batch("VACUUM").unwrap();
    assert_eq!(follower.news(), nothing, "a vacuum");

    rename(&db, RUN, "renamed");
    assert_eq!(follower.news(), ["renamed renamed from one"]);
    rename(&db, RUN, "again");
    log(&db, RUN, "again", 5..7);
    assert_eq!(follower.news(), ["renamed again from renamed", "rows again 2"]);
    log(&db, RUN, "again", 7..8);
    rename(&db, RUN, "third");
    // A writer that was there all the time goes on under the old name.
    log(&db, RUN, "again", 8..10);
    assert_eq!(follower.news(), ["renamed third from again", "rows third 3"]);
    log(&db, RUN, "again", 10..11);
    assert_eq!(follower.news(), ["rows third 1"]);
    assert_eq!(follower.news(), nothing);

    delete(&db, OTHER);
    assert_eq!(follower.news(), ["deleted one"]);
    delete(&db, RUN);
    thread::sleep(Duration::from_millis(2));
    log(&db, RUN, "reborn", 0..2);
    assert_eq!(follower.news(), ["deleted third", "new_run reborn", "rows reborn 2"]);
    assert_eq!(follower.news(), nothing);

    db.execute("UPDATE metrics SET metrics = CAST('{\"x\":\"NaN\"}' AS BLOB) WHERE step = 1", ())
        .unwrap();
    follower.arguments["cursor"] = Value::Null;
    let last = &follower.ask()["runs"][0]["metrics"]["x"];
    assert_eq!(last, &json!({"value": "NaN", "step": 1}));
}

#[test]
fn a_cursor_survives_a_restart_and_other_ways_to_write_the_directory() {
    let fixture = Fixture::empty();
    let db = project(&fixture.dir, "p");
    log(&db, RUN, "one", 0..3);
    let cursor = Session::start(&fixture.dir).call("get_updates", json!({})).structured;
    log(&db, RUN, "one", 3..10);
    let asked = json!({"cursor": cursor["next_cursor"]});
    for dir in [fixture.dir.clone(), fixture.dir.join("..").join("trackio")] {
        let answer = Session::start(&dir).call("get_updates", asked.clone()).ok().structured;
        assert_eq!(answer["new"], json!({"rows": 7}), "{}", dir.display());
    }
    // From all projects to one of them, but not back.
    let mut session = Session::start(&fixture.dir);
    let asked = json!({"project": "p", "cursor": cursor["next_cursor"]});
    let one = session.call("get_updates", asked).ok().structured;
    assert_eq!(one["new"], json!({"rows": 7}));
    let back = session.call("get_updates", json!({"cursor": one["next_cursor"]})).ok().structured;
    assert!(back["notes"][0].as_str().unwrap().contains("another project"), "{back}");
}

#[test]
fn foreign_cursors_get_counts_only() {
    let (fixture, elsewhere) = (Fixture::empty(), Fixture::empty());
    let (db, other) = (project(&fixture.dir, "p"), project(&elsewhere.dir, "p"));
    log(&db, RUN, "one", 0..3);
    log(&other, OTHER, "one", 0..5);
    let mut session = Session::start(&fixture.dir);
    let own = session.call("get_updates", json!({"project": "p"})).structured;
    let own = own["next_cursor"].as_str().unwrap().to_owned();
    let mut altered = own.clone();
    altered.replace_range(20..21, if &own[20..21] == "A" { "B" } else { "A" });
    let foreign = Session::start(&elsewhere.dir).call("get_updates", json!({"project": "p"}));
    let foreign = foreign.structured["next_cursor"].as_str().unwrap().to_owned();
    for cursor in [altered, foreign, "x".to_owned(), "🦀".repeat(9), "A".repeat(100_000)] {
        let asked = json!({"project": "p", "cursor": cursor, "wait_seconds": 30});
        let answer = session.call("get_updates", asked).ok().structured;
        assert_eq!(answer["changes"], json!([]));
        assert_eq!(answer["totals"], json!({"runs": 1, "rows": 3, "system_rows": 0, "alerts": 0}));
        assert!(answer["notes"][0].as_str().unwrap().starts_with("The cursor"), "{answer}");
        assert!(answer["next_cursor"].as_str().unwrap().len() <= 500);
    }
    // The file is another one, with fewer rows, then with more. Windows replaces no open file.
    db.close().unwrap();
    for rows in [2, 9] {
        let answer = session.call("get_updates", json!({"project": "p"})).structured;
        let replacement = project(&elsewhere.dir, &format!("r{rows}"));
        log(&replacement, OTHER, "else", 0..rows);
        replacement.close().unwrap();
        fs::copy(elsewhere.dir.join(format!("r{rows}.db")), fixture.dir.join("new")).unwrap();
        for side in ["p.db-wal", "p.db-shm"] {
            fs::remove_file(fixture.dir.join(side)).ok();
        }
        fs::rename(fixture.dir.join("new"), fixture.dir.join("p.db")).unwrap();
        let asked = json!({"project": "p", "cursor": answer["next_cursor"]});
        let answer = session.call("get_updates", asked).ok().structured;
        assert_eq!(answer["changes"], json!([]), "{rows}");
        assert_eq!(answer["totals"]["rows"], rows, "{rows}");
        assert!(answer["notes"][0].as_str().unwrap().contains("replaced"), "{answer}");
    }
}

#[test]
fn many_projects_and_runs_fit_in_the_cursor() {
    let fixture = Fixture::empty();
    let many: Vec<Connection> =
        (0..20).map(|number| project(&fixture.dir, &format!("a-project-{number:02}"))).collect();
    for (number, db) in many.iter().enumerate() {
        for run in 0..5 {
            log(db, &format!("{number:016x}{run:016x}"), &format!("run-{run}"), 0..2);
        }
    }
    let crowded = project(&fixture.dir, "crowded");
    for run in 0..300 {
        log(&crowded, &format!("{run:032x}"), &format!("a-rather-long-name-{run}"), 0..2);
    }
    let mut session = Session::start(&fixture.dir);
    let mut all = Follower::new(&mut session, json!({}));
    log(&crowded, &format!("{:032x}", 299), "a-rather-long-name-299", 2..5);
    assert_eq!(all.news(), ["rows a-rather-long-name-299 3"]);
    // One that the cursor has no room for.
    log(&many[0], &format!("{:016x}{:016x}", 0, 1), "run-1", 2..4);
    assert_eq!(all.news(), ["rows run-1 2"]);
    assert!(all.notes[0].contains("no room"), "{:?}", all.notes);
    log(&many[0], &format!("{:016x}{:016x}", 0, 1), "run-1", 4..5);
    assert_eq!(all.news(), ["rows run-1 1"], "then it is known");
    // One after the other pushes those before it out of the cursor; nothing is told again.
    for db in &many {
        thread::sleep(Duration::from_millis(20));
        log(db, &"7".repeat(32), "seventh", 0..3);
        assert_eq!(all.news(), ["new_run seventh", "rows seventh 3"]);
        assert_eq!(all.news(), Vec::<String>::new());
    }

    let mut session = Session::start(&fixture.dir);
    let mut one = Follower::new(&mut session, json!({"project": "crowded"}));
    log(&crowded, &format!("{:032x}", 3), "a-rather-long-name-3", 2..5);
    assert_eq!(one.news(), ["rows a-rather-long-name-3 3"], "an old run goes on");
    thread::sleep(Duration::from_millis(20));
    rename(&crowded, &format!("{:032x}", 4), "four");
    assert_eq!(one.news(), ["renamed four"], "an old run is renamed");
    delete(&crowded, &format!("{:032x}", 5));
    assert_eq!(one.news(), ["deleted 1"], "an old run is deleted");
    assert!(one.notes[0].contains("1 run of project crowded"), "{:?}", one.notes);
    log(&crowded, OTHER, "fresh", 0..1);
    assert_eq!(one.news(), ["new_run fresh", "rows fresh 1"]);
    for run in 0..300 {
        log(&crowded, &format!("new-{run}"), &format!("newer-{run}"), 0..3);
    }
    let answer = one.ask();
    assert_eq!(answer["new"], json!({"runs": 300, "rows": 900}), "sums know what is not shown");
    assert!(answer["left_out"].is_string());
    assert_eq!(one.news(), Vec::<String>::new());
}

#[test]
fn rows_in_the_inbox_are_counted_before_their_import_and_not_again() {
    let fixture = Fixture::empty();
    let writer = fixture.dir.join("inbox").join("0123456789abcdef");
    fs::create_dir_all(&writer).unwrap();
    let fragment = |number: i64| {
        let line = |step: i64| {
            json!({"v": 1, "kind": "metric", "project": "p", "run": "one", "run_id": RUN, "step": step,
                   "metrics": {"loss": 1.0}, "timestamp": now(), "log_id": format!("log-{step}")})
            .to_string()
        };
        let lines = [line(number * 2), line(number * 2 + 1)].join("\n");
        fs::write(writer.join(format!("{number:08}.jsonl")), lines).unwrap();
    };
    fragment(0);
    let mut session = Session::start(&fixture.dir);
    let mut follower = Follower::new(&mut session, json!({"project": "p"}));
    fragment(1);
    assert_eq!(follower.news(), ["rows one 2"]);
    // The import, of the first file alone.
    let db = project(&fixture.dir, "p");
    let import = |step: i64| {
        db.execute(
            "INSERT OR IGNORE INTO metrics(run_id, timestamp, run_name, step, metrics, log_id)
             VALUES (?, ?, 'one', ?, CAST('{\"loss\":1.0}' AS BLOB), ?)",
            (RUN, now(), step, format!("log-{step}")),
        )
        .unwrap();
    };
    (0..2).for_each(import);
    assert_eq!(follower.news(), Vec::<String>::new(), "imported, the file still there");
    fs::remove_file(writer.join("00000000.jsonl")).unwrap();
    assert_eq!(follower.news(), Vec::<String>::new(), "the file is gone");
    fragment(2);
    (2..4).for_each(import);
    fs::remove_file(writer.join("00000001.jsonl")).unwrap();
    assert_eq!(follower.news(), ["rows one 2"], "one imported, one more");
    (4..6).for_each(import);
    fs::remove_file(writer.join("00000002.jsonl")).unwrap();
    assert_eq!(follower.news(), Vec::<String>::new(), "all imported");
    log(&db, RUN, "one", 6..7);
    assert_eq!(follower.news(), ["rows one 1"]);
}

#[test]
fn a_project_that_appears_and_goes_is_told_of() {
    let fixture = Fixture::empty();
    let first = project(&fixture.dir, "first");
    log(&first, RUN, "one", 0..3);
    let mut session = Session::start(&fixture.dir);
    let mut all = Follower::new(&mut session, json!({}));
    let second = project(&fixture.dir, "second");
    log(&second, OTHER, "two", 0..2);
    assert_eq!(all.news(), ["new_run two", "rows two 2"]);
    second.close().unwrap();
    for side in ["", "-wal", "-shm"] {
        fs::remove_file(fixture.dir.join(format!("second.db{side}"))).ok();
    }
    assert_eq!(all.news(), ["deleted two"]);
    assert!(all.notes[0].contains("second is gone"), "{:?}", all.notes);
    assert_eq!(all.news(), Vec::<String>::new());
}

#[test]
fn a_status_that_changes_by_time_alone_is_told() {
    let fixture = Fixture::empty();
    let db = project(&fixture.dir, "p");
    let ago = |seconds: i64| {
        let at = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds);
        at.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string()
    };
    // The newest row is two minutes old in two seconds: then the run is idle.
    for (step, age) in [(0, 121), (1, 120), (2, 119), (3, 118)] {
        db.execute(
            "INSERT INTO metrics(run_id, timestamp, run_name, step, metrics) VALUES (?, ?, 'one', ?, '{\"loss\":1.0}')",
            (RUN, ago(age), step),
        )
        .unwrap();
    }
    let mut session = Session::start(&fixture.dir);
    let first = session.call("get_updates", json!({"project": "p"})).ok().structured;
    assert_eq!(first["runs"][0]["status"], "active", "{first}");
    let asked = json!({"project": "p", "cursor": first["next_cursor"], "wait_seconds": 20});
    let start = Instant::now();
    let answer = session.call("get_updates", asked).ok().structured;
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let change = &answer["changes"][0];
    assert_eq!(
        (&change["kind"], &change["status"]),
        (&json!("status"), &json!("idle")),
        "{answer}"
    );
    assert_eq!(change["old_status"], "active");
}

#[test]
fn a_new_verdict_is_told() {
    let fixture = Fixture::empty();
    let db = project(&fixture.dir, "p");
    log_metric(&db, RUN, "one", "train/loss", 0..300);
    let mut session = Session::start(&fixture.dir);
    let first = session.call("get_updates", json!({"project": "p"})).ok().structured;
    let verdict = first["runs"][0]["verdict"].as_str().expect("a verdict").to_owned();
    let insert = "INSERT INTO metrics(run_id, timestamp, run_name, step, metrics)
                  VALUES (?, ?, 'one', ?, '{\"train/loss\":\"NaN\"}')";
    for step in 300..340 {
        db.execute(insert, (RUN, now(), step)).unwrap();
    }
    let asked = json!({"project": "p", "cursor": first["next_cursor"]});
    let answer = session.call("get_updates", asked).ok().structured;
    let change = &answer["changes"][1];
    assert_eq!(change["verdict"], "non_finite", "{answer}");
    assert_eq!(change["old_verdict"], json!(verdict));
}

/// A wait for the project `p`, posted; the cursor is of now.
fn wait(session: &mut Session, seconds: u64, meta: Value) -> u64 {
    let first = session.call("get_updates", json!({"project": "p"})).ok().structured;
    let arguments =
        json!({"project": "p", "cursor": first["next_cursor"], "wait_seconds": seconds});
    let call = json!({"name": "get_updates", "arguments": arguments, "_meta": meta});
    session.post("tools/call", call)
}

#[test]
fn a_wait_ends_when_something_happens() {
    let fixture = Fixture::empty();
    let db = project(&fixture.dir, "p");
    log(&db, RUN, "one", 0..3);
    let mut session = Session::start(&fixture.dir);
    let id = wait(&mut session, 30, json!({}));
    thread::sleep(Duration::from_millis(700));
    log(&db, RUN, "one", 3..5);
    let start = Instant::now();
    let answer = session.answer_to(&json!(id), PATIENCE).expect("an answer");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let changes = &answer["result"]["structuredContent"]["changes"];
    let rows: u64 = changes[0]["count"].as_u64().unwrap();
    assert!((1..=2).contains(&rows), "{changes}");

    let start = Instant::now();
    let id = wait(&mut session, 1, json!({}));
    // Others are answered meanwhile.
    session.call("get_all_projects", json!({})).ok();
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
    let answer = session.answer_to(&json!(id), PATIENCE).expect("an answer");
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(answer["result"]["structuredContent"]["changes"], json!([]), "{answer}");
}

#[test]
fn a_wait_reports_progress_only_where_it_is_wanted() {
    let fixture = Fixture::empty();
    log(&project(&fixture.dir, "p"), RUN, "one", 0..3);
    let mut session = Session::start(&fixture.dir);
    for (meta, wanted) in [(json!({"progressToken": "t"}), true), (json!({}), false)] {
        let id = wait(&mut session, 2, meta);
        let mut reported = Vec::new();
        loop {
            let message = session.receive(PATIENCE).expect("a message");
            if message["id"] == json!(id) {
                break;
            }
            assert_eq!(message["method"], "notifications/progress", "{message}");
            assert_eq!(message["params"]["progressToken"], "t");
            assert_eq!(message["params"]["total"].as_f64(), Some(2.0));
            reported.push(message["params"]["progress"].as_f64().unwrap());
        }
        assert_eq!(!reported.is_empty(), wanted, "{reported:?}");
        assert!(reported.windows(2).all(|pair| pair[0] < pair[1]), "{reported:?}");
        assert!(session.receive(Duration::from_millis(300)).is_none(), "a word after the answer");
    }
}

#[test]
fn a_wait_heeds_a_cancellation_and_the_end_of_input() {
    let fixture = Fixture::empty();
    log(&project(&fixture.dir, "p"), RUN, "one", 0..3);
    let mut session = Session::start(&fixture.dir);
    let id = wait(&mut session, 45, json!({}));
    thread::sleep(Duration::from_millis(300));
    session.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
                         "params": {"requestId": id}}));
    // The end of input comes after: had the call gone on, it would hold the process up.
    let _ = wait(&mut session, 45, json!({}));
    thread::sleep(Duration::from_millis(300));
    let (status, took) = session.close();
    assert!(status.success());
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_wait_is_bounded() {
    let fixture = Fixture::empty();
    log(&project(&fixture.dir, "p"), RUN, "one", 0..1);
    let mut session = Session::start(&fixture.dir);
    for seconds in [json!(300.5), json!(301), json!(-1)] {
        let asked = json!({"wait_seconds": seconds});
        let failure = session.call("get_updates", asked).failure();
        assert!(failure.contains("wait_seconds"), "{failure}");
    }
}
