//! The answer of `get_media`.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use super::super::common::shape::counted;
use super::super::common::{Output, Page, text};
use super::SHOWN_FILES;
use super::choose::Group;
use super::detail::{Line, TableRow, Tile};
use super::item::{FileItem, MediaItem};
use crate::trackio::Run;
use crate::trackio::media::{Files, ProjectFile};
use crate::trackio::value::Step;

/// What there is, or what one of it holds.
#[derive(Serialize, JsonSchema)]
pub struct Media {
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Of the table or the report that is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub step: Option<Step>,
    /// What the paths of media are below of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_directory: Option<String>,
    /// Which image is where on the picture, row by row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub picture: Vec<Tile>,
    /// What there is in all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Group>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics_left_out: Option<usize>,
    #[serde(flatten)]
    body: Body,
    /// How many files the project has; type file lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    num_files: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<FileItem>,
    /// Those that Trackio lists no longer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    older_files: Vec<FileItem>,
}

/// The list that pages.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Body {
    /// Media of a run, newest first.
    Media(Page<MediaItem>),
    /// Rows of a table.
    Rows(Page<TableRow>),
    /// Lines of a report.
    Lines(Page<Line>),
    /// Files of the project.
    Files(Page<FileItem>),
}

impl Body {
    fn shrink(&mut self, share: f64) -> bool {
        match self {
            Self::Media(page) => page.shrink(share),
            Self::Rows(page) => page.shrink(share),
            Self::Lines(page) => page.shrink(share),
            Self::Files(page) => page.shrink(share),
        }
    }
}

impl Media {
    /// Of a run.
    pub fn of(project: &str, run: &Run, body: Body) -> Self {
        let mut media = Self::of_project(project.to_owned(), body);
        media.run = Some(run.name.clone());
        media.run_id = Some(run.id.clone());
        media
    }

    /// Of a project.
    pub fn of_project(project: String, body: Body) -> Self {
        Self {
            project,
            run: None,
            run_id: None,
            metric: None,
            step: None,
            media_directory: None,
            picture: Vec::new(),
            metrics: Vec::new(),
            metrics_left_out: None,
            body,
            num_files: None,
            files: Vec::new(),
            older_files: Vec::new(),
        }
    }

    /// Tells of the project's files beside the run's media.
    pub fn add(&mut self, files: Files) {
        if !files.listed.is_empty() {
            self.num_files = Some(files.listed.len());
        }
        self.files = first(files.listed);
        self.add_older(files.older);
    }

    /// Tells of files that Trackio lists no longer.
    pub fn add_older(&mut self, older: Vec<ProjectFile>) {
        self.older_files = first(older);
    }

    fn shown(&self) -> usize {
        self.picture.iter().filter(|tile| tile.is_shown()).count()
    }
}

fn first(files: Vec<ProjectFile>) -> Vec<FileItem> {
    files.into_iter().take(SHOWN_FILES).map(FileItem::from).collect()
}

impl Output for Media {
    fn headline(&self) -> String {
        let whose = match &self.run {
            Some(run) => format!("run {}", text::run_of(run, &self.project)),
            None => format!("project {}", text::brief_name(&self.project)),
        };
        let of_metric = |metric: &String| format!(" under `{}`", text::brief_name(metric));
        let under = self.metric.as_ref().map(of_metric).unwrap_or_default();
        let step = self.step.map(|step| format!(" at step {step}")).unwrap_or_default();
        let said = match &self.body {
            Body::Media(page) => match page.total {
                0 => format!("No media of {whose}"),
                total => format!("{}{under} of {whose}", counted(total, "media item")),
            },
            Body::Rows(page) => {
                format!("Table with {}{under}{step} of {whose}", counted(page.total, "row"))
            }
            Body::Lines(page) => {
                format!("Report of {}{under}{step} of {whose}", counted(page.total, "line"))
            }
            Body::Files(page) => format!("{} of {whose}", counted(page.total, "file")),
        };
        match self.shown() {
            0 => format!("{said}."),
            1 => format!("{said}; the picture shows one image."),
            shown => format!(
                "{said}; the picture shows {shown} images in {} columns.",
                super::picture::columns(shown)
            ),
        }
    }

    fn shrink(&mut self, share: f64) -> bool {
        let mut shrank = self.body.shrink(share);
        let kept = |length: usize| ((length as f64 * share) as usize).max(1);
        let groups = self.metrics.len();
        if groups > 1 {
            self.metrics.truncate(kept(groups));
            let left_out = groups - self.metrics.len() + self.metrics_left_out.unwrap_or(0);
            self.metrics_left_out = Some(left_out);
            shrank = true;
        }
        for files in [&mut self.files, &mut self.older_files] {
            if files.len() > 1 {
                files.truncate(kept(files.len()));
                shrank = true;
            }
        }
        shrank
    }
}
