//! Which of these runs is better, and why?

use serde_json::Value;

use super::plan::{Plan, earlier, given, one, or_earlier, project_of};
use super::{Argument, METRIC, PROJECT, Prompt};
use crate::quote::quoted;

pub const PROMPT: Prompt = Prompt {
    name: "compare_runs",
    title: "Compare runs",
    about: "Which run is better, by how much, and what made the difference.",
    arguments: &[
        PROJECT,
        Argument { name: "runs", about: "Names or ids with commas; default: the newest ten." },
        METRIC,
    ],
    plan: |form| {
        let names = form.list("runs");
        let of = match names.is_empty() {
            true => "the newest runs".to_owned(),
            false => format!(
                "the runs {}",
                names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
            ),
        };
        let runs = (!names.is_empty()).then(|| Value::from(names));
        let question = format!("Which is better, {of} of {}, and why?", project_of(form));
        let answer = "the better run and by how much, or that the difference is noise. Then a \
            table of the main metrics, what differs in the configs, and what makes the comparison \
            unfair.";
        Plan::new(question, answer)
            .step(
                "get_project_summary",
                [("project", given(form, "project"))],
                "which runs and metrics there are.",
            )
            .step(
                "compare_runs",
                [
                    ("project", or_earlier(form, "project", "the project of step 1")),
                    ("runs", runs),
                    ("metrics", one(given(form, "metric"))),
                ],
                "winners, noise, config differences, comparability.",
            )
            .step(
                "diagnose_run",
                [
                    ("project", or_earlier(form, "project", "the project of step 1")),
                    ("run", earlier("the best run of step 2")),
                ],
                "whether the best run is sound.",
            )
    },
};
