//! Artifacts on disk: files that are not what was logged, files too large to read, links that lead
//! away, and the version to go back to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use support::{Fixture, PATIENCE, Session};

const SECRET: &str = "what lies outside is no business of an answer";

/// A project of Trackio 0.43 with a version that a test makes.
struct Shelf {
    fixture: Fixture,
    entries: Vec<Value>,
}

impl Shelf {
    fn new() -> Self {
        Self { fixture: Fixture::unpack("0.43.0"), entries: Vec::new() }
    }

    fn blob(&self, digest: &str) -> PathBuf {
        let folder = self.fixture.dir.join("artifacts/art-proj/blobs/sha256").join(&digest[..2]);
        fs::create_dir_all(&folder).unwrap();
        folder.join(digest)
    }

    /// A file of the version under a digest of its own; not yet on disk.
    fn entry(&mut self, path: &str, size: usize) -> PathBuf {
        let digest = format!("{:064x}", 0xA000 + self.entries.len());
        self.entries.push(json!({"path": path, "digest": digest, "size": size}));
        self.blob(&digest)
    }

    fn file(&mut self, path: &str, bytes: &[u8]) {
        let blob = self.entry(path, bytes.len());
        fs::write(blob, bytes).unwrap();
    }

    /// The session, once the version is in the database.
    fn open(&self) -> Session {
        let db = Connection::open(self.fixture.dir.join("art-proj.db")).unwrap();
        db.execute(
            "INSERT INTO artifacts(id, name, type, created_at) VALUES (90, 'shelf', 'dataset', '2026-01-02')",
            [],
        )
        .unwrap();
        db.execute(
            "INSERT INTO artifact_versions(id, artifact_id, version, manifest_digest, manifest,
                 size_bytes, created_at) VALUES (90, 90, 3, 'x', ?1, 1, '2026-01-02')",
            params![json!(self.entries).to_string()],
        )
        .unwrap();
        db.close().unwrap();
        Session::start(&self.fixture.dir)
    }
}

fn shelf(also: Value) -> Value {
    let mut asked = json!({"project": "art-proj", "name": "shelf", "max_tokens": 8_000});
    asked.as_object_mut().unwrap().extend(also.as_object().unwrap().clone());
    asked
}

fn states(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let files = answer["manifest"].as_array().unwrap();
    files.iter().map(|file| (text(&file["path"]), text(&file["state"]))).collect()
}

#[cfg(unix)]
#[test]
fn files_that_are_not_as_logged_are_told_and_never_read_elsewhere() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret.txt");
    fs::write(&secret, SECRET).unwrap();
    let mut shelf_of = Shelf::new();
    shelf_of.file("good.txt", b"good");
    shelf_of.entry("gone.txt", 4);
    fs::write(shelf_of.entry("short.txt", 4_000), b"only so much").unwrap();
    let link = shelf_of.entry("link.txt", SECRET.len());
    std::os::unix::fs::symlink(&secret, link).unwrap();
    let folder = shelf_of.entry("folder.txt", 4);
    fs::create_dir(folder).unwrap();
    let up = "../".repeat(12);
    for (path, digest) in [
        ("up.txt", format!("{up}{}", secret.display())),
        ("absolute.txt", secret.display().to_string()),
        ("upper.txt", "A".repeat(64)),
        ("empty.txt", String::new()),
    ] {
        shelf_of.entries.push(json!({"path": path, "digest": digest, "size": SECRET.len()}));
    }
    let address = format!("file://{}", secret.display());
    shelf_of.entries.push(json!({"path": "ref.txt", "digest": "etag", "size": 1, "ref": address}));
    let mut session = shelf_of.open();
    let answer = session.call("get_artifact", shelf(json!({}))).ok();
    let expected = [
        ("good.txt", "present"),
        ("gone.txt", "missing"),
        ("short.txt", "wrong_size"),
        ("link.txt", "refused"),
        ("folder.txt", "refused"),
        ("up.txt", "bad_digest"),
        ("absolute.txt", "bad_digest"),
        ("upper.txt", "bad_digest"),
        ("empty.txt", "bad_digest"),
        ("ref.txt", "reference"),
    ];
    let owned = |(path, state): (&str, &str)| (path.to_owned(), state.to_owned());
    assert_eq!(states(&answer.structured), expected.map(owned));
    assert!(answer.text.contains("8 of 10 files cannot be used"), "{}", answer.text);
    for (path, state) in expected {
        let answer = session.call("get_artifact", shelf(json!({"file": path, "verify": true})));
        assert!(!answer.raw.to_string().contains(SECRET), "{path}: {}", answer.text);
        assert_eq!(answer.is_error, !matches!(state, "present" | "wrong_size"), "{}", answer.text);
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_leads_away_is_refused() {
    let outside = tempfile::tempdir().unwrap();
    let mut shelf_of = Shelf::new();
    shelf_of.file("a.txt", SECRET.as_bytes());
    let folder = shelf_of.fixture.dir.join("artifacts/art-proj");
    let away = outside.path().join("away");
    assert!(std::process::Command::new("mv").args([&folder, &away]).status().unwrap().success());
    std::os::unix::fs::symlink(&away, &folder).unwrap();
    let mut session = shelf_of.open();
    let answer = session.call("get_artifact", shelf(json!({"verify": true}))).ok();
    assert_eq!(answer.structured["files"]["states"], json!({"refused": 1}));
    let failure = session.call("get_artifact", shelf(json!({"file": "a.txt"}))).failure();
    assert!(failure.contains("leads out") && !failure.contains(SECRET), "{failure}");
}

/// A gzip file that unpacks to so many megabytes of one line, and takes some kilobytes.
fn bomb(megabytes: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&vec![b'a'; 1 << 20]).unwrap();
    encoder.finish().unwrap().repeat(megabytes)
}

#[test]
fn the_beginning_of_a_file_of_any_size_is_shown() {
    let mut shelf_of = Shelf::new();
    shelf_of.file("t.csv", b"id,text\n1,\"a, b\"\n2,c\n");
    let rows: String = (0..100_000).map(|row| format!("{row},{}\n", row * 2)).collect();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(format!("x,y\n{rows}").as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    shelf_of.file("long.csv.gz", &packed);
    shelf_of.file("broken.csv.gz", &packed[..packed.len() / 2]);
    shelf_of.file("bomb.csv.gz", &bomb(2_000));
    let element = format!("{{\"prompt\": \"{}\", \"score\": 1}}, ", "p".repeat(1_000));
    shelf_of.file("big.json", format!("[{}null]", element.repeat(50_000)).as_bytes());
    shelf_of
        .file("one.json", format!("{{\"a\": 1, \"b\": \"{}\"}}", "b".repeat(50 << 20)).as_bytes());
    shelf_of.file("small.json", br#"{"lr": 0.1, "layers": [1, 2]}"#);
    shelf_of.file("bad.json", b"{\"lr\": 0.1,, }");
    shelf_of.file("rows.jsonl", b"{\"a\": 1}\nno json\n{\"a\": NaN}\n");
    shelf_of.file("notes.md", b"# Title\r\nText\n");
    shelf_of.file("w.bin", &[0, 159, 146, 150]);
    shelf_of.file("deep.json", "[".repeat(200_000).as_bytes());
    let mut session = shelf_of.open();
    let mut show = |file: &str| {
        let answer = session.call("get_artifact", shelf(json!({"file": file, "limit": 5}))).ok();
        assert!(answer.raw.to_string().len() < 80_000, "{file}");
        answer.structured
    };
    let table = show("t.csv");
    assert_eq!((&table["columns"], &table["whole"]), (&json!(["id", "text"]), &json!(true)));
    assert_eq!(table["rows"], json!([["1", "a, b"], ["2", "c"]]));
    let long = show("long.csv.gz");
    assert_eq!(long["rows"][4], json!(["4", "8"]));
    assert_eq!((long["rows"].as_array().unwrap().len(), &long["whole"]), (5, &json!(false)));
    assert_eq!(show("broken.csv.gz")["rows"][4], json!(["4", "8"]));
    assert_eq!(show("bomb.csv.gz")["whole"], false);
    let big = show("big.json");
    assert_eq!((big["rows"].as_array().unwrap().len(), &big["whole"]), (5, &json!(false)));
    assert_eq!(big["rows"][0]["score"], 1);
    let one = show("one.json");
    assert_eq!((&one["members"], &one["whole"]), (&json!({"a": 1}), &json!(false)));
    assert_eq!(show("small.json")["members"], json!({"lr": 0.1, "layers": [1, 2]}));
    assert!(show("bad.json")["problem"].as_str().unwrap().contains("no JSON"));
    assert!(show("deep.json")["problem"].as_str().unwrap().contains("recursion"));
    assert_eq!(show("rows.jsonl")["rows"], json!([{"a": 1}, "no json", {"a": "NaN"}]));
    assert_eq!(show("notes.md")["rows"], json!(["# Title", "Text"]));
    assert_eq!(show("w.bin")["format"], "binary");
    let failure = session.call("get_artifact", shelf(json!({"file": "nots.md"}))).failure();
    assert!(failure.contains("`notes.md`"), "{failure}");
    #[cfg(target_os = "linux")]
    assert!(peak_memory(&session) < 256 << 10, "{} kB", peak_memory(&session));
}

/// The most memory that the server ever had, in kB.
#[cfg(target_os = "linux")]
fn peak_memory(session: &Session) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", session.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn verification_finds_what_the_size_hides_and_says_how_far_it_is() {
    let fixture = Fixture::unpack("0.43.0");
    let blob = "artifacts/art-proj/blobs/sha256/ef/ef90d9c1ec76b1edc9edfaf2c0c05359c10ccc49ae8ecf7b7fd25ce9c02e86a4";
    let bytes = fs::read(fixture.dir.join(blob)).unwrap();
    let mut session = Session::start(&fixture.dir);
    let asked = json!({"project": "art-proj", "name": "my-model", "verify": true});
    let answer = session.call("get_artifact", asked.clone()).ok().structured;
    assert_eq!(answer["files"]["states"], json!({"verified": 3}));
    fs::write(fixture.dir.join(blob), vec![b'!'; bytes.len()]).unwrap();
    let id = session.post(
        "tools/call",
        json!({"name": "get_artifact", "arguments": asked, "_meta": {"progressToken": "t"}}),
    );
    let mut reported = Vec::new();
    let answer = loop {
        let message = session.receive(PATIENCE).expect("a message");
        if message["id"] == json!(id) {
            break message["result"]["structuredContent"].clone();
        }
        reported.push((message["params"]["progress"].clone(), message["params"]["total"].clone()));
    };
    assert_eq!(answer["files"]["states"], json!({"verified": 2, "corrupt": 1}));
    let (done, total) = reported.last().expect("progress");
    assert_eq!((done.as_f64(), total.as_f64()), (Some(2003.0), Some(2003.0)));
}

/// The file is sparse: it takes no room on disk, and long to hash.
#[cfg(unix)]
#[test]
fn verification_says_what_it_had_no_time_for() {
    let mut shelf_of = Shelf::new();
    shelf_of.file("a.bin", b"not what its digest says");
    let size = 40 << 30;
    let blob = shelf_of.entry("huge.bin", size as usize);
    fs::File::create(blob).unwrap().set_len(size).unwrap();
    drop(shelf_of.open());
    let dir = shelf_of.fixture.dir.to_str().unwrap();
    let mut session = Session::spawn(["--dir", dir, "--deadline", "5"], |_| {});
    session.handshake(support::LEGACY);
    let answer = session.call("get_artifact", shelf(json!({"verify": true}))).ok();
    let states = states(&answer.structured);
    let state = |path: &str, state: &str| (path.to_owned(), state.to_owned());
    assert_eq!(states, [state("a.bin", "corrupt"), state("huge.bin", "present")]);
    assert!(answer.text.contains("1 file not verified"), "{}", answer.text);
}

/// The file is sparse: it takes no room on disk, and long to hash.
#[cfg(unix)]
#[test]
fn verification_heeds_a_cancellation() {
    let mut shelf_of = Shelf::new();
    let size = 40 << 30;
    let blob = shelf_of.entry("huge.bin", size as usize);
    fs::File::create(blob).unwrap().set_len(size).unwrap();
    let mut session = shelf_of.open();
    let id = session.post_call("get_artifact", &shelf(json!({"verify": true})));
    thread::sleep(Duration::from_millis(300));
    session.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
                         "params": {"requestId": id}}));
    thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    let (status, _) = session.close();
    assert!(status.success());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

/// A run whose held-out loss is best at step 20, with checkpoints of steps 10, 21 and 40.
fn checkpoints(directory: &Path) {
    let db = Connection::open(directory.join("art-proj.db")).unwrap();
    let time = |step: i64| format!("2026-02-01T00:{step:02}:00+00:00");
    for step in 0..=40 {
        let row = json!({"eval/loss": (step - 20_i64).abs() + 1, "train/loss": 50 - step});
        db.execute(
            "INSERT INTO metrics(run_id, run_name, step, timestamp, metrics) VALUES ('ck', 'ck', ?1, ?2, ?3)",
            params![step, time(step), row.to_string().into_bytes()],
        )
        .unwrap();
    }
    db.execute("INSERT INTO artifacts VALUES (80, 'ckpt', 'model', NULL, '2026-02-01')", [])
        .unwrap();
    let versions =
        [(10, "early", None), (21, "good", None), (40, "latest", Some("{\"step\": 40}"))];
    for (number, (step, alias, metadata)) in versions.into_iter().enumerate() {
        let id = 80 + number as i64;
        db.execute(
            "INSERT INTO artifact_versions(id, artifact_id, version, manifest_digest, manifest,
                 metadata, size_bytes, producer_run_id, producer_run_name, created_at)
             VALUES (?1, 80, ?2, ?2, '[]', ?3, 0, 'ck', 'ck', ?4)",
            params![id, number as i64, metadata, time(step)],
        )
        .unwrap();
        db.execute("INSERT INTO artifact_aliases VALUES (80, ?1, ?2)", params![alias, id]).unwrap();
        db.execute(
            "INSERT INTO run_artifact_links(run_id, run_name, artifact_version_id, direction, created_at)
             VALUES ('ck', 'ck', ?1, 'output', ?2)",
            params![id, time(step)],
        )
        .unwrap();
    }
}

#[test]
fn the_best_checkpoint_is_the_one_logged_nearest_to_the_best_step() {
    let fixture = Fixture::unpack("0.43.0");
    checkpoints(&fixture.dir);
    let mut session = Session::start(&fixture.dir);
    let run = json!({"project": "art-proj", "run": "ck"});
    for tool in ["get_run_summary", "find_artifacts"] {
        let best = session.call(tool, run.clone()).ok().structured["best_checkpoint"].clone();
        assert_eq!((&best["metric"], &best["step"]), (&json!("eval/loss"), &json!(20)), "{best}");
        assert_eq!((&best["name"], &best["version"]), (&json!("ckpt"), &json!(1)));
        assert_eq!((&best["aliases"], &best["logged_at_step"]), (&json!(["good"]), &json!(21)));
    }
    let asked = json!({"project": "art-proj", "run": "ck", "metric": "train/loss"});
    let best = session.call("find_artifacts", asked).ok().structured["best_checkpoint"].clone();
    assert_eq!((&best["version"], &best["known_from"]), (&json!(2), &json!("metadata")), "{best}");
    let wrong = json!({"project": "art-proj", "run": "ck", "metric": "train/los"});
    assert!(session.call("find_artifacts", wrong).failure().contains("`train/loss`"));
    let none = session.call("get_run_summary", json!({"project": "art-proj", "run": "consumer"}));
    assert!(none.ok().structured["best_checkpoint"]["name"] == "derived");
}

#[test]
fn a_registry_is_followed_to_its_source_and_says_when_that_is_not_here() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    // A default answer has room for all events only where the paths of its files are short.
    let best =
        json!({"project": "registry-models", "name": "best:production", "max_tokens": 8_000});
    let answer = session.call("get_artifact", best.clone()).ok().structured;
    assert_eq!(answer["source"]["project"], "art-proj");
    assert_eq!(answer["files"]["states"], json!({"present": 1}));
    assert_eq!(answer["registered_in"][0]["collection"], "best");
    let kinds: Vec<&str> = answer["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["create", "link", "promote", "link", "promote", "promote", "unlink"]);
    let unknown = json!({"project": "registry-models", "name": "bst"});
    assert!(session.call("get_artifact", unknown).failure().contains("`best`"));
    fs::remove_file(fixture.dir.join("art-proj.db")).unwrap();
    let answer = session.call("get_artifact", best).ok();
    assert!(answer.text.contains("is not on this computer"), "{}", answer.text);
    assert_eq!(answer.structured["source"]["found"], false);
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let mut fails = |tool: &str, asked: Value| session.call(tool, asked).failure();
    let of = |name: &str, version: &str| json!({"project": "art-proj", "name": name, "version": version});
    assert!(fails("get_artifact", of("my-modle", "v0")).contains("`my-model`"));
    assert!(fails("get_artifact", of("my-model", "v7")).contains("`v1`, `v0`"));
    assert!(fails("get_artifact", of("my-model", "stagin")).contains("`staging`"));
    let find = |key: &str, value: &str| json!({"project": "art-proj", key: value});
    assert!(fails("find_artifacts", find("type", "modl")).contains("`model`"));
    assert!(fails("find_artifacts", find("alias", "prd")).contains("`prod`"));
    assert!(fails("find_artifacts", find("pattern", "modell")).contains("`my-model`"));
    assert!(fails("find_artifacts", find("metric", "loss")).contains("name the run"));
    let without = json!({"project": "demo-main", "name": "x"});
    assert!(fails("get_artifact", without).contains("has no artifacts"));
    let empty = session.call("find_artifacts", json!({"project": "demo-main"})).ok();
    assert!(empty.text.contains("has no artifacts"), "{}", empty.text);
    assert_eq!(empty.structured["total"], 0);
    let narrowed = session.call("find_artifacts", find("alias", "prod")).ok().structured;
    assert_eq!(narrowed["artifacts"][0]["versions"].as_array().unwrap().len(), 1);
}
