//! The answer: Trackio's manifest fields, and what surrounds them.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::content::FileContent;
use super::files::{FileItem, Summary};
use super::gather::{Facts, Producer};
use super::graph::Graph;
use super::source::{Registered, Source, SourceItem, link_items};
use crate::tools::common::shape::counted;
use crate::tools::common::{Output, Page, PageRequest, text};
use crate::tools::find_artifacts::{LinkItem, RegistryEvent};
use crate::trackio::Project;
use crate::trackio::artifact::{Consumer, ExternalLink};

/// Lists beside the files are cut to no fewer.
const FEWEST: usize = 3;
/// Nodes of the lineage are cut to no fewer.
const FEWEST_NODES: usize = 5;

#[derive(Serialize, JsonSchema)]
pub struct Artifact {
    project: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    version: i64,
    aliases: Vec<String>,
    description: Option<String>,
    created_at: Option<String>,
    #[serde(flatten)]
    stored: Option<Stored>,
    /// Where a collection's version comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Map<String, Value>>")]
    source: Option<SourceItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Map<String, Value>>")]
    producer: Option<Producer>,
    /// The files, counted by state.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Map<String, Value>>")]
    pub files: Option<Summary>,
    #[serde(flatten)]
    pub manifest: Page<FileItem>,
    #[serde(flatten)]
    pub content: Option<FileContent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<Map<String, Value>>>")]
    consumers: Option<Vec<ConsumerItem>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Map<String, Value>>")]
    lineage: Option<Graph>,
    /// What its producer used or made of other projects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Map<String, Value>>")]
    external_links: Vec<ExternalItem>,
    /// The collections of registries that link it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<Map<String, Value>>>")]
    pub registered_in: Option<Vec<Registered>>,
    /// All versions of the collection, newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<Map<String, Value>>>")]
    links: Option<Vec<LinkItem>>,
    /// What the registry's log says of the collection, oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<Map<String, Value>>>")]
    events: Option<Vec<RegistryEvent>>,
    /// What did not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<String>,
    /// The project, name and version that hold the files.
    #[serde(skip)]
    pub home: (String, String, i64),
    #[serde(skip)]
    whole: usize,
}

/// What the row of the version says. Trackio gives null for what the row does not hold, so the
/// schema of these fields takes any value.
#[derive(Serialize, JsonSchema)]
struct Stored {
    artifact_id: i64,
    version_id: i64,
    num_versions: usize,
    size_bytes: i64,
    #[schemars(with = "Value")]
    manifest_digest: Option<String>,
    metadata: Option<Value>,
    #[schemars(with = "Value")]
    producer_run_id: Option<String>,
    #[schemars(with = "Value")]
    producer_run_name: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ConsumerItem {
    run_name: Option<String>,
    run_id: Option<String>,
    project: String,
    created_at: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ExternalItem {
    direction: String,
    project: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    version: i64,
    version_id: i64,
    size_bytes: i64,
}

impl Artifact {
    /// A version whose files are described in a database here.
    pub fn of(asked: &Project, source: Source, facts: Facts) -> Self {
        let mut answer = Self::without_source(asked, source);
        let version = facts.version;
        if answer.source.is_none() {
            answer.version = version.version;
            answer.aliases = version.aliases;
            answer.created_at = version.created_at;
        }
        answer.home.2 = version.version;
        answer.stored = Some(Stored {
            artifact_id: version.artifact_id,
            version_id: version.version_id,
            num_versions: facts.num_versions,
            size_bytes: version.size_bytes,
            manifest_digest: version.manifest_digest,
            metadata: version.metadata,
            producer_run_id: version.producer_run_id,
            producer_run_name: version.producer_run_name,
        });
        answer.producer = facts.producer;
        // What surrounds a version is told together or, beside a file's rows, not at all.
        if facts.lineage.is_some() {
            answer.consumers = Some(facts.consumers.into_iter().map(ConsumerItem::from).collect());
        } else {
            (answer.links, answer.events) = (None, None);
        }
        answer.lineage = facts.lineage;
        answer.external_links = facts.external.into_iter().map(ExternalItem::from).collect();
        answer
    }

    /// What is known without the version's own row.
    pub fn without_source(asked: &Project, source: Source) -> Self {
        let found = source.place.is_some();
        let (name, kind, description, home) = match &source.place {
            Some(place) => (
                place.artifact.name.clone(),
                place.artifact.kind.clone(),
                place.artifact.description.clone(),
                place.project.name.clone(),
            ),
            None => (String::new(), String::new(), None, String::new()),
        };
        let mut answer = Self {
            project: asked.name.clone(),
            home: (home, name.clone(), 0),
            name,
            kind,
            version: 0,
            aliases: Vec::new(),
            description,
            created_at: None,
            stored: None,
            source: None,
            producer: None,
            files: None,
            manifest: Page::picked(Vec::new(), 0, &PageRequest::default()),
            content: None,
            consumers: None,
            lineage: None,
            external_links: Vec::new(),
            registered_in: None,
            links: None,
            events: None,
            left_out: None,
            whole: 0,
        };
        if let Some(linked) = source.collection {
            answer.source = Some(SourceItem::of(&linked.link, found));
            answer.name.clone_from(&linked.collection.name);
            answer.kind.clone_from(&linked.collection.kind);
            answer.description.clone_from(&linked.collection.description);
            answer.version = linked.link.collection_version;
            answer.aliases = linked.link.aliases;
            answer.created_at.clone_from(&linked.collection.created_at);
            answer.links = Some(link_items(linked.collection));
            answer.events = Some(linked.events);
        }
        answer
    }

    /// Remembers how much there is before anything is left out.
    pub fn count(&mut self) {
        self.whole = self.beside();
    }

    /// How much is in the lists that are cut to [`FEWEST`].
    fn beside(&self) -> usize {
        self.consumers.as_ref().map_or(0, Vec::len)
            + self.external_links.len()
            + self.registered_in.as_ref().map_or(0, Vec::len)
            + self.links.as_ref().map_or(0, Vec::len)
            + self.events.as_ref().map_or(0, Vec::len)
    }

    fn nodes(&self) -> usize {
        self.lineage.as_ref().map_or(0, Graph::len)
    }

    /// Cuts what surrounds the files; `false` where all of it is short.
    fn shrink_beside(&mut self, share: f64, least: usize, least_nodes: usize) -> bool {
        let before = (self.beside(), self.nodes());
        let kept = |length: usize, least: usize| ((length as f64 * share) as usize).max(least);
        let nodes = kept(before.1, least_nodes);
        self.lineage.iter_mut().for_each(|graph| graph.truncate(nodes));
        let cut = |length: usize| kept(length, least).min(length);
        self.consumers.iter_mut().for_each(|list| list.truncate(cut(list.len())));
        self.registered_in.iter_mut().for_each(|list| list.truncate(cut(list.len())));
        self.links.iter_mut().for_each(|list| list.truncate(cut(list.len())));
        self.external_links.truncate(cut(self.external_links.len()));
        if let Some(events) = &mut self.events {
            // The newest come last.
            events.drain(..events.len() - cut(events.len()));
        }
        before != (self.beside(), self.nodes())
    }
}

impl Output for Artifact {
    fn headline(&self) -> String {
        let kind = text::brief_name(&self.kind);
        let name = text::brief_name(&self.name);
        let project = text::brief_name(&self.project);
        let who = format!("{kind} {name} v{} (project {project})", self.version);
        if let Some(content) = &self.content {
            let rows = counted(content.shown(), "row");
            let whole = if content.whole() { "all" } else { "the first" };
            return format!("{who}, {}: {whole} {rows}.", text::brief_name(content.path()));
        }
        let files = counted(self.manifest.total, "file");
        let bytes = self.stored.as_ref().map(|stored| counted_bytes(stored.size_bytes));
        match bytes {
            Some(bytes) => format!("{who}: {files}, {bytes}."),
            None => format!("{who}: its files are not on this computer."),
        }
    }

    fn shrink(&mut self, share: f64) -> bool {
        let shrinks = self.shrink_beside(share, FEWEST, FEWEST_NODES)
            || self.content.as_mut().is_some_and(|content| content.shrink(share))
            || self.manifest.shrink(share)
            || self.shrink_beside(0.0, 1, 1);
        let rest = self.whole.saturating_sub(self.beside());
        self.left_out = (rest > 0).then(|| {
            format!(
                "{} of consumers, links and events",
                counted(rest, "entry").replace("entrys", "entries")
            )
        });
        shrinks
    }
}

/// `1.5 MB`: sizes as people read them.
fn counted_bytes(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];
    let (mut size, mut unit) = (bytes as f64, UNITS[0]);
    for larger in UNITS.into_iter().skip(1) {
        if size.abs() < 1000.0 {
            break;
        }
        (size, unit) = (size / 1000.0, larger);
    }
    format!("{} {unit}", text::short((size * 10.0).round() / 10.0))
}

impl From<Consumer> for ConsumerItem {
    fn from(consumer: Consumer) -> Self {
        let Consumer { run_name, run_id, project, created_at } = consumer;
        Self { run_name, run_id, project, created_at }
    }
}

impl From<ExternalLink> for ExternalItem {
    fn from(link: ExternalLink) -> Self {
        let ExternalLink { direction, artifact } = link;
        Self {
            direction,
            project: artifact.project,
            name: artifact.name,
            kind: artifact.kind,
            version: artifact.version,
            version_id: artifact.version_id,
            size_bytes: artifact.size_bytes,
        }
    }
}
