//! Runs cases side by side until the time or the number is over, and gathers what was found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::case::Case;
use super::invariants::{Invariant, Problem, Tools, check};
use super::targets::{TARGETS, World, case};

/// So many cases of one cause are saved.
const MOST_SAVED: usize = 3;

pub struct Plan {
    pub binary: PathBuf,
    pub seed: u64,
    pub first: u64,
    pub time: Duration,
    pub inputs: usize,
    pub targets: Vec<usize>,
    pub save: PathBuf,
    pub with_schemas: bool,
    pub threads: usize,
}

/// What was found of one cause.
struct Finding {
    count: usize,
    detail: String,
    saved: Vec<PathBuf>,
}

#[derive(Default)]
struct Target {
    cases: usize,
    inputs: usize,
    lines: usize,
    time: Duration,
}

#[derive(Default)]
pub struct Report {
    findings: BTreeMap<(Invariant, String), Finding>,
    targets: BTreeMap<String, Target>,
}

/// The same seed gives the same inputs: a finding could not be seen again otherwise.
pub fn make_sure_that_cases_repeat(plan: &Plan, world: &World) {
    let made = |number| {
        let case = case(world, &plan.targets, plan.seed, number);
        format!("{:?} {:?}", case.lines, case.tree)
    };
    for number in 0..plan.targets.len() as u64 {
        let number = plan.first + number;
        assert!(made(number) == made(number), "case {number} differs from one time to the next");
    }
}

pub fn run(plan: &Plan, world: &World, tools: &Tools) -> Report {
    let (start, next) = (Instant::now(), AtomicU64::new(plan.first));
    let report = Mutex::new(Report::default());
    let is_over = || start.elapsed() >= plan.time || report.lock().unwrap().inputs() >= plan.inputs;
    thread::scope(|scope| {
        for _ in 0..plan.threads {
            scope.spawn(|| {
                while !is_over() {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let began = Instant::now();
                    let case = case(world, &plan.targets, plan.seed, number);
                    let problems = check(&plan.binary, tools, &case, plan.with_schemas);
                    report.lock().unwrap().add(&plan.save, &case, problems, began.elapsed());
                }
            });
        }
    });
    report.into_inner().unwrap()
}

impl Report {
    fn inputs(&self) -> usize {
        self.targets.values().map(|target| target.inputs).sum()
    }

    fn add(&mut self, save: &Path, case: &Case, problems: Vec<Problem>, time: Duration) {
        let target = self.targets.entry(case.target.clone()).or_default();
        target.cases += 1;
        target.inputs += case.inputs;
        target.lines += case.lines.len();
        target.time += time;
        let about: Vec<String> = problems
            .iter()
            .map(|problem| {
                format!("{} {}: {}", problem.invariant.name(), problem.cause, problem.detail)
            })
            .collect();
        let place = save.join(format!("{}-{}-{}", case.target, case.seed, case.number));
        for problem in problems {
            let key = (problem.invariant, problem.cause);
            let finding = self.findings.entry(key).or_insert_with_key(|(invariant, cause)| {
                println!(
                    "found: {} {cause} (target {}, seed {}, case {})",
                    invariant.name(),
                    case.target,
                    case.seed,
                    case.number
                );
                Finding { count: 0, detail: problem.detail, saved: Vec::new() }
            });
            finding.count += 1;
            if finding.saved.len() < MOST_SAVED
                && (place.exists() || case.save(&place, &about).is_ok())
            {
                finding.saved.push(place.clone());
            }
        }
    }

    /// Prints all of it; the invariants that were broken.
    pub fn print(&self, time: Duration) -> Vec<Invariant> {
        let seconds = time.as_secs_f64();
        for (name, _) in TARGETS {
            if let Some(target) = self.targets.get(*name) {
                println!(
                    "  {name:<10} {:>6} cases {:>8} inputs {:>8} lines {:>6} ms a case",
                    target.cases,
                    target.inputs,
                    target.lines,
                    target.time.as_millis() / target.cases.max(1) as u128
                );
            }
        }
        println!(
            "{} inputs in {seconds:.0} s: {:.0} a second",
            self.inputs(),
            self.inputs() as f64 / seconds
        );
        let mut broken = Vec::new();
        for ((invariant, cause), finding) in &self.findings {
            println!(
                "\n{} {cause}\n  {} times; {}",
                invariant.name(),
                finding.count,
                cut(&finding.detail)
            );
            for place in &finding.saved {
                println!("  .ci/fuzz --replay {}", place.display());
            }
            broken.push(*invariant);
        }
        broken.dedup();
        broken
    }
}

fn cut(text: &str) -> String {
    text.chars().take(600).collect::<String>().replace('\n', "\n  ")
}
