//! Every run of a project, sickest first.
//!
//! Which run is sickest is known when all were looked at, and a large project takes longer than a
//! caller waits. So a call looks at the newest runs for as long as the deadline lets it, and ranks
//! what it has seen; when the pages of that stretch are at their end, the cursor goes on with the
//! next older ones. Each run is told once over the pages.

use std::collections::BTreeMap;
use std::time::Duration;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use super::{Args, Diagnosed, word};
use crate::analysis::finding::{Severity, Verdict};
use crate::analysis::run::Options;
use crate::tools::common::scan::{Scan, Searched};
use crate::tools::common::shape::RunFacts;
use crate::tools::common::{Answer, Context, Failure, Item, Page, diagnosis, resolve};
use crate::trackio::{Result as TrackioResult, Run, Snapshot, run};

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
        headline: diagnosis.headline,
    })
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
