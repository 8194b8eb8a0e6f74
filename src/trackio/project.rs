//! Projects: from a name to its rows, wherever they lie.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rusqlite::Connection;

use super::cache::{Cache, Key};
use super::change::{ChangeKey, nanoseconds};
use super::database::{self, Opened};
use super::directory::Directory;
use super::error::{Error, Result};
use super::fingerprint;
use super::gate::Gate;
use super::handles::{Files, sidecar};
use super::heap;
use super::inbox::{Inbox, Inboxes};
use super::name::canonical;
use super::oversized::{self, Oversized};
use super::schema::Schema;
use super::stop::Stop;

/// The tables of a new project, as Trackio 0.43 creates them.
pub const CURRENT_SCHEMA: &str = include_str!("write/schema-0.43.sql");

/// The one file of Trackio 0.0.x, which holds several projects.
const FIRST_FILE: &str = "trackio";

/// How often the inbox may be imported by Trackio while one call reads it.
const TIMES_IMPORTED: usize = 3;

/// All of Trackio's data in one directory.
#[derive(Debug, Clone)]
pub struct Store {
    directory: Directory,
    cache: Arc<Cache>,
    inboxes: Inboxes,
    oversized: Oversized,
}

/// A database that no project's name leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Misnamed {
    /// The name of the file.
    pub file: String,
    /// A name under which it would be a project of its own.
    pub rename_to: String,
}

/// One project, found but not opened.
#[derive(Debug, Clone)]
pub struct Project {
    /// The name as the caller spelled it.
    pub name: String,
    /// Its database; `None` where all its rows wait in the inbox.
    pub path: Option<PathBuf>,
    /// The project within 0.0.x's `trackio.db`.
    pub inner: Option<String>,
    /// Its database, or where that would be.
    file: PathBuf,
    inbox: Inbox,
    inboxes: Inboxes,
    cache: Arc<Cache>,
    oversized: Oversized,
}

/// Which rows a read sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    All,
    /// Those that are not too large.
    Fitting,
}

/// One open project, for the time of one read.
pub struct Snapshot<'a> {
    /// The connection, inside a read transaction.
    pub connection: &'a Connection,
    /// What to select from.
    pub schema: Arc<Schema>,
    /// The project that was opened.
    pub project: &'a Project,
    /// When to give up.
    pub stop: &'a Stop,
    /// Closed while SQL runs that is not ours.
    pub gate: &'a Gate,
    /// The state of the database and the inbox; `None` where the database may have moved since it
    /// was looked at.
    pub change: Option<ChangeKey>,
}

impl Snapshot<'_> {
    /// Where columns are kept, and what was worked out.
    pub fn cache(&self) -> &Cache {
        &self.project.cache
    }
}

impl Store {
    /// The data in `directory`, with a cache of at most `cache_bytes`.
    pub fn new(directory: Directory, cache_bytes: usize) -> Self {
        let cache = Arc::new(Cache::new(cache_bytes));
        let inboxes = Inboxes::new(&directory.path, Arc::clone(&cache));
        Self { directory, cache, inboxes, oversized: Oversized::default() }
    }

    /// The same data for one call, which hears of the rows that it could not read.
    pub fn for_call(&self) -> Self {
        Self { oversized: Oversized::default(), ..self.clone() }
    }

    /// What was too large to be read.
    pub fn oversized(&self) -> &Oversized {
        &self.oversized
    }

    /// Where the data lie.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The names of all projects, sorted, as Trackio lists them: the stem of every `*.db`, be it
    /// readable or not, and the projects that wait in the inbox. Trackio lists a file too that it
    /// never opens, because no project's name leads to it; those are [`Self::misnamed`].
    pub fn project_names(&self) -> Result<Vec<String>> {
        let mut names: BTreeSet<String> = self.projects_in_inbox().into_iter().collect();
        let stems = self.stems()?;
        names.extend(
            stems.into_iter().filter_map(|stem| stem.into_string().ok()).filter(is_canonical),
        );
        Ok(names.into_iter().collect())
    }

    /// Databases that belong to no project because of their name, such as `p (1).db`; sorted. Files
    /// that are no database, such as the `._p.db` of macOS, are left out.
    pub fn misnamed(&self) -> Result<Vec<Misnamed>> {
        let mut misnamed = Vec::new();
        for stem in self.stems()? {
            let name = stem.to_string_lossy();
            let mut file = stem.clone();
            file.push(".db");
            if name != canonical(&name) && is_database(&self.directory.path.join(file)) {
                let rename_to = self.free_name(&canonical(&name));
                misnamed.push(Misnamed { file: format!("{name}.db"), rename_to });
            }
        }
        misnamed.sort();
        Ok(misnamed)
    }

    /// The name of a file that is not there yet.
    fn free_name(&self, stem: &str) -> String {
        let numbered = (2..).map(|number| format!("{stem}-{number}"));
        let mut names = std::iter::once(stem.to_owned()).chain(numbered);
        let is_free = |name: &String| self.file_of(name).symlink_metadata().is_err();
        names.find(is_free).map_or_else(String::new, |name| format!("{name}.db"))
    }

    /// The stems of all `*.db`.
    fn stems(&self) -> Result<Vec<OsString>> {
        let path = &self.directory.path;
        let unreadable = |error: std::io::Error| Error::Directory {
            path: path.clone(),
            reason: match error.kind() {
                std::io::ErrorKind::NotFound => "it does not exist".to_owned(),
                _ => error.to_string(),
            },
        };
        let mut stems = Vec::new();
        for entry in fs::read_dir(path).map_err(unreadable)? {
            let file = PathBuf::from(entry.map_err(unreadable)?.file_name());
            if file.extension().is_some_and(|extension| extension == "db") {
                stems.extend(file.file_stem().map(ToOwned::to_owned));
            }
        }
        Ok(stems)
    }

    /// The projects within 0.0.x's `trackio.db`, sorted; none where there is no such file.
    pub fn inner_projects(&self, stop: &Stop) -> Vec<String> {
        let path = self.file_of(FIRST_FILE);
        if !path.exists() {
            return Vec::new();
        }
        let names = |opened: &Opened<'_>| {
            let connection = opened.connection;
            let schema = Schema::read(connection)?;
            if !schema.table("metrics").is_some_and(|metrics| metrics.has("project_name")) {
                return Ok(Vec::new());
            }
            let mut statement = connection
                .prepare("SELECT DISTINCT project_name FROM main.metrics ORDER BY project_name")?;
            let names = statement.query_map([], |row| row.get(0))?;
            Ok(names.collect::<rusqlite::Result<Vec<String>>>()?)
        };
        heap::ordinary(stop, || database::read(&path, FIRST_FILE, stop, &names)).unwrap_or_default()
    }

    /// The names of all projects: those of the files and the inbox, then those within `trackio.db`.
    pub fn all_project_names(&self, stop: &Stop) -> Result<Vec<String>> {
        let mut names = self.project_names()?;
        names.extend(self.inner_projects(stop));
        Ok(names)
    }

    /// Finds a project by any spelling that Trackio takes.
    pub fn project(&self, name: &str, stop: &Stop) -> Result<Project> {
        let file = self.file_of(&canonical(name));
        let inbox = self.inboxes.of_project(name, stop)?;
        // A dangling link is a project for Trackio, an unreadable one.
        let path = file.symlink_metadata().is_ok().then(|| file.clone());
        if path.is_some() || !inbox.is_empty() {
            return Ok(Project { path, inbox, ..self.project_at(name, file) });
        }
        match self.inner_projects(stop).into_iter().find(|inner| inner == name) {
            Some(inner) => {
                let project = self.project_at(name, self.file_of(FIRST_FILE));
                Ok(Project { inner: Some(inner), ..project })
            }
            None => Err(Error::NoSuchProject(name.to_owned())),
        }
    }

    /// A project whose database is, or will be, at `path`; without what waits in the inbox.
    pub(super) fn project_at(&self, name: &str, path: PathBuf) -> Project {
        Project {
            name: name.to_owned(),
            path: Some(path.clone()),
            inner: None,
            file: path,
            inbox: Inbox::default(),
            inboxes: self.inboxes.clone(),
            cache: Arc::clone(&self.cache),
            oversized: self.oversized.clone(),
        }
    }

    /// What tells, without opening anything, whether a project may have changed: one digest for
    /// each name, which outlives the process.
    pub fn digests(&self, names: &[String]) -> Vec<u32> {
        let inbox = self.inboxes.digest();
        let of_project = |name: &String| {
            let own = self.file_of(&canonical(name));
            let path = if own.exists() { own } else { self.file_of(FIRST_FILE) };
            let key = ChangeKey::of(&path).digest();
            fingerprint::short(&[&key.to_le_bytes(), &inbox.to_le_bytes()]).max(1)
        };
        names.iter().map(of_project).collect()
    }

    /// The same of all projects together, told by the names, sizes and times of files alone: they
    /// can be many. A second write within one tick of the file system's clock shows with the next.
    pub fn digest(&self) -> u64 {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory.path).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let bytes = name.as_encoded_bytes();
            if let (true, Ok(about)) =
                (bytes.ends_with(b".db") || bytes.ends_with(b".db-wal"), entry.metadata())
            {
                files.push((name, about.len(), about.modified().map_or(0, nanoseconds)));
            }
        }
        files.sort();
        let of_file = |(name, size, modified): &(std::ffi::OsString, u64, u64)| {
            fingerprint::of(&[
                name.as_encoded_bytes(),
                &size.to_le_bytes(),
                &modified.to_le_bytes(),
            ])
        };
        let inbox = self.inboxes.digest();
        let digests = files.iter().map(of_file).chain([inbox]);
        let bytes: Vec<u8> = digests.flat_map(u64::to_le_bytes).collect();
        fingerprint::of(&[&bytes])
    }

    /// The projects that have rows in the inbox, sorted.
    pub fn projects_in_inbox(&self) -> Vec<String> {
        self.inboxes.projects(&Stop::default()).unwrap_or_default()
    }

    /// Files of the inbox with lines that are too long to be read, and how many lines in each.
    pub fn skipped_in_inbox(&self) -> Vec<(String, usize)> {
        self.inboxes.skipped(&Stop::default()).unwrap_or_default()
    }

    fn file_of(&self, stem: &str) -> PathBuf {
        self.directory.path.join(format!("{stem}.db"))
    }
}

impl Project {
    /// Opens the project, runs `work` and closes it. `work` may run more than once.
    pub fn read<T>(&self, stop: &Stop, work: impl Fn(&Snapshot<'_>) -> Result<T>) -> Result<T> {
        heap::ordinary(stop, || self.read_once(stop, &work))
    }

    /// The same for a query, which holds a [`heap::QueryTurn`].
    pub(super) fn read_once<T>(
        &self,
        stop: &Stop,
        work: impl Fn(&Snapshot<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut result = self.read_fitting(stop, &work);
        for _ in 0..TIMES_IMPORTED {
            if !matches!(result, Err(Error::InboxMoved)) {
                break;
            }
            // Trackio imported the files: what they held is in the database, and others may wait.
            let inbox = self.inboxes.of_project(&self.name, stop)?;
            result = self.with_inbox(inbox).read_fitting(stop, &work);
        }
        result
    }

    fn read_fitting<T>(
        &self,
        stop: &Stop,
        work: &impl Fn(&Snapshot<'_>) -> Result<T>,
    ) -> Result<T> {
        match self.read_rows(Rows::All, stop, work) {
            Err(error) if oversized::is_cause(&error) => self.read_rows(Rows::Fitting, stop, work),
            other => other,
        }
    }

    fn read_rows<T>(
        &self,
        rows: Rows,
        stop: &Stop,
        work: &impl Fn(&Snapshot<'_>) -> Result<T>,
    ) -> Result<T> {
        let on_connection = |opened: &Opened<'_>| {
            let snapshot = self.snapshot(rows, opened, stop)?;
            work(&snapshot)
        };
        match &self.path {
            Some(path) if is_dangling(path) => Err(self.unreadable("the link leads nowhere")),
            Some(path) => database::read(path, &self.name, stop, &on_connection),
            None => {
                let mut connection = Connection::open_in_memory()?;
                connection.execute_batch(CURRENT_SCHEMA)?;
                let gate = database::watch(&mut connection, stop)?;
                let change = ChangeKey::of(&self.file);
                let opened = Opened { connection: &connection, gate: &gate, change: Some(&change) };
                on_connection(&opened).map_err(|error| database::explain(error, &self.name, stop))
            }
        }
    }

    /// The same project with these rows laid over it, its database where there is one.
    fn with_inbox(&self, inbox: Inbox) -> Self {
        let exists = self.file.symlink_metadata().is_ok();
        Self { path: exists.then(|| self.file.clone()), inbox, ..self.clone() }
    }

    /// The same project with what waits in the inbox now.
    pub(super) fn with_waiting(&self, stop: &Stop) -> Result<Self> {
        Ok(self.with_inbox(self.inboxes.of_project(&self.name, stop)?))
    }

    /// The runs that wait in the inbox, name and id.
    pub(super) fn runs_in_inbox(&self) -> Vec<(String, String)> {
        self.inbox.runs().collect()
    }

    /// The key of a value that comes from the project.
    pub(super) fn key(&self, what: String) -> Key {
        Key::of_database(self.file.clone(), self.inner.clone(), what)
    }

    /// When its files were last written.
    pub fn modified(&self) -> Option<SystemTime> {
        let time = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let path = self.path.as_ref()?;
        time(path).max(time(&sidecar(path, "-wal")))
    }

    /// Whether rows wait in the inbox.
    pub fn has_inbox(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Whether its file is a registry's.
    pub fn is_registry(&self) -> bool {
        canonical(&self.name).starts_with("registry-")
    }

    fn unreadable(&self, reason: &str) -> Error {
        Error::Unreadable { project: self.name.clone(), reason: reason.to_owned() }
    }

    fn snapshot<'a>(
        &'a self,
        rows: Rows,
        opened: &Opened<'a>,
        stop: &'a Stop,
    ) -> Result<Snapshot<'a>> {
        let connection = opened.connection;
        let mut schema = Schema::known(connection, &self.cache)?;
        if rows == Rows::Fitting {
            self.oversized.leave_out(&self.name, connection, Arc::make_mut(&mut schema))?;
        }
        self.unfold_first_file(connection, &mut schema)?;
        let change = opened.change.map(|change| change.clone().with_inbox(self.inbox.identity()));
        if !self.inbox.is_empty() {
            let kept = change.clone().map(|change| (self.key("inbox".to_owned()), change));
            self.inbox.lay_over(connection, Arc::make_mut(&mut schema), kept, stop)?;
        }
        // What is worked out without some rows is not kept: the next answer names them too.
        let change = change.filter(|_| rows == Rows::All);
        Ok(Snapshot { connection, schema, project: self, stop, gate: opened.gate, change })
    }

    /// 0.0.x knew no steps, and wrote UTC without saying so: rows are numbered in their order.
    fn unfold_first_file(&self, connection: &Connection, schema: &mut Arc<Schema>) -> Result<()> {
        for (table, numbered) in [("metrics", true), ("configs", false)] {
            let Some(own) = schema.table(table).filter(|own| own.has("project_name")) else {
                continue;
            };
            let mut columns: BTreeSet<String> = own.columns().map(str::to_owned).collect();
            let mut selected = "*".to_owned();
            if numbered && !own.has("step") {
                let kept: Vec<&str> =
                    own.columns().filter(|column| *column != "timestamp").collect();
                selected = format!(
                    "{}, timestamp || '+00:00' AS timestamp, ROW_NUMBER() OVER (
                     PARTITION BY project_name, run_name ORDER BY id) - 1 AS step",
                    kept.join(", ")
                );
                columns.insert("step".to_owned());
            }
            let only = match &self.inner {
                Some(inner) => format!("WHERE project_name = '{}'", inner.replace('\'', "''")),
                None => String::new(),
            };
            let view = format!("temp.first_{table}");
            connection.execute_batch(&format!(
                "CREATE VIEW {view} AS SELECT {selected} FROM {} {only}",
                own.source
            ))?;
            Arc::make_mut(schema).replace(table, &view, columns);
        }
        Ok(())
    }
}

/// Whether a project of this name has a file of the same name.
fn is_canonical(name: &String) -> bool {
    canonical(name) == *name
}

/// Whether the file begins as SQLite's do.
fn is_database(path: &Path) -> bool {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    Files::of(path).head("", MAGIC.len()).is_ok_and(|(_, head)| head == MAGIC)
}

/// A link that leads nowhere, or whose target cannot be looked at.
fn is_dangling(path: &Path) -> bool {
    path.is_symlink() && !path.exists()
}
