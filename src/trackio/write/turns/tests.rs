use std::fs::File;
use std::io::Cursor;
use std::path::Path;
use std::rc::Rc;

use rusqlite::Connection;

use super::*;
use crate::trackio::run::{Run, Source};
use crate::trackio::schema::Schema;
use crate::trackio::write::belongings::{Belongings, Edit, Owner, Place};
use crate::trackio::write::saved;
use crate::trackio::{Directory, Store};

const ROWS: usize = 130;

/// Every turn ends at once, so each does one piece.
const SHORT: Pace = Pace { turn: Duration::ZERO, pause: Duration::ZERO };

/// A project with a run `a` of many rows, a config and traces, between rows of a run `b`.
fn project(directory: &Path) -> (Target, Connection) {
    let store = Store::new(Directory::resolve(Some(directory)), 0);
    let target = store.target("p", &Stop::default()).unwrap();
    target.write(Purpose::Log, &Stop::default(), |_| Ok(())).unwrap();
    let connection = Connection::open(directory.join("p.db")).unwrap();
    connection
        .execute_batch(&format!(
            "WITH RECURSIVE count(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM count WHERE i < {ROWS} - 1)
             INSERT INTO metrics (run_id, timestamp, run_name, step, metrics, log_id)
             SELECT iif(i % 5 = 3, 'b', 'a'), '2026-01-01T00:00:00+00:00', iif(i % 5 = 3, 'b', 'a'),
                    i, CAST('{{\"loss\":' || i || '}}' AS BLOB), 'log ' || i FROM count;
             INSERT INTO configs (run_id, run_name, config, created_at)
             VALUES ('a', 'a', x'7b7d', '2026-01-01'), ('b', 'b', x'7b7d', '2026-01-01');
             INSERT INTO traces (id, run_id, timestamp, run_name, step, key, messages, metadata, search_text, spans)
             VALUES ('a:1:t', 'a', '2026-01-01', 'a', 1, 't', '[]', '{{}}', '', '[]');"
        ))
        .unwrap();
    (target, connection)
}

fn owner() -> Owner {
    let run = Run { id: "a".into(), name: "a".into(), created_at: None, source: Source::Metrics };
    Owner::new("p", run, false)
}

fn found(connection: &Connection) -> Belongings {
    Belongings::find(connection, &Schema::read(connection).unwrap(), &owner()).unwrap()
}

/// All rows of the tables that are touched, as text.
fn content(connection: &Connection) -> Vec<String> {
    let mut rows = Vec::new();
    for (table, columns) in [
        ("metrics", "id, run_id, run_name, step, metrics, log_id"),
        ("configs", "id, run_id, run_name, config"),
        ("traces", "rowid, id, run_id, run_name"),
    ] {
        let sql = format!("SELECT json_array({columns}) FROM {table} ORDER BY rowid");
        let sql =
            sql.replace("metrics,", "CAST(metrics AS TEXT),").replace("config)", "hex(config))");
        let mut statement = connection.prepare(&sql).unwrap();
        let found = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.extend(found.map(|row| format!("{table} {}", row.unwrap())));
    }
    rows
}

/// Edits turn by turn, and fails at the turn with this number.
fn edit(
    target: &Target,
    edit: Edit<'_>,
    fails_at: usize,
    mut after: impl FnMut(Place),
) -> std::result::Result<(), Cut> {
    let turns = std::cell::Cell::new(0);
    let work = |to: &Transaction<'_>, so_far: &Option<(Rc<Belongings>, Place)>, turn: &Turn| {
        turns.set(turns.get() + 1);
        let (found, place) = match so_far {
            Some(so_far) => so_far.clone(),
            None => {
                (Rc::new(Belongings::find(to.connection, &to.schema, &owner())?), Place::default())
            }
        };
        let next = found.apply(to.connection, edit, place, turn)?;
        if turns.get() == fails_at {
            return Err(Error::TimedOut);
        }
        Ok(next.map(|next| Some((found, next))))
    };
    let stop = Stop::default();
    target.edit_in_turns(SHORT, None, &stop, work, |so_far| after(so_far.as_ref().unwrap().1))
}

fn restore(target: &Target, lines: &[u8]) -> std::result::Result<usize, Cut> {
    let work = |to: &Transaction<'_>, from: &u64, turn: &Turn| {
        saved::restore(to.connection, Cursor::new(lines), *from, turn)
    };
    let mut turns = 1;
    target.edit_in_turns(SHORT, 0, &Stop::default(), work, |_| turns += 1)?;
    Ok(turns)
}

#[test]
fn between_turns_the_lock_is_free_and_nothing_of_other_runs_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    let (target, connection) = project(directory.path());
    let before = content(&connection);
    let lock = directory.path().join("p.lock");
    let mut rows = Vec::new();
    let note = |place: Place| {
        // Free again when the file is closed.
        File::open(&lock).unwrap().try_lock().expect("the lock is free");
        rows.push(place.rows);
    };
    edit(&target, Edit::Remove, 0, note).unwrap();
    assert!(rows.len() > 20 && rows.is_sorted(), "{rows:?}");
    let expected: Vec<String> = before.into_iter().filter(|row| row.contains("\"b\"")).collect();
    assert_eq!(content(&connection), expected);
}

#[test]
fn an_edit_that_was_cut_off_can_be_finished_or_taken_back() {
    for what in [Edit::Remove, Edit::Rename("c")] {
        let directory = tempfile::tempdir().unwrap();
        let (target, connection) = project(directory.path());
        let before = content(&connection);
        let mut lines = Vec::new();
        found(&connection).save(&connection, what, &mut lines).unwrap();

        let cut = edit(&target, what, 5, |_| ()).unwrap_err();
        assert!(cut.is_begun && matches!(cut.error, Error::TimedOut));
        let half = content(&connection);
        assert!(half != before, "four turns are done");
        saved::check(&connection, Cursor::new(&lines)).unwrap();
        let tables = 3;
        assert!(restore(&target, &lines).unwrap() >= tables, "a turn for each at the least");
        assert_eq!(content(&connection), before);

        edit(&target, what, 5, |_| ()).unwrap_err();
        assert_eq!(content(&connection), half);
        edit(&target, what, 0, |_| ()).unwrap();
        let all = restore(&target, &lines).unwrap();
        assert_eq!(content(&connection), before);
        assert_eq!(restore(&target, &lines).unwrap(), all, "once more changes nothing");
        assert_eq!(content(&connection), before);
    }
    let directory = tempfile::tempdir().unwrap();
    let (target, connection) = project(directory.path());
    let before = content(&connection);
    let cut = edit(&target, Edit::Remove, 1, |_| ()).unwrap_err();
    assert!(!cut.is_begun);
    assert_eq!(content(&connection), before);
}

#[test]
fn what_is_in_the_way_is_found_before_anything_is_put_back() {
    for taken in [
        "INSERT INTO metrics (id, run_id, timestamp, run_name, step, metrics)
         VALUES (100, 'c', '2026', 'c', 1, x'7b7d')",
        "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics, log_id)
         VALUES ('c', '2026', 'c', 1, x'7b7d', 'log 90')",
        "INSERT INTO configs (run_id, run_name, config, created_at) VALUES ('a', 'a', x'7b7d', '')",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let (target, connection) = project(directory.path());
        let mut lines = Vec::new();
        found(&connection).save(&connection, Edit::Remove, &mut lines).unwrap();
        edit(&target, Edit::Remove, 0, |_| ()).unwrap();
        connection.execute(taken, []).unwrap();
        let failed = saved::check(&connection, Cursor::new(&lines)).unwrap_err().to_string();
        assert!(failed.contains("nothing was restored"), "{failed}");
    }
}

#[test]
fn a_row_number_that_another_row_took_is_no_obstacle_where_it_has_no_name() {
    let directory = tempfile::tempdir().unwrap();
    let (target, connection) = project(directory.path());
    let mut lines = Vec::new();
    found(&connection).save(&connection, Edit::Remove, &mut lines).unwrap();
    edit(&target, Edit::Remove, 0, |_| ()).unwrap();
    // SQLite gives it the number of the trace that went.
    let other =
        "INSERT INTO traces (id, run_id, timestamp, run_name, step, key, messages, metadata,
                                     search_text, spans)
                 VALUES ('b:1:t', 'b', '2026', 'b', 1, 't', '[]', '{}', '', '[]')";
    connection.execute(other, []).unwrap();
    saved::check(&connection, Cursor::new(&lines)).unwrap();
    restore(&target, &lines).unwrap();
    let traces = content(&connection).into_iter().filter(|row| row.starts_with("traces")).count();
    assert_eq!(traces, 2);
}
