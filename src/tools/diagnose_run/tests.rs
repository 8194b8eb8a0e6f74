//! One run with its alerts, names that are wrong, and a project that takes several calls.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::*;
use crate::tools::Permission;
use crate::tools::common::{Progress, arguments, schema};
use crate::trackio::directory::Origin;
use crate::trackio::project::CURRENT_SCHEMA;
use crate::trackio::{Directory, Stop, Store, time};

struct Trackio {
    directory: TempDir,
    database: Connection,
    store: Arc<Store>,
}

impl Trackio {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = Connection::open(directory.path().join("p.db")).unwrap();
        database.execute_batch(CURRENT_SCHEMA).unwrap();
        let origin = Origin::Argument;
        let store = Store::new(Directory { path: directory.path().to_owned(), origin }, 1 << 20);
        Self { directory, database, store: Arc::new(store) }
    }

    /// Logs `rows` of a run that began `day` days into the year.
    fn log(&self, run: &str, day: usize, rows: usize, metrics: impl Fn(usize) -> Value) {
        for i in 0..rows {
            let row = serde_json::to_vec(&metrics(i)).unwrap();
            let sql = "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics)
                       VALUES (?1, ?2, ?1, ?3, ?4)";
            self.database.execute(sql, params![run, moment(day, i), i as i64, row]).unwrap();
        }
    }

    fn alert(&self, run: &str, title: &str, second: usize, step: Option<i64>) {
        let sql = "INSERT INTO alerts (run_id, timestamp, run_name, title, text, level, step)
                   VALUES (?1, ?2, ?1, ?3, 'words', 'warn', ?4)";
        self.database.execute(sql, params![run, moment(1, second), title, step]).unwrap();
    }

    fn ask(&self, question: Value, deadline: Duration) -> Result<Map<String, Value>, Failure> {
        assert!(self.directory.path().exists());
        let given = question.as_object().unwrap().clone();
        let schema = schema::of_arguments::<Args>(DiagnoseRun::PAGED);
        let checked = arguments::check(DiagnoseRun::NAME, &schema, given)?;
        let context = Context {
            store: Arc::clone(&self.store),
            now: time::parse("2026-06-01T00:00:00Z").unwrap(),
            stop: Stop::default(),
            progress: Progress::default(),
            permission: Permission::default(),
            page: checked.page,
            tokens: checked.tokens,
        };
        let args: Args = arguments::read(DiagnoseRun::NAME, checked.own)?;
        let answer = match (&args.project, &args.run) {
            (Some(project), None) => project::diagnose(&context, project, &args, deadline)?,
            _ => DiagnoseRun::run(&context, args)?,
        };
        Ok(budget::fit(answer, checked.tokens)?.structured)
    }
}

fn moment(day: usize, second: usize) -> String {
    let (minute, second) = (second / 60, second % 60);
    format!("2026-01-{day:02}T00:{minute:02}:{second:02}+00:00")
}

fn falling(i: usize) -> Value {
    json!({"train/loss": 3.0 - 0.02 * i as f64, "lr": 1e-3, "note": "words"})
}

fn runs(answer: &Map<String, Value>) -> Vec<String> {
    let runs = answer["runs"].as_array().unwrap();
    runs.iter().map(|run| run["run"].as_str().unwrap().to_owned()).collect()
}

fn project_of_eight() -> Trackio {
    let trackio = Trackio::new();
    for run in 0..8 {
        let bad = run == 2;
        trackio.log(&format!("run-{run}"), run + 1, 20, |i| match bad && i > 9 {
            true => json!({"train/loss": "NaN"}),
            false => falling(i),
        });
    }
    trackio
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_project_comes_sickest_first() {
    let trackio = project_of_eight();
    let answer = trackio.ask(json!({"project": "p"}), LONG).unwrap();
    let expected = [2, 7, 6, 5, 4, 3, 1, 0].map(|run| format!("run-{run}"));
    assert_eq!(runs(&answer), expected);
    assert_eq!(answer["counts"], json!({"healthy": 7, "non_finite": 1}));
    assert!(!answer.contains_key("next_cursor"));
}

#[test]
fn each_run_comes_once_over_the_pages_even_past_the_deadline() {
    for (limit, deadline) in [(2, LONG), (3, LONG), (30, Duration::ZERO)] {
        let trackio = project_of_eight();
        let mut seen = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let question = json!({"project": "p", "limit": limit, "cursor": cursor});
            let answer = trackio.ask(question, deadline).unwrap();
            seen.extend(runs(&answer));
            if deadline.is_zero() {
                assert_eq!(runs(&answer).len(), 1);
                let note = answer["notes"][0].as_str().unwrap();
                assert!(note.contains("newest first: counts and order"), "{note}");
            }
            // A run that begins meanwhile moves nothing.
            trackio.log(&format!("new-{}", seen.len()), 20 + seen.len() % 9, 3, falling);
            match answer.get("next_cursor") {
                Some(next) => cursor = next.clone(),
                None => break,
            }
            if deadline.is_zero() && seen.len() > 8 {
                panic!("it does not end: {seen:?}");
            }
        }
        let distinct: BTreeSet<&String> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (8, 8), "{seen:?}");
    }
}

#[test]
fn a_stretch_that_was_looked_at_is_paged_to_its_end() {
    let trackio = project_of_eight();
    let first = trackio.ask(json!({"project": "p", "limit": 1}), LONG).unwrap();
    let cursor = first["next_cursor"].as_str().unwrap();
    let print = cursor.split_once('.').unwrap().1;
    let print = print.split_once('.').unwrap().0;
    // As if the first call had left out the two oldest of 8.
    let question = json!({"project": "p", "limit": 4, "cursor": format!("4.{print}.8-2")});
    let rest = trackio.ask(question, Duration::ZERO).unwrap();
    assert_eq!(runs(&rest), ["run-4", "run-3"]);
    assert_eq!(rest["counts"], json!({"healthy": 5, "non_finite": 1}));
    assert_eq!(rest["next_cursor"], format!("0.{print}.2"));
}

#[test]
fn a_run_without_metrics_points_to_what_it_has() {
    let trackio = Trackio::new();
    trackio.log("other", 1, 9, falling);
    trackio.alert("lonely", "Out of memory", 5, None);
    let answer = trackio.ask(json!({"project": "p", "run": "lonely"}), LONG).unwrap();
    let headline = answer["headline"].as_str().unwrap();
    assert_eq!(answer["verdict"], "insufficient_data");
    assert!(headline.contains("get_alerts") && !headline.contains("Too early"), "{headline}");
}

#[test]
fn alerts_come_with_what_the_metrics_did() {
    let trackio = Trackio::new();
    let wobble = |i: usize| ((i as f64 * 12.9898).sin() * 43_758.545).fract();
    let jump = |i: usize| if i < 60 { 1.0 + 0.1 * wobble(i) } else { 4.0 };
    trackio.log("a", 1, 120, |i| json!({"train/loss": jump(i)}));
    trackio.alert("a", "Loss jumped", 60, Some(60));
    trackio.alert("a", "Loss jumped", 70, Some(70));
    // Without a step: found by its time.
    trackio.alert("a", "Disk is full", 20, None);
    let answer = trackio.ask(json!({"project": "p", "run": "a"}), LONG).unwrap();
    let [jumped, full] = answer["alerts"].as_array().unwrap().as_slice() else {
        panic!("{:#}", answer["alerts"]);
    };
    assert_eq!((&jumped["count"], &jumped["last_step"]), (&json!(2), &json!(70)));
    let around = &jumped["around_first"][0];
    assert_eq!((&around["metric"], &around["at"]), (&json!("train/loss"), &json!(4)));
    assert_eq!(around["within_noise"], false);
    assert!(around["change_percent"].as_f64().unwrap() > 280.0, "{around}");
    assert_eq!(full["around_first"][0]["within_noise"], true, "{full}");
}

#[test]
fn a_metric_that_is_not_there_is_sought_among_all() {
    let trackio = Trackio::new();
    trackio.log("a", 1, 20, |i| json!({"train/loss": 1.0, "my_score": i, "note": "words"}));
    let ask = |metric: &str| {
        let question = json!({"project": "p", "run": "a", "train_metric": metric});
        trackio.ask(question, LONG)
    };
    let missing = ask("score").unwrap_err().0;
    assert!(missing.contains("Nearest: `my_score`"), "{missing}");
    let text = ask("note").unwrap_err().0;
    assert!(text.contains("holds no numbers but text"), "{text}");
    assert_eq!(ask("my_score").unwrap()["metrics_used"]["train"], "my_score");
}

#[test]
fn a_full_answer_keeps_to_twelve_hundred_tokens_and_says_what_it_left_out() {
    let trackio = Trackio::new();
    trackio.log("a", 1, 300, |i| {
        let loss = if i < 150 { 3.0 - 0.01 * i as f64 } else { 90.0 };
        json!({"train/loss": if i > 290 { json!("NaN") } else { json!(loss) },
            "train/grad_norm": if i < 150 { 1.0 } else { 1e6 }, "train/learning_rate": 1e-2,
            "eval/loss": 1.0 + i as f64, "eval/accuracy": 1.0 / (1.0 + i as f64),
            "eval/f1": 1.0 / (1.0 + i as f64), "eval/bleu": 1.0 / (1.0 + i as f64)})
    });
    for i in 0..9 {
        trackio.alert("a", &format!("{i} {}", "a long title ".repeat(20)), i, Some(i as i64 * 30));
    }
    let answer = trackio.ask(json!({"project": "p", "run": "a"}), LONG).unwrap();
    let bytes = serde_json::to_string(&answer).unwrap().len();
    assert!(bytes <= TOKENS * budget::BYTES_A_TOKEN, "{bytes} bytes");
    assert!(answer["left_out"].as_str().unwrap().contains("max_tokens"), "{answer:?}");
    let question = json!({"project": "p", "run": "a", "max_tokens": 4000});
    let whole = trackio.ask(question, LONG).unwrap();
    assert!(!whole.contains_key("left_out"), "{:?}", whole["left_out"]);
}
