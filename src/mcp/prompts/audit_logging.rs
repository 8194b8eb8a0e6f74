//! Does the training log what is needed to judge it?

use super::plan::{Plan, earlier, fixed, given, or_earlier, run_of};
use super::{PROJECT, Prompt, RUN};

pub const PROMPT: Prompt = Prompt {
    name: "audit_logging",
    title: "Audit the logging",
    about: "What a training logs, what is missing to judge or repeat it, and the lines to add.",
    arguments: &[PROJECT, RUN],
    plan: |form| {
        let project = || or_earlier(form, "project", "the project of step 1");
        let run = || earlier("the run_id of step 1");
        let question = format!(
            "Does the training log what is needed to judge it and to repeat it? It is about {}.",
            run_of(form)
        );
        let answer = "what is missing or misleading, most important first, each with the line of \
            Python that adds it (trackio.init(config=...), trackio.log, trackio.alert). Look for: a \
            validation metric, learning rate, gradient norm, seed and batch size in the config, one \
            name for one thing in all runs, steps that count the same, system metrics, saved \
            checkpoints. Name what is good in one sentence.";
        Plan::new(question, answer)
            .step(
                "get_run_summary",
                [("project", given(form, "project")), ("run", given(form, "run"))],
                "which run it is, its config and metrics.",
            )
            .step(
                "get_metrics_for_run",
                [("project", project()), ("run", run())],
                "every metric with its kind, role, number of values and steps.",
            )
            .step(
                "get_system_metrics_for_run",
                [("project", project()), ("run", run())],
                "what is measured of the machine.",
            )
            .step(
                "diagnose_run",
                [("project", project()), ("run", run())],
                "not_checked tells what the logging leaves unanswered.",
            )
            .step(
                "get_runs_for_project",
                [("project", project()), ("detail", fixed("full"))],
                "whether runs name things alike and have configs.",
            )
            .step(
                "find_artifacts",
                [("project", project())],
                "whether models and datasets are recorded.",
            )
    },
};
