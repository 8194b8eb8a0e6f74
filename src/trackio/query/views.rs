//! Views that make queries short: JSON as text whatever the era wrote, and one line a run.
//!
//! The real tables keep their names, columns and types, so that a query gives what it gives in
//! Trackio. Ours stand beside them, and never in the place of one.

use rusqlite::Connection;

use super::super::error::Result;
use super::super::project::Snapshot;
use super::super::schema::{RunKey, Table};
use super::describe::Column;

/// One of our views.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct View {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// What it adds to the table.
    pub about: String,
}

/// The tables with JSON, and in which columns.
const JSON_COLUMNS: [(&str, &[&str]); 4] = [
    ("metrics", &["metrics"]),
    ("configs", &["config"]),
    ("system_metrics", &["metrics"]),
    ("traces", &["messages", "metadata", "spans"]),
];

/// Makes the views on the snapshot's connection, where they are not there yet.
pub fn create(snapshot: &Snapshot<'_>) -> Result<Vec<View>> {
    let mut views = Vec::new();
    for (table, json) in JSON_COLUMNS {
        let Some(own) = snapshot.schema.table(table) else { continue };
        let sql = format!(
            "SELECT {} FROM {}",
            ordered(snapshot, table, own)?
                .iter()
                .map(|column| selected(column, json.contains(&column.as_str())))
                .collect::<Vec<_>>()
                .join(", "),
            own.source
        );
        views.extend(create_one(snapshot, &format!("{table}_text"), &sql, text_about(table, own))?);
    }
    if let Some(metrics) = snapshot.schema.table("metrics").filter(|metrics| metrics.has("step")) {
        let about = "one row a run; times are text as stored".to_owned();
        views.extend(create_one(snapshot, "runs", &runs(metrics), about)?);
    }
    Ok(views)
}

fn text_about(table: &str, own: &Table) -> String {
    let about = format!("{table} with its JSON as text, NULL where it is no JSON");
    match own.source.as_str() {
        source if source.starts_with("temp.all_") => {
            about + "; with the rows that still wait in Trackio's inbox, which the table lacks"
        }
        source if source.starts_with("temp.first_") && table == "metrics" => {
            about + "; with the column step, by the order of the rows, which the table lacks"
        }
        _ => about,
    }
}

/// The columns in the table's order; those of a view over the inbox in the view's.
fn ordered(snapshot: &Snapshot<'_>, table: &str, own: &Table) -> Result<Vec<String>> {
    let (schema, name) = own.source.split_once('.').unwrap_or(("main", table));
    let columns = columns(snapshot.connection, schema, name)?;
    Ok(columns.into_iter().map(|column| column.name).collect())
}

/// The columns of a table or view.
pub fn columns(connection: &Connection, schema: &str, name: &str) -> Result<Vec<Column>> {
    let mut statement =
        connection.prepare_cached("SELECT name, type FROM pragma_table_info(?1, ?2)")?;
    let columns = statement
        .query_map([name, schema], |row| Ok(Column { name: row.get(0)?, kind: row.get(1)? }))?;
    Ok(columns.collect::<rusqlite::Result<_>>()?)
}

fn selected(column: &str, is_json: bool) -> String {
    let column = quoted(column);
    if !is_json {
        return column;
    }
    // 2: JSON5, which has the bare NaN and Infinity of 0.3.2 and before.
    format!(
        "CAST(CASE WHEN json_valid(CAST({column} AS TEXT), 2) THEN {column} END AS TEXT) \
         AS {column}"
    )
}

fn runs(metrics: &Table) -> String {
    let project = if metrics.has("project_name") { "project_name, " } else { "" };
    let id = match metrics.key {
        RunKey::Id => "run_id",
        RunKey::Name => "run_name",
    };
    format!(
        "SELECT {project}{id} AS run_id, run_name, MIN(timestamp) AS created_at, \
         MAX(timestamp) AS last_seen, COUNT(*) AS num_logs, MAX(step) AS last_step \
         FROM {} GROUP BY {project}{id}, run_name",
        metrics.source
    )
}

fn create_one(
    snapshot: &Snapshot<'_>,
    name: &str,
    sql: &str,
    about: String,
) -> Result<Option<View>> {
    let connection = snapshot.connection;
    let is_taken: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM main.sqlite_master WHERE name = ?1 COLLATE NOCASE)",
        [name],
        |row| row.get(0),
    )?;
    if is_taken {
        return Ok(None);
    }
    connection.execute_batch(&format!("CREATE TEMP VIEW IF NOT EXISTS {name} AS {sql}"))?;
    let columns = columns(connection, "temp", name)?;
    Ok(Some(View { name: name.to_owned(), columns, about }))
}

/// A name as SQL writes it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
