//! `mcp-trackio call <tool> [key=value ...]`: one call, its answer on standard output.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::tools::common::Progress;
use crate::tools::common::nearest::{nearest, quoted};
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
}

pub fn run(
    arguments: &Arguments,
    store: Store,
    permission: Permission,
) -> anyhow::Result<ExitCode> {
    let Some(tool) = tools::find(&arguments.tool) else {
        let names = TOOLS.iter().map(|tool| tool.name());
        let names = nearest(&arguments.tool, names);
        anyhow::bail!("there is no tool `{}`; nearest: {}", arguments.tool, quoted(&names));
    };
    let surroundings = Surroundings {
        store: Arc::new(store),
        now: Timestamp::now(),
        stop: Stop::default(),
        progress: Progress::default(),
        permission,
    };
    match tool.call(&surroundings, parse(&arguments.arguments)?) {
        Ok(answer) => {
            let text = match arguments.json {
                true => serde_json::to_string_pretty(&answer.structured)?,
                false => answer.text,
            };
            writeln!(io::stdout(), "{text}")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            writeln!(io::stderr(), "{failure}")?;
            Ok(ExitCode::FAILURE)
        }
    }
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
