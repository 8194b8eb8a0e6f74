//! The files of a version: where they lie and whether they are what was logged.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use crate::tools::common::nearest::{nearest, quoted};
use crate::tools::common::resolve::shown;
use crate::tools::common::shape::counted;
use crate::tools::common::{Context, Failure, Item};
use crate::trackio::Error;
use crate::trackio::artifact::{Blob, Blobs, Entry, FileState};

/// Between two reports of progress, in bytes.
const REPORTS_EVERY: u64 = 32 << 20;
/// What is left of the call's time when hashing ends.
const TIME_TO_ANSWER: Duration = Duration::from_secs(3);
/// So many files that cannot be used are named.
const NAMED: usize = 5;

/// A file of the manifest and of the disk.
#[derive(Clone)]
pub struct File {
    /// What the manifest says.
    pub entry: Entry,
    /// What the disk says.
    pub blob: Blob,
}

/// The files of a version, or the one that was asked for.
pub struct Files {
    /// In the order of the manifest.
    pub all: Vec<File>,
    is_verified: bool,
    /// How many were to be hashed and were not, because the time was over.
    not_hashed: usize,
}

/// One file, in Trackio's fields and ours.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct FileItem {
    path: String,
    digest: String,
    size: Option<u64>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    state: &'static str,
    /// Its size on disk, where that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    size_on_disk: Option<u64>,
    /// Where it lies, or would.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
}

impl Item for FileItem {
    const LIST: &'static str = "manifest";
}

/// All files, counted.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Summary {
    total: usize,
    /// How many are in which state.
    states: BTreeMap<&'static str, usize>,
    bytes_on_disk: u64,
}

impl Files {
    /// Looks at every file of the manifest, or at the one named; with `verify`, hashes them.
    pub fn look(
        context: &Context,
        blobs: &Blobs,
        entries: Vec<Entry>,
        verify: bool,
        only: Option<&str>,
    ) -> Result<Self, Failure> {
        let entries = match only {
            Some(wanted) => vec![named(entries, wanted)?],
            None => entries,
        };
        let look = |entry: Entry| File { blob: blobs.look(&entry), entry };
        let mut all: Vec<File> = entries.into_iter().map(look).collect();
        let not_hashed = if verify { hash(context, blobs, &mut all)? } else { 0 };
        Ok(Self { all, is_verified: verify, not_hashed })
    }

    /// The file that was asked for.
    pub fn the_one(&mut self) -> Result<&File, Failure> {
        self.all.first().ok_or_else(|| Failure::new("There is no such file."))
    }

    /// How many are in which state.
    pub fn summary(&self) -> Summary {
        let mut states = BTreeMap::new();
        let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
        for file in &self.all {
            *states.entry(file.blob.state.as_str()).or_default() += 1;
            // Equal files lie on disk once.
            sizes.insert(&file.entry.digest, file.blob.size.unwrap_or_default());
        }
        Summary { total: self.all.len(), states, bytes_on_disk: sizes.values().sum() }
    }

    /// Which files cannot be used, and what was not looked at.
    pub fn notes(&self) -> Vec<String> {
        let bad: Vec<&File> = self.all.iter().filter(|file| !file.blob.state.is_good()).collect();
        let mut notes = Vec::new();
        if !bad.is_empty() {
            let named = bad
                .iter()
                .take(NAMED)
                .map(|file| format!("`{}` {}", shown(&file.entry.path), file.blob.state.as_str()));
            let named: Vec<String> = named.collect();
            let more = bad.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            notes.push(format!(
                "{} of {} cannot be used as logged: {}{more}.",
                bad.len(),
                counted(self.all.len(), "file"),
                named.join(", ")
            ));
        }
        let has_references = self.all.iter().any(|file| file.blob.state == FileState::Reference);
        if has_references && self.is_verified {
            notes.push("References are addresses outside Trackio; they were not looked at.".into());
        }
        if self.not_hashed > 0 {
            notes.push(format!(
                "The time was over before all was hashed: {} not verified. Ask with `file` for \
                 one at a time; for a file that takes longer by itself, the user can start the \
                 server with a longer --deadline.",
                counted(self.not_hashed, "file")
            ));
        }
        notes
    }
}

impl File {
    /// As it stands in the answer.
    pub fn item(&self) -> FileItem {
        let Self { entry, blob } = self;
        FileItem {
            path: entry.path.clone(),
            digest: entry.digest.clone(),
            size: entry.size,
            reference: entry.reference.clone(),
            state: blob.state.as_str(),
            size_on_disk: blob.size.filter(|size| Some(*size) != entry.size),
            location: blob.location.as_ref().map(|location| location.display().to_string()),
        }
    }
}

/// The entry of that path, or the only one that ends so.
fn named(entries: Vec<Entry>, wanted: &str) -> Result<Entry, Failure> {
    if let Some(found) = entries.iter().find(|entry| entry.path == wanted) {
        return Ok(found.clone());
    }
    let ending = format!("/{wanted}");
    let mut ends = entries.iter().filter(|entry| entry.path.ends_with(&ending));
    if let (Some(only), None) = (ends.next(), ends.next()) {
        return Ok(only.clone());
    }
    let paths: Vec<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    if paths.is_empty() {
        return Err(Failure::new("This version has no files."));
    }
    Err(Failure(format!(
        "This version has no file `{}`. Nearest: {}. Without file, get_artifact lists all {}.",
        shown(wanted),
        quoted(&nearest(wanted, paths.iter().copied())),
        paths.len()
    )))
}

/// Hashes every file once, the same content in several places too, as long as there is time;
/// answers how many files it did not come to.
fn hash(context: &Context, blobs: &Blobs, all: &mut [File]) -> Result<usize, Failure> {
    let stop = context.stop.sooner(TIME_TO_ANSWER);
    let is_due = |file: &&File| file.blob.state == FileState::Present;
    let mut due: BTreeMap<String, u64> = BTreeMap::new();
    for file in all.iter().filter(is_due) {
        due.insert(file.entry.digest.clone(), file.blob.size.unwrap_or_default());
    }
    let total: u64 = due.values().sum();
    let (mut done, mut reported) = (0, 0);
    let mut states: BTreeMap<String, FileState> = BTreeMap::new();
    let mut hashed: BTreeSet<String> = BTreeSet::new();
    for file in all.iter().filter(is_due) {
        if !hashed.insert(file.entry.digest.clone()) {
            continue;
        }
        let number = hashed.len();
        let told = |bytes: u64| {
            done += bytes;
            if done - reported >= REPORTS_EVERY || done >= total {
                reported = done;
                context.progress.tell(done as f64, Some(total.max(done) as f64), || {
                    format!("hashed {done} of {total} bytes, file {number} of {}", due.len())
                });
            }
        };
        match blobs.verify(&file.entry, &file.blob, &stop, told) {
            Ok(state) => states.insert(file.entry.digest.clone(), state),
            Err(Error::TimedOut) => break,
            Err(error) => return Err(error.into()),
        };
    }
    for file in all.iter_mut().filter(|file| file.blob.state == FileState::Present) {
        file.blob.state = states.get(&file.entry.digest).copied().unwrap_or(file.blob.state);
    }
    Ok(all.iter().filter(is_due).count())
}
