//! `get_updates`: what happened since the last call.

mod changes;
mod look;
mod watch;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::common::shape::counted;
use super::common::{Answer, Context, Failure, Output, text};
use super::{Category, Tool};
use changes::{Change, RunNow};
use look::{Looked, Question};

pub struct GetUpdates;

/// The longest wait, in seconds; also the `range` of the argument.
const LONGEST_WAIT: f64 = 300.0;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    /// Default: all projects.
    project: Option<String>,
    /// next_cursor of the last call; without it: the present state.
    cursor: Option<String>,
    /// Wait so long for something to happen.
    #[schemars(range(min = 0, max = 300))]
    wait_seconds: Option<f64>,
}

#[derive(Serialize, JsonSchema)]
pub struct Updates {
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    /// The time of the cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    changes: Vec<Change>,
    /// All that is new, also what is not shown.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    new: BTreeMap<&'static str, u64>,
    /// Without a cursor: the runs that were active last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<RunNow>,
    /// Where nothing can be told as new: how much there is.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    totals: BTreeMap<&'static str, u64>,
    /// For the next call.
    next_cursor: String,
    /// What did not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<String>,
    #[serde(skip)]
    whole: usize,
}

impl Tool for GetUpdates {
    const NAME: &'static str = "get_updates";
    const TITLE: &'static str = "What is new";
    const CATEGORY: Category = Category::Runs;
    const ABOUT: &'static str = "What happened since the last call: new runs, rows with their \
        last values, alerts, changes of status and verdict, renames, deletions. Use it to watch \
        training: first without cursor, then with each answer's next_cursor.";
    const GUIDE: &'static str = "Every row is counted in one answer only. With `wait_seconds` it \
        answers as soon as anything happens, and with empty `changes` when the time is over; the \
        first call, without a cursor, never waits. A cursor needs no server to remember it: it \
        works after a restart, and an old one can be used again. It knows the newest runs by \
        name; of a deleted older one only the number is told. A verdict is renewed when a run \
        has grown by a fiftieth, logged a non-finite value or ended.";
    type Args = Args;
    type Output = Updates;

    fn deadline(given: &Map<String, Value>, read: Duration) -> Duration {
        let seconds = match given.get("wait_seconds") {
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(value) => value.as_f64(),
            None => None,
        };
        let wait = seconds.filter(|seconds| (0.0..=LONGEST_WAIT).contains(seconds));
        read + Duration::from_secs_f64(wait.unwrap_or(0.0))
    }

    fn run(context: &Context, args: Args) -> Result<Answer<Updates>, Failure> {
        let started = Instant::now();
        let wait =
            Duration::try_from_secs_f64(args.wait_seconds.unwrap_or(0.0)).unwrap_or_default();
        let mut question = Question::of(context, args.project, args.cursor.as_deref());
        loop {
            let looked = look::look(&context.later(started.elapsed()), &question)?;
            let waits = started.elapsed() < wait && !context.stop.ends_waits();
            if looked.is_worth_telling() || !waits {
                return Ok(answer(question, looked));
            }
            question.go_on(looked.cursor);
            watch::until_something_happens(context, started, wait, &looked.seen)?;
        }
    }
}

fn answer(question: Question, looked: Looked) -> Answer<Updates> {
    let Looked { changes, runs, totals, notes, .. } = looked;
    let output = Updates {
        project: question.project,
        since: question.since,
        new: changes::sums(&changes),
        whole: changes.len() + runs.len(),
        changes,
        runs,
        totals,
        next_cursor: looked.cursor.write(),
        left_out: None,
    };
    Answer::new(output).with_notes(question.note).with_notes(notes)
}

impl Output for Updates {
    fn headline(&self) -> String {
        let whose = match &self.project {
            Some(project) => format!("project {}", text::brief_name(project)),
            None => "all projects".to_owned(),
        };
        match (&self.since, self.whole) {
            (None, _) => format!("The present state of {whose}; changes are told from here on."),
            (Some(since), 0) if !self.totals.is_empty() => {
                format!("What is new in {whose} since {since} cannot be told.")
            }
            (Some(since), 0) => format!("Nothing new in {whose} since {since}."),
            (Some(since), _) => {
                let changes = counted(self.whole, "change");
                format!("{changes} in {whose} since {since}.")
            }
        }
    }

    fn shrink(&mut self, share: f64) -> bool {
        // First the values, then the changes that tell least: many rows are told by their sum.
        if changes::shorten(&mut self.changes) {
            return true;
        }
        let kept = |length: usize| ((length as f64 * share) as usize).max(1);
        let (changes, runs) = (self.changes.len(), self.runs.len());
        self.changes.truncate(kept(changes));
        self.runs.truncate(kept(runs));
        let shown = self.changes.len() + self.runs.len();
        let left_out = self.whole.saturating_sub(shown);
        self.left_out = Some(match changes {
            0 => format!("{left_out} of {} runs", self.whole),
            _ => format!(
                "{left_out} of {} changes; `new` sums up all of them, and next_cursor is past them",
                self.whole
            ),
        });
        shown < changes + runs
    }
}
