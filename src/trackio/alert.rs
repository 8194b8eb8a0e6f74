//! Alerts: what the training's own code called out.

use super::error::Result;
use super::project::Snapshot;
use super::run::{Run, rows_of};
use super::value::{self, Step};

/// One alert, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// When, as stored.
    pub timestamp: String,
    /// The name of the run.
    pub run: String,
    /// The id of the run; its name where the table has no ids.
    pub run_id: String,
    /// What a person reads first.
    pub title: String,
    /// The rest.
    pub text: Option<String>,
    /// `info`, `warn` or `error` by Trackio's API; free text in the column.
    pub level: String,
    /// The step, where it was given.
    pub step: Option<Step>,
}

/// The alerts of a project, or of one run, newest first.
pub fn list(snapshot: &Snapshot<'_>, run: Option<&Run>) -> Result<Vec<Alert>> {
    let Some(table) = snapshot.schema.table("alerts") else { return Ok(Vec::new()) };
    let (condition, key) = match run {
        Some(run) => rows_of(snapshot, table, run),
        None => ("?1 = ?1", ""),
    };
    // Equal times: as the index gives them to Trackio, with a run by id, without one against it.
    let ties = if run.is_some() { "id" } else { "id DESC" };
    let sql = format!(
        "SELECT timestamp, run_name, {}, title, text, level, step FROM {} WHERE {condition}
         ORDER BY timestamp DESC, {ties}",
        table.key.column(),
        table.source
    );
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let mut rows = statement.query([key])?;
    let mut alerts = Vec::new();
    while let Some(row) = rows.next()? {
        let text = |column| Ok::<_, rusqlite::Error>(value::text(row.get_ref(column)?));
        alerts.push(Alert {
            timestamp: text(0)?.unwrap_or_default(),
            run: text(1)?.unwrap_or_default(),
            run_id: text(2)?.unwrap_or_default(),
            title: text(3)?.unwrap_or_default(),
            text: text(4)?,
            level: text(5)?.unwrap_or_default(),
            step: Step::of(row.get_ref(6)?),
        });
    }
    Ok(alerts)
}
