//! `mcp-trackio call <tool> [key=value ...]`: one call, its answer on standard output.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::patience::within;
use crate::log;
use crate::tools::common::nearest::{nearest, quoted};
use crate::tools::common::{Picture, Progress};
use crate::tools::deadline::Task;
use crate::tools::{self, Permission, Surroundings, TOOLS};
use crate::trackio::{Stop, Store};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The tool
    tool: String,
    /// Arguments as key=value, or one JSON object
    arguments: Vec<String>,
    /// Print the structured answer
    #[arg(long)]
    json: bool,
    /// Write the answer's picture to this file
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

pub fn run(
    arguments: &Arguments,
    store: Store,
    permission: Permission,
    deadline: Duration,
) -> anyhow::Result<ExitCode> {
    let Some(tool) = tools::find(&arguments.tool) else {
        let names = TOOLS.iter().map(|tool| tool.name());
        let names = nearest(&arguments.tool, names);
        anyhow::bail!("there is no tool `{}`; nearest: {}", arguments.tool, quoted(&names));
    };
    let given = parse(&arguments.arguments)?;
    let task = Task::of_call(tool, &given, deadline);
    let surroundings = Surroundings {
        store: Arc::new(store),
        now: Timestamp::now(),
        stop: Stop::default().with_deadline(Instant::now() + task.limit),
        progress: Progress::default(),
        permission,
    };
    match within(&task, move || tool.call(&surroundings, given)).flatten() {
        Ok(answer) => {
            let text = match arguments.json {
                true => serde_json::to_string_pretty(&answer.structured)?,
                false => answer.text,
            };
            writeln!(io::stdout(), "{text}")?;
            show(answer.picture.as_ref(), arguments.picture.as_deref())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            log::say(failure);
            Ok(ExitCode::FAILURE)
        }
    }
}

/// A terminal shows no picture: says that there is one, or writes it to `file`.
fn show(picture: Option<&Picture>, file: Option<&Path>) -> anyhow::Result<()> {
    let said = match (picture, file) {
        (None, None) => return Ok(()),
        (None, Some(_)) => "The answer has no picture.".to_owned(),
        (Some(Picture { bytes, mime }), None) => format!(
            "There is a picture ({mime}, {} bytes); --picture FILE writes it to a file.",
            bytes.len()
        ),
        (Some(Picture { bytes, mime }), Some(file)) => {
            fs::write(file, bytes).with_context(|| file.display().to_string())?;
            format!("The picture ({mime}, {} bytes) is in {}.", bytes.len(), file.display())
        }
    };
    // Beside the answer, which may be piped on.
    log::say(said);
    Ok(())
}

/// `key=value` pairs; a value that is a JSON number, list or object is taken as such.
fn parse(words: &[String]) -> anyhow::Result<Map<String, Value>> {
    if let [word] = words
        && word.trim_start().starts_with('{')
    {
        return Ok(serde_json::from_str(word)?);
    }
    let mut arguments = Map::new();
    for word in words {
        let Some((key, value)) = word.split_once('=') else {
            anyhow::bail!("`{word}` is not key=value; write for example project=my-project");
        };
        let is_structure = value.starts_with(['[', '{']);
        let structure = is_structure.then(|| serde_json::from_str(value).ok()).flatten();
        arguments.insert(key.to_owned(), structure.unwrap_or_else(|| Value::from(value)));
    }
    Ok(arguments)
}
