//! What is stored in the cells of a database: metrics, configs, alerts, traces, manifests, names,
//! times, steps.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::json;

use super::{Made, World, questions};
use crate::base::{self, Names};
use crate::calls::Care;
use crate::case::Mode;
use crate::random::Random;
use crate::tree::{Node, Tree};
use crate::values;

const CELLS: usize = 80;
const QUESTIONS: usize = 45;

pub fn make(world: &World, random: &mut Random) -> Made {
    let base = random.pick(&world.bases);
    let mut names = base.names.clone();
    let temp = tempfile::tempdir().unwrap();
    base.tree.write(temp.path());
    let inputs = change(random, &temp.path().join(base.database()), &mut names).unwrap_or(0);
    let mut tree = Tree::read(temp.path());
    change_files(random, &mut tree);
    let lines = questions(world, random, &names, QUESTIONS, Care::GOOD);
    Made { tree, lines, mode: Mode::Read, inputs: inputs + QUESTIONS }
}

/// What artifacts and media hold, a few times.
fn change_files(random: &mut Random, tree: &mut Tree) {
    for (path, node) in &mut tree.0 {
        let Node::File(bytes) = node else { continue };
        if !(path.starts_with("artifacts") || path.starts_with("media")) || !random.chance(15) {
            continue;
        }
        *bytes = match random.below(4) {
            0 => b"a,b\n1,2\n\"x\ny\",\xff\n,,,\n".to_vec(),
            1 => values::json_bytes(random),
            2 => Vec::new(),
            _ => {
                values::mutate(random, bytes);
                continue;
            }
        };
    }
}

/// The digests of blobs in the recorded directories, so that a manifest can name files that are
/// there.
const DIGESTS: &[&str] = &[
    "541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53",
    "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
    "865ab0d317f36965e43d20d275b545a6773137adad19db1d61ecb8032f473e0b",
];

fn manifest(random: &mut Random) -> Vec<u8> {
    let path = random.word(&[
        "table.csv",
        "table.jsonl",
        "x.txt",
        "../x.txt",
        "\u{202e}x.json",
        "a.parquet",
    ]);
    let file = json!({
        "path": path,
        "digest": if random.chance(85) { json!(random.pick(DIGESTS)) } else { values::value(random, 1) },
        "size": if random.chance(70) { json!(1) } else { values::value(random, 1) },
    });
    json!([file, values::value(random, 2)]).to_string().into_bytes()
}

/// Changes cells; how many.
fn change(random: &mut Random, path: &Path, names: &mut Names) -> rusqlite::Result<usize> {
    let database = base::open(path)?;
    let tables = tables(&database)?;
    database.execute_batch("BEGIN")?;
    let mut changed = 0;
    for _ in 0..random.between(1, CELLS) {
        let (table, columns) = random.pick(&tables);
        let mut own = columns.clone();
        own.retain(|column| column != "id" && column != "artifact_id");
        if own.is_empty() {
            continue;
        }
        // What is not changed keeps its meaning, so that the changed cell is reached.
        let column = random.pick(&own).clone();
        let count: i64 =
            database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
        let at = random.below(count as usize);
        let old = format!("SELECT {column} FROM {table} ORDER BY rowid LIMIT 1 OFFSET {at}");
        let old: Option<Cell> = database.query_row(&old, [], |row| row.get(0)).ok();
        let new = cell(random, &column, old, names);
        let is_row_added = count == 0 || random.chance(40);
        changed += match is_row_added {
            true => insert(random, &database, table, columns, at, (&column, &new)),
            false => {
                let sql = format!("UPDATE OR IGNORE {table} SET {column} = ?1 WHERE rowid = (SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET {at})");
                database.execute(&sql, [&new])
            }
        }
        .unwrap_or(0);
    }
    database.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(changed)
}

/// The tables with their columns.
fn tables(database: &Connection) -> rusqlite::Result<Vec<(String, Vec<String>)>> {
    let list = |sql: &str| -> rusqlite::Result<Vec<String>> {
        database.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    let names = list(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1",
    )?;
    let mut tables = Vec::new();
    for name in names {
        let columns = list(&format!("SELECT name FROM pragma_table_info('{name}')"))?;
        // Most of what is read is in these.
        let weight = match name.as_str() {
            "metrics" => 6,
            "configs" | "traces" | "alerts" | "artifact_versions" | "system_metrics" => 2,
            _ => 1,
        };
        tables.extend(std::iter::repeat_n((name, columns), weight));
    }
    Ok(tables)
}

/// Copies a row, with one cell changed and the unique ones emptied or made anew.
fn insert(
    random: &mut Random,
    database: &Connection,
    table: &str,
    columns: &[String],
    at: usize,
    (changed, new): (&str, &Cell),
) -> rusqlite::Result<usize> {
    let copied = columns.iter().map(|column| match column.as_str() {
        column if column == changed => "?1".to_owned(),
        "id" if table != "traces" => "NULL".to_owned(),
        "id" | "log_id" | "alert_id" | "event_uid" => format!("'{:016x}'", random.next()),
        "step" => format!("ifnull(step, 0) + {}", random.below(3)),
        column => column.to_owned(),
    });
    let copied = copied.collect::<Vec<_>>().join(", ");
    let sql = format!(
        "INSERT OR IGNORE INTO {table} SELECT {copied} FROM {table} ORDER BY rowid LIMIT 1 OFFSET {at}"
    );
    if database.execute(&sql, [new])? > 0 {
        return Ok(1);
    }
    // An empty table: a row of texts.
    let cells = columns.iter().map(|column| match column.as_str() {
        column if column == changed => "?1".to_owned(),
        "id" if table != "traces" => "NULL".to_owned(),
        "step" | "artifact_id" | "version" | "artifact_version_id" => random.below(4).to_string(),
        "timestamp" | "created_at" => "'2026-01-01T00:00:00+00:00'".to_owned(),
        "messages" | "spans" => "'[]'".to_owned(),
        "metadata" | "metrics" | "config" | "manifest" => "'{}'".to_owned(),
        _ => format!("'{:04x}'", random.next() as u16),
    });
    let cells = cells.collect::<Vec<_>>().join(", ");
    database.execute(&format!("INSERT OR IGNORE INTO {table} VALUES ({cells})"), [new])
}

fn cell(random: &mut Random, column: &str, old: Option<Cell>, names: &mut Names) -> Cell {
    if random.chance(6) {
        return anything(random);
    }
    match column {
        "metrics" | "config" | "manifest" | "metadata" | "messages" | "spans" | "payload" => {
            let json = match old {
                Some(Cell::Text(text)) if random.chance(60) => {
                    values::broken_json(random, text.into_bytes())
                }
                Some(Cell::Blob(bytes)) if random.chance(60) => values::broken_json(random, bytes),
                _ => payload(random, column, names),
            };
            match String::from_utf8(json) {
                Ok(text) if random.chance(30) => Cell::Text(text),
                Ok(text) => Cell::Blob(text.into_bytes()),
                Err(error) => Cell::Blob(error.into_bytes()),
            }
        }
        "timestamp" | "created_at" | "ts" => Cell::Text(values::time(random)),
        "step"
        | "version"
        | "size_bytes"
        | "trace_index"
        | "artifact_version_id"
        | "source_version" => match random.below(6) {
            0 => Cell::Real(f64::from_bits(random.next())),
            1 => Cell::Integer(*random.pick(&[i64::MAX, i64::MIN, i64::MAX - 1, -1, 1 << 53])),
            2 => Cell::Text(values::number(random)),
            _ => Cell::Integer(random.next() as i64 >> random.below(64)),
        },
        "run_name" | "run_id" => {
            let name = values::text(random);
            names.runs.push(name.clone());
            Cell::Text(name)
        }
        "name" => {
            let name = values::text(random);
            names.artifacts.push(name.clone());
            Cell::Text(name)
        }
        _ => Cell::Text(values::text(random)),
    }
}

/// A new object, with the names that others ask for.
fn payload(random: &mut Random, column: &str, names: &mut Names) -> Vec<u8> {
    if column == "manifest" {
        return manifest(random);
    }
    let mut fields: Vec<String> = Vec::new();
    for _ in 0..random.between(1, 4) {
        let list = if column == "config" { &mut names.keys } else { &mut names.metrics };
        let key = match random.chance(60) && !list.is_empty() {
            true => random.pick(list).clone(),
            false => {
                let key = values::text(random);
                list.push(key.clone());
                key
            }
        };
        let value = match random.below(4) {
            0 => String::from_utf8_lossy(&values::json_bytes(random)).into_owned(),
            1 => format!(
                "{{\"_type\":\"{}\",\"file_path\":{},\"_value\":[]}}",
                random.word(&[
                    "trackio.image",
                    "trackio.table",
                    "trackio.trace",
                    "trackio.histogram",
                    "trackio.video",
                    "trackio.markdown"
                ]),
                json!(values::text(random))
            ),
            _ => values::number(random),
        };
        fields.push(format!("{}:{value}", json!(key)));
    }
    format!("{{{}}}", fields.join(",")).into_bytes()
}

fn anything(random: &mut Random) -> Cell {
    match random.below(5) {
        0 => Cell::Null,
        1 => Cell::Integer(random.next() as i64),
        2 => Cell::Real(f64::from_bits(random.next())),
        3 => Cell::Blob((0..random.below(40)).map(|_| random.next() as u8).collect()),
        _ => Cell::Text(values::text(random)),
    }
}
