//! What a database holds: decided table by table, because upgraded projects mix eras.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::Connection;

use super::cache::{Bytes, Cache, Key};
use super::error::{Error, Result};
use super::project::CURRENT_SCHEMA;
use super::value;

/// Trackio's longest default is `'media'`. Rows that were written before a column was added have
/// its default without taking room in the file.
const LONGEST_DEFAULT: i64 = 100;

/// By what a table's rows name their run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunKey {
    /// `run_id`, since 0.24.
    Id,
    /// `run_name`, before; some upgraded tables too.
    Name,
}

impl RunKey {
    /// The column.
    pub fn column(self) -> &'static str {
        match self {
            Self::Id => "run_id",
            Self::Name => "run_name",
        }
    }
}

/// One table of the project, or the view that stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What to select from: the table, or a temporary view that adds the inbox.
    pub source: String,
    /// How the rows name their run.
    pub key: RunKey,
    /// Where the database's own rows lie; `None` where it has no such table.
    pub stored: Option<String>,
    /// The rows that wait in the inbox.
    pub waiting: Option<String>,
    columns: BTreeSet<String>,
}

impl Table {
    /// Whether there is such a column.
    pub fn has(&self, column: &str) -> bool {
        self.columns.contains(column)
    }

    /// The table and the rows that wait for it, each to be asked for itself: for a maximum or a
    /// count SQLite goes through all rows of a view, and not through an index.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        let of_both = [self.stored.as_deref(), self.waiting.as_deref()];
        let parts = if self.waiting.is_some() { of_both } else { [Some(&*self.source), None] };
        parts.into_iter().flatten()
    }

    /// One `SELECT` of each part, together.
    pub fn of_parts(&self, select: impl Fn(&str) -> String) -> String {
        self.parts().map(select).collect::<Vec<_>>().join(" UNION ALL ")
    }

    /// All columns, by name.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(String::as_str)
    }
}

/// The tables of one open database.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    tables: BTreeMap<String, Table>,
    indexes: BTreeSet<String>,
    /// `PRAGMA user_version`: 2 since 0.41, 0 before.
    pub user_version: i64,
}

impl Schema {
    /// The schema of an open database, from the cache where any database was defined by the same
    /// words: all those of one version of Trackio are. To ask for the columns of each table costs
    /// more than what most tools ask for then.
    pub fn known(connection: &Connection, cache: &Cache) -> Result<Arc<Self>> {
        let key = Key::of_any(definitions(connection)?);
        if let Some(kept) = cache.get(&key) {
            return Ok(kept.value);
        }
        let schema = Arc::new(Self::read(connection)?);
        cache.put(key, None, Arc::clone(&schema));
        Ok(schema)
    }

    /// Reads the schema of an open database. Refuses one in which something else has the name of
    /// one of Trackio's tables: a view or a generated column computes whatever its author wants
    /// with each row that is read.
    pub fn read(connection: &Connection) -> Result<Self> {
        let mut schema = Self { user_version: user_version(connection)?, ..Self::default() };
        let mut indexes =
            connection.prepare("SELECT name FROM main.sqlite_master WHERE type = 'index'")?;
        for name in indexes.query_map([], |row| row.get(0))? {
            schema.indexes.insert(name?);
        }
        let mut columns = connection.prepare(
            "SELECT t.name, t.type, c.name, c.hidden, length(c.dflt_value)
             FROM pragma_table_list AS t
             LEFT JOIN pragma_table_xinfo(t.name) AS c ON t.type = 'table'
             WHERE t.schema = 'main' AND t.name NOT IN ('sqlite_schema', 'sqlite_master')",
        )?;
        let mut rows = columns.query([])?;
        let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let (name, kind): (String, String) = (row.get(0)?, row.get(1)?);
            let column: Option<String> = row.get(2)?;
            let hidden: Option<i64> = row.get(3)?;
            let default: Option<i64> = row.get(4)?;
            if is_trackios(&name) {
                let column = column.as_deref().unwrap_or_default();
                let is_generated = hidden.is_some_and(|hidden| hidden != 0);
                let has_long_default = default > Some(LONGEST_DEFAULT);
                let found = match kind.as_str() {
                    "table" if is_generated => format!("its column {column} is generated"),
                    "table" if has_long_default => {
                        format!("its column {column} has a long default")
                    }
                    "table" => String::new(),
                    "view" => "it is a view".to_owned(),
                    _ => "it is a virtual table".to_owned(),
                };
                if !found.is_empty() {
                    return Err(refused(&name, &found));
                }
            }
            if let (Some(column), "table") = (column, kind.as_str()) {
                tables.entry(name).or_default().insert(column);
            }
        }
        schema.tables = tables
            .into_iter()
            .map(|(name, columns)| (name.clone(), Table::new(&format!("main.{name}"), columns)))
            .collect();
        Ok(schema)
    }

    /// The table of that name, if the project has it.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(name)
    }

    /// The names of all tables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// Whether the database has an index of that name.
    pub fn has_index_named(&self, name: &str) -> bool {
        self.indexes.contains(name)
    }

    /// Whether the index exists and serves the table: a view has none.
    pub fn has_index(&self, table: &str, index: &str) -> bool {
        self.indexes.contains(index)
            && self.table(table).is_some_and(|table| table.source.starts_with("main."))
    }

    /// Lets `source`, with these columns, stand for the table.
    pub fn replace(&mut self, name: &str, source: &str, columns: BTreeSet<String>) {
        self.tables.insert(name.to_owned(), Table::new(source, columns));
    }

    /// Lets `source`, with these columns, stand for the table and the rows that wait for it.
    pub fn lay_over(&mut self, name: &str, source: &str, waiting: &str, columns: BTreeSet<String>) {
        let stored = self.table(name).and_then(|table| table.stored.clone());
        let both =
            Table { stored, waiting: Some(waiting.to_owned()), ..Table::new(source, columns) };
        self.tables.insert(name.to_owned(), both);
    }
}

impl Bytes for Schema {
    fn bytes(&self) -> usize {
        let of_table = |table: &Table| {
            let columns = table.columns.iter().map(|column| column.len() + size_of::<String>());
            size_of::<Table>() + columns.sum::<usize>()
        };
        self.tables.values().map(of_table).sum::<usize>()
            + self.indexes.iter().map(|name| name.len() + size_of::<String>()).sum::<usize>()
    }
}

/// Whether Trackio creates a table of that name. SQLite ignores its case.
pub(super) fn is_trackios(name: &str) -> bool {
    let created = CURRENT_SCHEMA.lines().filter_map(|line| line.strip_prefix("CREATE TABLE "));
    let mut names = created.filter_map(|rest| rest.split_whitespace().next());
    names.any(|own| own.eq_ignore_ascii_case(name))
}

fn refused(table: &str, found: &str) -> Error {
    // Whoever opened the database names the project.
    Error::Unreadable {
        project: String::new(),
        reason: format!(
            "its table {table} is not as Trackio creates it: {found}. The file is damaged or was \
             not written by Trackio; replace it with a copy that Trackio wrote"
        ),
    }
}

fn user_version(connection: &Connection) -> Result<i64> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// What the database was made with, word for word, and its version.
fn definitions(connection: &Connection) -> Result<String> {
    let mut words = user_version(connection)?.to_string();
    let mut statement =
        connection.prepare("SELECT sql FROM main.sqlite_master WHERE sql IS NOT NULL")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        words.push('\0');
        words += &value::text(row.get_ref(0)?).unwrap_or_default();
    }
    Ok(words)
}

impl Table {
    fn new(source: &str, columns: BTreeSet<String>) -> Self {
        let key = if columns.contains("run_id") { RunKey::Id } else { RunKey::Name };
        let source = source.to_owned();
        Self { stored: Some(source.clone()), waiting: None, source, key, columns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trackio adds columns to a project that was made by an older version.
    #[test]
    fn a_schema_is_known_again_until_it_changes() {
        let cache = Cache::new(1 << 20);
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE metrics(run_name TEXT, metrics TEXT)").unwrap();
        let known = || Schema::known(&connection, &cache).unwrap();
        for _ in 0..2 {
            let schema = known();
            assert_eq!(schema.table("metrics").unwrap().key, RunKey::Name);
            assert_eq!(schema.user_version, 0);
        }
        connection.execute_batch("PRAGMA user_version = 2").unwrap();
        assert_eq!(known().user_version, 2);
        connection.execute_batch("ALTER TABLE metrics ADD COLUMN run_id TEXT").unwrap();
        assert_eq!(known().table("metrics").unwrap().key, RunKey::Id);
        connection.execute_batch("CREATE INDEX i ON metrics(run_id)").unwrap();
        assert!(known().has_index("metrics", "i"));
    }
}
