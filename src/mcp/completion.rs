//! Completion: names for the arguments of prompts and resource templates.

use std::time::{Duration, Instant};

use rmcp::model::{CompleteRequestParams, CompletionInfo, Reference};

use super::prompts::Prompt;
use crate::tools::common::address::{TEMPLATES, safe};
use crate::tools::common::likeness::likeness;
use crate::tools::common::shape::importance;
use crate::tools::common::{Context, Failure, absent, newest, resolve};
use crate::tools::document;
use crate::trackio::columns::{self, Wanted};
use crate::trackio::metric::Kind;
use crate::trackio::run;
use crate::visible::visible;

/// Somebody is typing: what cannot be read in so much is left out.
const TIME: Duration = Duration::from_secs(1);

/// What is typed, and what is filled in already.
pub struct Question {
    /// The argument.
    name: String,
    /// What was typed of it.
    typed: String,
    project: Option<String>,
    run: Option<String>,
    /// Whether the value becomes part of an address.
    is_in_address: bool,
}

impl Question {
    /// Reads a request; a failure names the prompts, templates or arguments that there are.
    pub fn of(request: CompleteRequestParams, prompts: &[&Prompt]) -> Result<Self, Failure> {
        let is_in_address = matches!(request.r#ref, Reference::Resource(_));
        let known: Vec<&str> = match &request.r#ref {
            Reference::Prompt(prompt) => {
                let prompt = super::prompts::find(prompts, &prompt.name)?;
                prompt.arguments.iter().map(|argument| argument.name).collect()
            }
            Reference::Resource(template) => variables(&template.uri)?,
            _ => Vec::new(),
        };
        let name = request.argument.name;
        if !known.contains(&name.as_str()) {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(Failure(format!(
                "There is no argument `{}` to complete. There is: {known}.",
                resolve::shown(&name)
            )));
        }
        let given = |name: &str| {
            let value = request.context.as_ref()?.get_argument(name)?.trim();
            (!absent::is_blank_text(value)).then(|| value.to_owned())
        };
        let (project, run) = (given("project"), given("run"));
        Ok(Self { name, typed: request.argument.value, project, run, is_in_address })
    }

    /// The names that fit, the best first.
    pub fn answer(&self, context: &Context) -> CompletionInfo {
        // Of a list, the last name is being typed.
        let (before, typed) = match self.typed.rsplit_once(',') {
            Some((before, typed)) if self.name == "runs" => (format!("{before},"), typed.trim()),
            _ => (String::new(), self.typed.as_str()),
        };
        // A project or run that is not there has no names: that is no reason to disturb.
        let names = self.names(context).unwrap_or_default();
        let fitting = ranked(typed, names);
        let total = fitting.len();
        let written = |name: String| match self.is_in_address {
            true => safe(&visible(&name)),
            false => format!("{before}{}", visible(&name)),
        };
        let values = fitting.into_iter().take(CompletionInfo::MAX_VALUES).map(written).collect();
        let has_more = total > CompletionInfo::MAX_VALUES;
        let total = u32::try_from(total).ok();
        CompletionInfo::with_pagination(values, total, has_more).unwrap_or_default()
    }

    fn names(&self, context: &Context) -> Result<Vec<String>, Failure> {
        Ok(match self.name.as_str() {
            "project" => context.store.all_project_names(&context.stop)?,
            "run" | "runs" => self.runs(context)?,
            "metric" => self.metrics(context, Kind::Metrics)?,
            "system_metric" => self.metrics(context, Kind::System)?,
            "topic" => document::topics().map(str::to_owned).collect(),
            _ => Vec::new(),
        })
    }

    /// The runs of the project; without one, of all projects, as many as there is time for.
    fn runs(&self, context: &Context) -> Result<Vec<String>, Failure> {
        let projects = match &self.project {
            Some(project) => vec![resolve::project(context, project)?],
            None => newest::projects(context)?.0,
        };
        let started = Instant::now();
        let mut names = Vec::new();
        for project in projects {
            if started.elapsed() > TIME || context.stop.is_set() {
                break;
            }
            // A project that cannot be read spoils nothing.
            let Ok(runs) = context.read(&project, run::newest_first) else { continue };
            names.extend(runs.iter().map(|run| resolve::handle(run, &runs).to_owned()));
        }
        Ok(names)
    }

    /// The metrics of the run or of the newest one, main metrics first.
    fn metrics(&self, context: &Context, kind: Kind) -> Result<Vec<String>, Failure> {
        let target = resolve::target(context, self.project.as_deref(), self.run.as_deref())?;
        let whole =
            Context { stop: context.stop.with_deadline(Instant::now() + TIME), ..context.clone() };
        let of_all_rows = whole.read(&target.project, |snapshot| {
            let run = resolve::run(snapshot, &target.run)?.run;
            let columns = columns::of_run(snapshot, kind, &run, &Wanted::statistics())?;
            Ok(columns.metrics.keys().cloned().collect())
        });
        // Of a very long run those of its first and last rows.
        let mut names: Vec<String> = match (of_all_rows, kind) {
            (Err(_), Kind::Metrics) => context.read(&target.project, |snapshot| {
                let run = resolve::run(snapshot, &target.run)?.run;
                let rows = run::first_and_last_metrics(snapshot, &run)?;
                Ok(rows.into_iter().flat_map(|row| row.into_iter().map(|(name, _)| name)).collect())
            })?,
            (names, _) => names?,
        };
        names.sort_by(|a, b| importance(a).cmp(&importance(b)));
        Ok(names)
    }
}

/// The names in braces of a template, which must be one of ours.
fn variables(uri: &str) -> Result<Vec<&'static str>, Failure> {
    let Some(template) = TEMPLATES.iter().find(|template| template.uri == uri) else {
        let known: Vec<&str> = TEMPLATES.iter().map(|template| template.uri).collect();
        return Err(Failure(format!(
            "There is no resource template `{}`. There are: {}.",
            resolve::shown(uri),
            known.join(", ")
        )));
    };
    let parts = template.uri.split('{').skip(1);
    Ok(parts.filter_map(|part| part.split_once('}').map(|(name, _)| name)).collect())
}

/// The names that fit what was typed: first those that begin with it, then those that hold it,
/// then those that are like it, as find_runs takes likeness. Each once, in their order otherwise.
fn ranked(typed: &str, names: Vec<String>) -> Vec<String> {
    let typed = typed.trim().to_lowercase();
    let mut seen = std::collections::BTreeSet::new();
    let mut fitting: Vec<(u8, f64, String)> = Vec::new();
    for name in names {
        if !seen.insert(name.clone()) {
            continue;
        }
        let lower = name.to_lowercase();
        if lower.starts_with(&typed) {
            fitting.push((0, 0.0, name));
        } else if lower.contains(&typed) {
            fitting.push((1, 0.0, name));
        } else {
            let like = likeness(&typed, &lower);
            if like > 0.0 {
                fitting.push((2, -like, name));
            }
        }
    }
    fitting.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    fitting.into_iter().map(|(_, _, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_counts_most_then_a_part_then_likeness() {
        let names = ["my-baseline", "other", "baseline-2", "basline", "Baseline"];
        let names = || names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(ranked("base", names()), ["baseline-2", "Baseline", "my-baseline"]);
        assert_eq!(
            ranked("baseline", names()),
            ["baseline-2", "Baseline", "my-baseline", "basline"]
        );
        assert_eq!(ranked("", names()).len(), 5);
        assert!(ranked("xyzzy", names()).is_empty());
    }

    #[test]
    fn the_variables_of_every_template_can_be_completed() {
        for template in &TEMPLATES {
            for name in variables(template.uri).unwrap() {
                assert!(["project", "run", "metric", "system_metric", "topic"].contains(&name));
            }
        }
        assert!(variables("trackio://{nothing}").is_err());
    }
}
