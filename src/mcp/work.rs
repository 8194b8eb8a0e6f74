//! Work off the reactor, which the client hears of and can cancel, and which has a deadline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rmcp::RoleServer;
use rmcp::model::ProgressNotificationParam;
use rmcp::service::{Peer, RequestContext};
use tokio::sync::{mpsc, watch};

use super::crew::Crew;
use crate::tools::common::{Failure, Progress};
use crate::tools::deadline::{GRACE, Task};
use crate::tools::{Permission, Surroundings};
use crate::trackio::{Stop, Store};

/// How long a thread may take to heed a cancellation before it is left behind.
const HEEDS_WITHIN: Duration = Duration::from_secs(1);
/// How long calls may go on when the client has ended our input.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// What all work shares.
#[derive(Clone)]
pub struct Worker {
    pub store: Arc<Store>,
    pub permission: Permission,
    /// What a read may take.
    pub deadline: Duration,
    /// Whether the client has ended our input.
    pub ended: watch::Receiver<bool>,
    pub crew: Arc<Crew>,
}

impl Worker {
    /// Runs `work`, for a request where there is one, and answers itself where that does not end
    /// by its deadline.
    pub async fn run<T: Send + 'static>(
        &self,
        context: Option<&RequestContext<RoleServer>>,
        task: Task,
        work: impl FnOnce(&Surroundings) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        let stop = Stop::default().with_deadline(began + task.limit);
        let (progress, mut reports) = progress(context);
        let surroundings = self.surroundings(stop.clone(), progress);
        let _place = tokio::select! {
            place = self.crew.place(&task) => place?,
            () = cancelled(context) => return Err(Failure::new("Cancelled.")),
            () = self.has_ended_for(LAST_ANSWERS) => return Err(ended(&task)),
        };
        let mut work = tokio::task::spawn_blocking(move || work(&surroundings));
        let mut limit = began + task.limit + GRACE;
        loop {
            tokio::select! {
                // In this order, what was reported goes out before the answer.
                biased;
                () = cancelled(context), if !stop.is_cancelled() => {
                    stop.cancel();
                    limit = limit.min(Instant::now() + HEEDS_WITHIN);
                }
                Some((peer, report)) = reports.recv() => {
                    if let Err(error) = peer.notify_progress(report).await {
                        tracing::debug!(%error, "the client does not take progress");
                    }
                }
                () = self.has_ended(), if !stop.is_hurried() => {
                    stop.hurry();
                    limit = limit.min(Instant::now() + LAST_ANSWERS);
                }
                finished = &mut work => break finished.unwrap_or_else(|_| Err(bug(&task.name))),
                () = tokio::time::sleep_until(limit.into()) => {
                    stop.cancel();
                    self.crew.leave(&task, began, work.abort_handle());
                    let is_late = began.elapsed() >= task.limit;
                    break Err(if is_late { task.overdue() } else { ended(&task) });
                }
            }
        }
    }

    /// What work is given.
    pub fn surroundings(&self, stop: Stop, progress: Progress) -> Surroundings {
        Surroundings {
            store: Arc::clone(&self.store),
            now: Timestamp::now(),
            stop,
            progress,
            permission: self.permission.clone(),
        }
    }

    /// Returns when the client has ended our input.
    pub async fn has_ended(&self) {
        // An error says that the gate is gone, and with it the input.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }

    /// Returns when the client ended our input so long ago.
    pub async fn has_ended_for(&self, time: Duration) {
        self.has_ended().await;
        tokio::time::sleep(time).await;
    }
}

/// Returns when the client has cancelled its request.
async fn cancelled(context: Option<&RequestContext<RoleServer>>) {
    match context {
        Some(context) => context.ct.cancelled().await,
        None => std::future::pending().await,
    }
}

/// Work that panicked.
fn bug(name: &str) -> Failure {
    Failure(format!("{name} hit a bug and stopped; the server goes on. See its standard error."))
}

/// Work that nobody waits for any more.
fn ended(task: &Task) -> Failure {
    Failure(format!("The session ended before {} did.", task.name))
}

type Reports = mpsc::UnboundedReceiver<(Peer<RoleServer>, ProgressNotificationParam)>;

/// Where work reports its progress, and what comes out: nothing, where the client gave no token.
fn progress(context: Option<&RequestContext<RoleServer>>) -> (Progress, Reports) {
    let (send, reports) = mpsc::unbounded_channel();
    let wanted = context
        .and_then(|context| Some((context.peer.clone(), context.meta.get_progress_token()?)));
    let Some((peer, token)) = wanted else { return (Progress::default(), reports) };
    let progress = Progress::to(move |report| {
        let mut told =
            ProgressNotificationParam::new(token.clone(), report.done).with_message(report.message);
        told.total = report.total;
        // The receiver outlives the call.
        let _ = send.send((peer.clone(), told));
    });
    (progress, reports)
}
