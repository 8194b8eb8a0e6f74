//! Cursors of any content, and looks at databases of older versions.

use std::path::Path;

use proptest::prelude::*;
use rusqlite::Connection;

use super::cursor::{MOST_LETTERS, Text};
use super::*;
use crate::trackio::{Directory, Stop, Store};

fn run_state() -> impl Strategy<Value = RunState> {
    let id = prop_oneof!["[0-9a-f]{32}", ".{0,80}"];
    let counts = (any::<u16>(), 0..1u64 << 50, any::<bool>(), 0..4u8, 0..16u8, 0..1u64 << 50);
    (id, ".{0,80}", counts).prop_map(
        |(id, name, (created, rows, waits, status, verdict, unjudged))| RunState {
            id: Text::of(&id),
            name: Text::of(&name),
            created: created.into(),
            rows,
            waiting: if waits { [rows, 2, unjudged] } else { [0; 3] },
            status,
            verdict,
            unjudged,
        },
    )
}

fn project_state() -> impl Strategy<Value = ProjectState> {
    let runs = prop::collection::vec(run_state(), 0..15);
    let marks = prop::collection::vec(0..1u32 << 24, 0..400);
    (".{0,80}", any::<[u32; 6]>(), runs, marks).prop_map(|(name, numbers, runs, marks)| {
        let [digest, probe, until, a, b, c] = numbers;
        ProjectState {
            name: Text::of(&name),
            digest,
            last: [a.into(), b.into(), c.into()],
            probe,
            until: until.into(),
            runs,
            marks,
            others: 0,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_state_fits_and_counts_every_run(
        projects in prop::collection::vec(project_state(), 0..12),
        at in any::<u32>(),
    ) {
        let cursor =
            Cursor { directory: 7, scope: 0, at: at.into(), has_more: false, projects };
        let letters = cursor.clone().write();
        prop_assert!(letters.len() <= MOST_LETTERS);
        let read = Cursor::read(&letters).unwrap();
        prop_assert_eq!(read.at, cursor.at);
        prop_assert_eq!(read.has_more, read.projects.len() < cursor.projects.len());
        for (read, written) in read.projects.iter().zip(&cursor.projects) {
            prop_assert_eq!((&read.name, read.last, read.probe), (&written.name, written.last, written.probe));
            prop_assert_eq!(read.num_runs(), written.num_runs());
            prop_assert_eq!(&read.runs[..], &written.runs[..read.runs.len()]);
        }
        prop_assert_eq!(read.clone().write(), letters);
    }

    #[test]
    fn an_altered_cursor_is_none(project in project_state(), place in 0..60usize, letter in "[A-Za-z0-9_-]") {
        let letters = Cursor { projects: vec![project], ..Cursor::default() }.write();
        let place = place.min(letters.len() - 1);
        let mut altered = letters.clone();
        altered.replace_range(place..=place, &letter);
        // The last letter can hold bits that mean nothing.
        if altered != letters && place + 1 < letters.len() {
            prop_assert_eq!(Cursor::read(&altered), None);
        }
    }

    #[test]
    fn whatever_is_sent_is_read_without_a_panic(letters in "[A-Za-z0-9_-]{0,80}|.{0,20}") {
        let _ = Cursor::read(&letters);
    }
}

#[test]
fn a_few_runs_are_kept_by_name() {
    let run = |number: u8| RunState {
        id: Text::of(&format!("{number:032x}")),
        name: Text::of(&format!("dainty-sunset-{number}")),
        rows: 100_000,
        ..RunState::default()
    };
    let runs: Vec<RunState> = (0..FOLLOWED as u8).map(run).collect();
    let state = ProjectState { name: Text::of("my-project"), runs, ..ProjectState::default() };
    let letters = Cursor { projects: vec![state], ..Cursor::default() }.write();
    assert!(Cursor::read(&letters).unwrap().projects[0].runs.len() >= 10);
}

const MOMENT: &str = "2026-01-01T00:00:30+00:00";

/// What a look at the database tells: `rows name 3`, `renamed new from old`, ...
fn look_at(dir: &Path, state: &mut ProjectState) -> Vec<String> {
    let store = Store::new(Directory::resolve(Some(dir)), 0);
    let stop = Stop::default();
    let project = store.project("p", &stop).unwrap();
    let before = state.clone();
    let news =
        project.read(&stop, |snapshot| look(snapshot, &Since::State(&before, MOMENT))).unwrap();
    let mut told: Vec<String> = news.gone.iter().map(|(_, name)| format!("gone {name}")).collect();
    for one in &news.runs {
        let name = &one.run.name;
        told.extend(one.is_new.then(|| format!("new {name}")));
        if let Some(old) = &one.renamed {
            told.push(format!("renamed {name} from {}", old.as_deref().unwrap_or("?")));
        }
        told.extend((one.new[0] > 0).then(|| format!("rows {name} {}", one.new[0])));
    }
    assert!(!news.is_other);
    *state = news.state("p", 0, 0, news.runs.iter().map(|one| one.state.clone()).collect());
    told
}

/// A database as 0.4 to 0.23 left it, its runs known by name alone.
fn keyed_by_name(dir: &Path) -> Connection {
    let db = Connection::open(dir.join("p.db")).unwrap();
    db.execute_batch(
        "CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL,
             run_name TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL);
         CREATE TABLE configs (id INTEGER PRIMARY KEY AUTOINCREMENT, run_name TEXT NOT NULL,
             config TEXT NOT NULL, created_at TEXT NOT NULL, UNIQUE(run_name));",
    )
    .unwrap();
    db
}

fn insert(db: &Connection, name: &str, steps: std::ops::Range<i64>) {
    for step in steps {
        db.execute(
            "INSERT INTO metrics(timestamp, run_name, step, metrics) VALUES (?, ?, ?, '{\"x\":1}')",
            (format!("2026-01-01T00:00:{step:02}+00:00"), name, step),
        )
        .unwrap();
    }
}

#[test]
fn runs_without_ids_are_followed_through_a_rename_and_an_upgrade() {
    let dir = tempfile::tempdir().unwrap();
    let db = keyed_by_name(dir.path());
    let mut state = ProjectState::default();
    insert(&db, "one", 0..3);
    insert(&db, "two", 1..3);
    let mut told = look_at(dir.path(), &mut state);
    told.sort();
    assert_eq!(told, ["new one", "new two", "rows one 3", "rows two 2"]);
    insert(&db, "one", 3..4);
    assert_eq!(look_at(dir.path(), &mut state), ["rows one 1"]);
    db.execute_batch(
        "CREATE TEMP TABLE t AS SELECT timestamp, 'first', step, metrics FROM metrics WHERE run_name = 'one';
         DELETE FROM metrics WHERE run_name = 'one';
         INSERT INTO metrics(timestamp, run_name, step, metrics) SELECT * FROM t;",
    )
    .unwrap();
    insert(&db, "first", 4..6);
    assert_eq!(look_at(dir.path(), &mut state), ["renamed first from one", "rows first 2"]);
    // As the migration of 0.41: ids for runs, the rows keep theirs.
    db.execute_batch(
        "ALTER TABLE metrics ADD COLUMN run_id TEXT NOT NULL DEFAULT '';
         UPDATE metrics SET run_id = 'id-of-' || run_name;
         PRAGMA user_version = 2;",
    )
    .unwrap();
    assert_eq!(look_at(dir.path(), &mut state), Vec::<String>::new());
    db.execute("DELETE FROM metrics WHERE run_name = 'two'", []).unwrap();
    assert_eq!(look_at(dir.path(), &mut state), ["gone two"]);
}

#[test]
fn a_table_without_a_key_is_followed_too() {
    let dir = tempfile::tempdir().unwrap();
    let db = Connection::open(dir.path().join("p.db")).unwrap();
    // As pandas made it from parquet: the id is a column like others, and Trackio leaves it empty.
    db.execute_batch(
        "CREATE TABLE \"metrics\"(\"id\" INTEGER, \"timestamp\" TEXT, \"run_name\" TEXT,
             \"step\" INTEGER, \"metrics\" TEXT)",
    )
    .unwrap();
    let mut state = ProjectState::default();
    insert(&db, "one", 0..3);
    assert_eq!(look_at(dir.path(), &mut state), ["new one", "rows one 3"]);
    insert(&db, "one", 3..5);
    assert_eq!(look_at(dir.path(), &mut state), ["rows one 2"]);
}
