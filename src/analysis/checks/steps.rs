//! Steps that go back, or repeat.

use crate::analysis::{
    finding::{Finding, Kind, Report},
    number::show,
    run::Run,
};

/// Resumed runs overlap; several processes that log the same run repeat every step.
pub fn check(run: &Run<'_>, report: &mut Report) {
    let tracks = || [run.main(), run.reward.as_ref()].into_iter().flatten();
    let Some(track) = tracks().max_by_key(|t| t.resets.len()) else { return };
    if let (Some(first), Some(last)) = (track.resets.first(), track.resets.last()) {
        let times = track.resets.len();
        report.add(
            Finding::new(
                Kind::Resumed,
                &track.name,
                format!(
                    "steps went back {}: from {} to {}; where they overlap the later rows count",
                    if times == 1 { "once".to_owned() } else { format!("{times} times") },
                    show(first.reached),
                    show(first.resumed_at),
                ),
            )
            .at(first.resumed_at)
            .until(first.reached)
            .with("times", times)
            .with("last_resumed_at", last.resumed_at),
        );
    }
    let Some(track) = tracks().max_by_key(|t| t.duplicates) else { return };
    let duplicates = track.duplicates;
    if duplicates > 0 {
        report.add(
            Finding::new(
                Kind::DuplicateSteps,
                &track.name,
                format!(
                    "{} was logged again at {duplicates} of {} steps; the last value counts",
                    track.shown(),
                    track.points()
                ),
            )
            .with("duplicates", duplicates)
            .with("steps", track.points()),
        );
    }
}
