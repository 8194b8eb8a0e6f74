//! `mcp-trackio doctor`: why an assistant does not answer, in a line for each thing that can be
//! wrong, with what to do about it.
//!
//! It looks where the data are, at each client's configuration, and then does what a client does:
//! starts the configured command with hardly any environment and asks the server.

mod clients;
mod data;
mod handshake;
mod report;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use self::report::Report;
use crate::trackio::Store;

#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Examines, prints, and fails where something is wrong.
pub(super) fn run(arguments: &DoctorArguments, store: &Store) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    data::examine(store, &mut report);
    let servers = clients::examine(&mut report);
    handshake::examine(&servers, store, &mut report);
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&report.json())? + "\n",
        false => report.text(),
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(if report.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
