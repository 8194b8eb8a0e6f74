//! Makes a database ready for rows, as Trackio 0.43's `init_db` does: what lacks is added, and
//! nothing else is touched.
//!
//! Tables from before 0.24 name their run by `run_name`. Trackio 0.41's migration gives them ids
//! and rebuilds them; that is Trackio's to do. Until then rows are added under the run's name, as
//! Trackio 0.24 to 0.40 did, and `user_version` stays, so that the migration will run.

use rusqlite::Connection;

use super::{OF_FIRST_FILE, Purpose, not_writable};
use crate::trackio::error::Result;
use crate::trackio::project::CURRENT_SCHEMA;
use crate::trackio::schema::{RunKey, Schema};

/// The `user_version` of Trackio 0.41 to 0.43.
const CURRENT_VERSION: i64 = 2;

/// Columns that came after their tables.
const ADDED_COLUMNS: &[(&str, &str, &str)] = &[
    ("traces", "spans", "TEXT NOT NULL DEFAULT '[]'"),
    ("run_artifact_links", "run_project", "TEXT"),
    ("pending_uploads", "kind", "TEXT NOT NULL DEFAULT 'media'"),
    ("pending_uploads", "digest", "TEXT"),
    ("metrics", "log_id", "TEXT"),
    ("metrics", "space_id", "TEXT"),
    ("system_metrics", "log_id", "TEXT"),
    ("system_metrics", "space_id", "TEXT"),
];

/// The tables that Trackio's migration 2 gives a `run_id`.
const KEYED: &[&str] = &["metrics", "configs", "system_metrics", "alerts", "pending_uploads"];

/// Refuses a database that a write could harm.
pub fn check(schema: &Schema, project: &str, purpose: Purpose) -> Result<()> {
    let version = schema.user_version;
    if version > CURRENT_VERSION {
        let reason = format!(
            "a newer Trackio has changed its tables (version {version}; this program knows \
             {CURRENT_VERSION}); update mcp-trackio"
        );
        return Err(not_writable(project, reason));
    }
    let Some(metrics) = schema.table("metrics") else {
        let has_rows_of_others = schema.names().any(|name| !name.starts_with("sqlite_"));
        if purpose == Purpose::Log && !has_rows_of_others {
            return Ok(());
        }
        return Err(not_writable(project, "the file is no database of Trackio's".to_owned()));
    };
    if metrics.has("project_name") {
        return Err(not_writable(project, OF_FIRST_FILE.to_owned()));
    }
    match ["run_name", "timestamp", "step", "metrics"].iter().find(|name| !metrics.has(name)) {
        None => Ok(()),
        Some(column) => {
            let reason = format!("its table `metrics` has no column `{column}`");
            Err(not_writable(project, reason))
        }
    }
}

/// Adds tables, columns and indexes; says whether there was anything to add.
pub fn add_what_lacks(connection: &Connection, schema: &Schema) -> Result<bool> {
    let mut statements = Vec::new();
    for statement in statements_of("CREATE TABLE ") {
        if schema.table(name_of(statement)).is_none() {
            statements.push(statement.to_owned());
        }
    }
    for (table, column, kind) in ADDED_COLUMNS {
        if schema.table(table).is_some_and(|table| !table.has(column)) {
            statements.push(format!("ALTER TABLE {table} ADD COLUMN {column} {kind}"));
        }
    }
    // 0.38 made this index anew, over one column more.
    let links = schema.table("run_artifact_links");
    let links_are_old = links.is_some_and(|links| !links.has("run_project"));
    if links_are_old {
        statements.push(format!("DROP INDEX IF EXISTS {LINKS}"));
    }
    for statement in statements_of("CREATE INDEX ").chain(statements_of("CREATE UNIQUE INDEX ")) {
        let name = name_of(statement);
        if !schema.has_index_named(name) || (links_are_old && name == LINKS) {
            statements.extend(index_for(schema, statement));
        }
    }
    let keyed_by_name =
        |name: &&str| schema.table(name).is_some_and(|table| table.key == RunKey::Name);
    if schema.user_version < CURRENT_VERSION && !KEYED.iter().any(keyed_by_name) {
        statements.push(format!("PRAGMA user_version = {CURRENT_VERSION}"));
    }
    for statement in &statements {
        connection.execute_batch(statement)?;
    }
    Ok(!statements.is_empty())
}

const LINKS: &str = "idx_run_artifact_links_unique";

/// The index as it fits a table that is keyed by name; `None` where it would not help there.
fn index_for(schema: &Schema, statement: &str) -> Option<String> {
    let table = statement.split(" ON ").nth(1)?.split('(').next()?;
    let by_name = schema.table(table).is_some_and(|table| table.key == RunKey::Name);
    match name_of(statement) {
        "idx_metrics_run_record" if by_name => None,
        _ if by_name => Some(statement.replace("(run_id", "(run_name")),
        _ => Some(statement.to_owned()),
    }
}

fn statements_of(start: &'static str) -> impl Iterator<Item = &'static str> {
    CURRENT_SCHEMA.lines().filter(move |line| line.starts_with(start))
}

/// The name in `CREATE TABLE name (` or `CREATE UNIQUE INDEX name ON`.
fn name_of(statement: &str) -> &str {
    let mut words = statement.split(' ').skip_while(|word| !matches!(*word, "TABLE" | "INDEX"));
    words.nth(1).unwrap_or_default()
}
