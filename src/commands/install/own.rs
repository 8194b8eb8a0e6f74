//! A client's own command, filled in and run.

use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::entry::{Entry, Shape, quote};
use super::link;

/// The words of a command, of a template of the table of clients.
pub fn words(template: &[&str], name: &str, shape: Shape, entry: &Entry) -> Vec<String> {
    let mut words = Vec::new();
    for word in template {
        match *word {
            "{name}" => words.push(name.to_owned()),
            "{json}" => words.push(entry.value(shape, name).to_string()),
            "{named-json}" => words.push(link::named(name, entry).to_string()),
            "{command}" => words.push(entry.command.clone()),
            "{args}" => words.extend_from_slice(&entry.args),
            "{-- args}" if entry.args.is_empty() => {}
            "{-- args}" => {
                words.push("--".to_owned());
                words.extend_from_slice(&entry.args);
            }
            word => match word.strip_prefix("{env ").and_then(|flag| flag.strip_suffix('}')) {
                Some(flag) => {
                    words.extend(
                        entry.env.iter().flat_map(|(k, v)| [flag.to_owned(), format!("{k}={v}")]),
                    );
                }
                None => words.push(word.to_owned()),
            },
        }
    }
    words
}

/// The words as one line for a shell.
pub fn line(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// Whether the client's program is there.
pub fn is_there(template: &[&str]) -> bool {
    template.first().is_some_and(|program| which::which(program).is_ok())
}

/// Runs a command to its end; what it says is shown only when it fails.
pub fn run(words: &[String]) -> anyhow::Result<()> {
    let (program, args) = words.split_first().context("no command")?;
    let path = which::which(program).with_context(|| format!("{program} is not on the PATH"))?;
    let output = Command::new(path)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{program} cannot be started"))?;
    if !output.status.success() {
        let said = [&output.stdout, &output.stderr]
            .map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
        bail!("`{}` failed: {}", line(words), said.join("\n").trim());
    }
    Ok(())
}
