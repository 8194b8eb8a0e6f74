//! Compares the verdicts with human labels on recorded training runs.
//!
//! `cargo run --release --example evaluate -- DIRECTORY [--misses]`, where DIRECTORY holds
//! `labels.jsonl` and `runs/*.jsonl.gz`.
#![allow(clippy::indexing_slicing, clippy::print_stdout, reason = "a program for the console")]

use std::{collections::BTreeMap, fs, io::Read, path::Path, time::Instant};

use anyhow::{Context, Result};
use mcp_trackio::analysis::{
    diagnose::{Diagnosis, diagnose},
    finding::{Severity, Verdict},
    run::{Options, RunFacts, Scalar, Status},
    series::Series,
};
use serde_json::Value;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().context("the directory with labels.jsonl is missing")?;
    let show_misses = arguments.any(|argument| argument == "--misses");
    let directory = Path::new(&directory);

    let mut tally = Tally::default();
    for line in fs::read_to_string(directory.join("labels.jsonl"))?.lines() {
        let label: Value = serde_json::from_str(line)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let human = text(&label["human"]["label"]);
        if text(&label["human"]["confidence"]) == "low" || human == "unclear" {
            continue;
        }
        let recording = Recording::read(&directory.join(text(&label["file"])))?;
        let facts = RunFacts {
            metrics: &recording.metrics,
            config: &recording.config,
            status: Status::Ended,
            ..RunFacts::default()
        };
        let started = Instant::now();
        let diagnosis = diagnose(&facts, &Options::default());
        tally.seconds.push(started.elapsed().as_secs_f64());
        tally.count(&text(&label["id"]), expected(&human), diagnosis);
    }
    tally.print(show_misses);
    Ok(())
}

/// One recorded run.
struct Recording {
    metrics: Vec<(String, Series)>,
    config: Vec<(String, Scalar)>,
}

impl Recording {
    fn read(path: &Path) -> Result<Self> {
        let mut text = String::new();
        flate2::read::GzDecoder::new(fs::File::open(path)?).read_to_string(&mut text)?;
        let recorded: Value = serde_json::from_str(text.lines().next().unwrap_or_default())?;
        let mut metrics: BTreeMap<String, Series> = BTreeMap::new();
        for row in recorded["rows"].as_array().into_iter().flatten() {
            let step = row["step"].as_f64().unwrap_or(f64::NAN);
            for (name, value) in row["metrics"].as_object().into_iter().flatten() {
                if let Some(value) = number(value) {
                    metrics.entry(name.clone()).or_default().push(step, f64::NAN, value);
                }
            }
        }
        let config = recorded["config"].as_object().into_iter().flatten().filter_map(|(k, v)| {
            let scalar = match v {
                Value::Number(n) => Scalar::Number(n.as_f64()?),
                Value::Bool(b) => Scalar::Bool(*b),
                Value::String(s) => Scalar::Text(s.clone()),
                _ => return None,
            };
            Some((k.clone(), scalar))
        });
        Ok(Self { config: config.collect(), metrics: metrics.into_iter().collect() })
    }
}

fn number(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        _ => value.as_f64(),
    }
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

fn word(verdict: Verdict) -> String {
    serde_json::to_value(verdict).map_or(String::new(), |v| v.as_str().unwrap_or("").to_owned())
}

#[derive(Default)]
struct Tally {
    /// Run, expected and found verdict.
    pairs: Vec<(String, &'static str, String, Diagnosis)>,
    seconds: Vec<f64>,
}

impl Tally {
    fn count(&mut self, id: &str, expected: &'static str, diagnosis: Diagnosis) {
        self.pairs.push((id.to_owned(), expected, word(diagnosis.verdict), diagnosis));
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
        let warned = |d: &Diagnosis| d.findings.iter().any(|f| f.severity != Severity::Info);
        let healthy: Vec<_> = self.pairs.iter().filter(|p| p.1 == "healthy").collect();
        let false_warnings = healthy.iter().filter(|p| warned(&p.3)).count();
        println!(
            "false warnings         {:.3} ({false_warnings} of {} healthy)",
            false_warnings as f64 / healthy.len() as f64,
            healthy.len()
        );
        self.seconds.sort_by(f64::total_cmp);
        let at = |q: f64| self.seconds[((n - 1) as f64 * q) as usize] * 1e3;
        println!("time per run           median {:.2} ms, largest {:.2} ms", at(0.5), at(1.0));

        if misses {
            println!();
            for (id, expected, found, diagnosis) in &self.pairs {
                if expected != found || (*expected == "healthy" && warned(diagnosis)) {
                    println!("{id}: expected {expected}, found {found}");
                    for finding in diagnosis.findings.iter().take(3) {
                        println!(
                            "    {:?} {:?}: {}",
                            finding.severity, finding.kind, finding.summary
                        );
                    }
                }
            }
        }
    }
}
