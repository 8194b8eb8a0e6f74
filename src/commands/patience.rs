//! Commands that end, whatever the file system does.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use crate::tools::common::Failure;
use crate::tools::deadline::{GRACE, Task};

/// Does the work on a thread, and leaves that behind where it does not come back in time: it ends
/// with the process.
pub fn within<T: Send + 'static>(
    task: &Task,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let (send, done) = mpsc::sync_channel(1);
    let start = thread::Builder::new().name("work".to_owned()).spawn(move || {
        // Nobody waits any more where this fails.
        let _ = send.send(work());
    });
    if let Err(error) = start {
        return Err(Failure(format!("{} could not be started: {error}.", task.name)));
    }
    done.recv_timeout(task.limit + GRACE).map_err(|error| match error {
        RecvTimeoutError::Timeout => task.overdue(),
        RecvTimeoutError::Disconnected => Failure(format!("{} hit a bug and stopped.", task.name)),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_does_not_come_back_is_given_up_and_a_panic_is_a_failure() {
        let task = Task::read("plot", Duration::ZERO);
        assert_eq!(within(&task, || 1), Ok(1));
        let late = within(&task, || thread::sleep(Duration::from_secs(60)));
        assert!(late.unwrap_err().0.starts_with("plot took too long"));
        let bug: Result<(), Failure> = within(&task, || panic!("on purpose"));
        assert_eq!(bug.unwrap_err().0, "plot hit a bug and stopped.");
    }
}
