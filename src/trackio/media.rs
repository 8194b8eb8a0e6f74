//! Images, tables, histograms, reports: what a run logs beside numbers.
//!
//! They are values among a row's metrics, told by their `_type`. Small ones stand in the row
//! whole, the others as the path of a file under `media/`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::Result;
use super::metric::{self, Kind};
use super::project::Snapshot;
use super::run::Run;
use super::value::{self, Step};

mod content;
mod files;
mod place;

pub use content::{Content, TableRows};
pub use files::{Files, MOST_FILES, ProjectFile};
pub use place::{MediaDirectory, Place, StoredFile};

/// How the name of each of Trackio's types begins.
const PREFIX: &str = "trackio.";
/// What a row holds that has a value of such a type.
const MARKER: &str = "\"trackio.";
/// Traces stood among the metrics in 0.25; they are no media.
const TRACE: &str = "trace";

/// One logged value that is more than a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged {
    /// The row.
    pub row: i64,
    /// When, as stored.
    pub timestamp: String,
    /// The step.
    pub step: Step,
    /// Under which name.
    pub metric: String,
    /// Trackio's name of the type without its prefix: `image`, `table`, `histogram`, ...
    pub kind: String,
    /// The file, as stored: relative to `media/`, in older rows to Trackio's directory.
    pub file_path: Option<String>,
    /// What the user wrote beside it.
    pub caption: Option<String>,
}

/// What a run logged, and how many rows could not be read and were left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LoggedMedia {
    /// By timestamp, then by id.
    pub logged: Vec<Logged>,
    /// How many rows hold no JSON object.
    pub unreadable: usize,
}

/// All media of a run, without their content.
pub fn of_run(snapshot: &Snapshot<'_>, run: &Run) -> Result<LoggedMedia> {
    let mut found = LoggedMedia::default();
    metric::for_each_holding(snapshot, Kind::Metrics, run, MARKER, |raw| {
        let typed = |bytes: &[u8]| {
            let values = values_of(bytes)?;
            let typed = values.iter().filter_map(|(metric, value)| {
                let typed = Typed::read(value)?;
                Some(Logged {
                    row: raw.id,
                    timestamp: raw.timestamp.to_owned(),
                    step: raw.step,
                    metric: metric.to_string(),
                    kind: typed.kind()?.to_owned(),
                    file_path: typed.file_path(),
                    caption: typed.caption(),
                })
            });
            Some(typed.collect::<Vec<Logged>>())
        };
        match value::leniently(raw.json, typed) {
            Some(logged) => found.logged.extend(logged),
            None => found.unreadable += 1,
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// The content of a value that stands in its row; `rows` picks those of a table.
pub fn content(
    snapshot: &Snapshot<'_>,
    run: &Run,
    logged: &Logged,
    rows: std::ops::Range<usize>,
) -> Result<Content> {
    let mut found = None;
    metric::with_id(snapshot, Kind::Metrics, run, logged.row, |raw| {
        found = value::leniently(raw.json, |bytes| {
            let values = values_of(bytes)?;
            let typed = Typed::read(values.get(logged.metric.as_str())?)?;
            Some(content::of(&typed, rows.clone()))
        });
        match found {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    })?;
    Ok(found.unwrap_or(Content::InFile))
}

/// A row's values, unread; of repeated keys the last.
fn values_of(json: &[u8]) -> Option<BTreeMap<Cow<'_, str>, &RawValue>> {
    let text = std::str::from_utf8(json).ok()?;
    let values: BTreeMap<Key<'_>, &RawValue> = serde_json::from_str(text).ok()?;
    Some(values.into_iter().map(|(Key(key), value)| (key, value)).collect())
}

/// A key, borrowed where it is written without escapes.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value with a type of Trackio's. A row can hold anything, so no field is believed to be what
/// it should be before it is read.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(rename = "_type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    file_path: Option<&'a RawValue>,
    #[serde(borrow)]
    caption: Option<&'a RawValue>,
    #[serde(rename = "_value", borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    bins: Option<&'a RawValue>,
    #[serde(borrow)]
    values: Option<&'a RawValue>,
}

impl<'a> Typed<'a> {
    fn read(value: &'a RawValue) -> Option<Self> {
        let text = value.get();
        if !text.starts_with('{') || !text.contains(MARKER) {
            return None;
        }
        serde_json::from_str(text).ok()
    }

    /// The type's name; `None` for what is none of Trackio's media.
    fn kind(&self) -> Option<&str> {
        self.kind.strip_prefix(PREFIX).filter(|kind| *kind != TRACE)
    }

    fn file_path(&self) -> Option<String> {
        text(self.file_path)
    }

    fn caption(&self) -> Option<String> {
        text(self.caption)
    }
}

fn text(value: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(value?.get()).ok()
}
