//! A client's own command, filled in and run.

use std::io::{Read, Seek};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::entry::{Entry, Shape};
use super::{link, quote};

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

/// Whether the client's program is there.
pub fn is_there(template: &[&str]) -> bool {
    template.first().is_some_and(|program| which::which(program).is_ok())
}

/// How long a client's command may take; one that opens a window does not end by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest part of its output that is shown, in bytes.
const MOST_SAID: u64 = 4_000;

/// Runs a command to its end; what it says is shown only when it fails.
pub fn run(words: &[String]) -> anyhow::Result<()> {
    let (program, args) = words.split_first().context("no command")?;
    let path = which::which(program).with_context(|| format!("{program} is not on the PATH"))?;
    // Not pipes: what it has started may keep them open.
    let mut said = tempfile::tempfile().context("no temporary file can be made")?;
    let mut child = Command::new(path)
        .args(args)
        .stdin(Stdio::null())
        .stdout(said.try_clone()?)
        .stderr(said.try_clone()?)
        .spawn()
        .with_context(|| format!("{program} cannot be started"))?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if start.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(20)),
            None => {
                child.kill()?;
                child.wait()?;
                bail!("`{}` did not end within {} s", quote::line(words), PATIENCE.as_secs());
            }
        }
    };
    if !status.success() {
        let mut bytes = Vec::new();
        said.rewind()?;
        said.take(MOST_SAID).read_to_end(&mut bytes)?;
        let said = String::from_utf8_lossy(&bytes);
        bail!("`{}` failed: {}", quote::line(words), said.trim());
    }
    Ok(())
}
