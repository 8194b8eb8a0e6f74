//! Preference training (DPO and its kin): margins and accuracies, not the loss.

use crate::analysis::{
    finding::{Confidence, Finding, Kind, Report},
    methods::{mann_kendall::tau, median::median_or_zero},
    number::show,
    role::Role,
    run::{Run, Track},
};

/// The accuracy of a coin; 0.6 is the least that says something was learned.
const CHANCE: f64 = 0.5;

/// Judges margins and accuracies over the first and last fifth.
pub fn check(run: &Run<'_>, report: &mut Report) {
    let margin = run.track(Role::PreferenceMargin);
    let accuracy = run.track(Role::PreferenceAccuracy);
    let chosen = run.track(Role::ChosenReward);
    let Some(longest) = margin.as_ref().or(accuracy.as_ref()).map(Track::len) else { return };
    if longest < 5 {
        report.skip("dpo", format!("{longest} points of margins or accuracies; 5 needed"));
        return;
    }
    let rising = margin.as_ref().is_none_or(|margin| margin_rises(margin, report));
    if let Some(accuracy) = &accuracy {
        accuracy_above_chance(accuracy, run, rising, report);
    }
    if let (Some(margin), Some(chosen)) = (&margin, &chosen)
        && rising
    {
        displacement(margin, chosen, report);
    }
}

fn first_and_last(track: &Track) -> (f64, f64) {
    let curve = &track.raw();
    (median_or_zero(curve.head(0.2, 1)), median_or_zero(curve.tail(0.2, 1)))
}

fn rise(track: &Track) -> f64 {
    tau(&track.raw().blocks(400).values)
}

fn margin_rises(margin: &Track, report: &mut Report) -> bool {
    let (first, last) = first_and_last(margin);
    let tau = rise(margin);
    let rises = tau > 0.2 && last > 0.0 && last > first;
    if !rises {
        report.add(
            Finding::new(
                Kind::DpoMarginFlat,
                &margin.name,
                format!(
                    "{} went from {} to {} (medians of the first and last fifth) without a rising \
                     trend: preferences are not learned",
                    margin.shown(),
                    show(first),
                    show(last)
                ),
            )
            .confidence(if margin.len() < 10 { Confidence::Medium } else { Confidence::High })
            .with("first", first)
            .with("last", last)
            .with("tau", tau),
        );
    }
    rises
}

fn accuracy_above_chance(accuracy: &Track, run: &Run<'_>, rising: bool, report: &mut Report) {
    let (first, last) = first_and_last(accuracy);
    if last < CHANCE + 0.1 / run.strictness {
        report.add(
            Finding::new(
                Kind::DpoAccuracyAtChance,
                &accuracy.name,
                format!(
                    "{} is {} over the last fifth (median); guessing gives 0.5",
                    accuracy.shown(),
                    show(last)
                ),
            )
            .confidence(Confidence::Medium)
            .with("first", first)
            .with("last", last),
        );
    } else if last >= 0.98 && rising {
        report.add(
            Finding::new(
                Kind::DpoOverOptimised,
                &accuracy.name,
                format!(
                    "{} is {} over the last fifth (median) while margins still grow: pairs are told apart, more steps move the \
                     model away from its reference",
                    accuracy.shown(),
                    show(last)
                ),
            )
            .confidence(Confidence::Medium)
            .with("last", last),
        );
    }
}

/// A margin that grows because the rejected answers fall faster, not because the chosen rise.
fn displacement(margin: &Track, chosen: &Track, report: &mut Report) {
    let (first, last) = first_and_last(chosen);
    let tau = rise(chosen);
    if tau < -0.3 && last < first && last < 0.0 {
        report.add(
            Finding::new(
                Kind::LikelihoodDisplacement,
                &chosen.name,
                format!(
                    "{} falls from {} to {} (medians of fifths) while {} grows: the chosen answers become less likely \
                     too",
                    chosen.shown(),
                    show(first),
                    show(last),
                    margin.shown()
                ),
            )
            .confidence(Confidence::Medium)
            .with("first", first)
            .with("last", last)
            .with("tau", tau),
        );
    }
}
