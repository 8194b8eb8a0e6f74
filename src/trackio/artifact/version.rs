//! One version of an artifact, with all that is stored about it.

use rusqlite::{OptionalExtension, Row, params};
use serde_json::Value;

use super::Artifact;
use crate::trackio::error::Result;
use crate::trackio::project::Snapshot;
use crate::trackio::value;

/// A version in full, under Trackio's names.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// The artifact's id.
    pub artifact_id: i64,
    /// The version's id.
    pub version_id: i64,
    /// Its number.
    pub version: i64,
    /// Its files; `None` where what is stored is no list.
    pub manifest: Option<Vec<Entry>>,
    /// The digest of the manifest.
    pub manifest_digest: Option<String>,
    /// What its maker stored with it.
    pub metadata: Option<Value>,
    /// The size of its files together.
    pub size_bytes: i64,
    /// The id of the run that logged it.
    pub producer_run_id: Option<String>,
    /// The name of the run that logged it.
    pub producer_run_name: Option<String>,
    /// When it was logged, as stored.
    pub created_at: Option<String>,
    /// Its aliases, as Trackio orders them.
    pub aliases: Vec<String>,
}

/// One file of a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its path within the artifact.
    pub path: String,
    /// Its SHA-256; of a reference whatever its source calls a checksum.
    pub digest: String,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// The address of a file that Trackio keeps no copy of.
    pub reference: Option<String>,
}

/// The id of the version that a number (`v3`), an alias or nothing (`latest`) means, as Trackio
/// reads it; a bare number is an alias, else a version's number.
pub fn resolve(
    snapshot: &Snapshot<'_>,
    artifact: &Artifact,
    spec: Option<&str>,
) -> Result<Option<i64>> {
    if snapshot.schema.table("artifact_versions").is_none() {
        return Ok(None);
    }
    let spec = spec.map(str::trim).filter(|spec| !spec.is_empty()).unwrap_or("latest");
    if let Some(number) = spec.strip_prefix('v').and_then(number) {
        return by_number(snapshot, artifact, number);
    }
    if let Some(found) = by_alias(snapshot, artifact, spec)? {
        return Ok(Some(found));
    }
    match number(spec) {
        Some(number) => by_number(snapshot, artifact, number),
        // Versions that were imported by hand can lack the alias.
        None if spec == "latest" => newest(snapshot, artifact),
        None => Ok(None),
    }
}

fn number(digits: &str) -> Option<i64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

fn by_number(snapshot: &Snapshot<'_>, artifact: &Artifact, number: i64) -> Result<Option<i64>> {
    let sql = "SELECT id FROM main.artifact_versions WHERE artifact_id = ?1 AND version = ?2";
    let mut statement = snapshot.connection.prepare_cached(sql)?;
    Ok(statement.query_row([artifact.id, number], |row| row.get(0)).optional()?)
}

fn by_alias(snapshot: &Snapshot<'_>, artifact: &Artifact, alias: &str) -> Result<Option<i64>> {
    if snapshot.schema.table("artifact_aliases").is_none() {
        return Ok(None);
    }
    let sql = "SELECT artifact_version_id FROM main.artifact_aliases
               WHERE artifact_id = ?1 AND alias = ?2";
    let mut statement = snapshot.connection.prepare_cached(sql)?;
    Ok(statement.query_row(params![artifact.id, alias], |row| row.get(0)).optional()?)
}

fn newest(snapshot: &Snapshot<'_>, artifact: &Artifact) -> Result<Option<i64>> {
    let sql = "SELECT id FROM main.artifact_versions WHERE artifact_id = ?1
               ORDER BY version DESC LIMIT 1";
    let mut statement = snapshot.connection.prepare_cached(sql)?;
    Ok(statement.query_row([artifact.id], |row| row.get(0)).optional()?)
}

/// A version by its id.
pub fn named(snapshot: &Snapshot<'_>, version_id: i64) -> Result<Option<Version>> {
    let sql = "SELECT artifact_id, id, version, manifest, manifest_digest, metadata, size_bytes,
                      producer_run_id, producer_run_name, created_at
               FROM main.artifact_versions WHERE id = ?1";
    let mut statement = snapshot.connection.prepare_cached(sql)?;
    let Some(mut version) = statement.query_row([version_id], of_row).optional()? else {
        return Ok(None);
    };
    let all = super::aliases_by_version(snapshot, version.artifact_id)?;
    version.aliases = all.into_iter().find(|(id, _)| *id == version_id).unwrap_or_default().1;
    Ok(Some(version))
}

fn of_row(row: &Row<'_>) -> rusqlite::Result<Version> {
    let text = |column| Ok::<_, rusqlite::Error>(value::text(row.get_ref(column)?));
    let json = |column| {
        Ok::<_, rusqlite::Error>(value::bytes(row.get_ref(column)?).and_then(value::parse))
    };
    Ok(Version {
        artifact_id: row.get(0)?,
        version_id: row.get(1)?,
        version: row.get(2)?,
        manifest: json(3)?.and_then(entries),
        manifest_digest: text(4)?,
        metadata: json(5)?,
        size_bytes: row.get::<_, Option<i64>>(6)?.unwrap_or_default(),
        producer_run_id: text(7)?,
        producer_run_name: text(8)?,
        created_at: text(9)?,
        aliases: Vec::new(),
    })
}

fn entries(manifest: Value) -> Option<Vec<Entry>> {
    let Value::Array(items) = manifest else { return None };
    let entry = |item: &Value| {
        let text = |key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
        Entry {
            path: text("path").unwrap_or_default(),
            digest: text("digest").unwrap_or_default(),
            size: item.get("size").and_then(Value::as_u64),
            reference: text("ref"),
        }
    };
    Some(items.iter().map(entry).collect())
}

/// The step that a version's metadata names, as training scripts write it.
pub fn metadata_step(metadata: Option<&Value>) -> Option<f64> {
    let metadata = metadata?.as_object()?;
    ["step", "global_step", "train/global_step", "steps", "iteration"]
        .iter()
        .find_map(|key| metadata.get(*key)?.as_f64().filter(|step| step.is_finite()))
}
