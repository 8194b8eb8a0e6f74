//! Along what curves are drawn: from the step and the time of a row to its place.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choose::Subject;
use super::line::Drawn;
use crate::analysis::role::{Role, classify};
use crate::chart::Axis;
use crate::tools::common::Failure;
use crate::trackio::time;

/// What the horizontal axis counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum X {
    #[default]
    Step,
    Time,
    Epoch,
}

/// The same for one run.
pub enum Along {
    Steps,
    /// Seconds since this moment.
    Since(f64),
    /// Where the epoch grew: steps and epochs, both ascending, two at least.
    Epochs(Vec<(f64, f64)>),
}

impl Along {
    /// The place of a row.
    pub fn place(&self, step: f64, time: f64) -> f64 {
        match self {
            Self::Steps => step,
            Self::Since(start) => time - start,
            Self::Epochs(knots) => between(knots, step),
        }
    }
}

/// What runs are drawn along; none for a run that cannot be, which the notes name.
pub fn along(x: X, subjects: &[Subject]) -> Result<(Vec<Option<Along>>, Option<String>), Failure> {
    let of = |subject: &Subject| match x {
        X::Step => Some(Along::Steps),
        X::Time => {
            let start = subject.facts.run.created_at.as_deref().map(time::seconds);
            start.filter(|start| start.is_finite()).map(Along::Since)
        }
        X::Epoch => knots(subject).map(Along::Epochs),
    };
    let along: Vec<Option<Along>> = subjects.iter().map(of).collect();
    let pairs = subjects.iter().zip(&along);
    let without: Vec<&str> =
        pairs.filter(|(_, along)| along.is_none()).map(|(s, _)| s.label.as_str()).collect();
    let lacks = match x {
        X::Epoch => "no epoch that grows was logged by",
        _ => "no time can be read of",
    };
    let lacking = format!("{lacks} {}", without.join(", "));
    if without.len() == subjects.len() {
        return Err(Failure(format!("Cannot plot by {}: {lacking}. Plot by step.", x.word())));
    }
    let note = (!without.is_empty()).then(|| format!("Not drawn: {lacking}."));
    Ok((along, note))
}

impl X {
    /// As callers write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Time => "time",
            Self::Epoch => "epoch",
        }
    }
}

/// Steps at which the epoch grew. Whole epochs that are logged with every step grow at the first
/// step of each, so what lies between is a part of an epoch too.
fn knots(subject: &Subject) -> Option<Vec<(f64, f64)>> {
    let used = subject.diagnosis.metrics_used.get("epoch").cloned();
    let names = || subject.columns.metrics.keys();
    let epoch =
        used.or_else(|| names().find(|name| classify(name).role == Role::Epoch).cloned())?;
    let view = subject.columns.view(&epoch)?;
    let mut knots: Vec<(f64, f64)> = Vec::new();
    for (step, epoch) in view.steps.iter().zip(view.values) {
        let grows = knots.last().is_none_or(|last| *step > last.0 && *epoch > last.1);
        if grows && step.is_finite() && epoch.is_finite() {
            knots.push((*step, *epoch));
        }
    }
    (knots.len() > 1).then_some(knots)
}

/// On the line through the two knots around `step`, or the nearest two.
fn between(knots: &[(f64, f64)], step: f64) -> f64 {
    let after = knots.partition_point(|knot| knot.0 <= step).clamp(1, knots.len() - 1);
    match (knots.get(after - 1), knots.get(after)) {
        (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (step - a.0) / (b.0 - a.0),
        _ => f64::NAN,
    }
}

/// What is said of the axis. Seconds become what suits the longest line.
pub fn label(x: X, drawn: &mut [Drawn]) -> Axis {
    match x {
        X::Step => Axis { label: "step".to_owned(), is_whole: true },
        X::Epoch => Axis { label: "epoch".to_owned(), is_whole: false },
        X::Time => {
            let points = drawn.iter().flat_map(|drawn| &drawn.line.points);
            let longest = points.map(|(x, _)| *x).fold(0.0, f64::max);
            let (unit, seconds) = match longest {
                short if short < 180.0 => ("seconds", 1.0),
                short if short < 3.0 * 3_600.0 => ("minutes", 60.0),
                long if long < 72.0 * 3_600.0 => ("hours", 3_600.0),
                _ => ("days", 86_400.0),
            };
            drawn.iter_mut().for_each(|drawn| drawn.divide_x(seconds));
            Axis { label: format!("{unit} since the first row"), is_whole: false }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_between_epochs_are_parts_of_epochs() {
        let knots = [(0.0, 0.0), (100.0, 1.0), (300.0, 2.0)];
        for (step, epoch) in [(0.0, 0.0), (50.0, 0.5), (200.0, 1.5), (500.0, 3.0), (-10.0, -0.1)] {
            assert_eq!(between(&knots, step), epoch, "{step}");
        }
    }
}
