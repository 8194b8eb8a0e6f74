//! Waits without a connection: the files tell when something was written.

use std::thread;
use std::time::{Duration, Instant};

use crate::tools::common::{Context, Failure};
use crate::trackio::time;

/// Between two looks at the files.
const LOOKS_EVERY: Duration = Duration::from_millis(250);
/// However many files there are, looking takes at most so small a part of the time.
const SHARE_OF_TIME: u32 = 10;
/// Between two looks at whether the caller still waits.
const HEEDS_EVERY: Duration = Duration::from_millis(20);
/// Between two reports of progress.
const REPORTS_EVERY: f64 = 1.0;

/// The state of the files at a look, and when time alone changes something.
#[derive(Default)]
pub struct SeenFiles {
    /// The one project that is watched; `None` for all.
    pub project: Option<String>,
    /// The projects that there were.
    pub names: Vec<String>,
    /// Their digests.
    pub digests: Vec<u32>,
    /// When a status changes, in seconds since 1970.
    pub until: Option<u64>,
}

impl SeenFiles {
    /// The files as they are.
    pub fn now(context: &Context, project: Option<&str>) -> Result<Self, Failure> {
        let names = match project {
            Some(project) => vec![project.to_owned()],
            None => context.store.project_names()?,
        };
        let digests = context.store.digests(&names);
        Ok(Self { project: project.map(str::to_owned), names, digests, until: None })
    }
}

/// Returns when a file has changed, when a status may have, or when the wait is over; the caller
/// looks what it was. `started` is when the wait began.
pub fn until_something_happens(
    context: &Context,
    started: Instant,
    wait: Duration,
    seen: &SeenFiles,
) -> Result<(), Failure> {
    let mut pause = LOOKS_EVERY;
    let mut reported = 0.0;
    loop {
        let pause_ends = Instant::now() + pause;
        while Instant::now() < pause_ends {
            context.stop.check()?;
            if started.elapsed() >= wait || context.stop.ends_waits() {
                return Ok(());
            }
            thread::sleep(HEEDS_EVERY);
            let passed = started.elapsed().as_secs_f64();
            if passed - reported >= REPORTS_EVERY {
                reported = passed;
                let total = wait.as_secs_f64();
                let message = || format!("nothing new after {passed:.0} of {total:.0} s");
                context.progress.tell(passed, Some(total), message);
            }
        }
        let looking = Instant::now();
        let now = time::as_seconds(context.later(started.elapsed()).now);
        let is_due = seen.until.is_some_and(|until| now >= until as f64);
        let files = SeenFiles::now(context, seen.project.as_deref())?;
        if is_due || files.digests != seen.digests || files.names != seen.names {
            return Ok(());
        }
        pause = LOOKS_EVERY.max(looking.elapsed() * SHARE_OF_TIME);
    }
}
