//! Which level is best, and whether by more than noise.

use super::contender::Level;

/// Differences below this share of the values are rounding.
const ROUNDING: f64 = 1e-9;

/// Runs by their levels, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// The runs, best first; equals in the order given.
    pub order: Vec<usize>,
    /// How far the second is behind the first.
    pub margin: f64,
    /// What the margin must exceed; `None` where too few points tell the noise.
    pub noise: Option<f64>,
    /// Whether the margin is within noise.
    pub tie: bool,
    /// The runs that noise does not tell from the first, the first included.
    pub leaders: Vec<usize>,
}

/// Ranks runs by their levels; `None` with fewer than two.
///
/// Two levels differ where `|a - b| > 2 √(e_a² + e_b²)`, `e` their standard errors.
pub fn rank(levels: &[(usize, Level)]) -> Option<Ranking> {
    let mut sorted: Vec<&(usize, Level)> = levels.iter().collect();
    sorted.sort_by(|a, b| a.1.value.total_cmp(&b.1.value));
    let (first, rest) = sorted.split_first()?;
    let second = rest.first()?;
    let tied = |other: &Level| {
        let apart = other.value - first.1.value;
        apart <= between(&first.1, other).unwrap_or(0.0)
            || apart <= ROUNDING * first.1.value.abs().max(other.value.abs())
    };
    let near = rest.iter().filter(|(_, level)| tied(level)).map(|(run, _)| *run);
    Some(Ranking {
        order: sorted.iter().map(|(run, _)| *run).collect(),
        margin: second.1.value - first.1.value,
        noise: between(&first.1, &second.1),
        tie: tied(&second.1),
        leaders: std::iter::once(first.0).chain(near).collect(),
    })
}

/// The difference that noise explains.
pub fn between(a: &Level, b: &Level) -> Option<f64> {
    Some(2.0 * a.error?.hypot(b.error?))
}

/// What a seed alone changes: the standard deviation of the levels within groups of runs that
/// differ in nothing else, pooled. `None` without a group of two.
pub fn seed_noise(levels: &[(usize, Level)], groups: &[Vec<usize>]) -> Option<f64> {
    let (mut squares, mut freedom) = (0.0, 0.0);
    for group in groups {
        let of_group = levels.iter().filter(|(run, _)| group.contains(run));
        let values: Vec<f64> = of_group.map(|(_, level)| level.value).collect();
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        squares += values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        freedom += values.len().saturating_sub(1) as f64;
    }
    (freedom > 0.0).then(|| (squares / freedom).sqrt())
}

/// Adds the noise of seeds to the levels' errors.
pub fn with_seed_noise(levels: &mut [(usize, Level)], groups: &[Vec<usize>]) {
    let Some(noise) = seed_noise(levels, groups) else { return };
    for (_, level) in levels {
        level.error = Some(level.error.unwrap_or(0.0).hypot(noise));
    }
}
