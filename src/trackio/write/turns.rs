//! Edits that take longer than Trackio waits for its lock.
//!
//! A Trackio process that does not get the lock within ten seconds throws its rows away, and a
//! million rows take SQLite about as long to delete. So a long edit is made of turns: transactions
//! of bounded time, between which the lock is free for longer than Trackio sleeps between two
//! tries. What takes one turn, nearly every run, is all there or not at all; of the rest a reader
//! can see a part while it is under way. Each turn is complete in itself and can be done again, so
//! an edit that was cut off can be finished or taken back.

use std::time::{Duration, Instant};

use super::{Purpose, Target, Transaction, mode, not_writable};
use crate::trackio::error::{Error, Result};
use crate::trackio::stop::Stop;

/// How an edit shares the lock with others.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long a turn goes on, to the next full piece of work.
    pub turn: Duration,
    /// How long the lock is free then.
    pub pause: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        // Trackio tries every 100 ms.
        Self { turn: Duration::from_millis(400), pause: Duration::from_millis(150) }
    }
}

/// The time of one turn.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    end: Instant,
}

impl Turn {
    /// One that begins now.
    pub fn of(length: Duration) -> Self {
        Self { end: Instant::now() + length }
    }

    /// Whether to come to an end.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }
}

/// An edit that did not come to its end.
#[derive(Debug)]
pub struct Cut {
    /// Why.
    pub error: Error,
    /// Whether turns before it were committed.
    pub is_begun: bool,
}

const OF_INBOX: &str = "Trackio's directory takes rows as files in its inbox (a network file \
                        system, where SQLite's locks do not hold, or TRACKIO_STORAGE_MODE). What \
                        is in the database can only be changed where nothing else writes: end all \
                        trainings and dashboards, and set TRACKIO_STORAGE_MODE=sqlite";

impl Target {
    /// Edits the project turn by turn. `work` begins at the place that it is given, and answers
    /// the place where the next turn goes on, or `None` when all is done; it may be called again
    /// for the same place. `after` hears of every place. Once the first turn is committed the edit
    /// is given up for its deadline alone, not for a cancellation.
    pub fn edit_in_turns<P>(
        &self,
        pace: Pace,
        start: P,
        stop: &Stop,
        work: impl Fn(&Transaction<'_>, &P, &Turn) -> Result<Option<P>>,
        mut after: impl FnMut(&P),
    ) -> std::result::Result<(), Cut> {
        if mode::of(&self.directory) == mode::Mode::Inbox {
            let error = not_writable(&self.name, OF_INBOX.to_owned());
            return Err(Cut { error, is_begun: false });
        }
        let to_the_end = stop.deadline_only();
        let (mut place, mut is_begun) = (start, false);
        loop {
            let stop = if is_begun { &to_the_end } else { stop };
            let turn = |to: &Transaction<'_>| work(to, &place, &Turn::of(pace.turn));
            match self.write(Purpose::Edit, stop, turn) {
                Err(error) => return Err(Cut { error, is_begun }),
                Ok(None) => return Ok(()),
                Ok(Some(next)) => place = next,
            }
            is_begun = true;
            after(&place);
            std::thread::sleep(pace.pause);
        }
    }
}

#[cfg(test)]
mod tests;
