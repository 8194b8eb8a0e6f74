//! Resources, their links and their completion, as clients use them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::{
    Fixture, Session,
    database::{log_metric, project},
};

/// The whole list, page by page.
fn list(session: &mut Session) -> Vec<Value> {
    let (mut all, mut params) = (Vec::new(), json!({}));
    loop {
        let mut page = session.request("resources/list", params)["result"].take();
        let found = page["resources"].as_array().expect("resources");
        assert!(found.len() <= 200, "a page of {}", found.len());
        all.extend(found.iter().cloned());
        match page["nextCursor"].take() {
            Value::Null => return all,
            cursor => params = json!({"cursor": cursor}),
        }
        assert!(all.len() < 10_000, "the list never ends");
    }
}

fn uris(resources: &[Value]) -> Vec<&str> {
    resources.iter().map(|resource| resource["uri"].as_str().unwrap()).collect()
}

#[test]
fn what_the_server_can_do_is_declared() {
    let fixture = Fixture::empty();
    let mut session = Session::silent(&fixture.dir);
    let capabilities = session.handshake("2025-11-25")["capabilities"].take();
    assert_eq!(
        capabilities,
        json!({"completions": {}, "prompts": {}, "resources": {"subscribe": true}, "tools": {}})
    );
    // An empty directory has resources too.
    assert!(uris(&list(&mut session)).contains(&"trackio://projects"));
    assert!(session.read("trackio://projects").contains("no project"));
    assert!(session.read("trackio://guide/curves").contains("diverged"));
}

#[test]
fn everything_that_is_listed_can_be_read() {
    for name in ["0.3.4", "0.24.2", "0.43.0", "special-corrupt", "special-mixed-inbox"] {
        let fixture = Fixture::unpack(name);
        let before = support::snapshot(&fixture.dir);
        let mut session = Session::start(&fixture.dir);
        let listed = list(&mut session);
        let addresses: BTreeSet<&str> = uris(&listed).into_iter().collect();
        assert_eq!(addresses.len(), listed.len(), "{name}: listed twice");
        let projects = session.call("get_all_projects", json!({"limit": 500})).ok().structured;
        let broken = projects["details"].as_array().unwrap().iter();
        let broken: BTreeSet<&str> = broken
            .filter(|detail| detail.get("problem").is_some())
            .map(|detail| detail["name"].as_str().unwrap())
            .collect();
        for resource in &listed {
            let uri = resource["uri"].as_str().unwrap();
            let answer = session.request("resources/read", json!({"uri": uri}));
            if broken.contains(resource["name"].as_str().unwrap()) {
                assert!(answer["error"]["message"].is_string(), "{uri}: {answer}");
                continue;
            }
            let content = &answer["result"]["contents"][0];
            assert_eq!(content["uri"], uri);
            assert_eq!(content["mimeType"], resource["mimeType"], "{uri}");
            let text = content["text"].as_str().unwrap_or_else(|| panic!("{uri}: {answer}"));
            assert!(!text.is_empty() && text.len() <= 32_000, "{uri}: {} bytes", text.len());
        }
        assert_eq!(support::changes(&before, &support::snapshot(&fixture.dir)), [""; 0], "{name}");
    }
}

#[test]
fn the_list_pages_through_every_run_once() {
    let fixture = Fixture::empty();
    for name in ["first", "guide", "projects"] {
        let db = project(&fixture.dir, name);
        for run in 0..120 {
            log_metric(&db, &format!("{name}-{run}"), &format!("run {run}"), "x", 0..1);
        }
    }
    let mut session = Session::start(&fixture.dir);
    let listed = list(&mut session);
    let addresses: BTreeSet<&str> = uris(&listed).into_iter().collect();
    assert_eq!(addresses.len(), listed.len(), "listed twice");
    let runs =
        listed.iter().filter(|resource| resource["title"].as_str().unwrap().starts_with("Run "));
    assert_eq!(runs.count(), 360);
    for uri in ["trackio://~projects", "trackio://~guide", "trackio://~projects/run%207"] {
        assert!(addresses.contains(uri), "{uri}");
    }
    assert!(session.read("trackio://~projects/run%207").contains("projects-7"));
    let wrong = session.request("resources/list", json!({"cursor": "no cursor"}));
    assert_eq!(wrong["error"]["code"], -32602, "{wrong}");
}

#[test]
fn runs_of_any_name_are_found_by_their_address() {
    let names = [
        "a/b",
        "../../etc",
        "..",
        ".",
        "~",
        "~..",
        "100%",
        "%2e%2e",
        "it's \"so\"",
        "模型 🚀",
        "a?b#c",
        " padded ",
        "metrics",
        "run\twith\ttabs",
        "twin",
        "twin",
        "id-3",
        "a&b=c;d",
        "x.csv",
    ];
    let fixture = Fixture::empty();
    let db = project(&fixture.dir, "odd");
    for (number, name) in names.iter().enumerate() {
        log_metric(&db, &format!("id-{number}"), name, "train/loss", 0..3);
    }
    let mut session = Session::start(&fixture.dir);
    let listed = list(&mut session);
    let runs: Vec<&Value> = listed
        .iter()
        .filter(|one| one["uri"].as_str().unwrap().starts_with("trackio://odd/"))
        .collect();
    assert_eq!(runs.len(), names.len());
    let mut met = BTreeSet::new();
    for run in runs {
        let (uri, name) = (run["uri"].as_str().unwrap(), run["name"].as_str().unwrap());
        let text = session.read(uri);
        let id = text.lines().find_map(|line| line.strip_prefix("run_id: ")).expect("a run_id");
        let number: usize = id.strip_prefix("id-").unwrap().parse().unwrap();
        assert_eq!(names[number].replace('\t', "\\t"), name, "{uri}");
        assert!(met.insert(number), "{uri} leads where another one did");
        let table = session.read(&format!("{uri}/metrics/train%2Floss.csv"));
        assert_eq!(table.lines().count(), 4, "{table}");
        assert_eq!(table, session.read(&format!("{uri}/metrics/train/loss.csv")));
    }
}

#[test]
fn a_table_holds_every_value_as_it_was_logged() {
    let fixture = Fixture::empty();
    let db = project(&fixture.dir, "p");
    let values = [
        (r#"{"m": 0.1}"#, "0.1"),
        (r#"{"m": NaN}"#, "NaN"),
        (r#"{"other": 1}"#, ""),
        (r#"{"m": "-Infinity"}"#, "-Infinity"),
        (r#"{"m": 123456789012345678}"#, "123456789012345678"),
        (
            r#"{"m": {"_type": "trackio.histogram", "values": [1, 2]}}"#,
            r#""{""_type"":""trackio.histogram"",""values"":[1,2]}""#,
        ),
        (r#"{"m": "two\nlines, \"quoted\""}"#, "\"two\nlines, \"\"quoted\"\"\""),
        (r#"{"m": true}"#, "true"),
        ("no JSON", ""),
    ];
    let mut expected = "step,timestamp,value\n".to_owned();
    for (step, (json, cell)) in values.iter().enumerate() {
        let time = format!("2026-01-01T00:00:0{step}+00:00");
        db.execute(
            "INSERT INTO metrics(run_id, timestamp, run_name, step, metrics) VALUES ('r', ?, 'r', ?, ?)",
            (&time, step as i64, json.as_bytes()),
        )
        .unwrap();
        if !cell.is_empty() {
            expected += &format!("{step},{time},{cell}\n");
        }
    }
    let mut session = Session::start(&fixture.dir);
    assert_eq!(session.read("trackio://p/r/metrics/m.csv"), expected);
}

#[test]
fn a_table_says_what_the_tool_says() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let all = json!({"project": "demo-main", "run": "baseline", "metric": "train/loss", "format": "records", "max_points": 0});
    let pages = session.pages("get_metric_values", &all);
    let points = pages.iter().flat_map(|page| page.structured["values"].as_array().unwrap());
    let line = |point: &Value| {
        let (time, value) = (point["timestamp"].as_str().unwrap(), point["value"].to_string());
        format!("{},{time},{}", point["step"], value.trim_matches('"'))
    };
    let lines: Vec<String> = points.map(line).collect();
    let table = session.read("trackio://demo-main/baseline/metrics/train%2Floss.csv");
    assert_eq!(table.lines().skip(1).collect::<Vec<_>>(), lines);
    assert!(lines.len() > 5);
}

#[test]
fn tables_of_the_machine_have_times_and_no_steps() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    for project in ["demo-main", "_system", "demo-system"] {
        let runs = session.call("get_runs_for_project", json!({"project": project}));
        for run in runs.structured["runs"].as_array().into_iter().flatten() {
            let who = json!({"project": project, "run": run["id"]});
            let metrics = session.call("get_system_metrics_for_run", who).structured;
            let Some(metric) = metrics["metrics"][0].as_str() else { continue };
            let id = run["id"].as_str().unwrap();
            let table = session.read(&format!("trackio://{project}/{id}/system/{metric}.csv"));
            assert!(table.starts_with("timestamp,value\n") && table.lines().count() > 1, "{table}");
            return;
        }
    }
    panic!("no run of the fixture has system metrics");
}

#[test]
fn what_is_not_there_is_an_error_that_teaches() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let cases = [
        ("trackio://demo-mian", "demo-main"),
        ("trackio://demo-main/baselin", "baseline"),
        ("trackio://demo-main/baseline/metrics/train%2Flos.csv", "train/loss"),
        ("trackio://demo-main/baseline/metrics/train%2Floss.csv?from_row=99999999", "rows"),
        ("trackio://demo-main/baseline/charts/x", "trackio://{project}/{run}/metrics/{metric}.csv"),
        ("trackio://guide/overfiting-of-xyzzy", "get_guide"),
        ("file:///etc/passwd", "trackio://projects"),
        ("", "trackio://projects"),
    ];
    for (uri, taught) in cases {
        let answer = session.request("resources/read", json!({"uri": uri}));
        let message =
            answer["error"]["message"].as_str().unwrap_or_else(|| panic!("{uri}: {answer}"));
        assert!(message.contains(taught), "{uri}: {message}");
        assert_eq!(answer["error"]["code"], -32002, "{uri}");
    }
    let long = format!("trackio://{}", "x".repeat(1 << 20));
    let answer = session.request("resources/read", json!({"uri": long}));
    assert!(answer.to_string().len() < 16_000, "a long address is echoed whole");
    let mut modern = Session::silent(&fixture.dir);
    let id = modern.post_stateless("resources/read", json!({"uri": "trackio://nothing"}));
    let answer = modern.answer_to(&json!(id), support::PATIENCE).expect("an answer");
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}

#[test]
fn answers_that_cut_lead_to_the_whole() {
    let fixture = Fixture::empty();
    let db = project(&fixture.dir, "p");
    db.execute_batch("BEGIN").unwrap();
    log_metric(&db, "id", "a/b", "x", 0..4_000);
    db.execute_batch("COMMIT").unwrap();
    log_metric(&db, "short", "short", "x", 0..5);
    let mut session = Session::start(&fixture.dir);
    let links = |answer: &support::ToolAnswer| -> Vec<String> {
        let blocks = answer.raw["content"].as_array().unwrap().iter();
        let links = blocks.filter(|block| block["type"] == "resource_link");
        links.map(|link| link["uri"].as_str().unwrap().to_owned()).collect()
    };
    let calls = [
        ("get_metric_values", json!({"run": "a/b", "metric": "x"})),
        ("get_metric_values", json!({"run": "a/b", "metric": "x", "format": "records"})),
        ("get_metric_values", json!({"run": "a/b", "metric": "x", "max_points": 0})),
        ("get_logs", json!({"run": "a/b", "metrics": ["x"]})),
        ("get_logs", json!({"run": "id"})),
    ];
    for (tool, mut arguments) in calls {
        arguments["project"] = json!("p");
        let answer = session.call(tool, arguments.clone()).ok();
        let links = links(&answer);
        assert_eq!(links, ["trackio://p/a%2Fb/metrics/x.csv"], "{tool} {arguments}");
        // Some clients show a model the structured part alone, some the text alone.
        assert!(answer.structured["notes"].to_string().contains(&links[0]), "{tool} {arguments}");
        assert!(answer.text.contains(&links[0]), "{tool} {arguments}");
        assert_eq!(session.read(&links[0]).lines().count(), 4_001);
    }
    for (tool, mut arguments) in [
        ("get_metric_values", json!({"run": "short", "metric": "x"})),
        ("get_logs", json!({"run": "short"})),
    ] {
        arguments["project"] = json!("p");
        let answer = session.call(tool, arguments.clone()).ok();
        assert!(links(&answer).is_empty(), "{tool} {arguments}: nothing was cut");
        assert!(!answer.text.contains("trackio://"), "{tool} {arguments}: {}", answer.text);
    }
}

/// What the server completes.
fn completed(session: &mut Session, of: Value, name: &str, value: &str, given: Value) -> Value {
    let asked = json!({
        "ref": of, "argument": {"name": name, "value": value}, "context": {"arguments": given},
    });
    let mut answer = session.request("completion/complete", asked);
    assert!(answer["result"]["completion"]["values"].is_array(), "{answer}");
    answer["result"]["completion"].take()
}

#[test]
fn names_are_completed_within_what_is_filled_in() {
    let fixture = Fixture::empty();
    for name in ["alpha", "beta"] {
        let db = project(&fixture.dir, name);
        for run in 0..130 {
            log_metric(
                &db,
                &format!("{name}-{run}"),
                &format!("{name} run {run}"),
                "train/loss",
                0..2,
            );
        }
        log_metric(&db, "odd", "..", &format!("{name}/accuracy"), 0..2);
    }
    let mut session = Session::start(&fixture.dir);
    let prompt = || json!({"type": "ref/prompt", "name": "check_training"});
    let template = |uri: &str| json!({"type": "ref/resource", "uri": uri});
    let none = || json!({});
    let found = completed(&mut session, prompt(), "project", "al", none());
    assert_eq!(found["values"], json!(["alpha"]));
    let found = completed(&mut session, prompt(), "project", "bteta", none());
    assert_eq!(found["values"], json!(["beta"]), "with a typo");
    let found = completed(&mut session, prompt(), "run", "beta run 12", json!({"project": "beta"}));
    let values: Vec<&str> =
        found["values"].as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect();
    assert_eq!(values.len(), 11, "{values:?}");
    let found = completed(&mut session, prompt(), "run", "beta", json!({"project": "alpha"}));
    assert_eq!(found["values"], json!([]), "of another project");
    let found = completed(&mut session, prompt(), "run", "", json!({"project": "alpha"}));
    assert_eq!(found["values"].as_array().unwrap().len(), 100);
    assert_eq!((&found["total"], &found["hasMore"]), (&json!(131), &json!(true)));
    let metrics = template("trackio://{project}/{run}/metrics/{metric}.csv");
    let given = json!({"project": "beta", "run": ".."});
    let found = completed(&mut session, metrics.clone(), "metric", "acc", given);
    assert_eq!(found["values"], json!(["beta/accuracy"]));
    let found = completed(&mut session, metrics, "run", "..", json!({"project": "beta"}));
    assert_eq!(found["values"][0], "~..", "as it stands in an address");
    let runs = json!({"type": "ref/prompt", "name": "compare_runs"});
    let typed = "alpha run 1,alpha run 129";
    let found = completed(&mut session, runs, "runs", typed, json!({"project": "alpha"}));
    assert_eq!(found["values"][0], typed);
    let found =
        completed(&mut session, template("trackio://guide/{topic}"), "topic", "cur", none());
    assert_eq!(found["values"], json!(["curves"]));
    // Where there is nothing to complete, that is no mistake; a name that is none is.
    let found = completed(&mut session, prompt(), "run", "", json!({"project": "nothing"}));
    assert_eq!(found["values"], json!([]));
    for (of, name) in [
        (prompt(), "rnu"),
        (json!({"type": "ref/prompt", "name": "chek_training"}), "run"),
        (template("trackio://{nothing}"), "nothing"),
    ] {
        let asked = json!({"ref": of, "argument": {"name": name, "value": ""}});
        let answer = session.request("completion/complete", asked);
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
    }
}
