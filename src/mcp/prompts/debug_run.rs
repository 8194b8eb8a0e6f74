//! What went wrong with a run?

use super::plan::{Plan, earlier, given, or_earlier, run_of};
use super::{PROJECT, Prompt, RUN};

pub const PROMPT: Prompt = Prompt {
    name: "debug_run",
    title: "Debug a run",
    about: "What went wrong with a run, when it began, the likely cause and what to change.",
    arguments: &[PROJECT, RUN],
    plan: |form| {
        let project = || or_earlier(form, "project", "the project of step 1");
        let run = || earlier("the run_id of step 1");
        let question = format!("What went wrong, and why? It is about {}.", run_of(form));
        let answer = "what went wrong and at which step it began, with the values that show it; \
            the likely causes, most likely first, each with what speaks for and against it; and \
            the smallest change to try next. Say so if nothing went wrong.";
        Plan::new(question, answer)
            .step(
                "diagnose_run",
                [("project", given(form, "project")), ("run", given(form, "run"))],
                "the verdict with evidence and the steps where it shows. If it ranks a whole \
                 project, ask again for its first run.",
            )
            .step(
                "get_snapshot",
                [
                    ("project", project()),
                    ("run", run()),
                    ("around_step", earlier("the step of the worst finding")),
                ],
                "what all metrics did there.",
            )
            .step(
                "get_alerts",
                [("project", project()), ("run", run())],
                "what the training code itself said.",
            )
            .step(
                "get_system_metrics_for_run",
                [("project", project()), ("run", run())],
                "whether the machine ran out of memory or stood still.",
            )
            .step(
                "compare_runs",
                [("project", project())],
                "what its config does differently from the runs that went well.",
            )
    },
};
