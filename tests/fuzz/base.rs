//! What cases start from: the recorded databases of every era, the demo's projects, and the names
//! in them.

use std::collections::BTreeSet;
use std::path::Path;

use mcp_trackio::commands::demo::data;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value};

use super::tree::Tree;

/// One project, alone in its directory.
pub struct Base {
    pub project: String,
    pub tree: Tree,
    pub names: Names,
}

/// The names that calls can ask about.
#[derive(Debug, Clone, Default)]
pub struct Names {
    pub projects: Vec<String>,
    pub runs: Vec<String>,
    pub metrics: Vec<String>,
    pub keys: Vec<String>,
    pub artifacts: Vec<String>,
    pub traces: Vec<String>,
}

const RECORDED: &[(&str, &[&str])] = &[
    (
        "0.43.0",
        &[
            "demo-main",
            "demo-traces",
            "demo-types",
            "demomedia",
            "art-proj",
            "art-consumer",
            "registry-models",
        ],
    ),
    ("0.24.2", &["demo-main", "demo-types"]),
    ("0.14.2", &["main", "mediaproj", "types"]),
    ("0.3.4", &["main", "MyProject", "types"]),
    ("upgraded-0.14.2-0.36.0", &["main"]),
    ("special-mixed-inbox", &["proj"]),
    ("special-corrupt", &["norows", "good"]),
];

/// Every base, the same in each run.
pub fn all() -> Vec<Base> {
    let mut bases = Vec::new();
    for (fixture, projects) in RECORDED {
        let tree = Tree::of_fixture(fixture);
        bases.extend(projects.iter().map(|project| Base::of(project, tree.only(project))));
    }
    let demo = tempfile::tempdir().unwrap();
    data::write(demo.path(), "2026-01-01T00:00:00Z".parse().unwrap()).unwrap();
    let tree = Tree::read(demo.path());
    let databases = tree.0.keys().filter(|path| path.extension().is_some_and(|kind| kind == "db"));
    for path in databases {
        let project = path.file_stem().unwrap().to_string_lossy();
        bases.push(Base::of(&project, tree.only(&project)));
    }
    bases
}

impl Base {
    fn of(project: &str, tree: Tree) -> Self {
        let temp = tempfile::tempdir().unwrap();
        tree.write(temp.path());
        let path = temp.path().join(format!("{project}.db"));
        let mut names = names_in(&path).unwrap_or_default();
        names.projects = vec![project.to_owned()];
        Self { project: project.to_owned(), tree, names }
    }

    pub fn database(&self) -> String {
        format!("{}.db", self.project)
    }
}

/// Opens a database that the fuzzer may change.
pub fn open(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
}

fn names_in(path: &Path) -> rusqlite::Result<Names> {
    let database = open(path)?;
    let list = |sql: &str| -> Vec<String> {
        let Ok(mut statement) = database.prepare(sql) else { return Vec::new() };
        let text = |row: &rusqlite::Row<'_>| {
            let value = row.get_ref(0)?;
            Ok(value
                .as_bytes()
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
                .unwrap_or_default())
        };
        statement.query_map([], text).map(|rows| rows.flatten().collect()).unwrap_or_default()
    };
    let keys_of = |sql: &str| -> Vec<String> {
        let objects = list(sql)
            .into_iter()
            .filter_map(|json| serde_json::from_str::<Map<String, Value>>(&json).ok());
        let keys: BTreeSet<String> =
            objects.flat_map(|object| object.into_iter().map(|(key, _)| key)).collect();
        keys.into_iter().collect()
    };
    let mut runs = list("SELECT DISTINCT run_name FROM metrics ORDER BY 1 LIMIT 12");
    runs.extend(list("SELECT DISTINCT run_id FROM metrics ORDER BY 1 LIMIT 12"));
    let mut metrics = keys_of("SELECT metrics FROM metrics ORDER BY id LIMIT 60");
    metrics.extend(keys_of("SELECT metrics FROM system_metrics ORDER BY id LIMIT 5"));
    Ok(Names {
        projects: Vec::new(),
        runs,
        metrics,
        keys: keys_of("SELECT config FROM configs ORDER BY id LIMIT 5"),
        artifacts: list("SELECT name FROM artifacts UNION SELECT name FROM artifacts ORDER BY 1"),
        traces: list("SELECT id FROM traces ORDER BY 1 LIMIT 6"),
    })
}
