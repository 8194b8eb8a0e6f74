//! The commands in the blocks of pages do what they say: each runs on the demo's projects, in a
//! home of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use jiff::Timestamp;
use mcp_trackio::commands::demo::data;
use tempfile::TempDir;

use crate::commands::{Shown, shown};
use crate::pages;

const BINARY: &str = env!("CARGO_BIN_EXE_mcp-trackio");

/// Commands that are not run, each with the reason.
const NOT_RUN: &[(&str, &str)] = &[
    ("mcp-trackio undo 7", "takes back a write, and there was none"),
    ("mcp-trackio call upload_db_to_space", "sends to a server"),
    ("mcp-trackio call trigger_sync", "sends to a server"),
];

#[test]
fn commands_in_blocks_do_what_they_say() {
    let trackio = tempfile::tempdir().expect("a directory");
    data::write(trackio.path(), Timestamp::now()).expect("the demo's projects");
    let mut ran = 0;
    for path in pages() {
        let home = Home::with(trackio.path());
        for command in shown(&path).into_iter().filter(|command| command.is_in_block) {
            if !NOT_RUN.iter().any(|(start, _)| command.line.starts_with(start)) {
                home.check(&command);
                ran += 1;
            }
        }
    }
    assert!(ran > 20, "only {ran} commands were run");
}

/// A home of its own, with `uvx` and no client's program on the `PATH`.
struct Home<'a> {
    directory: TempDir,
    trackio: &'a Path,
}

impl<'a> Home<'a> {
    fn with(trackio: &'a Path) -> Self {
        let home = Self { directory: tempfile::tempdir().expect("a directory"), trackio };
        // What `uvx` does once it has fetched the package.
        let uvx = home.directory.path().join("bin/uvx");
        fs::create_dir(home.directory.path().join("bin")).expect("a folder");
        fs::write(&uvx, format!("#!/bin/sh\nshift\nexec '{BINARY}' \"$@\"\n")).expect("a script");
        fs::set_permissions(&uvx, fs::Permissions::from_mode(0o755)).expect("its rights");
        home
    }

    fn check(&self, command: &Shown) {
        let arguments: Vec<&str> = command.arguments.iter().map(String::as_str).collect();
        let output = self.run(&arguments);
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{} shows `{}`, which fails:\n{}{}",
            command.page,
            command.line,
            said(&output.stdout),
            said(&output.stderr)
        );
        assert!(!output.stdout.is_empty(), "`{}` says nothing", command.line);
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let home = self.directory.path();
        // What a page calls a path is the demo's directory here.
        let trackio = self.trackio.display().to_string();
        let arguments = arguments.iter().map(|word| word.replace("path/to/trackio", &trackio));
        let mut command = Command::new(BINARY);
        command.env_clear().current_dir(home).args(arguments);
        command.env("HOME", home).env("PATH", home.join("bin")).env("TRACKIO_DIR", self.trackio);
        command.output().expect("the program runs")
    }
}
