//! What a client is told to start, and with which variables.

use std::env;
use std::path::{Path, PathBuf, absolute};

use anyhow::{Context, bail};

use super::client::Client;
use super::entry::Entry;
use super::place;
use crate::trackio::Directory;

/// What the command line says about it.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Start `uvx mcp-trackio` rather than this program.
    pub uvx: bool,
    /// Trackio's directory, from `--dir`.
    pub directory: Option<PathBuf>,
    /// More variables.
    pub env: Vec<(String, String)>,
    /// Arguments for the server.
    pub args: Vec<String>,
}

impl Wish {
    /// The entry that a client gets. `old` is what it starts by now: its arguments stay, unless
    /// new ones are given.
    pub fn entry(&self, client: &Client, old: Option<&Entry>) -> anyhow::Result<Entry> {
        let (command, mut args) = match self.uvx {
            true => (uvx(client)?, vec!["mcp-trackio".to_owned()]),
            false => (text(this_program()?)?, Vec::new()),
        };
        match old {
            Some(old) if self.args.is_empty() => args.extend_from_slice(old.server_args()),
            _ => args.extend_from_slice(&self.args),
        }
        Ok(Entry { command, args, env: self.variables()? })
    }

    /// The variables that decide where the data are. A client hands few of the shell's on, and
    /// starts the server in a folder of its own, so relative paths become absolute.
    fn variables(&self) -> anyhow::Result<Vec<(String, String)>> {
        let mut variables = Vec::new();
        let directory = Directory::resolve(self.directory.as_deref());
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        // With XDG_CACHE_HOME, Trackio's place is told in Trackio's own variable.
        let is_elsewhere = self.directory.is_some()
            || is_set("TRACKIO_DIR")
            || (is_set("XDG_CACHE_HOME") && !is_set("HF_HOME"));
        if is_elsewhere {
            variables.push(("TRACKIO_DIR".to_owned(), text(absolute(&directory.path)?)?));
        }
        if is_set("HF_HOME") {
            let nothing_else = |name: &str| (name != "TRACKIO_DIR").then(|| env::var_os(name))?;
            let home = place::home();
            let trackio = Directory::resolve_in(None, &nothing_else, home.as_deref()).path;
            let hf_home = trackio.parent().unwrap_or(Path::new("."));
            variables.push(("HF_HOME".to_owned(), text(absolute(hf_home)?)?));
        }
        for (key, value) in &self.env {
            variables.retain(|(known, _)| known != key);
            variables.push((key.clone(), value.clone()));
        }
        Ok(variables)
    }
}

/// `uvx`, by its whole path for clients that do not have the shell's `PATH`.
fn uvx(client: &Client) -> anyhow::Result<String> {
    if !client.is_desktop {
        return Ok("uvx".to_owned());
    }
    let path = which::which("uvx").context(
        "uvx is not on the PATH; it comes with uv: https://docs.astral.sh/uv/getting-started/installation/",
    )?;
    text(path)
}

/// This program, by the path that stays when it is updated.
fn this_program() -> anyhow::Result<PathBuf> {
    let own = env::current_exe().context("where is this program?")?;
    if is_in_uvs_cache(&own) {
        bail!(
            "this mcp-trackio lies in uv's cache ({}), and `uv cache clean` removes it. Run \
             `uv tool install mcp-trackio` and then `mcp-trackio install` again, or add --uvx to \
             have the client start `uvx mcp-trackio`",
            own.display()
        );
    }
    let real = own.canonicalize().unwrap_or_else(|_| own.clone());
    let on_path = which::which("mcp-trackio")
        .ok()
        .filter(|path| path.is_absolute() && path.canonicalize().is_ok_and(|found| found == real));
    Ok(on_path.unwrap_or(own))
}

/// Whether a program lies where `uvx` unpacks what it runs: `archive-v0` and `environments-v2`
/// below uv's cache.
pub fn is_in_uvs_cache(program: &Path) -> bool {
    let real = program.canonicalize();
    let real = real.as_deref().unwrap_or(program);
    real.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        let version = ["archive-v", "environments-v"].iter().find_map(|p| part.strip_prefix(p));
        version.is_some_and(|v| !v.is_empty() && v.chars().all(|c| c.is_ascii_digit()))
    })
}

fn text(path: PathBuf) -> anyhow::Result<String> {
    let text = path.into_os_string().into_string();
    text.map_err(|path| {
        anyhow::anyhow!("{} is not UTF-8, and cannot stand in a configuration", path.display())
    })
}
