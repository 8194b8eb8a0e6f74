//! What a tool is given beside its arguments: it has no clock and no globals.

use std::sync::Arc;

use jiff::Timestamp;

use super::answer::{Failure, PageRequest};
use crate::trackio::{self, Project, Snapshot, Stop, Store};

/// The surroundings of one call.
pub struct Context {
    /// Trackio's data.
    pub store: Arc<Store>,
    /// The current time.
    pub now: Timestamp,
    /// When to give up.
    pub stop: Stop,
    /// Which part of a list was asked for.
    pub page: PageRequest,
    /// The tokens that the answer may take.
    pub tokens: usize,
}

impl Context {
    /// Opens a project, runs `work` on it and closes it.
    pub fn read<T>(
        &self,
        project: &Project,
        work: impl Fn(&Snapshot<'_>) -> trackio::Result<T>,
    ) -> Result<T, Failure> {
        project.read(&self.stop, work).map_err(Failure::from)
    }
}
