//! Tells the caller how far a long call has come.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::trackio::{self, Stop};

/// Between two reports of a [`Count`]: nobody reads faster.
const REPORTS_EVERY: Duration = Duration::from_millis(100);

/// How far a call has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// So much is done; larger in every report of a call.
    pub done: f64,
    /// Of so much, in the same unit; `None` where that is not known.
    pub total: Option<f64>,
    /// The same in words.
    pub message: String,
}

/// Where reports go; to nobody, unless the caller asked for them.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<dyn Fn(Report) + Send + Sync>>);

impl Progress {
    /// Hands every report that is further than the last one to `take`, which must not wait. A read
    /// that is done again begins again.
    pub fn to(take: impl Fn(Report) + Send + Sync + 'static) -> Self {
        let furthest = Mutex::new(f64::NEG_INFINITY);
        Self(Some(Arc::new(move |report: Report| {
            let mut furthest = furthest.lock().unwrap_or_else(PoisonError::into_inner);
            if report.done > *furthest {
                *furthest = report.done;
                take(report);
            }
        })))
    }

    /// Reports, if anyone wants to know.
    pub fn tell(&self, done: f64, total: Option<f64>, message: impl FnOnce() -> String) {
        if let Some(take) = &self.0 {
            take(Report { done, total, message: message() });
        }
    }
}

/// Work on many things, one after the other: tells how far it came, and ends when the call does.
#[derive(Debug, Clone)]
pub struct Count {
    progress: Progress,
    stop: Stop,
    of: usize,
    noun: &'static str,
    reported: Option<Instant>,
}

impl Count {
    /// Work on so many things.
    pub fn new(progress: &Progress, stop: &Stop, of: usize, noun: &'static str) -> Self {
        Self { progress: progress.clone(), stop: stop.clone(), of, noun, reported: None }
    }

    /// How many things there are.
    pub fn of(&self) -> usize {
        self.of
    }

    /// Says that so many are done. An error says that the caller wants no more.
    pub fn reach(&mut self, done: usize) -> trackio::Result<()> {
        self.stop.check()?;
        if done > 0 && self.reported.is_none_or(|last| last.elapsed() >= REPORTS_EVERY) {
            self.reported = Some(Instant::now());
            let Self { of, noun, .. } = self;
            let message = || format!("{done} of {of} {noun}");
            self.progress.tell(done as f64, Some(*of as f64), message);
        }
        Ok(())
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.0.is_some() { "Progress(wanted)" } else { "Progress(unwanted)" };
        formatter.write_str(name)
    }
}
