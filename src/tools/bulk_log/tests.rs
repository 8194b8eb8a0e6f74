use rusqlite::Connection;
use serde_json::{Value, json};

use crate::tools::common::fixture::Fixture;

fn rows(fixture: &Fixture, project: &str, sql: &str) -> Vec<String> {
    let database = Connection::open(fixture.path().join(format!("{project}.db"))).unwrap();
    let mut statement = database.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(|row| row.unwrap()).collect()
}

fn log(fixture: &Fixture, entries: Value) -> Result<Value, String> {
    fixture.call("bulk_log", json!({ "entries": entries })).map(Value::Object)
}

#[test]
fn a_new_run_in_a_new_project_gets_an_id_its_steps_and_its_config() {
    let fixture = Fixture::empty();
    let answer = log(
        &fixture,
        json!([
            {"project": "my project", "run": "eval", "metrics": {"acc": "NaN", "time": 3, "é": [1, {"x": "Infinity"}]},
             "config": {"lr": 0.1}},
            {"project": "my project", "run": "eval", "metrics": {"acc": 0.5}, "step": "10"},
            {"project": "my project", "run": "eval", "metrics": {"acc": 0.6},
             "timestamp": "2026-01-02T03:04:05+02:00"},
        ]),
    )
    .unwrap();
    assert_eq!(answer["written"], 3);
    assert_eq!(answer["runs"][0]["is_new"], true);
    let id = answer["runs"][0]["run_id"].as_str().unwrap().to_owned();
    assert_eq!((id.len(), answer["runs"].as_array().unwrap().len()), (32, 1));
    assert!(answer["notes"].to_string().contains("time as __time"), "{answer}");
    let stored = rows(
        &fixture,
        "myproject",
        "SELECT typeof(metrics) || ' ' || step || ' ' || timestamp || ' ' || CAST(metrics AS TEXT)
         FROM metrics ORDER BY id",
    );
    assert_eq!(
        stored,
        [
            "blob 0 2026-03-04T12:00:00+00:00 {\"acc\":\"NaN\",\"__time\":3,\"é\":[1,{\"x\":\"Infinity\"}]}",
            "blob 10 2026-03-04T12:00:00+00:00 {\"acc\":0.5}",
            "blob 1 2026-01-02T01:04:05+00:00 {\"acc\":0.6}",
        ]
    );
    let config = "SELECT run_id || CAST(config AS TEXT) FROM configs";
    assert_eq!(rows(&fixture, "myproject", config), [format!("{id}{{\"lr\":0.1}}")]);
    let noted = fixture.journal().entries().unwrap();
    assert_eq!((noted.len(), noted[0].undo.as_str()), (1, format!("delete the run {id}").as_str()));
}

#[test]
fn the_same_call_again_writes_nothing_twice() {
    let fixture = Fixture::empty();
    let entries = json!([
        {"project": "p", "run": "eval", "metrics": {"acc": 0.5}, "log_id": "a"},
        {"project": "p", "run": "eval", "metrics": {"acc": 0.6}, "log_id": "b"},
    ]);
    let first = log(&fixture, entries.clone()).unwrap();
    let again = log(&fixture, entries).unwrap();
    assert_eq!((&again["written"], &again["already_there"]), (&json!(0), &json!(2)));
    assert_eq!(again["runs"][0]["run_id"], first["runs"][0]["run_id"]);
    assert_eq!(rows(&fixture, "p", "SELECT log_id FROM metrics"), ["a", "b"]);
    assert_eq!(fixture.journal().entries().unwrap().len(), 1);
}

#[test]
fn a_name_means_its_one_run_and_never_one_of_several() {
    let fixture = Fixture::empty();
    fixture.run("p", "one", "2026-03-01T10:00:00+00:00", json!({"lr": 1}), &[json!({"loss": 1})]);
    let row = |also: Value| {
        let mut row = json!({"project": "p", "run": "one", "metrics": {"acc": 1}});
        row.as_object_mut().unwrap().extend(also.as_object().unwrap().clone());
        json!([row])
    };
    let answer = log(&fixture, row(json!({"config": {"lr": 2}}))).unwrap();
    assert_eq!(answer["runs"][0]["run_id"], "id-one");
    assert_eq!(answer["runs"][0]["is_new"], false);
    assert!(answer["notes"].to_string().contains("it stays"), "{answer}");
    assert_eq!(rows(&fixture, "p", "SELECT CAST(config AS TEXT) FROM configs"), ["{\"lr\":1}"]);
    let last = "SELECT CAST(step AS TEXT) FROM metrics ORDER BY id DESC LIMIT 1";
    assert_eq!(rows(&fixture, "p", last), ["1"]);

    let wrong = log(&fixture, row(json!({"run": "two", "run_id": "id-one"}))).unwrap_err();
    assert!(wrong.contains("is the run `one`, not `two`"), "{wrong}");
    let other = log(&fixture, row(json!({"run_id": "another-id"}))).unwrap();
    assert_eq!(other["runs"][0]["is_new"], true);
    let unclear = log(&fixture, row(json!({}))).unwrap_err();
    assert!(unclear.contains("2 runs are named `one`"), "{unclear}");
    assert!(unclear.contains("another-id") && unclear.contains("id-one"), "{unclear}");
    let prefix = log(&fixture, row(json!({"run_id": "another"}))).unwrap_err();
    assert!(prefix.contains("the whole id: `another-id`"), "{prefix}");
}

#[test]
fn nothing_is_written_of_a_project_with_one_wrong_entry() {
    let fixture = Fixture::empty();
    let good = json!({"project": "p", "run": "r", "metrics": {"acc": 1}});
    for (bad, words) in [
        (json!({"project": "p", "run": "", "metrics": {"acc": 1}}), "entries[1]"),
        (json!({"project": "p", "run": "r", "metrics": {}}), "`metrics` is empty"),
        (json!({"project": "p", "run": "r", "metrics": [1]}), "an object of names and values"),
        (json!({"project": "p", "run": "r", "metrics": {"a": 1}, "stepp": 3}), "stepp"),
        (json!({"project": "p", "run": "r", "metrics": {"a": 1}, "step": "ten"}), "a number"),
        (json!({"project": "p", "run": "r", "metrics": {"a": 1}, "timestamp": "soon"}), "soon"),
        (json!({"project": "p", "run": "r", "metrics": {"a": 1}, "config": {"_x": 1}}), "`_x`"),
        (json!({"project": "registry-x", "run": "r", "metrics": {"a": 1}}), "registries"),
    ] {
        let failure = log(&fixture, json!([good, bad])).unwrap_err();
        assert!(failure.contains(words), "{failure}");
        assert!(!fixture.path().join("p.db").exists(), "{words}");
    }
    assert!(log(&fixture, json!([])).unwrap_err().contains("needs the argument `entries`"));
}

#[test]
fn a_failure_in_a_later_project_tells_what_was_written() {
    let fixture = Fixture::empty();
    std::fs::write(fixture.path().join("broken.db"), [7; 8192]).unwrap();
    let entries = json!([
        {"project": "good", "run": "r", "metrics": {"a": 1}},
        {"project": "broken", "run": "r", "metrics": {"a": 1}},
    ]);
    let failure = log(&fixture, entries).unwrap_err();
    assert!(failure.contains("not an SQLite database"), "{failure}");
    assert!(failure.contains("The rows of `good` were written"), "{failure}");
}

#[test]
fn system_metrics_alerts_and_traces_go_to_their_own_tables() {
    let fixture = Fixture::empty();
    let system = json!({"entries": [
        {"project": "p", "run": "r", "metrics": {"gpu/0/power": 12.5}, "run_id": "id-r", "log_id": "s"},
    ]});
    fixture.call("bulk_log_system", system.clone()).unwrap();
    assert_eq!(fixture.call("bulk_log_system", system).unwrap()["written"], 0);
    let alerts = json!({"alerts": [
        {"project": "p", "run": "r", "title": "Loss is NaN", "level": "error", "step": 7},
        {"project": "p", "run": "r", "title": "Odd", "text": "look"},
    ]});
    let answer = fixture.call("bulk_alert", alerts).unwrap();
    assert_eq!(answer["runs"][0]["run_id"], "id-r", "the run of the system metrics");
    let sql = "SELECT title || ' ' || level || ' ' || ifnull(step, '-') || ' ' || length(alert_id)
               FROM alerts";
    assert_eq!(rows(&fixture, "p", sql), ["Loss is NaN error 7 32", "Odd warn - 32"]);
    let trace =
        json!({"_type": "trackio.trace", "messages": [{"role": "user", "content": "Hi ALL"}]});
    log(
        &fixture,
        json!([{"project": "p", "run": "r", "metrics": {"t": trace, "a": 1}, "log_id": "l"}]),
    )
    .unwrap();
    let sql = "SELECT id || ' | ' || search_text || ' | ' || CAST(spans AS TEXT) FROM traces";
    assert_eq!(rows(&fixture, "p", sql), ["id-r:l:t | id-r:l:t t user hi all | []"]);
    assert_eq!(rows(&fixture, "p", "SELECT CAST(metrics AS TEXT) FROM metrics"), ["{\"a\":1}"]);
}
