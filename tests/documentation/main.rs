//! What is written about the tools is true: the generated pages are fresh, no text names a tool
//! that does not exist, clients can take what they are told, links lead somewhere.
//!
//! `UPDATE_DOCS=1 cargo test --test documentation` rewrites the generated pages.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod answers;
mod commands;
mod pictures;
#[cfg(unix)]
mod runs;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use mcp_trackio::commands::install::{entry::Entry, pages as clients};
use mcp_trackio::journal::Journal;
use mcp_trackio::mcp::{document as mcp, prompts::PROMPTS};
use mcp_trackio::tools::{Access, Category, Permission, TOOLS, document};
use serde_json::Value;

const REFRESH: &str = "UPDATE_DOCS=1 cargo test --test documentation";

/// How the name of a tool begins. Words that begin so are taken for tools.
const PREFIXES: &[&str] = &[
    "analyze_",
    "bulk_",
    "compare_",
    "delete_",
    "diagnose_",
    "find_",
    "get_",
    "plot_",
    "query_",
    "rename_",
    "trigger_",
    "upload_",
];

/// Words that look like tools and are none, each with the reason why it may be said.
const NO_TOOLS: &[(&str, &str)] =
    &[("get_things", "the example in CONTRIBUTING.md"), ("query_only", "a pragma of SQLite")];

/// Crates that speak over a network, but for `ureq` and its `rustls`, which `src/remote` uses.
/// `mio` and `socket2` are not among them: tokio's event loop brings them in, for the pipes to the
/// client.
const NETWORK_CRATES: &[&str] = &[
    "curl",
    "h2",
    "hickory-resolver",
    "hyper",
    "hyper-util",
    "isahc",
    "native-tls",
    "openssl",
    "quinn",
    "reqwest",
    "tungstenite",
];

// Generated pages.

#[test]
fn the_page_of_the_tools_is_fresh() {
    refresh("docs/tools.md", |_| document::page());
}

#[test]
fn the_pages_of_the_clients_are_fresh() {
    refresh("docs/clients.md", |page| clients::overview(part(page, "tried")));
    let mut expected = BTreeSet::new();
    for (name, text) in clients::single() {
        refresh(&format!("docs/clients/{name}"), |_| text.clone());
        expected.insert(root().join("docs/clients").join(name));
    }
    let found: BTreeSet<_> = files_under(&root().join("docs/clients"), "md").into_iter().collect();
    assert_eq!(found, expected, "docs/clients (left) and the table of the clients");
}

#[test]
fn the_page_of_prompts_and_resources_is_fresh() {
    let tables = [("prompts", mcp::prompts()), ("resources", mcp::resources())];
    refresh("docs/resources.md", |page| {
        tables.iter().fold(page.to_owned(), |page, (name, table)| between(&page, name, table))
    });
}

#[test]
fn the_table_in_the_readme_is_fresh() {
    refresh("README.md", |readme| between(readme, "tools", &document::table()));
}

/// The text with another part between the marks of that name.
fn between(text: &str, name: &str, part: &str) -> String {
    let (begin, end) = (format!("<!-- {name}:begin -->"), format!("<!-- {name}:end -->"));
    let (before, rest) = text.split_once(&begin).expect("the mark of the beginning");
    let (_, after) = rest.split_once(&end).expect("the mark of the end");
    format!("{before}{begin}\n{part}{end}{after}")
}

/// The lines between the marks of that name; none where there are no marks.
fn part<'a>(text: &'a str, name: &str) -> &'a str {
    let after = text.split_once(&format!("<!-- {name}:begin -->\n")).map(|(_, after)| after);
    let part = after.and_then(|after| after.split_once(&format!("<!-- {name}:end -->")));
    part.map_or("", |(part, _)| part)
}

/// Compares a file with what it should be, or makes it so.
fn refresh(name: &str, expected: impl Fn(&str) -> String) {
    // Two tests rewrite parts of one file.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let path = root().join(name);
    let current = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    let expected = expected(&current);
    if current == expected {
        return;
    }
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, expected).expect("a writable file");
    } else {
        panic!("{name} is stale; run `{REFRESH}` and commit it");
    }
}

// Names of tools.

#[test]
fn pages_name_only_tools_that_exist() {
    for path in pages() {
        let text = read(&path);
        check_names(&path.display().to_string(), &text);
    }
}

#[test]
fn what_models_are_told_names_only_tools_that_exist() {
    check_names("the instructions", &document::instructions(&allowed()));
    for tool in TOOLS {
        check_names(&format!("the description of {}", tool.name()), tool.about());
        check_names(&format!("the guide to {}", tool.name()), tool.guide());
        for schema in [Some(tool.input_schema()), tool.output_schema()].into_iter().flatten() {
            check_names(
                &format!("a schema of {}", tool.name()),
                &Value::from((*schema).clone()).to_string(),
            );
        }
    }
}

#[test]
fn messages_in_the_code_name_only_tools_that_exist() {
    for path in files_under(&root().join("src"), "rs") {
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        let source = read(&path);
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        for literal in string_literals(code) {
            check_names(&path.display().to_string(), &literal);
        }
    }
}

#[test]
fn words_that_are_no_tools_are_none() {
    for (word, reason) in NO_TOOLS {
        assert!(!reason.is_empty(), "`{word}` needs a reason");
        assert!(!is_tool(word), "`{word}` is a tool by now");
    }
}

fn check_names(place: &str, text: &str) {
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        let looks_like_one = PREFIXES.iter().any(|prefix| {
            word.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty())
                && !word.contains(char::is_uppercase)
        });
        let may_be_said = NO_TOOLS.iter().any(|(known, _)| *known == word);
        assert!(
            !looks_like_one || may_be_said || is_tool(word),
            "{place} names `{word}`, which is no tool"
        );
    }
}

/// Prompts are named as tools are.
fn is_tool(word: &str) -> bool {
    let is_prompt = PROMPTS.iter().any(|prompt| prompt.name == word);
    is_prompt || TOOLS.iter().any(|tool| tool.name() == word)
}

/// The contents of the string literals of Rust code; comments are passed over.
fn string_literals(code: &str) -> Vec<String> {
    let mut literals = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if rest.starts_with("/*") {
            rest = rest.split_once("*/").map_or("", |(_, after)| after);
        } else if let Some(hashes) = raw_opening(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = rest.split_once('"').map_or("", |(_, after)| after);
            let (literal, after) = body.split_once(&end).unwrap_or((body, ""));
            literals.push(literal.to_owned());
            rest = after;
        } else if first == '"' {
            let body = rest.strip_prefix('"').unwrap_or_default();
            let (literal, after) = cooked(body);
            literals.push(literal);
            rest = after;
        } else if let Some(after) = quote_character(rest) {
            rest = after;
        } else {
            // A whole word, so that the `r` at its end is not taken for the start of `r"`.
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            rest = rest.get(word.max(first.len_utf8())..).unwrap_or_default();
        }
    }
    literals
}

/// The number of hashes in the opening of a raw string.
fn raw_opening(code: &str) -> Option<usize> {
    let after = ["br", "cr", "r"].iter().find_map(|prefix| code.strip_prefix(prefix))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after.trim_start_matches('#').starts_with('"').then_some(hashes)
}

/// What follows a character literal that would confuse: `'"'` and `'\…'`. Lifetimes are none.
fn quote_character(code: &str) -> Option<&str> {
    code.strip_prefix("'\"'").or_else(|| {
        let escaped = code.strip_prefix("'\\")?;
        let mut letters = escaped.char_indices().skip(1);
        let (end, _) = letters.find(|(_, letter)| *letter == '\'')?;
        escaped.get(end + 1..)
    })
}

/// The content of a string literal up to its closing quote, and what follows.
fn cooked(body: &str) -> (String, &str) {
    let mut literal = String::new();
    let mut letters = body.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (literal, body.get(at + 1..).unwrap_or_default()),
            // What is escaped holds no name; a name ends here as the reader's eye ends it.
            '\\' => {
                letters.next();
                literal.push(' ');
            }
            other => literal.push(other),
        }
    }
    (literal, "")
}

#[test]
fn string_literals_are_found_among_everything_else() {
    let code = r###"
        // "a comment" and a lifetime 'a
        fn f<'a>(x: &'a str) -> char { if x == "one \"two\"" { '"' } else { '\'' } }
        /* "another" */ let y = (r"raw \", r#"with "quotes""#, b"bytes", "three\nfour");
        let character = for_("five");
    "###;
    let expected = ["one  two ", "raw \\", "with \"quotes\"", "bytes", "three four", "five"];
    assert_eq!(string_literals(code), expected);
}

// What clients can take.

#[test]
fn descriptions_and_instructions_fit() {
    let instructions = document::instructions(&allowed());
    assert!(instructions.len() < 2_048, "the instructions take {} bytes", instructions.len());
    for tool in TOOLS {
        let (name, about) = (tool.name(), tool.about());
        assert!(about.len() < 1_024, "the description of {name} takes {} bytes", about.len());
        let first = first_sentence(about);
        assert!(first.chars().count() < 160, "{name} begins with a long sentence: {first}");
        assert!(about.ends_with(['.', ')']), "the description of {name} has no end: {about}");
    }
}

/// Leave to write: then most is said.
fn allowed() -> Permission {
    Permission::granted(Journal::at(PathBuf::new()), Vec::new())
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first)
}

#[test]
fn names_are_legal_and_unique_and_have_titles() {
    let mut seen = BTreeSet::new();
    for tool in TOOLS {
        let name = tool.name();
        let is_legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.chars().all(is_legal), "`{name}` holds other than a-z, 0-9 and _");
        // Clients put a prefix such as `mcp__trackio__` before it and allow 64 in all.
        assert!((1..=50).contains(&name.len()), "`{name}` is too long");
        assert!(seen.insert(name), "there are two tools `{name}`");
        assert!(Category::ALL.iter().all(|c| c.as_str() != name), "`{name}` is a category");
        assert!(!tool.title().trim().is_empty(), "`{name}` has no title");
        assert!(PREFIXES.iter().any(|p| name.starts_with(p)), "add the prefix of `{name}`");
    }
}

#[test]
fn categories_tell_of_their_tools() {
    let instructions = document::instructions(&allowed());
    for category in Category::ALL {
        let guide = category.guide();
        assert!(instructions.contains(guide), "the instructions lack {}", category.as_str());
        let tools: Vec<_> = TOOLS.iter().filter(|tool| tool.category() == category).collect();
        assert!(!tools.is_empty(), "{} has no tool", category.as_str());
        for tool in tools {
            let tells = guide.split(|c: char| !c.is_alphanumeric() && c != '_');
            assert!(
                tells.into_iter().any(|word| word == tool.name()),
                "the guide to {} does not name {}",
                category.as_str(),
                tool.name()
            );
        }
    }
    let categories: BTreeSet<_> = Category::ALL.into_iter().collect();
    for tool in TOOLS {
        assert!(categories.contains(&tool.category()), "{}'s category is not listed", tool.name());
    }
}

// Pages.

#[test]
fn links_lead_somewhere() {
    for path in pages() {
        let text = read(&path);
        let folder = path.parent().expect("a folder");
        for link in links(&text) {
            let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
            let Some(file) = linked(folder, target) else { continue };
            let file = if target.is_empty() { path.clone() } else { file };
            assert!(file.exists(), "{} links to {link}, which is not there", path.display());
            if !anchor.is_empty() {
                let headings = anchors(&read(&file));
                assert!(
                    headings.contains(anchor),
                    "{} links to no heading: {link}",
                    path.display()
                );
            }
        }
    }
}

/// The file of this repository that a link of a page in this folder leads to.
fn linked(folder: &Path, target: &str) -> Option<PathBuf> {
    let published = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/");
    match target.strip_prefix(published) {
        Some(file) => Some(root().join(file)),
        None if target.contains("://") || target.starts_with("mailto:") => None,
        None => Some(folder.join(target)),
    }
}

#[test]
fn every_page_is_found_from_the_readme() {
    let mut found = BTreeSet::new();
    let mut next = vec![root().join("README.md")];
    while let Some(path) = next.pop() {
        if !found.insert(path.clone()) {
            continue;
        }
        let folder = path.parent().expect("a folder");
        let text = read(&path);
        let targets =
            links(&text).into_iter().map(|link| link.split('#').next().unwrap_or_default());
        let pages = targets.filter(|target| target.ends_with(".md"));
        next.extend(pages.filter_map(|target| linked(folder, target)?.canonicalize().ok()));
        next.retain(|path| path.exists());
    }
    let found: BTreeSet<_> = found.iter().filter_map(|path| path.canonicalize().ok()).collect();
    for page in pages() {
        let page = page.canonicalize().expect("a page");
        assert!(found.contains(&page), "no link leads to {}", page.display());
    }
}

/// A page that names `src/tools` or `tests/golden.rs` names what is there.
#[test]
fn paths_in_the_repository_are_there() {
    const FOLDERS: &[&str] =
        &["src/", "tests/", "docs/", "benches/", "examples/", ".ci/", "packaging/"];
    for page in pages().into_iter().filter(|page| !page.ends_with("CHANGELOG.md")) {
        let text = read(&page);
        for code in text.split('`').skip(1).step_by(2) {
            let is_path = FOLDERS.iter().any(|folder| code.starts_with(folder));
            if !is_path || code.contains(['<', '*', '\n', '…']) || code.contains("get_things") {
                continue;
            }
            let path = code.split([' ', ':']).next().unwrap_or_default();
            assert!(root().join(path).exists(), "{} names {path}", page.display());
            let Some((_, test)) = code.split_once(": ") else { continue };
            let source = read(&root().join(path));
            assert!(
                source.contains(&format!("fn {test}(")),
                "{path} has no `{test}`, which {} names",
                page.display()
            );
        }
    }
}

fn links(text: &str) -> Vec<&str> {
    let after = text.split("](").skip(1);
    after.filter_map(|rest| rest.split_once(')').map(|(link, _)| link)).collect()
}

/// The anchors that a forge makes of the headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn configurations_parse_and_start_the_server() {
    let readme = read(&root().join("README.md"));
    assert!(!fenced(&readme, "json").is_empty(), "the README shows no configuration");
    let pages = files_under(&root().join("docs/clients"), "md").into_iter();
    let shown = pages.flat_map(|page| fenced(&read(&page), "json"));
    let mut keys = BTreeSet::new();
    for block in fenced(&readme, "json").into_iter().chain(shown) {
        let parsed: Value = serde_json::from_str(&block)
            .unwrap_or_else(|error| panic!("not JSON ({error}):\n{block}"));
        let servers = parsed.as_object().expect("an object");
        for (key, server) in servers {
            keys.insert(key.clone());
            let server = Entry::of(server.get("trackio").expect("a server `trackio`"));
            let server = server.expect("it starts something");
            assert_eq!(server.command, "uvx", "{key}");
            assert_eq!(server.args, ["mcp-trackio"], "{key}");
            assert_eq!(server.env.len(), 1, "{key} shows no TRACKIO_DIR");
        }
    }
    let expected = ["cody.mcpServers", "context_servers", "mcp", "mcpServers", "servers"];
    assert!(keys.iter().eq(expected), "the pages configure {keys:?}");
}

#[test]
fn the_registry_name_stands_in_the_readme_as_visible_text() {
    let readme = read(&root().join("README.md"));
    let is_named = |line: &str| {
        line.contains("mcp-name: io.github.mcp-trackio/mcp-trackio`") && !line.contains("<!--")
    };
    assert!(readme.lines().any(is_named), "the README lacks its mcp-name");
}

/// The contents of the fenced blocks of a language.
fn fenced(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(found) = line.trim().strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|l| l.trim() != "```").collect();
            if found == language {
                blocks.push(body.join("\n"));
            }
        }
    }
    blocks
}

// Dependencies.

#[test]
fn every_dependency_has_its_line() {
    let page = read(&root().join("docs/dependencies.md"));
    let listed: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name))
        .collect();
    let manifest = read(&root().join("Cargo.toml"));
    let used = direct_dependencies(&manifest);
    assert!(!used.is_empty(), "Cargo.toml has no dependencies");
    assert_eq!(listed, used, "docs/dependencies.md (left) and Cargo.toml");
}

/// The names under every `[…dependencies]`.
fn direct_dependencies(manifest: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut is_inside = false;
    for line in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            is_inside = section.trim_end().ends_with("dependencies]");
        } else if is_inside && let Some((name, _)) = line.split_once('=') {
            names.insert(name.trim());
        }
    }
    names
}

#[test]
fn only_the_module_that_sends_speaks_over_a_network() {
    let lock = read(&root().join("Cargo.lock"));
    for name in NETWORK_CRATES {
        let line = format!("name = \"{name}\"");
        assert!(!lock.lines().any(|l| l == line), "Cargo.lock holds {name}; see docs/privacy.md");
    }
    for path in files_under(&root().join("src"), "rs") {
        if path.starts_with(root().join("src/remote")) {
            continue;
        }
        let source = read(&path);
        for name in ["std::net", "tokio::net", "std::os::unix::net", "ureq"] {
            assert!(!source.contains(name), "{} uses {name}", path.display());
        }
    }
}

#[test]
fn only_tools_that_say_so_can_send() {
    let uses = |word: &str| -> BTreeSet<String> {
        let files = files_under(&root().join("src/tools"), "rs");
        let using = files.iter().filter(|path| read(path).contains(word));
        using.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
    };
    let senders: BTreeSet<String> = TOOLS
        .iter()
        .filter(|tool| matches!(tool.access(), Access::Send { .. }))
        .map(|tool| tool.name().to_owned())
        .collect();
    assert!(!senders.is_empty());
    let mut shared = uses("crate::remote");
    shared.extend(uses("sending::"));
    for part in ["access", "sending"] {
        shared.remove(part);
    }
    assert_eq!(shared, senders, "what uses src/remote (left) and the tools that say they send");
}

// Files.

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every page that is written for people.
fn pages() -> Vec<PathBuf> {
    let top = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"];
    let mut pages: Vec<PathBuf> = top.iter().map(|name| root().join(name)).collect();
    pages.extend(files_under(&root().join("docs"), "md"));
    pages
}

fn files_under(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_under(&path, extension));
        } else if path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .replace("\r\n", "\n")
}
