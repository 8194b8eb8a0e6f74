//! `mcp-trackio demo`: projects to try the server on, for those who have none yet, and a few
//! questions asked of it over a real session.

mod beside;
mod curves;
pub mod data;
mod noise;
mod recipes;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::session::{Answer, Session};

const TIMEOUT: Duration = Duration::from_secs(30);
/// So many lines of an answer are printed.
const SHOWN_LINES: usize = 18;

/// What a person asks, and the call that an assistant makes of it.
fn questions() -> [(&'static str, &'static str, Value); 6] {
    let project = "bert-sentiment";
    [
        ("Which experiments do I have?", "get_all_projects", json!({})),
        ("How is my run doing?", "get_run_summary", json!({})),
        (
            "Which of my sentiment runs used a learning rate above 1e-4?",
            "get_runs_for_project",
            json!({"project": project, "where": ["config.learning_rate > 1e-4"], "limit": 5}),
        ),
        (
            "Show me the eval loss of large-no-dropout.",
            "get_metric_values",
            json!({"project": project, "run": "large-no-dropout", "metric": "eval/loss", "max_points": 8}),
        ),
        ("Did anything raise an alert?", "get_alerts", json!({"project": project, "limit": 5})),
        (
            "Is there a run called basline?",
            "get_run_summary",
            json!({"project": project, "run": "basline"}),
        ),
    ]
}

/// Writes the projects into `directory` (a temporary one by default), asks, and prints.
pub fn run(directory: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let temporary;
    let directory = match &directory {
        Some(directory) => {
            std::fs::create_dir_all(directory)?;
            directory.as_path()
        }
        None => {
            temporary = tempfile::tempdir()?;
            temporary.path()
        }
    };
    data::write(directory, Timestamp::now())?;
    let mut out = io::stdout().lock();
    writeln!(out, "Three projects as Trackio writes them, in {}.", directory.display())?;
    converse(directory, &mut out)?;
    writeln!(
        out,
        "\nTo ask about your own runs, add `mcp-trackio` to your client; see the README."
    )?;
    Ok(ExitCode::SUCCESS)
}

/// A session with this very program, as a client would open it.
fn converse(directory: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let mut command = Command::new(std::env::current_exe().context("where is this program?")?);
    command.arg("--dir").arg(directory);
    let mut session = Session::open(command, TIMEOUT)?;
    let tools = session.list_tools()?.len();
    writeln!(out, "A client would start `mcp-trackio` and find {tools} tools.")?;
    for (question, tool, arguments) in questions() {
        let answer = session.call(tool, arguments.clone())?;
        print(out, question, tool, &arguments, &answer)?;
    }
    session.close()?;
    Ok(())
}

fn print(
    out: &mut impl Write,
    question: &str,
    tool: &str,
    arguments: &Value,
    answer: &Answer,
) -> io::Result<()> {
    let tokens = answer.text.len().div_ceil(4);
    let took = answer.took.as_secs_f64() * 1e3;
    writeln!(out, "\n> {question}\n  {tool} {arguments}   [{took:.1} ms, {tokens} tokens]\n")?;
    let lines: Vec<&str> = answer.text.lines().collect();
    for line in lines.iter().take(SHOWN_LINES) {
        writeln!(out, "    {line}")?;
    }
    match lines.len().saturating_sub(SHOWN_LINES) {
        0 => Ok(()),
        more => writeln!(out, "    ({more} more lines)"),
    }
}
