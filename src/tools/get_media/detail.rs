//! What one metric holds: the rows of a table, the lines of a report, images to look at.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::common::{Item, Page, PageRequest, Picture, text};
use super::item;
use super::picture::{self, Thumbnail};
use crate::trackio::media::{Logged, MediaDirectory, TableRows};
use crate::trackio::value::{self, Step};
use crate::trackio::{self, Stop, relative};

/// So many images are on one picture.
pub const MOST_TILES: usize = 12;
/// The letters of a caption beside a picture.
const SHOWN_LETTERS: usize = 120;
/// Columns of a table beyond these are left out.
pub const MOST_COLUMNS: usize = 40;

/// An image on the picture, or the reason why it is not there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Tile {
    /// Counted from 1, row by row.
    #[serde(skip_serializing_if = "Option::is_none")]
    tile: Option<usize>,
    metric: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    step: Option<Step>,
    /// Of a table, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    caption: Option<String>,
    /// Width and height as logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pixels: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip)]
    stored: Option<String>,
}

impl Tile {
    /// For a logged image.
    pub fn of(logged: &Logged) -> Self {
        Self {
            metric: logged.metric.clone(),
            step: Some(logged.step),
            caption: shown(logged.caption.as_deref()),
            stored: logged.file_path.clone(),
            ..Self::default()
        }
    }

    /// For an image in a table.
    fn of_cell(column: &str, row: usize, cell: &Map<String, Value>) -> Self {
        let text = |key: &str| cell.get(key).and_then(Value::as_str);
        Self {
            metric: column.to_owned(),
            row: Some(row),
            caption: shown(text("caption")),
            stored: text("file_path").map(str::to_owned),
            ..Self::default()
        }
    }

    /// Whether it is on the picture.
    pub fn is_shown(&self) -> bool {
        self.tile.is_some()
    }
}

fn shown(caption: Option<&str>) -> Option<String> {
    caption.map(|caption| text::cut(caption, SHOWN_LETTERS))
}

/// Looks at the images, one after the other, and puts them on one picture. Tiles learn their place
/// or what is wrong with them.
pub fn look(
    directory: &MediaDirectory,
    tiles: &mut [Tile],
    stop: &Stop,
) -> trackio::Result<Option<Picture>> {
    let cells = tiles.len();
    let mut thumbnails: Vec<Thumbnail> = Vec::new();
    for tile in tiles {
        stop.check()?;
        let file = item::file(directory, tile.stored.as_deref());
        tile.path = match &file {
            Ok(file) => Some(relative::with_slashes(&file.relative)),
            Err(_) => None,
        };
        match file.and_then(|file| picture::read(&file, cells)) {
            Ok(thumbnail) => {
                let (width, height) = thumbnail.pixels;
                tile.pixels = Some(format!("{width}x{height}"));
                tile.tile = Some(thumbnails.len() + 1);
                thumbnails.push(thumbnail);
            }
            Err(problem) => tile.problem = Some(problem),
        }
    }
    Ok(picture::sheet(&thumbnails))
}

/// A row of a logged table.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct TableRow(Map<String, Value>);

impl Item for TableRow {
    const LIST: &'static str = "rows";
}

/// A table's page, the images in it, and how many columns were left out.
pub struct TablePage {
    /// The rows.
    pub rows: Page<TableRow>,
    /// The first images in its cells.
    pub tiles: Vec<Tile>,
    /// Columns beyond [`MOST_COLUMNS`].
    pub left_out: usize,
}

impl TablePage {
    /// Of the rows that were picked for `request`.
    pub fn of(table: TableRows, request: &PageRequest) -> Self {
        let mut tiles = Vec::new();
        let mut left_out = 0;
        let rows = table.rows.into_iter().enumerate().map(|(place, row)| {
            left_out = left_out.max(row.len().saturating_sub(MOST_COLUMNS));
            let row = row.into_iter().take(MOST_COLUMNS).map(|(column, mut cell)| {
                take_images(&column, request.offset + place + 1, &cell, &mut tiles);
                name_media(&mut cell);
                (column, cell)
            });
            TableRow(row.collect())
        });
        let rows = Page::picked(rows.collect(), table.total, request);
        tiles.truncate(MOST_TILES);
        Self { rows, tiles, left_out }
    }
}

/// Cells can be images, or lists of them.
fn take_images(column: &str, row: usize, cell: &Value, tiles: &mut Vec<Tile>) {
    match cell {
        Value::Array(cells) => {
            cells.iter().for_each(|cell| take_images(column, row, cell, tiles));
        }
        Value::Object(image) if value::kind(cell) == "image" && tiles.len() < MOST_TILES => {
            tiles.push(Tile::of_cell(column, row, image));
        }
        _ => {}
    }
}

/// Media in cells as a word and their path.
fn name_media(cell: &mut Value) {
    match cell {
        Value::Array(cells) => cells.iter_mut().for_each(name_media),
        Value::Object(media) => {
            let path = media.get("file_path").and_then(Value::as_str);
            let path =
                path.map(|path| format!("{} {path}", value::kind(&Value::Object(media.clone()))));
            if let Some(path) = path {
                *cell = path.into();
            }
        }
        _ => {}
    }
}

/// A line of a report.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Line {
    line: usize,
    text: String,
}

impl Item for Line {
    const LIST: &'static str = "lines";
}

/// A report by its lines, so that a long one pages.
pub fn lines(report: &str, request: &PageRequest, default_limit: usize) -> Page<Line> {
    let lines = report.lines().enumerate();
    let lines = lines.map(|(place, text)| Line { line: place + 1, text: text.to_owned() });
    Page::of(lines.collect(), request, default_limit)
}
