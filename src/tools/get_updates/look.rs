//! One look at one project or at all, and the cursor that it leaves.

use std::collections::BTreeMap;

use super::changes::{Change, Follower, Kind, RunNow};
use super::watch::SeenFiles;
use crate::tools::common::resolve::{self, shown};
use crate::tools::common::shape::counted;
use crate::tools::common::text::brief_name;
use crate::tools::common::unread::Unread;
use crate::tools::common::{Context, Failure};
use crate::trackio::name::canonical;
use crate::trackio::updates::{
    self, Cursor, FOLLOWED, News, ProjectState, Since, counts, directory,
};
use crate::trackio::{Project, Result as TrackioResult, Snapshot, fingerprint, time};

/// So many projects are opened for the present state of all.
const OPENED: usize = 8;
/// File systems tell the time of a write less exactly than the clock does.
const FILE_TIME_SLACK: u64 = 2_000;

/// What is asked.
pub struct Question {
    /// One project, or all.
    pub project: Option<String>,
    /// The time of the cursor, where it is one to go by.
    pub since: Option<String>,
    /// Why it is not.
    pub note: Option<String>,
    before: Option<Cursor>,
}

/// What one look found.
pub struct Looked {
    /// What is new.
    pub changes: Vec<Change>,
    /// The present state, where nothing is known from before.
    pub runs: Vec<RunNow>,
    /// How much there is, where nothing can be told as new.
    pub totals: BTreeMap<&'static str, u64>,
    /// What must be said besides.
    pub notes: Vec<String>,
    /// For the next look.
    pub cursor: Cursor,
    /// The files, as they were when the look began.
    pub seen: SeenFiles,
}

impl Looked {
    /// Whether a caller who waits should hear of it at once.
    pub fn is_worth_telling(&self) -> bool {
        !self.changes.is_empty() || !self.totals.is_empty()
    }
}

impl Question {
    /// The question of a call.
    pub fn of(context: &Context, project: Option<String>, letters: Option<&str>) -> Self {
        let mut question = Self { project, since: None, note: None, before: None };
        let Some(letters) = letters.filter(|letters| !letters.is_empty()) else { return question };
        let reason = match Cursor::read(letters) {
            None => "is none that get_updates gave, or was changed on the way",
            Some(cursor) if cursor.directory != directory(&context.store.directory().path) => {
                "belongs to another directory"
            }
            Some(cursor) if cursor.scope != 0 && cursor.scope != question.scope() => {
                "belongs to another project"
            }
            Some(cursor) => {
                question.go_on(cursor);
                return question;
            }
        };
        question.note = Some(format!(
            "The cursor {reason}: what is new since then cannot be told, only how much there is. \
             next_cursor begins anew."
        ));
        question
    }

    /// Takes a cursor for the next look.
    pub fn go_on(&mut self, cursor: Cursor) {
        if self.since.is_none() {
            self.since = Some(time::rfc3339(timestamp(cursor.at)));
        }
        self.before = Some(cursor);
    }

    fn scope(&self) -> u32 {
        let project = self.project.as_ref();
        project.map_or(0, |name| fingerprint::short(&[canonical(name).as_bytes()]).max(1))
    }

    /// Whether only counts are to be told.
    fn is_foreign(&self) -> bool {
        self.note.is_some()
    }
}

fn timestamp(milliseconds: u64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(milliseconds as i64).unwrap_or_default()
}

/// A moment as Trackio writes it.
fn moment(milliseconds: u64) -> String {
    timestamp(milliseconds).strftime("%Y-%m-%dT%H:%M:%S.%3f+00:00").to_string()
}

/// Looks at what the question is about.
pub fn look(context: &Context, question: &Question) -> Result<Looked, Failure> {
    let seen = SeenFiles::now(context, question.project.as_deref())?;
    let mut look = Look {
        context,
        question,
        at: context.now.as_millisecond().max(0).unsigned_abs(),
        looked: Looked {
            changes: Vec::new(),
            runs: Vec::new(),
            totals: BTreeMap::new(),
            notes: Vec::new(),
            cursor: Cursor::default(),
            seen: SeenFiles::default(),
        },
        fresh: Vec::new(),
        kept: Vec::new(),
        has_opened: false,
        has_more: false,
        unread: Unread::default(),
    };
    match (&question.project, &question.before) {
        (Some(name), _) => look.at_one(name, &seen)?,
        (None, Some(before)) => look.at_all_again(before, &seen)?,
        (None, None) => look.at_all(&seen)?,
    }
    Ok(look.finish(seen))
}

struct Look<'a> {
    context: &'a Context,
    question: &'a Question,
    at: u64,
    looked: Looked,
    /// States of the projects in which something happened.
    fresh: Vec<ProjectState>,
    /// Those of the others, with their places in the cursor.
    kept: Vec<(usize, ProjectState)>,
    has_opened: bool,
    has_more: bool,
    unread: Unread,
}

impl Look<'_> {
    fn at_one(&mut self, name: &str, seen: &SeenFiles) -> Result<(), Failure> {
        let digest = seen.digests.first().copied().unwrap_or(0);
        let before = self.question.before.as_ref();
        let state = before.and_then(|cursor| state_of(cursor, name));
        let project = match (resolve::project(self.context, name), state) {
            (Ok(project), _) => project,
            (Err(_), Some(state)) if !exists(self.context, name) => {
                self.project_is_gone(state);
                return Ok(());
            }
            (Err(failure), _) => return Err(failure),
        };
        match before {
            None => self.open_first(&project, digest),
            Some(cursor) => self.open_again(&project, digest, cursor, state),
        }
    }

    /// The present state of the projects that changed last.
    fn at_all(&mut self, seen: &SeenFiles) -> Result<(), Failure> {
        let mut projects = self.projects(seen);
        projects.sort_by_key(|(project, _)| std::cmp::Reverse(project.modified()));
        let total = projects.len();
        let mut opened = 0;
        for (project, digest) in &projects {
            if opened == OPENED {
                break;
            }
            match self.open_first(project, *digest) {
                Ok(()) => opened += 1,
                Err(failure) => self.could_not_open(project, &failure),
            }
        }
        self.looked.totals.insert("projects", total as u64);
        self.has_more = opened < total;
        if opened == OPENED && self.has_more {
            self.looked.notes.push(format!(
                "Shown and counted are the {opened} projects that changed last, of {total}. Where \
                 the cursor has no room for a project, what is new there is told by the times of \
                 its rows; name a project to watch it closely."
            ));
        }
        Ok(())
    }

    fn at_all_again(&mut self, before: &Cursor, seen: &SeenFiles) -> Result<(), Failure> {
        self.has_more = before.has_more;
        for (project, digest) in self.projects(seen) {
            let state = state_of(before, &project.name);
            if state.is_none() && before.has_more && !was_written_since(&project, before.at) {
                continue;
            }
            if let Err(failure) = self.open_again(&project, digest, before, state) {
                if self.context.stop.is_set() {
                    return Err(failure);
                }
                self.could_not_open(&project, &failure);
                self.kept.extend(state.map(|state| (place_of(before, state), state.clone())));
            }
        }
        let gone = |state: &&ProjectState| !seen.names.iter().any(|name| state.is_of(name));
        for state in before.projects.iter().filter(gone) {
            self.project_is_gone(state);
        }
        Ok(())
    }

    /// The projects that hold runs, each with the digest of its files.
    fn projects(&mut self, seen: &SeenFiles) -> Vec<(Project, u32)> {
        let mut found = Vec::new();
        for (name, digest) in seen.names.iter().zip(&seen.digests) {
            match self.context.store.project(name, &self.context.stop) {
                Ok(project) if project.is_registry() => {}
                Ok(project) => found.push((project, *digest)),
                Err(error) => self.unread.add(name, &error.into()),
            }
        }
        found
    }

    fn open_first(&mut self, project: &Project, digest: u32) -> Result<(), Failure> {
        let is_foreign = self.question.is_foreign();
        let opened = self.context.read(project, |snapshot| {
            let mut news = updates::first_look(snapshot)?;
            let (runs, state) = present(snapshot, self.context, &mut news, digest)?;
            Ok((if is_foreign { Vec::new() } else { runs }, state, counts(snapshot)?))
        })?;
        let (runs, state, counts) = opened;
        self.has_opened = true;
        self.looked.runs.extend(runs);
        self.add_totals(&state, counts);
        self.fresh.push(state);
        Ok(())
    }

    fn open_again(
        &mut self,
        project: &Project,
        digest: u32,
        before: &Cursor,
        state: Option<&ProjectState>,
    ) -> Result<(), Failure> {
        if let Some(state) = state
            && state.digest == digest
            && (state.until == 0 || self.at < state.until.saturating_mul(1_000))
        {
            self.kept.push((place_of(before, state), state.clone()));
            return Ok(());
        }
        let at = moment(before.at);
        let nothing = ProjectState::default();
        let since = match state {
            Some(state) => Since::State(state, &at),
            None if before.has_more => Since::Moment(&at),
            None => Since::State(&nothing, &at),
        };
        let (news, changes, state, counts) = self.context.read(project, |snapshot| {
            let mut news = updates::look(snapshot, &since)?;
            if news.is_other {
                let (_, state) = present(snapshot, self.context, &mut news, digest)?;
                return Ok((news, Vec::new(), state, Some(counts(snapshot)?)));
            }
            let (changes, state) = told(snapshot, self.context, &mut news, digest)?;
            Ok((news, changes, state, None))
        })?;
        let name = brief_name(&project.name);
        if let Some(counts) = counts {
            self.add_totals(&state, counts);
            self.looked.notes.push(format!(
                "The database of project {name} is not the one that the cursor knows: it was \
                 replaced, or restored. What is new cannot be told, only how much there is: {}, \
                 {}, {}.",
                counted(state.num_runs() as usize, "run"),
                counted(counts[0] as usize, "row"),
                counted(counts[2] as usize, "alert"),
            ));
        }
        if matches!(since, Since::Moment(_)) && !changes.is_empty() {
            self.looked.notes.push(format!(
                "The cursor had no room for project {name}: its changes are told by the times of \
                 its rows, without renames and deletions."
            ));
        }
        if news.unnamed > 0 {
            self.looked.notes.push(format!(
                "{} of project {name} were deleted that were too old for the cursor to know by \
                 name.",
                counted(news.unnamed as usize, "run")
            ));
        }
        self.has_opened = true;
        match &since {
            Since::State(known, _) if changes.is_empty() => {
                self.kept.push((place_of(before, known), state));
            }
            // Still beyond the cursor: to keep it would cost a place.
            Since::Moment(_) if changes.is_empty() => {}
            _ => self.fresh.push(state),
        }
        self.looked.changes.extend(changes);
        Ok(())
    }

    fn add_totals(&mut self, state: &ProjectState, [rows, system_rows, alerts]: [u64; 3]) {
        let counts = [
            ("runs", state.num_runs()),
            ("rows", rows),
            ("system_rows", system_rows),
            ("alerts", alerts),
        ];
        for (name, count) in counts {
            *self.looked.totals.entry(name).or_default() += count;
        }
    }

    fn could_not_open(&mut self, project: &Project, failure: &Failure) {
        self.unread.add(&project.name, failure);
    }

    /// The whole project was deleted.
    fn project_is_gone(&mut self, state: &ProjectState) {
        let project = state.name.shown();
        for run in &state.runs {
            let (id, name) = (run.id.shown(), run.name.shown());
            let change = Change::of(&project, Some((&id, &name)), Kind::Deleted);
            self.looked.changes.push(change);
        }
        let others = state.marks.len() as u64 + state.others;
        if others > 0 || state.runs.is_empty() {
            let mut change = Change::of(&project, None, Kind::Deleted);
            change.count = Some(others);
            self.looked.changes.push(change);
        }
        self.looked.notes.push(format!("Project {} is gone, all its runs too.", shown(&project)));
    }

    fn finish(self, mut seen: SeenFiles) -> Looked {
        let Self { question, at, mut looked, fresh, mut kept, has_opened, has_more, .. } = self;
        looked.notes.extend(self.unread.note("considered"));
        kept.sort_by_key(|(place, _)| *place);
        let before = question.before.as_ref();
        looked.cursor = match before {
            // Nothing was opened and nothing is gone: the same cursor says the same.
            Some(before) if !has_opened && looked.changes.is_empty() => before.clone(),
            _ => Cursor {
                directory: directory(&self.context.store.directory().path),
                scope: question.scope(),
                at,
                has_more,
                projects: fresh
                    .into_iter()
                    .chain(kept.into_iter().map(|(_, state)| state))
                    .collect(),
            },
        };
        let until = looked.cursor.projects.iter().map(|state| state.until);
        seen.until = until.filter(|until| *until > 0).min();
        looked.seen = seen;
        looked
    }
}

/// The state of a project in a cursor, however the project is spelled.
fn state_of<'a>(cursor: &'a Cursor, name: &str) -> Option<&'a ProjectState> {
    let canonical = canonical(name);
    cursor.projects.iter().find(|state| state.is_of(&canonical))
}

/// Where the cursor has the state; the end for one that it has not.
fn place_of(cursor: &Cursor, state: &ProjectState) -> usize {
    let place = cursor.projects.iter().position(|known| known.name == state.name);
    place.unwrap_or(cursor.projects.len())
}

fn exists(context: &Context, name: &str) -> bool {
    context.store.project(name, &context.stop).is_ok()
}

fn was_written_since(project: &Project, at: u64) -> bool {
    let modified = project.modified().and_then(|time| jiff::Timestamp::try_from(time).ok());
    let since = at.saturating_sub(FILE_TIME_SLACK) as i64;
    project.has_inbox() || modified.is_none_or(|time| time.as_millisecond() >= since)
}

/// The followed runs as they are, and the state to keep.
fn present(
    snapshot: &Snapshot<'_>,
    context: &Context,
    news: &mut News,
    digest: u32,
) -> TrackioResult<(Vec<RunNow>, ProjectState)> {
    let mut follower = Follower::new(snapshot, context);
    let mut runs = Vec::new();
    for one in news.runs.iter_mut().take(FOLLOWED) {
        runs.push(follower.now(one)?);
    }
    Ok((runs, kept(news, snapshot, &follower, digest)))
}

/// What is new, and the state to keep.
fn told(
    snapshot: &Snapshot<'_>,
    context: &Context,
    news: &mut News,
    digest: u32,
) -> TrackioResult<(Vec<Change>, ProjectState)> {
    let project = &snapshot.project.name;
    let mut changes = Vec::new();
    for (id, name) in &news.gone {
        changes.push(Change::of(project, Some((id, name)), Kind::Deleted));
    }
    if news.unnamed > 0 {
        let mut change = Change::of(project, None, Kind::Deleted);
        change.count = Some(news.unnamed);
        changes.push(change);
    }
    let mut follower = Follower::new(snapshot, context);
    for (place, one) in news.runs.iter_mut().enumerate() {
        if place < FOLLOWED {
            changes.extend(follower.changes(one)?);
        } else if one.has_news() {
            changes.extend(follower.changes_of_another(one)?);
        }
    }
    Ok((changes, kept(news, snapshot, &follower, digest)))
}

fn kept(
    news: &News,
    snapshot: &Snapshot<'_>,
    follower: &Follower<'_>,
    digest: u32,
) -> ProjectState {
    let followed = news.runs.iter().take(FOLLOWED).map(|one| one.state.clone()).collect();
    let until = follower.until.map_or(0, |until| until.ceil().max(1.0) as u64);
    news.state(&canonical(&snapshot.project.name), digest, until, followed)
}
