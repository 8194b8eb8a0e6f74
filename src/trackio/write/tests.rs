use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;

use super::*;
use crate::trackio::Directory;
use crate::trackio::project::CURRENT_SCHEMA;

fn store(directory: &Path) -> Store {
    Store::new(Directory::resolve(Some(directory)), 0)
}

fn insert(transaction: &Transaction<'_>, step: i64) -> Result<()> {
    transaction.connection.execute(
        "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics)
         VALUES ('id', '2026-01-01T00:00:00+00:00', 'run', ?1, x'7b7d')",
        [step],
    )?;
    Ok(())
}

fn schema_of(connection: &Connection) -> Vec<String> {
    let sql = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name";
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(|sql| sql.unwrap()).collect()
}

#[test]
fn a_new_project_gets_trackios_tables_and_version() {
    let directory = tempfile::tempdir().unwrap();
    let target = store(directory.path()).target("My Project", &Stop::default()).unwrap();
    target.write(Purpose::Log, &Stop::default(), |transaction| insert(transaction, 0)).unwrap();

    let written = Connection::open(directory.path().join("MyProject.db")).unwrap();
    let trackios = Connection::open_in_memory().unwrap();
    trackios.execute_batch(CURRENT_SCHEMA).unwrap();
    assert_eq!(schema_of(&written), schema_of(&trackios));
    let pragma = |name| written.query_row(name, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(pragma("PRAGMA user_version"), 2);
    assert_eq!(pragma("SELECT COUNT(*) FROM metrics"), 1);
    let journal: String = written.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(journal, "wal");
}

#[test]
fn what_lacks_is_added_and_tables_keyed_by_name_stay_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("old.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(
        "CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL,
         run_name TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL);
         CREATE INDEX idx_metrics_run_step ON metrics(run_name, step);",
    )
    .unwrap();
    drop(old);
    let target = store(directory.path()).target("old", &Stop::default()).unwrap();
    let log = |work: &dyn Fn(&Transaction<'_>)| {
        target.write(Purpose::Log, &Stop::default(), |to| {
            work(to);
            Ok(())
        })
    };
    log(&|to| {
        let metrics = to.schema.table("metrics").unwrap();
        assert!(!metrics.has("run_id") && metrics.has("log_id"));
        assert!(to.schema.table("alerts").unwrap().has("run_id"));
        assert!(to.schema.has_index_named("idx_metrics_run_timestamp"));
        assert!(!to.schema.has_index_named("idx_metrics_run_record"));
    })
    .unwrap();
    let after = schema_of(&Connection::open(&path).unwrap());
    log(&|to| assert_eq!(to.schema.user_version, 0, "the migration is Trackio's")).unwrap();
    assert_eq!(schema_of(&Connection::open(&path).unwrap()), after);
}

#[test]
fn a_failed_write_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let target = store(directory.path()).target("new", &Stop::default()).unwrap();
    let failed = target.write(Purpose::Log, &Stop::default(), |transaction| {
        insert(transaction, 0)?;
        Err::<(), _>(Error::TimedOut)
    });
    assert!(matches!(failed, Err(Error::TimedOut)));
    let left: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["new.lock"]);
    let edited = target.write(Purpose::Edit, &Stop::default(), |_| Ok(()));
    assert!(matches!(edited, Err(Error::NoSuchProject(_))));
}

#[test]
fn names_and_files_that_are_not_ours_to_write_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    let connection = Connection::open(directory.path().join("newer.db")).unwrap();
    connection.execute_batch(CURRENT_SCHEMA).unwrap();
    connection.execute_batch("PRAGMA user_version = 3").unwrap();
    Connection::open(directory.path().join("foreign.db"))
        .unwrap()
        .execute_batch("CREATE TABLE notes (text TEXT)")
        .unwrap();
    fs::write(directory.path().join("garbage.db"), [7; 8192]).unwrap();
    fs::create_dir(directory.path().join("folder.db")).unwrap();
    for (name, reason) in [
        ("newer", "a newer Trackio"),
        ("foreign", "no database of Trackio's"),
        ("garbage", "not an SQLite database"),
        ("folder", "it is a directory"),
        ("registry-models", "Trackio's registries"),
        ("model_artifacts", "must not end with `_artifacts`"),
    ] {
        let failed = store
            .target(name, &Stop::default())
            .and_then(|target| target.write(Purpose::Log, &Stop::default(), |to| insert(to, 0)));
        let words = failed.unwrap_err().to_string();
        assert!(words.contains(reason), "{name}: {words}");
        assert!(words.contains("nothing was written"), "{name}: {words}");
    }
}

#[test]
fn a_write_waits_for_its_turn_under_every_lock_of_the_project() {
    let directory = tempfile::tempdir().unwrap();
    let raw = directory.path().join("my model.lock");
    let target = store(directory.path()).target("my model", &Stop::default()).unwrap();
    for path in [directory.path().join("mymodel.lock"), raw] {
        let held = File::create(&path).unwrap();
        held.lock().unwrap();
        let soon = Stop::default().with_deadline(Instant::now() + Duration::from_millis(60));
        let failed = target.write(Purpose::Log, &soon, |transaction| insert(transaction, 0));
        assert!(matches!(failed, Err(Error::TimedOut)));
        drop(held);
    }
    target.write(Purpose::Log, &Stop::default(), |transaction| insert(transaction, 0)).unwrap();
}

#[test]
fn a_write_that_takes_too_long_is_stopped_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let target = store(directory.path()).target("p", &Stop::default()).unwrap();
    target.write(Purpose::Log, &Stop::default(), |to| insert(to, 0)).unwrap();
    let soon = Stop::default().with_deadline(Instant::now() + Duration::from_millis(200));
    let failed = target.write(Purpose::Log, &soon, |to| {
        insert(to, 1)?;
        let endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c)
                       SELECT count(*) FROM c";
        Ok(to.connection.query_row(endless, [], |row| row.get::<_, i64>(0))?)
    });
    assert!(matches!(failed, Err(Error::TimedOut)), "{failed:?}");
    let rows = target.write(Purpose::Edit, &Stop::default(), |to| {
        Ok(to
            .connection
            .query_row("SELECT count(*) FROM metrics", [], |row| row.get::<_, i64>(0))?)
    });
    assert_eq!(rows.unwrap(), 1);
}

#[test]
fn while_sqlite_is_busy_the_lock_is_free() {
    let directory = tempfile::tempdir().unwrap();
    let target = store(directory.path()).target("p", &Stop::default()).unwrap();
    target.write(Purpose::Log, &Stop::default(), |to| insert(to, 0)).unwrap();
    let other = Connection::open(directory.path().join("p.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let turns = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let writer =
            scope.spawn(|| target.write(Purpose::Log, &Stop::default(), |to| insert(to, 1)));
        let lock = directory.path().join("p.lock");
        while turns.load(Ordering::Relaxed) < 3 {
            // Free again when the file is closed.
            if File::open(&lock).unwrap().try_lock().is_ok() {
                turns.fetch_add(1, Ordering::Relaxed);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        other.execute_batch("COMMIT").unwrap();
        writer.join().unwrap().unwrap();
    });
    let rows: i64 = other.query_row("SELECT COUNT(*) FROM metrics", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 2);
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let target = store(directory.path()).target("p", &Stop::default()).unwrap();
    target.write(Purpose::Log, &Stop::default(), |to| insert(to, 0)).unwrap();
    let failed = target.write(Purpose::Log, &Stop::default(), |to| {
        to.connection.pragma_update(None, "max_page_count", 1)?;
        (1..10_000).try_for_each(|step| insert(to, step))
    });
    let words = failed.unwrap_err().to_string();
    assert!(words.contains("nothing was written") && words.contains("disk is full"), "{words}");
    let count = target.write(Purpose::Edit, &Stop::default(), |to| {
        Ok(to
            .connection
            .query_row("SELECT COUNT(*) FROM metrics", [], |row| row.get::<_, i64>(0))?)
    });
    assert_eq!(count.unwrap(), 1);
}
