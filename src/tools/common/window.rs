//! Which part of a run a question is about: a step, steps or moments.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Deserialize;

use super::answer::Failure;
use super::context::Context;
use crate::trackio::metric::Selection;
use crate::trackio::time;

const STEPS: f64 = 10.0;
const SECONDS: f64 = 60.0;

/// The arguments that pick rows; at most one way of picking may be used.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct Window {
    /// This step alone.
    pub step: Option<f64>,
    /// Steps near this one.
    pub around_step: Option<f64>,
    /// Moments near this time.
    pub at_time: Option<String>,
    /// Half width: steps (10) or seconds (60).
    pub window: Option<f64>,
    /// First step of a range.
    #[serde(default)]
    #[schemars(skip)]
    pub from_step: Option<f64>,
    /// Last step of a range.
    #[serde(default)]
    #[schemars(skip)]
    pub to_step: Option<f64>,
}

impl Window {
    /// The selection, or what is wrong with the arguments.
    pub fn selection(&self, context: &Context) -> Result<Selection, Failure> {
        let ways = [
            ("step", self.step.is_some()),
            ("around_step", self.around_step.is_some()),
            ("at_time", self.at_time.is_some()),
            ("from_step/to_step", self.from_step.is_some() || self.to_step.is_some()),
        ];
        let used: Vec<&str> = ways.iter().filter(|(_, used)| *used).map(|(way, _)| *way).collect();
        if used.len() > 1 {
            return Err(Failure(format!("{} exclude each other; use one.", used.join(" and "))));
        }
        if self.window.is_some() && self.around_step.is_none() && self.at_time.is_none() {
            return Err(Failure::new(
                "`window` goes with around_step (in steps) or at_time (in seconds); neither was \
                 given.",
            ));
        }
        if self.window.is_some_and(|window| window.is_nan() || window < 0.0) {
            return Err(Failure::new("`window` must not be negative."));
        }
        if let Some(step) = self.step {
            return Ok(Selection::Steps(step, step));
        }
        if let Some(step) = self.around_step {
            // Whole steps, as Trackio counts them.
            let width = self.window.unwrap_or(STEPS).trunc();
            return Ok(Selection::Steps(step - width, step + width));
        }
        if let Some(text) = &self.at_time {
            return self.around_time(text, context);
        }
        if self.from_step.is_some() || self.to_step.is_some() {
            let from = self.from_step.unwrap_or(f64::NEG_INFINITY);
            let to = self.to_step.unwrap_or(f64::INFINITY);
            if from > to {
                return Err(Failure(format!("from_step {from} lies behind to_step {to}.")));
            }
            return Ok(Selection::Steps(from, to));
        }
        Ok(Selection::All)
    }

    fn around_time(&self, text: &str, context: &Context) -> Result<Selection, Failure> {
        let moment = match text.trim() {
            "now" => Some(context.now),
            text => time::parse(text),
        };
        let moment = moment.ok_or_else(|| {
            Failure(format!(
                "`at_time` must be a time such as 2026-01-31T12:00:00Z; found `{}`.",
                super::resolve::shown(text)
            ))
        })?;
        let width = jiff::SignedDuration::try_from_secs_f64(self.window.unwrap_or(SECONDS))
            .map_err(|_| Failure::new("`window` is too large."))?;
        let bound = |bound: Result<jiff::Timestamp, jiff::Error>, open| bound.unwrap_or(open);
        Ok(Selection::Times(
            bound(moment.checked_sub(width), jiff::Timestamp::MIN),
            bound(moment.checked_add(width), jiff::Timestamp::MAX),
        ))
    }
}

/// What a message says of the logged steps nearest to a selection that holds none, and how to see
/// them; empty where the selection is not by step.
pub fn nearest_steps(selection: Selection, steps: impl Iterator<Item = f64>) -> String {
    let Selection::Steps(from, to) = selection else { return String::new() };
    let (mut below, mut above) = (f64::NEG_INFINITY, f64::INFINITY);
    for step in steps {
        match (step < from, step > to) {
            (true, _) => below = below.max(step),
            (_, true) => above = above.min(step),
            (false, false) => {}
        }
    }
    let near: Vec<f64> = [below, above].into_iter().filter(|step| step.is_finite()).collect();
    let Some(nearest) = near.iter().copied().min_by(|a, b| {
        let distance = |step: f64| if step < from { from - step } else { step - to };
        distance(*a).total_cmp(&distance(*b))
    }) else {
        return String::new();
    };
    let named: Vec<String> = near.iter().map(f64::to_string).collect();
    format!(
        " Nearest logged steps: {}. around_step: {nearest} shows what lies there.",
        named.join(" and ")
    )
}

/// What a message says of the selection.
pub fn described(selection: Selection) -> String {
    match selection {
        Selection::All => "in the whole run".to_owned(),
        Selection::Steps(from, to) if from == to => format!("at step {from}"),
        Selection::Steps(from, to) if from.is_infinite() => format!("up to step {to}"),
        Selection::Steps(from, to) if to.is_infinite() => format!("from step {from} on"),
        Selection::Steps(from, to) => format!("from step {from} to {to}"),
        Selection::Times(from, to) => {
            format!("from {} to {}", time::rfc3339(from), time::rfc3339(to))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_without_a_row_has_neighbours() {
        let cases = [
            (Selection::Steps(42.0, 42.0), "40 and 50. around_step: 40 shows"),
            (Selection::Steps(48.5, 48.5), "40 and 50. around_step: 50 shows"),
            (Selection::Steps(99.0, 120.0), "50. around_step: 50 shows"),
            (Selection::Steps(-5.0, -1.0), "0. around_step: 0 shows"),
        ];
        for (selection, expected) in cases {
            let hint = nearest_steps(selection, [0.0, 40.0, 50.0].into_iter());
            assert!(hint.contains(expected), "{selection:?}: {hint}");
        }
        assert_eq!(nearest_steps(Selection::Steps(1.0, 2.0), std::iter::empty()), "");
        assert_eq!(nearest_steps(Selection::All, [1.0].into_iter()), "");
    }
}
