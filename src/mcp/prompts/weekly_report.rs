//! What happened in a week?

use jiff::{SignedDuration, Timestamp};

use super::plan::{Plan, fixed, given, or_earlier};
use super::{Argument, Prompt};
use crate::quote::quoted;

const DAYS: i64 = 7;
const MOST_DAYS: i64 = 366;

pub const PROMPT: Prompt = Prompt {
    name: "weekly_report",
    title: "Weekly report",
    about: "What was trained in the last days, what came of it, what is open.",
    arguments: &[
        Argument { name: "project", about: "Default: every project that was active." },
        Argument { name: "days", about: "How many days back; default: 7." },
    ],
    plan: |form| {
        let days = form.get("days").and_then(|days| days.parse().ok()).unwrap_or(DAYS);
        let days = days.clamp(1, MOST_DAYS);
        let since = day_before(form.now, days);
        let project = || or_earlier(form, "project", "each project of step 1");
        let of = match form.get("project") {
            Some(project) => format!("project {}", quoted(project)),
            None => "every project that was active since then".to_owned(),
        };
        let question =
            format!("Write a report on the last {days} days, since {since}. It is about {of}.");
        let answer = "a short report: what was run and how it ended, as a table by project; the \
            best result and whether it is better than before; what failed and why; models and \
            datasets that came of it; what to decide next.";
        Plan::new(question, answer)
            .step(
                "get_all_projects",
                [("pattern", given(form, "project"))],
                "which projects were active since then, by last_activity.",
            )
            .step(
                "get_runs_for_project",
                [
                    ("project", project()),
                    ("after", fixed(since.clone())),
                    ("detail", fixed("full")),
                ],
                "the runs that began since then, with their results.",
            )
            .step(
                "diagnose_run",
                [("project", project())],
                "the project's runs, sickest first: what failed and what still runs.",
            )
            .step(
                "compare_runs",
                [("project", project())],
                "the best run, and whether its lead is real.",
            )
            .step(
                "get_alerts",
                [("project", project()), ("since", fixed(since))],
                "what the training code called out.",
            )
            .step("find_artifacts", [("project", project())], "new models and datasets.")
    },
};

fn day_before(now: Timestamp, days: i64) -> String {
    let earlier = now.checked_sub(SignedDuration::from_hours(24 * days)).unwrap_or(now);
    earlier.to_zoned(jiff::tz::TimeZone::system()).date().to_string()
}
