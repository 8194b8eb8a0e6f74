//! Change points of the mean by PELT.

use super::{mann_kendall::autocorrelation, noise::noise};

/// Where the mean of `values` changes: the indices at which a new segment starts.
///
/// Minimises `Σ C(segment) + β · segments` exactly with pruning (Killick, Fearnhead & Eckley,
/// JASA 107, 2012), `C` the sum of squared deviations from the segment's mean and
/// `β = 2 σ² ln n · (1+ρ)/(1-ρ)`: neighbours that resemble each other (`ρ`, the autocorrelation at
/// lag 1 around a running median) would otherwise be cut into too many segments.
/// Linear when changes are frequent, quadratic at worst: reduce the curve first.
pub fn change_points(values: &[f64]) -> Vec<usize> {
    let n = values.len();
    let sigma = noise(values);
    if n < 6 || sigma <= 0.0 {
        return Vec::new();
    }
    let rho = residual_autocorrelation(values);
    let penalty = 2.0 * sigma * sigma * (n as f64).ln() * (1.0 + rho) / (1.0 - rho);
    let prefix = Prefix::of(values);

    // best[t]: the least cost of values[..t]; start[t]: where its last segment starts.
    let mut best = vec![-penalty];
    let mut start = vec![0usize];
    let mut candidates: Vec<usize> = vec![0];
    for end in 1..=n {
        let cost = |from: usize| best.get(from).copied().unwrap_or(0.0) + prefix.cost(from, end);
        let (from, least) = candidates
            .iter()
            .map(|&from| (from, cost(from)))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap_or((0, 0.0));
        candidates.retain(|&from| cost(from) <= least + penalty);
        best.push(least + penalty);
        start.push(from);
        candidates.push(end);
    }
    let mut changes = Vec::new();
    let mut at = n;
    while let Some(&from) = start.get(at).filter(|from| **from > 0) {
        changes.push(from);
        at = from;
    }
    changes.reverse();
    changes
}

/// Autocorrelation at lag 1 around a running median of five, in `[0, 0.9]`.
fn residual_autocorrelation(values: &[f64]) -> f64 {
    let smooth = super::running::running_median(values, 5);
    let rest: Vec<f64> = values.iter().zip(smooth).map(|(v, s)| v - s).collect();
    autocorrelation(&rest, 1).first().copied().unwrap_or(0.0).clamp(0.0, 0.9)
}

/// Prefix sums that give the cost of any segment at once.
struct Prefix(Vec<(f64, f64)>);

impl Prefix {
    fn of(values: &[f64]) -> Self {
        // Centred, so that a small spread on a large level does not cancel.
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let mut sums = vec![(0.0, 0.0)];
        let (mut sum, mut squares) = (0.0, 0.0);
        for value in values {
            let centred = value - mean;
            (sum, squares) = (sum + centred, squares + centred * centred);
            sums.push((sum, squares));
        }
        Self(sums)
    }

    fn cost(&self, from: usize, end: usize) -> f64 {
        match (self.0.get(from), self.0.get(end)) {
            (Some(a), Some(b)) if end > from => {
                let sum = b.0 - a.0;
                (b.1 - a.1 - sum * sum / (end - from) as f64).max(0.0)
            }
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uniform noise between -0.1 and 0.1.
    fn wobble(i: usize) -> f64 {
        let hash = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let hash = (hash ^ (hash >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (hash >> 11) as f64 / (1u64 << 53) as f64 * 0.2 - 0.1
    }

    #[test]
    fn stairs_are_found_where_they_are() {
        let values: Vec<f64> = (0..300).map(|i| [3.0, 2.0, 1.5][i / 100] + wobble(i)).collect();
        assert_eq!(change_points(&values), [100, 200]);
    }

    #[test]
    fn noise_alone_has_no_change() {
        let values: Vec<f64> = (0..300).map(wobble).collect();
        assert_eq!(change_points(&values), Vec::<usize>::new());
    }
}
