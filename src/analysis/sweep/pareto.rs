//! Which runs no other run beats in every metric.

use super::{Outcome, Trial};
use crate::analysis::role::Direction;

/// The places of the trials that are on the Pareto front of all their outcomes, the best in the
/// main metric first. Trials without a value of each metric are left out. Equals are all on it.
pub fn front(trials: &[Trial], directions: &[Direction]) -> Vec<usize> {
    let turned = |trial: &Trial| -> Option<Vec<f64>> {
        let values: Option<Vec<f64>> = trial.outcomes.iter().map(Outcome::value).collect();
        let values = values?.into_iter().zip(directions);
        Some(values.map(|(v, d)| if *d == Direction::Min { v } else { -v }).collect())
    };
    let mut points: Vec<(usize, Vec<f64>)> =
        trials.iter().enumerate().filter_map(|(i, trial)| Some((i, turned(trial)?))).collect();
    points.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap_or(std::cmp::Ordering::Equal));
    // In this order only an earlier point can beat a later one, and one on the front does.
    let mut front: Vec<(usize, Vec<f64>)> = Vec::new();
    for (place, point) in points {
        if !front.iter().any(|(_, other)| beats(other, &point)) {
            front.push((place, point));
        }
    }
    front.into_iter().map(|(place, _)| place).collect()
}

fn beats(a: &[f64], b: &[f64]) -> bool {
    a != b && a.iter().zip(b).all(|(a, b)| a <= b)
}
