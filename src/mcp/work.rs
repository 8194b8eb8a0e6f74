//! Work off the reactor, which the client hears of and can cancel.

use std::sync::Arc;

use jiff::Timestamp;
use rmcp::RoleServer;
use rmcp::model::ProgressNotificationParam;
use rmcp::service::RequestContext;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinError;

use crate::tools::common::Progress;
use crate::tools::{Permission, Surroundings};
use crate::trackio::{Stop, Store};

/// What all work shares.
#[derive(Clone)]
pub struct Worker {
    pub store: Arc<Store>,
    pub permission: Permission,
    /// Whether the client has ended our input.
    pub ended: watch::Receiver<bool>,
}

impl Worker {
    /// Runs `work` for a request. An error says that it panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        context: &RequestContext<RoleServer>,
        work: impl FnOnce(&Surroundings) -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let stop = Stop::default();
        let (progress, mut reports) = progress(context);
        let surroundings = self.surroundings(stop.clone(), progress);
        let mut work = tokio::task::spawn_blocking(move || work(&surroundings));
        let mut ended = self.ended.clone();
        loop {
            tokio::select! {
                // In this order, what was reported goes out before the answer.
                biased;
                () = context.ct.cancelled(), if !stop.is_cancelled() => stop.cancel(),
                Some(report) = reports.recv() => {
                    if let Err(error) = context.peer.notify_progress(report).await {
                        tracing::debug!(%error, "the client does not take progress");
                    }
                }
                () = has_ended(&mut ended), if !stop.ends_waits() => stop.hurry(),
                finished = &mut work => break finished,
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
        has_ended(&mut self.ended.clone()).await;
    }
}

async fn has_ended(ended: &mut watch::Receiver<bool>) {
    // An error says that the gate is gone, and with it the input.
    let _ = ended.wait_for(|ended| *ended).await;
}

/// Where work reports its progress, and what comes out: nothing, where the client gave no token.
fn progress(
    context: &RequestContext<RoleServer>,
) -> (Progress, mpsc::UnboundedReceiver<ProgressNotificationParam>) {
    let (send, reports) = mpsc::unbounded_channel();
    let Some(token) = context.meta.get_progress_token() else {
        return (Progress::default(), reports);
    };
    let progress = Progress::to(move |report| {
        let mut told =
            ProgressNotificationParam::new(token.clone(), report.done).with_message(report.message);
        told.total = report.total;
        // The receiver outlives the call.
        let _ = send.send(told);
    });
    (progress, reports)
}
