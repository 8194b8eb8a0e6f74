//! The commands that pages show are understood.

use std::path::Path;

use clap::Parser;
use mcp_trackio::commands::CommandLine;

use crate::{fenced, pages, read};

/// A command line as a page shows it.
pub struct Shown {
    pub page: String,
    pub line: String,
    pub arguments: Vec<String>,
    /// Whether it stands in a block of commands rather than in a sentence.
    #[cfg_attr(not(unix), expect(dead_code))]
    pub is_in_block: bool,
}

/// Every command line of this program on a page.
pub fn shown(path: &Path) -> Vec<Shown> {
    let text = read(path);
    let blocks = ["sh", "console"].map(|language| fenced(&text, language).join("\n")).join("\n");
    let outside = without_blocks(&text);
    let inline = outside.split('`').skip(1).step_by(2).filter(|code| !code.contains('\n'));
    let lines = blocks.lines().map(|line| (line, true)).chain(inline.map(|line| (line, false)));
    lines
        .filter_map(|(line, is_in_block)| {
            let line = line.trim_start_matches("$ ");
            let line = line.split(" # ").next().unwrap_or_default().trim();
            let arguments = arguments(line)?;
            let words = arguments.split_whitespace().map(|word| word.trim_matches('\'').to_owned());
            Some(Shown {
                page: path.display().to_string(),
                line: line.to_owned(),
                arguments: words.collect(),
                is_in_block,
            })
        })
        .collect()
}

/// What the program is given on this line, however it is started.
fn arguments(line: &str) -> Option<&str> {
    let cargo = || line.strip_prefix("cargo run ")?.split_once("-- ").map(|(_, rest)| rest);
    let pinned = || line.strip_prefix("uvx mcp-trackio@")?.split_once(' ').map(|(_, rest)| rest);
    let started =
        line.strip_prefix("mcp-trackio ").or_else(|| line.strip_prefix("uvx mcp-trackio "));
    started.or_else(cargo).or_else(pinned)
}

fn without_blocks(text: &str) -> String {
    let mut is_inside = false;
    let outside = text.lines().filter(|line| {
        let is_fence = line.trim().starts_with("```");
        is_inside ^= is_fence;
        !is_inside && !is_fence
    });
    outside.collect::<Vec<_>>().join("\n")
}

#[test]
fn commands_are_understood() {
    let mut checked = 0;
    for Shown { page, line, arguments, .. } in pages().iter().flat_map(|path| shown(path)) {
        let words = ["mcp-trackio".to_owned()].into_iter().chain(arguments);
        let parsed = CommandLine::try_parse_from(words);
        assert!(parsed.is_ok(), "{page} shows `{line}`:\n{parsed:?}");
        checked += 1;
    }
    assert!(checked > 20, "only {checked} commands were found");
}
