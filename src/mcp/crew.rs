//! The threads that work for requests, and those that were left behind.
//!
//! A thread that does not come back by its deadline cannot be ended: it waits in the kernel for a
//! disk, or in SQLite. It is left behind and counted. When several are stuck, a further call would
//! most likely get stuck too, so it is refused at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::AbortHandle;

use crate::tools::common::Failure;
use crate::tools::deadline::Task;

/// How many threads work at once; further calls wait for their turn.
const AT_WORK: usize = 16;
/// How many calls may take long at once: they wait for something to happen, or send.
const PATIENT: usize = 32;
/// What may take longer than this belongs to the patient ones.
const LONG: Duration = Duration::from_secs(30);
/// How many threads may be stuck before calls are refused.
const MOST_STUCK: usize = 8;
/// How many of the stuck ones a message names.
const NAMED: usize = 3;

/// What keeps count of the threads.
pub struct Crew {
    at_work: Semaphore,
    patient: Semaphore,
    stuck: Mutex<Vec<Stuck>>,
}

struct Stuck {
    name: String,
    since: Instant,
    thread: AbortHandle,
}

impl Default for Crew {
    fn default() -> Self {
        Self {
            at_work: Semaphore::new(AT_WORK),
            patient: Semaphore::new(PATIENT),
            stuck: Mutex::default(),
        }
    }
}

impl Crew {
    /// Waits for a place to work, which is free again when the answer is dropped.
    pub async fn place(&self, task: &Task) -> Result<SemaphorePermit<'_>, Failure> {
        self.refuse_if_stuck()?;
        if task.limit > LONG {
            return self.patient.try_acquire().map_err(|_| {
                Failure(format!(
                    "{PATIENT} calls that wait or send are under way already. Cancel one of \
                     them, or call again when one has ended."
                ))
            });
        }
        if let Ok(place) = self.at_work.try_acquire() {
            return Ok(place);
        }
        match tokio::time::timeout(task.limit, self.at_work.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Failure(format!(
                "{} did not begin within {} s, because {AT_WORK} other calls are still \
                 under way. Call again with fewer calls at once.",
                task.name,
                task.limit.as_secs_f64()
            ))),
        }
    }

    /// Leaves a thread behind that did not come back.
    pub fn leave(&self, task: &Task, began: Instant, thread: AbortHandle) {
        self.stuck().push(Stuck { name: task.name.clone(), since: began, thread });
    }

    /// Whether so many threads are stuck that no more should be started.
    pub fn is_stuck(&self) -> bool {
        self.stuck().len() >= MOST_STUCK
    }

    fn stuck(&self) -> MutexGuard<'_, Vec<Stuck>> {
        let mut stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        stuck.retain(|stuck| !stuck.thread.is_finished());
        stuck
    }

    fn refuse_if_stuck(&self) -> Result<(), Failure> {
        let stuck = self.stuck();
        if stuck.len() < MOST_STUCK {
            return Ok(());
        }
        let named: Vec<String> = stuck
            .iter()
            .take(NAMED)
            .map(|Stuck { name, since, .. }| format!("{name}, for {} s", since.elapsed().as_secs()))
            .collect();
        Err(Failure(format!(
            "{} earlier calls are still stuck ({}). The disk or file system that holds Trackio's \
             directory does not answer. Tell the user; call again when it does.",
            stuck.len(),
            named.join("; ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn so_many_may_wait_or_send_and_do_not_take_the_places_of_others() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let crew = Crew::default();
            let patient = Task::read("get_updates", LONG + Duration::from_secs(1));
            let mut places = Vec::new();
            for _ in 0..PATIENT {
                places.push(crew.place(&patient).await.unwrap());
            }
            let Err(Failure(refusal)) = crew.place(&patient).await else { panic!("not refused") };
            assert!(refusal.starts_with("32 calls that wait or send"), "{refusal}");
            places.pop();
            places.push(crew.place(&patient).await.unwrap());
            let brief = Task::read("get_logs", Duration::from_millis(50));
            for _ in 0..AT_WORK {
                places.push(crew.place(&brief).await.unwrap());
            }
            let Err(Failure(refusal)) = crew.place(&brief).await else { panic!("not refused") };
            assert!(refusal.starts_with("get_logs did not begin within 0.05 s"), "{refusal}");
        });
    }

    #[test]
    fn calls_are_refused_while_many_are_stuck_and_no_longer() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let crew = Crew::default();
            let task = Task::read("get_logs of project `p`", Duration::from_secs(10));
            let mut threads = Vec::new();
            for stuck in 0..MOST_STUCK {
                assert!(crew.place(&task).await.is_ok(), "refused with {stuck} stuck");
                let (release, wait) = mpsc::channel::<()>();
                let work = tokio::task::spawn_blocking(move || wait.recv());
                crew.leave(&task, Instant::now(), work.abort_handle());
                threads.push((release, work));
            }
            let Err(Failure(refusal)) = crew.place(&task).await else { panic!("not refused") };
            assert!(refusal.contains("8 earlier calls are still stuck"), "{refusal}");
            assert!(refusal.contains("get_logs of project `p`"), "{refusal}");
            let (release, work) = threads.pop().unwrap();
            drop(release);
            let _ = work.await;
            assert!(crew.place(&task).await.is_ok(), "refused with one less");
        });
        runtime.shutdown_background();
    }
}
