use rusqlite::Connection;
use serde_json::{Value, json};

use crate::tools::common::fixture::Fixture;

fn fixture() -> Fixture {
    let fixture = Fixture::empty();
    for run in ["a", "b"] {
        let rows = [json!({"loss": 1}), json!({"loss": 2})];
        fixture.run("p", run, "2026-03-01T10:00:00+00:00", json!({}), &rows);
    }
    fixture
}

fn token(fixture: &Fixture, run: &str) -> String {
    let shown = fixture.call("delete_run", json!({"project": "p", "run": run})).unwrap();
    shown["confirm"].as_str().unwrap().to_owned()
}

fn confirm(fixture: &Fixture, run: &str, token: &str, seconds: i64) -> Result<Value, String> {
    let arguments = json!({"project": "p", "run": run, "confirm": token});
    fixture.call_later("delete_run", arguments, seconds).map(Value::Object)
}

#[test]
fn a_token_fits_for_ten_minutes() {
    let fixture = fixture();
    let token = token(&fixture, "a");
    for seconds in [601, 86_400, -1] {
        let refused = confirm(&fixture, "a", &token, seconds).unwrap_err();
        assert!(refused.contains("older than 10 minutes"), "{seconds}: {refused}");
    }
    assert_eq!(confirm(&fixture, "a", &token, 600).unwrap()["deleted"], true);
}

#[test]
fn a_token_that_was_made_up_or_altered_is_refused() {
    let fixture = fixture();
    let given = token(&fixture, "a");
    let parts: Vec<&str> = given.split('-').collect();
    let later = format!("{:x}", i64::from_str_radix(parts[1], 16).unwrap() + 60);
    let altered = given.replace(parts[1], &later);
    for other in [altered.as_str(), "yes", "delete-0-0-0", &given[..given.len() - 2]] {
        let refused = confirm(&fixture, "a", other, 0).unwrap_err();
        assert!(refused.contains("not one that delete_run gave"), "{other}: {refused}");
    }
    let refused = confirm(&fixture, "b", &given, 0).unwrap_err();
    assert!(refused.contains("for this run"), "{refused}");
    assert_eq!(confirm(&fixture, "a", &given, 0).unwrap()["deleted"], true);
}

#[test]
fn a_token_fits_the_rows_that_were_shown() {
    for change in [
        "UPDATE metrics SET metrics = x'7b7d' WHERE run_id = 'id-a' AND step = 1",
        "DELETE FROM metrics WHERE run_id = 'id-a' AND step = 1",
        "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics)
         SELECT run_id, timestamp, run_name, 9, metrics FROM metrics WHERE run_id = 'id-a'",
        "UPDATE configs SET config = x'7b7d20' WHERE run_id = 'id-a'",
    ] {
        let fixture = fixture();
        let token = token(&fixture, "a");
        let database = Connection::open(fixture.path().join("p.db")).unwrap();
        assert!(database.execute(change, []).unwrap() > 0);
        let refused = confirm(&fixture, "a", &token, 0).unwrap_err();
        assert!(refused.contains("came, went or changed"), "{change}: {refused}");
    }
    // Another run's rows do not matter.
    let fixture = fixture();
    let token = token(&fixture, "a");
    let database = Connection::open(fixture.path().join("p.db")).unwrap();
    database.execute("DELETE FROM metrics WHERE run_id = 'id-b' AND step = 1", []).unwrap();
    assert_eq!(confirm(&fixture, "a", &token, 0).unwrap()["deleted"], true);
}
