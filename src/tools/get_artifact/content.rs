//! The first rows of a file.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::files::File;
use crate::tools::common::Failure;
use crate::tools::common::resolve::shown;
use crate::trackio::artifact::{Blobs, Content, FileState, Preview, preview};

/// The beginning of a file; its fields stand at the answer's root.
#[derive(Serialize, JsonSchema)]
pub struct FileContent {
    /// The file's path within the artifact.
    file: String,
    /// csv, tsv, jsonl, json, text or binary.
    format: &'static str,
    /// Whether all of it is shown.
    whole: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
    /// Lists of cells, JSON values, or lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<Value>>,
    /// The first members of a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Map<String, Value>>,
}

impl FileContent {
    /// Reads at most `most` rows of a file that is there.
    pub fn read(blobs: &Blobs, file: &File, most: usize) -> Result<Self, Failure> {
        let path = &file.entry.path;
        let is_there = matches!(
            file.blob.state,
            FileState::Present | FileState::Verified | FileState::WrongSize | FileState::Corrupt
        );
        if !is_there {
            return Err(not_there(file));
        }
        let opened = blobs.open(&file.blob).map_err(|error| {
            Failure(format!("The file `{}` cannot be read: {error}.", shown(path)))
        })?;
        Ok(Self::of(path, preview(path, opened, most)))
    }

    fn of(path: &str, preview: Preview) -> Self {
        let Preview { format, content, whole, problem } = preview;
        let mut shown = Self {
            file: path.to_owned(),
            format,
            whole,
            problem,
            columns: None,
            rows: None,
            members: None,
        };
        match content {
            Content::Table { columns, rows } => {
                shown.columns = Some(columns);
                shown.rows = Some(rows.into_iter().map(Value::from).collect());
            }
            Content::Values(values) => shown.rows = Some(values),
            Content::Lines(lines) => {
                shown.rows = Some(lines.into_iter().map(Value::from).collect());
            }
            Content::Object(members) => shown.members = Some(members),
            Content::Binary => {
                (shown.format, shown.whole) = ("binary", false);
                shown.problem = Some("it is no text; its location is in manifest".to_owned());
            }
        }
        shown
    }

    /// How many rows are shown, for the headline.
    pub fn shown(&self) -> usize {
        self.rows.as_ref().map_or(0, Vec::len) + self.members.as_ref().map_or(0, Map::len)
    }

    /// Whether that is all.
    pub fn whole(&self) -> bool {
        self.whole
    }

    /// The file's path.
    pub fn path(&self) -> &str {
        &self.file
    }

    /// Keeps about `share` of the rows, at least one; of a table too wide for that the first
    /// columns.
    pub fn shrink(&mut self, share: f64) -> bool {
        let kept = |length: usize| ((length as f64 * share) as usize).max(1);
        let before = (self.shown(), self.columns.as_ref().map_or(0, Vec::len));
        if let Some(rows) = self.rows.as_mut().filter(|rows| rows.len() > 1) {
            rows.truncate(kept(rows.len()));
        } else if let Some(columns) = self.columns.as_mut().filter(|columns| columns.len() > 1) {
            columns.truncate(kept(columns.len()));
            let width = columns.len();
            for row in self.rows.iter_mut().flatten().filter_map(Value::as_array_mut) {
                row.truncate(width);
            }
        }
        if let Some(members) = self.members.as_mut().filter(|members| members.len() > 1) {
            let most = kept(members.len());
            let mut seen = 0;
            members.retain(|_, _| {
                seen += 1;
                seen <= most
            });
        }
        let shrinks = before != (self.shown(), self.columns.as_ref().map_or(0, Vec::len));
        self.whole &= !shrinks;
        shrinks
    }
}

fn not_there(file: &File) -> Failure {
    let path = shown(&file.entry.path);
    let location = file.blob.location.as_ref().map(|path| path.display().to_string());
    let location = location.unwrap_or_default();
    Failure(match file.blob.state {
        FileState::Missing => format!(
            "The file `{path}` is not on this computer: {location} does not exist. It may have \
             been deleted, or lie where the run was."
        ),
        FileState::Refused => format!(
            "The file `{path}` is not read: {location} is no file of its own within Trackio's \
             directory (a link that leads out of it, or no regular file)."
        ),
        FileState::Reference => format!(
            "Trackio keeps only the address of `{path}`: {}. It is not read.",
            shown(file.entry.reference.as_deref().unwrap_or_default())
        ),
        FileState::BadDigest => format!(
            "The manifest names no SHA-256 for `{path}`, so there is no telling where it lies."
        ),
        _ => format!("The file `{path}` cannot be read; check the permissions of {location}."),
    })
}
