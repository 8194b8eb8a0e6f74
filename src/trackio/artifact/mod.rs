//! Artifacts: models, datasets and other files that runs logged in versions, since 0.30.
//!
//! A database without their tables has none, which is no error.

mod blob;
mod lineage;
mod links;
mod preview;
mod version;

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};

pub use blob::{Blob, Blobs, FileState};
pub use lineage::{ArtifactNode, Edge, Lineage, Node, RunNode, lineage};
pub use links::{
    Consumer, ExternalLink, RunArtifact, RunArtifacts, consumers, external_of_run, of_run,
};
pub use preview::{Content, Preview, preview};
pub use version::{Entry, Version, metadata_step, named, resolve};

use super::error::Result;
use super::project::Snapshot;
use super::value;

/// One artifact, without its versions.
#[derive(Debug, Clone, PartialEq)]
pub struct Artifact {
    /// Its id in the database.
    pub id: i64,
    /// Its name, one of a kind in its project.
    pub name: String,
    /// `model`, `dataset` or whatever the code called it.
    pub kind: String,
    /// What its maker wrote about it.
    pub description: Option<String>,
    /// When it was first logged, as stored.
    pub created_at: Option<String>,
}

/// One version as lists show it.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionSummary {
    /// The version's id, one of a kind in its project.
    pub version_id: i64,
    /// Its number.
    pub version: i64,
    /// Its aliases, in the order in which Trackio gives them.
    pub aliases: Vec<String>,
    /// The size of its files together.
    pub size_bytes: i64,
    /// How many files it has; `None` where the manifest cannot be read.
    pub num_files: Option<i64>,
    /// When it was logged, as stored.
    pub created_at: Option<String>,
}

/// The versions of one artifact.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Versions {
    /// How many there are.
    pub count: usize,
    /// The newest, as far as they were asked for.
    pub newest: Vec<VersionSummary>,
    /// The number of the newest.
    pub latest: Option<i64>,
    /// The size of the newest.
    pub latest_size: Option<i64>,
    /// The aliases of all versions, sorted.
    pub aliases: Vec<String>,
}

/// All artifacts, by type and name.
pub fn list(snapshot: &Snapshot<'_>) -> Result<Vec<Artifact>> {
    if snapshot.schema.table("artifacts").is_none() {
        return Ok(Vec::new());
    }
    let mut statement = snapshot.connection.prepare_cached(
        "SELECT id, name, type, description, created_at FROM main.artifacts ORDER BY type, name",
    )?;
    let artifacts = statement.query_map([], |row| {
        let text = |column| Ok::<_, rusqlite::Error>(value::text(row.get_ref(column)?));
        Ok(Artifact {
            id: row.get(0)?,
            name: text(1)?.unwrap_or_default(),
            kind: text(2)?.unwrap_or_default(),
            description: text(3)?,
            created_at: text(4)?,
        })
    })?;
    Ok(artifacts.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// The artifact of that name.
pub fn find(snapshot: &Snapshot<'_>, name: &str) -> Result<Option<Artifact>> {
    Ok(list(snapshot)?.into_iter().find(|artifact| artifact.name == name))
}

/// The versions of an artifact, the `most` newest in full; with `only`, those of its ids alone.
pub fn versions(
    snapshot: &Snapshot<'_>,
    artifact: &Artifact,
    most: usize,
    only: Option<&[i64]>,
) -> Result<Versions> {
    if snapshot.schema.table("artifact_versions").is_none() {
        return Ok(Versions::default());
    }
    let mut aliases = aliases_by_version(snapshot, artifact.id)?;
    let mut all_aliases: Vec<String> = aliases.values().flatten().cloned().collect();
    all_aliases.sort();
    let mut statement = snapshot.connection.prepare_cached(
        "SELECT id, version, size_bytes, created_at FROM main.artifact_versions
         WHERE artifact_id = ?1 ORDER BY version DESC",
    )?;
    let mut rows = statement.query([artifact.id])?;
    let mut found = Versions { aliases: all_aliases, ..Versions::default() };
    while let Some(row) = rows.next()? {
        let (version_id, version): (i64, i64) = (row.get(0)?, row.get(1)?);
        let size_bytes = row.get::<_, Option<i64>>(2)?.unwrap_or_default();
        found.count += 1;
        if found.latest.is_none() {
            (found.latest, found.latest_size) = (Some(version), Some(size_bytes));
        }
        if found.newest.len() < most && only.is_none_or(|only| only.contains(&version_id)) {
            found.newest.push(VersionSummary {
                version_id,
                version,
                aliases: aliases.remove(&version_id).unwrap_or_default(),
                size_bytes,
                num_files: number_of_files(snapshot, version_id)?,
                created_at: value::text(row.get_ref(3)?),
            });
        }
    }
    Ok(found)
}

/// An alias of a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Tag {
    /// The alias.
    pub alias: String,
    /// The artifact's id.
    pub artifact_id: i64,
    /// The version's id.
    pub version_id: i64,
}

/// Every alias in the project.
pub fn tags(snapshot: &Snapshot<'_>) -> Result<Vec<Tag>> {
    if snapshot.schema.table("artifact_aliases").is_none() {
        return Ok(Vec::new());
    }
    let mut statement = snapshot.connection.prepare_cached(
        "SELECT alias, artifact_id, artifact_version_id FROM main.artifact_aliases",
    )?;
    let found = statement.query_map([], |row| {
        let alias = value::text(row.get_ref(0)?).unwrap_or_default();
        Ok(Tag { alias, artifact_id: row.get(1)?, version_id: row.get(2)? })
    })?;
    Ok(found.collect::<rusqlite::Result<Vec<_>>>()?)
}

fn aliases_by_version(
    snapshot: &Snapshot<'_>,
    artifact: i64,
) -> Result<BTreeMap<i64, Vec<String>>> {
    let mut by_version: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    if snapshot.schema.table("artifact_aliases").is_none() {
        return Ok(by_version);
    }
    // Trackio's order is that of the rows.
    let mut statement = snapshot.connection.prepare_cached(
        "SELECT artifact_version_id, alias FROM main.artifact_aliases
         WHERE artifact_id = ?1 ORDER BY rowid",
    )?;
    let mut rows = statement.query([artifact])?;
    while let Some(row) = rows.next()? {
        let alias = value::text(row.get_ref(1)?).unwrap_or_default();
        by_version.entry(row.get(0)?).or_default().push(alias);
    }
    Ok(by_version)
}

fn number_of_files(snapshot: &Snapshot<'_>, version_id: i64) -> Result<Option<i64>> {
    let mut statement = snapshot.connection.prepare_cached(
        "SELECT CASE WHEN json_valid(manifest) THEN json_array_length(manifest) END
         FROM main.artifact_versions WHERE id = ?1",
    )?;
    Ok(statement.query_row(params![version_id], |row| row.get(0)).optional()?.flatten())
}
