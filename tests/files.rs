//! Files that are not what their name says, logs that SQLite cannot use, copies without their log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use support::{Fixture, Session, changes, database, glance, snapshot};

/// Long enough for a busy computer, and far below the 10 s that SQLite would wait.
const AT_ONCE: Duration = Duration::from_secs(5);

/// What `get_all_projects` says of `project`.
fn detail(session: &mut Session, project: &str) -> Value {
    let started = Instant::now();
    let answer = session.call("get_all_projects", json!({})).ok().structured;
    assert!(started.elapsed() < AT_ONCE, "{project}: {:?}", started.elapsed());
    let details = answer["details"].as_array().unwrap().iter();
    let mut of_project = details.filter(|detail| detail["name"] == project);
    of_project.next().unwrap_or_else(|| panic!("{project} is not listed: {answer}")).clone()
}

fn problem(session: &mut Session, project: &str) -> String {
    let detail = detail(session, project);
    let problem = detail["problem"].as_str();
    problem.unwrap_or_else(|| panic!("{project} has no problem: {detail}")).to_owned()
}

/// A file beside the database.
fn beside(dir: &Path, suffix: &str) -> PathBuf {
    dir.join(format!("p.db{suffix}"))
}

/// The project `p` as a killed writer leaves it: run `old` in the database, run `new` in the log.
fn with_log() -> Fixture {
    let made = Fixture::empty();
    let db = database::project(&made.dir, "p");
    database::log_metric(&db, "old", "old", "loss", 0..1);
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())).unwrap();
    database::log_metric(&db, "new", "new", "loss", 0..1);
    let fixture = Fixture::empty();
    for suffix in ["", "-wal", "-shm"] {
        fs::copy(beside(&made.dir, suffix), beside(&fixture.dir, suffix)).unwrap();
    }
    fixture
}

#[cfg(unix)]
mod odd {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    const KINDS: [(&str, &str); 5] = [
        ("pipe", "a named pipe"),
        ("directory", "a directory"),
        ("socket", "a socket"),
        ("link to a device", "a device"),
        ("link to a pipe", "a named pipe"),
    ];

    fn make(kind: &str, path: &Path) {
        let pipe = |path: &Path| {
            assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
        };
        let _ = fs::remove_file(path);
        match kind {
            "pipe" => pipe(path),
            "directory" => fs::create_dir(path).unwrap(),
            "socket" => {
                // Its own path must be short.
                let short = tempfile::tempdir().unwrap();
                drop(UnixListener::bind(short.path().join("s")).unwrap());
                fs::rename(short.path().join("s"), path).unwrap();
            }
            "link to a device" => symlink("/dev/zero", path).unwrap(),
            _ => {
                let target = path.with_extension("target");
                pipe(&target);
                symlink(target, path).unwrap();
            }
        }
    }

    #[test]
    fn no_part_of_a_project_is_opened_that_is_not_a_file() {
        for (kind, words) in KINDS {
            for suffix in ["", "-wal", "-shm", "-journal"] {
                let fixture = with_log();
                database::project(&fixture.dir, "other").close().unwrap();
                make(kind, &beside(&fixture.dir, suffix));
                let before = glance(&fixture.dir);
                let mut session = Session::start(&fixture.dir);
                let problem = problem(&mut session, "p");
                let file = if suffix.is_empty() { "it".into() } else { format!("its `{suffix}`") };
                let expected = format!("{file} is {words}, not a regular file");
                assert!(problem.contains(&expected), "{kind} {suffix}: {problem}");
                let asked = json!({"project": "p"});
                let said = session.call("get_runs_for_project", asked).failure();
                assert!(said.contains(&expected), "{said}");
                assert_eq!(detail(&mut session, "other")["num_runs"], 0);
                assert_eq!(changes(&before, &glance(&fixture.dir)), Vec::<String>::new());
            }
        }
    }

    /// The one file of Trackio 0.0.x is looked into for every unknown name.
    #[test]
    fn a_pipe_in_place_of_the_first_file_stops_nothing() {
        let fixture = Fixture::empty();
        make("pipe", &fixture.dir.join("trackio.db"));
        let mut session = Session::start(&fixture.dir);
        assert!(problem(&mut session, "trackio").contains("a named pipe"));
        session.call("get_runs_for_project", json!({"project": "unknown"})).failure();
    }

    #[test]
    fn a_write_does_not_wait_for_a_pipe() {
        for file in ["p.db", "p.db-wal", "p.lock"] {
            let fixture = Fixture::empty();
            database::project(&fixture.dir, "p").close().unwrap();
            make("pipe", &fixture.dir.join(file));
            let dir = fixture.dir.to_str().unwrap();
            let mut session = Session::spawn(["--dir", dir, "--allow-writes"], |_| {});
            session.handshake(support::LEGACY);
            let started = Instant::now();
            let entry = json!({"project": "p", "run": "r", "metrics": {"x": 1}});
            let said = session.call("bulk_log", json!({"logs": [entry]})).failure();
            assert!(said.contains("a named pipe"), "{file}: {said}");
            assert!(started.elapsed() < AT_ONCE);
        }
    }

    #[test]
    fn media_and_files_of_a_project_are_not_opened_that_are_not_files() {
        for (kind, _) in KINDS {
            let fixture = Fixture::empty();
            let db = database::project(&fixture.dir, "p");
            let value = json!({"_type": "trackio.image", "file_path": "p/r/0/a.png"});
            db.execute(
                "INSERT INTO metrics(run_id, timestamp, run_name, step, metrics)
                 VALUES ('r', ?, 'r', 0, ?)",
                (database::now(), json!({"picture": value}).to_string().into_bytes()),
            )
            .unwrap();
            db.close().unwrap();
            let media = fixture.dir.join("media/p");
            for folder in ["r/0", "files"] {
                fs::create_dir_all(media.join(folder)).unwrap();
            }
            make(kind, &media.join("r/0/a.png"));
            make(kind, &media.join("files/a.txt"));
            let mut session = Session::start(&fixture.dir);
            for asked in [
                json!({"project": "p", "run": "r"}),
                json!({"project": "p", "run": "r", "metric": "picture"}),
                json!({"project": "p"}),
            ] {
                let started = Instant::now();
                session.call("get_media", asked);
                assert!(started.elapsed() < AT_ONCE, "{kind}");
            }
            assert!(session.alive());
        }
    }

    #[test]
    fn an_artifact_is_not_opened_that_is_not_a_file() {
        for (kind, _) in KINDS {
            let fixture = Fixture::unpack("0.43.0");
            let blobs = fixture.dir.join("artifacts/art-proj/blobs/sha256");
            for folder in fs::read_dir(&blobs).unwrap() {
                for blob in fs::read_dir(folder.unwrap().path()).unwrap() {
                    make(kind, &blob.unwrap().path());
                }
            }
            let mut session = Session::start(&fixture.dir);
            let asked = json!({"project": "art-proj"});
            let found = session.call("find_artifacts", asked).ok().structured;
            let name = found["artifacts"][0]["name"].clone();
            let started = Instant::now();
            let asked = json!({"project": "art-proj", "name": name, "verify": true});
            let answer = session.call("get_artifact", asked).ok();
            assert!(started.elapsed() < AT_ONCE, "{kind}");
            assert!(answer.raw.to_string().contains("refused"), "{kind}: {}", answer.raw);
        }
    }
}

/// What is done to the files, how many runs there are then (2 with the log, 1 without), and whether
/// the answer says that the log is damaged.
type Damage = (&'static str, fn(&Path), usize, bool);

fn cut(path: &Path, length: usize) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..length]).unwrap();
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x41;
    fs::write(path, bytes).unwrap();
}

/// Other salts, with the checksum that belongs to them: neither the frames nor the `-shm` have them.
fn salt(path: &Path) {
    flip(path, 16);
    let mut bytes = fs::read(path).unwrap();
    let order = if bytes[3] & 1 == 1 { u32::from_be_bytes } else { u32::from_le_bytes };
    let (mut first, mut second) = (0_u32, 0_u32);
    for pair in bytes[..24].chunks(8) {
        let word = |at: usize| order(pair[at..at + 4].try_into().unwrap());
        first = first.wrapping_add(word(0)).wrapping_add(second);
        second = second.wrapping_add(word(4)).wrapping_add(first);
    }
    bytes[24..28].copy_from_slice(&first.to_be_bytes());
    bytes[28..32].copy_from_slice(&second.to_be_bytes());
    fs::write(path, bytes).unwrap();
}

const DAMAGES: [Damage; 20] = [
    ("nothing", |_| {}, 2, false),
    ("an empty log", |dir| cut(&beside(dir, "-wal"), 0), 1, false),
    ("a log of 1 byte", |dir| cut(&beside(dir, "-wal"), 1), 1, true),
    ("a log of 31 bytes", |dir| cut(&beside(dir, "-wal"), 31), 1, true),
    ("a log of 32 bytes", |dir| cut(&beside(dir, "-wal"), 32), 1, false),
    ("a log of 33 bytes", |dir| cut(&beside(dir, "-wal"), 33), 1, false),
    ("a log without a whole frame", |dir| cut(&beside(dir, "-wal"), 32 + 24 + 4095), 1, false),
    ("a log with one frame of several", |dir| cut(&beside(dir, "-wal"), 32 + 24 + 4096), 1, false),
    ("another magic number", |dir| flip(&beside(dir, "-wal"), 0), 1, true),
    ("another version", |dir| flip(&beside(dir, "-wal"), 7), 1, true),
    ("another page size", |dir| flip(&beside(dir, "-wal"), 10), 1, true),
    ("a wrong checksum", |dir| flip(&beside(dir, "-wal"), 30), 1, true),
    ("other salts", |dir| salt(&beside(dir, "-wal")), 1, false),
    ("a damaged frame", |dir| flip(&beside(dir, "-wal"), 40), 1, false),
    ("an empty index", |dir| cut(&beside(dir, "-shm"), 0), 2, false),
    ("a short index", |dir| cut(&beside(dir, "-shm"), 100), 2, false),
    ("an index of another version", |dir| flip(&beside(dir, "-shm"), 0), 2, false),
    ("an index of noise", |dir| fs::write(beside(dir, "-shm"), [0xa5; 32768]).unwrap(), 2, false),
    ("no index", |dir| fs::remove_file(beside(dir, "-shm")).unwrap(), 2, false),
    (
        "a cut log and no index",
        |dir| {
            cut(&beside(dir, "-wal"), 32);
            fs::remove_file(beside(dir, "-shm")).unwrap();
        },
        1,
        false,
    ),
];

/// With a log that it cannot use beside a `-shm` that it may not write, SQLite tries for 10 s.
#[test]
fn a_damaged_log_is_passed_over_at_once() {
    for (what, damage, runs, is_told) in DAMAGES {
        for is_closed in [true, false] {
            let fixture = with_log();
            damage(&fixture.dir);
            #[cfg(unix)]
            if is_closed {
                support::make_read_only(&fixture.dir);
            }
            let before = snapshot(&fixture.dir);
            let mut session = Session::start(&fixture.dir);
            let detail = detail(&mut session, "p");
            assert_eq!(detail["num_runs"], runs, "{what}, read-only {is_closed}: {detail}");
            assert_eq!(detail["problem"].is_string(), is_told, "{what}: {detail}");
            drop(session);
            assert_eq!(changes(&before, &snapshot(&fixture.dir)), Vec::<String>::new(), "{what}");
        }
    }
}

/// Another process has the database open, so the index is not made anew.
#[test]
fn a_damaged_index_of_a_living_process_is_passed_over_at_once() {
    let fixture = Fixture::empty();
    let db = database::project(&fixture.dir, "p");
    database::log_metric(&db, "r", "r", "loss", 0..1);
    let index = fs::OpenOptions::new().write(true).open(beside(&fixture.dir, "-shm")).unwrap();
    std::io::Write::write_all(&mut &index, &[0xa5; 136]).unwrap();
    let mut session = Session::start(&fixture.dir);
    assert_eq!(detail(&mut session, "p")["num_runs"], 1);
}

#[test]
fn a_database_without_the_log_that_holds_its_tables_says_so() {
    type Damage = fn(&Path);
    let cases: [(&str, Damage, Option<&str>); 4] = [
        ("no log", |_| {}, Some("missing or empty")),
        (
            "an empty log",
            |dir| fs::write(beside(dir, "-wal"), "").unwrap(),
            Some("missing or empty"),
        ),
        ("a cut log", |dir| fs::write(beside(dir, "-wal"), "cut").unwrap(), Some("damaged")),
        // As a writer that has just begun: the tables come next.
        (
            "an empty log and its index",
            |dir| ["-wal", "-shm"].iter().for_each(|f| fs::write(beside(dir, f), "").unwrap()),
            None,
        ),
    ];
    for (what, make, expected) in cases {
        let (made, fixture) = (Fixture::empty(), Fixture::empty());
        let writer = database::project(&made.dir, "p");
        fs::copy(beside(&made.dir, ""), beside(&fixture.dir, "")).unwrap();
        drop(writer);
        assert_eq!(fs::metadata(beside(&fixture.dir, "")).unwrap().len(), 4096);
        make(&fixture.dir);
        let mut session = Session::start(&fixture.dir);
        let Some(expected) = expected else {
            assert_eq!(detail(&mut session, "p")["num_runs"], 0, "{what}");
            continue;
        };
        let asked = json!({"project": "p"});
        let failure = session.call("get_runs_for_project", asked).failure();
        for said in [problem(&mut session, "p"), failure] {
            assert!(said.contains(expected), "{what}: {said}");
            assert!(said.contains("Copy `p.db-wal`"), "{what}: {said}");
        }
    }
}

/// A project in a rollback journal, as Trackio 0.0 to 0.3.3 and its Spaces write it.
fn with_rollback_journal(dir: &Path) -> Connection {
    let db = database::project(dir, "p");
    db.query_row("PRAGMA journal_mode=DELETE", (), |_| Ok(())).unwrap();
    database::log_metric(&db, "old", "old", "loss", 0..1);
    db
}

#[test]
fn a_journal_that_a_killed_writer_left_is_rolled_back_in_a_copy() {
    let (made, fixture) = (Fixture::empty(), Fixture::empty());
    let db = with_rollback_journal(&made.dir);
    // More than the writer's cache holds, so that it is in the file before it is committed.
    db.execute_batch("PRAGMA cache_size=1; BEGIN").unwrap();
    for run in 0..300 {
        database::log_metric(&db, &format!("r{run}"), "new", "loss", 0..1);
    }
    for suffix in ["", "-journal"] {
        fs::copy(beside(&made.dir, suffix), beside(&fixture.dir, suffix)).unwrap();
    }
    let before = snapshot(&fixture.dir);
    let mut session = Session::start(&fixture.dir);
    assert_eq!(detail(&mut session, "p")["num_runs"], 1);
    assert_eq!(changes(&before, &snapshot(&fixture.dir)), Vec::<String>::new());
}

#[test]
fn a_locked_database_is_waited_for_and_then_said_to_be_locked() {
    let fixture = Fixture::empty();
    let db = with_rollback_journal(&fixture.dir);
    db.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mut session = Session::start(&fixture.dir);
    let asked = session.post_call("get_runs_for_project", &json!({"project": "p"}));
    let early = session.answer_to(&json!(asked), Duration::from_secs(1));
    assert!(early.is_none(), "{early:?}");
    db.execute_batch("COMMIT; BEGIN EXCLUSIVE; COMMIT").unwrap();
    let answer = session.answer_to(&json!(asked), support::PATIENCE).unwrap();
    assert!(answer["result"]["isError"] != true, "{answer}");
    db.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let said = session.call("get_runs_for_project", json!({"project": "p"})).failure();
    assert!(said.contains("locked by a writer"), "{said}");
}

#[test]
fn what_is_listed_can_be_asked_for_by_that_name() {
    let fixture = Fixture::empty();
    let db = database::project(&fixture.dir, "p");
    database::log_metric(&db, "r", "r", "loss", 0..1);
    db.close().unwrap();
    let copies = [
        ("p (conflicted copy 2026-01-02).db", "pconflictedcopy2026-01-02.db"),
        ("p.sync-conflict-20260102-101112-ABCDEFG.db", "psync-conflict-20260102-101112-ABCDEFG.db"),
        ("p (1).db", "p1.db"),
        ("p - Copy.db", "p-Copy.db"),
        (".p.db", "p-2.db"),
    ];
    for (name, _) in copies {
        fs::copy(beside(&fixture.dir, ""), fixture.dir.join(name)).unwrap();
    }
    for name in ["._p.db", "~$p.db", ".p.db.swp", "p.db.icloud", "p.db~"] {
        fs::write(fixture.dir.join(name), b"\0\x05\x16\x07\0\x02\0\0Mac OS X").unwrap();
    }
    let mut session = Session::start(&fixture.dir);
    let answer = session.call("get_all_projects", json!({})).ok().structured;
    assert_eq!(answer["projects"], json!(["p"]));
    let notes = answer["notes"].to_string();
    for (file, project) in copies {
        let expected = format!("`{file}` (as a project: `{project}`)");
        assert!(notes.contains(&expected), "{expected}: {notes}");
    }
    assert!(!notes.contains("._p") && !notes.contains('~'), "{notes}");
    for (file, project) in copies {
        fs::rename(fixture.dir.join(file), fixture.dir.join(project)).unwrap();
    }
    let answer = session.call("get_all_projects", json!({})).ok().structured;
    assert_eq!(answer["notes"], Value::Null, "{answer}");
    let listed = answer["projects"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 1 + copies.len());
    for project in listed {
        let runs = session.call("get_runs_for_project", json!({"project": project})).ok();
        assert_eq!(runs.structured["runs"].as_array().unwrap().len(), 1, "{project}");
    }
}

/// Two slashes at the start of an address would name a host.
#[cfg(unix)]
#[test]
fn a_directory_is_read_however_it_is_written() {
    let fixture = with_log();
    let folder = fixture.dir.join("50%25 ?#&mode=rw");
    fs::create_dir(&folder).unwrap();
    for suffix in ["", "-wal", "-shm"] {
        fs::copy(beside(&fixture.dir, suffix), beside(&folder, suffix)).unwrap();
    }
    let dir = fixture.dir.to_str().unwrap();
    for spelling in [
        format!("/{dir}"),
        format!("//{dir}//"),
        format!("{dir}/../trackio/."),
        format!("{dir}/50%25 ?#&mode=rw"),
    ] {
        let mut session = Session::start(Path::new(&spelling));
        assert_eq!(detail(&mut session, "p")["num_runs"], 2, "{spelling}");
    }
}

/// As on a file system without POSIX locks: every one of them fails.
#[cfg(target_os = "linux")]
#[test]
fn without_locks_everything_is_read_all_the_same() {
    let (made, hot) = (Fixture::empty(), Fixture::empty());
    let db = with_rollback_journal(&made.dir);
    db.execute_batch("PRAGMA cache_size=1; BEGIN").unwrap();
    for run in 0..300 {
        database::log_metric(&db, &format!("r{run}"), "new", "loss", 0..1);
    }
    for suffix in ["", "-journal"] {
        fs::copy(beside(&made.dir, suffix), beside(&hot.dir, suffix)).unwrap();
    }
    db.execute_batch("ROLLBACK").unwrap();
    drop(db);
    let log = with_log();
    for (fixture, runs) in [(&made, "1"), (&hot, "1"), (&log, "2")] {
        for error in ["ENOLCK", "EINVAL", "EOPNOTSUPP"] {
            let mut command = std::process::Command::new("strace");
            command.args(["-f", "-o", "/dev/null", "-e", &format!("inject=fcntl:error={error}")]);
            command.arg(env!("CARGO_BIN_EXE_mcp-trackio")).arg("--dir").arg(&fixture.dir);
            command.args(["call", "get_all_projects"]);
            // Not every computer has strace, and not every container lets it work.
            let Ok(output) = command.output() else { return };
            if String::from_utf8_lossy(&output.stderr).contains("ptrace") {
                return;
            }
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains(&format!("p | project | {runs}")), "{error}: {output:?}");
        }
    }
}
