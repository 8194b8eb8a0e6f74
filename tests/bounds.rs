//! Databases and SQL that ask for more time or memory than there is, through the real binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use serde_json::{Value, json};
use support::{Fixture, Session, ToolAnswer, database, tests_file};

/// The deadline of SQL from a model, and what a slow machine adds.
const SQL_ENDS: Duration = Duration::from_secs(8);

/// The largest value that is read.
const LONGEST: usize = 32_000_000;

/// The most memory that the server has taken, in bytes.
fn peak(session: &Session) -> u64 {
    let Ok(status) = fs::read_to_string(format!("/proc/{}/status", session.pid())) else {
        return 0;
    };
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn assert_peak_below(session: &Session, megabytes: u64, what: &str) {
    let peak = peak(session) >> 20;
    assert!(peak < megabytes, "{what}: {peak} MB");
}

/// Calls of tools that read, with the project and a run that need not exist.
fn reads(project: &str) -> Vec<(&'static str, Value)> {
    let run = json!({"project": project, "run": "a"});
    let metric = json!({"project": project, "run": "a", "metric": "loss"});
    vec![
        ("get_project_summary", json!({"project": project})),
        ("get_runs_for_project", json!({"project": project})),
        ("get_run_summary", run.clone()),
        ("get_metrics_for_run", run.clone()),
        ("get_metric_values", metric),
        ("get_logs", run.clone()),
        ("get_snapshot", json!({"project": project, "run": "a", "around_step": 1})),
        ("get_system_logs", run.clone()),
        ("get_traces", run),
        ("get_alerts", json!({"project": project})),
        ("diagnose_run", json!({"project": project})),
        ("query_project", json!({"project": project})),
        ("query_project", json!({"project": project, "sql": "SELECT * FROM metrics LIMIT 1"})),
    ]
}

#[test]
fn a_view_or_a_generated_column_is_no_table_of_trackio() {
    let fixture = Fixture::empty();
    let names = ["generated-6GB", "generated-instr", "gencol-view_infinite_rows"];
    for name in names {
        let file = format!("{name}.db");
        fs::copy(tests_file("hostile").join(&file), fixture.dir.join(&file)).unwrap();
    }
    for (name, sql) in [
        ("stored", "CREATE TABLE metrics(id, run_name, metrics AS (hex(id)) STORED)"),
        ("case", "CREATE TABLE t(x); CREATE VIEW METRICS AS SELECT * FROM t"),
        ("virtual", "CREATE VIRTUAL TABLE traces USING fts5(messages)"),
        (
            "default",
            "CREATE TABLE configs(run_name, config DEFAULT
             'a long text that each row has without taking any room in the file, and again, and again, and again, and again')",
        ),
    ] {
        let connection = Connection::open(fixture.dir.join(format!("{name}.db"))).unwrap();
        connection.execute_batch(sql).unwrap();
    }
    let mut session = Session::start(&fixture.dir);
    let started = Instant::now();
    let listed = session.call("get_all_projects", json!({})).ok().structured;
    for detail in listed["details"].as_array().unwrap() {
        let problem = detail["problem"].as_str().unwrap_or_default();
        assert!(problem.contains("is not as Trackio creates it"), "{detail}");
        assert!(problem.contains(detail["name"].as_str().unwrap()), "{detail}");
    }
    assert_eq!(listed["total"], 7);
    for name in names {
        for (tool, arguments) in reads(name) {
            let said = session.call(tool, arguments).failure();
            assert!(said.contains(name) && said.contains("not as Trackio creates it"), "{said}");
        }
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_peak_below(&session, 100, "refused");
}

/// What Trackio does not know is ignored, and within its limits for SQL.
#[test]
fn views_and_generated_columns_beside_trackios_tables_do_not_matter() {
    let fixture = Fixture::unpack("0.43.0");
    let connection = Connection::open(fixture.dir.join("demo-main.db")).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE mine(id INTEGER PRIMARY KEY, x AS (printf('%.*c', 900000000, 'x')));
             INSERT INTO mine(id) VALUES (1);
             CREATE VIEW endless AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)
             SELECT x FROM c;",
        )
        .unwrap();
    let mut session = Session::start(&fixture.dir);
    session.call("get_project_summary", json!({"project": "demo-main"})).ok();
    session.call("query_project", json!({"project": "demo-main"})).ok();
    for sql in ["SELECT length(x) FROM mine", "SELECT COUNT(*) FROM endless"] {
        let started = Instant::now();
        session.call("query_project", json!({"project": "demo-main", "sql": sql})).failure();
        assert!(started.elapsed() < SQL_ENDS, "{sql}: {:?}", started.elapsed());
    }
    let first = json!({"project": "demo-main", "sql": "SELECT x FROM endless", "limit": 3});
    assert_eq!(session.call("query_project", first).ok().structured["row_count"], 3);
    assert_peak_below(&session, 300, "beside");
}

/// SQL whose one step, or whose memory, is without measure.
fn hostile_sql() -> Vec<String> {
    let mut all = Vec::new();
    for file in ["sql-instr", "sql-manyblobs", "sql-medians", "sql-replace"] {
        let call = fs::read(tests_file("hostile").join(format!("{file}.json"))).unwrap();
        let call: Value = serde_json::from_slice(&call).unwrap();
        all.push(call["arguments"]["sql"].as_str().unwrap().to_owned());
    }
    let numbers = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)";
    let t = "hex(zeroblob(490000))";
    for sql in [
        "SELECT instr(zeroblob(900000), CAST(zeroblob(450000) || x'01' AS BLOB)) FROM metrics a, metrics b".to_owned(),
        format!("SELECT {t} LIKE '%' || substr({t}, 1, 990) || 'z%' FROM metrics a, metrics b"),
        format!("SELECT COUNT(*) FROM metrics a, metrics b WHERE {t} GLOB '*' || substr({t}, 1, 990) || 'z*'"),
        format!("SELECT trim({t}, replace(hex(zeroblob(200000)), '0', char(300, 301)) || '0')"),
        format!("SELECT unhex(replace({t}, '0', '.'), hex(zeroblob(400000)) || '.')"),
        format!("{numbers} SELECT MAX(strftime(replace({t}, '00', '%f'), x)) FROM c"),
        format!("{numbers} SELECT MAX(json_pretty(replace({t}, '00', x || ','))) FROM c"),
        format!("{numbers} SELECT x, randomblob(9) AS r FROM c ORDER BY r"),
        format!("{numbers} SELECT COUNT(DISTINCT hex(x)) FROM c"),
        format!("{numbers} SELECT x % 1000000, json_group_array(x) FROM c GROUP BY 1"),
        format!("{numbers} SELECT json_group_array(randomblob(1000) || x) FROM c"),
        format!("{numbers} SELECT SUM(x) OVER (ORDER BY x DESC) FROM c"),
        format!("{numbers} SELECT group_concat(x) OVER (ROWS BETWEEN 100000 PRECEDING AND CURRENT ROW) FROM c LIMIT 1 OFFSET 10000000"),
        format!("{numbers} SELECT x FROM c WHERE x IN (SELECT -x FROM c)"),
        "WITH RECURSIVE d(t) AS (SELECT 'a' UNION ALL SELECT t || t FROM d) SELECT length(t) FROM d LIMIT -1 OFFSET 50".to_owned(),
        "WITH RECURSIVE d(t, n) AS (SELECT hex(randomblob(400000)), 1 UNION SELECT t || '', n + 1 FROM d) SELECT COUNT(*) FROM d".to_owned(),
        format!("SELECT COUNT(*) FROM json_each('[' || replace({t}, '00', '1,') || '1]') a, json_each('[' || replace({t}, '00', '1,') || '1]') b"),
        format!("SELECT {}", vec!["length(upper(hex(randomblob(490000))))"; 2000].join(" + ")),
        format!("SELECT json_patch('{{' || replace({t}, '00', '\"a\":1,') || '\"b\":1}}', '{{}}')"),
    ] {
        all.push(sql);
    }
    // Long without a row in between, which is where SQLite looks at the time.
    let columns = |of: &dyn Fn(usize) -> String| (0..1_900).map(of).collect::<Vec<_>>().join(", ");
    for (columns, from) in [
        (
            columns(&|n| format!("json_valid(y || {n})")),
            format!("SELECT '[' || replace({t}, '00', '1,') AS y"),
        ),
        (
            columns(&|n| format!("y > {n}")),
            format!("SELECT strftime(replace({t}, '00', '%U'), step) AS y FROM metrics"),
        ),
        (columns(&|_| "randomblob(999000)".to_owned()), "SELECT 1".to_owned()),
    ] {
        all.push(format!("SELECT {columns} FROM ({from})"));
    }
    all
}

#[test]
fn sql_without_measure_ends_in_time_and_within_its_memory() {
    let fixture = Fixture::unpack("0.43.0");
    let mut session = Session::start(&fixture.dir);
    let all = hostile_sql();
    for some in all.chunks(4) {
        let started = Instant::now();
        let said = at_once(&mut session, some);
        assert_eq!(said.len(), some.len(), "{some:.120?}");
        assert!(started.elapsed() < SQL_ENDS, "{some:.120?}: {:?}", started.elapsed());
        assert_peak_below(&session, 300, &format!("{some:.120?}"));
    }
    // Of more than four some wait, and each is answered.
    let numbers = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)";
    let said = at_once(&mut session, &vec![format!("{numbers} SELECT COUNT(*) FROM c"); 6]);
    assert_eq!(said.len(), 6);
    let is_expected = |text: &String| {
        text.contains("took too long") || text.contains("other queries were running")
    };
    assert!(said.iter().all(is_expected), "{said:?}");
    let quick = "SELECT 1 AS a".to_owned();
    assert!(at_once(&mut session, &vec![quick; 12]).iter().all(|text| text.contains("1 row")));
}

/// The texts of the answers to queries that were sent together, without those that did not come.
fn at_once(session: &mut Session, queries: &[String]) -> Vec<String> {
    let ask = |sql: &String| json!({"project": "demo-main", "sql": sql});
    for sql in queries {
        session.post_call("query_project", &ask(sql));
    }
    let answers = queries.iter().filter_map(|_| session.receive(SQL_ENDS));
    answers.map(|answer| answer["result"]["content"][0]["text"].to_string()).collect()
}

/// While queries take all memory that they can get.
#[test]
fn other_reads_are_answered_beside_greedy_queries() {
    let fixture = Fixture::unpack("0.43.0");
    let connection = database::emptied(&fixture.dir, "large");
    insert(&connection, 1, "a", 30_000_000);
    drop(connection);
    let mut session = Session::start(&fixture.dir);
    let greedy = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 90),
                  r AS (SELECT randomblob(900000) AS r FROM c ORDER BY r)
                  SELECT COUNT(*) FROM r, c a, c b, c d, c e, c f";
    for _ in 0..4 {
        session.post_call("query_project", &json!({"project": "demo-main", "sql": greedy}));
    }
    let values = json!({"project": "large", "run": "a", "metric": "loss"});
    let reads = [("get_metric_values", values), ("get_all_projects", json!({}))];
    for (tool, arguments) in reads.iter().cycle().take(6) {
        session.post_call(tool, arguments);
    }
    let answers: Vec<Value> = (0..10).map_while(|_| session.receive(SQL_ENDS)).collect();
    let is_answered = |answer: &&Value| answer["result"]["isError"] != true;
    assert_eq!(answers.iter().filter(is_answered).count(), 6, "{answers:?}");
    assert_eq!(answers.len(), 10);
    assert_peak_below(&session, 300, "greedy");
}

/// A row whose JSON has so many bytes.
fn insert(connection: &Connection, step: i64, run: &str, bytes: usize) {
    let mut json = String::from(r#"{"loss":1.5,"text":""#);
    json.push_str(&"x".repeat(bytes - json.len() - 2));
    json.push_str("\"}");
    assert_eq!(json.len(), bytes);
    let sql = "INSERT INTO metrics (run_id, run_name, timestamp, step, metrics)
               VALUES (?1, ?1, '2026-03-01T00:00:0' || ?2 || '+00:00', ?2, ?3)";
    connection.execute(sql, params![run, step, json]).unwrap();
}

fn notes(answer: &ToolAnswer) -> String {
    answer.raw.to_string()
}

#[test]
fn a_row_that_is_too_large_is_skipped_counted_and_named() {
    let fixture = Fixture::empty();
    let connection = database::emptied(&fixture.dir, "p");
    insert(&connection, 1, "a", 100);
    insert(&connection, 1, "b", 100);
    insert(&connection, 2, "a", LONGEST);
    insert(&connection, 3, "a", LONGEST + 1);
    for (table, column) in [("configs", "config"), ("system_metrics", "metrics")] {
        let time = if table == "configs" { "created_at" } else { "timestamp" };
        let sql = format!(
            "INSERT INTO {table} (run_id, run_name, {time}, {column})
             VALUES ('b', 'b', '2026-03-01T00:00:00+00:00', zeroblob(?1))"
        );
        connection.execute(&sql, [LONGEST as i64 + 1]).unwrap();
    }
    let alert = "INSERT INTO alerts (run_id, run_name, timestamp, title, level, text)
                 VALUES ('b', 'b', '2026-03-01T00:00:00+00:00', ?1, 'warn', zeroblob(?2))";
    connection.execute(alert, params!["small", 10]).unwrap();
    connection.execute(alert, params!["large", LONGEST as i64 + 1]).unwrap();
    let trace = "INSERT INTO traces (id, run_id, run_name, timestamp, step, key, messages, metadata, search_text)
                 VALUES (?1, 'b', 'b', '2026-03-01T00:00:00+00:00', 1, 't', ?2, '{}', '')";
    connection.execute(trace, params!["b:1:t", "[]"]).unwrap();
    let large = "x".repeat(LONGEST + 1);
    connection.execute(trace, params!["b:2:t", large]).unwrap();
    drop((connection, large));
    let mut session = Session::start(&fixture.dir);
    let metric = json!({"project": "p", "run": "a", "metric": "loss"});
    for _ in 0..2 {
        let values = session.call("get_metric_values", metric.clone()).ok();
        assert_eq!(values.structured["stats"]["count"], 2, "{}", values.text);
        let said = "1 row of table metrics in project p is larger than 32 MB and was left out: run a step 3.";
        assert!(notes(&values).contains(said), "{}", values.text);
    }
    for (tool, table) in [
        ("get_run_summary", "configs"),
        ("get_system_logs", "system_metrics"),
        ("get_alerts", "alerts"),
        ("get_traces", "traces"),
    ] {
        let answer = session.call(tool, json!({"project": "p", "run": "b"})).ok();
        let said = format!("1 row of table {table} in project p is larger than 32 MB");
        assert!(notes(&answer).contains(&said), "{tool}: {}", answer.text);
    }
    assert_peak_below(&session, 300, "large rows");
    // SQL from a model takes less, and says which tool reads the rest.
    let sql = |sql: &str| json!({"project": "p", "sql": sql});
    let said = session.call("query_project", sql("SELECT metrics FROM metrics")).failure();
    assert!(said.contains("get_traces") && said.contains("octet_length"), "{said}");
    let small = "SELECT step FROM metrics WHERE octet_length(metrics) < 1000000";
    assert_eq!(session.call("query_project", sql(small)).ok().structured["row_count"], 2);
}

#[test]
fn every_era_of_trackio_still_opens() {
    for name in ["0.3.4", "0.14.2", "0.24.2", "0.43.0", "upgraded-0.14.2-0.36.0"] {
        let fixture = Fixture::unpack(name);
        let listed = all_projects(&fixture.dir);
        for detail in listed["details"].as_array().unwrap() {
            assert_eq!(detail.get("problem"), None, "{name}: {detail}");
        }
    }
}

fn all_projects(dir: &Path) -> Value {
    Session::start(dir).call("get_all_projects", json!({})).ok().structured
}
