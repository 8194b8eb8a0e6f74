//! Watches the resources that a client subscribed to.
//!
//! Trackio tells nobody when it writes, so the files are looked at, as long as somebody is
//! subscribed and no longer. A watcher of the operating system would not hear of network disks,
//! nor of what SQLite writes through shared memory, and would need these looks beside it; and a
//! look is cheap (docs/performance.md).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::resources::{State, state};
use super::work::Worker;
use crate::tools::Surroundings;
use crate::tools::common::address::Address;
use crate::tools::common::{Failure, Progress};
use crate::tools::deadline::Task;
use crate::trackio::Stop;

/// Between two looks at the files.
const LOOKS_EVERY: Duration = Duration::from_millis(500);
/// After news: what comes meanwhile is told in one.
const REST: Duration = Duration::from_secs(1);
/// However many files there are, looks take so small a part of the time, or come so rarely.
const SHARE_OF_TIME: u32 = 800;
const LONGEST_PAUSE: Duration = Duration::from_millis(1_500);
/// A client watches no more than this at once.
const MOST_WATCHED: usize = 200;

/// What tells whether a project's files moved; under no name, those of all.
pub type Files = BTreeMap<Option<String>, u64>;

/// All that one subscription watches.
pub struct Watch {
    worker: Worker,
    seen: Seen,
    pause: Duration,
}

impl Watch {
    /// Watches nothing yet.
    pub fn new(worker: Worker) -> Self {
        Self { worker, seen: Seen::default(), pause: LOOKS_EVERY }
    }

    /// Watches these too; or none of them, where one is no resource. What has moved since the
    /// files were `promised` is news.
    pub async fn add(&mut self, uris: Vec<String>, promised: Option<Files>) -> Result<(), Failure> {
        if self.seen.watched.len() + uris.len() > MOST_WATCHED {
            return Err(Failure(format!(
                "A client can watch {MOST_WATCHED} resources at once. trackio://{{project}} \
                 tells of all runs of a project."
            )));
        }
        let task = Task::read("resources/subscribe", self.worker.deadline);
        let work = move |given: &Surroundings| Seen::of(given, &uris, promised);
        let added = self.worker.run(None, task, work).await?;
        self.pause = LOOKS_EVERY;
        self.seen.merge(added);
        Ok(())
    }

    /// Watches this one no more.
    pub fn remove(&mut self, uri: &str) {
        self.seen.remove(uri);
    }

    /// Waits until it is time to look again; for ever, where there is nothing to look at. May be
    /// given up at any time.
    pub async fn rest(&self) {
        match self.seen.watched.is_empty() {
            true => std::future::pending().await,
            false => tokio::time::sleep(self.pause).await,
        }
    }

    /// The resources that say something new since the last look. Must not be given up.
    ///
    /// It works off the reactor and has no deadline: where the disk does not answer there is no
    /// news, and nobody waits for it.
    pub async fn look(&mut self) -> Result<Vec<String>, Failure> {
        let surroundings = self.worker.surroundings(Stop::default(), Progress::default());
        let mut seen = std::mem::take(&mut self.seen);
        let started = Instant::now();
        let look = tokio::task::spawn_blocking(move || {
            let news = seen.look(&surroundings);
            (seen, news)
        });
        let (seen, news) = look.await.map_err(|_| {
            Failure::new("The watch hit a bug and stopped; the server goes on. Subscribe again.")
        })?;
        self.seen = seen;
        let pause = (started.elapsed() * SHARE_OF_TIME).clamp(LOOKS_EVERY, LONGEST_PAUSE);
        self.pause = if news.is_empty() { pause } else { REST };
        Ok(news)
    }
}

/// What was there at the last look.
#[derive(Default)]
struct Seen {
    watched: Vec<Watched>,
    files: Files,
}

/// A resource, and what it was when it was last looked at.
struct Watched {
    uri: String,
    address: Address,
    /// `None` while it is not to be found, or not known.
    state: Option<State>,
}

impl Seen {
    /// These resources as they are now.
    fn of(
        surroundings: &Surroundings,
        uris: &[String],
        promised: Option<Files>,
    ) -> Result<Self, Failure> {
        let parsed = uris.iter().map(|uri| Ok((uri, Address::parse(uri)?)));
        let parsed: Vec<(&String, Address)> = parsed.collect::<Result<_, Failure>>()?;
        let before = promised.unwrap_or_else(|| files_now(surroundings, uris));
        let states = parsed.iter().map(|(_, address)| state(surroundings, address));
        let states = states.collect::<Result<Vec<State>, Failure>>()?;
        // What was written meanwhile may stand in a state already, and is news all the same.
        let after = files_now(surroundings, uris);
        let has_moved = |address: &Address| {
            let project = address.project().map(str::to_owned);
            before.get(&project) != after.get(&project)
        };
        let watched = parsed.into_iter().zip(states).map(|((uri, address), state)| {
            let state = (!has_moved(&address)).then_some(state);
            Watched { uri: uri.clone(), address, state }
        });
        Ok(Self { watched: watched.collect(), files: before })
    }

    fn merge(&mut self, added: Self) {
        for watched in added.watched {
            self.remove(&watched.uri);
            self.watched.push(watched);
        }
        for (project, files) in added.files {
            self.files.entry(project).or_insert(files);
        }
    }

    fn remove(&mut self, uri: &str) {
        self.watched.retain(|watched| watched.uri != uri);
    }

    fn look(&mut self, surroundings: &Surroundings) -> Vec<String> {
        self.files.retain(|project, _| {
            self.watched.iter().any(|watched| watched.address.project() == project.as_deref())
        });
        let mut moved = Vec::new();
        for (project, now) in files_of(surroundings, self.files.keys().cloned().collect()) {
            if self.files.insert(project.clone(), now) != Some(now) {
                moved.push(project);
            }
        }
        let of_moved = |watched: &&mut Watched| {
            moved.iter().any(|project| project.as_deref() == watched.address.project())
        };
        let looked_at = self.watched.iter_mut().filter(of_moved);
        looked_at.filter_map(|watched| watched.look(surroundings)).collect()
    }
}

impl Watched {
    /// Its address, if it says something new.
    fn look(&mut self, surroundings: &Surroundings) -> Option<String> {
        // Without one: it is gone, or cannot be read while somebody writes. Either is news.
        let now = state(surroundings, &self.address).ok();
        let is_new = now != self.state || now == Some(State::Files);
        self.state = now;
        is_new.then(|| self.uri.clone())
    }
}

/// The files of these resources as they are; of those that are none, nothing.
pub fn files_now(surroundings: &Surroundings, uris: &[String]) -> Files {
    let addresses = uris.iter().filter_map(|uri| Address::parse(uri).ok());
    let projects = addresses.map(|address| address.project().map(str::to_owned));
    files_of(surroundings, projects.collect())
}

/// The files of these projects; without a name, of all.
fn files_of(surroundings: &Surroundings, projects: BTreeSet<Option<String>>) -> Files {
    let all = projects.contains(&None).then(|| (None, surroundings.store.digest()));
    let names: Vec<String> = projects.into_iter().flatten().collect();
    let digests = surroundings.store.digests(&names).into_iter().map(u64::from);
    names.into_iter().map(Some).zip(digests).chain(all).collect()
}
