//! What others do to a database is in the next answer of a session that is open all the time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::{fs, io::Write, path::Path};

use rusqlite::Connection;
use serde_json::{Value, json};
use support::{Fixture, Session, database::emptied};

/// The values of `x` in the run `r`, and what the statistics say of them.
fn values(session: &mut Session) -> Result<Vec<f64>, String> {
    let asked =
        json!({"project": "p", "run": "r", "metric": "x", "format": "records", "max_points": 0});
    let answer = session.call("get_metric_values", asked);
    if answer.is_error {
        return Err(answer.text);
    }
    let rows = answer.structured["values"].as_array().expect("values");
    let values: Vec<f64> = rows.iter().map(|row| row["value"].as_f64().unwrap()).collect();
    let stats = &answer.structured["stats"];
    assert_eq!(stats["count"], json!(values.len()), "{stats}");
    assert_eq!(stats["last"]["value"].as_f64(), values.last().copied(), "{stats}");
    Ok(values)
}

fn log(db: &Connection, step: i64, x: f64) {
    db.execute(
        "INSERT INTO metrics(run_id, timestamp, run_name, step, metrics) VALUES ('r', ?, 'r', ?, ?)",
        (format!("2026-05-01T00:00:{:02}+00:00", step + 1), step, json!({"x": x}).to_string().into_bytes()),
    )
    .unwrap();
}

/// A directory with the project `p`: one run `r`, `x` = 0, 1, 2.
fn project() -> Fixture {
    let fixture = Fixture::empty();
    let db = emptied(&fixture.dir, "p");
    db.execute_batch("PRAGMA journal_mode=WAL").unwrap();
    for step in 0..3 {
        log(&db, step, step as f64);
    }
    db.close().unwrap();
    fixture
}

/// What a server that has been asked before answers is what one answers that never was.
#[track_caller]
fn agrees_with_a_fresh_server(session: &mut Session, dir: &Path, what: &str) {
    let mut fresh = Session::start(dir);
    for (tool, arguments) in [
        ("get_logs", json!({"project": "p", "run": "r"})),
        ("get_logs", json!({"project": "p", "run": "r", "format": "records", "max_points": 0})),
        ("get_logs", json!({"project": "p", "run": "r", "max_points": 0})),
        ("get_snapshot", json!({"project": "p", "run": "r"})),
        ("get_metrics_for_run", json!({"project": "p", "run": "r"})),
        ("get_runs_for_project", json!({"project": "p", "detail": "full"})),
        ("get_project_summary", json!({"project": "p"})),
        ("diagnose_run", json!({"project": "p"})),
    ] {
        let found = session.call(tool, arguments.clone()).ok().structured;
        let expected = fresh.call(tool, arguments).ok().structured;
        assert_eq!(found, expected, "{tool} after {what}");
    }
}

/// What is done to the database, and the values of `x` after it.
type Change = (&'static str, fn(&Connection), &'static [f64]);

const CHANGES: [Change; 10] = [
    ("a row more", |db| log(db, 3, 3.0), &[0.0, 1.0, 2.0, 3.0]),
    (
        "a value of the same length in place",
        |db| {
            db.execute(
                "UPDATE metrics SET metrics = CAST('{\"x\":7.0}' AS BLOB) WHERE step = 1",
                (),
            )
            .unwrap();
        },
        &[0.0, 7.0, 2.0, 3.0],
    ),
    (
        "the last row less",
        |db| {
            db.execute("DELETE FROM metrics WHERE step = 3", ()).unwrap();
        },
        &[0.0, 7.0, 2.0],
    ),
    (
        "a row in the middle less, one at the end more",
        |db| {
            db.execute("DELETE FROM metrics WHERE step = 1", ()).unwrap();
            log(db, 4, 4.0);
        },
        &[0.0, 2.0, 4.0],
    ),
    (
        "all rows again under new ids",
        |db| {
            let copy = "CREATE TEMP TABLE t AS SELECT run_id, timestamp, run_name, step, metrics FROM metrics;
                        DELETE FROM metrics;
                        INSERT INTO metrics(run_id, timestamp, run_name, step, metrics) SELECT * FROM t;
                        UPDATE metrics SET metrics = CAST('{\"x\":9.0}' AS BLOB) WHERE step = 4;
                        DROP TABLE t";
            db.execute_batch(copy).unwrap();
        },
        &[0.0, 2.0, 9.0],
    ),
    (
        "an earlier time for the last row",
        |db| {
            let earlier =
                "UPDATE metrics SET timestamp = '2026-04-01T00:00:00+00:00' WHERE step = 4";
            db.execute(earlier, ()).unwrap();
        },
        &[9.0, 0.0, 2.0],
    ),
    (
        "a vacuum and a row",
        |db| {
            db.execute_batch("VACUUM").unwrap();
            log(db, 5, 5.0);
        },
        &[9.0, 0.0, 2.0, 5.0],
    ),
    (
        "another run",
        |db| {
            let other = "INSERT INTO metrics(run_id, timestamp, run_name, step, metrics)
                         VALUES ('s', '2026-05-02T00:00:00+00:00', 's', 0, CAST('{\"y\":1}' AS BLOB))";
            db.execute(other, ()).unwrap();
        },
        &[9.0, 0.0, 2.0, 5.0],
    ),
    (
        "another name for the other run",
        |db| {
            db.execute("UPDATE metrics SET run_name = 't' WHERE run_id = 's'", ()).unwrap();
        },
        &[9.0, 0.0, 2.0, 5.0],
    ),
    (
        "the other run gone",
        |db| {
            db.execute("DELETE FROM metrics WHERE run_id = 's'", ()).unwrap();
        },
        &[9.0, 0.0, 2.0, 5.0],
    ),
];

#[test]
fn every_change_is_in_the_next_answer() {
    for writer_stays in [false, true] {
        let fixture = project();
        let path = fixture.dir.join("p.db");
        let mut session = Session::start(&fixture.dir);
        assert_eq!(values(&mut session), Ok(vec![0.0, 1.0, 2.0]));
        let staying = writer_stays.then(|| Connection::open(&path).unwrap());
        for (what, change, expected) in CHANGES {
            match &staying {
                Some(db) => change(db),
                None => {
                    let db = Connection::open(&path).unwrap();
                    change(&db);
                    db.close().unwrap();
                }
            }
            for time in ["first", "second"] {
                let found = values(&mut session);
                assert_eq!(
                    found,
                    Ok(expected.to_vec()),
                    "{what}, {time} time, writer stays: {writer_stays}"
                );
            }
            agrees_with_a_fresh_server(&mut session, &fixture.dir, what);
        }
    }
}

#[test]
fn a_replaced_file_is_read_anew() {
    type Replace = fn(&std::path::Path, &[u8]);
    let ways: [(&str, Replace); 3] = [
        ("unlinked and written", |path, bytes| {
            fs::remove_file(path).unwrap();
            fs::write(path, bytes).unwrap();
        }),
        ("renamed over", |path, bytes| {
            let beside = path.with_extension("new");
            fs::write(&beside, bytes).unwrap();
            fs::rename(beside, path).unwrap();
        }),
        ("overwritten in place", |path, bytes| {
            let mut file = fs::OpenOptions::new().write(true).truncate(true).open(path).unwrap();
            file.write_all(bytes).unwrap();
        }),
    ];
    // The other file has the same size and, but for one value, the same rows.
    let other = project();
    let db = Connection::open(other.dir.join("p.db")).unwrap();
    db.execute("UPDATE metrics SET metrics = CAST('{\"x\":8.0}' AS BLOB) WHERE step = 1", ())
        .unwrap();
    db.close().unwrap();
    let bytes = fs::read(other.dir.join("p.db")).unwrap();
    for (way, replace) in ways {
        let fixture = project();
        let path = fixture.dir.join("p.db");
        let mut session = Session::start(&fixture.dir);
        assert_eq!(values(&mut session), Ok(vec![0.0, 1.0, 2.0]), "{way}");
        agrees_with_a_fresh_server(&mut session, &fixture.dir, "nothing");
        replace(&path, &bytes);
        assert_eq!(values(&mut session), Ok(vec![0.0, 8.0, 2.0]), "{way}");
        agrees_with_a_fresh_server(&mut session, &fixture.dir, way);
        fs::remove_file(&path).unwrap();
        assert!(values(&mut session).is_err(), "{way}, then gone");
        let projects = session.call("get_all_projects", json!({})).structured["projects"].take();
        assert_ne!(projects, json!(["p"]), "{way}, then gone");
        fs::write(&path, &bytes).unwrap();
        assert_eq!(values(&mut session), Ok(vec![0.0, 8.0, 2.0]), "{way}, then back");
    }
}

#[test]
fn a_project_that_appears_is_found() {
    let fixture = Fixture::empty();
    let made = project();
    let missing = fixture.dir.join("later");
    let mut session = Session::start(&missing);
    session.call("get_runs_for_project", json!({"project": "p"})).failure();
    fs::create_dir(&missing).unwrap();
    fs::copy(made.dir.join("p.db"), missing.join("p.db")).unwrap();
    let listed = session.call("get_all_projects", json!({})).ok();
    assert_eq!(listed.structured["projects"], json!(["p"]));
    assert_eq!(values(&mut session), Ok(vec![0.0, 1.0, 2.0]));
    let none: Value =
        session.call("get_alerts", json!({"project": "p"})).ok().structured["alerts"].take();
    assert_eq!(none, json!([]));
}

/// Rows of a run long enough to be read by a second thread, in the order of their insertion:
/// minutes and steps.
fn log_long(db: &mut Connection, run: &str, rows: impl Iterator<Item = (i64, i64)>) {
    let transaction = db.transaction().unwrap();
    for (minute, step) in rows {
        let time = jiff::Timestamp::from_second(1_780_000_000 + 60 * minute).unwrap();
        let time = time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
        let metrics = json!({"x": step as f64}).to_string().into_bytes();
        transaction
            .execute(
                "INSERT INTO metrics(run_id, timestamp, run_name, step, metrics)
                 VALUES (?1, ?2, ?1, ?3, ?4)",
                (run, time, step, metrics),
            )
            .unwrap();
    }
    transaction.commit().unwrap();
}

#[test]
fn a_long_run_is_told_in_the_order_of_its_times() {
    const ROWS: i64 = 10_050;
    type Write = fn(&mut Connection);
    let cases: [(&str, Write); 3] = [
        ("rows in their order", |db| log_long(db, "long", (0..ROWS).map(|i| (i, i)))),
        ("the first row came last", |db| {
            log_long(db, "long", (1..ROWS).chain([0]).map(|i| (i, i)));
        }),
        ("most rows are another run's", |db| {
            log_long(db, "other", (0..ROWS).map(|i| (i, -i)));
            log_long(db, "long", (0..ROWS).map(|i| (i, i)));
            log_long(db, "other", (ROWS..ROWS * 2).map(|i| (i, -i)));
        }),
    ];
    for (case, write) in cases {
        let fixture = project();
        let mut db = Connection::open(fixture.dir.join("p.db")).unwrap();
        db.execute("DELETE FROM metrics", ()).unwrap();
        write(&mut db);
        drop(db);
        let mut session = Session::start(&fixture.dir);
        let asked = json!({"project": "p", "run": "long", "metric": "x"});
        let answer = session.call("get_metric_values", asked).ok();
        let stats = &answer.structured["stats"];
        assert_eq!(stats["count"], json!(ROWS), "{case}: {stats}");
        assert_eq!(stats["first"]["value"], json!(0.0), "{case}: {stats}");
        assert_eq!(stats["last"]["value"], json!((ROWS - 1) as f64), "{case}: {stats}");
        let steps = answer.structured["columns"]["step"].as_array().unwrap();
        let steps: Vec<i64> = steps.iter().map(|step| step.as_i64().unwrap()).collect();
        assert!(steps.is_sorted(), "{case}: {steps:?}");
    }
}
