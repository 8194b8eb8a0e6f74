use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::*;
use crate::trackio::directory::Origin;
use crate::trackio::{Directory, Store};

const SCHEMA: &str = include_str!("../write/schema-0.43.sql");

const ROOMY: Limits = Limits { skip: 0, max_rows: 10_000, max_bytes: 10_000_000 };

/// A directory with one project `p`, made of the schema and some more SQL.
fn directory(schema: &str, rows: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let connection = Connection::open(directory.path().join("p.db")).unwrap();
    connection.execute_batch(schema).unwrap();
    connection.execute_batch(rows).unwrap();
    directory
}

fn small() -> tempfile::TempDir {
    directory(
        SCHEMA,
        r#"INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) VALUES
             ('a1', '2026-01-01T00:00:00+00:00', 'a', 0, CAST('{"train/loss":2.5}' AS BLOB)),
             ('a1', '2026-01-01T00:01:00+00:00', 'a', 1, CAST('{"train/loss":1.5}' AS BLOB)),
             ('b1', '2026-01-01T00:02:00+00:00', 'b', 0, CAST('{"train/loss":"NaN"}' AS BLOB)),
             ('b1', '2026-01-01T00:03:00+00:00', 'b', 1, 'not JSON');
           INSERT INTO configs (run_id, run_name, config, created_at) VALUES
             ('a1', 'a', CAST('{"learning_rate":0.1}' AS BLOB), '2026-01-01T00:00:00+00:00');
           PRAGMA user_version = 2;"#,
    )
}

fn project(directory: &Path) -> Project {
    let directory = Directory { path: directory.to_owned(), origin: Origin::Argument };
    Store::new(directory, 0).project("p", &Stop::default()).unwrap()
}

fn ask(directory: &Path, sql: &str) -> Result<QueryResult, QueryError> {
    ask_within(directory, sql, ROOMY)
}

fn ask_within(directory: &Path, sql: &str, limits: Limits) -> Result<QueryResult, QueryError> {
    let stop = Stop::default().with_deadline(Instant::now() + Duration::from_secs(20));
    answer(&project(directory), sql, limits, &stop)
}

fn rows(directory: &Path, sql: &str) -> Value {
    let result = ask(directory, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    json!(result.rows)
}

#[test]
fn what_only_reads_is_answered() {
    let directory = small();
    for (sql, expected) in [
        ("SELECT COUNT(*) AS n FROM metrics", json!([{"n": 4}])),
        ("  select 1;; ", json!([{"1": 1}])),
        ("-- why\n/* ; */ SELECT 1 AS x -- end", json!([{"x": 1}])),
        ("SELECT 1 AS x; -- end", json!([{"x": 1}])),
        ("VALUES (1, 'a')", json!([{"column1": 1, "column2": "a"}])),
        ("WITH t AS (SELECT 2 AS x) SELECT * FROM t", json!([{"x": 2}])),
        (
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 3)
             SELECT MAX(x) AS m FROM c",
            json!([{"m": 3}]),
        ),
        ("SELECT value FROM json_each('[1,2]')", json!([{"value": 1}, {"value": 2}])),
        ("SELECT COUNT(*) AS n FROM json_tree('{\"a\":[1]}')", json!([{"n": 3}])),
        (
            "SELECT json_extract(metrics, '$.\"train/loss\"') AS l FROM metrics WHERE step = 0",
            json!([{"l": 2.5}, {"l": "NaN"}]),
        ),
        ("SELECT metrics ->> '$.train/loss' AS l FROM metrics LIMIT 1", json!([{"l": 2.5}])),
        ("PRAGMA user_version", json!([{"user_version": 2}])),
        (
            "SELECT name FROM pragma_table_info('configs') LIMIT 2",
            json!([{"name": "id"}, {"name": "run_id"}]),
        ),
        (
            "SELECT x'00ff' AS b, x'c3a9' AS t, NULL AS n",
            json!([{"b": "00ff", "t": "é", "n": null}]),
        ),
        (
            "SELECT 9e999 AS a, -9e999 AS b, 1.0 AS c",
            json!([{"a": "Infinity", "b": "-Infinity", "c": 1.0}]),
        ),
        ("SELECT 1 AS a, 2 AS A, 3 AS a", json!([{"a": 1, "A": 1}])),
        ("SELECT sqrt(16) AS r", json!([{"r": 4.0}])),
        ("SELECT 1 WHERE 0", json!([])),
    ] {
        assert_eq!(rows(directory.path(), sql), expected, "{sql}");
    }
    for sql in [
        "PRAGMA table_info(metrics)",
        "PRAGMA main.table_xinfo(metrics)",
        "PRAGMA table_list",
        "PRAGMA index_list(metrics)",
        "PRAGMA index_info(idx_metrics_run_step)",
        "PRAGMA index_xinfo(idx_metrics_run_step)",
        "PRAGMA foreign_key_list(artifact_versions)",
        "EXPLAIN SELECT 1",
        "EXPLAIN QUERY PLAN SELECT * FROM metrics WHERE run_id = 'a1' ORDER BY step",
        "SELECT * FROM sqlite_master",
        "SELECT ROW_NUMBER() OVER (PARTITION BY run_id ORDER BY step) FROM metrics ORDER BY 1",
        "SELECT json_group_array(step), group_concat(run_name) FROM metrics",
        "SELECT strftime('%s', 'now'), randomblob(4), date('now')",
    ] {
        assert_ne!(rows(directory.path(), sql), json!([]), "{sql}");
    }
}

#[test]
fn what_does_more_is_refused_and_nothing_changes() {
    let directory = small();
    let file = directory.path().join("p.db");
    let before = fs::read(&file).unwrap();
    let outside = directory.path().join("outside.db");
    let attach = format!("ATTACH '{}' AS x", outside.display());
    let vacuum = format!("VACUUM INTO '{}'", outside.display());
    for sql in [
        "INSERT INTO metrics SELECT * FROM metrics",
        "UPDATE metrics SET step = 0",
        "DELETE FROM metrics",
        "REPLACE INTO metrics SELECT * FROM metrics",
        "CREATE TABLE t(x)",
        "CREATE TEMP TABLE t(x)",
        "CREATE TEMP VIEW v AS SELECT 1",
        "CREATE VIRTUAL TABLE temp.t USING fts5(x)",
        "DROP TABLE metrics",
        "DROP VIEW metrics_text",
        "ALTER TABLE metrics RENAME TO m",
        "ATTACH ':memory:' AS x",
        &attach,
        "DETACH main",
        "VACUUM",
        &vacuum,
        "REINDEX",
        "ANALYZE",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT s",
        "PRAGMA journal_mode",
        "PRAGMA journal_mode=DELETE",
        "PRAGMA user_version = 3",
        "PRAGMA user_version(3)",
        "PRAGMA database_list",
        "PRAGMA query_only = OFF",
        "PRAGMA writable_schema = ON",
        "PRAGMA temp_store_directory = '.'",
        "PRAGMA hard_heap_limit = 0",
        "PRAGMA wal_checkpoint",
        "PRAGMA nonsense",
        "EXPLAIN DELETE FROM metrics",
        "EXPLAIN PRAGMA journal_mode = DELETE",
        "SELECT load_extension('x')",
        "SELECT fts3_tokenizer('simple')",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM pragma_journal_mode",
        "WITH d AS (SELECT 1) DELETE FROM metrics",
        "WITH d AS (SELECT 1) INSERT INTO metrics SELECT * FROM metrics",
        "WITH d AS (SELECT 1) UPDATE metrics SET step = 9",
        "-- SELECT\nDELETE FROM metrics",
        "/* SELECT */ DELETE FROM metrics",
        "/* /* */ DELETE FROM metrics",
        "\u{feff}DELETE FROM metrics",
        "(SELECT 1)",
        ";SELECT 1",
    ] {
        let error = ask(directory.path(), sql).expect_err(sql);
        let told = error.to_string();
        assert!(matches!(error, QueryError::Refused(_)), "{sql}: {told}");
        assert!(told.contains("SELECT run_name"), "{told}");
    }
    for sql in [
        "SELECT 1; SELECT 2",
        "SELECT 1; DELETE FROM metrics",
        "SELECT 1 /* ; */; DROP TABLE metrics; --",
        "SELECT 1; COMMIT; DELETE FROM metrics",
        "SELECT 1; nonsense",
    ] {
        let error = ask(directory.path(), sql).expect_err(sql);
        assert!(matches!(error, QueryError::SeveralStatements), "{sql}: {error}");
    }
    for sql in ["", "  ;; ", "-- nothing", "/* open"] {
        assert!(matches!(ask(directory.path(), sql), Err(QueryError::Empty)), "{sql}");
    }
    assert_eq!(fs::read(&file).unwrap(), before);
    let names: Vec<_> = fs::read_dir(directory.path()).unwrap().flatten().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn mistakes_are_answered_with_what_to_write() {
    let directory = small();
    for (sql, told) in [
        ("SELECT * FROM metric", "no such table: metric. Did you mean metrics"),
        ("SELECT * FROM zzzzzzzz", "There are alerts, artifact_aliases"),
        ("SELECT m.run_nam FROM metrics m", "Did you mean run_name or run_id? "),
        ("SELECT train_loss FROM metrics", "json_extract(metrics, '$.\"train_loss\"')"),
        ("SELECT config FROM metrics", "config is a column of configs, configs_text"),
        ("SELECT FROM metrics", "near \"FROM\": syntax error"),
        ("SELECT variance(step) FROM metrics", "stddev"),
        ("SELECT json_extract(metrics, '$.a') FROM metrics", "metrics_text"),
        ("SELECT writefile('x', 'y')", "no such function: writefile"),
    ] {
        let error = ask(directory.path(), sql).expect_err(sql).to_string();
        assert!(error.contains(told), "{sql}: {error}");
    }
}

#[test]
fn a_query_without_end_is_stopped() {
    let directory = small();
    let project = project(directory.path());
    let endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) ";
    for (select, limit) in [("SELECT COUNT(*) FROM c", 300), ("SELECT MAX(sqrt(x)) FROM c", 300)] {
        let start = Instant::now();
        let stop = Stop::default().with_deadline(start + Duration::from_millis(limit));
        let sql = format!("{endless}{select}");
        let result = answer(&project, &sql, ROOMY, &stop);
        assert!(matches!(result, Err(QueryError::TimedOut)), "{result:?}");
        assert!(start.elapsed() < Duration::from_secs(3));
    }
    let cancelled = Stop::default();
    cancelled.cancel();
    let result = answer(&project, &format!("{endless}SELECT COUNT(*) FROM c"), ROOMY, &cancelled);
    assert!(matches!(result, Err(QueryError::Database(Error::Cancelled))), "{result:?}");
    // Its first rows come at once.
    let sql = format!("{endless}SELECT x FROM c");
    let result = ask_within(directory.path(), &sql, Limits { max_rows: 3, ..ROOMY }).unwrap();
    assert_eq!(json!(result.rows), json!([{"x": 1}, {"x": 2}, {"x": 3}]));
    assert_eq!((result.cut, result.more, result.total), (Some(Cut::Rows), true, None));
}

#[test]
fn memory_is_bounded() {
    let directory = small();
    let too_large = "SELECT zeroblob(1000000000) AS z";
    assert!(matches!(ask(directory.path(), too_large), Err(QueryError::ValueTooLarge)));
    let numbers = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT";
    for bomb in ["randomblob(900000) AS r FROM c ORDER BY r", "median(x) AS m FROM c"] {
        let result = ask(directory.path(), &format!("{numbers} {bomb}"));
        assert!(matches!(result, Err(QueryError::TooMuchMemory)), "{bomb}: {result:?}");
    }
    let many = "SELECT median(value) AS m FROM json_each('[' || substr(replace(hex(zeroblob(40000)), '00', '1,'), 3) || '1]')";
    assert_eq!(rows(directory.path(), many), json!([{"m": 1.0}]));
    let small = Limits { max_bytes: 200, ..ROOMY };
    let long = "SELECT 1 AS a, zeroblob(900000) AS z, hex(zeroblob(9)) AS h";
    let result = ask_within(directory.path(), long, small).unwrap();
    assert!(cell::size(&result.rows) <= 202 && result.shortened && !result.more);
    assert!(result.rows[0]["z"].as_str().unwrap().ends_with(')'), "{:?}", result.rows);
    assert_eq!(result.rows[0]["h"], "0".repeat(18));
    let wide = format!("SELECT {}", vec!["1234567"; 100].join(", "));
    let wide = wide.replace("1234567, ", "1234567 AS column_of_a_wide_table, ");
    assert!(ask_within(directory.path(), &wide, small).is_ok(), "one name, one value");
    let numbers: Vec<String> = (0..100).map(|n| format!("{n} AS column{n}")).collect();
    let wide = ask_within(directory.path(), &format!("SELECT {}", numbers.join(", ")), small);
    assert!(matches!(wide, Err(QueryError::TooWide(100))), "{wide:?}");
}

/// On both sides of each limit.
#[test]
fn a_query_is_as_long_and_its_values_as_large_as_allowed() {
    let directory = small();
    let most = sandbox::LONGEST_VALUE;
    let longest = sandbox::LONGEST_SQL as usize;
    let padded = |length: usize| format!("SELECT 1 AS a /*{}*/", "-".repeat(length - 18));
    for (sql, is_answered) in [
        (format!("SELECT octet_length(zeroblob({most})) AS n"), true),
        (format!("SELECT octet_length(zeroblob({most} + 1)) AS n"), false),
        (padded(longest), true),
        (padded(longest + 1), false),
        (format!("SELECT {}1{} AS n", "(1+".repeat(190), ")".repeat(190)), true),
        (format!("SELECT {} AS n", vec!["abs(step)"; 250].join(" , ")) + " FROM metrics", true),
        (format!("SELECT {} AS n", vec!["abs(step)"; 251].join(" , ")) + " FROM metrics", false),
        (
            format!(
                "SELECT {} AS n FROM (SELECT upper(run_name) AS y FROM metrics)",
                vec!["y > 1"; 251].join(", ")
            ),
            false,
        ),
        (format!("SELECT {}1{} AS n", "(1+".repeat(210), ")".repeat(210)), false),
    ] {
        let answer = ask(directory.path(), &sql);
        assert_eq!(answer.is_ok(), is_answered, "{}: {answer:?}", sql.len());
    }
}

#[test]
fn pages_join_to_the_whole() {
    let directory = small();
    let sql = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 25)
               SELECT x, hex(zeroblob(x)) AS h FROM c";
    let whole = ask(directory.path(), sql).unwrap();
    assert_eq!((whole.row_count, whole.total, whole.more), (25, Some(25), false));
    for limits in [
        Limits { max_rows: 7, ..ROOMY },
        Limits { max_bytes: 200, ..ROOMY },
        Limits { max_bytes: 30, ..ROOMY },
    ] {
        let mut rows = Vec::new();
        loop {
            let page =
                ask_within(directory.path(), sql, Limits { skip: rows.len(), ..limits }).unwrap();
            assert_eq!(page.total, Some(25));
            assert_eq!(page.more, page.cut.is_some());
            assert_eq!(page.row_count, page.rows.len());
            rows.extend(page.rows);
            if !page.more {
                break;
            }
        }
        assert_eq!(rows.len(), 25);
        if limits.max_bytes > 100 {
            assert_eq!(rows, whole.rows);
        }
    }
    let beyond = ask_within(directory.path(), sql, Limits { skip: 30, ..ROOMY }).unwrap();
    assert_eq!((beyond.row_count, beyond.more, beyond.total), (0, false, Some(25)));
}

#[test]
fn views_give_text_and_leave_the_tables_alone() {
    let directory = small();
    let directory = directory.path();
    assert_eq!(
        rows(directory, "SELECT typeof(metrics) AS t, COUNT(*) AS n FROM metrics GROUP BY 1"),
        json!([{"t": "blob", "n": 3}, {"t": "text", "n": 1}])
    );
    assert_eq!(
        rows(directory, "SELECT typeof(metrics) AS t, COUNT(*) AS n FROM metrics_text GROUP BY 1"),
        json!([{"t": "null", "n": 1}, {"t": "text", "n": 3}])
    );
    assert_eq!(
        rows(directory, "SELECT run_name FROM metrics_text WHERE metrics LIKE '%1.5%'"),
        json!([{"run_name": "a"}])
    );
    assert_eq!(
        rows(directory, "SELECT * FROM runs WHERE run_name = 'a'"),
        json!([{"run_id": "a1", "run_name": "a", "created_at": "2026-01-01T00:00:00+00:00",
                "last_seen": "2026-01-01T00:01:00+00:00", "num_logs": 2, "last_step": 1}])
    );
    let own =
        super::tests::directory(SCHEMA, "CREATE TABLE Runs(mine); INSERT INTO runs VALUES (7)");
    assert_eq!(rows(own.path(), "SELECT * FROM runs"), json!([{"mine": 7}]));
}

#[test]
fn the_sandbox_goes_with_the_query() {
    let directory = small();
    let project = project(directory.path());
    let stop = Stop::default();
    project
        .read(&stop, |snapshot| {
            for sql in
                ["SELECT 1", "DELETE FROM metrics", "SELECT nonsense", "SELECT zeroblob(1e9)"]
            {
                let _ = run(snapshot, sql, ROOMY);
                let connection = snapshot.connection;
                connection.execute_batch("CREATE TEMP TABLE own(x); DROP TABLE temp.own")?;
                let journal: String =
                    connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
                assert_eq!(journal, "delete");
                let limit = connection.limit(rusqlite::limits::Limit::SQLITE_LIMIT_LENGTH)?;
                assert_eq!(limit, crate::trackio::database::LONGEST_VALUE);
            }
            Ok(())
        })
        .unwrap();
}

const TEXT_ERA: &str = "CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp TEXT NOT NULL, run_name TEXT NOT NULL, step INTEGER NOT NULL,
    metrics TEXT NOT NULL)";

const FIRST_ERA: &str = "CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp DATETIME DEFAULT CURRENT_TIMESTAMP, project_name TEXT, run_name TEXT, metrics TEXT);
    CREATE TABLE configs (project_name TEXT, run_name TEXT, config TEXT,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (project_name, run_name))";

#[test]
fn the_description_fits_every_era_and_its_examples_work() {
    let bare = r#"INSERT INTO metrics (timestamp, run_name, step, metrics) VALUES
                  ('2025-01-01T00:00:00', 'it''s', 0, '{"it''s/loss": NaN, "n": 1}'),
                  ('2025-01-01T00:00:01', 'it''s', 1, '{"it''s/loss": 0.5, "\"": 1}'),
                  ('2025-01-01T00:00:02', 'it''s', 2, '{torn')"#;
    let first = r#"INSERT INTO metrics (project_name, run_name, metrics) VALUES
                   ('p', 'a', '{"loss": 1}'), ('q', 'a', '{"loss": 2}'), ('p', 'a', '{"loss": 3}');
                   INSERT INTO configs (project_name, run_name, config) VALUES ('p', 'a', '{}')"#;
    let eras = [
        ("0.43", small()),
        ("no rows", directory(SCHEMA, "")),
        ("text", directory(TEXT_ERA, bare)),
        ("0.0.x", directory(FIRST_ERA, first)),
        ("foreign", directory("CREATE TABLE \"a \"\"b\"(x)", "")),
        ("empty", directory("", "")),
    ];
    for (era, directory) in &eras {
        let project = project(directory.path());
        let description = project.read(&Stop::default(), describe).unwrap();
        assert!(!description.examples.is_empty() || *era == "empty", "{era}: {description:?}");
        for example in &description.examples {
            let result = ask(directory.path(), example);
            let result = result.unwrap_or_else(|error| panic!("{era}: {example}: {error}"));
            if matches!(*era, "0.43" | "text" | "0.0.x") {
                assert!(!result.rows.is_empty() || example.contains("config"), "{era}: {example}");
            }
        }
    }
    let text = rows(eras[2].1.path(), "SELECT json_extract(metrics, '$.n') AS n FROM metrics_text");
    assert_eq!(text, json!([{"n": 1}, {"n": null}, {"n": null}]));
    let first = rows(eras[3].1.path(), "SELECT project_name, step FROM metrics_text ORDER BY id");
    assert_eq!(first[2], json!({"project_name": "p", "step": 1}));
}

#[test]
fn rows_in_the_inbox_are_in_the_views() {
    let directory = tempfile::tempdir().unwrap();
    let inbox = directory.path().join("inbox/0123456789abcdef");
    fs::create_dir_all(&inbox).unwrap();
    let line = r#"{"v":1,"kind":"metric","project":"p","run":"a","run_id":"a1","metrics":{"loss":1.5},"step":4,"timestamp":"2026-01-01T00:00:00+00:00","config":{"lr":0.1},"log_id":"l1"}"#;
    fs::write(inbox.join("00000001.jsonl"), line).unwrap();
    let directory = directory.path();
    assert_eq!(rows(directory, "SELECT COUNT(*) AS n FROM metrics"), json!([{"n": 0}]));
    assert_eq!(
        rows(directory, "SELECT run_name, step, metrics ->> 'loss' AS loss FROM metrics_text"),
        json!([{"run_name": "a", "step": 4, "loss": 1.5}])
    );
    assert_eq!(rows(directory, "SELECT num_logs FROM runs"), json!([{"num_logs": 1}]));
    let description = project(directory).read(&Stop::default(), describe).unwrap();
    assert!(description.views[0].about.contains("inbox"), "{:?}", description.views);
    for example in &description.examples {
        assert!(!ask(directory, example).unwrap().rows.is_empty(), "{example}");
    }
    for sql in ["DELETE FROM temp.inbox_metrics", "WITH x AS (SELECT 1) DELETE FROM inbox_metrics"]
    {
        assert!(matches!(ask(directory, sql), Err(QueryError::Refused(_))), "{sql}");
    }
    let stop = Stop::default().with_deadline(Instant::now() + Duration::from_millis(300));
    let endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)
                   SELECT COUNT(*) FROM c";
    let result = answer(&project(directory), endless, ROOMY, &stop);
    assert!(matches!(result, Err(QueryError::TimedOut)), "{result:?}");
}
