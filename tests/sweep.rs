//! A sweep over stdio: the demo's, whose truth is known.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use mcp_trackio::commands::demo::data;
use serde_json::json;
use support::{Fixture, Session};

#[test]
fn the_demo_sweep_is_read_as_it_was_made() {
    let fixture = Fixture::empty();
    data::write(&fixture.dir, "2026-03-04T05:06:07Z".parse().unwrap()).unwrap();
    let mut session = Session::start(&fixture.dir);
    let asked = json!({
        "project": "lora-sweep",
        "metrics": "[\"eval/loss\", \"eval/accuracy\"]",
        "config": {"learning_rate": 1e-4, "batch_size": 16, "seed": 3},
    });
    let answer = session.call("analyze_sweep", asked).ok();
    let found = &answer.structured;
    assert_eq!(found["effects"][0]["key"], "learning_rate", "{found}");
    assert_eq!(found["effects"][0]["significant"], true);
    assert_eq!(found["effects"][0]["shape"], "best_in_the_middle");
    assert_eq!(found["effects"][0]["best_value"], 1e-4);
    assert_eq!(found["effects"][1]["significant"], false, "{found}");
    assert_eq!(found["failures"][0]["value"], 1e-3);
    assert_eq!(found["seed_groups"].as_array().unwrap().len(), 8);
    assert_eq!(found["proposed"]["already_run"], true);
    assert!(!found["pareto"].as_array().unwrap().is_empty());
    let fact = "both runs with learning_rate at or above 0.001 diverged, none of the other 16";
    assert!(answer.text.contains(fact), "{}", answer.text);
    // The same question has the same answer, to the last digit.
    let again = |session: &mut Session| {
        session.call("analyze_sweep", json!({"project": "lora-sweep"})).ok().raw
    };
    assert_eq!(again(&mut session), again(&mut session));
    let refused = session.call("analyze_sweep", json!({"project": "lora-swep"})).failure();
    assert!(refused.contains("`lora-sweep`"), "{refused}");
}
