//! Writes into Trackio's databases as Trackio itself does, while training may be using them.
//!
//! The protocol is Trackio 0.43's: `flock` on `<project>.lock`, then one transaction. Unlike
//! Trackio, which takes the lock twice for a write (once for the tables, once for the rows), a
//! write here is one transaction: its tables and all its rows, or nothing.
//!
//! A Trackio process that does not get the lock within ten seconds throws its rows away, so the
//! lock is never held while we wait: when SQLite is busy, it is given back and taken again. What
//! takes long by itself, such as deleting a million rows, is done in turns.

pub mod belongings;
pub mod entry;
mod fragment;
mod fresh;
mod insert;
mod lock;
pub mod media;
mod mode;
mod open;
mod prepare;
mod runs;
pub mod saved;
mod trace;
pub mod turns;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::ErrorCode;

use super::change::ChangeKey;
use super::error::{Error, Result};
use super::gate::Gate;
use super::handles::ConnectionGuard;
use super::name::canonical;
use super::project::{Project, Snapshot, Store};
use super::schema::Schema;
use super::stop::Stop;
use fresh::Fresh;
use lock::Lock;

/// How long a write waits for its turn: as long as Trackio's own.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it sleeps between two tries, at first and at most. Trackio tries every 100 ms.
const SLEEP: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// How many virtual-machine steps SQLite takes between two looks at [`Stop`].
const STEPS_BETWEEN_LOOKS: i32 = 5_000;

/// What a database must be like for a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Rows are added: a missing project is created, missing tables and columns are added.
    Log,
    /// Rows that are there are changed: the project must exist, its tables stay as they are.
    Edit,
}

/// A project's file as a writer sees it. It need not exist.
#[derive(Debug, Clone)]
pub struct Target {
    name: String,
    directory: PathBuf,
    path: PathBuf,
    locks: Vec<PathBuf>,
    project: Project,
}

/// An open database within a write transaction: what reads a snapshot reads it, and what runs on
/// its connection is committed when the work succeeds. Rows in the inbox are not part of it.
pub type Transaction<'a> = Snapshot<'a>;

impl Store {
    /// Removes the temporary files that writers have left which were killed.
    pub fn clear(&self) {
        let directory = &self.directory().path;
        media::clear(directory);
        fragment::clear(directory);
    }

    /// The file that a project of this name has, or would have.
    ///
    /// # Errors
    /// Names that Trackio reserves, and projects that lie within 0.0.x's one file.
    pub fn target(&self, name: &str, stop: &Stop) -> Result<Target> {
        let stem = canonical(name);
        let directory = &self.directory().path;
        let path = directory.join(format!("{stem}.db"));
        if let Some(reason) = reserved(&stem, path.exists()) {
            return Err(not_writable(name, reason));
        }
        if !path.exists() && self.inner_projects(stop).iter().any(|inner| inner == name) {
            return Err(not_writable(name, OF_FIRST_FILE.to_owned()));
        }
        Ok(Target {
            name: name.to_owned(),
            directory: directory.clone(),
            locks: lock::files(directory, name),
            project: self.project_at(name, path.clone()),
            path,
        })
    }
}

impl Target {
    /// The name as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The database.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in one transaction under Trackio's lock, and commits.
    ///
    /// `work` may run more than once, each time from the same state. It must be short: the lock
    /// is held while it runs.
    ///
    /// # Errors
    /// Those of `work`; [`Error::NoTurn`] when others write for too long; [`Error::NotWritable`]
    /// for a file that cannot be written. After any error nothing was written.
    pub fn write<T>(
        &self,
        purpose: Purpose,
        stop: &Stop,
        work: impl Fn(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let end = Instant::now() + PATIENCE;
        let mut sleep = SLEEP.0;
        loop {
            if let Some(value) = self.attempt(purpose, stop, &work)? {
                return Ok(value);
            }
            stop.check()?;
            if Instant::now() >= end {
                let seconds = PATIENCE.as_secs();
                return Err(Error::NoTurn { project: self.name.clone(), seconds });
            }
            std::thread::sleep(sleep);
            sleep = (sleep * 2).min(SLEEP.1);
        }
    }

    /// One try; `None` when another process writes just now.
    fn attempt<T>(
        &self,
        purpose: Purpose,
        stop: &Stop,
        work: &impl Fn(&Transaction<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        if purpose == Purpose::Edit && !self.path.exists() {
            return Err(Error::NoSuchProject(self.name.clone()));
        }
        if let Some(reason) = ChangeKey::of(&self.path).odd_file() {
            return Err(not_writable(&self.name, reason.to_owned()));
        }
        let lock = Lock::try_take(&self.locks)
            .map_err(|error| not_writable(&self.name, in_words(&error)))?;
        let Some(lock) = lock else { return Ok(None) };
        let fresh = Fresh::watch(&self.path);
        let result = self.transact(purpose, stop, work);
        match &result {
            Ok(_) => fresh.keep(),
            Err(_) => fresh.remove(),
        }
        drop(lock);
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if is_busy(&error) => Ok(None),
            Err(error) if is_interrupted(&error) => {
                stop.check()?;
                Err(self.explain(error))
            }
            Err(error) => Err(self.explain(error)),
        }
    }

    fn transact<T>(
        &self,
        purpose: Purpose,
        stop: &Stop,
        work: &impl Fn(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut guard = ConnectionGuard::default();
        let mut connection = open::open(&self.path, purpose, &mut guard)?;
        let watched = stop.clone();
        connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || watched.is_set()))?;
        let transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut schema = Schema::read(&transaction)?;
        prepare::check(&schema, &self.name, purpose)?;
        if purpose == Purpose::Log && prepare::add_what_lacks(&transaction, &schema)? {
            schema = Schema::read(&transaction)?;
        }
        let project = &self.project;
        let gate = &Gate::default();
        let (connection, schema) = (&transaction, schema.into());
        let value = work(&Transaction { connection, schema, project, stop, gate, change: None })?;
        transaction.commit()?;
        Ok(value)
    }

    fn explain(&self, error: Error) -> Error {
        let Error::Sql(sql) = &error else { return error };
        let reason = match sql.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => "the disk is full".to_owned(),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                "the file or its directory is read-only".to_owned()
            }
            Some(ErrorCode::CannotOpen) => {
                "the file cannot be opened; check its permissions".to_owned()
            }
            Some(ErrorCode::SystemIoFailure) => {
                format!("the system could not write to the disk ({sql})")
            }
            Some(ErrorCode::NotADatabase) => "the file is not an SQLite database".to_owned(),
            Some(ErrorCode::DatabaseCorrupt) => {
                "the file is damaged (SQLite: malformed)".to_owned()
            }
            _ => sql.to_string(),
        };
        not_writable(&self.name, reason)
    }
}

const OF_FIRST_FILE: &str = "it lies in the one file of Trackio 0.0.x, which no newer version \
                             writes; log under another project name";

/// Why Trackio keeps a name for itself. Projects that were so named before are written on.
fn reserved(stem: &str, exists: bool) -> Option<String> {
    if stem.starts_with("registry-") {
        return Some("names that begin with `registry-` belong to Trackio's registries".to_owned());
    }
    let suffix = RESERVED_SUFFIXES.iter().find(|suffix| {
        !exists && stem.strip_suffix(**suffix).is_some_and(|start| !start.is_empty())
    })?;
    Some(format!(
        "a new project's name must not end with `{suffix}`, where Trackio puts its own files; \
         choose another name"
    ))
}

/// From `validate_project_name`.
const RESERVED_SUFFIXES: &[&str] = &[
    "_system",
    "_configs",
    "_traces",
    "_artifacts",
    "_artifact_versions",
    "_artifact_aliases",
    "_run_artifact_links",
    "_external_run_artifact_links",
];

fn not_writable(project: &str, reason: String) -> Error {
    Error::NotWritable { project: project.to_owned(), reason }
}

/// A system's error without the path it is about.
fn in_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            "Trackio's directory is read-only".to_owned()
        }
        std::io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => format!("its lock cannot be taken ({error})"),
    }
}

fn is_interrupted(error: &Error) -> bool {
    let Error::Sql(error) = error else { return false };
    error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
}

fn is_busy(error: &Error) -> bool {
    let Error::Sql(error) = error else { return false };
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}
