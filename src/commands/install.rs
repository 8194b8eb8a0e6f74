//! `mcp-trackio install`, `uninstall` and `config`: mcp-trackio in the clients that a person
//! already uses.
//!
//! A client's file belongs to its user: nothing in it but the one entry changes, a copy is kept,
//! and what cannot be changed safely is left alone with the text to add by hand.

pub mod change;
pub mod client;
pub mod clients;
mod diff;
pub mod document;
pub mod entry;
pub mod file;
pub mod format;
pub mod launch;
pub mod link;
mod own;
pub mod pages;
pub mod place;
pub mod quote;
mod turn;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use self::change::{Change, Target};
use self::client::Client;
use self::clients::CLIENTS;
use self::launch::Wish;
use self::place::plain;
use self::turn::Turn;
use crate::tools::common::nearest::{nearest, quoted};

/// The server's name in a client, unless another one is asked for.
pub const NAME: &str = "trackio";

#[derive(Debug, Args)]
pub(super) struct InstallArguments {
    /// The clients, by the names that `config` lists
    #[arg(required = true)]
    clients: Vec<String>,
    #[command(flatten)]
    wish: WishArguments,
    #[command(flatten)]
    target: TargetArguments,
}

#[derive(Debug, Args)]
pub(super) struct UninstallArguments {
    /// The clients
    #[arg(required = true)]
    clients: Vec<String>,
    #[command(flatten)]
    target: TargetArguments,
}

#[derive(Debug, Args)]
pub(super) struct ConfigArguments {
    /// The client; without it, all are listed
    client: Option<String>,
    #[command(flatten)]
    wish: WishArguments,
    /// The server's name in the client
    #[arg(long, default_value = NAME)]
    name: String,
}

#[derive(Debug, Args)]
struct WishArguments {
    /// Have the client start `uvx mcp-trackio` rather than this program
    #[arg(long)]
    uvx: bool,
    /// A variable for the server, beside TRACKIO_DIR and HF_HOME of this shell
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// Arguments for the server, after `--`
    #[arg(last = true)]
    server: Vec<String>,
}

#[derive(Debug, Args)]
struct TargetArguments {
    /// Show the change and make none
    #[arg(long)]
    dry_run: bool,
    /// The server's name in the client
    #[arg(long, default_value = NAME)]
    name: String,
    /// Change this file, for example a project's `.mcp.json`
    #[arg(long)]
    file: Option<PathBuf>,
    /// Change the file, even where the client has a command for it
    #[arg(long)]
    edit: bool,
}

impl WishArguments {
    fn wish(self, directory: Option<PathBuf>) -> Wish {
        Wish { uvx: self.uvx, directory, env: self.env, args: self.server }
    }
}

/// Puts the server into clients.
pub(super) fn install(
    arguments: InstallArguments,
    directory: Option<PathBuf>,
) -> anyhow::Result<ExitCode> {
    let wish = arguments.wish.wish(directory);
    each(&arguments.clients, &arguments.target, "install", |target| target.install(&wish))
}

/// Takes it out again.
pub(super) fn uninstall(arguments: UninstallArguments) -> anyhow::Result<ExitCode> {
    each(&arguments.clients, &arguments.target, "uninstall", |target| target.uninstall())
}

/// Prints what to write where, and changes nothing.
pub(super) fn config(
    arguments: ConfigArguments,
    directory: Option<PathBuf>,
) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout();
    let Some(word) = arguments.client else {
        write!(out, "{}", document::list())?;
        return Ok(ExitCode::SUCCESS);
    };
    let client = clients::find(&word).unwrap_or(&clients::OTHER);
    let mut wish = arguments.wish.wish(directory);
    let own = std::env::current_exe().context("where is this program?")?;
    // What would be refused as a lasting command can still be shown as the one that lasts.
    wish.uvx |= launch::is_in_uvs_cache(&own);
    let entry = wish.entry(client, None)?;
    write!(out, "{}", document::config(client, &arguments.name, &entry)?)?;
    if client.id == clients::OTHER.id && word != clients::OTHER.id {
        writeln!(io::stderr(), "\n`{word}` is not in the list of clients; {}", alike(&word))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// One client after the other; one that fails does not keep the others from it.
fn each(
    words: &[String],
    arguments: &TargetArguments,
    verb: &str,
    plan: impl Fn(&Target<'_>) -> anyhow::Result<Change>,
) -> anyhow::Result<ExitCode> {
    let clients = words.iter().map(|word| known(word)).collect::<anyhow::Result<Vec<_>>>()?;
    if arguments.file.is_some() && clients.len() > 1 {
        bail!("--file is for one client");
    }
    let mut code = ExitCode::SUCCESS;
    for client in clients {
        // From reading the file to replacing it.
        let _turn = if arguments.dry_run { None } else { Some(Turn::wait()?) };
        let target = Target {
            client,
            name: &arguments.name,
            file: arguments.file.clone(),
            edit: arguments.edit,
        };
        let done = plan(&target).and_then(|change| {
            if !arguments.dry_run {
                change.apply(&target)?;
            }
            Ok(change)
        });
        match done {
            Ok(change) if arguments.dry_run => {
                write!(io::stdout(), "{}: {}", client.name, change.shown())?;
            }
            Ok(change) => report(client, verb, &change)?,
            Err(error) => {
                writeln!(io::stderr(), "{}: {error:#}", client.name)?;
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn report(client: &Client, verb: &str, change: &Change) -> anyhow::Result<()> {
    let mut out = io::stdout();
    let Some(file) = change.file() else {
        writeln!(out, "{}: nothing to change.", client.name)?;
        return Ok(());
    };
    let way = match change {
        Change::Run { commands, .. } => {
            let last = commands.last().map(|words| quote::line(words)).unwrap_or_default();
            format!("by `{last}`")
        }
        _ => format!("in {}", plain(&file.path)),
    };
    writeln!(out, "{}: {verb}ed {way}. Restart {0} to see it.", client.name)?;
    if verb == "install" && file.text.is_none() && !file.path.parent().is_some_and(had_other_files)
    {
        writeln!(
            out,
            "  There was nothing else in {}: is {} on this computer?",
            file.path.parent().unwrap_or(Path::new(".")).display(),
            client.name
        )?;
    }
    Ok(())
}

fn had_other_files(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|entries| entries.count() > 1)
}

/// A client that can be changed.
fn known(word: &str) -> anyhow::Result<&'static Client> {
    match clients::find(word) {
        Some(client) if client.installs => Ok(client),
        Some(client) => bail!(
            "{}'s configuration is not changed from here; `mcp-trackio config {}` prints what to \
             write where",
            client.name,
            client.id
        ),
        None => bail!("there is no client `{word}`; {}", alike(word)),
    }
}

fn alike(word: &str) -> String {
    let ids: Vec<&str> = CLIENTS.iter().map(|client| client.id).collect();
    let near = nearest(word, ids.iter().copied());
    format!("nearest: {}; `mcp-trackio config` lists all {}", quoted(&near), ids.len())
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}
