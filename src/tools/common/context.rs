//! What a tool is given beside its arguments: it has no clock and no globals.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::answer::{Failure, PageRequest};
use super::progress::{Count, Progress};
use crate::tools::access::Permission;
use crate::trackio::{self, Project, Snapshot, Stop, Store};

/// The surroundings of one call.
#[derive(Clone)]
pub struct Context {
    /// Trackio's data.
    pub store: Arc<Store>,
    /// The current time.
    pub now: Timestamp,
    /// When to give up.
    pub stop: Stop,
    /// Tells the caller how far a long call has come.
    pub progress: Progress,
    /// Whether tools may write, and with what.
    pub permission: Permission,
    /// Which part of a list was asked for.
    pub page: PageRequest,
    /// The tokens that the answer may take.
    pub tokens: usize,
}

impl Context {
    /// The same call, so much later than it began.
    pub fn later(&self, passed: Duration) -> Self {
        let now = self.now.checked_add(passed).unwrap_or(self.now);
        Self { now, ..self.clone() }
    }

    /// Work on so many things, which the caller hears of and can end.
    pub fn count(&self, of: usize, noun: &'static str) -> Count {
        Count::new(&self.progress, &self.stop, of, noun)
    }

    /// Opens a project, runs `work` on it and closes it.
    pub fn read<T>(
        &self,
        project: &Project,
        work: impl Fn(&Snapshot<'_>) -> trackio::Result<T>,
    ) -> Result<T, Failure> {
        project.read(&self.stop, work).map_err(Failure::from)
    }
}
