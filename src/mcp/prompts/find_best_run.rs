//! Which run is the best, and where is its checkpoint?

use super::plan::{Plan, earlier, fixed, given, one, or_earlier, project_of};
use super::{METRIC, PROJECT, Prompt};

pub const PROMPT: Prompt = Prompt {
    name: "find_best_run",
    title: "Find the best run",
    about: "The best run of a project, how sure that is, its config and its checkpoint.",
    arguments: &[PROJECT, METRIC],
    plan: |form| {
        let project = || or_earlier(form, "project", "the project of step 1");
        let order = match form.get("metric") {
            Some(metric) => format!("best({metric:?})"),
            None => "best(<the main metric of step 1>)".to_owned(),
        };
        let question = format!("Which is the best run of {}?", project_of(form));
        let answer = "the best run, the metric that decides with its value and step, the lead over \
            the second and whether it is within noise, the config that makes the run again, and \
            the checkpoint. Say so if no run is clearly best.";
        Plan::new(question, answer)
            .step(
                "get_project_summary",
                [("project", given(form, "project"))],
                "how many runs there are, and what they log.",
            )
            .step(
                "get_runs_for_project",
                [("project", project()), ("order_by", fixed(order)), ("limit", fixed(10))],
                "the candidates; put - before best where higher is better.",
            )
            .step(
                "compare_runs",
                [
                    ("project", project()),
                    ("runs", one(earlier("the ids of the runs of step 2"))),
                    ("metrics", one(given(form, "metric"))),
                ],
                "whether the lead is more than noise and the comparison fair.",
            )
            .step(
                "get_run_summary",
                [("project", project()), ("run", earlier("the best run of step 3"))],
                "its config, and the checkpoint nearest to its best step.",
            )
    },
};
