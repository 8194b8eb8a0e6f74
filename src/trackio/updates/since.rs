//! A look at a project, and what it tells beside the look before.

use std::collections::BTreeMap;

use super::cursor::{ProjectState, RunState, Text, created, mark};
use super::known::{Before, Matched, Seen, matched, seen, state_of};
use super::rows::{ByRun, Source, count_stored};
use super::{FOLLOWED, TABLES};
use crate::trackio::error::Result;
use crate::trackio::project::Snapshot;
use crate::trackio::run::{Run, Source as Known, key_of, last_timestamps};
use crate::trackio::schema::RunKey;

/// Of so many runs, the newest, is looked which were active last.
const RANKED: usize = 200;

/// With what a look is compared.
pub enum Since<'a> {
    /// The state that the look before left, and its time as Trackio would write it.
    State(&'a ProjectState, &'a str),
    /// A moment, as Trackio would write it: nothing else is known of the project.
    Moment(&'a str),
}

/// What a look tells.
pub struct News {
    /// Every run that is there; those that have news come first, then those that were active
    /// last.
    pub runs: Vec<RunNews>,
    /// Runs that are gone: their ids and names.
    pub gone: Vec<(String, String)>,
    /// How many more are gone, of which neither is known.
    pub unnamed: u64,
    /// The database is another than before: nothing can be said.
    pub is_other: bool,
    last: [u64; 3],
    probe: u32,
}

/// One run.
pub struct RunNews {
    /// The run under its present name.
    pub run: Run,
    /// It was not there before.
    pub is_new: bool,
    /// It has another name than before; which, where that is known.
    pub renamed: Option<Option<String>>,
    /// New rows, by table.
    pub new: [u64; 3],
    /// Its state: as before, but for the rows.
    pub state: RunState,
}

impl RunNews {
    /// Whether anything but time has passed.
    pub fn has_news(&self) -> bool {
        self.is_new || self.renamed.is_some() || self.new != [0; 3]
    }
}

impl News {
    /// The state to keep, with these states of the followed runs.
    pub fn state(&self, name: &str, digest: u32, until: u64, runs: Vec<RunState>) -> ProjectState {
        let marks = self.runs.iter().skip(runs.len()).map(|news| mark(&news.run.id)).collect();
        ProjectState {
            name: Text::of(name),
            digest,
            last: self.last,
            probe: self.probe,
            until,
            runs,
            marks,
            others: 0,
        }
    }
}

/// The rows of all runs in one look.
struct Found {
    above: [ByRun; 3],
    waiting: [ByRun; 3],
    keys: [RunKey; 3],
    last: [u64; 3],
}

impl Found {
    /// The rows above the ids of `state`; without a state none of them.
    fn read(snapshot: &Snapshot<'_>, state: Option<&ProjectState>) -> Result<Self> {
        let none = || [ByRun::new(), ByRun::new(), ByRun::new()];
        let keys = [RunKey::Id; 3];
        let mut found = Self { above: none(), waiting: none(), keys, last: [0; 3] };
        let slots = found.above.iter_mut().zip(&mut found.waiting).zip(&mut found.keys);
        for ((((above, waiting), key), last), (place, name)) in
            slots.zip(&mut found.last).zip(TABLES.into_iter().enumerate())
        {
            let Some(source) = Source::of(snapshot, name) else { continue };
            *key = key_of(snapshot, source.table);
            *last = source.last()?;
            *waiting = source.waiting()?;
            let before = state.and_then(|state| state.last.get(place)).copied();
            if let Some(before) = before.filter(|before| before < last) {
                *above = source.above(before)?;
            }
        }
        Ok(found)
    }

    fn of(&self, rows: &[ByRun; 3], run: &Run) -> [u64; 3] {
        let mut found = [0; 3];
        for ((count, rows), key) in found.iter_mut().zip(rows).zip(self.keys) {
            let key = if key == RunKey::Id { &run.id } else { &run.name };
            *count = rows.get(key).copied().unwrap_or(0);
        }
        found
    }

    fn above(&self, run: &Run) -> [u64; 3] {
        self.of(&self.above, run)
    }

    fn waiting(&self, run: &Run) -> [u64; 3] {
        self.of(&self.waiting, run)
    }
}

/// Looks without a look before.
pub fn first_look(snapshot: &Snapshot<'_>) -> Result<News> {
    let found = Found::read(snapshot, None)?;
    let mut runs = Vec::new();
    for one in ranked(snapshot, seen(snapshot)?)? {
        let mut state = state_of(&one.run);
        state.waiting = found.waiting(&one.run);
        runs.push(RunNews { run: one.run, is_new: false, renamed: None, new: [0; 3], state });
    }
    finish(snapshot, found, runs, Matched { before: Vec::new(), gone: Vec::new(), unnamed: 0 })
}

/// Looks again.
pub fn look(snapshot: &Snapshot<'_>, since: &Since<'_>) -> Result<News> {
    match since {
        Since::State(state, _) if is_other(snapshot, state)? => {
            Ok(News { is_other: true, ..first_look(snapshot)? })
        }
        Since::State(state, at) => since_state(snapshot, state, at),
        Since::Moment(at) => since_moment(snapshot, at),
    }
}

/// Whether this is not the database that the state is of: ids were given again, or the row that
/// was the last is another one.
fn is_other(snapshot: &Snapshot<'_>, state: &ProjectState) -> Result<bool> {
    for (name, before) in TABLES.into_iter().zip(state.last) {
        let Some(source) = Source::of(snapshot, name) else {
            if before > 0 {
                return Ok(true);
            }
            continue;
        };
        let highest = source.highest_ever(name)?.map_or_else(|| source.last(), Ok)?;
        if highest < before {
            return Ok(true);
        }
    }
    let Some(metrics) = Source::of(snapshot, "metrics") else { return Ok(false) };
    let probe = metrics.probe(state.last[0])?;
    Ok(state.probe > 0 && probe.is_some_and(|probe| probe != state.probe))
}

fn since_state(snapshot: &Snapshot<'_>, state: &ProjectState, at: &str) -> Result<News> {
    let found = Found::read(snapshot, Some(state))?;
    let all = seen(snapshot)?;
    let touched = |run: &Run| found.above(run) != [0; 3] || found.waiting(run) != [0; 3];
    let matched = matched(snapshot, state, &all, touched, at)?;
    let mut runs = Vec::with_capacity(all.len());
    let mut replaced = Vec::new();
    for (one, before) in all.into_iter().zip(&matched.before) {
        let news = Looked { snapshot, state, found: &found, at }.news(one, *before)?;
        // Deleted, and logged again under the same id.
        if let (Before::Followed(run), true) = (before, news.is_new) {
            replaced.push(*run);
        }
        runs.push(news);
    }
    // Those with news first, then as before, then the newest.
    let places: BTreeMap<&str, usize> =
        state.runs.iter().enumerate().map(|(place, run)| (run.id.kept.as_str(), place)).collect();
    runs.sort_by_key(|news| {
        let waits = news.state.waiting != [0; 3];
        let place = places.get(news.state.id.kept.as_str());
        (!waits, !news.has_news(), place.copied().unwrap_or(usize::MAX))
    });
    let mut gone = replaced;
    gone.extend(&matched.gone);
    finish(snapshot, found, runs, Matched { gone, ..matched })
}

/// One run beside what was known of it.
struct Looked<'a> {
    snapshot: &'a Snapshot<'a>,
    state: &'a ProjectState,
    found: &'a Found,
    at: &'a str,
}

impl Looked<'_> {
    fn news(&self, one: Seen, before: Before<'_>) -> Result<RunNews> {
        let Seen { mut run, names } = one;
        let (above, waiting) = (self.found.above(&run), self.found.waiting(&run));
        let [rows, ..] = above;
        let mut news = RunNews {
            is_new: false,
            renamed: None,
            new: add(above, waiting),
            state: RunState { waiting, rows, ..state_of(&run) },
            run: run.clone(),
        };
        match before {
            Before::Unknown => news.is_new = true,
            Before::Marked | Before::Perhaps => {
                news.state.rows = 0;
                if self.was_rewritten(&run, rows)? {
                    let is_older = run.created_at.as_deref() <= Some(self.at);
                    news.renamed = is_older.then_some(None);
                    news.is_new = !is_older;
                    if is_older && let Some(metrics) = Source::of(self.snapshot, "metrics") {
                        news.new[0] = metrics.since(&run, self.at)?;
                    }
                }
            }
            Before::Followed(known) => {
                let was_rewritten = known.rows > 0 && self.was_rewritten(&run, rows)?;
                let lost_all = known.rows > 0 && rows == 0 && run.source != Known::Metrics;
                let is_another = created(run.created_at.as_deref()) != known.created;
                if lost_all || (was_rewritten && is_another) {
                    news.is_new = true;
                    return Ok(news);
                }
                let stored = if was_rewritten {
                    count_stored(self.snapshot, &run)?
                } else {
                    known.rows.saturating_add(rows)
                };
                // After a rename under a writer, the old name comes back beside the new one.
                let has_old = names.iter().any(|name| known.name.is(name));
                if !has_old || (was_rewritten && names.len() > 1) {
                    news.renamed = Some(Some(known.name.shown()));
                    run.name =
                        names.into_iter().find(|name| !known.name.is(name)).unwrap_or(run.name);
                } else {
                    run.name =
                        names.into_iter().find(|name| known.name.is(name)).unwrap_or(run.name);
                }
                let first = [stored, above[1], above[2]];
                let now = add(first, waiting);
                let then = add([known.rows, 0, 0], known.waiting);
                for ((new, now), then) in news.new.iter_mut().zip(now).zip(then) {
                    *new = now.saturating_sub(then);
                }
                news.state = RunState {
                    rows: stored,
                    waiting,
                    unjudged: known.unjudged.saturating_add(news.new[0]),
                    status: known.status,
                    verdict: known.verdict,
                    ..state_of(&run)
                };
                news.run = run;
            }
        }
        Ok(news)
    }

    /// Whether all rows of a run's metrics have new ids: a rename writes them again.
    fn was_rewritten(&self, run: &Run, rows: u64) -> Result<bool> {
        let Some(metrics) = Source::of(self.snapshot, "metrics") else { return Ok(false) };
        Ok(rows > 0 && !metrics.has_up_to(run, self.state.last[0])?)
    }
}

fn add(a: [u64; 3], b: [u64; 3]) -> [u64; 3] {
    let ([a0, a1, a2], [b0, b1, b2]) = (a, b);
    [a0.saturating_add(b0), a1.saturating_add(b1), a2.saturating_add(b2)]
}

/// What rows say of themselves: the runs that began after the moment, and the rows after it.
fn since_moment(snapshot: &Snapshot<'_>, at: &str) -> Result<News> {
    let mut news = first_look(snapshot)?;
    for one in &mut news.runs {
        one.is_new = one.run.created_at.as_deref() > Some(at);
        for (new, name) in one.new.iter_mut().zip(TABLES) {
            if let Some(source) = Source::of(snapshot, name) {
                *new = source.since(&one.run, at)?;
            }
        }
    }
    news.runs.sort_by_key(|one| !one.has_news());
    count_rows(snapshot, &mut news.runs)?;
    Ok(news)
}

/// The newest runs by when they were active last, then the others by their beginning.
fn ranked(snapshot: &Snapshot<'_>, mut runs: Vec<Seen>) -> Result<Vec<Seen>> {
    let rest = runs.split_off(runs.len().min(RANKED));
    let mut timed = Vec::with_capacity(runs.len());
    for one in runs {
        timed.push((last_timestamps(snapshot, &TABLES, &one.run)?.into_iter().max(), one));
    }
    timed.sort_by(|(a, _), (b, _)| b.cmp(a));
    Ok(timed.into_iter().map(|(_, one)| one).chain(rest).collect())
}

/// Counts the rows of the runs that are followed from now on.
fn count_rows(snapshot: &Snapshot<'_>, runs: &mut [RunNews]) -> Result<()> {
    let followed = runs.iter_mut().take(FOLLOWED);
    for news in followed.filter(|n| n.state.rows == 0 && n.run.source == Known::Metrics) {
        news.state.rows = count_stored(snapshot, &news.run)?;
    }
    Ok(())
}

fn finish(
    snapshot: &Snapshot<'_>,
    found: Found,
    mut runs: Vec<RunNews>,
    matched: Matched<'_>,
) -> Result<News> {
    count_rows(snapshot, &mut runs)?;
    let probe = match Source::of(snapshot, "metrics") {
        Some(metrics) => metrics.probe(found.last[0])?.unwrap_or(0),
        None => 0,
    };
    let gone = matched.gone.iter().map(|run| (run.id.shown(), run.name.shown())).collect();
    Ok(News { runs, gone, unnamed: matched.unnamed, is_other: false, last: found.last, probe })
}
