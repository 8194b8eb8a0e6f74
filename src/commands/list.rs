//! `mcp-trackio tools`: what there is, and the generated pages.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use crate::tools::document;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Print the page of the documentation
    #[arg(long)]
    markdown: bool,
    /// Print the table of the README
    #[arg(long, conflicts_with = "markdown")]
    table: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let text = match arguments {
        Arguments { markdown: true, .. } => document::page(),
        Arguments { table: true, .. } => document::table(),
        _ => document::list(),
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
