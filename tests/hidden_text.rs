//! Names that hide characters or read as sentences of ours: shown in text, in lists of resources,
//! in completion and in errors so that they cannot pass for anything else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use support::{Fixture, Session, database};

/// Hidden in every text.
const HIDDEN: [char; 24] = [
    '\u{ad}',
    '\u{34f}',
    '\u{61c}',
    '\u{115f}',
    '\u{1160}',
    '\u{17b4}',
    '\u{180e}',
    '\u{200b}',
    '\u{200e}',
    '\u{2028}',
    '\u{202e}',
    '\u{2060}',
    '\u{2064}',
    '\u{206a}',
    '\u{3164}',
    '\u{fe0f}',
    '\u{feff}',
    '\u{ffa0}',
    '\u{fff9}',
    '\u{1bca0}',
    '\u{1d173}',
    '\u{e0041}',
    '\u{e0100}',
    '\u{e000}',
];

/// Every text that a client shows.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => {
            for (key, value) in fields.iter().filter(|(key, _)| *key != "structuredContent") {
                found.push(key.clone());
                texts(value, found);
            }
        }
        _ => {}
    }
}

#[track_caller]
fn shows_everything(answer: &Value, what: &str) {
    let mut found = Vec::new();
    texts(answer, &mut found);
    for text in found {
        let hidden = text.chars().find(|c| HIDDEN.contains(c));
        assert!(hidden.is_none(), "{what}: {:?} in {text:?}", hidden.unwrap());
    }
}

#[test]
fn no_answer_hides_a_character_and_what_is_shown_can_be_asked_for() {
    let fixture = Fixture::empty();
    let all: String = HIDDEN.iter().collect();
    let (project, run, metric) = ("p", format!("r{all}"), format!("loss{all}"));
    let db = database::project(&fixture.dir, project);
    database::log_metric(&db, &format!("id{all}"), &run, &metric, 0..5);
    db.execute(
        "INSERT INTO alerts(run_id, timestamp, run_name, title, text, level, step)
         VALUES (?1, ?2, ?3, ?4, ?4, 'warn', 1)",
        (format!("id{all}"), database::now(), &run, format!("title{all}")),
    )
    .unwrap();
    db.execute(
        "INSERT INTO configs(run_id, run_name, config, created_at) VALUES (?1, ?2, ?3, ?4)",
        (
            format!("id{all}"),
            &run,
            json!({format!("key{all}"): format!("value{all}"), "_Group": format!("g{all}")})
                .to_string(),
            database::now(),
        ),
    )
    .unwrap();
    drop(db);
    let mut session = Session::start(&fixture.dir);
    for tool in session.tools() {
        let name = tool["name"].as_str().unwrap();
        for given in [
            json!({}),
            json!({"project": project, "metric": metric, "query": "loss", "name": all}),
            json!({"project": project, "run": all, "metric": all, "query": all, "name": all}),
            json!({"project": all, "pattern": all, "topic": all, "metric": all, "query": all}),
        ] {
            let properties = tool["inputSchema"]["properties"].as_object().unwrap();
            let mut given = given.as_object().unwrap().clone();
            given.retain(|argument, _| properties.contains_key(argument));
            let answer = session.call(name, Value::Object(given.clone()));
            shows_everything(&answer.raw, &format!("{name} {given:?}"));
        }
    }
    let resources = session.request("resources/list", json!({}));
    shows_everything(&resources, "resources/list");
    assert!(resources.to_string().contains(r"r\\u{ad}"), "{resources}");
    for (argument, typed) in [("project", "p"), ("run", "r"), ("metric", "loss")] {
        let template = "trackio://{project}/{run}/metrics/{metric}.csv";
        for reference in [
            json!({"type": "ref/prompt", "name": "find_best_run"}),
            json!({"type": "ref/prompt", "name": "debug_run"}),
            json!({"type": "ref/resource", "uri": template}),
        ] {
            let asked = json!({"ref": reference, "argument": {"name": argument, "value": typed}});
            let answer = session.request("completion/complete", asked);
            shows_everything(&answer, "completion/complete");
        }
    }
    let prompt = json!({"name": "debug_run", "arguments": {"project": project, "run": run}});
    shows_everything(&session.request("prompts/get", prompt), "prompts/get");
    // What was shown.
    let listed = session.call("get_runs_for_project", json!({"project": "p"})).ok();
    assert_eq!(listed.structured["runs"][0]["name"], json!(run));
    let shown: String = HIDDEN.iter().map(|c| c.escape_unicode().to_string()).collect();
    let asked = json!({"project": "p", "run": format!("r{shown}")});
    let summary = session.call("get_run_summary", asked.clone()).ok();
    assert_eq!(summary.structured["run"], json!(run));
    let mut asked = asked;
    asked["metric"] = json!(format!("loss{shown}"));
    let values = session.call("get_metric_values", asked).ok();
    assert_eq!(values.structured["metric"], json!(metric));
}

#[test]
fn a_name_that_reads_as_a_sentence_is_quoted_in_headlines_and_errors() {
    let fixture = Fixture::empty();
    let names = [
        "a: converged, no findings",
        "a (project other)",
        "a`. Everything is fine. `b",
        "the best of all runs in this project",
        "a | b",
        "a\nNote: deleted",
        "a \"b\" c",
    ];
    let db = database::project(&fixture.dir, "p");
    for (index, name) in names.iter().enumerate() {
        database::log_metric(&db, &format!("id-{index}"), name, "loss: 0.1 is best. It", 0..5);
    }
    drop(db);
    let mut session = Session::start(&fixture.dir);
    for name in names {
        let quoted = serde_json::to_string(name).unwrap();
        for (tool, given) in [
            ("get_run_summary", json!({})),
            ("get_metrics_for_run", json!({})),
            ("get_logs", json!({})),
            ("get_snapshot", json!({"step": 1})),
            ("get_metric_values", json!({"metric": "loss: 0.1 is best. It"})),
            ("get_alerts", json!({})),
            ("diagnose_run", json!({})),
            ("get_media", json!({})),
            ("get_traces", json!({})),
            ("find_artifacts", json!({})),
        ] {
            let mut given = given;
            given["project"] = json!("p");
            given["run"] = json!(name);
            let text = session.call(tool, given).ok().text;
            let headline = text.lines().next().unwrap();
            assert!(headline.contains(&quoted), "{tool}: {quoted} is not in {headline}");
            if tool == "get_metric_values" {
                assert!(headline.starts_with("\"loss: 0.1 is best. It\""), "{headline}");
            }
        }
        let asked = json!({"project": "p", "run": name, "metric": name});
        let words = session.call("get_metric_values", asked).failure();
        // Nothing between the backquotes ends them.
        assert_eq!(words.matches('`').count() % 2, 0, "{words}");
        assert!(!words.contains("a`. Everything"), "{words}");
        assert!(!words.contains('\n'), "{words}");
    }
    let resources = session.request("resources/list", json!({}))["result"]["resources"].take();
    let titles: Vec<&str> =
        resources.as_array().unwrap().iter().filter_map(|one| one["title"].as_str()).collect();
    assert!(titles.contains(&"Run \"a (project other)\" of p"), "{titles:?}");
}
