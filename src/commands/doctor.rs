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
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use self::report::Report;
use super::patience::within;
use crate::tools::deadline::Task;
use crate::trackio::Store;

#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Examines, prints, and fails where something is wrong.
///
/// The data may be on a disk that does not answer: then the rest is examined without them.
pub(super) fn run(
    arguments: &DoctorArguments,
    store: Store,
    deadline: Duration,
) -> anyhow::Result<ExitCode> {
    let store = Arc::new(store);
    let looked_at = Arc::clone(&store);
    let task = Task::read("The look at the data", deadline);
    let looked = within(&task, move || {
        let mut report = Report::default();
        data::examine(&looked_at, &mut report);
        report
    });
    let report = match looked {
        Ok(mut report) => {
            let servers = clients::examine(&mut report);
            handshake::examine(&servers, &store, &mut report);
            report
        }
        Err(failure) => {
            let mut report = Report::default();
            let place = store.directory().path.display();
            let remedy = format!("Check the disk or file system that holds {place}");
            report.bad(data::SECTION, failure.0, remedy);
            clients::examine(&mut report);
            report
        }
    };
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&report.json())? + "\n",
        false => report.text(),
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(if report.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
