//! What to try next?

use super::plan::{Plan, earlier, given, one, or_earlier, project_of};
use super::{METRIC, PROJECT, Prompt};

pub const PROMPT: Prompt = Prompt {
    name: "plan_next_run",
    title: "Plan the next run",
    about: "Which config to try next, from what the runs so far show.",
    arguments: &[PROJECT, METRIC],
    plan: |form| {
        let project = || or_earlier(form, "project", "the project of step 1");
        let metric = || one(given(form, "metric"));
        let question = format!("What should the next run of {} try?", project_of(form));
        let answer = "one to three configs, each as a dictionary to start with, with the reason \
            from the data and what result would refute it. Say which settings the runs so far tell \
            nothing about.";
        Plan::new(question, answer)
            .step(
                "get_project_summary",
                [("project", given(form, "project"))],
                "the runs, their configs and states.",
            )
            .step(
                "analyze_sweep",
                [("project", project()), ("metric", metric())],
                "which settings mattered, which failed, which values lie at an edge or are \
                 untried.",
            )
            .step(
                "compare_runs",
                [("project", project()), ("metrics", metric())],
                "where the best run stands, and whether its lead is real.",
            )
            .step(
                "diagnose_run",
                [("project", project()), ("run", earlier("the best run of step 3"))],
                "what limits it: overfitting, too few steps, the learning rate.",
            )
            .step(
                "analyze_sweep",
                [
                    ("project", project()),
                    ("metric", metric()),
                    ("config", earlier("the config that you propose, as an object")),
                ],
                "whether it was run already.",
            )
    },
};
