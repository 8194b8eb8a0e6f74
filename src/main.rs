//! The command line: parse, hand over, print errors.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use mcp_trackio::commands::CommandLine;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // Standard output belongs to the protocol.
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_env("MCP_TRACKIO_LOG").unwrap_or_else(|_| EnvFilter::new("warn")),
        )
        .with_writer(io::stderr)
        .with_ansi(false)
        .init();
    match CommandLine::parse().run() {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "mcp-trackio: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The reader of our output has gone: nobody is left to tell.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
