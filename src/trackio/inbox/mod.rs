//! The JSONL inbox: rows that no database holds yet.
//!
//! Where SQLite is unsafe (network file systems), and where `TRACKIO_STORAGE_MODE=jsonl`, Trackio
//! writes `inbox/<writer>/<sequence>.jsonl`; a dashboard server imports the files later, and
//! nothing else does. So a reader lays them over the databases, and takes and drops rows as the
//! import would (`fragments.py`): files in the order of their paths, in batches of 100, rows
//! grouped by run, `INSERT OR IGNORE` by log id.
//!
//! [`files`] knows whose rows each file holds, and reads a file once. [`import`] makes tables of
//! the rows of one project, when they are asked for.

mod files;
mod import;
mod lines;
mod record;

use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;

use super::cache::{Cache, Key};
use super::change::ChangeKey;
use super::error::Result;
use super::name::canonical;
use super::schema::Schema;
use super::stop::Stop;
use files::{Files, Waiting};
use import::Imported;

/// The inbox of Trackio's directory. Clones share what is known of it.
#[derive(Debug, Clone)]
pub struct Inboxes {
    shared: Arc<Shared>,
    cache: Arc<Cache>,
}

#[derive(Debug)]
struct Shared {
    files: Files,
    /// One import at a time: whoever wants the same rows waits for them.
    importing: Mutex<()>,
}

/// The rows of one project that wait in the inbox.
#[derive(Debug, Clone, Default)]
pub struct Inbox(Option<Waits>);

#[derive(Debug, Clone)]
struct Waits {
    project: String,
    waiting: Arc<Waiting>,
    inboxes: Inboxes,
}

impl Inboxes {
    /// The inbox of a directory.
    pub fn new(directory: &Path, cache: Arc<Cache>) -> Self {
        let files = Files::of(directory);
        Self { shared: Arc::new(Shared { files, importing: Mutex::new(()) }), cache }
    }

    /// The canonical names of the projects that have rows here, sorted.
    pub fn projects(&self, stop: &Stop) -> Result<Vec<String>> {
        let listing = self.shared.files.list(&self.cache, stop)?;
        Ok(listing.projects().map(str::to_owned).collect())
    }

    /// What waits for a project, by any spelling of its name.
    pub fn of_project(&self, name: &str, stop: &Stop) -> Result<Inbox> {
        let project = canonical(name);
        let waiting = self.shared.files.list(&self.cache, stop)?.of_project(&project);
        Ok(Inbox(waiting.map(|waiting| Waits { project, waiting, inboxes: self.clone() })))
    }

    /// Tells whether anything was added or taken away, without reading the files.
    pub fn digest(&self) -> u64 {
        self.shared.files.digest()
    }

    /// What was passed over because it is too long: the files, with the number of their lines.
    pub fn skipped(&self, stop: &Stop) -> Result<Vec<(String, usize)>> {
        let listing = self.shared.files.list(&self.cache, stop)?;
        let named = listing.skipped().map(|(path, lines)| (path.display().to_string(), lines));
        Ok(named.collect())
    }
}

impl Inbox {
    /// The runs that its rows name, with their ids.
    pub fn runs(&self) -> impl Iterator<Item = (String, String)> {
        self.0.iter().flat_map(|waits| {
            let files = waits.waiting.files.iter();
            files.flat_map(|(_, file)| file.runs(&waits.project)).cloned()
        })
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Equal for the same rows; 0 for none.
    pub fn identity(&self) -> u64 {
        self.0.as_ref().map_or(0, |waits| waits.waiting.identity)
    }

    /// Lays the rows over an open database: temporary views, named in `schema`, that hold the
    /// rows of both. `kept` tells under which key the imported rows are kept, and of which state
    /// of the database; without it they are imported for this call alone.
    pub fn lay_over(
        &self,
        connection: &Connection,
        schema: &mut Schema,
        kept: Option<(Key, ChangeKey)>,
        stop: &Stop,
    ) -> Result<()> {
        let Some(waits) = &self.0 else { return Ok(()) };
        let cache = &waits.inboxes.cache;
        let import = |schema: &Schema| {
            let Waits { project, waiting, .. } = waits;
            Imported::of(project, waiting, connection, schema, cache, stop)
        };
        let Some((key, change)) = kept else {
            return import(schema)?.lay_over(connection, schema);
        };
        let known = || {
            let cached = cache.get::<Imported>(&key)?;
            (cached.change.as_ref() == Some(&change)).then_some(cached.value)
        };
        if let Some(imported) = known() {
            return imported.lay_over(connection, schema);
        }
        let _importing = files::lock(&waits.inboxes.shared.importing, stop)?;
        if let Some(imported) = known() {
            return imported.lay_over(connection, schema);
        }
        // The old rows go first: there is no need to hold both.
        drop(cache.take::<Imported>(&key));
        let imported = Arc::new(import(schema)?);
        cache.put(key, Some(change), Arc::clone(&imported));
        imported.lay_over(connection, schema)
    }
}
