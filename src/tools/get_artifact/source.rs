//! From a project, a name and a version to the row that is meant; through a registry's collection
//! to the project that holds it.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use crate::tools::common::nearest::{nearest, quoted};
use crate::tools::common::resolve::shown;
use crate::tools::common::unread::Unread;
use crate::tools::common::{Context, Failure};
use crate::tools::find_artifacts::{LinkItem, RegistryEvent};
use crate::trackio::artifact::{self, Artifact};
use crate::trackio::name::canonical;
use crate::trackio::registry::{self, Collection, CollectionLink, PREFIX};
use crate::trackio::{Project, Result as TrackioResult, Snapshot};

/// So many versions stand in an error.
const NAMED: usize = 5;
/// So many of the newest entries of a registry's log are searched for those of a collection.
const SEARCHED_EVENTS: usize = 1_000;

/// What the caller named.
pub struct Wanted {
    name: String,
    version: Option<String>,
}

/// What that is.
pub struct Source {
    /// Where the files are described; `None` where that is not on this computer.
    pub place: Option<Place>,
    /// The collection through which it was named.
    pub collection: Option<Linked>,
    /// What must be said of the way there.
    pub notes: Vec<String>,
}

/// A version of an artifact in its own project.
pub struct Place {
    /// The project.
    pub project: Project,
    /// The artifact.
    pub artifact: Artifact,
    /// The version's id.
    pub version_id: i64,
}

/// A version of a collection.
pub struct Linked {
    /// The collection.
    pub collection: Collection,
    /// Which of its links.
    pub link: CollectionLink,
    /// What the registry's log says of the collection, oldest first.
    pub events: Vec<RegistryEvent>,
}

/// A collection that links the version.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Registered {
    registry: String,
    collection: String,
    version: i64,
    aliases: Vec<String>,
}

impl Wanted {
    /// Understands `name:version` too, as `use_artifact` does; no name holds a colon.
    pub fn of(name: &str, version: Option<&str>) -> Self {
        let (name, version) = match (name.split_once(':'), version) {
            (Some((name, version)), None) => (name, Some(version)),
            _ => (name, version),
        };
        Self { name: name.to_owned(), version: version.map(str::to_owned) }
    }

    fn spec(&self) -> Option<&str> {
        self.version.as_deref().map(str::trim).filter(|spec| !spec.is_empty())
    }
}

/// Finds what was named.
pub fn resolve(context: &Context, project: &Project, wanted: &Wanted) -> Result<Source, Failure> {
    let linked = if project.is_registry() {
        context.read(project, |snapshot| linked(snapshot, wanted))?
    } else {
        None
    };
    let Some(linked) = linked else {
        let place = context.read(project, |snapshot| {
            let (artifact, version_id) = version(snapshot, wanted)?;
            Ok(Place { project: project.clone(), artifact, version_id })
        })?;
        return Ok(Source { place: Some(place), collection: None, notes: Vec::new() });
    };
    let (place, note) = follow(context, &linked.link);
    Ok(Source { place, collection: Some(linked), notes: note.into_iter().collect() })
}

/// The version that the name and the spec mean.
fn version(snapshot: &Snapshot<'_>, wanted: &Wanted) -> TrackioResult<(Artifact, i64)> {
    let Some(found) = artifact::find(snapshot, &wanted.name)? else {
        let names: Vec<String> =
            artifact::list(snapshot)?.into_iter().map(|artifact| artifact.name).collect();
        return Err(no_such_artifact(snapshot, &wanted.name, &names).into());
    };
    match artifact::resolve(snapshot, &found, wanted.spec())? {
        Some(id) => Ok((found, id)),
        None => {
            let versions = artifact::versions(snapshot, &found, NAMED, None)?;
            let newest = versions.newest.iter().map(|version| format!("v{}", version.version));
            let newest: Vec<String> = newest.collect();
            Err(no_such_version(wanted, &newest, versions.count, &versions.aliases).into())
        }
    }
}

fn no_such_artifact(snapshot: &Snapshot<'_>, name: &str, names: &[String]) -> Failure {
    let project = shown(&snapshot.project.name);
    if names.is_empty() {
        return Failure(format!(
            "Project `{project}` has no artifacts. find_artifacts without project lists those of \
             all projects."
        ));
    }
    Failure(format!(
        "Project `{project}` has no artifact `{}`. Nearest: {}. find_artifacts lists all {}.",
        shown(name),
        quoted(&nearest(name, names.iter().map(String::as_str))),
        names.len()
    ))
}

fn no_such_version(
    wanted: &Wanted,
    newest: &[String],
    count: usize,
    aliases: &[String],
) -> Failure {
    let name = shown(&wanted.name);
    let newest: Vec<&str> = newest.iter().map(String::as_str).collect();
    if newest.is_empty() {
        return Failure(format!("`{name}` has no versions: they were deleted."));
    }
    let spec = wanted.spec().unwrap_or("latest");
    let aliases = match aliases {
        [] => "no aliases".to_owned(),
        aliases => {
            format!("aliases {}", quoted(&nearest(spec, aliases.iter().map(String::as_str))))
        }
    };
    Failure(format!(
        "`{name}` has no version `{}`. It has {count}, the newest {}, and {aliases}.",
        shown(spec),
        quoted(&newest)
    ))
}

/// The collection's version that the name and the spec mean; `None` in a registry that holds an
/// artifact of that name itself.
fn linked(snapshot: &Snapshot<'_>, wanted: &Wanted) -> TrackioResult<Option<Linked>> {
    let all = registry::collections(snapshot)?;
    let Some(collection) = all.iter().find(|collection| collection.name == wanted.name) else {
        if all.is_empty() || artifact::find(snapshot, &wanted.name)?.is_some() {
            return Ok(None);
        }
        return Err(no_such_collection(snapshot, wanted, &all).into());
    };
    let Some(link) = choose(&collection.links, wanted.spec()) else {
        let newest = collection.links.iter().take(NAMED);
        let newest: Vec<String> =
            newest.map(|link| format!("v{}", link.collection_version)).collect();
        let aliases: Vec<String> =
            collection.links.iter().flat_map(|link| link.aliases.clone()).collect();
        let count = collection.links.len();
        return Err(no_such_version(wanted, &newest, count, &aliases).into());
    };
    let (events, _) = registry::events(snapshot, SEARCHED_EVENTS)?;
    let of_collection = |event: &RegistryEvent| {
        event.payload.get("collection").is_some_and(|name| *name == *wanted.name)
    };
    let events = events.into_iter().map(RegistryEvent::from).filter(of_collection).collect();
    Ok(Some(Linked { link: link.clone(), collection: collection.clone(), events }))
}

fn no_such_collection(snapshot: &Snapshot<'_>, wanted: &Wanted, all: &[Collection]) -> Failure {
    let names = all.iter().map(|collection| collection.name.as_str());
    Failure(format!(
        "Registry `{}` has no collection `{}`. Nearest: {}. find_artifacts lists all {}.",
        shown(&snapshot.project.name),
        shown(&wanted.name),
        quoted(&nearest(&wanted.name, names)),
        all.len()
    ))
}

/// As `use_artifact` chooses: the newest, a number, or an alias.
fn choose<'a>(links: &'a [CollectionLink], spec: Option<&str>) -> Option<&'a CollectionLink> {
    let Some(spec) = spec.filter(|spec| *spec != "latest") else { return links.first() };
    let by_alias = || links.iter().find(|link| link.aliases.iter().any(|alias| alias == spec));
    let by_number = |digits: &str| {
        let number: i64 = digits.parse().ok()?;
        links.iter().find(|link| link.collection_version == number)
    };
    match spec.strip_prefix('v').and_then(by_number) {
        Some(link) => Some(link),
        None => by_alias().or_else(|| by_number(spec)),
    }
}

/// The version that a link means, where its project is on this computer.
fn follow(context: &Context, link: &CollectionLink) -> (Option<Place>, Option<String>) {
    let source = format!(
        "`{}` v{} of project `{}`",
        shown(&link.source_artifact),
        link.source_version,
        shown(&link.source_project)
    );
    if !link.is_local() {
        let note = format!("The source, {source}, lies elsewhere (see source): no files to show.");
        return (None, Some(note));
    }
    let Ok(project) = context.store.project(&link.source_project, &context.stop) else {
        let note = format!("The source, {source}, is not on this computer: no files to show.");
        return (None, Some(note));
    };
    let found = context.read(&project, |snapshot| {
        let Some(found) = artifact::find(snapshot, &link.source_artifact)? else {
            return Ok(None);
        };
        let spec = format!("v{}", link.source_version);
        Ok(artifact::resolve(snapshot, &found, Some(&spec))?.map(|id| (found, id)))
    });
    match found {
        Ok(Some((artifact, version_id))) => (Some(Place { project, artifact, version_id }), None),
        Ok(None) => (None, Some(format!("The source, {source}, was deleted: no files to show."))),
        Err(Failure(problem)) => {
            (None, Some(format!("The source, {source}, cannot be read: {problem}")))
        }
    }
}

/// The collections of local registries that link a version, and a note on registries that could
/// not be read.
pub fn registered_in(
    context: &Context,
    (project, name, version): &(String, String, i64),
) -> Result<(Vec<Registered>, Option<String>), Failure> {
    let (mut found, mut unread) = (Vec::new(), Unread::default());
    for registry in context.store.project_names()? {
        if !registry.starts_with(PREFIX) {
            continue;
        }
        let opened = context.store.project(&registry, &context.stop).map_err(Failure::from);
        let collections =
            match opened.and_then(|opened| context.read(&opened, registry::collections)) {
                Ok(collections) => collections,
                Err(failure) if context.stop.is_set() => return Err(failure),
                Err(failure) => {
                    unread.add(&registry, &failure);
                    continue;
                }
            };
        for collection in collections {
            let links = collection.links.into_iter().filter(|link| {
                link.is_local()
                    && canonical(&link.source_project) == canonical(project)
                    && link.source_artifact == *name
                    && link.source_version == *version
            });
            found.extend(links.map(|link| Registered {
                registry: registry.clone(),
                collection: collection.name.clone(),
                version: link.collection_version,
                aliases: link.aliases,
            }));
        }
    }
    Ok((found, unread.note("searched for links")))
}

/// Where a collection's version comes from.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct SourceItem {
    project: String,
    name: String,
    version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    space_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_base_url: Option<String>,
    /// Whether it was found on this computer.
    found: bool,
}

impl SourceItem {
    /// What the link says.
    pub fn of(link: &CollectionLink, found: bool) -> Self {
        Self {
            project: link.source_project.clone(),
            name: link.source_artifact.clone(),
            version: link.source_version,
            space_id: link.source_space_id.clone(),
            bucket_id: link.source_bucket_id.clone(),
            server_base_url: link.source_server_base_url.clone(),
            found,
        }
    }
}

/// All versions of a collection, newest first.
pub fn link_items(collection: Collection) -> Vec<LinkItem> {
    collection.links.into_iter().map(LinkItem::from).collect()
}
