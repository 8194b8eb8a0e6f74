//! Is the training going well?

use super::plan::{Plan, earlier, given, or_earlier, run_of};
use super::{PROJECT, Prompt, RUN};

pub const PROMPT: Prompt = Prompt {
    name: "check_training",
    title: "Check a training",
    about: "How is the training going: progress, verdict, what to watch or do.",
    arguments: &[PROJECT, RUN],
    plan: |form| {
        let (project, run) = (given(form, "project"), given(form, "run"));
        let question = format!("How is the training going? It is about {}.", run_of(form));
        let answer = "first whether to let it go on, stop it or look closer, in one sentence. Then \
            step and progress, time left, the last and best value of the main metrics, every \
            finding with its evidence, and when to look again.";
        Plan::new(question, answer)
            .step(
                "get_run_summary",
                [("project", project), ("run", run)],
                "status, progress, last and best values, verdict and alerts.",
            )
            .step(
                "diagnose_run",
                [
                    ("project", or_earlier(form, "project", "the project of step 1")),
                    ("run", earlier("the run_id of step 1")),
                ],
                "the evidence, causes and actions, if the verdict is not healthy.",
            )
            .step(
                "get_updates",
                [("project", or_earlier(form, "project", "the project of step 1"))],
                "a cursor, if the run is active and the user wants it watched: the next calls \
                 with it tell what is new.",
            )
    },
};
