//! The answers that pages show are what the tools answer. A page says in a comment what to ask
//! and which lines to show; the block below it is made from that:
//!
//! ```text
//! <!-- answer: demo
//! get_run_summary {"run": "high-lr"}
//! headline:
//! -->
//! (the block)
//! <!-- answer:end -->
//! ```
//!
//! `demo` is what `mcp-trackio demo` writes, `0.43.0` a fixture of that name. A line that begins
//! with `before:` is a call made first; `$cursor` stands for the last answer's `next_cursor`. Of
//! the answer the first line is shown, then, in this order, the lines that begin with the words
//! given; `*` stands for all of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use mcp_trackio::commands::demo::data;
use mcp_trackio::journal::Journal;
use mcp_trackio::tools::common::Progress;
use mcp_trackio::tools::{self, Permission, Surroundings};
use mcp_trackio::trackio::{Directory, Stop, Store};
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::support::Fixture;
use crate::{pages, read, refresh, root};

const BEGIN: &str = "<!-- answer: ";
const END: &str = "<!-- answer:end -->";
/// What readers see in place of the test's directory.
const SHOWN_DIRECTORY: &str = "/home/me/.cache/huggingface/trackio";

#[test]
fn the_answers_on_pages_are_what_the_tools_answer() {
    let demo = Data::demo();
    let mut shown = 0;
    for path in pages() {
        let text = read(&path);
        if !text.contains(BEGIN) {
            continue;
        }
        let name = path.strip_prefix(root()).expect("a page of this repository");
        let fresh = answered(&text, &demo);
        shown += fresh.matches(END).count();
        refresh(&name.display().to_string(), |_| fresh.clone());
    }
    assert!(shown > 10, "only {shown} answers were found");
}

/// The page with every answer made anew.
fn answered(page: &str, demo: &Data) -> String {
    let mut parts = page.split(BEGIN);
    let mut fresh = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (asked, rest) = part.split_once("-->").expect("the end of the comment");
        let (_, after) = rest.split_once(END).expect("the end of the answer");
        let block = Asked::parse(asked).answer(demo);
        fresh += &format!("{BEGIN}{asked}-->\n```text\n{block}\n```\n{END}{after}");
    }
    fresh
}

/// What a page asks.
struct Asked<'a> {
    of: &'a str,
    before: Vec<&'a str>,
    call: &'a str,
    lines: Vec<&'a str>,
}

impl<'a> Asked<'a> {
    fn parse(asked: &'a str) -> Self {
        let mut lines = asked.lines().map(str::trim_end).filter(|line| !line.is_empty()).peekable();
        let of = lines.next().expect("whose data");
        let mut before = Vec::new();
        while let Some(call) = lines.peek().and_then(|line| line.strip_prefix("before: ")) {
            before.push(call);
            lines.next();
        }
        let call = lines.next().expect("a call");
        Self { of, before, call, lines: lines.collect() }
    }

    fn answer(&self, demo: &Data) -> String {
        let own = match (self.of, self.before.is_empty()) {
            ("demo", true) => None,
            ("demo", false) => Some(Data::demo()),
            (fixture, _) => Some(Data::fixture(fixture)),
        };
        let data = own.as_ref().unwrap_or(demo);
        let mut cursor = String::new();
        for call in &self.before {
            let (_, structured) = data.ask(call, &cursor);
            if let Some(next) = structured["next_cursor"].as_str() {
                next.clone_into(&mut cursor);
            }
        }
        let (text, _) = data.ask(self.call, &cursor);
        let mut shown = vec![self.call.replace("$cursor", "…").replace(" {}", "")];
        shown.extend(
            self.picked(&text).into_iter().map(|line| format!("  {line}").trim_end().to_owned()),
        );
        shown.join("\n")
    }

    /// The lines to show.
    fn picked<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let mut rest = text.lines();
        let mut picked: Vec<&str> = rest.by_ref().take(1).collect();
        for start in &self.lines {
            if *start == "*" {
                picked.extend(rest.by_ref());
                break;
            }
            let line = rest.find(|line| line.starts_with(start));
            picked.push(line.unwrap_or_else(|| panic!("no line begins with `{start}`:\n{text}")));
        }
        picked
    }
}

/// A directory of Trackio's to ask about.
struct Data {
    directory: PathBuf,
    now: Timestamp,
    _owner: (Option<TempDir>, Option<Fixture>),
}

impl Data {
    fn demo() -> Self {
        let temporary = tempfile::tempdir().expect("a directory");
        let now = Timestamp::from_second(1_795_000_000).expect("a time");
        data::write(temporary.path(), now).expect("the demo's projects");
        Self { directory: temporary.path().to_owned(), now, _owner: (Some(temporary), None) }
    }

    fn fixture(name: &str) -> Self {
        let fixture = Fixture::unpack(name);
        // When it was recorded, by its own clock.
        let now = "2026-01-01T00:05:00Z".parse().expect("a time");
        Self { directory: fixture.dir.clone(), now, _owner: (None, Some(fixture)) }
    }

    /// The text and the structured part of an answer, or the text of a failure.
    fn ask(&self, call: &str, cursor: &str) -> (String, Value) {
        let (tool, arguments) = call.split_once(' ').unwrap_or((call, "{}"));
        let arguments = arguments.replace("$cursor", cursor);
        let arguments: Map<String, Value> =
            serde_json::from_str(&arguments).unwrap_or_else(|error| panic!("{call}: {error}"));
        let tool = tools::find(tool).unwrap_or_else(|| panic!("no tool: {call}"));
        match tool.call(&self.surroundings(), arguments) {
            Ok(answer) => (self.hidden(&answer.text), Value::Object(answer.structured)),
            Err(failure) => (self.hidden(&failure.0), Value::Null),
        }
    }

    fn surroundings(&self) -> Surroundings {
        let variable =
            |name: &str| (name == "TRACKIO_DIR").then(|| self.directory.clone().into_os_string());
        let directory = Directory::resolve_in(None, &variable, Some(Path::new("/home/me")));
        let journal = Journal::at(self.directory.join("journal"));
        Surroundings {
            store: Arc::new(Store::new(directory, 0)),
            now: self.now,
            stop: Stop::default(),
            progress: Progress::default(),
            permission: Permission::granted(journal, Vec::new()),
        }
    }

    /// The text without the directory of the test.
    fn hidden(&self, text: &str) -> String {
        let shown = text.replace(&self.directory.display().to_string(), SHOWN_DIRECTORY);
        if cfg!(windows) { shown.replace('\\', "/") } else { shown }
    }
}
