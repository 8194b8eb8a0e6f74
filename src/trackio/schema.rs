//! What a database holds: decided table by table, because upgraded projects mix eras.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::error::Result;

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
    /// Reads the schema of an open database.
    pub fn read(connection: &Connection) -> Result<Self> {
        let mut schema = Self {
            user_version: connection.query_row("PRAGMA user_version", [], |row| row.get(0))?,
            ..Self::default()
        };
        let mut indexes =
            connection.prepare("SELECT name FROM main.sqlite_master WHERE type = 'index'")?;
        for name in indexes.query_map([], |row| row.get(0))? {
            schema.indexes.insert(name?);
        }
        let mut columns = connection.prepare(
            "SELECT m.name, c.name FROM main.sqlite_master AS m, pragma_table_info(m.name) AS c
             WHERE m.type = 'table'",
        )?;
        let mut rows = columns.query([])?;
        let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            tables.entry(row.get(0)?).or_default().insert(row.get(1)?);
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

impl Table {
    fn new(source: &str, columns: BTreeSet<String>) -> Self {
        let key = if columns.contains("run_id") { RunKey::Id } else { RunKey::Name };
        let source = source.to_owned();
        Self { stored: Some(source.clone()), waiting: None, source, key, columns }
    }
}
