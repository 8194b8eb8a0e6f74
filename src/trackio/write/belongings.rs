//! What belongs to a run, table by table: what goes when it is deleted, what changes its name.
//!
//! Trackio 0.43 finds a run anew in each table, by name where no id is given, and so takes rows of
//! another run of that name (`sqlite_storage.py`, `delete_run`). Here the run is found once, and
//! every table is asked for the rows of that one.

use std::io::Write;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::saved::{self, Changed};
use super::turns::Turn;
use crate::trackio::error::Result;
use crate::trackio::fingerprint;
use crate::trackio::name::canonical;
use crate::trackio::run::Run;
use crate::trackio::schema::{RunKey, Schema, Table};

/// The run whose rows are meant.
#[derive(Debug, Clone)]
pub struct Owner {
    run: Run,
    project: String,
    shares_name: bool,
}

impl Owner {
    /// The run of a project; `shares_name` says whether other runs have its name.
    pub fn new(project: &str, run: Run, shares_name: bool) -> Self {
        Self { run, project: canonical(project), shares_name }
    }
}

/// The rows of one run in one table.
struct Part {
    table: &'static str,
    /// Whether the rows are the run's own. Others, artifact versions, only name it.
    is_own: bool,
    condition: String,
    values: Vec<String>,
    /// First and last rowid of each stretch, ascending.
    rows: Vec<Stretch>,
    /// The letters of what can change in place.
    letters: f64,
}

/// First and last of rowids without a gap.
type Stretch = [i64; 2];

/// The most rows of a stretch: between two of them a turn can end.
const STRETCH: i64 = 500;

/// Tables that can have very many rows.
const LARGE: [&str; 3] = ["traces", "system_metrics", "metrics"];

/// The rows of one run in all tables at one moment, large tables last: an edit of many turns
/// meets all that can be in its way in the first.
pub struct Belongings {
    parts: Vec<Part>,
    /// Tables that cannot tell this run's rows from those of another of its name.
    pub undecided: Vec<&'static str>,
}

/// Tables whose rows are a run's own and name it as the metrics do.
const OWN: [&str; 6] =
    ["metrics", "configs", "system_metrics", "alerts", "traces", "pending_uploads"];
/// What a run made and used.
const LINKS: [&str; 2] = ["run_artifact_links", "external_run_artifact_links"];
const VERSIONS: &str = "artifact_versions";

impl Belongings {
    /// Those of `owner` in the tables of an open database. Rows of the inbox are not among them.
    pub fn find(connection: &Connection, schema: &Schema, owner: &Owner) -> Result<Self> {
        let mut found = Self::conditions(schema, owner);
        for part in &mut found.parts {
            part.find(connection)?;
        }
        found.parts.sort_by_key(|part| LARGE.iter().position(|table| *table == part.table));
        Ok(found)
    }

    fn conditions(schema: &Schema, owner: &Owner) -> Self {
        let mut found = Self { parts: Vec::new(), undecided: Vec::new() };
        let by_id = schema.table("metrics").is_none_or(|metrics| metrics.key == RunKey::Id);
        let stored = |name| schema.table(name).filter(|table| table.stored.is_some());
        for name in OWN {
            let Some(table) = stored(name) else { continue };
            match (by_id, table.key) {
                (true, RunKey::Id) => found.add(name, own(name, table, "run_id"), &owner.run.id),
                (true, RunKey::Name) if owner.shares_name => found.undecided.push(name),
                _ => found.add(name, own(name, table, "run_name"), &owner.run.name),
            }
        }
        for name in LINKS {
            let Some(table) = stored(name) else { continue };
            found.add_links(name, owner, by_id, ["run_id", "run_name"], true);
            // Other projects' runs can have links here, and the same name.
            if table.has("run_project")
                && let Some(part) = found.parts.last_mut()
            {
                part.values.push(owner.project.clone());
                let scope =
                    format!("(run_project IS NULL OR run_project = ?{})", part.values.len());
                part.condition = format!("({}) AND {scope}", part.condition);
            }
        }
        if stored(VERSIONS).is_some_and(|table| table.has("producer_run_id")) {
            let columns = ["producer_run_id", "producer_run_name"];
            found.add_links(VERSIONS, owner, by_id, columns, false);
        }
        found
    }

    fn add(&mut self, table: &'static str, condition: String, value: &str) {
        self.parts.push(Part::new(table, true, condition, vec![value.to_owned()]));
    }

    /// Links without an id are the run's when no other run has its name, as in Trackio.
    fn add_links(
        &mut self,
        table: &'static str,
        owner: &Owner,
        by_id: bool,
        [id, name]: [&str; 2],
        is_own: bool,
    ) {
        let run = &owner.run;
        let (condition, values) = match (by_id, owner.shares_name) {
            (false, _) => (format!("{name} = ?1"), vec![run.name.clone()]),
            (true, true) => (format!("NULLIF({id}, '') = ?1"), vec![run.id.clone()]),
            (true, false) => (
                format!("NULLIF({id}, '') = ?1 OR (IFNULL({id}, '') = '' AND {name} = ?2)"),
                vec![run.id.clone(), run.name.clone()],
            ),
        };
        self.parts.push(Part::new(table, is_own, condition, values));
    }

    /// How many rows there are, table by table, without those that have none.
    pub fn counts(&self) -> Vec<(&'static str, usize)> {
        let counts = self.parts.iter().map(|part| (part.table, part.count()));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// A digest of which rows there are: what a confirmation is bound to.
    pub fn digest(&self) -> u64 {
        let mut bytes = Vec::new();
        for part in &self.parts {
            bytes.extend(part.table.as_bytes());
            bytes.extend(part.letters.to_le_bytes());
            bytes.extend(part.rows.iter().flatten().flat_map(|rowid| rowid.to_le_bytes()));
        }
        fingerprint::of(&[&bytes])
    }

    /// Writes what an edit will remove or change, as it is now.
    pub fn save(&self, connection: &Connection, edit: Edit<'_>, to: &mut dyn Write) -> Result<()> {
        for part in &self.parts {
            match edit.columns(part) {
                None => {
                    saved::write_rows(connection, part.table, &part.condition, &part.values, to)?;
                }
                Some(columns) => {
                    for change in part.changes(connection, columns)? {
                        change.write(to)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes the edit from a place on, until the turn is over; answers where it goes on.
    pub fn apply(
        &self,
        connection: &Connection,
        edit: Edit<'_>,
        from: Place,
        turn: &Turn,
    ) -> Result<Option<Place>> {
        let Place { part: first, mut stretch, mut rows } = from;
        let mut has_begun = false;
        for (at, part) in self.parts.iter().enumerate().skip(first) {
            let (sql, values) = part.statement(edit);
            let mut statement = connection.prepare(&sql)?;
            for [from, to] in part.rows.iter().skip(stretch) {
                if has_begun && turn.is_over() {
                    return Ok(Some(Place { part: at, stretch, rows }));
                }
                let range = [Value::Integer(*from), Value::Integer(*to)];
                statement.execute(params_from_iter(values.iter().chain(&range)))?;
                has_begun = true;
                stretch += 1;
                rows += length(&[*from, *to]);
            }
            stretch = 0;
        }
        Ok(None)
    }
}

/// How far an edit has come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    part: usize,
    stretch: usize,
    /// So many rows are done.
    pub rows: usize,
}

/// What is done to a run.
#[derive(Debug, Clone, Copy)]
pub enum Edit<'a> {
    /// Its rows go, and the versions that it made forget it.
    Remove,
    /// All of it takes this name.
    Rename(&'a str),
}

impl Edit<'_> {
    /// The columns that change, with their new values; `None`: the rows go.
    fn columns(self, part: &Part) -> Option<Vec<(&'static str, Value)>> {
        match (self, part.is_own) {
            (Self::Remove, true) => None,
            (Self::Remove, false) => {
                Some(vec![("producer_run_id", Value::Null), ("producer_run_name", Value::Null)])
            }
            (Self::Rename(name), is_own) => {
                let column = if is_own { "run_name" } else { "producer_run_name" };
                Some(vec![(column, Value::Text(name.to_owned()))])
            }
        }
    }
}

impl Part {
    fn new(table: &'static str, is_own: bool, condition: String, values: Vec<String>) -> Self {
        Self { table, is_own, condition, values, rows: Vec::new(), letters: 0.0 }
    }

    /// Looks the rows up; an index is enough for it.
    fn find(&mut self, connection: &Connection) -> Result<()> {
        let sql = format!("SELECT rowid FROM main.{} WHERE {}", self.table, self.condition);
        let mut statement = connection.prepare(&sql)?;
        let found = statement.query_map(params_from_iter(&self.values), |row| row.get(0))?;
        let mut rowids = found.collect::<rusqlite::Result<Vec<i64>>>()?;
        rowids.sort_unstable();
        self.rows = stretches(&rowids);
        if self.table == "configs" {
            let sql =
                format!("SELECT TOTAL(LENGTH(config)) FROM main.configs WHERE {}", self.condition);
            self.letters =
                connection.query_row(&sql, params_from_iter(&self.values), |row| row.get(0))?;
        }
        Ok(())
    }

    fn count(&self) -> usize {
        self.rows.iter().map(length).sum()
    }

    /// The statement that makes the edit in one stretch, whose ends are its last two values.
    fn statement(&self, edit: Edit<'_>) -> (String, Vec<Value>) {
        let mut values: Vec<Value> = self.values.iter().cloned().map(Value::Text).collect();
        let table = self.table;
        let what = match edit.columns(self) {
            None => format!("DELETE FROM main.{table} NOT INDEXED"),
            Some(columns) => {
                let set = columns.into_iter().map(|(column, value)| {
                    values.push(value);
                    format!("{column} = ?{}", values.len())
                });
                let set: Vec<String> = set.collect();
                format!("UPDATE main.{table} NOT INDEXED SET {}", set.join(", "))
            }
        };
        let (from, to) = (values.len() + 1, values.len() + 2);
        let condition = &self.condition;
        (format!("{what} WHERE rowid BETWEEN ?{from} AND ?{to} AND ({condition})"), values)
    }

    fn changes(
        &self,
        connection: &Connection,
        columns: Vec<(&'static str, Value)>,
    ) -> Result<Vec<Changed>> {
        Changed::find(connection, self.table, &self.condition, &self.values, &columns)
    }
}

fn stretches(rowids: &[i64]) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for rowid in rowids {
        match stretches.last_mut() {
            Some([first, last]) if *last + 1 == *rowid && rowid - *first < STRETCH => {
                *last = *rowid
            }
            _ => stretches.push([*rowid, *rowid]),
        }
    }
    stretches
}

fn length([first, last]: &Stretch) -> usize {
    (last - first + 1).unsigned_abs() as usize
}

fn own(name: &str, table: &Table, column: &str) -> String {
    // A blob of an artifact is the version's, not the run's.
    match name == "pending_uploads" && table.has("kind") {
        true => format!("{column} = ?1 AND kind = 'media'"),
        false => format!("{column} = ?1"),
    }
}
