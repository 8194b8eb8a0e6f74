//! From the best step of a metric to the version of an artifact that was logged nearest to it.

use std::path::Path;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::shape::direction;
use crate::analysis::role::{Role, classify};
use crate::analysis::stats;
use crate::trackio::artifact::{self, Blobs, RunArtifact, Version};
use crate::trackio::columns::Columns;
use crate::trackio::run::rows_of;
use crate::trackio::value::{Step, text};
use crate::trackio::{Result, Run, Snapshot, time};

/// Rows reach the database in batches, so a row of the step at which a version was logged can
/// come so much later, in seconds.
const BATCH: f64 = 1.0;

/// So many versions are looked at, those nearest in time to the best step.
const CANDIDATES: usize = 100;

/// The version to go back to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Checkpoint {
    /// The metric whose best step it is.
    pub metric: String,
    /// Which way is better.
    pub direction: &'static str,
    /// The metric's best value.
    pub value: f64,
    /// The step of that.
    #[schemars(with = "f64")]
    pub step: Step,
    /// The artifact.
    pub name: String,
    /// The number of the version.
    pub version: i64,
    /// Its aliases.
    pub aliases: Vec<String>,
    /// The step at which it was logged.
    #[schemars(with = "f64")]
    pub logged_at_step: Step,
    /// How that is known: from the version's `metadata` or from the `time` of the run's rows.
    pub known_from: &'static str,
    /// Where its largest file lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Whether that is there and of the right size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
}

/// A version, and the step at which it was logged.
struct Logged {
    version: Version,
    name: String,
    step: f64,
    known_from: &'static str,
}

/// The checkpoint nearest to the best step of `metric`, or of the metric that says most about the
/// model. `None` where the run logged no artifact, or no metric with a direction.
pub fn best(
    snapshot: &Snapshot<'_>,
    directory: &Path,
    run: &Run,
    columns: &Columns,
    metric: Option<&str>,
) -> Result<Option<Checkpoint>> {
    let outputs = artifact::of_run(snapshot, run)?.output;
    if outputs.is_empty() {
        return Ok(None);
    }
    let Some((metric, best)) = best_point(columns, metric) else { return Ok(None) };
    let Some(logged) = nearest(snapshot, run, models(outputs), best.step)? else {
        return Ok(None);
    };
    let largest = logged.version.manifest.iter().flatten();
    let largest = largest.filter(|entry| entry.reference.is_none()).max_by_key(|entry| entry.size);
    let blobs = Blobs::of(directory, snapshot.project);
    let blob = largest.map(|entry| blobs.look(entry));
    let location = blob.as_ref().and_then(|blob| blob.location.as_ref());
    Ok(Some(Checkpoint {
        direction: direction(&metric).unwrap_or("min"),
        metric,
        value: best.value,
        step: Step::from_f64(best.step),
        name: logged.name,
        version: logged.version.version,
        aliases: logged.version.aliases,
        logged_at_step: Step::from_f64(logged.step),
        known_from: logged.known_from,
        location: location.map(|location| location.display().to_string()),
        state: blob.as_ref().map(|blob| blob.state.as_str()),
    }))
}

/// Models where the run logged any; a dataset that it logged too is no checkpoint.
fn models(outputs: Vec<RunArtifact>) -> Vec<RunArtifact> {
    let is_model = |output: &RunArtifact| {
        let words = format!("{} {}", output.kind, output.name).to_lowercase();
        output.kind.eq_ignore_ascii_case("model") || words.contains("checkpoint")
    };
    match outputs.iter().any(is_model) {
        true => outputs.into_iter().filter(is_model).collect(),
        false => outputs,
    }
}

/// The metric by which checkpoints are chosen, and where it is best. A training loss falls
/// whatever the model learns, so it is the last choice.
fn best_point(columns: &Columns, metric: Option<&str>) -> Option<(String, stats::Point)> {
    let best = |name: &String| {
        let column = columns.metrics.get(name)?;
        Some((name.clone(), column.stats(classify(name).direction).best?))
    };
    if let Some(metric) = metric {
        return best(&metric.to_owned());
    }
    let rank = |name: &String| match classify(name).role {
        Role::EvalLoss => 0,
        Role::Reward => 1,
        Role::Score | Role::Error => 2,
        Role::PreferenceAccuracy | Role::PreferenceMargin => 3,
        Role::TrainLoss => 4,
        _ => 5,
    };
    let mut names: Vec<&String> = columns.metrics.keys().collect();
    names.sort_by_key(|name| (rank(name), *name));
    names.into_iter().filter(|name| rank(name) < 5).find_map(best)
}

fn nearest(
    snapshot: &Snapshot<'_>,
    run: &Run,
    outputs: Vec<RunArtifact>,
    step: f64,
) -> Result<Option<Logged>> {
    let mut nearest: Option<Logged> = None;
    for RunArtifact { version_id, name, created_at, .. } in
        near_in_time(snapshot, run, outputs, step)?
    {
        let Some(version) = artifact::named(snapshot, version_id)? else { continue };
        let from_metadata = artifact::metadata_step(version.metadata.as_ref());
        let (logged_at, known_from) = match from_metadata {
            Some(step) => (Some(step), "metadata"),
            None => (step_at(snapshot, run, created_at.as_deref())?, "time"),
        };
        let Some(logged_at) = logged_at else { continue };
        let is_nearer = |known: &Logged| (logged_at - step).abs() <= (known.step - step).abs();
        if nearest.as_ref().is_none_or(is_nearer) {
            nearest = Some(Logged { version, name, step: logged_at, known_from });
        }
    }
    Ok(nearest)
}

/// The versions that were logged about when the step was, oldest first: to look at each of many
/// thousand would take long, and the others are no candidates.
fn near_in_time(
    snapshot: &Snapshot<'_>,
    run: &Run,
    mut outputs: Vec<RunArtifact>,
    step: f64,
) -> Result<Vec<RunArtifact>> {
    let Some(table) = snapshot.schema.table("metrics").filter(|table| table.has("step")) else {
        return Ok(Vec::new());
    };
    if outputs.len() <= CANDIDATES {
        return Ok(outputs);
    }
    let (condition, key) = rows_of(snapshot, table, run);
    let sql = format!(
        "SELECT timestamp FROM {} WHERE {condition} AND step = ?2 ORDER BY timestamp LIMIT 1",
        table.source
    );
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let at = statement.query_row(params![key, step], |row| Ok(text(row.get_ref(0)?))).optional()?;
    let seconds = |stamp: &str| time::parse(stamp).map(time::as_seconds);
    let Some(at) = at.flatten().and_then(|at| seconds(&at)) else { return Ok(outputs) };
    let distance = |output: &RunArtifact| {
        let logged = output.created_at.as_deref().and_then(seconds);
        logged.map_or(f64::INFINITY, |logged| (logged - at).abs())
    };
    outputs.sort_by_cached_key(|output| (distance(output) * 1e6) as u64);
    outputs.truncate(CANDIDATES);
    outputs.sort_by(|a, b| a.created_at.cmp(&b.created_at));
    Ok(outputs)
}

/// The step that a run had come to at a time: of its last row by then, or of a row of the same
/// batch that was written right after.
pub fn step_at(snapshot: &Snapshot<'_>, run: &Run, at: Option<&str>) -> Result<Option<f64>> {
    let Some(table) = snapshot.schema.table("metrics").filter(|table| table.has("step")) else {
        return Ok(None);
    };
    let Some((at, moment)) = at.and_then(|at| Some((at, time::parse(at)?))) else {
        return Ok(None);
    };
    let (condition, key) = rows_of(snapshot, table, run);
    let row = |comparison: &str, order: &str| -> Result<Option<(f64, f64)>> {
        let sql = format!(
            "SELECT step, timestamp FROM {} WHERE {condition} AND timestamp {comparison} ?2
             ORDER BY timestamp {order}, id {order} LIMIT 1",
            table.source
        );
        let mut statement = snapshot.connection.prepare_cached(&sql)?;
        let found = statement
            .query_row([key, at], |row| Ok((Step::of(row.get_ref(0)?), text(row.get_ref(1)?))))
            .optional()?;
        Ok(found.and_then(|(step, time)| {
            let seconds = time::as_seconds(time::parse(&time?)?) - time::as_seconds(moment);
            Some((step?.as_f64(), seconds.abs()))
        }))
    };
    let (before, after) = (row("<=", "DESC")?, row(">", "ASC")?);
    Ok(match (before, after) {
        (Some((_, before)), Some((step, after))) if after <= BATCH && after < before => Some(step),
        (Some((step, _)), _) => Some(step),
        (None, Some((step, after))) if after <= BATCH => Some(step),
        (None, _) => None,
    })
}
