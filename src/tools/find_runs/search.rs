//! The search: every run of every project, ranked.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::super::common::nearest::{nearest, quoted};
use super::super::common::scan::{Scan, Searched};
use super::super::common::shape::{RunFacts, counted};
use super::super::common::unread::Unread;
use super::super::common::{Answer, Context, Failure, Page, resolve};
use super::matching::{Searchable, reasons, score};
use super::query::Query;
use super::{Args, DEFAULT_LIMIT, Found, FoundRun, words};
use crate::trackio::{Project, Run, config, run, time};

/// Runs that match less than this share of the best match are left out.
const LEAST_SHARE: f64 = 0.5;
/// So many names are kept to offer the nearest of.
const MOST_NAMES: usize = 5_000;

/// A run that meets some of the query.
struct Candidate {
    project: String,
    run: Run,
    score: f64,
    matched: Vec<String>,
}

/// What has been searched so far, and found.
struct Search {
    query: Query,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
    found: Vec<Candidate>,
    /// Which terms any run met.
    met: Vec<bool>,
    /// How many runs there were, and how many of them in the wanted time.
    runs: usize,
    in_time: usize,
    names: BTreeSet<String>,
    unread: Unread,
}

/// Searches all projects, or the one that was named.
pub fn search(
    context: &Context,
    args: &Args,
    patience: Duration,
) -> Result<Answer<Found>, Failure> {
    let mut search = Search::of(args)?;
    let projects = match &args.project {
        Some(name) => vec![resolve::project(context, name)?.name],
        None => context.store.project_names()?,
    };
    let count = context.count(projects.len(), "projects");
    let mut scan = Scan::begin(&context.page, count, patience);
    for name in projects.iter().skip(scan.from()) {
        // A project is searched as a whole: its runs cost microseconds each.
        if !scan.goes_on()? {
            break;
        }
        let project = context.store.project(name, &context.stop).map_err(Failure::from);
        match project.and_then(|project| search.look_into(context, &project)) {
            Ok(()) => {}
            Err(failure) if context.stop.is_set() || args.project.is_some() => return Err(failure),
            Err(failure) => search.unread.add(name, &failure),
        }
    }
    let searched = scan.end();
    if search.found.is_empty() && searched.is_all() {
        return Err(search.nothing(context, args, projects.len()));
    }
    let left_out = search.rank();
    let notes = search.notes(context, args, searched, left_out);
    let (searched_runs, unread) = (search.runs, search.unread.count());
    let page = Page::of(search.found, &context.page, DEFAULT_LIMIT).searched(searched);
    let runs = page.try_map(|candidate| candidate.item(context))?;
    let searched_projects = (searched.to - searched.from).saturating_sub(unread);
    Ok(Answer::new(Found { searched_projects, searched_runs, runs }).with_notes(notes))
}

impl Search {
    fn of(args: &Args) -> Result<Self, Failure> {
        let moment = |name, value: &Option<String>| {
            value.as_deref().map(|value| resolve::moment(name, value)).transpose()
        };
        let (after, before) = (moment("after", &args.after)?, moment("before", &args.before)?);
        let mut query = Query::parse(&args.query);
        let is_timed = after.is_some() || before.is_some();
        // Only "the runs from yesterday": with a time, all runs of that time.
        if query.terms.is_empty() && !is_timed {
            query = Query::literal(&args.query);
        }
        if query.terms.is_empty() && !is_timed {
            return Err(Failure::new(
                "The query holds no word to look for. A right one: `llama lr=3e-4`. \
                 get_runs_for_project lists all runs of a project, newest first.",
            ));
        }
        let met = vec![false; query.terms.len()];
        let (found, names, unread) = (Vec::new(), BTreeSet::new(), Unread::default());
        Ok(Self { query, after, before, found, met, runs: 0, in_time: 0, names, unread })
    }

    fn look_into(&mut self, context: &Context, project: &Project) -> Result<(), Failure> {
        let (runs, configs) =
            context.read(project, |snapshot| Ok((run::list(snapshot)?, config::all(snapshot)?)))?;
        for run in runs {
            self.runs += 1;
            if !self.is_in_time(&run) {
                continue;
            }
            self.in_time += 1;
            let hits = Searchable::of(&project.name, &run, configs.get(&run.id)).hits(&self.query);
            if self.names.len() < MOST_NAMES && !self.names.contains(&run.name) {
                self.names.insert(run.name.clone());
            }
            for (met, hit) in self.met.iter_mut().zip(&hits) {
                *met |= hit.is_some();
            }
            let score = if hits.is_empty() { 1.0 } else { score(&hits) };
            if score > 0.0 {
                let (project, matched) = (project.name.clone(), reasons(&hits));
                self.found.push(Candidate { project, run, score, matched });
            }
        }
        Ok(())
    }

    fn is_in_time(&self, run: &Run) -> bool {
        if self.after.is_none() && self.before.is_none() {
            return true;
        }
        let Some(created) = run.created_at.as_deref().and_then(time::parse) else { return false };
        self.after.is_none_or(|after| created > after)
            && self.before.is_none_or(|before| created < before)
    }

    /// Best first, among equals the newest; what matches much worse is dropped and counted.
    fn rank(&mut self) -> usize {
        let best = self.found.iter().map(|candidate| candidate.score).fold(0.0, f64::max);
        let all = self.found.len();
        self.found.retain(|candidate| candidate.score >= best * LEAST_SHARE);
        self.found.sort_by_cached_key(|candidate| {
            let created = candidate.run.created_at.as_deref().and_then(time::parse);
            let score = (candidate.score * 1e6) as u64;
            let place = (candidate.project.clone(), candidate.run.id.clone());
            (std::cmp::Reverse((score, created)), place)
        });
        all - self.found.len()
    }

    fn notes(
        &self,
        context: &Context,
        args: &Args,
        searched: Searched,
        left_out: usize,
    ) -> Vec<String> {
        let mut notes = Vec::new();
        let unmet = self.query.terms.iter().zip(&self.met).filter(|(_, met)| !**met);
        let unmet: Vec<&str> = unmet.map(|(term, _)| term.text.as_str()).collect();
        if !unmet.is_empty() {
            notes.push(format!("Found nowhere: {}.", quoted(&unmet)));
        }
        notes.extend(self.about_time(context, args));
        if left_out > 0 {
            let more = counted(left_out, "run");
            notes.push(format!("{more} left out that meet less than half as much."));
        }
        if !searched.is_all() {
            let Searched { from, to, of } = searched;
            let next = match to < of {
                true => " The last next_cursor goes on with the rest.",
                false => "",
            };
            notes.push(format!(
                "There was time for projects {} to {to} of {of}; ranks and `total` are of \
                 these.{next}",
                (from + 1).min(of)
            ));
        }
        notes.extend(self.unread.note("searched"));
        notes
    }

    /// Words of time do nothing; says what does.
    fn about_time(&self, context: &Context, args: &Args) -> Option<String> {
        let word = self.query.times.first().filter(|_| args.after.is_none())?;
        let days = words::span_of(&word.to_lowercase())?;
        let day = words::day_before(context.now, days);
        Some(format!(
            "`{}` limits nothing: for that give `after`, such as {day}.",
            resolve::shown(word)
        ))
    }

    fn nothing(&self, context: &Context, args: &Args, projects: usize) -> Failure {
        let where_ = match &args.project {
            Some(name) => format!("project `{}`", resolve::shown(name)),
            None => counted(projects, "project"),
        };
        let runs = counted(self.runs, "run");
        let problems =
            self.unread.note("searched").map(|note| format!(" {note}")).unwrap_or_default();
        if self.runs == 0 && self.unread.count() > 0 {
            return Failure(format!("No run could be searched in {where_}.{problems}"));
        }
        if self.runs == 0 {
            return Failure(format!(
                "There is no run to search in {where_}. get_settings tells where projects are \
                 looked for.{problems}"
            ));
        }
        if self.in_time == 0 {
            return Failure(format!(
                "None of the {runs} of {where_} was created in that time. Leave out `after` and \
                 `before`, or widen them.{problems}"
            ));
        }
        let in_time = match self.in_time == self.runs {
            true => runs,
            false => format!("{} of that time, of {runs},", self.in_time),
        };
        let time = self.about_time(context, args).map(|note| format!(" {note}"));
        Failure(format!(
            "No run matches `{}`. Searched: names, ids, groups, users, config keys and values of \
             {in_time} in {where_}. Nearest names: {}.{} get_all_projects lists the \
             projects.{problems}",
            resolve::shown(&args.query),
            quoted(&nearest(&args.query, self.names.iter().map(String::as_str))),
            time.unwrap_or_default()
        ))
    }
}

impl Candidate {
    fn item(self, context: &Context) -> Result<FoundRun, Failure> {
        let Self { project, run, score, matched } = self;
        let found = context.store.project(&project, &context.stop).map_err(Failure::from);
        // A project that went away in the meantime does not spoil what was found.
        let status = found.and_then(|project| {
            context.read(&project, |snapshot| Ok(RunFacts::of(snapshot, context, &run)?.status))
        });
        let score = (score * 100.0).round() / 100.0;
        let Run { id, name, created_at, .. } = run;
        Ok(FoundRun { project, id, name, score, matched, created_at, status: status.ok() })
    }
}
