//! Prompts: plans that a person starts with one click, each over our own tools.
//!
//! A prompt is one constant in one file. What clients list, what `docs/resources.md` tells and what
//! a model is told to do are made from it, and a test holds every step to the tool's own schema. A
//! new prompt is a new file and one line in [`PROMPTS`].

mod audit_logging;
mod check_training;
mod compare_runs;
mod debug_run;
mod find_best_run;
pub mod plan;
mod plan_next_run;
#[cfg(test)]
mod tests;
mod weekly_report;

use std::collections::BTreeMap;

use jiff::Timestamp;
use rmcp::model::{self, GetPromptResult, PromptArgument, PromptMessage, Role};
use serde_json::{Map, Value};

use crate::tools::AnyTool;
use crate::tools::common::nearest::{nearest, quoted};
use crate::tools::common::{Failure, absent, resolve};
use plan::Plan;

/// More letters are no name of anything.
const MOST_LETTERS: usize = 1_000;

/// One prompt: what is said of it, what it takes, what it plans.
pub struct Prompt {
    /// What it is called by.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// What it takes; all of it can be left out.
    pub arguments: &'static [Argument],
    /// The plan for what was given.
    pub plan: fn(&Given) -> Plan,
}

/// An argument of a prompt.
pub struct Argument {
    /// What it is called.
    pub name: &'static str,
    /// What it means, and what is done without it.
    pub about: &'static str,
}

/// The argument that most prompts take.
pub const PROJECT: Argument =
    Argument { name: "project", about: "Default: the project with the newest row." };
/// The run of prompts about one run.
pub const RUN: Argument = Argument { name: "run", about: "Name or id; default: the newest run." };
/// The metric of prompts about the best of several runs.
pub const METRIC: Argument = Argument {
    name: "metric",
    about: "What decides; default: eval loss or what is nearest to it.",
};

/// Every prompt, in the order in which clients list them.
pub const PROMPTS: &[&Prompt] = &[
    &check_training::PROMPT,
    &compare_runs::PROMPT,
    &find_best_run::PROMPT,
    &debug_run::PROMPT,
    &plan_next_run::PROMPT,
    &weekly_report::PROMPT,
    &audit_logging::PROMPT,
];

/// What a person filled in.
pub struct Given {
    arguments: BTreeMap<String, String>,
    /// The current time.
    pub now: Timestamp,
}

impl Given {
    /// The argument of that name, where it was filled in.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.arguments.get(name).map(String::as_str)
    }

    /// Names that are separated by commas.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let names = self.get(name).unwrap_or_default().split(',');
        names.map(str::trim).filter(|name| !name.is_empty()).collect()
    }
}

/// The prompts whose every step uses one of these tools.
pub fn offered(tools: &[&dyn AnyTool]) -> Vec<&'static Prompt> {
    let nothing = Given { arguments: BTreeMap::new(), now: Timestamp::UNIX_EPOCH };
    let is_there = |name: &str| tools.iter().any(|tool| tool.name() == name);
    let works =
        |prompt: &&&Prompt| (prompt.plan)(&nothing).steps.iter().all(|step| is_there(step.tool));
    PROMPTS.iter().filter(works).copied().collect()
}

impl Prompt {
    /// What clients list.
    pub fn definition(&self) -> model::Prompt {
        let argument = |argument: &Argument| {
            PromptArgument::new(argument.name).with_description(argument.about).with_required(false)
        };
        let arguments = self.arguments.iter().map(argument).collect();
        model::Prompt::new(self.name, Some(self.about), Some(arguments)).with_title(self.title)
    }

    /// The plan as a message of the user.
    pub fn message(
        &self,
        arguments: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<GetPromptResult, Failure> {
        let given = Given { arguments: self.check(arguments)?, now };
        let text = (self.plan)(&given).to_string();
        let message = PromptMessage::new_text(Role::User, text);
        Ok(GetPromptResult::new(vec![message]).with_description(self.about))
    }

    /// The arguments that were filled in. A client sends empty fields as empty texts; a model as tools
    /// get them.
    fn check(&self, arguments: &Map<String, Value>) -> Result<BTreeMap<String, String>, Failure> {
        let mut given = BTreeMap::new();
        for (name, value) in arguments {
            if !self.arguments.iter().any(|argument| argument.name == name) {
                return Err(self.unknown(name));
            }
            let text = match value {
                value if absent::is_blank(value) => continue,
                Value::String(text) => text.trim().to_owned(),
                other => other.to_string(),
            };
            if text.chars().count() > MOST_LETTERS {
                return Err(Failure(format!(
                    "The argument `{name}` of the prompt {} has more than {MOST_LETTERS} letters.",
                    self.name
                )));
            }
            given.insert(name.clone(), text);
        }
        Ok(given)
    }

    fn unknown(&self, argument: &str) -> Failure {
        let names: Vec<&str> = self.arguments.iter().map(|argument| argument.name).collect();
        Failure(format!(
            "The prompt {} has no argument `{}`. It takes {}.",
            self.name,
            resolve::shown(argument),
            quoted(&names)
        ))
    }
}

/// The prompt of that name among those that are offered.
pub fn find<'a>(prompts: &[&'a Prompt], name: &str) -> Result<&'a Prompt, Failure> {
    prompts.iter().copied().find(|prompt| prompt.name == name).ok_or_else(|| {
        let names = prompts.iter().map(|prompt| prompt.name);
        Failure(format!(
            "There is no prompt `{}`. Nearest: {}.",
            resolve::shown(name),
            quoted(&nearest(name, names))
        ))
    })
}
