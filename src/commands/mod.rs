//! The command line: one file a subcommand.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::journal::Journal;
use crate::remote::Remote;
use crate::temporary;
use crate::tools::access::{self, Grant};
use crate::tools::{AnyTool, Category, Permission, TOOLS};
use crate::trackio::{Directory, Store};

mod arena;
mod call;
pub mod demo;
mod doctor;
pub mod install;
mod list;
mod patience;
mod plot;
pub mod session;
mod undo;

/// Ask an assistant about the experiments that Trackio recorded on this computer.
///
/// Without a subcommand it serves the Model Context Protocol on standard input and output; that is
/// what a client starts.
#[derive(Debug, Parser)]
#[command(name = "mcp-trackio", version, disable_help_subcommand = true)]
pub struct CommandLine {
    /// Trackio's directory [default: TRACKIO_DIR, else HF_HOME/trackio]
    #[arg(long, global = true, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Serve only these categories of tools, separated by commas
    #[arg(long, value_name = "CATEGORIES", value_delimiter = ',', value_parser = category)]
    toolsets: Vec<Category>,
    /// Memory for parsed columns, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 128)]
    cache_mb: usize,
    /// How long a read may take; SQL from a model takes 5 seconds at most, a write 30
    #[arg(long, global = true, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    deadline: Duration,
    /// Offer the tools that log, rename, delete and send; each write is noted in a journal
    #[arg(long, global = true, env = access::VARIABLE, value_parser = yes_or_no)]
    allow_writes: bool,
    /// Never write, whatever else is set
    #[arg(long, global = true)]
    read_only: bool,
    /// Let the media tool copy files from this directory; may be given more than once
    #[arg(long, global = true, value_name = "DIR")]
    media_root: Vec<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the tools
    Tools(list::Arguments),
    /// Call a tool and print its answer
    Call(call::Arguments),
    /// Draw curves as a PNG file
    Plot(plot::Arguments),
    /// Write three small projects (to --dir, else a temporary directory) and ask about them
    Demo,
    /// Add the server to clients
    Install(install::InstallArguments),
    /// Take the server out of clients
    Uninstall(install::UninstallArguments),
    /// Print what a client's configuration would be
    Config(install::ConfigArguments),
    /// Find out why an assistant does not answer: data, clients' configurations, the server itself
    Doctor(doctor::DoctorArguments),
    /// Take back a write that the journal tells of
    Undo(undo::Arguments),
}

impl CommandLine {
    /// Does what was asked for.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            None => {
                arena::share_one();
                temporary::clear_folders();
                let permission = self.permission()?;
                let tools = selected(&self.toolsets, &permission);
                crate::mcp::serve(self.store(), tools, permission, self.deadline)?;
                Ok(ExitCode::SUCCESS)
            }
            Some(Command::Tools(arguments)) => list::run(&arguments),
            Some(Command::Call(ref arguments)) => {
                call::run(arguments, self.store(), self.permission()?, self.deadline)
            }
            Some(Command::Plot(ref arguments)) => plot::run(arguments, self.store(), self.deadline),
            Some(Command::Demo) => demo::run(self.dir),
            Some(Command::Install(arguments)) => install::install(arguments, self.dir),
            Some(Command::Uninstall(arguments)) => install::uninstall(arguments),
            Some(Command::Config(arguments)) => install::config(arguments, self.dir),
            Some(Command::Doctor(ref arguments)) => {
                doctor::run(arguments, self.store(), self.deadline)
            }
            Some(Command::Undo(arguments)) => undo::run(&arguments, self.read_only, self.deadline),
        }
    }

    /// Whether tools may write: `--read-only` wins over whatever allows it.
    fn permission(&self) -> anyhow::Result<Permission> {
        if self.read_only || !self.allow_writes {
            return Ok(Permission::ReadOnly);
        }
        let journal = Journal::of_user().context(
            "writes are noted in a journal under the home directory, and there is none; set HOME",
        )?;
        journal.clear();
        self.store().clear();
        let (media_roots, remote) = (self.media_root.clone(), Remote::from_environment());
        Ok(Permission::Writes(Arc::new(Grant { journal, media_roots, remote })))
    }

    fn store(&self) -> Store {
        let directory = Directory::resolve(self.dir.as_deref());
        Store::new(directory, self.cache_mb.saturating_mul(1 << 20))
    }
}

/// The tools of the categories that may be used, all of them where none is named. The guide is
/// always there.
fn selected(categories: &[Category], permission: &Permission) -> Vec<&'static dyn AnyTool> {
    let is_wanted = |category| {
        categories.is_empty() || categories.contains(&category) || category == Category::Guide
    };
    let offered = TOOLS.iter().copied().filter(|tool| permission.covers(tool.access()));
    offered.filter(|tool| is_wanted(tool.category())).collect()
}

/// The value of the environment variable, or the option itself. What is neither is refused: a
/// typing error must not allow anything, nor hide that it did not.
fn yes_or_no(value: &str) -> Result<bool, String> {
    match value.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "" | "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("write 1 to allow writes, 0 not to".to_owned()),
    }
}

/// A time that a person waits for: from a tenth of a second to an hour.
fn seconds(value: &str) -> Result<Duration, String> {
    let seconds = value.parse().ok().filter(|seconds| (0.1..=3_600.0).contains(seconds));
    let wrong = || "write a number of seconds from 0.1 to 3600".to_owned();
    seconds.map(Duration::from_secs_f64).ok_or_else(wrong)
}

fn category(name: &str) -> Result<Category, String> {
    Category::ALL.into_iter().find(|category| category.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = Category::ALL.into_iter().map(Category::as_str).collect();
        format!("categories are {}", names.join(", "))
    })
}
