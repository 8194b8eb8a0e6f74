//! Odd directories, odd files, wrong names and hostile SQL, answered clearly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{Fixture, Session, changes, snapshot};

/// What the server says when it is asked for the projects, failing or not.
fn said_of_projects(dir: &Path) -> String {
    let mut session = Session::start(dir);
    let answer = session.call("get_all_projects", json!({}));
    let settings = session.call("get_settings", json!({})).ok();
    assert!(
        settings.raw.to_string().contains(&shown(dir)),
        "get_settings does not name {}: {}",
        dir.display(),
        settings.raw
    );
    if !answer.is_error {
        assert_eq!(answer.structured["projects"], json!([]), "{}", answer.raw);
    }
    let other = session.call("get_runs_for_project", json!({"project": "any"})).failure();
    assert!(!other.is_empty());
    assert_eq!(session.close().0.code(), Some(0));
    answer.raw.to_string()
}

/// A path as it stands in JSON.
fn shown(path: &Path) -> String {
    let quoted = json!(path.to_str().unwrap()).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[test]
fn a_directory_without_projects_is_named() {
    let empty = Fixture::empty();
    let missing = empty.dir.join("not here");
    let file = empty.dir.join("file");
    assert!(said_of_projects(&empty.dir).contains(&shown(&empty.dir)), "an empty directory");
    assert!(said_of_projects(&missing).contains(&shown(&missing)), "a missing directory");
    assert!(!missing.exists(), "the server made the directory");
    fs::write(&file, "text").unwrap();
    assert!(said_of_projects(&file).contains(&shown(&file)), "a file in place of the directory");
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::unpack("0.14.2");
    let hidden = fixture.dir.join("main.db");
    fs::set_permissions(&hidden, fs::Permissions::from_mode(0o000)).unwrap();
    let mut session = support::unprivileged(&fixture.dir);
    session.handshake(support::LEGACY);
    let said =
        session.call("get_runs_for_project", json!({"project": "main"})).failure().to_lowercase();
    assert!(said.contains("permission") || said.contains("read"), "{said}");
    session.call("get_runs_for_project", json!({"project": "types"})).ok();
    let projects = session.call("get_all_projects", json!({})).ok();
    assert!(
        projects.structured["projects"].as_array().unwrap().contains(&json!("main")),
        "{}",
        projects.raw
    );

    fs::set_permissions(&fixture.dir, fs::Permissions::from_mode(0o000)).unwrap();
    let answer = session.call("get_all_projects", json!({}));
    assert!(answer.raw.to_string().contains(&shown(&fixture.dir)), "{}", answer.raw);
    fs::set_permissions(&fixture.dir, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn what_is_no_database_is_listed_with_its_problem() {
    let fixture = Fixture::unpack("special-corrupt");
    let mut session = Session::start(&fixture.dir);
    let listed = session.call("get_all_projects", json!({})).ok().structured;
    let mut projects = vec!["garbage", "dir"];
    // Windows lets few users make the link that leads nowhere.
    let link = fixture.dir.join("dangling.db");
    if cfg!(unix) || fs::symlink_metadata(&link).is_ok() {
        projects.push("dangling");
    }
    for project in &projects {
        let details = listed["details"].as_array().expect("details");
        let detail = details.iter().find(|detail| detail["name"] == *project);
        let detail = detail.unwrap_or_else(|| panic!("{project} is not listed: {listed}"));
        assert!(detail["problem"].as_str().is_some_and(|problem| problem.len() > 5), "{detail}");
    }
    for tool in ["get_runs_for_project", "get_project_summary", "get_alerts"] {
        for project in &projects {
            let said = session.call(tool, json!({"project": project})).failure();
            assert!(said.contains(project), "{tool} does not name {project}: {said}");
        }
    }
    for project in &projects {
        session.call("query_project", json!({"project": project, "sql": "SELECT 1"})).failure();
    }
    for project in ["future", "good"] {
        session.call("get_runs_for_project", json!({"project": project})).ok();
    }
}

#[test]
fn unparsable_rows_are_skipped_and_counted() {
    let fixture = Fixture::unpack("special-corrupt");
    let mut session = Session::start(&fixture.dir);
    let sql = "SELECT run_id, count(*) AS bad FROM metrics WHERE NOT json_valid(CAST(metrics AS TEXT)) \
               OR json_type(CAST(metrics AS TEXT)) <> 'object' GROUP BY run_id";
    let bad = session.call("query_project", json!({"project": "good", "sql": sql})).ok().structured
        ["rows"]
        .take();
    let bad = bad.as_array().expect("rows");
    assert!(!bad.is_empty(), "the fixture has lost its bad rows");
    for row in bad {
        let logs = session.call("get_logs", json!({"project": "good", "run": row["run_id"]}));
        let notes = logs.structured["notes"].to_string();
        let told = |said: &str| said.contains(&format!("{} row", row["bad"]));
        assert!(told(&notes) && told(&logs.text), "{row} is not told: {}", logs.raw);
    }
}

#[test]
fn no_project_name_leads_out_of_the_directory() {
    let fixture = Fixture::unpack("0.14.2");
    let inside = fixture.dir.join("inner");
    fs::create_dir(&inside).unwrap();
    fs::copy(fixture.dir.join("types.db"), inside.join("own.db")).unwrap();
    let mut session = Session::start(&inside);
    let absolute = fixture.dir.join("main");
    let names = [
        "../main",
        "..",
        "../../etc/passwd",
        "/etc/passwd",
        "..\\main",
        "main.db",
        "./../main",
        absolute.to_str().unwrap(),
    ];
    for name in names {
        for tool in ["get_runs_for_project", "get_project_summary", "get_alerts", "query_project"] {
            let mut arguments = json!({"project": name});
            if tool == "query_project" {
                arguments["sql"] = json!("SELECT 1");
            }
            session.call(tool, arguments).failure();
        }
    }
    for spelling in ["own", "../own", " o/w.n "] {
        session.call("get_runs_for_project", json!({"project": spelling})).ok();
    }
}

#[test]
fn an_unknown_name_leads_to_the_nearest() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let run_tools = [
        "get_run_summary",
        "get_metrics_for_run",
        "get_metric_values",
        "get_snapshot",
        "get_logs",
        "get_system_metrics_for_run",
        "get_system_logs",
        "get_alerts",
    ];
    let project_tools = ["get_runs_for_project", "get_project_summary", "query_project"];
    for tool in run_tools.into_iter().chain(project_tools) {
        let takes_run = run_tools.contains(&tool);
        let arguments = |project: &str, run: &str| {
            let mut arguments = json!({"project": project});
            if takes_run {
                arguments["run"] = json!(run);
            }
            match tool {
                "get_metric_values" => arguments["metric"] = json!("train/loss"),
                "query_project" => arguments["sql"] = json!("SELECT 1"),
                _ => {}
            }
            arguments
        };
        let said = session.call(tool, arguments("demo-mian", "baseline")).failure();
        assert!(said.contains("demo-main"), "{tool}: no nearest project: {said}");
        if takes_run {
            let said = session.call(tool, arguments("demo-main", "basline")).failure();
            assert!(said.contains("baseline"), "{tool}: no nearest run: {said}");
            session.call(tool, arguments("demo-main", "baseline")).ok();
        }
    }
    let who = |also: Value| {
        let mut arguments = json!({"project": "demo-main", "run": "baseline"});
        arguments.as_object_mut().unwrap().extend(also.as_object().unwrap().clone());
        arguments
    };
    let cases = [
        ("get_metric_values", who(json!({"metric": "train/los"})), "train/loss"),
        ("get_metric_values", who(json!({"metric": "Train/Loss"})), "train/loss"),
        ("get_snapshot", who(json!({"metrics": ["val/lss"]})), "val/loss"),
        ("get_logs", who(json!({"metrics": ["val/lss"]})), "val/loss"),
        ("get_system_logs", who(json!({"metrics": ["cpu/utilisation"]})), "cpu/utilization"),
    ];
    for (tool, arguments, nearest) in cases {
        // Afresh: another tool's answer may have made the names known.
        let mut session = Session::start(&fixture.dir);
        let said = session.call(tool, arguments.clone()).failure();
        assert!(said.contains(nearest), "{tool} {arguments}: {nearest} is not named: {said}");
    }
}

/// What asks for nothing that there is, and what the failure has to say.
#[test]
fn a_question_without_an_answer_teaches() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let baseline = |also: Value| {
        let mut asked = json!({"project": "demo-main", "run": "baseline"});
        asked.as_object_mut().unwrap().extend(also.as_object().unwrap().clone());
        asked
    };
    let cases: [(&str, Value, &[&str]); 12] = [
        ("get_all_projects", json!({"pattern": "dema*"}), &["`dema*`", "Nearest: `demo-main`"]),
        (
            "get_runs_for_project",
            json!({"project": "demo-main", "pattern": "basline"}),
            &["No run matches", "`baseline`", "Without pattern"],
        ),
        ("get_metrics_for_run", baseline(json!({"pattern": "acuracy"})), &["`train/acc`"]),
        (
            "get_runs_for_project",
            json!({"project": "demo-main", "status": "crashed"}),
            &["`active`, `idle`, `ended`", "does not record how a run ended"],
        ),
        (
            "get_alerts",
            json!({"project": "demo-main", "level": "critical"}),
            &["`critical`", "info, warn, error", "error (2), info (2), warn (1)"],
        ),
        (
            "get_snapshot",
            baseline(json!({"step": 4_000})),
            &["at step 4000", "Nearest logged steps: 49", "around_step: 49"],
        ),
        (
            "get_metric_values",
            baseline(json!({"metric": "train/loss", "step": 3.5})),
            &["Nearest logged steps: 3 and 4", "around_step"],
        ),
        ("get_guide", json!({"topic": "xyzzy"}), &["`xyzzy`", "overview"]),
        ("get_run_summary", json!({"project": "demo-main", "run": "basline"}), &["`baseline`"]),
        ("get_logs", baseline(json!({"metrics": ["train/los"]})), &["`train/loss`"]),
        ("get_logs", baseline(json!({"format": "rows"})), &["`columns`, `records`"]),
        ("get_project_summary", json!({"project": "demo"}), &["`demo-main`"]),
    ];
    for (tool, arguments, expected) in cases {
        let said = session.call(tool, arguments.clone()).failure();
        for words in expected {
            assert!(said.contains(words), "{tool} {arguments}: no {words:?} in: {said}");
        }
    }
}

/// What is asked in other words than ours, and what the answer's text has to say.
#[test]
fn a_plain_meaning_is_answered() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let loss = |also: Value| {
        let mut asked = json!({"project": "demo-main", "run": "baseline", "metric": "train/loss"});
        asked.as_object_mut().unwrap().extend(also.as_object().unwrap().clone());
        asked
    };
    let cases: [(&str, Value, &[&str]); 10] = [
        (
            "get_run_summary",
            json!({"project": "demo-main", "run": "baseline"}),
            &["duration_seconds: 32\n", "group: g1", "(level error, title diverged, step 49)"],
        ),
        (
            "get_project_summary",
            json!({"project": "demo-main"}),
            &["16 runs, 14 of them listed by Trackio; 16 ended", "| \" lead trail \" |"],
        ),
        (
            "get_runs_for_project",
            json!({"project": "demo-main", "status": "Finished"}),
            &["| ended |"],
        ),
        (
            "get_alerts",
            json!({"project": "demo-main", "level": "WARNING"}),
            &["1 alert of", "`WARNING` was read as `warn`"],
        ),
        (
            "get_metric_values",
            loss(json!({"step": 7})),
            &["at step 7 alone", "only NaN", "7 | NaN"],
        ),
        (
            "get_metric_values",
            loss(json!({"from_step": 3, "to_step": 5})),
            &["from step 3 to 5 alone: last 1"],
        ),
        ("get_guide", json!({"topic": "overfitting"}), &["diagnose_run"]),
        ("get_guide", json!({"topic": "ETA"}), &["get_run_summary"]),
        (
            "get_logs",
            json!({"project": "demo-main", "run": "baseline"}),
            &["metrics of run baseline", "total_of: metrics"],
        ),
        (
            "query_project",
            json!({"project": "default"}),
            &["empty_tables: alerts, artifact_aliases"],
        ),
    ];
    for (tool, arguments, expected) in cases {
        let said = session.call(tool, arguments.clone()).ok().text;
        for words in expected {
            assert!(said.contains(words), "{tool} {arguments}: no {words:?} in: {said}");
        }
    }
}

/// By the text that such a key is shown as, the next run would be looked for without end.
#[test]
fn a_run_whose_key_is_no_text_is_listed_once() {
    // With the other columns that a row needs, and their values.
    for (fixture, project, key, columns, values) in [
        ("0.14.2", "main", "run_name", "", ""),
        ("0.24.2", "demo-main", "run_id", ", run_name", ", 'odd'"),
        ("0.43.0", "demo-main", "run_id", ", run_name", ", 'odd'"),
    ] {
        let fixture = Fixture::unpack(fixture);
        let mut session = Session::start(&fixture.dir);
        let mut runs = || {
            let asked = json!({"project": project, "limit": 500});
            let answer = session.call("get_runs_for_project", asked).ok();
            answer.structured["runs"].as_array().unwrap().len()
        };
        let before = runs();
        let path = fixture.dir.join(format!("{project}.db"));
        let database = rusqlite::Connection::open(path).unwrap();
        for value in ["x'ff01'", "CAST(x'f1f2' AS TEXT)"] {
            let sql = format!(
                "INSERT INTO metrics (timestamp, step, metrics, {key}{columns})
                 VALUES ('2026-01-01T00:00:00+00:00', 0, '{{\"loss\": 1}}', {value}{values})"
            );
            database.execute_batch(&sql).unwrap();
        }
        assert_eq!(runs(), before + 2, "{project} by {key}");
    }
}

#[test]
fn a_run_is_known_by_name_id_and_unique_prefix() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let runs = session
        .call("get_runs_for_project", json!({"project": "demo-main"}))
        .ok()
        .structured["runs"]
        .take();
    let run =
        runs.as_array().unwrap().iter().find(|run| run["name"] == "baseline").expect("baseline");
    let id = run["id"].as_str().unwrap();
    for spelling in [id, &id[..8], &id[..6], "baseline"] {
        let answer =
            session.call("get_run_summary", json!({"project": "demo-main", "run": spelling})).ok();
        assert_eq!(answer.structured["run_id"], id, "{spelling}");
        assert_eq!(answer.structured["run"], "baseline", "{spelling}");
    }
    session.call("get_run_summary", json!({"project": "demo-main", "run": &id[..3]})).failure();
    let shared =
        session.call("get_run_summary", json!({"project": "demo-main", "run": "sweep"})).ok();
    let sweeps = runs.as_array().unwrap().iter().filter(|run| run["name"] == "sweep");
    for other in sweeps.filter(|run| run["id"] != shared.structured["run_id"]) {
        let notes = shared.structured["notes"].to_string();
        assert!(
            notes.contains(other["id"].as_str().unwrap()),
            "{} is not named: {notes}",
            other["id"]
        );
    }
}

#[test]
fn sql_that_does_more_than_read_is_refused() {
    let fixture = Fixture::unpack("0.43.0");
    let before = snapshot(&fixture.dir);
    let mut session = Session::start(&fixture.dir);
    let out = fixture.dir.join("out.db");
    let out = out.display();
    let cases = [
        "DELETE FROM metrics".to_owned(),
        "INSERT INTO metrics VALUES (1)".to_owned(),
        "UPDATE metrics SET step = 0 RETURNING *".to_owned(),
        "REPLACE INTO metrics(id) VALUES (1)".to_owned(),
        "WITH d AS (SELECT 1) DELETE FROM metrics".to_owned(),
        "/* SELECT */ DROP TABLE metrics".to_owned(),
        "-- SELECT\nDROP TABLE metrics".to_owned(),
        "SELECT 1; DROP TABLE metrics".to_owned(),
        "SELECT 1;;DELETE FROM metrics;".to_owned(),
        "CREATE TABLE t(x)".to_owned(),
        "CREATE TEMP TABLE t(x)".to_owned(),
        "CREATE VIEW v AS SELECT 1".to_owned(),
        "ALTER TABLE metrics RENAME TO m".to_owned(),
        format!("ATTACH '{out}' AS other"),
        "DETACH main".to_owned(),
        format!("VACUUM INTO '{out}'"),
        "VACUUM".to_owned(),
        "REINDEX".to_owned(),
        "ANALYZE".to_owned(),
        "BEGIN".to_owned(),
        "BEGIN IMMEDIATE".to_owned(),
        "SAVEPOINT s".to_owned(),
        "PRAGMA user_version = 5".to_owned(),
        "PRAGMA journal_mode = DELETE".to_owned(),
        "PRAGMA wal_checkpoint(TRUNCATE)".to_owned(),
        "PRAGMA writable_schema = ON".to_owned(),
        "PRAGMA query_only = OFF".to_owned(),
        "PRAGMA optimize".to_owned(),
        "PRAGMA incremental_vacuum".to_owned(),
        "PRAGMA temp_store_directory = '/tmp'".to_owned(),
        "SELECT load_extension('x')".to_owned(),
        format!("SELECT writefile('{out}', 'x')"),
        "SELECT readfile('/etc/passwd')".to_owned(),
        "SELECT fts3_tokenizer('x', x'00')".to_owned(),
        "SELECT * FROM pragma_wal_checkpoint".to_owned(),
        "SELEC 1".to_owned(),
        "EXPLAIN".to_owned(),
        "SELECT * FROM nope".to_owned(),
        "SELECT nope FROM metrics".to_owned(),
        ";".to_owned(),
    ];
    for sql in cases {
        let answer = session.call("query_project", json!({"project": "demo-main", "sql": sql}));
        assert!(answer.is_error, "{sql}: {}", answer.raw);
    }
    assert_eq!(session.close().0.code(), Some(0));
    assert_eq!(changes(&before, &snapshot(&fixture.dir)), Vec::<String>::new());
}

#[test]
fn sql_that_only_reads_works() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let cases = [
        ("SELECT count(*) AS n FROM metrics", json!([{"n": 86}])),
        ("-- how many\nSELECT count(*) AS n FROM metrics;", json!([{"n": 86}])),
        ("/* a */ /* b */ select 1 as a", json!([{"a": 1}])),
        (
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<4) SELECT sum(x) AS s FROM c",
            json!([{"s": 10}]),
        ),
        ("SELECT value AS v FROM json_each('[1,2]')", json!([{"v": 1}, {"v": 2}])),
        ("SELECT count(*) AS n FROM pragma_table_info('metrics')", json!([{"n": 8}])),
        ("PRAGMA user_version", json!([{"user_version": 2}])),
        (
            "SELECT x'00ff' AS b, x'616263' AS s, NULL AS n, 1.5 AS f",
            json!([{"b": "00ff", "s": "abc", "n": null, "f": 1.5}]),
        ),
        ("SELECT typeof(metrics) AS t FROM metrics LIMIT 1", json!([{"t": "blob"}])),
        ("SELECT typeof(metrics) AS t FROM metrics_text LIMIT 1", json!([{"t": "text"}])),
        ("SELECT ';' AS a -- and; no more", json!([{"a": ";"}])),
    ];
    for (sql, rows) in cases {
        let answer =
            session.call("query_project", json!({"project": "demo-main", "sql": sql})).ok();
        assert_eq!(answer.structured["rows"], rows, "{sql}");
    }
    let plan = session.call(
        "query_project",
        json!({"project": "demo-main", "sql": "EXPLAIN QUERY PLAN SELECT * FROM metrics"}),
    );
    plan.ok();
    let guide = session.call("query_project", json!({"project": "demo-main"})).ok();
    assert!(
        guide.raw.to_string().contains("metrics_text"),
        "the schema does not tell of the views"
    );
}

#[test]
fn sql_without_end_or_measure_is_stopped() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let cases = [
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT count(*) FROM c",
        "SELECT count(*) FROM metrics a, metrics b, metrics c, metrics d, metrics e",
        "SELECT hex(zeroblob(900000000))",
        "SELECT length(replace(hex(zeroblob(100000)), '0', hex(zeroblob(100000))))",
    ];
    for sql in cases {
        let started = Instant::now();
        let answer = session.call("query_project", json!({"project": "demo-main", "sql": sql}));
        assert!(answer.is_error, "{sql}: {}", &answer.raw.to_string()[..200]);
        assert!(started.elapsed() < Duration::from_secs(15), "{sql} took {:?}", started.elapsed());
    }
    let wide = [
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x < 200000) SELECT x FROM c",
        "SELECT hex(randomblob(100000)) AS long",
        "SELECT a.metrics, b.metrics FROM metrics a, metrics b",
    ];
    for sql in wide {
        let answer = session.call("query_project", json!({"project": "demo-main", "sql": sql}));
        let size = answer.structured.to_string().len().max(answer.text.len());
        assert!(size <= 32_000, "{sql}: {size} bytes");
        let whole = answer.structured["row_count"]
            == json!(answer.structured["rows"].as_array().map_or(0, Vec::len));
        let told = answer.structured.get("next_cursor").is_some()
            || answer.raw.to_string().contains("notes");
        assert!(answer.is_error || told || whole, "{sql}: cut without a word");
    }
    session.call("query_project", json!({"project": "demo-main", "sql": "SELECT 1 AS a"})).ok();
}

#[test]
fn odd_command_lines_end_with_advice() {
    let cases: [(&[&str], i32); 3] =
        [(&["--no-such-flag"], 2), (&["no-such-command"], 2), (&["--dir"], 2)];
    for (arguments, code) in cases {
        let mut session = Session::spawn(arguments, |_| {});
        let (status, _) = session.close();
        assert_eq!(status.code(), Some(code), "{arguments:?}");
        assert!(
            session.stderr().contains("--help") || session.stderr().contains("Usage"),
            "{}",
            session.stderr()
        );
        assert!(
            session.receive(Duration::from_millis(100)).is_none(),
            "{arguments:?} writes to stdout"
        );
    }
}
