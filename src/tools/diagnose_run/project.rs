//! Every run of a project, sickest first.
//!
//! Which run is sickest is known when all were looked at, and a large project takes longer than a
//! caller waits. So a call looks at the newest runs for as long as the deadline lets it, and ranks
//! what it has seen; when the pages of that stretch are at their end, the cursor goes on with the
//! next older ones. Each run is told once over the pages.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use super::{Args, Diagnosed, word};
use crate::analysis::finding::{Severity, Verdict};
use crate::analysis::run::Options;
use crate::tools::common::scan::{Scan, Searched};
use crate::tools::common::shape::RunFacts;
use crate::tools::common::status::Status;
use crate::tools::common::{Answer, Context, Failure, Item, Page, diagnosis, resolve};
use crate::trackio::cache::Bytes;
use crate::trackio::{Result as TrackioResult, Run, Snapshot, run, time};

const DEFAULT_LIMIT: usize = 30;

#[derive(Serialize, JsonSchema)]
pub struct ManyRuns {
    /// Of the runs looked at so far.
    counts: BTreeMap<String, usize>,
    #[serde(flatten)]
    pub runs: Page<RunVerdict>,
}

#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct RunVerdict {
    run: String,
    run_id: String,
    #[schemars(with = "String")]
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    severity: Option<Severity>,
    headline: String,
}

impl Item for RunVerdict {
    const LIST: &'static str = "runs";
}

/// Diagnoses runs for so long, at least one.
pub fn diagnose(
    context: &Context,
    name: &str,
    args: &Args,
    patience: Duration,
) -> Result<Answer<Diagnosed>, Failure> {
    let project = resolve::project(context, name)?;
    let (mut verdicts, searched) = context.read(&project, |snapshot| {
        let runs = run::newest_first(snapshot)?;
        let mut scan = Scan::begin(&context.page, context.count(runs.len(), "runs"), patience);
        let mut verdicts = Vec::new();
        for run in runs.iter().skip(scan.from()) {
            if !scan.goes_on()? {
                break;
            }
            verdicts.push(verdict(snapshot, context, run, &args.options())?);
        }
        Ok((verdicts, scan.end()))
    })?;
    // Sickest first; among equals the newest.
    verdicts
        .sort_by_key(|run| (run.severity.map_or(u8::MAX, |severity| severity as u8), run.verdict));
    let mut counts = BTreeMap::new();
    for verdict in &verdicts {
        *counts.entry(word(verdict.verdict)).or_default() += 1;
    }
    let runs = Page::of(verdicts, &context.page, DEFAULT_LIMIT).searched(searched);
    let many = ManyRuns { counts, runs };
    let output = Diagnosed { project: name.to_owned(), one: None, many: Some(many) };
    Ok(Answer::new(output).with_notes(progress(searched)))
}

/// A verdict is kept for as long as the rows and the run's status stay: the next page of the same
/// list asks for all of them again.
struct Kept {
    verdict: RunVerdict,
    until: Option<f64>,
}

impl Bytes for Kept {
    fn bytes(&self) -> usize {
        let RunVerdict { run, run_id, headline, .. } = &self.verdict;
        size_of::<Self>() + run.len() + run_id.len() + headline.len()
    }
}

impl Kept {
    fn holds(&self, context: &Context) -> bool {
        self.until.is_none_or(|until| time::as_seconds(context.now) < until)
    }
}

fn verdict(
    snapshot: &Snapshot<'_>,
    context: &Context,
    run: &Run,
    options: &Options,
) -> TrackioResult<RunVerdict> {
    let key = snapshot.key(format!("verdict of {:?} {:?} by {options:?}", run.id, run.name));
    if let Some(kept) = snapshot.kept::<Kept>(key.as_ref()).filter(|kept| kept.holds(context)) {
        return Ok(kept.verdict.clone());
    }
    let facts = RunFacts::of(snapshot, context, run)?;
    let diagnosis = diagnosis::of_run(snapshot, context, &facts, options)?;
    let verdict = RunVerdict {
        run: run.name.clone(),
        run_id: run.id.clone(),
        verdict: diagnosis.verdict,
        severity: diagnosis::severity(&diagnosis),
        headline: diagnosis.headline,
    };
    // Of an idle run the headline says for how long it has been silent.
    if facts.status != Status::Idle {
        let until = facts.status_until;
        snapshot.keep(key, &Arc::new(Kept { verdict: verdict.clone(), until }));
    }
    Ok(verdict)
}

/// How far a call came that did not look at every run.
fn progress(searched: Searched) -> Option<String> {
    let Searched { from, to, of } = searched;
    let next = match of - to {
        0 => String::new(),
        left => format!("; {left} older ones are left, the last next_cursor goes on with them"),
    };
    (!searched.is_all()).then(|| {
        format!(
            "Looked at runs {} to {to} of {of}, newest first: counts and order are of these{next}.",
            (from + 1).min(of)
        )
    })
}
