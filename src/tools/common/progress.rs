//! Tells the caller how far a long call has come.

use std::fmt;
use std::sync::Arc;

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
    /// Hands every report to `take`, which must not wait.
    pub fn to(take: impl Fn(Report) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(take)))
    }

    /// Reports, if anyone wants to know.
    pub fn tell(&self, done: f64, total: Option<f64>, message: impl FnOnce() -> String) {
        if let Some(take) = &self.0 {
            take(Report { done, total, message: message() });
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.0.is_some() { "Progress(wanted)" } else { "Progress(unwanted)" };
        formatter.write_str(name)
    }
}
