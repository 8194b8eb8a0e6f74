//! What packages say of the project is what Cargo.toml and the registry of tools say, and nothing
//! that runs in a workflow can change under its name.
//!
//! `UPDATE_DOCS=1 cargo test --test packaging` writes version, description and tools anew.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;

use mcp_trackio::tools::{Access, TOOLS};
use serde_json::{Value, json};
use toml_edit::DocumentMut;

const NAME: &str = env!("CARGO_PKG_NAME");
const VERSION: &str = env!("CARGO_PKG_VERSION");
const DESCRIPTION: &str = env!("CARGO_PKG_DESCRIPTION");
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");
const LICENCE: &str = env!("CARGO_PKG_LICENSE");

#[test]
fn the_wheel_takes_what_it_can_from_cargo() {
    let file = toml("pyproject.toml");
    let project = &file["project"];
    assert_eq!(project["name"].as_str(), Some(NAME));
    assert_eq!(project["license"].as_str(), Some(LICENCE));
    assert_eq!(project["urls"]["Repository"].as_str(), Some(REPOSITORY));
    let dynamic = project["dynamic"].as_array().expect("a list");
    let dynamic: Vec<&str> = dynamic.iter().filter_map(|name| name.as_str()).collect();
    assert_eq!(dynamic, ["version", "description", "keywords"]);
    for name in dynamic {
        assert!(project.get(name).is_none(), "{name} stands in pyproject.toml, too");
    }
    // `uvx mcp-trackio` starts the executable that is named as the package.
    assert_eq!(file["tool"]["maturin"]["bindings"].as_str(), Some("bin"));
    assert!(env!("CARGO_BIN_EXE_mcp-trackio").contains(NAME));
    let tools = text("packaging/requirements.in");
    let locked = text("packaging/requirements.txt");
    for line in tools.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.contains("=="), "{line}: say which version");
        assert!(locked.contains(&format!("\n{line} ")) || locked.starts_with(line), "{line}");
    }
}

#[test]
fn the_entry_for_the_mcp_registry_is_fresh() {
    assert!(DESCRIPTION.chars().count() <= 100, "the registry takes 100 characters");
    let entry = refresh("server.json", |entry| {
        entry["version"] = VERSION.into();
        entry["description"] = DESCRIPTION.into();
        entry["repository"]["url"] = REPOSITORY.into();
        for package in entry["packages"].as_array_mut().expect("a list") {
            package["version"] = VERSION.into();
            package["identifier"] = NAME.into();
        }
    });
    // The registry believes that the package on PyPI is ours because its page says so.
    let name = entry["name"].as_str().expect("a name");
    assert!(text("README.md").contains(&format!("`mcp-name: {name}`")));
    let owner = REPOSITORY.trim_start_matches("https://github.com/");
    assert_eq!(name, format!("io.github.{owner}"));
}

#[test]
fn the_manifest_of_the_bundles_is_fresh() {
    let keywords: Value = toml("Cargo.toml")["package"]["keywords"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|word| word.as_str())
        .collect();
    // What is served unless writes are allowed; the others come with that setting.
    let tools: Value = TOOLS
        .iter()
        .filter(|tool| tool.access() == Access::Read)
        .map(|tool| json!({"name": tool.name(), "description": tool.about()}))
        .collect();
    let manifest = refresh("packaging/manifest.json", |manifest| {
        manifest["name"] = NAME.into();
        manifest["version"] = VERSION.into();
        manifest["description"] = DESCRIPTION.into();
        manifest["license"] = LICENCE.into();
        manifest["repository"]["url"] = REPOSITORY.into();
        manifest["keywords"] = keywords.clone();
        manifest["tools"] = tools.clone();
    });
    let server = &manifest["server"];
    assert_eq!(server["entry_point"], format!("server/{NAME}"));
    assert_eq!(server["mcp_config"]["command"], format!("${{__dirname}}/server/{NAME}"));
    // What is filled in is asked for, and nothing is asked for in vain.
    let variables = server["mcp_config"]["env"].as_object().expect("variables");
    let filled: Vec<String> = variables
        .values()
        .filter_map(|value| Some(value.as_str()?.strip_prefix("${user_config.")?.replace('}', "")))
        .collect();
    let asked: Vec<&String> =
        manifest["user_config"].as_object().expect("settings").keys().collect();
    assert_eq!(filled.iter().collect::<Vec<_>>(), asked);
}

#[test]
fn binstall_and_the_recipes_have_no_names_of_their_own() {
    let cargo = toml("Cargo.toml");
    let binstall = &cargo["package"]["metadata"]["binstall"];
    for key in ["pkg-url", "bin-dir"] {
        let form = binstall[key].as_str().expect("a form");
        assert!(form.contains("{ name }-{ target }"), "{form}");
        assert!(!form.contains(NAME) && !form.contains(VERSION), "{form}");
    }
    let formula = text("packaging/formula.rb");
    assert!(!formula.contains(VERSION) && !formula.contains(DESCRIPTION), "{formula}");
}

#[test]
fn the_readme_can_be_read_on_pypi_and_crates_io() {
    for link in text("README.md").split("](").skip(1) {
        assert!(
            link.starts_with("https://"),
            "leads nowhere outside the repository: {}",
            &link[..40]
        );
    }
}

#[test]
fn workflows_name_actions_by_commit_and_grant_nothing_by_default() {
    let mut commits = BTreeMap::new();
    for entry in fs::read_dir(root().join(".github/workflows")).expect("workflows") {
        let path = entry.expect("an entry").path();
        let workflow = fs::read_to_string(&path).expect("text");
        let place = path.display();
        assert!(
            ["permissions: {}\n", "permissions:\n  contents: read\n"]
                .iter()
                .any(|granted| workflow.contains(&format!("\n{granted}"))),
            "{place} grants more than reading"
        );
        for line in workflow.lines().filter_map(|line| line.trim_start().split_once("uses: ")) {
            let (action, commit) = line.1.split_once('@').expect("an action and its commit");
            let (commit, version) = commit.split_once(" # v").unwrap_or_else(|| {
                panic!("{place}: {action} needs a commit and, behind it, the version: # v1.2.3")
            });
            assert!(
                commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit()),
                "{place}: {action}@{commit} may change under its name"
            );
            let known =
                commits.entry(action.to_owned()).or_insert((commit.to_owned(), version.to_owned()));
            assert_eq!(known, &(commit.to_owned(), version.to_owned()), "{place}: {action}");
        }
        assert!(!workflow.contains("secrets."), "{place}: publishing is by trust, not by a secret");
    }
    assert!(commits.len() > 5, "{commits:?}");
}

/// A JSON file as it is after its parts were written anew; it has to be so already.
fn refresh(name: &str, change: impl Fn(&mut Value)) -> Value {
    let current = text(name);
    let mut value: Value = serde_json::from_str(&current).expect("JSON");
    change(&mut value);
    let expected = serde_json::to_string_pretty(&value).expect("JSON") + "\n";
    if current != expected {
        if env::var_os("UPDATE_DOCS").is_none() {
            panic!(
                "{name} is stale; run `UPDATE_DOCS=1 cargo test --test packaging` and commit it"
            );
        }
        fs::write(root().join(name), expected).expect("a writable file");
    }
    value
}

fn toml(name: &str) -> DocumentMut {
    text(name).parse().expect("TOML")
}

fn text(name: &str) -> String {
    let path = root().join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    text.replace("\r\n", "\n")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
