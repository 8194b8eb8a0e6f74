//! Runs: which there are, and which one a name means.

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row, params_from_iter};

use super::cache::Bytes;
use super::error::Result;
use super::project::Snapshot;
use super::schema::{RunKey, Table};
use super::value::{self, Step};

/// A run as Trackio lists it. Before 0.24 its id is its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What makes it one run.
    pub id: String,
    /// What a person calls it; several runs can share it.
    pub name: String,
    /// The timestamp of its first row, as stored.
    pub created_at: Option<String>,
    /// What its rows are.
    pub source: Source,
}

/// Where a run is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It logged metrics.
    Metrics,
    /// Trackio lists it for the artifacts that it made or used.
    Artifacts,
    /// It has only system metrics or alerts, and Trackio does not list it.
    SystemOrAlerts,
}

impl Run {
    /// Whether Trackio lists the run.
    pub fn is_listed(&self) -> bool {
        self.source != Source::SystemOrAlerts
    }
}

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
    let mut runs = with_metrics(snapshot)?;
    add_from_links(snapshot, &mut runs)?;
    runs.sort_by(|a, b| (&a.created_at, &a.id, &a.name).cmp(&(&b.created_at, &b.id, &b.name)));
    add_from_external_links(snapshot, &mut runs)?;
    // Python sorts once more, by time alone, and keeps the order of equals.
    runs.sort_by(|a, b| a.created_at.cmp(&b.created_at));
    add_unlisted(snapshot, &mut runs)?;
    Ok(runs)
}

/// The name that a run's id has in any table. In an upgraded project newer tables know ids that
/// the metrics, keyed by name, do not.
pub fn name_of_id(snapshot: &Snapshot<'_>, id: &str) -> Result<Option<String>> {
    for name in ["alerts", "system_metrics", "configs", "traces"] {
        let Some(table) = snapshot.schema.table(name).filter(|table| table.key == RunKey::Id)
        else {
            continue;
        };
        let sql = format!("SELECT run_name FROM {} WHERE run_id = ?1 LIMIT 1", table.source);
        let mut statement = snapshot.connection.prepare_cached(&sql)?;
        if let Some(found) = statement.query_row([id], optional_text).optional()? {
            return Ok(found);
        }
    }
    Ok(None)
}

/// All runs, newest first, whether Trackio lists them or not.
pub fn newest_first(snapshot: &Snapshot<'_>) -> Result<Vec<Run>> {
    let mut runs = list(snapshot)?;
    runs.reverse();
    runs.sort_by(|a, b| b.created_at.cmp(&a.created_at));
    Ok(runs)
}

/// The last rows of a run in the tables. Rows of one run can mix local and UTC times, so beside
/// the highest text the row of the highest step is a candidate for the latest.
pub fn last_timestamps(snapshot: &Snapshot<'_>, tables: &[&str], run: &Run) -> Result<Vec<String>> {
    // One statement of one row for all tables: lists ask this of every run.
    let (mut parts, mut keys) = (Vec::new(), Vec::new());
    for table in tables.iter().filter_map(|name| snapshot.schema.table(name)) {
        let (condition, key) = rows_of(snapshot, table, run);
        keys.push(key);
        let condition = condition.replace("?1", &format!("?{}", keys.len()));
        let rows = format!("FROM {} WHERE {condition}", table.source);
        parts.push(format!("(SELECT MAX(timestamp) {rows})"));
        if table.has("step") {
            parts.push(format!("(SELECT timestamp {rows} ORDER BY step DESC LIMIT 1)"));
        }
    }
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT {}", parts.join(", "));
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let found = statement.query_row(params_from_iter(keys), |row| {
        let text = |column| Ok(value::text(row.get_ref(column)?));
        (0..parts.len()).map(text).collect::<rusqlite::Result<Vec<_>>>()
    })?;
    Ok(found.into_iter().flatten().collect())
}

/// The highest step of a run; `None` where it logged none.
pub fn last_step(snapshot: &Snapshot<'_>, run: &Run) -> Result<Option<Step>> {
    let Some(table) = snapshot.schema.table("metrics") else { return Ok(None) };
    let (condition, key) = rows_of(snapshot, table, run);
    let sql = format!("SELECT MAX(step) FROM {} WHERE {condition}", table.source);
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    Ok(statement.query_row([key], |row| Ok(Step::of(row.get_ref(0)?)))?)
}

/// How many rows of a run the table holds.
pub fn count_rows(snapshot: &Snapshot<'_>, table: &str, run: &Run) -> Result<usize> {
    let Some(table) = snapshot.schema.table(table) else { return Ok(0) };
    let (condition, key) = rows_of(snapshot, table, run);
    let sql = format!("SELECT COUNT(*) FROM {} WHERE {condition}", table.source);
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let count: i64 = statement.query_row([key], |row| row.get(0))?;
    Ok(count.unsigned_abs() as usize)
}

/// The newest `limit` timestamps of a run, latest first.
pub fn newest_timestamps(snapshot: &Snapshot<'_>, run: &Run, limit: u32) -> Result<Vec<String>> {
    let Some(table) = snapshot.schema.table("metrics") else { return Ok(Vec::new()) };
    let (condition, key) = rows_of(snapshot, table, run);
    let sql = format!(
        "SELECT timestamp FROM {} WHERE {condition} ORDER BY timestamp DESC LIMIT {limit}",
        table.source
    );
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let texts = statement.query_map([key], optional_text)?;
    Ok(texts.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// The condition that picks a run's rows from a table, and the value of its one parameter.
///
/// In an upgraded project the metrics can be keyed by name and a newer table by id. There a name
/// stands for all runs that had it, as it does in the metrics.
pub fn rows_of<'r>(
    snapshot: &Snapshot<'_>,
    table: &Table,
    run: &'r Run,
) -> (&'static str, &'r str) {
    match key_of(snapshot, table) {
        RunKey::Id => ("run_id = ?1", &run.id),
        RunKey::Name => ("run_name = ?1", &run.name),
    }
}

/// What tells the runs of a table's rows apart, as [`rows_of`] does.
pub fn key_of(snapshot: &Snapshot<'_>, table: &Table) -> RunKey {
    let metrics = snapshot.schema.table("metrics").map_or(RunKey::Id, |metrics| metrics.key);
    match (table.key, metrics) {
        (RunKey::Id, RunKey::Id) => RunKey::Id,
        _ => RunKey::Name,
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
         WHERE run_id = ?1 AND run_name > ?2 ORDER BY run_name, timestamp LIMIT 1",
    )?;
    let next_id = |after: &str| {
        format!(
            "SELECT run_id, run_name, timestamp FROM main.metrics
             WHERE run_id {after} ?1 ORDER BY run_id, run_name, timestamp LIMIT 1"
        )
    };
    let mut found =
        snapshot.connection.prepare(&next_id(">="))?.query_row([""], run_of_row).optional()?;
    let mut next_id = snapshot.connection.prepare(&next_id(">"))?;
    let mut runs: Vec<Run> = Vec::new();
    while let Some(run) = found {
        found = next_name.query_row([&run.id, &run.name], run_of_row).optional()?;
        if found.is_none() {
            found = next_id.query_row([&run.id], run_of_row).optional()?;
        }
        runs.push(run);
    }
    Ok(runs)
}

/// The same by the index of 0.24 to 0.41. A rename that met a writer left two names under one
/// id: then first and last row differ, and that run is read through.
fn skip_by_id(snapshot: &Snapshot<'_>) -> Result<Vec<Run>> {
    let sql = |after: &str| {
        format!(
            "SELECT run_id, run_name, timestamp FROM main.metrics
             WHERE run_id {after} ?1 ORDER BY run_id, timestamp LIMIT 1"
        )
    };
    let mut last_name = snapshot.connection.prepare_cached(
        "SELECT run_name FROM main.metrics WHERE run_id = ?1 ORDER BY timestamp DESC LIMIT 1",
    )?;
    let mut names = snapshot.connection.prepare_cached(
        "SELECT run_id, run_name, MIN(timestamp) FROM main.metrics
         WHERE run_id = ?1 GROUP BY run_name",
    )?;
    let mut runs: Vec<Run> = Vec::new();
    for run in skip(snapshot, sql, |last| &last.id)? {
        if last_name.query_row([&run.id], optional_text)?.as_ref() == Some(&run.name) {
            runs.push(run);
        } else {
            let all = names.query_map([&run.id], run_of_row)?;
            runs.extend(all.collect::<rusqlite::Result<Vec<_>>>()?);
        }
    }
    Ok(runs)
}

fn skip_by_name(snapshot: &Snapshot<'_>) -> Result<Vec<Run>> {
    let sql = |after: &str| {
        format!(
            "SELECT run_name, run_name, timestamp FROM main.metrics
             WHERE run_name {after} ?1 ORDER BY run_name, timestamp LIMIT 1"
        )
    };
    skip(snapshot, sql, |last| &last.name)
}

/// Runs a query that finds the first run at or after a key, then the first after that, ...
fn skip(
    snapshot: &Snapshot<'_>,
    sql: impl Fn(&str) -> String,
    key: impl Fn(&Run) -> &str,
) -> Result<Vec<Run>> {
    let mut statement = snapshot.connection.prepare(&sql(">="))?;
    let mut found = statement.query_row([""], run_of_row).optional()?;
    let mut statement = snapshot.connection.prepare(&sql(">"))?;
    let mut runs = Vec::new();
    while let Some(run) = found {
        found = statement.query_row([key(&run)], run_of_row).optional()?;
        runs.push(run);
    }
    Ok(runs)
}

fn group_all(snapshot: &Snapshot<'_>, table: &Table) -> Result<Vec<Run>> {
    let id = table.key.column();
    let sql = format!(
        "SELECT {id}, run_name, MIN(timestamp) FROM {} GROUP BY {id}, run_name",
        table.source
    );
    let mut statement = snapshot.connection.prepare(&sql)?;
    let runs = statement.query_map([], run_of_row)?;
    Ok(runs.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// Runs known only from the artifacts that they made or used here.
///
/// The ids and names in links are the caller's, so a link adds a run only where the metrics know
/// neither; one without an id only where no link with an id has its name.
fn add_from_links(snapshot: &Snapshot<'_>, runs: &mut Vec<Run>) -> Result<()> {
    let Some(links) = snapshot.schema.table("run_artifact_links") else { return Ok(()) };
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
    let project = super::name::canonical(&snapshot.project.name);
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
fn add_from_external_links(snapshot: &Snapshot<'_>, runs: &mut Vec<Run>) -> Result<()> {
    let Some(links) = snapshot.schema.table("external_run_artifact_links") else { return Ok(()) };
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
fn add_unlisted(snapshot: &Snapshot<'_>, runs: &mut Vec<Run>) -> Result<()> {
    let mut ids: BTreeSet<String> = runs.iter().map(|run| run.id.clone()).collect();
    let mut names: BTreeSet<String> = runs.iter().map(|run| run.name.clone()).collect();
    for name in ["system_metrics", "alerts"] {
        let Some(table) = snapshot.schema.table(name) else { continue };
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
    let sql = |after: &str| {
        format!(
            "SELECT {id}, run_name, timestamp FROM {} WHERE {id} {after} ?1
             ORDER BY {id}, timestamp LIMIT 1",
            table.source
        )
    };
    skip(snapshot, sql, |last| &last.id)
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

fn optional_text(row: &Row<'_>) -> rusqlite::Result<Option<String>> {
    Ok(value::text(row.get_ref(0)?))
}

/// The metrics of a run's first and last row; unreadable ones are left out.
pub fn first_and_last_metrics(snapshot: &Snapshot<'_>, run: &Run) -> Result<Vec<value::Metrics>> {
    let Some(table) = snapshot.schema.table("metrics") else { return Ok(Vec::new()) };
    let (condition, key) = rows_of(snapshot, table, run);
    let mut found = Vec::new();
    for order in ["timestamp, id", "timestamp DESC, id DESC"] {
        let sql = format!(
            "SELECT metrics FROM {} WHERE {condition} ORDER BY {order} LIMIT 1",
            table.source
        );
        let mut statement = snapshot.connection.prepare_cached(&sql)?;
        let metrics = statement
            .query_row([key], |row| Ok(value::bytes(row.get_ref(0)?).and_then(value::object)));
        found.extend(metrics.optional()?.flatten());
    }
    Ok(found)
}
