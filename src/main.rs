//! The command line: parse, hand over, print errors.

use std::io;
use std::process::ExitCode;

use clap::Parser;
use mcp_trackio::commands::CommandLine;
use mcp_trackio::log;

fn main() -> ExitCode {
    share_free_memory();
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

/// Lets all threads take memory from one place.
///
/// glibc gives each thread a place of its own and keeps there what the thread has freed. A bound on
/// what is in use is then none on what the process holds: four queries that share 96 MB left 424 MB
/// behind, with one place 187 MB. glibc only takes that choice from the environment of a new
/// program, so this one starts itself again.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn share_free_memory() {
    use std::os::unix::process::CommandExt;
    use std::{env, process::Command};
    const PLACES: &str = "MALLOC_ARENA_MAX";
    if env::var_os(PLACES).is_some() {
        return;
    }
    let mut words = env::args_os();
    let (Some(name), Ok(program)) = (words.next(), env::current_exe()) else { return };
    // Where that fails, it goes on as it is: more memory is held, nothing else is different.
    let _ = Command::new(program).arg0(name).args(words).env(PLACES, "1").exec();
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn share_free_memory() {}

/// The reader of our output has gone: nobody is left to tell.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
