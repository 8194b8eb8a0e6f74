//! Which of the runs that are there were there before.

use std::collections::BTreeSet;

use super::cursor::{ProjectState, RunState, created, mark};
use super::rows::Source;
use super::{TABLES, cursor};
use crate::trackio::error::Result;
use crate::trackio::project::Snapshot;
use crate::trackio::run::{self, Run, Source as Known, key_of};
use crate::trackio::schema::RunKey;

/// A run that is there. A rename that met a writer leaves two names under one id.
pub struct Seen {
    /// The run, with one of its names.
    pub run: Run,
    /// All its names.
    pub names: Vec<String>,
}

/// All runs, one for each id, the newest first.
pub fn seen(snapshot: &Snapshot<'_>) -> Result<Vec<Seen>> {
    let mut all: Vec<Seen> = Vec::new();
    let mut places = std::collections::BTreeMap::new();
    for run in run::newest_first(snapshot)? {
        let known = places.get(&run.id).and_then(|place: &usize| all.get_mut(*place));
        match known {
            Some(seen) => {
                seen.run.created_at = seen.run.created_at.take().min(run.created_at);
                seen.names.push(run.name);
            }
            None => {
                places.insert(run.id.clone(), all.len());
                all.push(Seen { names: vec![run.name.clone()], run });
            }
        }
    }
    Ok(all)
}

/// What is known of a run from before.
#[derive(Clone, Copy)]
pub enum Before<'a> {
    /// All that a state keeps.
    Followed(&'a RunState),
    /// That it was there.
    Marked,
    /// That it was there, perhaps: the state counts more runs than it marks.
    Perhaps,
    /// It was not.
    Unknown,
}

/// The runs before and now, put beside each other.
pub struct Matched<'a> {
    /// For each run that is there, in the same order.
    pub before: Vec<Before<'a>>,
    /// Those that were followed and are gone.
    pub gone: Vec<&'a RunState>,
    /// How many others are gone.
    pub unnamed: u64,
}

/// Whether a run has rows from before, or none at all that are new; `touched` tells which runs
/// have new rows.
fn is_old(
    snapshot: &Snapshot<'_>,
    run: &Run,
    state: &ProjectState,
    touched: bool,
    at: &str,
) -> Result<bool> {
    if !touched {
        // Known from artifacts alone, a run has no rows to go by.
        return Ok(run.source != Known::Artifacts || run.created_at.as_deref() <= Some(at));
    }
    for (name, last) in TABLES.into_iter().zip(state.last) {
        if let Some(source) = Source::of(snapshot, name)
            && last > 0
            && source.has_up_to(run, last)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Puts the runs of a state beside those that are there.
pub fn matched<'a>(
    snapshot: &Snapshot<'_>,
    state: &'a ProjectState,
    seen: &[Seen],
    touched: impl Fn(&Run) -> bool,
    at: &str,
) -> Result<Matched<'a>> {
    let marks: BTreeSet<u32> = state.marks.iter().copied().collect();
    let mut left: Vec<&RunState> = state.runs.iter().collect();
    let mut take = |fits: &dyn Fn(&RunState) -> bool| {
        left.iter().position(|run| fits(run)).map(|place| left.remove(place))
    };
    let mut before = Vec::with_capacity(seen.len());
    for one in seen {
        before.push(match take(&|run| run.id.is(&one.run.id)) {
            Some(run) => Before::Followed(run),
            None if marks.contains(&mark(&one.run.id)) => Before::Marked,
            None => Before::Unknown,
        });
    }
    let by_name = snapshot
        .schema
        .table("metrics")
        .is_some_and(|metrics| key_of(snapshot, metrics) == RunKey::Name);
    let mut found_marks = 0;
    let mut strangers = 0;
    for (one, before) in seen.iter().zip(&mut before) {
        if !matches!(before, Before::Unknown) {
            found_marks += u64::from(matches!(before, Before::Marked));
            continue;
        }
        let is_old = is_old(snapshot, &one.run, state, touched(&one.run), at)?;
        let first = created(one.run.created_at.as_deref());
        // An upgrade gives runs ids that they did not have; before ids, a rename changes them.
        let fits = |run: &RunState| {
            (is_old && one.names.iter().any(|name| run.name.is(name)))
                || (by_name && run.created == first)
        };
        if let Some(run) = take(&fits) {
            *before = Before::Followed(run);
        } else if is_old {
            strangers += 1;
            *before = Before::Marked;
        } else if state.others > 0 && one.run.created_at.as_deref() <= Some(at) {
            strangers += 1;
            *before = Before::Perhaps;
        }
    }
    let unfollowed = state.others.saturating_add(state.marks.len() as u64);
    let unnamed = unfollowed.saturating_sub(found_marks + strangers);
    Ok(Matched { before, gone: left, unnamed })
}

/// What the state of a run begins with.
pub fn state_of(run: &Run) -> RunState {
    RunState {
        id: cursor::Text::of(&run.id),
        name: cursor::Text::of(&run.name),
        created: created(run.created_at.as_deref()),
        ..RunState::default()
    }
}
