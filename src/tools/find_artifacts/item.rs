//! What an artifact looks like in a list, in Trackio's own fields.

use std::borrow::Cow;

use rmcp::schemars::{self, JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use super::search::{Listed, What};
use crate::tools::common::Page;
use crate::trackio::artifact::{self, RunArtifact, VersionSummary};
use crate::trackio::registry::{CollectionLink, Event, Registry};
use crate::trackio::{Result as TrackioResult, Snapshot};

/// The aliases of all versions are cut to no fewer.
const FEWEST_ALIASES: usize = 10;

/// A page of artifacts and, after them, of registries' collections: two lists under one total.
pub struct Listing(pub Page<ListItem>);

/// What a page holds.
pub enum ListItem {
    /// An artifact of a project.
    Artifact(ArtifactItem),
    /// A collection of a registry.
    Collection(CollectionItem),
}

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
    num_versions: usize,
    latest_version: Option<i64>,
    size_bytes: Option<i64>,
    aliases: Vec<String>,
    versions: Vec<VersionItem>,
    /// How many versions were asked for.
    #[serde(skip)]
    wanted: usize,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct CollectionItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    description: Option<String>,
    created_at: Option<String>,
    num_links: usize,
    latest_version: Option<i64>,
    links: Vec<LinkItem>,
}

impl Serialize for Listing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (mut artifacts, mut collections) = (Vec::new(), Vec::new());
        for item in &self.0.items {
            match item {
                ListItem::Artifact(item) => artifacts.push(item),
                ListItem::Collection(item) => collections.push(item),
            }
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("artifacts", &artifacts)?;
        if !collections.is_empty() {
            map.serialize_entry("collections", &collections)?;
        }
        map.serialize_entry("total", &self.0.total)?;
        if let Some(cursor) = self.0.next_cursor() {
            map.serialize_entry("next_cursor", &cursor)?;
        }
        map.end()
    }
}

impl JsonSchema for Listing {
    fn schema_name() -> Cow<'static, str> {
        "listing".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "artifacts": {
                    "type": "array", "items": generator.subschema_for::<ArtifactItem>()
                },
                "collections": {
                    "type": "array", "items": generator.subschema_for::<CollectionItem>()
                },
                "total": { "type": "integer" },
                "next_cursor": { "type": "string" },
            },
            "required": ["artifacts", "total"],
        })
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct VersionItem {
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
) -> TrackioResult<ListItem> {
    Ok(match listed.what {
        What::Artifact(artifact, only) => {
            let versions = artifact::versions(snapshot, &artifact, most, only.as_deref())?;
            let wanted = only.map_or(versions.count, |only| only.len());
            ListItem::Artifact(ArtifactItem {
                project,
                name: artifact.name,
                kind: artifact.kind,
                description: artifact.description,
                created_at: artifact.created_at,
                num_versions: versions.count,
                latest_version: versions.latest,
                size_bytes: versions.latest_size,
                aliases: versions.aliases,
                wanted,
                versions: versions.newest.into_iter().map(VersionItem::from).collect(),
            })
        }
        What::Collection(collection) => ListItem::Collection(CollectionItem {
            project,
            name: collection.name,
            kind: collection.kind,
            description: collection.description,
            created_at: collection.created_at,
            num_links: collection.links.len(),
            latest_version: collection.links.first().map(|link| link.collection_version),
            links: collection.links.into_iter().map(LinkItem::from).collect(),
        }),
    })
}

impl ListItem {
    /// How many versions are shown.
    pub fn len(&self) -> usize {
        match self {
            Self::Artifact(item) => item.versions.len(),
            Self::Collection(item) => item.links.len(),
        }
    }

    /// How many were asked for and are not shown.
    pub fn left_out(&self) -> usize {
        let wanted = match self {
            Self::Artifact(item) => item.wanted,
            Self::Collection(item) => item.num_links,
        };
        wanted.saturating_sub(self.len())
    }

    /// Shows no more versions, and no more of the aliases of all versions than twice as many.
    pub fn truncate(&mut self, most: usize) {
        match self {
            Self::Artifact(item) => {
                item.versions.truncate(most);
                item.aliases.truncate(most.saturating_mul(2).max(FEWEST_ALIASES));
            }
            Self::Collection(item) => item.links.truncate(most),
        }
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
