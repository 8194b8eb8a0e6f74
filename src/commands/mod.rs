//! The command line: one file a subcommand.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::tools::{AnyTool, Category, TOOLS};
use crate::trackio::{Directory, Store};

mod call;
pub mod demo;
mod doctor;
pub mod install;
mod list;
pub mod session;

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
    /// Never write, whatever else is set
    #[arg(long)]
    read_only: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the tools
    Tools(list::Arguments),
    /// Call a tool and print its answer
    Call(call::Arguments),
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
}

impl CommandLine {
    /// Does what was asked for.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            None => {
                crate::mcp::serve(self.store(), selected(&self.toolsets))?;
                Ok(ExitCode::SUCCESS)
            }
            Some(Command::Tools(arguments)) => list::run(&arguments),
            Some(Command::Call(ref arguments)) => call::run(arguments, self.store()),
            Some(Command::Demo) => demo::run(self.dir),
            Some(Command::Install(arguments)) => install::install(arguments, self.dir),
            Some(Command::Uninstall(arguments)) => install::uninstall(arguments),
            Some(Command::Config(arguments)) => install::config(arguments, self.dir),
            Some(Command::Doctor(ref arguments)) => doctor::run(arguments, &self.store()),
        }
    }

    fn store(&self) -> Store {
        let directory = Directory::resolve(self.dir.as_deref());
        Store::new(directory, self.cache_mb.saturating_mul(1 << 20))
    }
}

/// The tools of the categories, all of them where none is named. The guide is always there.
fn selected(categories: &[Category]) -> Vec<&'static dyn AnyTool> {
    let is_wanted = |category| {
        categories.is_empty() || categories.contains(&category) || category == Category::Guide
    };
    TOOLS.iter().copied().filter(|tool| is_wanted(tool.category())).collect()
}

fn category(name: &str) -> Result<Category, String> {
    Category::ALL.into_iter().find(|category| category.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = Category::ALL.into_iter().map(Category::as_str).collect();
        format!("categories are {}", names.join(", "))
    })
}
