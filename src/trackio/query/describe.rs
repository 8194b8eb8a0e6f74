//! What there is to query in a project: tables, views, and examples that work on it.

use serde::Serialize;
use serde_json::Value;

use super::super::error::Result;
use super::super::project::Snapshot;
use super::super::value;
use super::views::{self, View};

/// A table is counted exactly up to here.
const COUNTED: u64 = 1_000_000;

/// How many of the newest rows are looked at for the names in the examples.
const LOOKED_AT: u32 = 50;

/// A column of a table or view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type as declared; empty where there is none.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A table of the database itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
    /// How many rows it has; `None` where they are too many to count in a moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

/// What there is to query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The tables of the database.
    pub tables: Vec<TableInfo>,
    /// Our views beside them.
    pub views: Vec<View>,
    /// Queries that work here, with this project's own metric and config names.
    pub examples: Vec<String>,
}

/// Describes a project for somebody who is about to query it.
pub fn describe(snapshot: &Snapshot<'_>) -> Result<Description> {
    let mut description = tables_and_views(snapshot)?;
    for table in &mut description.tables {
        table.rows = count(snapshot, &table.name)?;
    }
    description.examples = examples(snapshot, &description)?;
    Ok(description)
}

/// The same without what takes time.
pub fn tables_and_views(snapshot: &Snapshot<'_>) -> Result<Description> {
    let mut names = snapshot.connection.prepare_cached(
        r"SELECT name FROM main.sqlite_master
         WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name",
    )?;
    let names = names.query_map([], |row| row.get(0))?;
    let mut tables = Vec::new();
    for name in names {
        let name: String = name?;
        let columns = views::columns(snapshot.connection, "main", &name)?;
        tables.push(TableInfo { name, columns, rows: None });
    }
    Ok(Description { tables, views: views::create(snapshot)?, examples: Vec::new() })
}

fn count(snapshot: &Snapshot<'_>, table: &str) -> Result<Option<u64>> {
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT 1 FROM main.{} LIMIT {})",
        views::quoted(table),
        COUNTED + 1
    );
    let rows: i64 = snapshot.connection.query_row(&sql, [], |row| row.get(0))?;
    Ok(u64::try_from(rows).ok().filter(|rows| *rows <= COUNTED))
}

fn examples(snapshot: &Snapshot<'_>, description: &Description) -> Result<Vec<String>> {
    let view = |name: &str| description.views.iter().find(|view| view.name == name);
    let mut examples = Vec::new();
    if let Some(metrics) = view("metrics_text").filter(|view| view.has("step")) {
        let run = if metrics.has("run_id") { "run_id" } else { "run_name" };
        let name = example_key(snapshot, metrics, "metrics", "loss", Value::is_number)?;
        let value = format!("json_extract(metrics, '{}')", path(name.as_deref().unwrap_or("loss")));
        examples.push(format!(
            "SELECT run_name, MAX(step) AS step, {value} AS last FROM metrics_text \
             WHERE {value} IS NOT NULL GROUP BY {run}"
        ));
        examples.push(format!(
            "SELECT run_name, step, MIN({value}) AS lowest FROM metrics_text \
             WHERE typeof({value}) <> 'text' GROUP BY {run} ORDER BY lowest LIMIT 10"
        ));
        examples.push(
            "SELECT key, COUNT(*) AS count FROM (SELECT metrics FROM metrics_text LIMIT 1000) \
             AS rows, json_each(rows.metrics) GROUP BY key ORDER BY key"
                .to_owned(),
        );
    }
    if let Some(configs) = view("configs_text") {
        let is_value = |value: &Value| value.is_number() || value.is_string();
        let key = example_key(snapshot, configs, "config", "learning_rate", is_value)?;
        let path = path(key.as_deref().unwrap_or("learning_rate"));
        examples.push(format!(
            "SELECT run_name, json_extract(config, '{path}') AS value FROM configs_text \
             ORDER BY value"
        ));
    }
    if view("runs").is_some() {
        examples.push("SELECT * FROM runs ORDER BY created_at DESC LIMIT 10".to_owned());
    }
    if examples.is_empty() {
        examples.extend(
            description.tables.first().map(|table| {
                format!("SELECT COUNT(*) AS rows FROM {}", views::quoted(&table.name))
            }),
        );
    }
    Ok(examples)
}

/// A key of the newest rows whose value will do, one named like `wanted` if there is any.
fn example_key(
    snapshot: &Snapshot<'_>,
    view: &View,
    column: &str,
    wanted: &str,
    will_do: impl Fn(&Value) -> bool,
) -> Result<Option<String>> {
    let newest = if view.has("id") { "ORDER BY id DESC" } else { "" };
    let sql = format!("SELECT {column} FROM {} {newest} LIMIT {LOOKED_AT}", view.name);
    let mut statement = snapshot.connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut first = None;
    while let Some(row) = rows.next()? {
        let object = value::bytes(row.get_ref(0)?).and_then(value::object).unwrap_or_default();
        for (key, value) in object {
            // A path has no way to write a quote within a name.
            if key.contains('"') || key.starts_with('_') || !will_do(&value) {
                continue;
            }
            if key.contains(wanted) {
                return Ok(Some(key));
            }
            first.get_or_insert(key);
        }
    }
    Ok(first)
}

/// The key as a JSON path within an SQL string.
fn path(key: &str) -> String {
    format!("$.\"{}\"", key.replace('\'', "''"))
}

impl View {
    fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }
}
