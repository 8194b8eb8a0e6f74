//! Projects for tests, in Trackio's own schema.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::{Map, Value};

use super::answer::{Failure, PageRequest};
use super::budget::{Fitted, MOST_TOKENS};
use super::context::Context;
use super::progress::Progress;
use crate::journal::Journal;
use crate::tools::{self, Permission, Surroundings};
use crate::trackio::project::CURRENT_SCHEMA;
use crate::trackio::{Directory, Stop, Store, time};

/// The time of every call.
pub const NOW: &str = "2026-03-04T12:00:00Z";

/// A Trackio directory that is made as a test needs it, gone when dropped.
pub struct Fixture {
    directory: tempfile::TempDir,
    state: tempfile::TempDir,
}

impl Fixture {
    /// An empty one.
    pub fn empty() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), state: tempfile::tempdir().unwrap() }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The journal of its writes.
    pub fn journal(&self) -> Journal {
        Journal::at(self.state.path().to_owned())
    }

    /// A run with a config and a row a second, from `created` on. Its id is `id-` and its name.
    pub fn run(&self, project: &str, name: &str, created: &str, config: Value, rows: &[Value]) {
        let file = self.path().join(format!("{project}.db"));
        let is_new = !file.exists();
        let mut connection = Connection::open(file).unwrap();
        if is_new {
            connection.execute_batch(CURRENT_SCHEMA).unwrap();
        }
        let to = connection.transaction().unwrap();
        let id = format!("id-{name}");
        let start = time::parse(created).unwrap().as_second();
        for (step, metrics) in rows.iter().enumerate() {
            let stamp = Timestamp::from_second(start + step as i64).unwrap();
            let stamp = stamp.to_string().replace('Z', "+00:00");
            to.execute(
                "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id, stamp, name, step as i64, metrics.to_string().into_bytes()],
            )
            .unwrap();
        }
        to.execute(
            "INSERT INTO configs (run_id, run_name, config, created_at) VALUES (?1, ?2, ?3, ?4)",
            params![id, name, config.to_string().into_bytes(), created],
        )
        .unwrap();
        to.commit().unwrap();
    }

    /// What a tool answers to arguments.
    pub fn call(&self, tool: &str, arguments: Value) -> Result<Map<String, Value>, String> {
        self.call_later(tool, arguments, 0)
    }

    /// The same, so many seconds later.
    pub fn call_later(
        &self,
        tool: &str,
        arguments: Value,
        seconds: i64,
    ) -> Result<Map<String, Value>, String> {
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        let mut surroundings = self.surroundings();
        surroundings.now += jiff::SignedDuration::from_secs(seconds);
        let answer: Result<Fitted, Failure> =
            tools::find(tool).unwrap().call(&surroundings, arguments);
        answer.map(|answer| answer.structured).map_err(|failure| failure.0)
    }

    /// The surroundings of a first page.
    pub fn context(&self) -> Context {
        let Surroundings { store, now, stop, progress, permission } = self.surroundings();
        let page = PageRequest { offset: 0, limit: None, stretch: None, fingerprint: 0 };
        Context { store, now, stop, progress, permission, page, tokens: MOST_TOKENS }
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            store: Arc::new(Store::new(Directory::resolve(Some(self.path())), 1 << 20)),
            now: time::parse(NOW).unwrap(),
            stop: Stop::default(),
            progress: Progress::default(),
            permission: Permission::granted(self.journal(), vec![self.path().join("uploads")]),
        }
    }
}
