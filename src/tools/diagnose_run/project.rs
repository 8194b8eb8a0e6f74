//! Every run of a project, sickest first.
//!
//! Which run is sickest is known when all were looked at, and a large project takes longer than a
//! caller waits. So a call looks at the newest runs for as long as the deadline lets it, and ranks
//! what it has seen; when the pages of that stretch are at their end, the cursor goes on with the
//! next older ones. Each run is told once over the pages.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use super::{Args, Diagnosed, word};
use crate::analysis::finding::{Severity, Verdict};
use crate::analysis::run::Options;
use crate::tools::common::shape::RunFacts;
use crate::tools::common::{Answer, Context, Failure, Item, Page, Stretch, diagnosis, resolve};
use crate::trackio::{Result as TrackioResult, Run, Snapshot, run};

/// A project is looked at for so long.
pub const DEADLINE: Duration = Duration::from_secs(5);
const DEFAULT_LIMIT: usize = 30;

#[derive(Serialize, JsonSchema)]
pub struct ManyRuns {
    /// Of the runs looked at so far.
    counts: BTreeMap<String, usize>,
    #[serde(flatten)]
    pub runs: Page<RunVerdict>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct RunVerdict {
    run: String,
    run_id: String,
    #[schemars(with = "String")]
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    severity: Option<Severity>,
    /// Absent: as the run before.
    #[serde(skip_serializing_if = "Option::is_none")]
    headline: Option<String>,
}

impl Item for RunVerdict {
    const LIST: &'static str = "runs";
}

/// Diagnoses runs until `deadline` has passed, at least one.
pub fn diagnose(
    context: &Context,
    name: &str,
    args: &Args,
    deadline: Duration,
) -> Result<Answer<Diagnosed>, Failure> {
    let project = resolve::project(context, name)?;
    let (mut verdicts, stretch, total) = context.read(&project, |snapshot| {
        let runs = run::newest_first(snapshot)?;
        let wanted = Wanted::of(context, runs.len());
        let started = Instant::now();
        let mut verdicts = Vec::new();
        for run in runs.iter().skip(runs.len() - wanted.to).take(wanted.to - wanted.from) {
            let late = !wanted.whole && started.elapsed() > deadline;
            if late && !verdicts.is_empty() {
                break;
            }
            verdicts.push(verdict(snapshot, context, run, &args.options())?);
        }
        let stretch = Stretch { from: wanted.to - verdicts.len(), to: wanted.to };
        Ok((verdicts, stretch, runs.len()))
    })?;
    // Sickest first; among equals the newest, and what says the same side by side.
    verdicts.sort_by(|a, b| rank(a).cmp(&rank(b)));
    let mut counts = BTreeMap::new();
    for verdict in &verdicts {
        *counts.entry(word(verdict.verdict)).or_default() += 1;
    }
    let mut runs = Page::of_stretch(verdicts, stretch, total, &context.page, DEFAULT_LIMIT);
    let notes = notes(stretch, total, say_once(&mut runs.items));
    let many = ManyRuns { counts, runs };
    let output = Diagnosed { project: name.to_owned(), one: None, many: Some(many) };
    Ok(Answer::new(output).with_notes(notes))
}

/// Which runs a call looks at.
struct Wanted {
    from: usize,
    to: usize,
    /// Whether an earlier call has looked at all of them, so that this one must, too.
    whole: bool,
}

impl Wanted {
    fn of(context: &Context, total: usize) -> Self {
        let Some(Stretch { from, to }) = context.page.stretch else {
            return Self { from: 0, to: total, whole: false };
        };
        // Runs may have been deleted since.
        let to = to.min(total);
        Self { from: from.min(to), to, whole: context.page.offset > 0 }
    }
}

fn verdict(
    snapshot: &Snapshot<'_>,
    context: &Context,
    run: &Run,
    options: &Options,
) -> TrackioResult<RunVerdict> {
    let facts = RunFacts::of(snapshot, context, run)?;
    let diagnosis = diagnosis::of_run(snapshot, context, &facts, options)?;
    Ok(RunVerdict {
        run: run.name.clone(),
        run_id: run.id.clone(),
        verdict: diagnosis.verdict,
        severity: diagnosis::severity(&diagnosis),
        headline: Some(diagnosis.headline),
    })
}

fn rank(verdict: &RunVerdict) -> (u8, Verdict, Option<&str>) {
    let severity = verdict.severity.map_or(u8::MAX, |severity| severity as u8);
    let unclear = verdict.verdict == Verdict::InsufficientData;
    (severity, verdict.verdict, verdict.headline.as_deref().filter(|_| unclear))
}

/// Leaves out headlines that repeat the one before; says whether there were any.
fn say_once(runs: &mut [RunVerdict]) -> bool {
    let mut said = None;
    let mut repeats = false;
    for run in runs {
        if run.headline.is_some() && run.headline == said {
            run.headline = None;
            repeats = true;
        } else {
            said.clone_from(&run.headline);
        }
    }
    repeats
}

fn notes(stretch: Stretch, total: usize, repeats: bool) -> impl Iterator<Item = String> {
    let Stretch { from, to } = stretch;
    let (first, last) = (total.saturating_sub(to) + 1, total.saturating_sub(from));
    let rest = match from {
        0 => String::new(),
        from => format!("; {from} older ones are left, next_cursor goes on with them in the end"),
    };
    let partly = (from > 0 || to < total).then(|| {
        format!(
            "Looked at runs {first} to {last} of {total}, newest first, within {} s: counts and \
             order are of these{rest}.",
            DEADLINE.as_secs()
        )
    });
    let repeats = repeats
        .then(|| "A run without a headline has that of the run above it in the list.".to_owned());
    partly.into_iter().chain(repeats)
}
