//! Alerts in groups, and what the main metrics did around the first of each: what is expected is
//! worked out here from the rows that the test wrote.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use rusqlite::params;
use serde_json::{Value, json};
use support::{Fixture, Session, database};

/// A loss that falls evenly and jumps by 5 at step 100; it is no number at the steps 200 to 210.
fn loss(step: i64) -> Value {
    match step {
        200..=210 => json!("NaN"),
        step => json!(3.0 - 0.001 * step as f64 + if step >= 100 { 5.0 } else { 0.0 }),
    }
}

/// Seconds of a minute and a minute of 2026-03-01, one row a second.
fn moment(step: i64) -> String {
    format!("2026-03-01T{:02}:{:02}:{:02}+00:00", step / 3600, step / 60 % 60, step % 60)
}

/// A run of 300 rows with three kinds of alerts, in a project that real Trackio made.
fn trained() -> Fixture {
    let fixture = Fixture::empty();
    let connection = database::emptied(&fixture.dir, "p");
    for step in 0..300 {
        let metrics = json!({"loss": loss(step), "lr": 0.1, "grad_norm": 1.0}).to_string();
        connection
            .execute(
                "INSERT INTO metrics (run_id, run_name, timestamp, step, metrics)
                 VALUES ('one', 'run', ?1, ?2, ?3)",
                params![moment(step), step, metrics.into_bytes()],
            )
            .unwrap();
    }
    let alerts: [(&str, &str, Option<i64>, i64); 6] = [
        ("loss jumped", "warn", Some(100), 100),
        ("loss jumped", "warn", Some(150), 150),
        ("loss jumped", "warn", Some(151), 151),
        ("loss is NaN", "error", Some(200), 200),
        ("loss is NaN", "error", Some(201), 201),
        // Without a step: its time tells where it stands.
        ("disk is full", "info", None, 50),
    ];
    for (number, (title, level, step, second)) in alerts.into_iter().enumerate() {
        connection
            .execute(
                "INSERT INTO alerts (run_id, run_name, timestamp, title, text, level, step, alert_id)
                 VALUES ('one', 'run', ?1, ?2, 'text', ?3, ?4, ?5)",
                params![moment(second), title, level, step, number.to_string()],
            )
            .unwrap();
    }
    fixture
}

fn group<'a>(answer: &'a Value, title: &str) -> &'a Value {
    let groups = answer["groups"].as_array().unwrap();
    groups.iter().find(|group| group["title"] == title).unwrap()
}

/// What is told of a metric around a group's first alert.
fn around<'a>(group: &'a Value, metric: &str) -> &'a Value {
    let metrics = group["around_first"].as_array().unwrap();
    metrics.iter().find(|told| told["metric"] == metric).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn a_group_tells_what_the_main_metrics_did_around_its_first_alert() {
    let fixture = trained();
    let mut session = Session::start(&fixture.dir);
    let answer = session.call("get_alerts", json!({"project": "p"})).ok().structured;
    let titles: Vec<&Value> =
        answer["groups"].as_array().unwrap().iter().map(|group| &group["title"]).collect();
    assert_eq!(titles, ["loss jumped", "loss is NaN", "disk is full"], "the most frequent first");

    let jumped = group(&answer, "loss jumped");
    assert_eq!((&jumped["first_step"], &jumped["last_step"]), (&json!(100), &json!(151)));
    let told = around(jumped, "loss");
    // Of the few points on each side: before 100 the loss is below 3, from 100 on above 7.8.
    assert!((2.9..2.91).contains(&number(&told["before"])), "{told}");
    assert!((number(&told["at"]) - 7.9).abs() < 1e-6, "{told}");
    assert!((7.89..7.9).contains(&number(&told["after"])), "{told}");
    assert!((171.0..173.0).contains(&number(&told["change_percent"])), "{told}");
    assert_eq!(told["within_noise"], false);
    let calm = around(jumped, "grad_norm");
    assert_eq!((&calm["before"], &calm["after"]), (&json!(1), &json!(1)));
    assert_eq!((&calm["change_percent"], &calm["within_noise"]), (&json!(0), &json!(true)));
    assert!(!jumped["around_first"].to_string().contains("\"lr\""), "no main metric");

    let broke = around(group(&answer, "loss is NaN"), "loss");
    assert!((number(&broke["before"]) - 7.8).abs() < 0.01, "{broke}");
    assert_eq!((&broke["at"], &broke["after"]), (&json!("NaN"), &json!("NaN")));
    assert!(broke["change_percent"].is_null(), "{broke}");

    let full = around(group(&answer, "disk is full"), "loss");
    assert!((number(&full["at"]) - 2.95).abs() < 1e-6, "{full}");
    assert!((-1.0..0.0).contains(&number(&full["change_percent"])), "it falls on: {full}");

    let second = session.call("get_alerts", json!({"project": "p", "limit": 2})).ok().structured;
    assert_eq!(second["groups"], answer["groups"], "the groups are of all alerts");
    let cursor = json!({"project": "p", "limit": 2, "cursor": second["next_cursor"]});
    let page = session.call("get_alerts", cursor).ok().structured;
    assert!(group(&page, "loss jumped")["around_first"].is_null(), "told once, on the first page");
}
