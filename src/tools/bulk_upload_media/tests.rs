use std::fs;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::tools::common::fixture::Fixture;

fn upload(fixture: &Fixture, path: &str, run: &str) -> Result<Value, String> {
    let upload =
        json!({"project": "my p", "run": run, "metric": "plot", "path": path, "caption": "c"});
    fixture.call("bulk_upload_media", json!({"uploads": [upload]})).map(Value::Object)
}

#[test]
fn a_file_is_copied_to_trackios_place_and_logged() {
    let fixture = Fixture::empty();
    fs::create_dir(fixture.path().join("uploads")).unwrap();
    fs::write(fixture.path().join("uploads/a.PNG"), b"picture").unwrap();
    fixture
        .call(
            "bulk_log",
            json!({"entries": [
                {"project": "my p", "run": "r", "metrics": {"loss": 1}, "step": 4},
            ]}),
        )
        .unwrap();
    upload(&fixture, "a.PNG", "r").unwrap();
    let database = Connection::open(fixture.path().join("myp.db")).unwrap();
    let sql = "SELECT step, CAST(metrics AS TEXT) FROM metrics ORDER BY id DESC LIMIT 1";
    let (step, stored): (i64, String) =
        database.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let plot = serde_json::from_str::<Value>(&stored).unwrap()["plot"].clone();
    assert_eq!((step, &plot["_type"], &plot["caption"]), (5, &json!("trackio.image"), &json!("c")));
    let path = plot["file_path"].as_str().unwrap();
    assert!(path.starts_with("myp/r/5/") && path.ends_with(".png"), "{path}");
    assert_eq!(fs::read(fixture.path().join("media").join(path)).unwrap(), b"picture");
}

#[test]
fn only_files_within_the_allowed_directories_are_copied() {
    let fixture = Fixture::empty();
    let refused = upload(&fixture, "a.png", "r").unwrap_err();
    assert!(refused.contains("--media-root"), "{refused}");
    fs::create_dir(fixture.path().join("uploads")).unwrap();
    fs::write(fixture.path().join("secret.png"), b"x").unwrap();
    fs::write(fixture.path().join("uploads/notes.txt"), b"x").unwrap();
    fs::write(fixture.path().join("uploads/a.png"), b"x").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../secret.png", fixture.path().join("uploads/link.png")).unwrap();
    let secret = fixture.path().join("secret.png").display().to_string();
    for path in [secret.as_str(), "../secret.png", "link.png", "missing.png", "."] {
        let refused = upload(&fixture, path, "r").unwrap_err();
        assert!(refused.contains("is no file within the directories"), "{refused}");
    }
    let refused = upload(&fixture, "notes.txt", "r").unwrap_err();
    assert!(refused.contains("extensions png"), "{refused}");
    for run in ["../../out", "/tmp/out", "a/../../../b"] {
        let refused = upload(&fixture, "a.png", run).unwrap_err();
        assert!(refused.contains("media directory"), "{refused}");
    }
    assert!(!fixture.path().join("myp.db").exists());
}

#[test]
fn a_copy_whose_row_fails_goes_away() {
    let fixture = Fixture::empty();
    fs::create_dir(fixture.path().join("uploads")).unwrap();
    fs::write(fixture.path().join("uploads/a.png"), b"x").unwrap();
    fixture.run("myp", "r", "2026-03-01T10:00:00+00:00", json!({}), &[json!({"loss": 1})]);
    let newer = Connection::open(fixture.path().join("myp.db")).unwrap();
    newer.execute_batch("PRAGMA user_version = 9").unwrap();
    assert!(upload(&fixture, "a.png", "r").unwrap_err().contains("newer Trackio"));
    let left = fs::read_dir(fixture.path().join("media/myp/r/1")).unwrap().count();
    assert_eq!(left, 0);
}
