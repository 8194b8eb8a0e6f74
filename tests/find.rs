//! Finding, filtering and ordering runs over stdio, in what a real Trackio wrote.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::{Value, json};
use support::{Fixture, Session};

mod support;

fn names(answer: &Value) -> Vec<&str> {
    answer["runs"].as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap()).collect()
}

#[test]
fn runs_are_found_in_every_era() {
    for fixture in ["0.3.4", "0.14.2", "0.24.2", "0.43.0", "upgraded-0.14.2-0.36.0"] {
        let fixture = Fixture::unpack(fixture);
        let mut session = Session::start(&fixture.dir);
        let found = session.call("find_runs", json!({"query": "the basline run"})).ok();
        assert_eq!(names(&found.structured)[0], "baseline", "{}", found.text);
        assert!(found.text.contains("name like basline"), "{}", found.text);
    }
}

#[test]
fn numbers_are_found_by_value() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    for query in ["lr 3e-4", "learning_rate=0.0003", "lr: 3.0e-4"] {
        let found = session.call("find_runs", json!({"query": query})).ok().structured;
        assert_eq!(names(&found), ["baseline"], "{query}");
        assert_eq!(found["runs"][0]["project"], "demo-main");
        assert_eq!(found["runs"][0]["matched"], json!(["config.lr = 0.0003"]));
        assert_eq!(found["runs"][0]["score"], 1.0);
    }
    let failure = session.call("find_runs", json!({"query": "lr=0.77"})).failure();
    assert!(failure.contains("No run matches `lr=0.77`"), "{failure}");
}

#[test]
fn a_corrupt_project_is_named_and_the_rest_is_searched() {
    let fixture = Fixture::unpack("special-corrupt");
    let mut session = Session::start(&fixture.dir);
    let found = session.call("find_runs", json!({"query": "run-a"})).ok();
    assert!(names(&found.structured).contains(&"run-a"));
    assert!(found.text.contains("could not be searched"), "{}", found.text);
}

#[test]
fn runs_are_ordered_and_filtered_by_metrics() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let mut ask = |more: Value| {
        let mut arguments = json!({"project": "demo-main"});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        session.call("get_runs_for_project", arguments)
    };
    let ordered = ask(json!({"order_by": "-max(x)", "where": ["last(x) > 1"]})).ok().structured;
    assert_eq!(names(&ordered), ["brave-forest-1", "dainty-sunset-0"]);
    assert_eq!(ordered["runs"][0]["values"]["max(x)"], json!({"value": 2.5, "step": 0}));
    let by_config = ask(json!({"where": ["config.nested.a.b.c = 1.5"]})).ok().structured;
    assert_eq!(names(&by_config), ["baseline"]);
    assert_eq!(by_config["runs"][0]["values"], json!({"config.nested.a.b.c": 1.5}));
    for (more, expected) in [
        (json!({"where": ["lr > 1e-3"]}), "`config.lr > 1e-3`"),
        (json!({"order_by": "loss"}), "`best(loss)` or `last(loss)`"),
        (json!({"order_by": "best(x)"}), "`min(x)` or `max(x)`"),
        (json!({"where": ["last(xx) > 1"]}), "Nearest: `x`"),
        (json!({"where": ["config.lrr > 1"]}), "Nearest: `lr`"),
    ] {
        let failure = ask(more.clone()).failure();
        assert!(failure.contains(expected), "{more}: {failure}");
    }
}
