//! What each key does to the metric.

use super::interval::{ln_gamma, of_rank_correlation, of_share};
use super::permutation::{ALPHA, MOST_GROUPS, Shape, chances};
use super::{Key, Trial, permutation};
use crate::analysis::methods::ranks::ranks;

/// Fewer runs with a value say nothing of a key.
pub const FEWEST_RUNS: usize = 6;

/// How large an effect is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Spearman's ρ of the key and the metric as logged: -1 to 1.
    RankCorrelation,
    /// ε² of Kruskal and Wallis: the share of the spread of the ranks that lies between values.
    EpsilonSquared,
    /// The share of the spread of the ranks that a parabola explains: a number with too many
    /// values for groups.
    RankCurve,
}

/// An effect with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// What `effect` is.
    pub measure: Measure,
    /// Its size.
    pub effect: f64,
    /// The lower end of its 95 % interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Family-wise over all keys and shapes.
    pub p: f64,
    /// How the metric goes with the key.
    pub shape: Shape,
    /// ε² of a number with few values, where `effect` is its rank correlation.
    pub epsilon_squared: Option<f64>,
}

/// One key's effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// How many runs have both the key and a value.
    pub n: usize,
    /// The effect, or why there is none to tell.
    pub found: Result<Measured, String>,
}

impl Effect {
    /// Whether chance is ruled out.
    pub fn is_significant(&self) -> bool {
        self.found.as_ref().is_ok_and(|found| found.p <= ALPHA)
    }
}

/// The effects of `keys` on the main metric, in the order of the keys.
pub fn effects(keys: &[Key], trials: &[Trial], lower_is_better: bool) -> Vec<Effect> {
    let turned = permutation::turned(trials, lower_is_better);
    let samples: Vec<Sample> = keys.iter().map(|key| Sample::of(key, trials)).collect();
    let refusals: Vec<Option<String>> =
        keys.iter().zip(&samples).map(|(key, sample)| sample.refusal(key)).collect();
    let asked: Vec<&Key> =
        keys.iter().zip(&refusals).filter(|(_, no)| no.is_none()).map(|(key, _)| key).collect();
    let mut chances = chances(&asked, &turned).into_iter();
    let each = keys.iter().zip(samples).zip(refusals);
    let effect = |((key, sample), refusal): ((&Key, Sample), Option<String>)| {
        let found = match refusal {
            Some(reason) => Err(reason),
            None => chances
                .next()
                .map(|chance| sample.measure(key, chance))
                .ok_or_else(|| "not tested".to_owned()),
        };
        Effect { n: sample.values.len(), found }
    };
    each.map(effect).collect()
}

/// The runs that have both a key and a value.
struct Sample {
    levels: Vec<usize>,
    values: Vec<f64>,
    /// How many runs each value of the key has, those without any left out.
    sizes: Vec<usize>,
}

impl Sample {
    fn of(key: &Key, trials: &[Trial]) -> Self {
        let pairs = key.level_of.iter().zip(trials);
        let (levels, values): (Vec<usize>, Vec<f64>) =
            pairs.filter_map(|(level, trial)| Some(((*level)?, trial.value()?))).unzip();
        let mut sorted = levels.clone();
        sorted.sort_unstable();
        let sizes = sorted.chunk_by(|a, b| a == b).map(<[usize]>::len).collect();
        Self { levels, values, sizes }
    }

    /// Why nothing can be said of the key, where that is so.
    fn refusal(&self, key: &Key) -> Option<String> {
        let n = self.values.len();
        if n < FEWEST_RUNS {
            return Some(format!("{n} runs have it and a value; {FEWEST_RUNS} are needed"));
        }
        if self.values.iter().all(|value| Some(value) == self.values.first()) {
            return Some("all runs have the same value of the metric".to_owned());
        }
        if self.sizes.len() < 2 {
            return Some(
                "all runs with a value of the metric have the same value of it".to_owned(),
            );
        }
        if !key.numeric && self.sizes.len() > n / 2 {
            let values = self.sizes.len();
            return Some(format!("{values} values in {n} runs: too few runs of each"));
        }
        let least = least_chance(&self.sizes, key.numeric);
        (least > ALPHA).then(|| {
            let sizes: Vec<String> = self.sizes.iter().map(usize::to_string).collect();
            format!(
                "{} runs by value: even a perfect split comes by chance in {:.0} % of cases",
                sizes.join(" + "),
                100.0 * least
            )
        })
    }

    fn measure(&self, key: &Key, chance: permutation::Chance) -> Measured {
        let permutation::Chance { p, shape } = chance;
        let (n, groups) = (self.values.len(), self.sizes.len());
        let epsilon_squared = self.epsilon_squared();
        let few = groups <= MOST_GROUPS;
        let is_line = key.numeric && (shape == Shape::Line || p > ALPHA);
        let (measure, effect, (low, high)) = if is_line {
            let rho = self.rank_correlation();
            (Measure::RankCorrelation, rho, of_rank_correlation(rho, n))
        } else if !key.numeric || few {
            (Measure::EpsilonSquared, epsilon_squared, of_share(epsilon_squared, groups, n))
        } else {
            let share = self.rank_curve();
            // A parabola has three parameters, as three groups have.
            (Measure::RankCurve, share, of_share(share, 3, n))
        };
        let also = is_line && few && groups > 2;
        let epsilon_squared = also.then_some(epsilon_squared);
        Measured { measure, effect, low, high, p, shape, epsilon_squared }
    }

    fn level_ranks(&self) -> Vec<f64> {
        ranks(&self.levels.iter().map(|level| *level as f64).collect::<Vec<f64>>())
    }

    fn rank_correlation(&self) -> f64 {
        correlation(&self.level_ranks(), &ranks(&self.values))
    }

    /// `H / (n - 1)`, which is the share of the ranks' variance between the groups, ties corrected
    /// for (Tomczak & Tomczak, Trends Sport Sci. 1, 2014).
    fn epsilon_squared(&self) -> f64 {
        let ranked = ranks(&self.values);
        let mean = (ranked.len() as f64 + 1.0) / 2.0;
        let mut pairs: Vec<(usize, f64)> = self.levels.iter().copied().zip(ranked).collect();
        pairs.sort_by_key(|(level, _)| *level);
        let total: f64 = pairs.iter().map(|(_, rank)| (rank - mean).powi(2)).sum();
        let of_group = |group: &[(usize, f64)]| {
            let sum: f64 = group.iter().map(|(_, rank)| rank - mean).sum();
            sum * sum / group.len() as f64
        };
        let between: f64 = pairs.chunk_by(|a, b| a.0 == b.0).map(of_group).sum();
        (between / total).clamp(0.0, 1.0)
    }

    fn rank_curve(&self) -> f64 {
        let x = self.level_ranks();
        let y = ranks(&self.values);
        let mean = (x.len() as f64 + 1.0) / 2.0;
        let bend: Vec<f64> = x.iter().map(|v| (v - mean).powi(2)).collect();
        let (line, curve, both) =
            (correlation(&x, &y), correlation(&bend, &y), correlation(&x, &bend));
        let share = line * line + curve * curve - 2.0 * line * curve * both;
        (share / (1.0 - both * both).max(1e-9)).clamp(0.0, 1.0)
    }
}

/// The smallest p-value that any outcome could have: how many of the ways to spread the outcomes
/// over runs of these `sizes` by value are as extreme as the most extreme.
pub fn least_chance(sizes: &[usize], numeric: bool) -> f64 {
    let ln_factorial = |count: usize| ln_gamma(count as f64 + 1.0);
    let ways = ln_factorial(sizes.iter().sum())
        - sizes.iter().map(|size| ln_factorial(*size)).sum::<f64>();
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    let alike = match numeric {
        true => std::f64::consts::LN_2,
        false => sizes.chunk_by(|a, b| a == b).map(|same| ln_factorial(same.len())).sum(),
    };
    (alike - ways).exp().min(1.0)
}

/// Pearson's correlation; 0 where one side does not vary.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    if aa * bb > 0.0 { (ab / (aa * bb).sqrt()).clamp(-1.0, 1.0) } else { 0.0 }
}
