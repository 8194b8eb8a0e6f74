//! The fuzzer: made-up inputs for the real binary, and what must hold for each of them.
//!
//! ```text
//! .ci/fuzz                        60 s, a new seed
//! .ci/fuzz --seed 7 --seconds 10  the same inputs again, as far as they come
//! .ci/fuzz --inputs 2000000       so many, however long it takes
//! .ci/fuzz --replay DIR           one finding again
//! ```
//!
//! A case is a directory and the lines of a client (`case.rs`). `targets/` makes cases, `server.rs`
//! runs the binary on them, `invariants.rs` says what was broken. The seed and the number of a case
//! decide all of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod base;
mod calls;
mod case;
mod expect;
mod invariants;
mod live;
mod random;
mod runner;
mod server;
mod sql;
#[path = "../support/mod.rs"]
mod support;
mod targets;
mod text;
mod tree;
mod values;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, thread};

use case::Case;
use invariants::{Invariant, Tools, check};
use runner::Plan;
use targets::{TARGETS, World};

fn main() -> ExitCode {
    let mut plan = Plan {
        binary: env::var_os("MCP_TRACKIO_BINARY")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_mcp-trackio").into())
            .into(),
        seed: SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64 % 1_000_000_000,
        first: 0,
        time: Duration::ZERO,
        inputs: usize::MAX,
        targets: (0..TARGETS.len()).collect(),
        save: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz"),
        with_schemas: false,
        threads: thread::available_parallelism().map_or(2, usize::from),
    };
    let (mut replay, mut planted) = (None, false);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} wants a value"));
        match argument.as_str() {
            "--seconds" => plan.time = Duration::from_secs(value().parse().unwrap()),
            "--inputs" => (plan.inputs, plan.time) = (value().parse().unwrap(), Duration::MAX),
            "--seed" => plan.seed = value().parse().unwrap(),
            "--case" => plan.first = value().parse().unwrap(),
            "--threads" => plan.threads = value().parse().unwrap(),
            "--targets" => plan.targets = targets_named(&value()),
            "--save" => plan.save = value().into(),
            "--schemas" => plan.with_schemas = true,
            "--replay" => replay = Some(PathBuf::from(value())),
            "--planted" => planted = true,
            // `cargo test`, maybe with a filter for other tests.
            _ => {}
        }
    }
    if plan.time.is_zero() && replay.is_none() {
        println!("the fuzzer runs with .ci/fuzz");
        return ExitCode::SUCCESS;
    }
    let definitions = definitions();
    let tools = Tools::of(&definitions);
    if let Some(dir) = replay {
        return replayed(&plan, &tools, &Case::load(&dir));
    }
    let is_reader = |tool: &serde_json::Value| tool["annotations"]["readOnlyHint"] == true;
    let (readers, writers) = definitions.into_iter().partition(is_reader);
    let world = World { bases: base::all(), readers, writers };
    fs::create_dir_all(&plan.save).unwrap();
    println!("seed {}", plan.seed);
    runner::make_sure_that_cases_repeat(&plan, &world);
    let start = Instant::now();
    let report = runner::run(&plan, &world, &tools);
    let broken = report.print(start.elapsed());
    if planted {
        found_what_was_planted(&broken)
    } else {
        ExitCode::from(u8::from(!broken.is_empty()))
    }
}

/// The tools as the binary lists them.
fn definitions() -> Vec<serde_json::Value> {
    let home = tempfile::tempdir().unwrap();
    let arguments = ["--dir".as_ref(), home.path().as_os_str(), "--allow-writes".as_ref()];
    let mut session = support::Session::spawn(arguments, |command| {
        command.env("HOME", home.path());
    });
    session.handshake(support::LEGACY);
    session.tools()
}

fn targets_named(names: &str) -> Vec<usize> {
    let place = |name: &str| TARGETS.iter().position(|(known, _)| *known == name);
    names.split(',').map(|name| place(name).unwrap_or_else(|| panic!("no target {name}"))).collect()
}

fn replayed(plan: &Plan, tools: &Tools, case: &Case) -> ExitCode {
    println!("target {}, seed {}, case {}", case.target, case.seed, case.number);
    let problems = check(&plan.binary, tools, case, plan.with_schemas);
    for problem in &problems {
        println!("\n{} {}\n  {}", problem.invariant.name(), problem.cause, problem.detail);
    }
    println!("\n{} problems", problems.len());
    ExitCode::from(u8::from(!problems.is_empty()))
}

/// One fault is planted for each of these (`.ci/fuzz planted`).
fn found_what_was_planted(broken: &[Invariant]) -> ExitCode {
    let planted =
        [Invariant::Hang, Invariant::Memory, Invariant::Reply, Invariant::Written, Invariant::Text];
    let missed: Vec<&str> =
        planted.iter().filter(|one| !broken.contains(one)).map(|one| one.name()).collect();
    println!("\nplanted faults that were not found: {missed:?}");
    ExitCode::from(u8::from(!missed.is_empty()))
}
