//! Subscriptions of both generations of the protocol: what is watched, and whom it is told.
//!
//! Until 2025, a client adds and removes one resource after the other, and one task watches all of
//! them. Since 2026 it asks for some at once and is told until it ends that request.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::ResourceUpdatedNotificationParam;
use rmcp::service::{Peer, SubscriptionContext};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task;

use super::watch::{Files, Watch, files_now};
use super::work::Worker;
use crate::tools::common::{Failure, Progress};
use crate::tools::deadline::{GRACE, Task};
use crate::trackio::Stop;

/// How long everything else may wait for a disk when a promise is made.
const REACTOR_WAITS: Duration = Duration::from_millis(100);

/// How many subscriptions a client may have since 2026, each with any number of resources.
const MOST_LISTENING: usize = 32;

/// The subscriptions of a session before 2026; nothing runs until there is one.
#[derive(Default)]
pub struct Subscriptions(Mutex<Option<mpsc::UnboundedSender<Wish>>>);

enum Wish {
    Add(String, oneshot::Sender<Result<(), Failure>>),
    Remove(String),
}

impl Subscriptions {
    /// Watches the resource too; a failure where there is none.
    pub async fn add(
        &self,
        uri: String,
        worker: &Worker,
        peer: &Peer<RoleServer>,
    ) -> Result<(), Failure> {
        let (answer, answered) = oneshot::channel();
        self.wish(Wish::Add(uri, answer), worker, peer);
        let ended = || Failure::new("The session ends; nothing is watched any more.");
        // A look that is stuck holds up what comes after it.
        let task = Task::read("resources/subscribe", worker.deadline);
        match tokio::time::timeout(task.limit + GRACE, answered).await {
            Ok(answered) => answered.unwrap_or_else(|_| Err(ended())),
            Err(_) => Err(task.overdue()),
        }
    }

    /// Watches the resource no more.
    pub fn remove(&self, uri: String, worker: &Worker, peer: &Peer<RoleServer>) {
        self.wish(Wish::Remove(uri), worker, peer);
    }

    fn wish(&self, wish: Wish, worker: &Worker, peer: &Peer<RoleServer>) {
        let mut wishes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unheard = match wishes.as_ref() {
            Some(task) => task.send(wish).map_err(|mpsc::error::SendError(wish)| wish),
            None => Err(wish),
        };
        // There is no task yet, or a bug in a look has ended it.
        let Err(wish) = unheard else { return };
        let (send, receive) = mpsc::unbounded_channel();
        // The receiver is below.
        let _ = send.send(wish);
        *wishes = Some(send);
        tokio::spawn(watch_by_wish(Watch::new(worker.clone()), receive, peer.clone()));
    }
}

async fn watch_by_wish(
    mut watch: Watch,
    mut wishes: mpsc::UnboundedReceiver<Wish>,
    peer: Peer<RoleServer>,
) {
    loop {
        tokio::select! {
            wish = wishes.recv() => match wish {
                Some(Wish::Add(uri, answer)) => {
                    // Nobody waits for the answer of a request that was cancelled.
                    let _ = answer.send(watch.add(vec![uri], None).await);
                }
                Some(Wish::Remove(uri)) => watch.remove(&uri),
                None => return,
            },
            () = watch.rest() => {
                let news = match watch.look().await {
                    Ok(news) => news,
                    Err(failure) => return tracing::error!(%failure, "nothing is watched any more"),
                };
                for uri in news {
                    let told = ResourceUpdatedNotificationParam::new(uri);
                    if let Err(error) = peer.notify_resource_updated(told).await {
                        return tracing::debug!(%error, "the client takes no notices");
                    }
                }
            }
        }
    }
}

/// What the files were when clients were promised, since 2026, to hear of changes.
///
/// The SDK sends the promise between two calls of ours, in one task: it asks what is accepted, and
/// then has it watched. What is written between the two would be seen as if it had always been.
pub struct Promises {
    made: Mutex<HashMap<task::Id, Files>>,
    listening: Semaphore,
}

impl Default for Promises {
    fn default() -> Self {
        Self { made: Mutex::default(), listening: Semaphore::new(MOST_LISTENING) }
    }
}

impl Promises {
    /// Notes the files. That takes a few microseconds a project, for which the reactor waits;
    /// where it takes long, they are noted a little after the promise.
    pub fn make(&self, worker: &Worker, uris: &[String]) {
        let Some(task) = task::try_id() else { return };
        if self.listening.available_permits() == 0 || worker.crew.is_stuck() {
            return;
        }
        let surroundings = worker.surroundings(Stop::default(), Progress::default());
        let (uris, (send, files)) = (uris.to_vec(), std::sync::mpsc::channel());
        // The receiver waits no longer where it takes too long.
        task::spawn_blocking(move || drop(send.send(files_now(&surroundings, &uris))));
        if let Ok(files) = files.recv_timeout(REACTOR_WAITS) {
            self.made().insert(task, files);
        }
    }

    /// What the files were when this task promised.
    pub fn take(&self) -> Option<Files> {
        task::try_id().and_then(|task| self.made().remove(&task))
    }

    fn made(&self) -> MutexGuard<'_, HashMap<task::Id, Files>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells of these resources until the client cancels or ends our input.
pub async fn listen(
    worker: &Worker,
    subscription: &SubscriptionContext,
    uris: Vec<String>,
    promises: &Promises,
) -> Result<(), Failure> {
    let promised = promises.take();
    let _place = promises.listening.try_acquire().map_err(|_| {
        Failure(format!("A client can have {MOST_LISTENING} subscriptions at once."))
    })?;
    let mut watch = Watch::new(worker.clone());
    watch.add(uris, promised).await?;
    loop {
        tokio::select! {
            () = subscription.cancelled() => return Ok(()),
            () = worker.has_ended() => return Ok(()),
            () = watch.rest() => {
                for uri in watch.look().await? {
                    if let Err(error) = subscription.sink().notify_resource_updated(uri).await {
                        tracing::debug!(%error, "the client takes no notices");
                        return Ok(());
                    }
                }
            }
        }
    }
}
