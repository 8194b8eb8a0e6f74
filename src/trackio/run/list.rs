//! Which runs there are: those of the metrics, then those known only from other tables.

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{OptionalExtension, Row, ToSql};

use super::{Run, Source, optional_text, rows_of};
use crate::trackio::cache::Bytes;
use crate::trackio::error::Result;
use crate::trackio::name::canonical;
use crate::trackio::project::Snapshot;
use crate::trackio::schema::{RunKey, Table};
use crate::trackio::value;

/// All runs, oldest first; ties by id and name, as Trackio orders them. Those that Trackio does
/// not list come last.
pub fn list(snapshot: &Snapshot<'_>) -> Result<Vec<Run>> {
    Ok(snapshot.once("runs".to_owned(), || read(snapshot))?.to_vec())
}

impl Bytes for Vec<Run> {
    fn bytes(&self) -> usize {
        let texts = |run: &Run| {
            run.id.len() + run.name.len() + run.created_at.as_ref().map_or(0, String::len)
        };
        self.iter().map(|run| size_of::<Run>() + texts(run)).sum()
    }
}

fn read(snapshot: &Snapshot<'_>) -> Result<Vec<Run>> {
    let others = Others::of(snapshot)?;
    let mut runs = with_metrics(snapshot)?;
    if let Some(links) = others.table("run_artifact_links") {
        add_from_links(snapshot, links, &mut runs)?;
    }
    runs.sort_by(|a, b| (&a.created_at, &a.id, &a.name).cmp(&(&b.created_at, &b.id, &b.name)));
    if let Some(links) = others.table("external_run_artifact_links") {
        add_from_external_links(snapshot, links, &mut runs)?;
    }
    // Python sorts once more, by time alone, and keeps the order of equals.
    runs.sort_by(|a, b| a.created_at.cmp(&b.created_at));
    add_unlisted(snapshot, &others, &mut runs)?;
    Ok(runs)
}

/// The tables beside the metrics that can tell of runs, as far as they hold any row. Most projects
/// use none or one of them, and a statement costs more to compile than to run.
struct Others<'s>(Vec<(&'static str, &'s Table)>);

impl<'s> Others<'s> {
    fn of(snapshot: &'s Snapshot<'_>) -> Result<Self> {
        let names =
            ["run_artifact_links", "external_run_artifact_links", "system_metrics", "alerts"];
        let tables = names.map(|name| snapshot.schema.table(name).map(|table| (name, table)));
        let tables: Vec<(&str, &Table)> = tables.into_iter().flatten().collect();
        if tables.is_empty() {
            return Ok(Self(tables));
        }
        let exists = |(_, table): &(_, &Table)| format!("EXISTS (SELECT 1 FROM {})", table.source);
        let sql = format!("SELECT {}", tables.iter().map(exists).collect::<Vec<_>>().join(", "));
        let holds_rows = snapshot.connection.query_row(&sql, [], |row| {
            (0..tables.len()).map(|column| row.get(column)).collect::<rusqlite::Result<Vec<bool>>>()
        })?;
        let filled = tables.into_iter().zip(holds_rows).filter(|(_, holds_rows)| *holds_rows);
        Ok(Self(filled.map(|(table, _)| table).collect()))
    }

    fn table(&self, name: &str) -> Option<&'s Table> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, table)| *table)
    }
}

fn with_metrics(snapshot: &Snapshot<'_>) -> Result<Vec<Run>> {
    let Some(table) = snapshot.schema.table("metrics") else { return Ok(Vec::new()) };
    if !table.has("timestamp") {
        return Ok(Vec::new());
    }
    let has_index = |name| snapshot.schema.has_index("metrics", name);
    match table.key {
        RunKey::Id if has_index("idx_metrics_run_record") => skip_by_id_and_name(snapshot),
        RunKey::Id if has_index("idx_metrics_run_timestamp") => skip_by_id(snapshot),
        RunKey::Name if has_index("idx_metrics_run_timestamp") => skip_by_name(snapshot),
        _ => group_all(snapshot, table),
    }
}

/// From one run to the next by the index of 0.42, without a look at the rows between.
///
/// Two seeks for a step: SQLite reads through all rows of a run for `(run_id, run_name) > (?, ?)`.
fn skip_by_id_and_name(snapshot: &Snapshot<'_>) -> Result<Vec<Run>> {
    let mut next_name = snapshot.connection.prepare_cached(
        "SELECT run_id, run_name, timestamp FROM main.metrics
         WHERE run_id = ?1 AND run_name >= ?2 ORDER BY run_name, timestamp LIMIT 1",
    )?;
    let mut next_id = snapshot.connection.prepare_cached(
        "SELECT run_id, run_name, timestamp FROM main.metrics
         WHERE run_id >= ?1 ORDER BY run_id, run_name, timestamp LIMIT 1",
    )?;
    let read = |row: &Row<'_>| {
        let (id, name) = (Place::of(row.get_ref(0)?), Place::of(row.get_ref(1)?));
        Ok((run_of_row(row)?, id, name))
    };
    let mut found = next_id.query_row([""], read).optional()?;
    let mut runs: Vec<Run> = Vec::new();
    while let Some((run, id, name)) = found {
        found = next_name.query_row([&id, &name.after()], read).optional()?;
        if found.is_none() {
            found = next_id.query_row([id.after()], read).optional()?;
        }
        runs.push(run);
    }
    Ok(runs)
}

/// The same by the index of 0.24 to 0.41. A rename that met a writer left two names under one
/// id: then first and last row differ, and that run is read through.
fn skip_by_id(snapshot: &Snapshot<'_>) -> Result<Vec<Run>> {
    let next = "SELECT run_id, run_name, timestamp FROM main.metrics
                WHERE run_id >= ?1 ORDER BY run_id, timestamp LIMIT 1";
    let mut last_name = snapshot.connection.prepare_cached(
        "SELECT run_name FROM main.metrics WHERE run_id = ?1 ORDER BY timestamp DESC LIMIT 1",
    )?;
    let mut names = snapshot.connection.prepare_cached(
        "SELECT run_id, run_name, MIN(timestamp) FROM main.metrics
         WHERE run_id = ?1 GROUP BY run_name",
    )?;
    let mut runs: Vec<Run> = Vec::new();
    for run in skip(snapshot, next)? {
        let last = last_name.query_row([&run.id], optional_text).optional()?;
        if last.is_none_or(|last| last.as_ref() == Some(&run.name)) {
            runs.push(run);
        } else {
            let all = names.query_map([&run.id], run_of_row)?;
            runs.extend(all.collect::<rusqlite::Result<Vec<_>>>()?);
        }
    }
    Ok(runs)
}

fn skip_by_name(snapshot: &Snapshot<'_>) -> Result<Vec<Run>> {
    let next = "SELECT run_name, run_name, timestamp FROM main.metrics
                WHERE run_name >= ?1 ORDER BY run_name, timestamp LIMIT 1";
    skip(snapshot, next)
}

/// Runs a query that finds the first run at or after a key, which is its first column, then the
/// first after that, ...
fn skip(snapshot: &Snapshot<'_>, next: &str) -> Result<Vec<Run>> {
    let mut next = snapshot.connection.prepare(next)?;
    let read = |row: &Row<'_>| Ok((run_of_row(row)?, Place::of(row.get_ref(0)?)));
    let mut found = next.query_row([""], read).optional()?;
    let mut runs = Vec::new();
    while let Some((run, place)) = found {
        found = next.query_row([place.after()], read).optional()?;
        runs.push(run);
    }
    Ok(runs)
}

/// Where a key stands in an index: as it is stored, be it a blob or no UTF-8. By the text that it
/// is shown as, the same run would be found again and again.
struct Place {
    bytes: Vec<u8>,
    is_blob: bool,
}

impl Place {
    fn of(value: ValueRef<'_>) -> Self {
        let is_blob = matches!(value, ValueRef::Blob(_));
        let bytes = value::bytes(value).map_or_else(Vec::new, <[u8]>::to_vec);
        Self { bytes, is_blob }
    }

    /// The place right behind.
    fn after(&self) -> Self {
        let bytes = self.bytes.iter().copied().chain([0]).collect();
        Self { bytes, is_blob: self.is_blob }
    }
}

impl ToSql for Place {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = if self.is_blob { ValueRef::Blob } else { ValueRef::Text };
        Ok(ToSqlOutput::Borrowed(value(&self.bytes)))
    }
}

fn group_all(snapshot: &Snapshot<'_>, table: &Table) -> Result<Vec<Run>> {
    let id = table.key.column();
    let of_part = |part: &str| {
        format!(
            "SELECT {id} AS id, run_name, MIN(timestamp) AS first FROM {part}
             GROUP BY {id}, run_name"
        )
    };
    let sql = format!(
        "SELECT id, run_name, MIN(first) FROM ({}) GROUP BY id, run_name",
        table.of_parts(of_part)
    );
    let mut statement = snapshot.connection.prepare(&sql)?;
    let runs = statement.query_map([], run_of_row)?;
    Ok(runs.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// Runs known only from the artifacts that they made or used here.
///
/// The ids and names in links are the caller's, so a link adds a run only where the metrics know
/// neither; one without an id only where no link with an id has its name.
fn add_from_links(snapshot: &Snapshot<'_>, links: &Table, runs: &mut Vec<Run>) -> Result<()> {
    let scope = match links.has("run_project") {
        true => "(run_project IS NULL OR run_project = ?1)",
        false => "?1 = ?1",
    };
    let sql = format!(
        "SELECT run_id, run_name, MIN(created_at) FROM {} WHERE run_name IS NOT NULL AND {scope}
         GROUP BY run_id, run_name",
        links.source
    );
    let mut statement = snapshot.connection.prepare(&sql)?;
    let project = canonical(&snapshot.project.name);
    let found = statement.query_map([project], |row| {
        Ok((optional_text(row)?, value::text(row.get_ref(1)?), value::text(row.get_ref(2)?)))
    })?;
    let found = found.collect::<rusqlite::Result<Vec<_>>>()?;
    let by_id = snapshot.schema.table("metrics").is_none_or(|metrics| metrics.key == RunKey::Id);
    let named: BTreeSet<&String> = found
        .iter()
        .filter(|(id, ..)| id.is_some())
        .filter_map(|(_, name, _)| name.as_ref())
        .collect();
    let ids: HashSet<String> = runs.iter().map(|run| run.id.clone()).collect();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (place, run) in runs.iter().enumerate() {
        places.entry(run.name.clone()).or_insert(place);
    }
    for (id, name, created_at) in &found {
        let Some(name) = name else { continue };
        if by_id {
            let is_known =
                places.contains_key(name) || id.as_ref().is_some_and(|id| ids.contains(id));
            if is_known || (id.is_none() && named.contains(name)) {
                continue;
            }
        } else if let Some(known) = places.get(name).and_then(|place| runs.get_mut(*place)) {
            // Keyed by name, the link counts as one more row of the run.
            if created_at < &known.created_at {
                known.created_at.clone_from(created_at);
            }
            continue;
        } else {
            places.insert(name.clone(), runs.len());
        }
        let id = if by_id { id.clone().unwrap_or_default() } else { name.clone() };
        runs.push(Run {
            id,
            name: name.clone(),
            created_at: created_at.clone(),
            source: Source::Artifacts,
        });
    }
    Ok(())
}

/// Runs known only from artifacts of other projects that they used.
fn add_from_external_links(
    snapshot: &Snapshot<'_>,
    links: &Table,
    runs: &mut Vec<Run>,
) -> Result<()> {
    let sql = format!(
        "SELECT IFNULL(NULLIF(run_id, ''), run_name), run_name, MIN(created_at) FROM {}
         WHERE run_name IS NOT NULL GROUP BY run_id, run_name",
        links.source
    );
    let mut statement = snapshot.connection.prepare(&sql)?;
    let mut ids: HashSet<String> = runs.iter().map(|run| run.id.clone()).collect();
    let mut names: HashSet<String> = runs.iter().map(|run| run.name.clone()).collect();
    for run in statement.query_map([], run_of_row)? {
        let run = run?;
        if !ids.contains(&run.id) && !names.contains(&run.name) {
            ids.insert(run.id.clone());
            names.insert(run.name.clone());
            runs.push(Run { source: Source::Artifacts, ..run });
        }
    }
    Ok(())
}

/// Runs that Trackio cannot see: they crashed before the first metric, say.
fn add_unlisted(snapshot: &Snapshot<'_>, others: &Others<'_>, runs: &mut Vec<Run>) -> Result<()> {
    let mut ids: BTreeSet<String> = runs.iter().map(|run| run.id.clone()).collect();
    let mut names: BTreeSet<String> = runs.iter().map(|run| run.name.clone()).collect();
    for table in ["system_metrics", "alerts"].into_iter().filter_map(|name| others.table(name)) {
        for run in distinct_runs(snapshot, table)? {
            let is_known = match rows_of(snapshot, table, &run) {
                ("run_id = ?1", id) => ids.contains(id),
                (_, name) => names.contains(name),
            };
            if !is_known {
                ids.insert(run.id.clone());
                names.insert(run.name.clone());
                runs.push(Run { source: Source::SystemOrAlerts, ..run });
            }
        }
    }
    Ok(())
}

fn distinct_runs(snapshot: &Snapshot<'_>, table: &Table) -> Result<Vec<Run>> {
    let id = table.key.column();
    let indexed = snapshot.schema.has_index("system_metrics", "idx_system_metrics_run_timestamp")
        && table.source == "main.system_metrics";
    if !indexed {
        return group_all(snapshot, table);
    }
    let next = format!(
        "SELECT {id}, run_name, timestamp FROM {} WHERE {id} >= ?1
         ORDER BY {id}, timestamp LIMIT 1",
        table.source
    );
    skip(snapshot, &next)
}

fn run_of_row(row: &Row<'_>) -> rusqlite::Result<Run> {
    let text = |value: ValueRef<'_>| value::text(value).unwrap_or_default();
    Ok(Run {
        id: text(row.get_ref(0)?),
        name: text(row.get_ref(1)?),
        created_at: value::text(row.get_ref(2)?),
        source: Source::Metrics,
    })
}
