//! Rows that wait in the inbox: read once, within bounds, and taken as Trackio's import takes them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::database::{now, project};
use support::{Fixture, Session};

fn writer(dir: &Path) -> PathBuf {
    let folder = dir.join("inbox/0123456789abcdef");
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn fragment(dir: &Path, number: usize, lines: &[Value]) {
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    fs::write(writer(dir).join(format!("{number:08}.jsonl")), lines.join("\n")).unwrap();
}

fn metric(run: &str, step: Value, log_id: &str) -> Value {
    json!({"v": 1, "kind": "metric", "project": "p", "run": run, "run_id": run, "step": step,
           "metrics": {"loss": 0.5}, "timestamp": "2026-01-01T00:00:00+00:00", "log_id": log_id})
}

fn rows(session: &mut Session, query: &str) -> Value {
    let asked = json!({"project": "p", "query": query});
    session.call("query_project", asked).ok().structured["rows"].clone()
}

fn count(session: &mut Session) -> u64 {
    rows(session, "SELECT COUNT(*) AS n FROM metrics_text")[0]["n"].as_u64().unwrap()
}

#[test]
fn a_step_after_the_last_integer_is_the_last_integer() {
    for (stored, given, expected) in [
        (None, json!(i64::MAX), json!(i64::MAX)),
        (Some(i64::MAX), json!(3), json!(i64::MAX)),
        (None, json!(i64::MAX - 1), json!(i64::MAX)),
        (Some(9_007_199_254_740_993), json!(3), json!(9_007_199_254_740_994_i64)),
        (None, json!(1.5), json!(2.5)),
        (None, json!(null), json!(1)),
    ] {
        let fixture = Fixture::empty();
        if let Some(step) = stored {
            let db = project(&fixture.dir, "p");
            db.execute(
                "INSERT INTO metrics (run_id, run_name, timestamp, step, metrics, log_id)
                 VALUES ('r', 'r', ?1, ?2, '{}', 'stored')",
                (now(), step),
            )
            .unwrap();
        }
        fragment(&fixture.dir, 0, &[metric("r", given.clone(), "a")]);
        // Batches of a hundred files: the next number is taken at the beginning of each.
        for number in 1..100 {
            fragment(&fixture.dir, number, &[]);
        }
        fragment(&fixture.dir, 100, &[metric("r", json!(null), "b")]);
        let mut session = Session::start(&fixture.dir);
        let found = rows(&mut session, "SELECT step FROM metrics_text WHERE log_id = 'b'");
        assert_eq!(found[0]["step"], expected, "{stored:?} {given}");
        session.call("get_logs", json!({"project": "p", "run": "r"})).ok();
    }
}

#[test]
fn what_changes_in_the_inbox_or_the_database_is_seen_at_once() {
    let fixture = Fixture::empty();
    let mut session = Session::start(&fixture.dir);
    fragment(&fixture.dir, 0, &[metric("r", json!(0), "a"), metric("r", json!(1), "b")]);
    assert_eq!(count(&mut session), 2);
    fragment(&fixture.dir, 1, &[metric("r", json!(2), "c")]);
    assert_eq!(count(&mut session), 3);
    let runs = |session: &mut Session| {
        let asked = json!({"project": "p"});
        let answer = session.call("get_runs_for_project", asked).ok();
        answer.structured["runs"].as_array().unwrap().len()
    };
    assert_eq!(runs(&mut session), 1);
    fragment(&fixture.dir, 2, &[metric("another", json!(0), "d")]);
    assert_eq!(runs(&mut session), 2);
    // Trackio imports a row; its file is there still.
    let db = project(&fixture.dir, "p");
    db.execute(
        "INSERT INTO metrics (run_id, run_name, timestamp, step, metrics, log_id)
         VALUES ('r', 'r', ?1, 0, '{}', 'a')",
        (now(),),
    )
    .unwrap();
    assert_eq!(count(&mut session), 4);
    assert_eq!(rows(&mut session, "SELECT COUNT(*) AS n FROM metrics")[0]["n"], 1);
    for number in 0..3 {
        fs::remove_file(writer(&fixture.dir).join(format!("{number:08}.jsonl"))).unwrap();
    }
    assert_eq!(count(&mut session), 1);
    assert_eq!(runs(&mut session), 1);
}

/// What orjson refuses, Trackio's import passes over; what it takes, it imports.
#[test]
fn lines_are_taken_as_trackio_takes_them() {
    let line = |rest: &str| format!(r#"{{"kind":"metric","project":"p","run":"r",{rest}}}"#);
    let deep = format!(r#""metrics":{{"a":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    for (line, is_taken) in [
        (line(r#""metrics":{"a":1}"#).into_bytes(), true),
        (line(r#""metrics":{"a":1e400}"#).into_bytes(), false),
        (line(r#""metrics":{"a":1e300}"#).into_bytes(), true),
        (line(r#""metrics":{"a":"\ud800"}"#).into_bytes(), false),
        (line(r#""metrics":{"a":"\ud83d\ude00"}"#).into_bytes(), true),
        (line(r#""metrics":{"a":NaN}"#).into_bytes(), false),
        (line(r#""step":-1e400"#).into_bytes(), false),
        (line(r#""unknown":1e400"#).into_bytes(), false),
        (line(r#""unknown":[1e30,"\u00e9"]"#).into_bytes(), true),
        (line(r#""metrics":{},"metrics":{"a":1},"run":"s""#).into_bytes(), true),
        (line(&deep).into_bytes(), true),
        (line("\"metrics\":{\"a\":\"\0\"}").into_bytes(), false),
        ([line(r#""metrics":{"a":""#).as_bytes(), b"\xff\"}}"].concat(), false),
        (line(r#""metrics":{"a":1}"#).replace("metric\"", "x\"").into_bytes(), false),
        (line(r#""metrics":{"a":1}"#).replace("\"p\"", "7").into_bytes(), false),
        (b"[]".to_vec(), false),
    ] {
        let fixture = Fixture::empty();
        let other = metric("other", json!(0), "l").to_string();
        let bytes = [other.as_bytes(), b"\r", &line, b"\r\n"].concat();
        fs::write(writer(&fixture.dir).join("0.jsonl"), bytes).unwrap();
        let mut session = Session::start(&fixture.dir);
        let expected = 1 + u64::from(is_taken);
        assert_eq!(count(&mut session), expected, "{}", String::from_utf8_lossy(&line));
    }
}

#[test]
fn a_line_without_end_is_passed_over_and_named() {
    let fixture = Fixture::empty();
    let good = metric("r", json!(0), "a").to_string();
    let mut file = File::create(writer(&fixture.dir).join("0.jsonl")).unwrap();
    file.write_all(good.as_bytes()).unwrap();
    file.write_all(b"\n").unwrap();
    let part = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        file.write_all(&part).unwrap();
    }
    drop(file);
    let mut session = Session::start(&fixture.dir);
    assert_eq!(count(&mut session), 1);
    let settings = session.call("get_settings", json!({})).ok();
    assert!(settings.text.contains("0.jsonl"), "{}", settings.text);
    #[cfg(target_os = "linux")]
    {
        let status = fs::read_to_string(format!("/proc/{}/status", session.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak < 120 << 10, "{} MB", peak >> 10);
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_never_opened() {
    let fixture = Fixture::empty();
    let folder = writer(&fixture.dir);
    fragment(&fixture.dir, 0, &[metric("r", json!(0), "a")]);
    let made = std::process::Command::new("mkfifo").arg(folder.join("1.jsonl")).status().unwrap();
    assert!(made.success());
    fs::create_dir(folder.join("2.jsonl")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.join("3.jsonl")).unwrap();
    std::os::unix::fs::symlink("4.jsonl", folder.join("4.jsonl")).unwrap();
    std::os::unix::fs::symlink("..", folder.join("up")).unwrap();
    std::os::unix::fs::symlink("00000000.jsonl", folder.join("5.jsonl")).unwrap();
    let mut session = Session::start(&fixture.dir);
    // The link to the first file brings the same rows, once.
    assert_eq!(count(&mut session), 1);
}

/// Bytes that the server has read.
#[cfg(target_os = "linux")]
fn bytes_read(session: &Session) -> u64 {
    let io = fs::read_to_string(format!("/proc/{}/io", session.pid())).unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn each_file_is_read_once_however_many_projects_there_are() {
    let fixture = Fixture::empty();
    for number in 0..20 {
        project(&fixture.dir, &format!("other{number}"));
    }
    let lines: Vec<Value> =
        (0..250).map(|step| metric("r", json!(step), &format!("{step:0200}"))).collect();
    let size = lines.iter().map(|line| line.to_string().len() as u64 + 1).sum::<u64>() * 40;
    for number in 0..40 {
        fragment(&fixture.dir, number, &lines);
    }
    let mut session = Session::start(&fixture.dir);
    let mut before = bytes_read(&session);
    for (call, most) in [size * 3 / 2, size / 2].into_iter().enumerate() {
        session.call("get_all_projects", json!({})).ok();
        assert_eq!(count(&mut session), 250);
        let read = bytes_read(&session) - before;
        assert!(read < most, "call {call}: {read} of {size} bytes");
        before += read;
    }
}
