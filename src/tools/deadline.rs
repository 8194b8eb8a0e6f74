//! How long calls may take, and the answers where one takes longer.
//!
//! A tool heeds [`Stop`](crate::trackio::Stop) and ends by its deadline with a message of its own.
//! Its caller does not rely on that: SQLite, a file system or a server may hold the tool's thread
//! in a place where nothing looks at `Stop`. After [`GRACE`] the caller answers itself and leaves
//! the thread behind.

use std::time::Duration;

use serde_json::{Map, Value};

use super::common::{Failure, text};
use super::{Access, AnyTool};

/// What a read may take, unless the user says otherwise.
pub const READ: Duration = Duration::from_secs(10);
/// What a write may take. Other processes can hold Trackio's lock for a third of it.
pub const WRITE: Duration = Duration::from_secs(30);
/// What a tool that sends may take; `remote` ends it earlier where no byte moves.
pub const SEND: Duration = Duration::from_secs(30 * 60);
/// From the deadline to the answer of the caller, so that a tool's own message comes first.
pub const GRACE: Duration = Duration::from_millis(500);

/// What a tool says that ended by its deadline.
pub const TOO_MUCH: &str = "It took too long and was stopped. Ask for less: name one project, one \
    run, fewer metrics or a range of steps. The user can allow more time with --deadline SECONDS.";

/// A project's name is not shown longer than this.
const LONGEST_NAME: usize = 60;

/// Work that has a deadline.
#[derive(Debug, Clone)]
pub struct Task {
    /// What a message calls it.
    pub name: String,
    /// What it does beside answering.
    pub access: Access,
    /// What it may take.
    pub limit: Duration,
}

impl Task {
    /// A call of a tool, where a read may take `read`.
    pub fn of_call(tool: &dyn AnyTool, given: &Map<String, Value>, read: Duration) -> Self {
        let project = given.get("project").and_then(Value::as_str);
        let name = match project {
            Some(project) => {
                let project = text::in_backquotes(&text::cut(project, LONGEST_NAME));
                format!("{} of project {project}", tool.name())
            }
            None => tool.name().to_owned(),
        };
        Self { name, access: tool.access(), limit: tool.deadline(given, read) }
    }

    /// Work that only reads.
    pub fn read(name: impl Into<String>, limit: Duration) -> Self {
        Self { name: name.into(), access: Access::Read, limit }
    }

    /// Work that writes.
    pub fn write(name: impl Into<String>, limit: Duration) -> Self {
        let access = Access::Write { destructive: true, idempotent: false };
        Self { name: name.into(), access, limit }
    }

    /// The answer to a call whose thread did not come back.
    pub fn overdue(&self) -> Failure {
        let (name, seconds) = (&self.name, self.limit.as_secs_f64());
        let begin =
            format!("{name} took too long: it did not end within {seconds} s and was given up.");
        Failure(match self.access {
            Access::Read => format!(
                "{begin} Ask for less: one project, one run, fewer metrics or a range of steps. \
                 If small questions do not end either, the disk or file system that holds \
                 Trackio's directory does not answer. The user can allow more time with \
                 --deadline SECONDS."
            ),
            Access::Write { .. } => format!(
                "{begin} It is not known whether anything was written. Look before you try \
                 again; `mcp-trackio undo --list` lists the writes."
            ),
            Access::Send { .. } => format!(
                "{begin} It is not known whether the server received anything. Look there before \
                 you try again."
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tools;

    #[test]
    fn the_deadline_of_a_call_follows_from_its_tool_and_its_arguments() {
        let cases = [
            ("get_run_summary", json!({}), 10.0),
            ("query_project", json!({}), 5.0),
            ("bulk_log", json!({}), 30.0),
            ("trigger_sync", json!({}), 1800.0),
            ("get_updates", json!({}), 10.0),
            ("get_updates", json!({"wait_seconds": 300}), 310.0),
            ("get_updates", json!({"wait_seconds": "12.5"}), 22.5),
            // These are refused.
            ("get_updates", json!({"wait_seconds": 300.5}), 10.0),
            ("get_updates", json!({"wait_seconds": -1}), 10.0),
            ("get_updates", json!({"wait_seconds": "NaN"}), 10.0),
        ];
        for (name, given, seconds) in cases {
            let Value::Object(given) = given else { unreachable!() };
            let tool = tools::find(name).unwrap();
            let task = Task::of_call(tool, &given, READ);
            assert_eq!(task.limit.as_secs_f64(), seconds, "{name} {given:?}");
        }
    }
}
