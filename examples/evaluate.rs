//! Compares the verdicts with human labels on recorded training runs.
//!
//! `cargo run --release --example evaluate -- DIRECTORY [--misses]`, where DIRECTORY holds
//! `labels.jsonl` and `runs/*.jsonl.gz`. The runs are written as a Trackio project, rows and
//! configs, and the server's `diagnose_run` is asked about each.
#![allow(clippy::indexing_slicing, clippy::print_stdout, reason = "a program for the console")]

use std::{fs, io::Read, path::Path, sync::Arc, time::Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;
use mcp_trackio::tools::common::Progress;
use mcp_trackio::tools::{self, Surroundings};
use mcp_trackio::trackio::directory::Origin;
use mcp_trackio::trackio::project::CURRENT_SCHEMA;
use mcp_trackio::trackio::{Directory, Stop, Store};
use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};

const PROJECT: &str = "recorded";
/// Recordings have no times: their rows are written a second apart, long ago.
const START: i64 = 1_700_000_000;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let recordings = arguments.next().context("the directory with labels.jsonl is missing")?;
    let show_misses = arguments.any(|argument| argument == "--misses");
    let recordings = Path::new(&recordings);
    let labels = labels(recordings)?;

    let project = tempfile::tempdir()?;
    write_project(project.path(), recordings, &labels)?;
    let directory = Directory { path: project.path().to_owned(), origin: Origin::Argument };
    let server = Surroundings {
        store: Arc::new(Store::new(directory, 128 << 20)),
        now: Timestamp::now(),
        stop: Stop::default(),
        progress: Progress::default(),
    };
    let tool = tools::find("diagnose_run").context("the server has no diagnose_run")?;
    let mut tally = Tally::default();
    for (run, label) in labels.iter().enumerate() {
        let question = json!({"project": PROJECT, "run": run_name(run), "max_tokens": 8_000});
        let question: Map<String, Value> = serde_json::from_value(question)?;
        let started = Instant::now();
        let answer = tool.call(&server, question)?;
        tally.seconds.push(started.elapsed().as_secs_f64());
        tally.bytes.push(answer.text.len());
        let human = label["human"]["label"].as_str().unwrap_or_default();
        let id = label["id"].as_str().unwrap_or_default();
        tally.count(id, expected(human), answer.structured.into());
    }
    tally.print(show_misses);
    Ok(())
}

/// The labels that two people would agree on.
fn labels(recordings: &Path) -> Result<Vec<Value>> {
    let mut labels = Vec::new();
    for line in fs::read_to_string(recordings.join("labels.jsonl"))?.lines() {
        let label: Value = serde_json::from_str(line)?;
        if label["human"]["confidence"] != "low" && label["human"]["label"] != "unclear" {
            labels.push(label);
        }
    }
    Ok(labels)
}

/// A name that says nothing.
fn run_name(run: usize) -> String {
    format!("run-{run:03}")
}

fn write_project(directory: &Path, recordings: &Path, labels: &[Value]) -> Result<()> {
    let mut database = Connection::open(directory.join(format!("{PROJECT}.db")))?;
    database.execute_batch(CURRENT_SCHEMA)?;
    let transaction = database.transaction()?;
    for (run, label) in labels.iter().enumerate() {
        let file = recordings.join(label["file"].as_str().unwrap_or_default());
        let mut text = String::new();
        flate2::read::GzDecoder::new(fs::File::open(file)?).read_to_string(&mut text)?;
        let recorded: Value = serde_json::from_str(text.lines().next().unwrap_or_default())?;
        let (name, id) = (run_name(run), format!("{run:032x}"));
        for (row, logged) in recorded["rows"].as_array().into_iter().flatten().enumerate() {
            let metrics = logged["metrics"].to_string().into_bytes();
            transaction.execute(
                "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id, time(row)?, name, logged["step"].as_f64(), metrics],
            )?;
        }
        transaction.execute(
            "INSERT INTO configs (run_id, run_name, config, created_at) VALUES (?1, ?2, ?3, ?4)",
            params![id, name, recorded["config"].to_string().into_bytes(), time(0)?],
        )?;
    }
    Ok(transaction.commit()?)
}

fn time(row: usize) -> Result<String> {
    let moment = Timestamp::from_second(START + row as i64)?;
    Ok(moment.to_string().replace('Z', "+00:00"))
}

/// The verdict that a human label asks for.
fn expected(label: &str) -> &'static str {
    match label {
        "overfitting" => "overfitting",
        "plateau" => "plateau",
        "no_learning" => "not_learning",
        "lr_too_low" => "lr_too_low",
        "spikes" => "unstable",
        "diverged" => "diverged",
        "nan" => "non_finite",
        "dpo_healthy" => "dpo_healthy",
        "dpo_weak" => "dpo_weak",
        "rl_improving" => "rl_improving",
        "rl_flat" => "rl_flat",
        "rl_declining" => "rl_declining",
        "rl_collapsed" => "rl_collapsed",
        _ => "healthy",
    }
}

#[derive(Default)]
struct Tally {
    /// Run, expected and found verdict, the whole diagnosis.
    pairs: Vec<(String, &'static str, String, Value)>,
    seconds: Vec<f64>,
    bytes: Vec<usize>,
}

impl Tally {
    fn count(&mut self, id: &str, expected: &'static str, diagnosis: Value) {
        let found = diagnosis["verdict"].as_str().unwrap_or_default().to_owned();
        self.pairs.push((id.to_owned(), expected, found, diagnosis));
    }

    /// Precision, recall and number of runs of a group of verdicts.
    fn score(&self, group: &[&str]) -> (f64, f64, usize) {
        let is = |word: &str| group.contains(&word);
        let both = self.pairs.iter().filter(|p| is(p.1) && is(&p.2)).count() as f64;
        let found = self.pairs.iter().filter(|p| is(&p.2)).count() as f64;
        let expected = self.pairs.iter().filter(|p| is(p.1)).count();
        (both / found, both / expected as f64, expected)
    }

    fn print(&mut self, misses: bool) {
        let row = |name: &str, (precision, recall, n): (f64, f64, usize)| {
            println!("{name:<22} {precision:>9.3} {recall:>7.3} {n:>4}");
        };
        println!("{:<22} {:>9} {:>7} {:>4}", "verdict", "precision", "recall", "n");
        let mut words: Vec<&str> = self.pairs.iter().flat_map(|p| [p.1, p.2.as_str()]).collect();
        words.sort_unstable();
        words.dedup();
        for word in words {
            row(word, self.score(&[word]));
        }
        row("unstable or diverged", self.score(&["unstable", "diverged"]));
        let kin: Vec<_> =
            self.pairs.iter().filter(|p| p.1.starts_with("dpo") || p.1.starts_with("rl")).collect();
        let right = kin.iter().filter(|p| p.1 == p.2).count();
        println!(
            "\ndpo and rl, exact      {:.3} ({right} of {})",
            right as f64 / kin.len() as f64,
            kin.len()
        );

        let n = self.pairs.len();
        let hits = self.pairs.iter().filter(|p| p.1 == p.2).count();
        let judged = self.pairs.iter().filter(|p| p.2 != "insufficient_data").count();
        println!("exact match            {:.3} ({hits} of {n})", hits as f64 / n as f64);
        println!("  of those judged      {:.3}", hits as f64 / judged as f64);
        println!("insufficient_data      {:.3}", 1.0 - judged as f64 / n as f64);
        let findings = |d: &'_ Value| d["findings"].as_array().cloned().unwrap_or_default();
        let warned = |d: &Value| findings(d).iter().any(|f| f["severity"] != "info");
        let healthy: Vec<_> = self.pairs.iter().filter(|p| p.1 == "healthy").collect();
        let false_warnings = healthy.iter().filter(|p| warned(&p.3)).count();
        println!(
            "false warnings         {:.3} ({false_warnings} of {} healthy)",
            false_warnings as f64 / healthy.len() as f64,
            healthy.len()
        );
        self.seconds.sort_by(f64::total_cmp);
        let at = |q: f64| self.seconds[((n - 1) as f64 * q) as usize] * 1e3;
        println!("time per answer        median {:.2} ms, largest {:.2} ms", at(0.5), at(1.0));
        let largest = self.bytes.iter().max().copied().unwrap_or_default();
        println!("largest answer         {} tokens", largest.div_ceil(4));

        if misses {
            println!();
            for (id, expected, found, diagnosis) in &self.pairs {
                if expected != found || (*expected == "healthy" && warned(diagnosis)) {
                    println!("{id}: expected {expected}, found {found}");
                    for finding in findings(diagnosis).iter().take(3) {
                        println!(
                            "    {} {}: {}",
                            finding["severity"], finding["kind"], finding["summary"]
                        );
                    }
                }
            }
        }
    }
}
