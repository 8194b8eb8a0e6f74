//! `get_settings`: where data was looked for, and what was found.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::shape::counted;
use super::common::{Answer, Context, Failure, Output, budget, unread};
use super::{Category, Permission, Tool};
use crate::trackio::time;

pub struct GetSettings;

#[derive(Deserialize, JsonSchema)]
pub struct Args {}

#[derive(Serialize, JsonSchema)]
pub struct Settings {
    directory: String,
    /// What decided it.
    directory_from: &'static str,
    exists: bool,
    num_projects: usize,
    /// Projects with rows that no database holds yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inbox_waiting: Vec<String>,
    read_only: bool,
    /// Where every write is noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    journal: Option<String>,
    version: &'static str,
    reads_trackio: &'static str,
    default_tokens: usize,
    most_tokens: usize,
    now: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl Tool for GetSettings {
    const NAME: &'static str = "get_settings";
    const TITLE: &'static str = "Settings and data directory";
    const CATEGORY: Category = Category::Guide;
    const ABOUT: &'static str = "Where Trackio's data is looked for and what was found, limits and \
        versions. Use it when projects seem to be missing.";
    const GUIDE: &'static str = "The directory is --dir, else TRACKIO_DIR, else HF_HOME/trackio, \
        else ~/.cache/huggingface/trackio. Clients often do not pass the shell's variables on: set \
        them in the client's configuration.";
    type Args = Args;
    type Output = Settings;

    fn run(context: &Context, _: Args) -> Result<Answer<Settings>, Failure> {
        let directory = context.store.directory();
        let names = context.store.project_names();
        let skipped = unread::skipped_in_inbox(context);
        let settings = Settings {
            directory: directory.path.display().to_string(),
            directory_from: directory.origin.as_str(),
            exists: directory.path.is_dir(),
            num_projects: names.as_ref().map_or(0, Vec::len),
            inbox_waiting: context.store.projects_in_inbox(),
            read_only: matches!(context.permission, Permission::ReadOnly),
            journal: match &context.permission {
                Permission::Writes(grant) => Some(grant.journal.file().display().to_string()),
                Permission::ReadOnly => None,
            },
            version: env!("CARGO_PKG_VERSION"),
            reads_trackio: "0.0.10 to 0.43",
            default_tokens: budget::DEFAULT_TOKENS,
            most_tokens: budget::MOST_TOKENS,
            now: time::rfc3339(context.now),
            problem: names.err().map(|error| Failure::from(error).0),
        };
        Ok(Answer::new(settings).with_notes(skipped))
    }
}

impl Output for Settings {
    fn headline(&self) -> String {
        let found = match self.exists {
            true => counted(self.num_projects, "project"),
            false => "no such directory".to_owned(),
        };
        format!("{}: {found}.", self.directory)
    }

    fn shrink(&mut self, share: f64) -> bool {
        let keeps = (self.inbox_waiting.len() as f64 * share) as usize;
        let shrinks = self.inbox_waiting.len() > keeps;
        self.inbox_waiting.truncate(keeps);
        shrinks
    }
}
