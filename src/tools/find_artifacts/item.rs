//! What an artifact looks like in a list, in Trackio's own fields.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::search::{Listed, What};
use crate::tools::common::Item;
use crate::trackio::artifact::{self, Artifact, RunArtifact, VersionSummary};
use crate::trackio::registry::{Collection, CollectionLink, Event, Registry};
use crate::trackio::{Result as TrackioResult, Snapshot};

/// An artifact, or a collection of a registry.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct ArtifactItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    description: Option<String>,
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_versions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_links: Option<usize>,
    latest_version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aliases: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    versions: Option<Vec<VersionItem>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<Vec<LinkItem>>,
    /// How many versions were asked for.
    #[serde(skip)]
    wanted: usize,
}

impl Item for ArtifactItem {
    const LIST: &'static str = "artifacts";
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct VersionItem {
    version_id: i64,
    version: i64,
    aliases: Vec<String>,
    size_bytes: i64,
    num_files: Option<i64>,
    created_at: Option<String>,
}

/// A version of a collection.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct LinkItem {
    collection_version: i64,
    source_project: String,
    source_artifact: String,
    source_version: i64,
    source_space_id: Option<String>,
    source_bucket_id: Option<String>,
    source_server_base_url: Option<String>,
    aliases: Vec<String>,
    created_at: Option<String>,
}

/// A version that a run made or used.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct RunArtifactItem {
    version_id: i64,
    project: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    version: i64,
    size_bytes: i64,
    created_at: Option<String>,
}

/// A registry.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct RegistryFacts {
    name: String,
    description: Option<String>,
    created_at: String,
    num_events: usize,
}

/// An entry of a registry's log.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct EventItem {
    id: i64,
    event_uid: Option<String>,
    ts: String,
    kind: String,
    /// The rest.
    pub payload: Value,
}

/// Looks the versions of an artifact up, the newest `most`.
pub fn of(
    snapshot: &Snapshot<'_>,
    listed: Listed,
    project: Option<String>,
    most: usize,
) -> TrackioResult<ArtifactItem> {
    match listed.what {
        What::Artifact(artifact, only) => {
            of_artifact(snapshot, artifact, project, most, only.as_deref())
        }
        What::Collection(collection) => Ok(of_collection(collection, project)),
    }
}

fn of_artifact(
    snapshot: &Snapshot<'_>,
    artifact: Artifact,
    project: Option<String>,
    most: usize,
    only: Option<&[i64]>,
) -> TrackioResult<ArtifactItem> {
    let versions = artifact::versions(snapshot, &artifact, most, only)?;
    Ok(ArtifactItem {
        project,
        name: artifact.name,
        kind: artifact.kind,
        description: artifact.description,
        created_at: artifact.created_at,
        num_versions: Some(versions.count),
        num_links: None,
        latest_version: versions.latest,
        size_bytes: versions.latest_size,
        aliases: Some(versions.aliases),
        wanted: if only.is_some() { versions.newest.len() } else { versions.count },
        versions: Some(versions.newest.into_iter().map(VersionItem::from).collect()),
        links: None,
    })
}

fn of_collection(collection: Collection, project: Option<String>) -> ArtifactItem {
    ArtifactItem {
        project,
        name: collection.name,
        kind: collection.kind,
        description: collection.description,
        created_at: collection.created_at,
        num_versions: None,
        num_links: Some(collection.links.len()),
        latest_version: collection.links.first().map(|link| link.collection_version),
        size_bytes: None,
        aliases: None,
        wanted: collection.links.len(),
        versions: None,
        links: Some(collection.links.into_iter().map(LinkItem::from).collect()),
    }
}

impl ArtifactItem {
    /// How many versions are shown.
    pub fn len(&self) -> usize {
        self.versions.as_ref().map_or(0, Vec::len) + self.links.as_ref().map_or(0, Vec::len)
    }

    /// How many were asked for and are not shown.
    pub fn left_out(&self) -> usize {
        self.wanted.saturating_sub(self.len())
    }

    /// Shows no more versions.
    pub fn truncate(&mut self, most: usize) {
        self.versions.iter_mut().for_each(|versions| versions.truncate(most));
        self.links.iter_mut().for_each(|links| links.truncate(most));
    }
}

impl From<VersionSummary> for VersionItem {
    fn from(version: VersionSummary) -> Self {
        let VersionSummary { version_id, version, aliases, size_bytes, num_files, created_at } =
            version;
        Self { version_id, version, aliases, size_bytes, num_files, created_at }
    }
}

impl From<CollectionLink> for LinkItem {
    fn from(link: CollectionLink) -> Self {
        Self {
            collection_version: link.collection_version,
            source_project: link.source_project,
            source_artifact: link.source_artifact,
            source_version: link.source_version,
            source_space_id: link.source_space_id,
            source_bucket_id: link.source_bucket_id,
            source_server_base_url: link.source_server_base_url,
            aliases: link.aliases,
            created_at: link.created_at,
        }
    }
}

impl From<RunArtifact> for RunArtifactItem {
    fn from(artifact: RunArtifact) -> Self {
        let RunArtifact { version_id, project, name, kind, version, size_bytes, created_at } =
            artifact;
        Self { version_id, project, name, kind, version, size_bytes, created_at }
    }
}

impl From<Event> for EventItem {
    fn from(event: Event) -> Self {
        let Event { id, event_uid, ts, kind, payload } = event;
        Self { id, event_uid, ts, kind, payload }
    }
}

impl RegistryFacts {
    /// The registry's own facts, and how long its log is.
    pub fn of(registry: Registry, num_events: usize) -> Self {
        let Registry { name, description, created_at } = registry;
        Self { name, description, created_at, num_events }
    }
}
