//! Runs that stopped before their end.

use crate::analysis::{
    finding::{Confidence, Finding, Kind, Report},
    number::{percent, show},
    run::{Run, Status},
    schedule,
};

/// Rows are overdue and steps are missing.
pub fn check(run: &Run<'_>, report: &mut Report) {
    if run.facts.status != Status::Idle {
        return;
    }
    let Some(track) = run.main() else { return };
    let step = track.ordered.all.last().map_or(0.0, |(step, _)| *step);
    let Some(total) = schedule::total_steps(run) else {
        report.skip("stalled", "the total number of steps is not known");
        return;
    };
    if step >= total {
        return;
    }
    let silent = run.facts.now.zip(schedule::last_time(run)).map(|(now, last)| now - last);
    let since =
        silent.map_or(String::new(), |s| format!(" for {} minutes", show((s / 60.0).round())));
    report.add(
        Finding::new(
            Kind::Stalled,
            &track.name,
            format!(
                "no row{since} after step {} of {} ({})",
                show(step),
                show(total),
                percent(step / total)
            ),
        )
        .at(step)
        .confidence(Confidence::Medium)
        .with("step", step)
        .with("total", total)
        .with("silent_seconds", silent.unwrap_or(f64::NAN)),
    );
}
