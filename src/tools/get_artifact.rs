//! `get_artifact`: one version of an artifact, from its files to its lineage.

mod content;
mod files;
mod gather;
mod graph;
mod output;
mod source;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Deserialize;

use self::content::FileContent;
use self::files::Files;
use self::output::Artifact;
use self::source::Wanted;
use super::common::{Answer, Context, Failure, Page, resolve};
use super::{Category, Tool};
use crate::trackio::artifact::Blobs;

pub struct GetArtifact;

/// So many files are listed, or rows of a file shown.
const DEFAULT_LIMIT: usize = 20;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    project: String,
    name: String,
    /// `v1`, `1` or an alias; default: the latest.
    version: Option<String>,
    /// Show the first rows of this file (csv, json, jsonl, text; .gz too); `limit` rows.
    file: Option<String>,
    /// Hash every file.
    verify: Option<bool>,
}

impl Tool for GetArtifact {
    const NAME: &'static str = "get_artifact";
    const TITLE: &'static str = "Get an artifact";
    const CATEGORY: Category = Category::Artifacts;
    const ABOUT: &'static str = "All about one version of a model, dataset or registry \
        collection: files and where they lie on disk, metadata, who made and used it, lineage. \
        With file: its first rows. find_artifacts lists what there is.";
    const GUIDE: &'static str = "The state of a file is `present` when it is there and of the \
        right size, `verified` when `verify` found its SHA-256 right; else `missing`, `wrong_size`, \
        `corrupt`, `refused` (a link out of Trackio's directory), `bad_digest` or, for files that \
        Trackio keeps only the address of, `reference`. In `lineage`, edges lead from a run to \
        what it logged and from a version to the runs that used it.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = Artifact;

    fn run(context: &Context, args: Args) -> Result<Answer<Artifact>, Failure> {
        let project = resolve::project(context, &args.project)?;
        let wanted = Wanted::of(&args.name, args.version.as_deref());
        let source = source::resolve(context, &project, &wanted)?;
        let Some(place) = &source.place else {
            let notes = source.notes.clone();
            return Ok(Answer::new(Artifact::without_source(&project, source)).with_notes(notes));
        };
        let facts = context.read(&place.project, |snapshot| {
            gather::of_version(snapshot, place, args.file.is_some())
        })?;
        let blobs = Blobs::of(&context.store.directory().path, &place.project);
        let mut notes = source.notes.clone();
        notes.extend(facts.notes.iter().cloned());
        let entries = facts.version.manifest.clone().unwrap_or_default();
        let verify = args.verify == Some(true);
        let mut files = Files::look(context, &blobs, entries, verify, args.file.as_deref())?;
        notes.extend(files.notes());
        let mut artifact = Artifact::of(&project, source, facts);
        match &args.file {
            Some(_) => {
                let most = context.page.limit.unwrap_or(DEFAULT_LIMIT);
                let file = files.the_one()?;
                artifact.content = Some(FileContent::read(&blobs, file, most)?);
                artifact.manifest = Page::picked(vec![file.item()], 1, &first_page(context));
            }
            None => {
                let (registered, unread) = source::registered_in(context, &artifact.home)?;
                artifact.registered_in = Some(registered);
                notes.extend(unread);
                let items = files.all.iter().map(files::File::item).collect();
                artifact.manifest = Page::of(items, &context.page, DEFAULT_LIMIT);
                artifact.files = Some(files.summary());
            }
        }
        artifact.count();
        Ok(Answer::new(artifact).with_notes(notes))
    }
}

/// The one entry of a file stands on the first page, whatever its rows are limited to.
fn first_page(context: &Context) -> crate::tools::common::PageRequest {
    crate::tools::common::PageRequest { offset: 0, ..context.page.clone() }
}
