//! `bulk_upload_media`: a plot or a sample into a run, from where the user allowed it.

use std::fs::File;
use std::path::{Path, PathBuf};

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Map;

use super::common::resolve::shown;
use super::common::watched::Watched;
use super::common::writing::{self, Common, Logged, Rows};
use super::common::{Answer, Context, Failure};
use super::{Access, Category, Tool};
use crate::trackio::opened::open_within;
use crate::trackio::value::Step;
use crate::trackio::write::entry::{Content, rename_reserved};
use crate::trackio::write::media::{self, Placed};
use crate::trackio::{Error, run};

pub struct BulkUploadMedia;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    uploads: Vec<Upload>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Upload {
    project: String,
    run: String,
    metric: String,
    /// A file within an allowed directory.
    path: String,
    /// Default: the run's next.
    #[serde(default, deserialize_with = "writing::step")]
    #[schemars(with = "Option<f64>")]
    step: Option<Step>,
    caption: Option<String>,
    run_id: Option<String>,
}

impl Tool for BulkUploadMedia {
    const NAME: &'static str = "bulk_upload_media";
    const TITLE: &'static str = "Log media files";
    const CATEGORY: Category = Category::Write;
    const ACCESS: Access = Access::Write { destructive: false, idempotent: false };
    const ABOUT: &'static str = "Copy images, videos, audio, HTML or 3D files into Trackio and log \
        them as metrics of runs. Only files within directories that the user allowed.";
    const GUIDE: &'static str = "The user allows directories with --media-root. A relative path is \
        looked for in each of them. The type follows from the extension.";
    type Args = Args;
    type Output = Logged;

    fn run(context: &Context, args: Args) -> Result<Answer<Logged>, Failure> {
        let grant = writing::grant(context, Self::NAME)?;
        let roots = allowed(&grant.media_roots)?;
        let open = |index: usize, upload: &Upload| {
            find(&upload.path, &roots).ok_or_else(|| {
                common(index, upload).failure(&no_such_file(&upload.path, &grant.media_roots))
            })
        };
        let mut kinds = Vec::new();
        for (index, upload) in args.uploads.iter().enumerate() {
            // First all are looked at, so that a mistake leaves nothing behind.
            open(index, upload)?;
            let kind = media::kind_of(Path::new(&upload.path)).ok_or_else(|| {
                let extensions = media::extensions();
                let reason = format!("Trackio shows files with the extensions {extensions}");
                common(index, upload).failure(&reason)
            })?;
            kinds.push(kind);
        }
        let (mut rows, mut placed) = (Rows::default(), Vec::<Placed>::new());
        for (index, (upload, (kind, extension))) in args.uploads.iter().zip(&kinds).enumerate() {
            let common = common(index, upload);
            let step = match upload.step {
                Some(step) => step,
                None => next_step(context, upload)?,
            };
            let of = (upload.project.as_str(), upload.run.as_str(), step.to_string());
            let copied = media::place(
                &context.store.directory().path,
                Watched::new(open(index, upload)?, &context.stop),
                (kind, extension),
                (of.0, of.1, &of.2),
                upload.caption.as_deref(),
            );
            let copied = copied.map_err(|error| common.failure(&error.to_string()))?;
            let metrics = Map::from_iter([(upload.metric.clone(), copied.value.clone())]);
            let (metrics, _) = rename_reserved(metrics);
            let content = Content::Metrics { metrics, step: Some(step), config: None };
            rows.add(&upload.project, common.entry(context, content)?);
            placed.push(copied);
        }
        // A failure in the middle of several projects leaves files, never a row without its file.
        let several = args.uploads.iter().any(|upload| {
            args.uploads.first().is_some_and(|first| first.project != upload.project)
        });
        let answer = rows.write(context, Self::NAME);
        if answer.is_ok() || several {
            placed.into_iter().for_each(Placed::keep);
        }
        answer
    }
}

fn common(index: usize, upload: &Upload) -> Common<'_> {
    Common {
        place: ("uploads", index),
        project: &upload.project,
        run: &upload.run,
        run_id: upload.run_id.as_deref(),
        timestamp: None,
        id: None,
    }
}

/// The allowed directories, links resolved.
fn allowed(roots: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let roots: Vec<PathBuf> = roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
    if roots.is_empty() {
        return Err(Failure::new(
            "Nothing was written: no directory is allowed from which files may be copied. The user \
             allows one with --media-root DIR, where DIR exists, and restarts the client.",
        ));
    }
    Ok(roots)
}

/// Opens the file, if it is a regular file within one of the roots.
fn find(path: &str, roots: &[PathBuf]) -> Option<File> {
    roots.iter().find_map(|root| open_within(&root.join(path), roots))
}

/// The same words for a file that is elsewhere and one that is nowhere.
fn no_such_file(path: &str, roots: &[PathBuf]) -> String {
    let roots: Vec<String> = roots.iter().map(|root| format!("`{}`", root.display())).collect();
    format!(
        "`{}` is no file within the directories that the user allowed: {}",
        shown(path),
        roots.join(", ")
    )
}

/// One more than the highest step of the run; 0 for a new one.
fn next_step(context: &Context, upload: &Upload) -> Result<Step, Failure> {
    let project = match context.store.project(&upload.project, &context.stop) {
        Err(Error::NoSuchProject(_)) => return Ok(Step::Whole(0)),
        other => other?,
    };
    let wanted = upload.run_id.as_deref().unwrap_or(&upload.run);
    let last = context.read(&project, |snapshot| {
        let runs = run::list(snapshot)?;
        let by_id = runs.iter().find(|run| run.id == wanted);
        let known = by_id.or_else(|| runs.iter().find(|run| run.name == wanted));
        known.map_or(Ok(None), |run| run::last_step(snapshot, run))
    })?;
    Ok(last.map_or(Step::Whole(0), |last| {
        Step::Whole((last.as_f64().floor() as i64).saturating_add(1))
    }))
}

#[cfg(test)]
mod tests;
