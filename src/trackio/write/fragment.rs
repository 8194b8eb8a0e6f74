//! Rows as a file in the inbox (`fragments.py`): one JSON object a line, written beside its place
//! and renamed into it, so that no reader sees half of it. Needs no lock.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::anyhow;
use serde_json::{Value, json};

use super::entry::{Content, Entry, Written, new_id};
use super::runs::Runs;
use super::{Target, not_writable};
use crate::temporary::{self, Temporary};
use crate::trackio::error::{Error, Result};
use crate::trackio::stop::Stop;
use crate::trackio::value;

/// How many ids one question asks for.
const IDS_AT_ONCE: usize = 500;

/// The inbox, in Trackio's directory.
const FOLDER: &str = "inbox";

/// Leaves the rows in the inbox.
///
/// Where two writers begin the same new run at once, each gives it an id of its own: there is no
/// lock here.
pub fn leave(target: &Target, entries: &[Entry], stop: &Stop) -> Result<Written> {
    let project = target.project.with_waiting(stop)?;
    let (written, lines) = project.read(stop, |snapshot| {
        let mut runs = Runs::of(snapshot, &snapshot.project.runs_in_inbox())?;
        let mut written = Written { in_inbox: true, ..Written::default() };
        let mut lines = Vec::new();
        let mut seen = BTreeSet::new();
        let there = ids_that_are_there(snapshot, entries)?;
        for entry in entries {
            let run = runs.find(&entry.run, entry.run_id.as_deref())?;
            if !seen.insert(&entry.id) || there.contains(&entry.id) {
                written.already_there += 1;
                continue;
            }
            written.written += 1;
            let line = record(&target.name, entry, &run.name, &run.id);
            lines.extend(serde_json::to_vec(&line).map_err(|error| Error::Work(error.into()))?);
            lines.push(b'\n');
        }
        written.runs = runs.used;
        Ok((written, lines))
    })?;
    if !lines.is_empty() {
        place(&target.directory, &lines).map_err(|error| match error.kind() {
            std::io::ErrorKind::StorageFull => {
                not_writable(&target.name, "the disk is full".to_owned())
            }
            _ => Error::Work(anyhow!("Nothing was written: the inbox cannot be used ({error}).")),
        })?;
    }
    Ok(written)
}

/// Those of the rows' ids that the database holds, or that wait. One question for many rows: the
/// rows that wait have no index by id.
fn ids_that_are_there(
    snapshot: &crate::trackio::Snapshot<'_>,
    entries: &[Entry],
) -> Result<BTreeSet<String>> {
    let mut there = BTreeSet::new();
    for of_table in entries.chunk_by(|a, b| a.content.table() == b.content.table()) {
        let Some(content) = of_table.first().map(|entry| &entry.content) else { continue };
        let column = content.id_column();
        let table = snapshot.schema.table(content.table());
        let Some(table) = table.filter(|table| table.has(column)) else { continue };
        for some in of_table.chunks(IDS_AT_ONCE) {
            let marks = vec!["?"; some.len()].join(", ");
            let sql = format!("SELECT {column} FROM {} WHERE {column} IN ({marks})", table.source);
            let mut statement = snapshot.connection.prepare(&sql)?;
            let ids = rusqlite::params_from_iter(some.iter().map(|entry| &entry.id));
            let mut rows = statement.query(ids)?;
            while let Some(row) = rows.next()? {
                there.extend(value::text(row.get_ref(0)?));
            }
        }
    }
    Ok(there)
}

/// A line as Trackio writes it.
fn record(project: &str, entry: &Entry, run: &str, run_id: &str) -> Value {
    let (id, timestamp) = (&entry.id, &entry.timestamp);
    match &entry.content {
        Content::Metrics { metrics, step, config } => json!({
            "v": 1, "kind": "metric", "project": project, "run": run, "run_id": run_id,
            "metrics": metrics, "step": step, "timestamp": timestamp, "config": config,
            "log_id": id,
        }),
        Content::System { metrics } => json!({
            "v": 1, "kind": "system_metric", "project": project, "run": run, "run_id": run_id,
            "metrics": metrics, "timestamp": timestamp, "log_id": id,
        }),
        Content::Alert { title, text, level, step } => json!({
            "v": 1, "kind": "alert", "project": project, "run": run, "run_id": run_id,
            "title": title, "text": text, "level": level, "step": step, "timestamp": timestamp,
            "alert_id": id,
        }),
    }
}

/// This process's directory in the inbox, and the number of its next file. Trackio imports in the
/// order of the paths, so one process's files keep their order.
static WRITER: OnceLock<String> = OnceLock::new();
static NEXT: AtomicU64 = AtomicU64::new(0);

fn place(directory: &Path, lines: &[u8]) -> std::io::Result<()> {
    let writer = WRITER.get_or_init(|| new_id().chars().take(16).collect());
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = directory.join(FOLDER).join(writer);
    let place = folder.join(format!("{number:08}.jsonl"));
    // An import removes the folder when it has emptied it: then once more.
    let mut tries = 0;
    loop {
        fs::create_dir_all(&folder)?;
        let written = Temporary::new_in(&folder).and_then(|mut file| {
            file.write_all(lines)?;
            file.persist(&place)
        });
        tries += 1;
        match written {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && tries < 3 => {}
            other => return other,
        }
    }
}

/// Removes the files that writers have left which were killed.
pub fn clear(directory: &Path) {
    let folders = fs::read_dir(directory.join(FOLDER)).into_iter().flatten().flatten();
    for folder in folders.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        temporary::clear(&folder.path());
    }
}
