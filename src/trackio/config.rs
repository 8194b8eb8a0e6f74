//! Configs: one JSON object a run.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension;

use super::error::Result;
use super::project::Snapshot;
use super::run::Run;
use super::value::{self, Metrics};

/// A run's config; `None` where it has none, or where it is no JSON object.
///
/// Trackio looks it up by the run's id where the table has ids, and so misses the configs of
/// upgraded projects whose metrics are keyed by name; [`under_name`] finds those.
pub fn of_run(snapshot: &Snapshot<'_>, run: &Run) -> Result<Option<Metrics>> {
    let Some(table) = snapshot.schema.table("configs") else { return Ok(None) };
    let sql = format!("SELECT config FROM {} WHERE {} = ?1", table.source, table.key.column());
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let config = statement
        .query_row([&run.id], |row| Ok(value::bytes(row.get_ref(0)?).and_then(value::object)));
    Ok(config.optional()?.flatten())
}

/// The newest config that a run of this name has, whatever its id.
pub fn under_name(snapshot: &Snapshot<'_>, name: &str) -> Result<Option<Metrics>> {
    let Some(table) = snapshot.schema.table("configs") else { return Ok(None) };
    let sql = format!(
        "SELECT config FROM {} WHERE run_name = ?1 ORDER BY created_at DESC LIMIT 1",
        table.source
    );
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let config = statement
        .query_row([name], |row| Ok(value::bytes(row.get_ref(0)?).and_then(value::object)));
    Ok(config.optional()?.flatten())
}

/// All configs, by run id (by name where the table has no ids).
pub fn all(snapshot: &Snapshot<'_>) -> Result<BTreeMap<String, Metrics>> {
    let Some(table) = snapshot.schema.table("configs") else { return Ok(BTreeMap::new()) };
    let sql = format!("SELECT {}, config FROM {}", table.key.column(), table.source);
    let mut statement = snapshot.connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut configs = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let run = value::text(row.get_ref(0)?).unwrap_or_default();
        if let Some(config) = value::bytes(row.get_ref(1)?).and_then(value::object) {
            configs.insert(run, config);
        }
    }
    Ok(configs)
}
