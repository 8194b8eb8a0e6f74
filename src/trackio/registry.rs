//! Registries (0.35 and later): databases named `registry-…` whose collections link versions of
//! artifacts of other projects.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Row};
use serde_json::Value;

use super::error::Result;
use super::project::Snapshot;
use super::value;

/// What the names of registries' projects begin with.
pub const PREFIX: &str = "registry-";

/// A registry's own facts.
#[derive(Debug, Clone, PartialEq)]
pub struct Registry {
    /// Its name, without [`PREFIX`].
    pub name: String,
    /// What its maker wrote about it.
    pub description: Option<String>,
    /// When it was made, as stored.
    pub created_at: String,
}

/// A named line of versions, chosen from any projects.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection {
    /// Its id in the database.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The type of its artifacts.
    pub kind: String,
    /// What its maker wrote about it.
    pub description: Option<String>,
    /// When it was made, as stored.
    pub created_at: Option<String>,
    /// Its versions, newest first.
    pub links: Vec<CollectionLink>,
}

/// A version of a collection, and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectionLink {
    /// Its number in the collection.
    pub collection_version: i64,
    /// The project that holds the artifact.
    pub source_project: String,
    /// The artifact there.
    pub source_artifact: String,
    /// The artifact's version there.
    pub source_version: i64,
    /// The Space of that project, where it is not a local one.
    pub source_space_id: Option<String>,
    /// The bucket of that project, where it is not a local one.
    pub source_bucket_id: Option<String>,
    /// The server of that project, where it is not a local one.
    pub source_server_base_url: Option<String>,
    /// Its aliases, sorted.
    pub aliases: Vec<String>,
    /// When it was linked, as stored.
    pub created_at: Option<String>,
}

impl CollectionLink {
    /// Whether the source project lies on this computer, as far as the link says.
    pub fn is_local(&self) -> bool {
        let is_set = |field: &Option<String>| field.as_ref().is_some_and(|text| !text.is_empty());
        ![&self.source_space_id, &self.source_bucket_id, &self.source_server_base_url]
            .into_iter()
            .any(is_set)
    }
}

/// An entry of a registry's log.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its place in the log.
    pub id: i64,
    /// Its id everywhere.
    pub event_uid: Option<String>,
    /// When, as stored.
    pub ts: String,
    /// `create`, `link`, `promote`, `update` or `unlink`.
    pub kind: String,
    /// The rest.
    pub payload: Value,
}

/// The registry that the project is; `None` where it is none, or was not made to its end.
pub fn of(snapshot: &Snapshot<'_>) -> Result<Option<Registry>> {
    let file = super::name::canonical(&snapshot.project.name);
    let Some(name) = file.strip_prefix(PREFIX) else { return Ok(None) };
    if snapshot.schema.table("project_metadata").is_none() {
        return Ok(None);
    }
    let sql = "SELECT value FROM main.project_metadata WHERE key = ?1";
    let mut statement = snapshot.connection.prepare_cached(sql)?;
    let mut fact = |key: &str| -> Result<Option<String>> {
        let found = statement.query_row([key], |row| Ok(value::text(row.get_ref(0)?)));
        Ok(found.optional()?.flatten())
    };
    let Some(created_at) = fact("registry_created_at")? else { return Ok(None) };
    let description = fact("registry_description")?;
    Ok(Some(Registry { name: name.to_owned(), description, created_at }))
}

/// The collections of a registry, by type and name.
pub fn collections(snapshot: &Snapshot<'_>) -> Result<Vec<Collection>> {
    let tables = ["collections", "collection_links", "collection_aliases"];
    if tables.iter().any(|table| snapshot.schema.table(table).is_none()) {
        return Ok(Vec::new());
    }
    let mut links = links(snapshot)?;
    let mut statement = snapshot.connection.prepare_cached(
        "SELECT id, name, type, description, created_at FROM main.collections ORDER BY type, name",
    )?;
    let found = statement.query_map([], |row| {
        let text = |column| Ok::<_, rusqlite::Error>(value::text(row.get_ref(column)?));
        let id = row.get(0)?;
        Ok(Collection {
            id,
            name: text(1)?.unwrap_or_default(),
            kind: text(2)?.unwrap_or_default(),
            description: text(3)?,
            created_at: text(4)?,
            links: links.remove(&id).unwrap_or_default(),
        })
    })?;
    Ok(found.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// The links of each collection, newest first.
fn links(snapshot: &Snapshot<'_>) -> Result<BTreeMap<i64, Vec<CollectionLink>>> {
    let links = snapshot.schema.table("collection_links");
    // Added after the first registries.
    let optional = |column: &'static str| {
        if links.is_some_and(|links| links.has(column)) { column } else { "NULL" }
    };
    let sql = format!(
        "SELECT id, collection_id, collection_version, source_project, source_artifact,
                source_version, {}, {}, {}, created_at
         FROM main.collection_links ORDER BY collection_id, collection_version DESC",
        optional("source_space_id"),
        optional("source_bucket_id"),
        optional("source_server_base_url")
    );
    let mut aliases = aliases(snapshot)?;
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    let mut by_collection: BTreeMap<i64, Vec<CollectionLink>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let aliases = aliases.remove(&row.get::<_, i64>(0)?).unwrap_or_default();
        by_collection.entry(row.get(1)?).or_default().push(link_of_row(row, aliases)?);
    }
    Ok(by_collection)
}

fn link_of_row(row: &Row<'_>, aliases: Vec<String>) -> rusqlite::Result<CollectionLink> {
    let text = |column| Ok::<_, rusqlite::Error>(value::text(row.get_ref(column)?));
    Ok(CollectionLink {
        collection_version: row.get(2)?,
        source_project: text(3)?.unwrap_or_default(),
        source_artifact: text(4)?.unwrap_or_default(),
        source_version: row.get(5)?,
        source_space_id: text(6)?,
        source_bucket_id: text(7)?,
        source_server_base_url: text(8)?,
        aliases,
        created_at: text(9)?,
    })
}

fn aliases(snapshot: &Snapshot<'_>) -> Result<BTreeMap<i64, Vec<String>>> {
    let mut statement = snapshot
        .connection
        .prepare_cached("SELECT link_id, alias FROM main.collection_aliases ORDER BY alias")?;
    let mut rows = statement.query([])?;
    let mut by_link: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        by_link.entry(row.get(0)?).or_default().extend(value::text(row.get_ref(1)?));
    }
    Ok(by_link)
}

/// The newest `most` entries of a registry's log, oldest first, and how many there are in all.
pub fn events(snapshot: &Snapshot<'_>, most: usize) -> Result<(Vec<Event>, usize)> {
    let Some(table) = snapshot.schema.table("registry_events") else {
        return Ok((Vec::new(), 0));
    };
    let uid = if table.has("event_uid") { "event_uid" } else { "NULL" };
    let total: i64 =
        snapshot
            .connection
            .query_row("SELECT COUNT(*) FROM main.registry_events", [], |row| row.get(0))?;
    let sql = format!(
        "SELECT id, {uid}, ts, kind, payload FROM main.registry_events ORDER BY id DESC LIMIT ?1"
    );
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let found = statement.query_map([most as i64], |row| {
        let text = |column| Ok::<_, rusqlite::Error>(value::text(row.get_ref(column)?));
        Ok(Event {
            id: row.get(0)?,
            event_uid: text(1)?,
            ts: text(2)?.unwrap_or_default(),
            kind: text(3)?.unwrap_or_default(),
            payload: value::bytes(row.get_ref(4)?).and_then(value::parse).unwrap_or_default(),
        })
    })?;
    let mut events = found.collect::<rusqlite::Result<Vec<_>>>()?;
    events.reverse();
    Ok((events, usize::try_from(total).unwrap_or_default()))
}
