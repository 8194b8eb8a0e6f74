//! When to give up: the caller cancelled, or the time is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::error::{Error, Result};

/// Asked often by whatever takes long. Clones share the cancellation.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    cancelled: Arc<AtomicBool>,
    hurried: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Stop {
    /// The same cancellation with a deadline of its own, unless it has an earlier one.
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        let deadline = self.deadline.map_or(deadline, |earlier| earlier.min(deadline));
        Self { deadline: Some(deadline), ..self.clone() }
    }

    /// The same with a deadline so much earlier, for a part of the work.
    pub fn sooner(&self, by: Duration) -> Self {
        let deadline = self.deadline.map(|deadline| deadline.checked_sub(by).unwrap_or(deadline));
        Self { deadline, ..self.clone() }
    }

    /// The same deadline, for work that is begun and must not be cut off by a cancellation.
    pub fn deadline_only(&self) -> Self {
        Self { deadline: self.deadline, ..Self::default() }
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

    /// Whether the caller is leaving.
    pub fn is_hurried(&self) -> bool {
        self.hurried.load(Ordering::Relaxed)
    }

    /// Whether a wait for something to happen makes sense no more.
    pub fn ends_waits(&self) -> bool {
        self.is_hurried() || self.is_set()
    }

    /// Whether the deadline has passed.
    pub fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Whether to give up, for either reason.
    pub fn is_set(&self) -> bool {
        self.is_cancelled() || self.is_late()
    }

    /// How long to wait for one of several things, at most `most`: a part of what is left, so that
    /// there is time for the others.
    pub fn patience(&self, most: Duration) -> Duration {
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now()) / 4;
        self.deadline.map_or(most, left).min(most)
    }

    /// An error when it is time to give up: which of the two it was.
    pub fn check(&self) -> Result<()> {
        match (self.is_cancelled(), self.is_late()) {
            (true, _) => Err(Error::Cancelled),
            (false, true) => Err(Error::TimedOut),
            (false, false) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_leaves_time_for_others() {
        let most = Duration::from_secs(5);
        let within = |seconds| {
            let deadline = Instant::now() + Duration::from_secs(seconds);
            Stop::default().with_deadline(deadline).patience(most)
        };
        assert_eq!(Stop::default().patience(most), most);
        assert_eq!(within(60), most);
        assert!(within(10) <= Duration::from_millis(2_500) && within(10) > Duration::from_secs(2));
        assert_eq!(within(0), Duration::ZERO);
    }

    #[test]
    fn the_earlier_deadline_counts() {
        let hour = Duration::from_secs(3_600);
        let (past, future) = (Instant::now(), Instant::now() + hour);
        let late = |stop: &Stop| matches!(stop.check(), Err(Error::TimedOut));
        assert!(!late(&Stop::default()));
        assert!(!late(&Stop::default().with_deadline(future)));
        assert!(late(&Stop::default().with_deadline(future).with_deadline(past)));
        assert!(late(&Stop::default().with_deadline(past).with_deadline(future)));
        assert!(late(&Stop::default().with_deadline(future).sooner(2 * hour)));
        assert!(!late(&Stop::default().with_deadline(future).sooner(hour / 2)));
    }

    #[test]
    fn work_that_is_begun_ends_by_its_deadline_and_not_for_a_cancellation() {
        let stop = Stop::default().with_deadline(Instant::now());
        stop.cancel();
        assert!(matches!(stop.check(), Err(Error::Cancelled)));
        assert!(matches!(stop.deadline_only().check(), Err(Error::TimedOut)));
        let endless = Stop::default();
        endless.cancel();
        assert!(endless.deadline_only().check().is_ok());
    }
}
