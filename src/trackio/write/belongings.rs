//! What belongs to a run, table by table: what goes when it is deleted, what changes its name.
//!
//! Trackio 0.43 finds a run anew in each table, by name where no id is given, and so takes rows of
//! another run of that name (`sqlite_storage.py`, `delete_run`). Here the run is found once, and
//! every table is asked for the rows of that one.

use std::io::Write;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::saved::{self, Changed};
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
}

/// The rows of one run in all tables.
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
    pub fn of(schema: &Schema, owner: &Owner) -> Self {
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
        self.parts.push(Part { table, is_own: true, condition, values: vec![value.to_owned()] });
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
        self.parts.push(Part { table, is_own, condition, values });
    }

    /// How many rows there are, table by table, without those that have none.
    pub fn counts(&self, connection: &Connection) -> Result<Vec<(&'static str, usize)>> {
        let mut counts = Vec::new();
        for part in &self.parts {
            let sql = format!("SELECT COUNT(*) FROM main.{} WHERE {}", part.table, part.condition);
            let count: i64 =
                connection.query_row(&sql, params_from_iter(&part.values), |row| row.get(0))?;
            if count > 0 {
                counts.push((part.table, count.unsigned_abs() as usize));
            }
        }
        Ok(counts)
    }

    /// A digest of which rows there are and how long they are: what a confirmation is bound to.
    pub fn digest(&self, connection: &Connection) -> Result<u64> {
        let mut texts = Vec::new();
        for part in &self.parts {
            let payload = match part.table {
                "metrics" | "system_metrics" => "metrics",
                "configs" => "config",
                _ => "0",
            };
            let sql = format!(
                "SELECT COUNT(*), IFNULL(MIN(rowid), 0), IFNULL(MAX(rowid), 0), TOTAL(rowid),
                 TOTAL(LENGTH({payload})) FROM main.{} WHERE {}",
                part.table, part.condition
            );
            let text = connection.query_row(&sql, params_from_iter(&part.values), |row| {
                let (count, first, last): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                let (sum, length): (f64, f64) = (row.get(3)?, row.get(4)?);
                Ok(format!("{} {count} {first} {last} {sum} {length}", part.table))
            })?;
            texts.push(text);
        }
        Ok(fingerprint::of(&texts.iter().map(String::as_bytes).collect::<Vec<_>>()))
    }

    /// Deletes the rows and takes the run's name from the versions that it made; all that was is
    /// written to `to` first.
    pub fn remove(&self, connection: &Connection, to: &mut dyn Write) -> Result<()> {
        for part in &self.parts {
            if part.is_own {
                saved::write_rows(connection, part.table, &part.condition, &part.values, to)?;
                let sql = format!("DELETE FROM main.{} WHERE {}", part.table, part.condition);
                connection.execute(&sql, params_from_iter(&part.values))?;
            } else {
                let nobody = [("producer_run_id", Value::Null), ("producer_run_name", Value::Null)];
                change(connection, part, &nobody, to)?;
            }
        }
        Ok(())
    }

    /// Gives the rows another name; what they were called is written to `to` first.
    pub fn rename(&self, connection: &Connection, name: &str, to: &mut dyn Write) -> Result<()> {
        for part in &self.parts {
            let column = if part.is_own { "run_name" } else { "producer_run_name" };
            change(connection, part, &[(column, Value::Text(name.to_owned()))], to)?;
        }
        Ok(())
    }
}

fn own(name: &str, table: &Table, column: &str) -> String {
    // A blob of an artifact is the version's, not the run's.
    match name == "pending_uploads" && table.has("kind") {
        true => format!("{column} = ?1 AND kind = 'media'"),
        false => format!("{column} = ?1"),
    }
}

fn change(
    connection: &Connection,
    part: &Part,
    columns: &[(&str, Value)],
    to: &mut dyn Write,
) -> Result<()> {
    let changes = Changed::find(connection, part.table, &part.condition, &part.values, columns)?;
    for change in changes {
        change.write(to)?;
        change.apply(connection)?;
    }
    Ok(())
}
