//! How one logged value is told in a list.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use super::super::common::{Item, text};
use crate::analysis::histogram::Histogram;
use crate::analysis::number::Number;
use crate::trackio::media::{self, Content, Logged, MediaDirectory, Place, ProjectFile};
use crate::trackio::value::Step;
use crate::trackio::{Result, Run, Snapshot, relative};

/// The letters of a caption or a report's first line, in a list.
const SHOWN_LETTERS: usize = 120;

/// A value of a run.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct MediaItem {
    metric: String,
    #[schemars(with = "Option<f64>")]
    step: Step,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    caption: Option<String>,
    /// Below media_directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// Of a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    histogram: Option<HistogramItem>,
    /// The first line of a report.
    #[serde(skip_serializing_if = "Option::is_none")]
    begins: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'static str>,
}

/// A histogram in numbers; only `count` and `bins` where it holds nothing.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct HistogramItem {
    count: Number,
    #[serde(flatten)]
    summary: Option<Quantiles>,
    bins: usize,
}

/// `p5` is the value below which 5 percent lie.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Quantiles {
    mean: Number,
    min: Number,
    p5: Number,
    p25: Number,
    p50: Number,
    p75: Number,
    p95: Number,
    max: Number,
}

impl HistogramItem {
    fn of(histogram: &Histogram) -> Self {
        let summary = histogram.summary();
        Self {
            count: Number(summary.map_or(0.0, |summary| summary.count)),
            summary: summary.map(|summary| {
                let [p5, p25, p50, p75, p95] = summary.quantiles.map(Number);
                let [mean, min, max] = [summary.mean, summary.low, summary.high].map(Number);
                Quantiles { mean, min, p5, p25, p50, p75, p95, max }
            }),
            bins: histogram.bins(),
        }
    }
}

impl Item for MediaItem {
    const LIST: &'static str = "media";
}

impl MediaItem {
    /// With where its file lies, or what it holds.
    pub fn of(
        snapshot: &Snapshot<'_>,
        directory: &MediaDirectory,
        run: &Run,
        logged: &Logged,
    ) -> Result<Self> {
        let mut item = Self {
            metric: logged.metric.clone(),
            step: logged.step,
            kind: logged.kind.clone(),
            caption: logged.caption.as_deref().map(|caption| text::cut(caption, SHOWN_LETTERS)),
            path: None,
            size: None,
            rows: None,
            histogram: None,
            begins: None,
            problem: None,
        };
        match media::content(snapshot, run, logged, 0..0)? {
            Content::Table(table) => item.rows = Some(table.total),
            Content::Histogram(histogram) => item.histogram = Some(HistogramItem::of(&histogram)),
            Content::Markdown(report) => {
                let first = report.lines().find(|line| !line.trim().is_empty());
                item.begins = Some(text::cut(first.unwrap_or_default(), SHOWN_LETTERS));
            }
            Content::InFile => item.find(directory, logged.file_path.as_deref()),
        }
        Ok(item)
    }

    fn find(&mut self, directory: &MediaDirectory, stored: Option<&str>) {
        match place(directory, stored) {
            Ok(Place::File(file)) => {
                self.path = Some(relative::with_slashes(&file.relative));
                self.size = Some(file.size);
            }
            Ok(Place::Missing) => {
                self.path = stored.map(str::to_owned);
                self.problem = Some(MISSING);
            }
            Ok(Place::Elsewhere) => self.problem = Some(ELSEWHERE),
            Err(problem) => self.problem = Some(problem),
        }
    }
}

const MISSING: &str = "the file is not there";
const ELSEWHERE: &str = "its path leads out of the media directory, and is not followed";
const NO_PATH: &str = "logged without a file";

fn place(
    directory: &MediaDirectory,
    stored: Option<&str>,
) -> std::result::Result<Place, &'static str> {
    stored.map(|stored| directory.find(stored)).ok_or(NO_PATH)
}

/// The file of a stored path, or why there is none.
pub fn file(
    directory: &MediaDirectory,
    stored: Option<&str>,
) -> std::result::Result<media::StoredFile, String> {
    match place(directory, stored)? {
        Place::File(file) => Ok(file),
        Place::Missing => Err(MISSING.to_owned()),
        Place::Elsewhere => Err(ELSEWHERE.to_owned()),
    }
}

/// A file that `trackio.save` kept, with Trackio's fields.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct FileItem {
    name: String,
    path: String,
    size: u64,
}

impl Item for FileItem {
    const LIST: &'static str = "files";
}

impl From<ProjectFile> for FileItem {
    fn from(file: ProjectFile) -> Self {
        let ProjectFile { name, path, size } = file;
        Self { name: relative::with_slashes(&name), path: path.display().to_string(), size }
    }
}
