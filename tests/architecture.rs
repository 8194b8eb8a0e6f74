//! The house is built as docs/architecture.md says: each layer uses only what is below it, and
//! what must not happen cannot be written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

/// A layer, and what its code must not name.
struct Layer {
    folder: &'static str,
    never: &'static [&'static [&'static str]],
}

const ABOVE: &[&str] = &["crate::commands", "crate::mcp", "tokio"];
const TOOLS: &[&str] = &["crate::tools", "rmcp::model", "rmcp::service", "rmcp::transport"];
const SIDES: &[&str] = &["crate::journal", "crate::remote"];
const FILES: &[&str] = &["crate::trackio", "rusqlite", "std::fs"];
/// What makes the same numbers give other words on another day or another machine.
const PLACE_AND_TIME: &[&str] = &["jiff", "std::env", "std::time", "serde_json"];

const LAYERS: &[Layer] = &[
    // It does not know what any tool does.
    Layer { folder: "mcp", never: &[SIDES, &["crate::commands", "rusqlite", "tools::get_"]] },
    Layer { folder: "tools", never: &[ABOVE, &["rmcp::model"]] },
    Layer { folder: "trackio", never: &[ABOVE, TOOLS, SIDES, &["rmcp"]] },
    Layer { folder: "analysis", never: &[ABOVE, TOOLS, SIDES, FILES, PLACE_AND_TIME] },
    // It draws what it is given.
    Layer { folder: "chart", never: &[ABOVE, TOOLS, SIDES, FILES, PLACE_AND_TIME, &["rmcp"]] },
    Layer { folder: "journal", never: &[ABOVE, TOOLS, &["crate::remote", "rusqlite", "rmcp"]] },
    Layer { folder: "remote", never: &[ABOVE, TOOLS, FILES, &["crate::journal", "rmcp"]] },
];

#[test]
fn layers_use_only_what_is_below() {
    for Layer { folder, never } in LAYERS {
        for (path, code) in sources(&source().join(folder)) {
            for name in never.iter().copied().flatten() {
                assert!(!names(&code, name), "{} names {name}", path.display());
            }
        }
    }
}

#[test]
fn every_folder_of_the_source_is_a_layer_that_is_checked() {
    for entry in fs::read_dir(source()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_known = name == "commands" || LAYERS.iter().any(|layer| layer.folder == name);
        assert!(!path.is_dir() || is_known, "say what src/{name} must not use");
    }
}

/// The time, the environment and the standard streams come to a tool from outside, so that a test
/// decides them.
#[test]
fn tools_have_no_clock_and_no_globals() {
    for (path, code) in sources(&source().join("tools")) {
        for name in ["Timestamp::now", "SystemTime::now", "Zoned::now", "std::env::var", "env::var"]
        {
            assert!(!names(&code, name), "{} names {name}", path.display());
        }
        for name in ["io::stdin", "io::stdout", "static mut", "thread_local!"] {
            assert!(!names(&code, name), "{} names {name}", path.display());
        }
    }
}

/// One place opens a database for reading, one for writing; a demo makes its own.
#[test]
fn databases_are_opened_in_few_places() {
    let allowed = [
        "trackio/database.rs",         // reads
        "trackio/project.rs",          // a project whose rows all wait in the inbox
        "trackio/inbox/import.rs",     // what waits in the inbox
        "trackio/query/stoppable.rs",  // no database: SQLite's own functions
        "trackio/write/",              // writes, with leave
        "tools/upload_db_to_space.rs", // the copy that is sent
        "commands/demo/",              // the demo's projects
    ];
    for (path, code) in sources(&source()) {
        let inside = path.strip_prefix(source()).unwrap().to_string_lossy().replace('\\', "/");
        if allowed.iter().any(|place| inside.starts_with(place)) {
            continue;
        }
        for name in ["Connection::open", "SQLITE_OPEN_READ_WRITE"] {
            assert!(!code.contains(name), "src/{inside} names {name}");
        }
    }
}

/// One place opens files: it makes sure that they are files.
#[test]
fn files_are_opened_in_one_place() {
    let allowed = [
        "trackio/regular.rs",
        "trackio/write/mode.rs",       // /proc/mounts
        "commands/doctor/data.rs",     // the same
        "tools/upload_db_to_space.rs", // the copy that was just made
    ];
    for (path, code) in sources(&source()) {
        let inside = path.strip_prefix(source()).unwrap().to_string_lossy().replace('\\', "/");
        if allowed.contains(&inside.as_str()) {
            continue;
        }
        for name in ["File::open", "fs::read", "fs::read_to_string"] {
            assert!(!names(&code, name), "src/{inside} names {name}: use trackio::regular");
        }
    }
}

/// Only the protocol writes to standard output while serving; a subcommand prints its answer.
#[test]
fn only_commands_and_the_protocol_write_to_standard_output() {
    for (path, code) in sources(&source()) {
        let inside = path.strip_prefix(source()).unwrap();
        if inside.starts_with("commands") || inside.starts_with("mcp") {
            continue;
        }
        for name in ["io::stdout", "stdout()"] {
            assert!(!code.contains(name), "{} names {name}", path.display());
        }
    }
}

#[test]
fn a_name_is_found_as_a_whole_word() {
    assert!(names("use rmcp::model::Tool;", "rmcp"));
    assert!(names("crate::tools::get_runs()", "tools::get_"));
    assert!(!names("use my_rmcp_like::x;", "rmcp"));
    assert!(!names("// says rmcp", "rmcp"));
    assert!(!names("fn f() {}\n    /// and rusqlite's\n", "rusqlite"));
}

/// Whether code names something; comments do not count.
fn names(code: &str, name: &str) -> bool {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    lines.into_iter().any(|line| {
        line.match_indices(name).any(|(at, _)| {
            let (before, after) = (&line[..at], &line[at + name.len()..]);
            !before.ends_with(is_letter) && (name.ends_with('_') || !after.starts_with(is_letter))
        })
    })
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The code under a folder, without its tests.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).into_iter().flatten();
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") && name != "tests.rs" && name != "fixture.rs" {
            let text = fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
            let code = text.split("\nmod tests {").next().unwrap_or_default();
            found.push((path, code.to_owned()));
        }
    }
    found
}
