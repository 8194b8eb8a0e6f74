//! Which runs are compared, and all that is read of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::analysis::compare::align::Extent;
use crate::analysis::finding::Verdict;
use crate::analysis::run::{Options, Status as AnalysedStatus};
use crate::tools::common::label::labels;
use crate::tools::common::shape::{RunFacts, counted};
use crate::tools::common::status::{self, Status};
use crate::tools::common::{Context, Failure, diagnosis, resolve};
use crate::trackio::columns::{self, Columns, Wanted};
use crate::trackio::metric::Kind;
use crate::trackio::run::{self, Source};
use crate::trackio::{Result as TrackioResult, Run, Snapshot, time};

/// So many runs are compared unless they are named.
const DEFAULT_RUNS: usize = 10;
const FEWEST_RUNS: usize = 2;
const MOST_RUNS: usize = 20;
/// Rows are read for so long.
const DEADLINE: Duration = Duration::from_secs(5);
/// The columns of the table of values; no run is labelled so.
const TAKEN_LABELS: [&str; 2] = ["metric", "value"];

/// One of the compared runs.
pub struct Entry {
    /// Its name, with the start of its id where the name is shared.
    pub label: String,
    pub facts: RunFacts,
    pub columns: Arc<Columns>,
    pub verdict: Verdict,
}

impl Entry {
    /// The names of its metrics that hold numbers.
    pub fn metrics(&self) -> BTreeSet<&str> {
        let metrics = self.columns.metrics.iter();
        metrics.filter(|(_, column)| column.count() > 0).map(|(name, _)| name.as_str()).collect()
    }

    /// Whether it failed in the end, so that nobody would go on with it.
    pub fn failed(&self) -> bool {
        matches!(self.verdict, Verdict::NonFinite | Verdict::Diverged | Verdict::RlCollapsed)
    }

    /// What kind of training it is, where the verdict tells.
    pub fn kind(&self) -> Option<&'static str> {
        match self.verdict {
            Verdict::RlImproving
            | Verdict::RlFlat
            | Verdict::RlDeclining
            | Verdict::RlCollapsed => Some("reinforcement learning"),
            Verdict::DpoHealthy | Verdict::DpoWeak => Some("preference training"),
            Verdict::NonFinite | Verdict::Diverged | Verdict::InsufficientData => None,
            _ => Some("supervised training"),
        }
    }

    pub fn status(&self) -> AnalysedStatus {
        match self.facts.status {
            Status::Active => AnalysedStatus::Active,
            Status::Idle => AnalysedStatus::Idle,
            Status::Ended => AnalysedStatus::Ended,
        }
    }

    /// The steps that its config plans.
    pub fn planned(&self) -> Option<f64> {
        status::total_steps(self.facts.config.as_ref())
    }

    pub fn last_step(&self) -> Option<f64> {
        self.facts.last_step.map(|step| step.as_f64())
    }

    pub fn extent(&self) -> Extent {
        let started = self.facts.run.created_at.as_deref().map(time::seconds);
        let made = self.last_step().unwrap_or(0.0);
        let total = self.planned().unwrap_or(made).max(made);
        Extent { started: started.filter(|seconds| seconds.is_finite()), total }
    }
}

/// Reads the runs to compare; the notes say how they were chosen and which were not reached.
pub fn gather(
    snapshot: &Snapshot<'_>,
    context: &Context,
    wanted: Option<&[String]>,
    declared: &[String],
) -> TrackioResult<(Vec<Entry>, Vec<String>)> {
    let (runs, mut notes) = match wanted {
        Some(names) => named(snapshot, names)?,
        None => newest(snapshot)?,
    };
    let labels = labels(&run::list(snapshot)?, &runs, &TAKEN_LABELS);
    let mut columns_wanted = Wanted::diagnosis();
    columns_wanted.values.extend(declared.iter().cloned());
    let started = Instant::now();
    let mut entries = Vec::new();
    for (run, label) in runs.iter().zip(labels) {
        if started.elapsed() > DEADLINE && entries.len() >= FEWEST_RUNS {
            break;
        }
        let columns = columns::of_run(snapshot, Kind::Metrics, run, &columns_wanted)?;
        let facts = RunFacts::of(snapshot, context, run)?;
        let verdict = diagnosis::of_run(snapshot, context, &facts, &Options::default())?.verdict;
        entries.push(Entry { label, facts, columns, verdict });
    }
    if entries.len() < runs.len() {
        notes.push(format!(
            "{} of {} runs were read within {} s. What was read is kept: ask again for all.",
            entries.len(),
            runs.len(),
            DEADLINE.as_secs()
        ));
    }
    Ok((entries, notes))
}

fn newest(snapshot: &Snapshot<'_>) -> TrackioResult<(Vec<Run>, Vec<String>)> {
    let mut runs = run::newest_first(snapshot)?;
    runs.retain(|run| run.source == Source::Metrics);
    let total = runs.len();
    if total < FEWEST_RUNS {
        let project = resolve::shown(&snapshot.project.name);
        let found = counted(total, "run");
        return Err(Failure(format!(
            "A comparison needs two runs with metrics; project `{project}` has {found}. \
             get_run_summary tells of one, get_all_projects lists other projects."
        ))
        .into());
    }
    runs.truncate(DEFAULT_RUNS);
    let left = total - runs.len();
    let note = (left > 0).then(|| {
        format!("The newest {DEFAULT_RUNS} of {total} runs with metrics; name others in `runs`.")
    });
    Ok((runs, note.into_iter().collect()))
}

fn named(snapshot: &Snapshot<'_>, names: &[String]) -> TrackioResult<(Vec<Run>, Vec<String>)> {
    let mut runs: Vec<Run> = Vec::new();
    let mut notes = Vec::new();
    let mut shared = Vec::new();
    for name in names {
        let resolved = resolve::run(snapshot, name)?;
        notes.extend(resolved.notes(Some(name)));
        if !runs.contains(&resolved.run) {
            runs.push(resolved.run);
            shared = resolved.same_named;
        }
    }
    // One name that several runs share asks for them all.
    if runs.len() == 1 && !shared.is_empty() && runs.iter().all(|run| names.contains(&run.name)) {
        runs.extend(shared);
        notes.clear();
        notes.push(format!("{} of this name are compared.", counted(runs.len(), "run")));
    }
    let problem = match runs.len() {
        0 | 1 => "needs at least two runs; one was named. Leave `runs` out for the newest ten",
        n if n > MOST_RUNS => {
            "takes at most 20 runs; more were named. Narrow them down, such as \
                               with get_runs_for_project"
        }
        _ => return Ok((runs, notes)),
    };
    Err(Failure(format!("compare_runs {problem}.")).into())
}
