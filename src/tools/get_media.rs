//! `get_media`: what a run logged beside numbers, and the files of its project.

mod choose;
mod detail;
mod item;
mod output;
mod picture;

use std::time::{Duration, Instant};

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Deserialize;

use super::common::shape::{counted, unreadable_note};
use super::common::{Answer, Context, Failure, Page, resolve};
use super::{Category, Tool};
use crate::trackio::media::{
    self, Content, Files, Logged, LoggedMedia, MOST_FILES, MediaDirectory,
};
use crate::trackio::run::{self, Run};
use crate::trackio::{Result as TrackioResult, Snapshot};
use choose::Wanted;
use detail::{MOST_COLUMNS, MOST_TILES, TablePage, Tile};
use item::{FileItem, MediaItem};
use output::{Body, Media};

pub struct GetMedia;

const DEFAULT_LIMIT: usize = 50;
/// A table's rows and a report's lines beyond these fit no answer.
const MOST_ROWS: usize = 1_000;
/// So many of the project's files stand beside a run's media.
const SHOWN_FILES: usize = 10;
/// Where a run has no media: so many others that have are named, and so long they are looked for.
const OTHERS: usize = 5;
const LOOKS_FOR_OTHERS: Duration = Duration::from_millis(300);
/// What can be looked at.
const IMAGE: &str = "image";
/// The type of the project's files, which are of no run.
const FILE: &str = "file";

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    project: Option<String>,
    run: Option<String>,
    /// Shows its images, its table's rows or its report.
    metric: Option<String>,
    step: Option<f64>,
    /// image, table, histogram, audio, video, object3d, html, markdown, or file.
    r#type: Option<String>,
}

impl Tool for GetMedia {
    const NAME: &'static str = "get_media";
    const TITLE: &'static str = "Get images, tables and files";
    const CATEGORY: Category = Category::Media;
    const ABOUT: &'static str = "What a run logged beside numbers: images to look at, tables, \
        histograms, audio, video, 3D, HTML, reports. Without metric and step it lists them; type \
        file lists the project's files from trackio.save.";
    const GUIDE: &'static str = "With a metric, a step or `type: image` the images come as one \
        picture: a single one at up to 768 pixels, several on a sheet of up to 12, spread evenly \
        over the steps, first and last among them; `picture` tells which tile is which. A metric \
        with tables or reports shows the newest, or that of `step`, and pages through its rows or \
        lines. Histograms are told by count, mean, range and quantiles, taken from their bins. \
        Paths are those below `media_directory`; nothing outside it is opened.";
    const PAGED: bool = true;
    const PICTURES: bool = true;
    type Args = Args;
    type Output = Media;

    fn run(context: &Context, args: Args) -> Result<Answer<Media>, Failure> {
        let directory = MediaDirectory::of(context.store.directory());
        let wanted = Wanted {
            metric: args.metric.clone(),
            step: args.step,
            kind: args.r#type.as_deref().map(choose::kind),
        };
        if wanted.kind.as_deref() == Some(FILE) {
            return project_files(context, &directory, &args);
        }
        let target = resolve::target(context, args.project.as_deref(), args.run.as_deref())?;
        let (mut output, notes) = context.read(&target.project, |snapshot| {
            let resolved = resolve::run(snapshot, &target.run)?;
            let (output, notes) = answer(context, snapshot, &directory, &resolved.run, &wanted)?;
            Ok((output, [resolved.notes(args.run.as_deref()), notes].concat()))
        })?;
        // The database is closed by now: images can take their time.
        let picture = detail::look(&directory, &mut output.picture, &context.stop)?;
        let mut answer = Answer::new(output).with_picture(picture).with_notes(target.notes);
        if wanted.is_everything() && context.page.offset == 0 {
            let files = Files::of(&directory, &target.project.name);
            answer = answer.with_notes(files_notes(&files));
            answer.output.add(files);
        }
        Ok(answer.with_notes(notes))
    }
}

/// What the database tells of a run, before any file is opened.
fn answer(
    context: &Context,
    snapshot: &Snapshot<'_>,
    directory: &MediaDirectory,
    run: &Run,
    wanted: &Wanted,
) -> TrackioResult<(Media, Vec<String>)> {
    let LoggedMedia { logged: all, unreadable } = media::of_run(snapshot, run)?;
    let chosen = choose::choose(&all, wanted)?;
    let mut notes: Vec<String> = unreadable_note(unreadable).into_iter().collect();
    let in_full = match (&wanted.metric, chosen.first()) {
        (Some(_), Some(newest)) => in_full(context, snapshot, run, newest)?,
        _ => None,
    };
    let mut output = match in_full {
        Some(InFull { body, tiles, note }) => {
            notes.extend(note);
            notes.extend(others_note(&chosen));
            let mut output = Media::of(&snapshot.project.name, run, body);
            output.step = chosen.first().map(|newest| newest.step);
            output.picture = tiles;
            output
        }
        None => {
            let page = Page::of(chosen.iter().collect(), &context.page, DEFAULT_LIMIT);
            let page = page.try_map(|logged| MediaItem::of(snapshot, directory, run, logged))?;
            let mut output = Media::of(&snapshot.project.name, run, Body::Media(page));
            if wanted.is_for_eyes() && context.page.offset == 0 {
                let (tiles, note) = tiles(&chosen);
                output.picture = tiles;
                notes.extend(note);
            }
            output
        }
    };
    output.metric.clone_from(&wanted.metric);
    output.media_directory = Some(directory.path().display().to_string());
    if wanted.is_everything() {
        output.metrics = choose::groups(&all);
    }
    if chosen.is_empty() && !all.is_empty() {
        notes.push(choose::what_there_is(&all));
    }
    if all.is_empty() {
        notes.push(elsewhere(snapshot, run)?);
    }
    Ok((output, notes))
}

/// Which other runs logged media, as far as that is found quickly.
fn elsewhere(snapshot: &Snapshot<'_>, run: &Run) -> TrackioResult<String> {
    let began = Instant::now();
    let mut others = Vec::new();
    for other in run::list(snapshot)?.iter().filter(|other| other.id != run.id) {
        if others.len() == OTHERS || began.elapsed() > LOOKS_FOR_OTHERS {
            break;
        }
        if !media::of_run(snapshot, other)?.logged.is_empty() {
            others.push(format!("{} ({})", resolve::shown(&other.name), resolve::shown(&other.id)));
        }
    }
    Ok(match others.is_empty() {
        true => "This run logged no media.".to_owned(),
        false => {
            format!(
                "This run logged no media; these runs of the project did: {}.",
                others.join(", ")
            )
        }
    })
}

/// A table or a report, as the answer shows it.
struct InFull {
    body: Body,
    tiles: Vec<Tile>,
    note: Option<String>,
}

/// The newest value of a metric, where its content can be read; `None` for what lies in a file and
/// for histograms, which a list tells in full.
fn in_full(
    context: &Context,
    snapshot: &Snapshot<'_>,
    run: &Run,
    newest: &Logged,
) -> TrackioResult<Option<InFull>> {
    let page = &context.page;
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT).min(MOST_ROWS);
    let picked = page.offset..page.offset.saturating_add(limit);
    Ok(match media::content(snapshot, run, newest, picked)? {
        Content::Table(table) => {
            let TablePage { rows, tiles, left_out } = TablePage::of(table, page);
            let note = (left_out > 0).then(|| {
                format!("Of each row the first {MOST_COLUMNS} cells are shown; {left_out} are not.")
            });
            Some(InFull { body: Body::Rows(rows), tiles, note })
        }
        Content::Markdown(report) => {
            let body = Body::Lines(detail::lines(&report, page, MOST_ROWS));
            Some(InFull { body, tiles: Vec::new(), note: None })
        }
        Content::Histogram(_) | Content::InFile => None,
    })
}

/// What else the metric holds beside the value that is shown.
fn others_note(chosen: &[Logged]) -> Option<String> {
    let (newest, oldest) = (chosen.first()?, chosen.last()?);
    (chosen.len() > 1).then(|| {
        format!(
            "`{}` was logged {} times, from step {} to {}; this is the newest. Give step for \
             another; type {} without metric lists them.",
            resolve::shown(&newest.metric),
            chosen.len(),
            oldest.step,
            newest.step,
            newest.kind
        )
    })
}

/// The images to look at, oldest first, and what is said where there are more.
fn tiles(chosen: &[Logged]) -> (Vec<Tile>, Option<String>) {
    let images: Vec<&Logged> = chosen.iter().rev().filter(|own| own.kind == IMAGE).collect();
    let tiles: Vec<Tile> =
        choose::evenly(&images, MOST_TILES).into_iter().map(|image| Tile::of(image)).collect();
    let note = (tiles.len() < images.len()).then(|| {
        format!(
            "The picture has {} of {} images, evenly over the run. Give step for one in full.",
            tiles.len(),
            images.len()
        )
    });
    (tiles, note)
}

/// The files of `trackio.save`, which belong to no run.
fn project_files(
    context: &Context,
    directory: &MediaDirectory,
    args: &Args,
) -> Result<Answer<Media>, Failure> {
    if args.metric.is_some() || args.step.is_some() {
        return Err(Failure::new(
            "Files of trackio.save have no metric and no step. Leave these out, or the type.",
        ));
    }
    let (name, about_choice) = match &args.project {
        Some(name) => (resolve::project(context, name)?.name, Vec::new()),
        None => {
            let target = resolve::target(context, None, args.run.as_deref())?;
            (target.project.name, target.notes)
        }
    };
    let mut files = Files::of(directory, &name);
    let notes = files_notes(&files);
    let listed = std::mem::take(&mut files.listed);
    let listed = listed.into_iter().map(FileItem::from).collect();
    let mut output =
        Media::of_project(name, Body::Files(Page::of(listed, &context.page, DEFAULT_LIMIT)));
    if context.page.offset == 0 {
        output.add_older(files.older);
    }
    Ok(Answer::new(output).with_notes(about_choice).with_notes(notes))
}

fn files_notes(files: &Files) -> Vec<String> {
    let links = (files.elsewhere > 0).then(|| {
        let links = counted(files.elsewhere, "link");
        format!("{links} among the project's files lead out of the media directory: left out.")
    });
    let older = (!files.older.is_empty()).then(|| {
        format!(
            "{} in older_files: Trackio kept them there before 0.30, and lists them no longer.",
            counted(files.older.len(), "file")
        )
    });
    let cut = files.is_cut.then(|| format!("Only {MOST_FILES} files were looked at."));
    [links, older, cut].into_iter().flatten().collect()
}
