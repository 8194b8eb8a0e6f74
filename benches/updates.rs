//! How long `get_updates` takes on a run of a million rows, by how many of them are new.
//!
//! Every call opens the database and closes it again, as in use. The cursors were taken while the
//! rows were written, so each has its own number of new rows before it.

use std::error::Error;
use std::io::Write;
use std::sync::{Arc, OnceLock};

use divan::Bencher;
use jiff::Timestamp;
use mcp_trackio::tools::{self, Permission, Surroundings, common::Progress};
use mcp_trackio::trackio::{Directory, Stop, Store, project::CURRENT_SCHEMA};
use rusqlite::Connection;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

const ROWS: i64 = 1_000_000;
const NEW_ROWS: [i64; 5] = [0, 10, 100, 1_000, 10_000];
const START: i64 = 1_767_225_600;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() {
    divan::main();
}

#[divan::bench(args = NEW_ROWS)]
fn new_rows(bencher: Bencher, rows: i64) {
    measure(bencher, rows, false);
}

/// The database was written to, but nothing that is told of is new.
#[divan::bench]
fn opened_for_nothing(bencher: Bencher) {
    measure(bencher, 0, true);
}

fn measure(bencher: Bencher, rows: i64, touched: bool) {
    let attempt = || look(rows, touched);
    let attempt = || attempt().unwrap_or_else(|error| fail(error.as_ref()));
    attempt();
    bencher.bench_local(attempt);
}

/// Ends with a message: a failure's time is no figure.
fn fail(error: &dyn Error) -> ! {
    let _ = writeln!(std::io::stderr(), "get_updates failed: {error}");
    std::process::exit(1)
}

struct Data {
    _directory: TempDir,
    store: Arc<Store>,
    /// For each number of new rows, the cursor before them.
    cursors: Vec<(i64, String)>,
    /// The cursor before a change that is no news.
    before_touch: String,
}

fn look(rows: i64, touched: bool) -> Result<()> {
    static DATA: OnceLock<std::result::Result<Data, String>> = OnceLock::new();
    let data = DATA.get_or_init(|| write().map_err(|error| error.to_string()));
    let data = data.as_ref().map_err(Clone::clone)?;
    let known = data.cursors.iter().find(|(new, _)| *new == rows);
    let cursor = if touched { &data.before_touch } else { &known.ok_or("no such cursor")?.1 };
    let answer = call(&data.store, Some(cursor))?;
    let told = answer.get("new").and_then(|new| new.get("rows")).and_then(Value::as_i64);
    match told.unwrap_or(0) == rows {
        true => Ok(()),
        false => Err(format!("{rows} new rows, told: {answer:?}").into()),
    }
}

fn call(store: &Arc<Store>, cursor: Option<&str>) -> Result<Map<String, Value>> {
    let tool = tools::find("get_updates").ok_or("no such tool")?;
    let surroundings = Surroundings {
        store: Arc::clone(store),
        now: Timestamp::from_second(START + 3_600)?,
        stop: Stop::default(),
        progress: Progress::default(),
        permission: Permission::default(),
    };
    let mut arguments = Map::from_iter([("project".to_owned(), json!("long"))]);
    arguments.extend(cursor.map(|cursor| ("cursor".to_owned(), json!(cursor))));
    Ok(tool.call(&surroundings, arguments)?.structured)
}

fn write() -> Result<Data> {
    let directory = tempfile::tempdir()?;
    let connection = Connection::open(directory.path().join("long.db"))?;
    connection.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;")?;
    connection.execute_batch(CURRENT_SCHEMA)?;
    let store = Arc::new(Store::new(Directory::resolve(Some(directory.path())), 128 << 20));
    let cursor = || -> Result<String> {
        let answer = call(&store, None)?;
        Ok(answer.get("next_cursor").and_then(Value::as_str).ok_or("no cursor")?.to_owned())
    };
    let mut cursors = Vec::new();
    let mut written = 0;
    let mut before_touch = String::new();
    for left in NEW_ROWS.iter().rev().copied() {
        insert(&connection, written, ROWS - left)?;
        written = ROWS - left;
        if left == 0 {
            before_touch = cursor()?;
            connection.execute("INSERT INTO project_metadata VALUES ('space_id', 'none')", [])?;
        }
        cursors.push((left, cursor()?));
    }
    // The last to close moves the log into the file: the files rest from here on.
    drop(connection);
    cursors.retain(|(left, _)| *left > 0);
    cursors.push((0, cursor()?));
    Ok(Data { _directory: directory, store, cursors, before_touch })
}

fn insert(connection: &Connection, from: i64, to: i64) -> Result<()> {
    let sql = format!(
        "WITH RECURSIVE steps(step) AS (
             SELECT {from} UNION ALL SELECT step + 1 FROM steps WHERE step + 1 < {to})
         INSERT INTO metrics(run_id, timestamp, run_name, step, metrics, log_id)
         SELECT '0123456789abcdef0123456789abcdef',
                strftime('%Y-%m-%dT%H:%M:%S', {START} + step / 1000, 'unixepoch') || '+00:00',
                'long', step,
                CAST(json_object('train/loss', 2.0 / (1 + step / 50000.0) + step % 7 / 50.0,
                                 'train/lr', 0.001) AS BLOB),
                printf('%032x', step)
         FROM steps"
    );
    connection.execute_batch(&sql)?;
    Ok(())
}
