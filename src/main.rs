//! The command line: parse, hand over, print errors.

use std::io;
use std::process::ExitCode;

use clap::Parser;
use mcp_trackio::commands::CommandLine;
use mcp_trackio::log;

fn main() -> ExitCode {
    log::start();
    let code = match CommandLine::parse().run() {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            log::say(format_args!("mcp-trackio: {error:#}"));
            ExitCode::FAILURE
        }
    };
    log::finish();
    // Threads that were left behind end with the process.
    code
}

/// The reader of our output has gone: nobody is left to tell.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
