//! Renaming, deleting and undoing on databases of every era: the one run that is named, all of it
//! and nothing else. What is expected is worked out here from the rows before.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use rusqlite::types::Value as Cell;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use support::{Fixture, LEGACY, Session, at_home};
use tempfile::TempDir;

/// The cells of a row by column; its rowid is among them.
type Row = BTreeMap<String, Cell>;
/// The rows of all tables, by table.
type Rows = BTreeMap<String, Vec<Row>>;

/// A server that may write, and the journal that it writes to.
struct Writer {
    session: Session,
    state: TempDir,
}

impl Writer {
    fn start(dir: &Path) -> Self {
        Self::with(dir, tempfile::tempdir().unwrap())
    }

    fn with(dir: &Path, state: TempDir) -> Self {
        let arguments = ["--dir".as_ref(), dir.as_os_str(), "--allow-writes".as_ref()];
        let mut session = Session::spawn(arguments, |command| {
            at_home(command, state.path());
        });
        session.handshake(LEGACY);
        Self { session, state }
    }

    /// Runs the command that an answer names.
    fn undo(&self, answer: &Value) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-trackio"));
        at_home(&mut command, self.state.path());
        let words = answer["undo"].as_str().unwrap().split_whitespace().skip(1);
        command.args(words).output().unwrap()
    }

    #[track_caller]
    fn undo_well(&self, answer: &Value) {
        let output = self.undo(answer);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn delete(&mut self, project: &str, run: &str) -> Value {
        let mut arguments = json!({"project": project, "run": run});
        let shown = self.session.call("delete_run", arguments.clone()).ok().structured;
        assert_eq!(shown["deleted"], false);
        arguments["confirm"] = shown["confirm"].clone();
        let done = self.session.call("delete_run", arguments).ok().structured;
        assert_eq!((&done["deleted"], &done["rows"]), (&json!(true), &shown["rows"]));
        done
    }
}

fn rows(database: &Path) -> Rows {
    let connection =
        Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table'";
    let mut tables = connection.prepare(tables).unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let of_table = |table: String| {
        let sql = format!("SELECT rowid AS rowid_, * FROM {table} ORDER BY rowid");
        let mut statement = connection.prepare(&sql).unwrap();
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let found = statement
            .query_map([], |row| {
                names
                    .iter()
                    .enumerate()
                    .map(|(at, name)| Ok((name.clone(), row.get(at)?)))
                    .collect()
            })
            .unwrap();
        (table, found.map(Result::unwrap).collect())
    };
    tables.map(|table| of_table(table.unwrap())).collect()
}

fn is(row: &Row, column: &str, text: &str) -> bool {
    matches!(row.get(column), Some(Cell::Text(found)) if found == text)
}

/// The run of a row, as one that reads the schema says: by id where the metrics have ids.
fn belongs(before: &Rows, row: &Row, [id_column, name_column]: [&str; 2], run: &Run) -> bool {
    let metrics_by_id = before["metrics"].iter().all(|row| row.contains_key("run_id"));
    match metrics_by_id && row.contains_key(id_column) {
        true => is(row, id_column, &run.id),
        false => is(row, name_column, &run.name),
    }
}

const OWN: [&str; 2] = ["run_id", "run_name"];
const PRODUCER: [&str; 2] = ["producer_run_id", "producer_run_name"];

/// What is left of the rows without the run.
fn without(before: &Rows, run: &Run) -> Rows {
    let mut after = before.clone();
    for rows in after.values_mut() {
        rows.retain(|row| !belongs(before, row, OWN, run));
        for row in rows.iter_mut().filter(|row| belongs(before, row, PRODUCER, run)) {
            row.extend(PRODUCER.map(|column| (column.to_owned(), Cell::Null)));
        }
    }
    after
}

/// The rows with another name for the run.
fn renamed(before: &Rows, run: &Run, name: &str) -> Rows {
    let mut after = before.clone();
    for row in after.values_mut().flatten() {
        for columns in [OWN, PRODUCER] {
            if belongs(before, row, columns, run) {
                row.insert(columns[1].to_owned(), Cell::Text(name.to_owned()));
            }
        }
    }
    after
}

struct Run {
    id: String,
    name: String,
}

fn runs(session: &mut Session, project: &str) -> Vec<Run> {
    let pages = session.pages("get_runs_for_project", &json!({"project": project, "limit": 100}));
    let found = pages.iter().flat_map(|page| page.structured["runs"].as_array().unwrap());
    let text = |run: &Value, key: &str| run[key].as_str().unwrap().to_owned();
    found.map(|run| Run { id: text(run, "id"), name: text(run, "name") }).collect()
}

#[track_caller]
fn assert_same(found: &Rows, expected: &Rows, what: &str) {
    for (table, rows) in expected {
        let found = &found[table];
        assert_eq!(found.len(), rows.len(), "{what}: rows of {table}");
        for (found, row) in found.iter().zip(rows) {
            assert_eq!(found, row, "{what}: a row of {table}");
        }
    }
}

#[test]
fn one_run_alone_is_renamed_and_deleted_and_an_undo_restores_it_bit_for_bit() {
    let mut same_named = 0;
    for (fixture, projects) in [
        ("0.3.4", vec!["main"]),
        ("0.14.2", vec!["main", "mediaproj"]),
        ("0.24.2", vec!["demo-main", "pending-space"]),
        ("0.43.0", vec!["demo-main", "art-proj", "art-consumer", "demo-traces", "pending-space"]),
        ("upgraded-0.14.2-0.36.0", vec!["main"]),
    ] {
        let unpacked = Fixture::unpack(fixture);
        let mut writer = Writer::start(&unpacked.dir);
        for project in projects {
            let what = format!("{fixture}/{project}");
            same_named += change_and_undo_runs(&mut writer, &unpacked.dir, project, &what);
        }
    }
    assert!(same_named >= 3, "no fixture has runs of one name");
}

/// Answers how many of them share their name.
fn change_and_undo_runs(writer: &mut Writer, dir: &Path, project: &str, place: &str) -> usize {
    let database = dir.join(format!("{project}.db"));
    let mut same_named = 0;
    let before = rows(&database);
    let all = runs(&mut writer.session, project);
    assert!(!all.is_empty(), "{place} has no runs");
    let shares_name = |run: &Run| all.iter().filter(|other| other.name == run.name).count() > 1;
    let (shared, own): (Vec<&Run>, Vec<&Run>) = all.iter().partition(|run| shares_name(run));
    for run in shared.into_iter().chain(own.into_iter().take(3)) {
        let what = format!("{place} {} ({})", run.name, run.id);
        let mut arguments =
            json!({"project": project, "old_name": run.name, "new_name": " other "});
        if shares_name(run) {
            same_named += 1;
            let refused = writer.session.call("rename_run", arguments.clone()).failure();
            assert!(refused.contains(&run.id), "{what}: {refused}");
        }
        arguments["run_id"] = json!(run.id);
        let done = writer.session.call("rename_run", arguments).ok().structured;
        assert_same(&rows(&database), &renamed(&before, run, "other"), &what);
        writer.undo_well(&done);
        assert_same(&rows(&database), &before, &format!("{what}, rename undone"));

        let done = writer.delete(project, &run.id);
        assert_same(&rows(&database), &without(&before, run), &format!("{what}, deleted"));
        let ids: Vec<String> =
            runs(&mut writer.session, project).into_iter().map(|run| run.id).collect();
        assert!(!ids.contains(&run.id), "{what} is still listed");
        writer.undo_well(&done);
        assert_same(&rows(&database), &before, &format!("{what}, deletion undone"));
    }
    same_named
}

#[test]
fn a_token_fits_one_run_in_one_state() {
    let fixture = Fixture::unpack("0.43.0");
    let database = fixture.dir.join("demo-main.db");
    let mut writer = Writer::start(&fixture.dir);
    let all = runs(&mut writer.session, "demo-main");
    let (first, other) = (&all[0].id, &all[1].id);
    let token = |writer: &mut Writer, run: &str| {
        let arguments = json!({"project": "demo-main", "run": run});
        writer.session.call("delete_run", arguments).ok().structured["confirm"].clone()
    };
    let confirm = token(&mut writer, first);
    let before = rows(&database);
    for (run, confirm) in [(other, &confirm), (first, &json!("true"))] {
        let arguments = json!({"project": "demo-main", "run": run, "confirm": confirm});
        let refused = writer.session.call("delete_run", arguments).failure();
        assert!(refused.contains("without confirm"), "{refused}");
    }
    // Without a value, the call shows what would go.
    let blank = json!({"project": "demo-main", "run": first, "confirm": ""});
    assert_eq!(writer.session.call("delete_run", blank).ok().structured["deleted"], false);
    assert_same(&rows(&database), &before, "refused");
    let log = "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics)
               SELECT run_id, timestamp, run_name, step + 1, metrics FROM metrics
               WHERE run_id = ?1 LIMIT 1";
    assert_eq!(Connection::open(&database).unwrap().execute(log, [first]).unwrap(), 1);
    let arguments = json!({"project": "demo-main", "run": first, "confirm": confirm});
    writer.session.call("delete_run", arguments).failure();
}

#[test]
fn a_token_is_taken_in_another_process_of_the_user_and_in_no_other() {
    let fixture = Fixture::unpack("0.43.0");
    let mut writer = Writer::start(&fixture.dir);
    let run = runs(&mut writer.session, "demo-main").remove(0).id;
    let arguments = json!({"project": "demo-main", "run": run});
    let shown = writer.session.call("delete_run", arguments).ok().structured;
    let confirm = |state: &TempDir| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-trackio"));
        at_home(&mut command, state.path());
        command.args(["--allow-writes", "call", "delete_run", "project=demo-main"]);
        command.args([
            format!("run={run}"),
            format!("confirm={}", shown["confirm"].as_str().unwrap()),
        ]);
        command.env("TRACKIO_DIR", &fixture.dir).output().unwrap()
    };
    let refused = confirm(&tempfile::tempdir().unwrap());
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && words.contains("not one that delete_run gave"), "{words}");
    let done = confirm(&writer.state);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(!runs(&mut writer.session, "demo-main").iter().any(|left| left.id == run));
}

#[test]
fn what_a_killed_write_left_is_removed_by_the_next_start_that_may_write() {
    let fixture = Fixture::unpack("0.43.0");
    let state = tempfile::tempdir().unwrap();
    let folders = [
        fixture.dir.join("media"),
        fixture.dir.join("inbox/0123456789abcdef"),
        support::journal_of(state.path()),
        state.path().join("tmp/.mcp-trackio-AbCdEf.tmp"),
    ];
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(120);
    for folder in &folders {
        std::fs::create_dir_all(folder).unwrap();
        for name in [".mcp-trackio-AbCdEf.tmp", "lock", ".tmpAbCdEf.tmp"] {
            std::fs::File::create(folder.join(name)).unwrap().set_modified(old).unwrap();
        }
    }
    let left = || -> Vec<bool> {
        folders.iter().map(|folder| folder.join(".mcp-trackio-AbCdEf.tmp").exists()).collect()
    };
    let start = |option: &str| {
        let arguments = ["--dir".as_ref(), fixture.dir.as_os_str(), option.as_ref()];
        let mut session = Session::spawn(arguments, |command| {
            let temporary = state.path().join("tmp");
            at_home(command, state.path()).env("TMPDIR", &temporary).env("TMP", &temporary);
        });
        session.handshake(LEGACY);
    };
    start("--read-only");
    // The last is the system's temporary directory, to which reads copy too.
    assert_eq!(left(), [true, true, true, false]);
    start("--allow-writes");
    assert_eq!(left(), [false; 4]);
    for folder in &folders[..3] {
        assert!(folder.join(".tmpAbCdEf.tmp").exists(), "what is not ours went");
    }
    assert!(!folders[3].exists());
}

#[test]
fn an_undo_is_done_once_and_wholly_or_not_at_all() {
    let fixture = Fixture::unpack("0.43.0");
    let database = fixture.dir.join("demo-main.db");
    let mut writer = Writer::start(&fixture.dir);
    let run = runs(&mut writer.session, "demo-main").remove(0);
    let done = writer.delete("demo-main", &run.id);
    // A row that takes the place of one that went.
    let connection = Connection::open(&database).unwrap();
    let taken = "INSERT INTO configs (id, run_id, run_name, config, created_at)
                 VALUES (999, ?1, 'again', x'7b7d', '2026-01-01T00:00:00+00:00')";
    connection.execute(taken, [&run.id]).unwrap();
    let before = rows(&database);
    let refused = writer.undo(&done);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && words.contains("nothing was restored"), "{words}");
    assert_same(&rows(&database), &before, "a refused undo");
    connection.execute("DELETE FROM configs WHERE id = 999", []).unwrap();
    writer.undo_well(&done);
    let again = writer.undo(&done);
    let words = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && words.contains("already"), "{words}");
}

#[test]
fn a_run_with_rows_in_the_inbox_is_left_alone() {
    let fixture = Fixture::unpack("special-mixed-inbox");
    let before = support::snapshot(&fixture.dir);
    let mut writer = Writer::start(&fixture.dir);
    let projects = writer.session.call("get_all_projects", json!({})).ok().structured;
    let mut refused = 0;
    for project in projects["projects"].as_array().unwrap() {
        let project = project.as_str().unwrap();
        for run in runs(&mut writer.session, project) {
            let arguments = json!({"project": project, "run": run.id});
            let answer = writer.session.call("delete_run", arguments);
            if answer.is_error && answer.text.contains("inbox") {
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "no run has rows in the inbox");
    assert_eq!(support::changes(&before, &support::snapshot(&fixture.dir)), Vec::<String>::new());
}

/// Rows of one long run, in a project that real Trackio made.
fn make_long(database: &Path, rows: i64) -> String {
    let connection = Connection::open(database).unwrap();
    connection
        .execute_batch(&format!(
            "WITH RECURSIVE count(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM count WHERE i < {rows} - 1)
             INSERT INTO metrics (run_id, timestamp, run_name, step, metrics, log_id)
             SELECT 'long', strftime('%Y-%m-%dT%H:%M:%S+00:00', 1772323200 + i, 'unixepoch'), 'long', i,
                    CAST('{{\"loss\":' || (1.0 / (i + 1)) || '}}' AS BLOB), hex(randomblob(16)) FROM count;
             INSERT INTO configs (run_id, run_name, config, created_at)
             VALUES ('long', 'long', x'7b226c72223a317d', '2026-03-01T00:00:00+00:00')"
        ))
        .unwrap();
    "long".to_owned()
}

#[test]
fn a_kill_in_the_middle_of_a_long_deletion_leaves_what_can_be_undone_and_finished() {
    const ROWS: i64 = 15_000;
    let fixture = Fixture::unpack("0.43.0");
    let database = fixture.dir.join("demo-main.db");
    let run = make_long(&database, ROWS);
    let before = rows(&database);
    let connection =
        Connection::open_with_flags(&database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let left = || {
        let sql = "SELECT COUNT(*) FROM metrics WHERE run_id = 'long'";
        connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let mut writer = Writer::start(&fixture.dir);
    let mut arguments = json!({"project": "demo-main", "run": run});
    let shown = writer.session.call("delete_run", arguments.clone()).ok().structured;
    arguments["confirm"] = shown["confirm"].clone();
    writer.session.post_call("delete_run", &arguments);
    while left() == ROWS {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    writer.session.kill();
    let half = left();
    let mut writer = Writer::with(&fixture.dir, writer.state);
    // On a very fast computer one turn is enough.
    if half > 0 {
        let rest = writer.delete("demo-main", &run);
        let mut others = before.clone();
        others.values_mut().for_each(|rows| rows.retain(|row| !is(row, "run_id", &run)));
        assert_same(&rows(&database), &others, "finished");
        writer.undo_well(&rest);
    }
    assert_eq!(left(), half, "what was left is back");
    writer.undo_well(&json!({"undo": "mcp-trackio undo 1"}));
    assert_same(&rows(&database), &before, "all of it is back");
}

#[test]
fn where_rows_go_to_the_inbox_nothing_in_the_database_is_changed() {
    let fixture = Fixture::unpack("0.43.0");
    let state = tempfile::tempdir().unwrap();
    let arguments = ["--dir".as_ref(), fixture.dir.as_os_str(), "--allow-writes".as_ref()];
    let mut session = Session::spawn(arguments, |command| {
        at_home(command, state.path());
        command.env("TRACKIO_STORAGE_MODE", "jsonl");
    });
    session.handshake(LEGACY);
    let before = support::snapshot(&fixture.dir);
    let run = runs(&mut session, "demo-main").remove(0);
    let arguments = json!({"project": "demo-main", "old_name": run.name, "new_name": "other",
                           "run_id": run.id});
    let refused = session.call("rename_run", arguments).failure();
    assert!(refused.contains("TRACKIO_STORAGE_MODE=sqlite"), "{refused}");
    assert_eq!(support::changes(&before, &support::snapshot(&fixture.dir)), Vec::<String>::new());
    let entries = json!([{"project": "demo-main", "run": "new", "metrics": {"acc": 1}}]);
    let logged = session.call("bulk_log", json!({"entries": entries})).ok();
    assert!(logged.text.contains("inbox"), "{}", logged.text);
    let journal = session.call("get_settings", json!({})).ok().structured["journal"].clone();
    let journal = journal.as_str().unwrap();
    assert!(std::fs::read_to_string(journal).unwrap().contains("\"tool\":\"bulk_log\""));
}

#[test]
fn leave_to_write_changes_the_list_and_read_only_wins() {
    let fixture = Fixture::empty();
    let listed = |arguments: &[&str], variable: Option<&str>| -> Vec<Value> {
        let dir = fixture.dir.to_str().unwrap();
        let mut session = Session::spawn(["--dir", dir].iter().chain(arguments), |command| {
            command.env_remove("MCP_TRACKIO_ALLOW_WRITES");
            if let Some(value) = variable {
                command.env("MCP_TRACKIO_ALLOW_WRITES", value);
            }
        });
        session.handshake(LEGACY);
        session.tools()
    };
    let writes = |tools: &[Value]| {
        tools.iter().filter(|tool| tool["annotations"]["readOnlyHint"] == false).count()
    };
    assert_eq!(writes(&listed(&[], None)), 0);
    assert_eq!(writes(&listed(&[], Some("0"))), 0);
    assert_eq!(writes(&listed(&["--read-only", "--allow-writes"], Some("1"))), 0);
    assert_eq!(writes(&listed(&["--allow-writes", "--toolsets", "runs"], None)), 0);
    let allowed = listed(&[], Some("1"));
    assert_eq!(allowed, listed(&["--allow-writes"], None));
    let hints = |name: &str| {
        let tool = allowed.iter().find(|tool| tool["name"] == name).unwrap();
        let hint = |key: &str| tool["annotations"][key].as_bool().unwrap();
        ["destructiveHint", "idempotentHint", "openWorldHint"].map(hint)
    };
    assert_eq!(hints("rename_run"), [false, false, false]);
    assert_eq!(hints("delete_run"), [true, false, false]);
    assert_eq!(hints("trigger_sync"), [false, true, true]);
    assert_eq!(hints("upload_db_to_space"), [true, true, true]);

    let mut session = Session::start(&fixture.dir);
    let refused = session.call("delete_run", json!({"project": "p", "run": "r"})).failure();
    assert!(refused.contains("--allow-writes"), "{refused}");
}
