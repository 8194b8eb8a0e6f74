use std::collections::BTreeSet;

use super::*;
use crate::trackio::directory::Origin;
use crate::trackio::{Directory, Stop, Store, run, value};

const NOW: &str = "2026-03-04T05:06:07.5Z";

fn demo() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), NOW.parse().unwrap()).unwrap();
    directory
}

fn store(directory: &Path) -> Store {
    Store::new(Directory { path: directory.to_owned(), origin: Origin::Argument }, 0)
}

#[test]
fn the_runs_are_there_as_trackio_reads_them() {
    let directory = demo();
    let store = store(directory.path());
    assert_eq!(store.project_names().unwrap(), ["bert-sentiment", "llm-dpo", "lora-sweep"]);
    let stop = Stop::default();
    let mut names = Vec::new();
    let mut ids = BTreeSet::new();
    let mut newest = String::new();
    for project in ["bert-sentiment", "llm-dpo"] {
        let project = store.project(project, &stop).unwrap();
        let runs = project.read(&stop, |snapshot| {
            run::list(snapshot)?
                .into_iter()
                .map(|run| {
                    let rows = run::count_rows(snapshot, "metrics", &run)?;
                    let last = run::last_timestamps(snapshot, &["metrics"], &run)?;
                    Ok((run, rows, last))
                })
                .collect::<crate::trackio::Result<Vec<_>>>()
        });
        for (run, rows, last) in runs.unwrap() {
            assert!((300..=1_500).contains(&rows), "{}: {rows}", run.name);
            assert_eq!(run.id.len(), 32);
            assert_ne!(run.id, run.name);
            newest = newest.max(last[0].clone());
            names.push(run.name);
            ids.insert(run.id);
        }
    }
    assert_eq!(ids.len(), names.len());
    names.sort();
    let expected = [
        "baseline",
        "dpo-beta0.1",
        "grpo-math",
        "high-lr",
        "large-no-dropout",
        "longer-training",
        "sweep",
        "sweep",
        "sweep",
    ];
    assert_eq!(names, expected);
    assert!(newest.starts_with("2026-03-04T05:06:04."), "{newest}");
    assert!(newest.ends_with("+00:00"), "{newest}");
    let file_names: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(file_names.len(), 4, "three projects and the artifacts: {file_names:?}");
}

#[test]
fn each_story_is_told_by_its_numbers() {
    let directory = demo();
    let store = store(directory.path());
    let stop = Stop::default();
    let project = store.project("bert-sentiment", &stop).unwrap();
    let column = |run: &str, metric: &str| -> Vec<f64> {
        project
            .read(&stop, |snapshot| {
                let mut statement = snapshot
                    .connection
                    .prepare("SELECT metrics FROM metrics WHERE run_name = ?1 ORDER BY step, id")?;
                let rows = statement.query_map([run], |row| row.get::<_, Vec<u8>>(0))?;
                let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
                let of_row = |row: &Vec<u8>| value::number(value::object(row)?.get(metric)?);
                Ok(rows.iter().filter_map(of_row).collect())
            })
            .unwrap()
    };
    let lowest = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    let healthy = column("baseline", "eval/loss");
    assert!(healthy.last().unwrap() / lowest(&healthy) < 1.1, "{healthy:?}");
    assert!(*column("baseline", "eval/accuracy").last().unwrap() > 0.92);
    let overfit = column("large-no-dropout", "eval/loss");
    assert!(overfit.last().unwrap() / lowest(&overfit) > 1.5, "{overfit:?}");
    assert!(*column("large-no-dropout", "train/loss").last().unwrap() < 0.02);
    let diverged = column("high-lr", "train/loss");
    assert!(diverged.iter().copied().fold(0.0, f64::max) > 5.0);
    assert!(diverged.last().unwrap().is_nan());
    let alerts = project.read(&stop, |snapshot| {
        let count = "SELECT COUNT(*) FROM alerts WHERE level IN ('info', 'warn', 'error')";
        let alerts: i64 = snapshot.connection.query_row(count, [], |row| row.get(0))?;
        Ok(alerts)
    });
    assert_eq!(alerts.unwrap(), 5);
}

#[test]
fn the_same_moment_gives_the_same_rows() {
    let dump = |directory: &tempfile::TempDir| -> Vec<(String, String, Vec<u8>)> {
        let connection = Connection::open(directory.path().join("llm-dpo.db")).unwrap();
        let mut statement =
            connection.prepare("SELECT log_id, timestamp, metrics FROM metrics").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.unwrap().map(Result::unwrap).collect()
    };
    let rows = dump(&demo());
    assert_eq!(rows, dump(&demo()));
    assert!(rows.len() > 1_000);
}

#[test]
fn a_directory_with_projects_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("mine.db"), "mine").unwrap();
    let refused = write(directory.path(), NOW.parse().unwrap()).unwrap_err();
    assert!(refused.to_string().contains("mine.db"), "{refused}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}
