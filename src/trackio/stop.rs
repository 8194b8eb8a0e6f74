//! When to give up: the caller cancelled, or the time is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Asked often by whatever takes long. Clones share the cancellation.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    cancelled: Arc<AtomicBool>,
    hurried: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Stop {
    /// The same cancellation with a deadline of its own.
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self.clone() }
    }

    /// Makes all that share this cancellation stop.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the caller cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Ends waits, not work: the caller is leaving, and takes what there is.
    pub fn hurry(&self) {
        self.hurried.store(true, Ordering::Relaxed);
    }

    /// Whether a wait for something to happen makes sense no more.
    pub fn ends_waits(&self) -> bool {
        self.hurried.load(Ordering::Relaxed) || self.is_set()
    }

    /// Whether the deadline has passed.
    pub fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Whether to give up, for either reason.
    pub fn is_set(&self) -> bool {
        self.is_cancelled() || self.is_late()
    }
}
