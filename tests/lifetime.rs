//! Every call ends by its deadline and the process with its client, whatever is stuck, and
//! standard error never matters.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Fixture, LEGACY, PATIENCE, Session};

/// The process has to be gone so long after its client; the rest is for a busy machine.
const GONE_AFTER: Duration = Duration::from_millis(2_000 + 1_000);
/// A call has to be answered so long after its deadline.
const ANSWERED_AFTER: Duration = Duration::from_secs(4);

/// A query that never ends by itself.
const ENDLESS: &str =
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT count(*) FROM c";

/// A database that another process holds locked, so that readers wait.
fn locked(fixture: &Fixture, project: &str) -> rusqlite::Connection {
    let db = support::database::project(&fixture.dir, project);
    db.execute_batch("PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE").unwrap();
    db
}

/// A file that nobody can open: who tries is stuck in the kernel for 45 seconds, as on a disk that
/// does not answer. A lease does that, which Linux alone has; `None` where it cannot be had.
struct StuckFile(Child);

impl StuckFile {
    fn new(file: &Path) -> Option<Self> {
        const LEASE: &str = "\
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
fcntl.fcntl(os.open(sys.argv[1], os.O_RDWR), fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('leased', flush=True)
sys.stdin.read()";
        if !cfg!(target_os = "linux") {
            return None;
        }
        let mut python = Command::new("python3");
        python.args(["-c", LEASE]).arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = python.spawn().ok()?;
        let mut said = String::new();
        let out = child.stdout.take()?;
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut said).ok()?;
        let stuck = Self(child);
        (said == "leased\n").then_some(stuck)
    }
}

impl Drop for StuckFile {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The projects `p` and `q`, and a server that answers about them.
fn two_projects(deadline: &str) -> (Fixture, Session) {
    let fixture = Fixture::empty();
    for name in ["p", "q"] {
        let db = support::database::project(&fixture.dir, name);
        support::database::log_metric(&db, "0123456789abcdef", "r", "loss", 0..3);
        db.execute_batch("PRAGMA journal_mode=DELETE").unwrap();
    }
    let dir = fixture.dir.to_str().unwrap();
    let mut session = Session::spawn(["--dir", dir, "--deadline", deadline], |_| {});
    session.handshake(LEGACY);
    (fixture, session)
}

/// The same, where the file of `p` is stuck.
fn stuck_server(deadline: &str) -> Option<(Fixture, StuckFile, Session)> {
    let (fixture, session) = two_projects(deadline);
    let stuck = StuckFile::new(&fixture.dir.join("p.db"))?;
    Some((fixture, stuck, session))
}

#[test]
fn a_call_that_is_stuck_in_the_kernel_is_answered_and_holds_nothing_else_up() {
    let Some((_fixture, _stuck, mut session)) = stuck_server("0.5") else { return };
    let uri = "trackio://p/0123456789abcdef";
    let requests = [
        ("tools/call", json!({"name": "get_runs_for_project", "arguments": {"project": "p"}})),
        ("resources/read", json!({"uri": uri})),
        ("resources/subscribe", json!({"uri": uri})),
    ];
    let began = Instant::now();
    for (method, params) in &requests {
        session.post(method, params.clone());
    }
    assert!(session.request("ping", Value::Null)["result"].is_object());
    for _ in &requests {
        let answer = session.receive(PATIENCE).expect("an answer to each").to_string();
        assert!(answer.contains("took too long"), "{answer}");
    }
    assert!(began.elapsed() < ANSWERED_AFTER, "{:?}", began.elapsed());
    session.call("get_runs_for_project", json!({"project": "q"})).ok();
    let (status, took) = session.close();
    assert!(status.success() && took < GONE_AFTER, "{status} after {took:?}");
}

#[test]
fn calls_are_refused_at_once_while_many_are_stuck() {
    let Some((_fixture, _stuck, mut session)) = stuck_server("0.3") else { return };
    let ask =
        |session: &mut Session| session.post_call("get_runs_for_project", &json!({"project": "p"}));
    for _ in 0..8 {
        let id = ask(&mut session);
        let answer = session.answer_to(&json!(id), PATIENCE).unwrap().to_string();
        assert!(answer.contains("took too long"), "{answer}");
    }
    let id = ask(&mut session);
    let answer = session.answer_to(&json!(id), PATIENCE).unwrap().to_string();
    assert!(answer.contains("8 earlier calls are still stuck"), "{answer}");
    assert!(answer.contains("get_runs_for_project of project `p`"), "{answer}");
    assert!(session.close().1 < GONE_AFTER);
}

#[test]
fn a_watched_file_that_cannot_be_opened_holds_nothing_up() {
    let (fixture, mut session) = two_projects("0.5");
    let subscribed = session.request("resources/subscribe", json!({"uri": "trackio://p"}));
    assert!(subscribed["result"].is_object(), "{subscribed}");
    let Some(_stuck) = StuckFile::new(&fixture.dir.join("p.db")) else { return };
    // Until the next look at the files.
    thread::sleep(Duration::from_secs(2));
    assert!(session.request("ping", Value::Null)["result"].is_object());
    session.call("get_runs_for_project", json!({"project": "q"})).ok();
    let began = Instant::now();
    let subscribed = session.request("resources/subscribe", json!({"uri": "trackio://q"}));
    assert!(subscribed["result"].is_object(), "{subscribed}");
    assert!(began.elapsed() < ANSWERED_AFTER, "{:?}", began.elapsed());
    assert!(session.close().1 < GONE_AFTER);
}

#[test]
fn a_command_ends_by_its_deadline_where_a_file_is_stuck() {
    let Some((fixture, _stuck, _session)) = stuck_server("0.3") else { return };
    let picture = fixture.dir.join("curves.png");
    let cases: [&[&str]; 3] = [
        &["call", "get_runs_for_project", "project=p"],
        &["plot", "p", "-o", picture.to_str().unwrap()],
        &["doctor"],
    ];
    for arguments in cases {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-trackio"));
        command.arg("--dir").arg(&fixture.dir).args(["--deadline", "0.5"]).args(arguments);
        command.env("HOME", &fixture.dir);
        let began = Instant::now();
        let output = command.output().unwrap();
        assert!(began.elapsed() < ANSWERED_AFTER, "{arguments:?} took {:?}", began.elapsed());
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("took too long"), "{arguments:?}: {said}");
    }
}

#[test]
fn the_process_is_gone_after_its_client_whatever_is_under_way() {
    let fixture = Fixture::unpack("0.43.0");
    let _locked = locked(&fixture, "locked");
    let endless = json!({"project": "demo-main", "sql": ENDLESS});
    let cases = [
        ("a query without end", "query_project", endless),
        ("a read that waits for a lock", "get_runs_for_project", json!({"project": "locked"})),
    ];
    for (what, tool, arguments) in cases {
        let mut session = Session::start(&fixture.dir);
        for _ in 0..20 {
            session.post_call(tool, &arguments);
        }
        thread::sleep(Duration::from_millis(300));
        let (status, took) = session.close();
        assert!(status.success(), "{what}: {status}");
        assert!(took < GONE_AFTER, "{what}: gone after {took:?}");
    }
}

#[test]
fn a_wait_ends_at_once_with_its_client() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let first = session.call("get_updates", json!({"project": "demo-main"})).ok().structured;
    let asked =
        json!({"project": "demo-main", "cursor": first["next_cursor"], "wait_seconds": 300});
    let id = session.post_call("get_updates", &asked);
    thread::sleep(Duration::from_millis(300));
    let (status, took) = session.close();
    assert!(status.success() && took < GONE_AFTER, "{status} after {took:?}");
    assert!(session.answer_to(&json!(id), PATIENCE).is_some(), "the wait was not answered");
}

#[test]
fn a_read_that_waits_for_a_lock_heeds_its_deadline() {
    let fixture = Fixture::empty();
    let _locked = locked(&fixture, "locked");
    let dir = fixture.dir.to_str().unwrap();
    for (deadline, limit) in [("0.5", 3.0), ("20", 15.0)] {
        let mut session = Session::spawn(["--dir", dir, "--deadline", deadline], |_| {});
        session.handshake(LEGACY);
        let began = Instant::now();
        session.call("get_runs_for_project", json!({"project": "locked"})).failure();
        let took = began.elapsed().as_secs_f64();
        assert!(took < limit, "--deadline {deadline}: {took} s");
        // It waits for a writer for five seconds, where it may.
        assert!(deadline != "20" || took > 4.0, "--deadline {deadline}: {took} s");
    }
}

#[test]
fn a_deadline_that_makes_no_sense_is_refused() {
    for deadline in ["0", "-1", "x", "3601", "NaN", "inf", ""] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-trackio"));
        let output = command.args(["--deadline", deadline, "tools"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "--deadline {deadline}");
    }
}

/// A server whose streams the test holds itself.
fn bare(fixture: &Fixture, stdout: Stdio, stderr: Stdio) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-trackio"));
    command.arg("--dir").arg(&fixture.dir).env("MCP_TRACKIO_LOG", "debug");
    command.stdin(Stdio::piped()).stdout(stdout).stderr(stderr).spawn().unwrap()
}

fn is_gone(child: &mut Child, within: Duration) -> bool {
    let began = Instant::now();
    while began.elapsed() < within {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().ok();
    child.wait().ok();
    false
}

#[test]
fn the_process_is_gone_after_its_client_though_nobody_reads_its_answers() {
    let fixture = Fixture::unpack("0.43.0");
    let mut child = bare(&fixture, Stdio::piped(), Stdio::null());
    let _unread = child.stdout.take();
    let mut stdin = child.stdin.take().unwrap();
    // The answers are more than a pipe holds.
    for id in 0..300 {
        writeln!(stdin, "{}", json!({"jsonrpc": "2.0", "id": id, "method": "x".repeat(500)}))
            .unwrap();
    }
    thread::sleep(Duration::from_millis(200));
    drop(stdin);
    assert!(is_gone(&mut child, GONE_AFTER), "it is still there");
}

#[test]
fn the_process_ends_when_its_answers_cannot_be_written() {
    let fixture = Fixture::empty();
    let mut child = bare(&fixture, Stdio::piped(), Stdio::null());
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})).unwrap();
    assert!(is_gone(&mut child, PATIENCE), "it is still there");
}

#[test]
fn standard_error_may_be_unread_or_closed() {
    let fixture = Fixture::unpack("0.43.0");
    for (what, is_closed) in [("unread", false), ("closed", true)] {
        let mut child = bare(&fixture, Stdio::piped(), Stdio::piped());
        let mut errors = child.stderr.take();
        if is_closed {
            errors = None;
        }
        let mut stdin = child.stdin.take().unwrap();
        let stdout = std::io::BufReader::new(child.stdout.take().unwrap());
        let asked = thread::spawn(move || {
            let begin = json!({"jsonrpc": "2.0", "id": "begin", "method": "initialize", "params": {
                "protocolVersion": LEGACY, "capabilities": {},
                "clientInfo": {"name": "black-box tests", "version": "1"},
            }});
            writeln!(stdin, "{begin}").unwrap();
            // Each is logged: more than a thousand times what a full pipe holds up.
            for id in 0..1_200 {
                let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
                                  "params": {"name": format!("no_such_tool_{}", "x".repeat(200))}});
                writeln!(stdin, "{call}").unwrap();
            }
            stdin
        });
        let mut answered = 0;
        let mut lines = std::io::BufRead::lines(stdout);
        while answered < 1_201 {
            let line =
                lines.next().unwrap_or_else(|| panic!("{what}: {answered} answers")).unwrap();
            let answer: Value = serde_json::from_str(&line).unwrap();
            assert!(answer.get("id").is_some(), "{what}: {answer}");
            answered += 1;
        }
        drop(asked.join().unwrap());
        assert!(is_gone(&mut child, GONE_AFTER), "{what}: it is still there");
        drop(errors);
    }
}

#[test]
fn a_command_fails_as_it_should_though_standard_error_is_closed() {
    let fixture = Fixture::empty();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-trackio"));
    command.arg("--dir").arg(&fixture.dir).args(["call", "get_run_summary", "project=none"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    #[cfg(target_os = "linux")]
    {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-trackio"));
        command.arg("--dir").arg(&fixture.dir).args(["call", "get_run_summary", "project=none"]);
        let status = command.stdout(Stdio::null()).stderr(full).status().unwrap();
        assert_eq!(status.code(), Some(1));
    }
}
