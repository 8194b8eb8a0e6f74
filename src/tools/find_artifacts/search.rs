//! Which artifacts and collections meet the question, without their versions.

use std::collections::BTreeMap;

use crate::tools::common::nearest::{check_pattern, quoted};
use crate::tools::common::resolve::shown;
use crate::tools::common::shape::matches;
use crate::tools::common::unread::Unread;
use crate::tools::common::{Context, Failure};
use crate::trackio::artifact::{self, Artifact, Tag};
use crate::trackio::registry::{self, Collection};
use crate::trackio::{Project, Result as TrackioResult, Snapshot};

/// What was asked for.
pub struct Filter {
    /// Part of the name, or a glob.
    pub pattern: Option<String>,
    /// The type.
    pub kind: Option<String>,
    /// An alias that a version has.
    pub alias: Option<String>,
    /// The versions of a run, by the names of their artifacts.
    pub versions: Option<BTreeMap<String, Vec<i64>>>,
}

/// An artifact or a collection, of one of the projects that were searched.
#[derive(Clone)]
pub struct Listed {
    /// The place of its project among them.
    pub project: usize,
    /// What it is.
    pub what: What,
}

/// What a search can find.
#[derive(Clone)]
pub enum What {
    /// An artifact; with ids, only those versions were asked for.
    Artifact(Artifact, Option<Vec<i64>>),
    /// A collection of a registry.
    Collection(Collection),
}

/// What a search found.
#[derive(Default)]
pub struct Found {
    /// In order of their projects, types and names.
    pub all: Vec<Listed>,
    /// Projects that cannot be read.
    unread: Unread,
    /// Whether there is anything at all where it was looked.
    has_any: bool,
}

/// The names and kinds that there are, for the messages of mistakes.
#[derive(Default)]
struct Known {
    names: Vec<String>,
    kinds: Vec<String>,
    aliases: Vec<String>,
}

/// Searches the projects; with `is_one`, one that cannot be read is an error.
pub fn in_projects(
    context: &Context,
    projects: &[Project],
    filter: &Filter,
    is_one: bool,
) -> Result<Found, Failure> {
    let (mut found, mut known) = (Found::default(), Known::default());
    for (place, project) in projects.iter().enumerate() {
        context.stop.check()?;
        match context.read(project, everything) {
            Ok(all) => {
                known.extend(&all);
                found.has_any |= !all.whats.is_empty();
                let kept = all.whats.into_iter().filter_map(|what| filter.take(what, &all.tags));
                found.all.extend(kept.map(|what| Listed { project: place, what }));
            }
            Err(failure) if is_one => return Err(failure),
            Err(failure) => found.unread.add(&project.name, &failure),
        }
    }
    if found.all.is_empty() && found.has_any {
        known.check(filter)?;
    }
    Ok(found)
}

/// All of one project, and its aliases.
struct Everything {
    whats: Vec<What>,
    tags: Vec<Tag>,
}

fn everything(snapshot: &Snapshot<'_>) -> TrackioResult<Everything> {
    let artifacts = artifact::list(snapshot)?;
    let artifacts = artifacts.into_iter().map(|artifact| What::Artifact(artifact, None));
    let collections = registry::collections(snapshot)?.into_iter().map(What::Collection);
    Ok(Everything {
        whats: artifacts.chain(collections).collect(),
        tags: artifact::tags(snapshot)?,
    })
}

impl What {
    fn name(&self) -> &str {
        match self {
            Self::Artifact(artifact, _) => &artifact.name,
            Self::Collection(collection) => &collection.name,
        }
    }

    fn kind(&self) -> &str {
        match self {
            Self::Artifact(artifact, _) => &artifact.kind,
            Self::Collection(collection) => &collection.kind,
        }
    }
}

impl Filter {
    /// The artifact with the versions that were asked for; `None` where it has none of them.
    fn take(&self, what: What, tags: &[Tag]) -> Option<What> {
        let named = self.pattern.as_ref().is_none_or(|pattern| matches(pattern, what.name()));
        let typed = self.kind.as_ref().is_none_or(|kind| kind.eq_ignore_ascii_case(what.kind()));
        if !named || !typed {
            return None;
        }
        match what {
            What::Artifact(artifact, _) => {
                let of_run = self.versions.as_ref().map(|versions| -> Vec<i64> {
                    versions.get(&artifact.name).cloned().unwrap_or_default()
                });
                let only = match &self.alias {
                    None => of_run,
                    Some(alias) => {
                        let tagged = tags
                            .iter()
                            .filter(|tag| tag.alias == *alias && tag.artifact_id == artifact.id)
                            .map(|tag| tag.version_id)
                            .filter(|id| of_run.as_ref().is_none_or(|all| all.contains(id)));
                        Some(tagged.collect())
                    }
                };
                let is_wanted = only.as_ref().is_none_or(|only| !only.is_empty());
                is_wanted.then_some(What::Artifact(artifact, only))
            }
            What::Collection(mut collection) => {
                if self.versions.is_some() {
                    return None;
                }
                if let Some(alias) = &self.alias {
                    collection.links.retain(|link| link.aliases.contains(alias));
                }
                let is_wanted = self.alias.is_none() || !collection.links.is_empty();
                is_wanted.then_some(What::Collection(collection))
            }
        }
    }
}

impl Known {
    fn extend(&mut self, all: &Everything) {
        for what in &all.whats {
            self.names.push(what.name().to_owned());
            self.kinds.push(what.kind().to_owned());
            if let What::Collection(collection) = what {
                self.aliases.extend(collection.links.iter().flat_map(|link| link.aliases.clone()));
            }
        }
        self.aliases.extend(all.tags.iter().map(|tag| tag.alias.clone()));
    }

    /// Which part of the question nothing meets.
    fn check(mut self, filter: &Filter) -> Result<(), Failure> {
        for list in [&mut self.kinds, &mut self.aliases] {
            list.sort();
            list.dedup();
        }
        if let Some(pattern) = &filter.pattern {
            check_pattern("artifact", pattern, self.names.iter().map(String::as_str))?;
        }
        if let Some(kind) = &filter.kind
            && !self.kinds.iter().any(|known| known.eq_ignore_ascii_case(kind))
        {
            return Err(nothing_of("type", kind, &self.kinds));
        }
        match &filter.alias {
            Some(alias) if !self.aliases.contains(alias) => {
                Err(nothing_of("alias", alias, &self.aliases))
            }
            _ => Ok(()),
        }
    }
}

fn nothing_of(noun: &str, wanted: &str, known: &[String]) -> Failure {
    let known = crate::tools::common::nearest::nearest(wanted, known.iter().map(String::as_str));
    Failure(format!(
        "No artifact has the {noun} `{}`. There are: {}.",
        shown(wanted),
        if known.is_empty() { "none".to_owned() } else { quoted(&known) }
    ))
}

impl Found {
    /// What must be said of where it was looked.
    pub fn notes(&self, is_one: bool) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.has_any {
            let place = match (is_one, self.unread.count()) {
                (true, _) => "This project has",
                (false, 0) => "No project has",
                (false, _) => "None of the projects that could be searched has",
            };
            let some = if is_one { "no artifacts" } else { "artifacts" };
            notes.push(format!(
                "{place} {some}: runs log them with log_artifact (Trackio 0.30 and later). Files \
                 saved in other ways are not known to Trackio."
            ));
        } else if self.all.is_empty() {
            notes.push("There are artifacts, but none meets all of these conditions.".to_owned());
        }
        notes.extend(self.unread.note("searched"));
        notes
    }
}
