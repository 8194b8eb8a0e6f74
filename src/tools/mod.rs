//! The registry: every tool once, and all that is said about it in one place.
//!
//! A tool is one type in one file. The entry of `tools/list`, the guide, the README's table,
//! `docs/tools.md` and `mcp-trackio tools` are made from it. A new tool is a new file and one line
//! in [`TOOLS`].

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use rmcp::schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub mod access;
mod analyze_sweep;
mod bulk_alert;
mod bulk_log;
mod bulk_log_system;
mod bulk_upload_media;
pub mod category;
pub mod common;
mod compare_runs;
pub mod deadline;
mod delete_run;
mod diagnose_run;
pub mod document;
mod find_artifacts;
mod find_runs;
mod get_alerts;
mod get_all_projects;
mod get_artifact;
mod get_guide;
mod get_logs;
mod get_media;
mod get_metric_values;
mod get_metrics_for_run;
mod get_project_summary;
mod get_run_summary;
mod get_runs_for_project;
mod get_settings;
mod get_snapshot;
mod get_system_logs;
mod get_system_metrics_for_run;
mod get_traces;
mod get_updates;
pub(crate) mod plot_metrics;
mod query_project;
mod rename_run;
mod trigger_sync;
mod upload_db_to_space;

pub use access::{Access, Permission};
pub use category::Category;
use common::arguments::Reading;
use common::budget::Fitted;
use common::schema::Side;
use common::{Answer, Context, Failure, Output, PageRequest, Progress, arguments, budget, schema};

/// One tool: what is said of it, what it takes, what it gives.
pub trait Tool: 'static {
    /// The name, Trackio's own where Trackio has such a function.
    const NAME: &'static str;
    /// The name for people.
    const TITLE: &'static str;
    /// Where it belongs.
    const CATEGORY: Category;
    /// What it is for and what to use instead; the description that every client sends to the
    /// model with every request.
    const ABOUT: &'static str;
    /// What more there is to know, for the guide and the documentation.
    const GUIDE: &'static str = "";
    /// What it does beside answering.
    const ACCESS: Access = Access::Read;
    /// Whether its answer is a list that pages with `limit` and `cursor`.
    const PAGED: bool = false;
    /// Whether it answers pictures. Such a tool has no output schema, and clients get its text and
    /// its picture only: where there is a structured part, some of them show a model nothing else.
    const PICTURES: bool = false;
    /// Its arguments.
    type Args: DeserializeOwned + JsonSchema;
    /// Its answer.
    type Output: Output;

    /// How long a call with these arguments, which nobody has checked yet, may take. `read` is
    /// what a read may take.
    fn deadline(given: &Map<String, Value>, read: Duration) -> Duration {
        let _ = given;
        Self::ACCESS.deadline(read)
    }

    /// Answers.
    fn run(context: &Context, args: Self::Args) -> Result<Answer<Self::Output>, Failure>;
}

/// A tool of any type, as the registry keeps it.
pub trait AnyTool: Sync {
    /// [`Tool::NAME`].
    fn name(&self) -> &'static str;
    /// [`Tool::TITLE`].
    fn title(&self) -> &'static str;
    /// [`Tool::CATEGORY`].
    fn category(&self) -> Category;
    /// [`Tool::ABOUT`].
    fn about(&self) -> &'static str;
    /// [`Tool::ACCESS`].
    fn access(&self) -> Access;
    /// [`Tool::GUIDE`].
    fn guide(&self) -> &'static str;
    /// [`Tool::deadline`].
    fn deadline(&self, given: &Map<String, Value>, read: Duration) -> Duration;
    /// The schema of the arguments.
    fn input_schema(&self) -> Arc<Map<String, Value>>;
    /// The schema of the structured answer; `None` for a tool that answers pictures, whose
    /// structured part no client gets.
    fn output_schema(&self) -> Option<Arc<Map<String, Value>>>;
    /// The names of the fields of its answer, for the documentation.
    fn fields(&self) -> Vec<String>;
    /// Checks the arguments, answers, and makes the answer fit.
    fn call(
        &self,
        surroundings: &Surroundings,
        arguments: Map<String, Value>,
    ) -> Result<Fitted, Failure>;
}

/// What a call is given by its caller; a tool sees it as its [`Context`].
pub struct Surroundings {
    /// Trackio's data.
    pub store: Arc<crate::trackio::Store>,
    /// The current time.
    pub now: jiff::Timestamp,
    /// When to give up.
    pub stop: crate::trackio::Stop,
    /// Who wants to know how far a call has come.
    pub progress: Progress,
    /// Whether tools may write, and with what.
    pub permission: Permission,
}

impl Surroundings {
    /// What a call sees of them that names no page and no budget.
    pub fn context(&self) -> Context {
        Context {
            store: Arc::new(self.store.for_call()),
            now: self.now,
            stop: self.stop.clone(),
            progress: self.progress.clone(),
            permission: self.permission.clone(),
            page: PageRequest::default(),
            tokens: budget::DEFAULT_TOKENS,
        }
    }
}

struct Entry<T>(PhantomData<fn() -> T>);

impl<T: Tool> AnyTool for Entry<T> {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn title(&self) -> &'static str {
        T::TITLE
    }

    fn category(&self) -> Category {
        T::CATEGORY
    }

    fn about(&self) -> &'static str {
        T::ABOUT
    }

    fn access(&self) -> Access {
        T::ACCESS
    }

    fn guide(&self) -> &'static str {
        T::GUIDE
    }

    fn deadline(&self, given: &Map<String, Value>, read: Duration) -> Duration {
        T::deadline(given, read)
    }

    fn input_schema(&self) -> Arc<Map<String, Value>> {
        schema::once(T::NAME, Side::Input, || schema::of_arguments::<T::Args>(T::PAGED))
    }

    fn output_schema(&self) -> Option<Arc<Map<String, Value>>> {
        (!T::PICTURES).then(described::<T>)
    }

    fn fields(&self) -> Vec<String> {
        let schema = described::<T>();
        // A list that can be one of several is told by its choices.
        let choices = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
        let parts = schema.get("properties").into_iter();
        let parts = parts.chain(choices.filter_map(|choice| choice.get("properties")));
        let mut fields: Vec<String> = Vec::new();
        for name in parts.filter_map(Value::as_object).flat_map(Map::keys) {
            if !fields.contains(name) {
                fields.push(name.clone());
            }
        }
        fields
    }

    fn call(
        &self,
        surroundings: &Surroundings,
        given: Map<String, Value>,
    ) -> Result<Fitted, Failure> {
        self.answer(surroundings, given).map_err(Failure::shown)
    }
}

impl<T: Tool> Entry<T> {
    /// Answers the call as it was given; where that finds nothing, as it can be read otherwise.
    fn answer(
        &self,
        surroundings: &Surroundings,
        given: Map<String, Value>,
    ) -> Result<Fitted, Failure> {
        if !surroundings.permission.covers(T::ACCESS) {
            return Err(access::refusal(T::NAME));
        }
        let schema = self.input_schema();
        let missing = arguments::meant_missing(T::NAME, &schema, &given);
        // What a tool writes can be long, and is read in one way only.
        let again = (T::ACCESS == Access::Read).then(|| given.clone());
        let mut answer = self.answer_to(surroundings, given, None);
        let is_found = |answer: &Result<_, _>| answer.as_ref().is_ok_and(Fitted::found_something);
        if let Some(given) = again.filter(|_| !is_found(&answer)) {
            for Reading { arguments, note } in arguments::readings(&schema, &given) {
                if is_found(&answer) || surroundings.stop.is_cancelled() {
                    break;
                }
                answer = self.answer_to(surroundings, arguments, note).or(answer);
            }
        }
        answer.map_err(|failure| match missing {
            Some(missing) => Failure(format!("{failure} {missing}")),
            None => failure,
        })
    }

    fn answer_to(
        &self,
        surroundings: &Surroundings,
        given: Map<String, Value>,
        note: Option<String>,
    ) -> Result<Fitted, Failure> {
        let checked = arguments::check(T::NAME, &self.input_schema(), given)?;
        let context =
            Context { page: checked.page, tokens: checked.tokens, ..surroundings.context() };
        let args = arguments::read(T::NAME, checked.own)?;
        let answer = T::run(&context, args)?;
        let notes = note.into_iter().chain(context.store.oversized().notes());
        budget::fit(answer.with_notes(notes), checked.tokens)
    }
}

fn described<T: Tool>() -> Arc<Map<String, Value>> {
    schema::once(T::NAME, Side::Output, schema::of_output::<T::Output>)
}

const fn entry<T: Tool>() -> &'static dyn AnyTool {
    &Entry::<T>(PhantomData)
}

/// Every tool, in the order in which the documentation tells of them.
pub const TOOLS: &[&dyn AnyTool] = &[
    entry::<get_all_projects::GetAllProjects>(),
    entry::<get_project_summary::GetProjectSummary>(),
    entry::<get_runs_for_project::GetRunsForProject>(),
    entry::<find_runs::FindRuns>(),
    entry::<get_run_summary::GetRunSummary>(),
    entry::<get_metrics_for_run::GetMetricsForRun>(),
    entry::<get_metric_values::GetMetricValues>(),
    entry::<get_snapshot::GetSnapshot>(),
    entry::<get_logs::GetLogs>(),
    entry::<get_system_metrics_for_run::GetSystemMetricsForRun>(),
    entry::<get_system_logs::GetSystemLogs>(),
    entry::<get_alerts::GetAlerts>(),
    entry::<diagnose_run::DiagnoseRun>(),
    entry::<compare_runs::CompareRuns>(),
    entry::<analyze_sweep::AnalyzeSweep>(),
    entry::<plot_metrics::PlotMetrics>(),
    entry::<get_updates::GetUpdates>(),
    entry::<find_artifacts::FindArtifacts>(),
    entry::<get_artifact::GetArtifact>(),
    entry::<get_media::GetMedia>(),
    entry::<get_traces::GetTraces>(),
    entry::<query_project::QueryProject>(),
    entry::<bulk_log::BulkLog>(),
    entry::<bulk_log_system::BulkLogSystem>(),
    entry::<bulk_alert::BulkAlert>(),
    entry::<bulk_upload_media::BulkUploadMedia>(),
    entry::<rename_run::RenameRun>(),
    entry::<delete_run::DeleteRun>(),
    entry::<trigger_sync::TriggerSync>(),
    entry::<upload_db_to_space::UploadDbToSpace>(),
    entry::<get_guide::GetGuide>(),
    entry::<get_settings::GetSettings>(),
];

/// The tool of that name.
pub fn find(name: &str) -> Option<&'static dyn AnyTool> {
    TOOLS.iter().copied().find(|tool| tool.name() == name)
}
