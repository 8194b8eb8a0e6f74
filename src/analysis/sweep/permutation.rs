//! How often chance alone would look like it: one permutation test over all keys of a sweep.
//!
//! Under "no key matters" every assignment of the values to the runs is as likely as any other.
//! The values are shuffled over the runs, every key is measured anew, and a key's p-value is how
//! often the strongest of the keys that are left does as well: Westfall & Young's step-down maxT
//! ("Resampling-Based Multiple Testing", 1993), sharper than Holm's correction and as strict.
//! Several shapes are tried on a key, and the best of them counts, in the data and in every
//! shuffle alike, so that trying them costs nothing of the promise.

use super::shuffle::Shuffler;
use super::{Key, Trial};
use crate::analysis::methods::{
    median::{mad, median},
    ranks::ranks,
};

/// A claim is made up to this family-wise p-value: below 0.05, so that also by bad luck no more
/// than one in twenty of many sweeps without any effect claims one.
pub const ALPHA: f64 = 0.04;
/// A number with at most so many values is also looked at value by value.
pub const MOST_GROUPS: usize = 8;

const MOST_SHUFFLES: usize = 1_000;
const FEWEST_SHUFFLES: usize = 300;
/// Values times keys times shuffles: what bounds the time of a very large sweep.
const MOST_WORK: usize = 20_000_000;
/// When every key was reached by chance so often, more shuffles change no claim (Besag & Clifford,
/// Biometrika 78, 1991): even of all shuffles it is 8 %.
const ENOUGH: usize = 80;

/// How the metric goes with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Better and better, or worse and worse.
    Line,
    /// Best somewhere in the middle, as learning rates are.
    Valley,
    /// Each value has its own level.
    Groups,
}

/// A key as the test sees it, with its runs that have a value.
#[derive(Debug)]
struct Question {
    runs: Vec<usize>,
    group_of: Vec<usize>,
    sizes: Vec<f64>,
    /// The ranks of a numeric key, centred, of length one.
    line: Vec<f64>,
    /// Their squares, at right angles to the line.
    curve: Vec<f64>,
    /// How much stronger than other shapes separate levels must be, in standard deviations; `None`
    /// where they are not looked at.
    groups: Option<f64>,
}

/// Levels without order are the least likely shape of a number: they count for less, so that the
/// likely shapes are found more readily.
const UNORDERED: f64 = 0.9;

/// Values further from the median, in standard deviations by the median absolute deviation, are
/// drawn in to here.
const FAR: f64 = 2.5;

/// What was found of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chance {
    /// The family-wise p-value.
    pub p: f64,
    /// The shape that fits best.
    pub shape: Shape,
}

/// The chances of `keys`; `values` hold the metric by trial, turned so that lower is better.
pub fn chances(keys: &[&Key], values: &[Option<f64>]) -> Vec<Chance> {
    let valued: Vec<usize> =
        values.iter().enumerate().filter_map(|(i, value)| value.map(|_| i)).collect();
    let mut y = drawn_in(&values.iter().flatten().copied().collect::<Vec<f64>>());
    let questions: Vec<Question> = keys.iter().map(|key| Question::of(key, &valued)).collect();
    let observed: Vec<(f64, Shape)> = questions.iter().map(|q| q.evidence(&y)).collect();
    let mut order: Vec<usize> = (0..observed.len()).collect();
    let strength = |key: &usize| observed.get(*key).map_or(0.0, |(z, _)| *z);
    order.sort_by(|a, b| strength(b).total_cmp(&strength(a)));
    // The weakest first: each is compared with itself and all that are weaker.
    order.reverse();

    let shuffles =
        MOST_SHUFFLES.min(MOST_WORK / (y.len() * questions.len()).max(1)).max(FEWEST_SHUFFLES);
    let mut reached = vec![0usize; order.len()];
    let mut shuffler = Shuffler::of(&y);
    let mut done = 0;
    while done < shuffles && reached.iter().any(|count| *count < ENOUGH) {
        shuffler.shuffle(&mut y);
        done += 1;
        let mut strongest = f64::NEG_INFINITY;
        for (&key, count) in order.iter().zip(&mut reached) {
            let Some(question) = questions.get(key) else { continue };
            strongest = strongest.max(question.evidence(&y).0);
            *count += usize::from(strongest >= strength(&key) - 1e-9);
        }
    }
    let mut chances: Vec<Chance> =
        observed.iter().map(|(_, shape)| Chance { p: 1.0, shape: *shape }).collect();
    // A weaker key is never surer than a stronger one.
    let mut p: f64 = 0.0;
    for (key, count) in order.iter().zip(&reached).rev() {
        p = p.max((1 + count) as f64 / (1 + done) as f64);
        if let Some(chance) = chances.get_mut(*key) {
            chance.p = p;
        }
    }
    chances
}

/// The values with far ones drawn in, so that one bad run does not decide: nearly as sharp as the
/// values themselves where the noise is normal, which ranks are not. Ranks where half of the
/// values are equal.
fn drawn_in(values: &[f64]) -> Vec<f64> {
    match (median(values), mad(values)) {
        (Some(centre), Some(spread)) if spread > 0.0 => {
            let (low, high) = (centre - FAR * spread, centre + FAR * spread);
            values.iter().map(|value| (value.clamp(low, high) - centre) / spread).collect()
        }
        _ => ranks(values),
    }
}

/// The main metric by trial, turned so that lower is better.
pub fn turned(trials: &[Trial], lower_is_better: bool) -> Vec<Option<f64>> {
    let turn = |value: f64| if lower_is_better { value } else { -value };
    trials.iter().map(|trial| trial.value().map(turn)).collect()
}

impl Question {
    fn of(key: &Key, valued: &[usize]) -> Self {
        let level = |trial: &usize| key.level_of.get(*trial).copied().flatten();
        let (runs, levels): (Vec<usize>, Vec<usize>) =
            valued.iter().enumerate().filter_map(|(i, trial)| Some((i, level(trial)?))).unzip();
        let mut present = levels.clone();
        present.sort_unstable();
        present.dedup();
        let place = |level: &usize| present.binary_search(level).unwrap_or_default();
        let group_of: Vec<usize> = levels.iter().map(place).collect();
        let mut sizes = vec![0.0; present.len()];
        for group in &group_of {
            if let Some(size) = sizes.get_mut(*group) {
                *size += 1.0;
            }
        }
        let (mut line, mut curve) = (Vec::new(), Vec::new());
        if key.numeric {
            line = ranks(&levels.iter().map(|level| *level as f64).collect::<Vec<f64>>());
            centre(&mut line);
            curve = line.iter().map(|v| v * v).collect();
            centre(&mut curve);
            scale(&mut line);
            remove(&mut curve, &line);
            scale(&mut curve);
        }
        let groups = match (key.numeric, present.len()) {
            (false, _) => Some(0.0),
            (true, 3..=MOST_GROUPS) => Some(UNORDERED),
            (true, _) => None,
        };
        Self { runs, group_of, sizes, line, curve, groups }
    }

    /// The strength of the best shape as a normal score, comparable between shapes and keys.
    fn evidence(&self, y: &[f64]) -> (f64, Shape) {
        let n = self.runs.len() as f64;
        let value = |run: &usize| y.get(*run).copied().unwrap_or_default();
        let (mut sum, mut squares, mut line, mut curve) = (0.0, 0.0, 0.0, 0.0);
        if self.line.is_empty() {
            for run in &self.runs {
                let v = value(run);
                sum += v;
                squares += v * v;
            }
        } else {
            for ((run, l), c) in self.runs.iter().zip(&self.line).zip(&self.curve) {
                let v = value(run);
                sum += v;
                squares += v * v;
                line += v * l;
                curve += v * c;
            }
        }
        let total = squares - sum * sum / n;
        if total <= 1e-9 {
            return (f64::NEG_INFINITY, Shape::Line);
        }
        let mut best = (f64::NEG_INFINITY, Shape::Line);
        let mut offer = |z: f64, shape| {
            if z > best.0 {
                best = (z, shape);
            }
        };
        if !self.line.is_empty() {
            let line = line * line / total;
            offer(score(line, 1.0, n), Shape::Line);
            // Lower is better: a valley bends up. A sweep that is worst in its middle is no shape
            // that one looks for.
            if curve > 0.0 {
                let curve = curve * curve / total;
                offer(score(curve, 1.0, n), Shape::Valley);
                offer(score(line + curve, 2.0, n), Shape::Valley);
            }
        }
        if let Some(handicap) = self.groups {
            let between = self.between(y) - sum * sum / n;
            let z = score(between / total, self.sizes.len() as f64 - 1.0, n);
            offer(z - handicap, Shape::Groups);
        }
        best
    }

    /// The squared sums of the groups by their sizes.
    fn between(&self, y: &[f64]) -> f64 {
        let mut sums = vec![0.0; self.sizes.len()];
        for (run, group) in self.runs.iter().zip(&self.group_of) {
            if let (Some(sum), Some(value)) = (sums.get_mut(*group), y.get(*run)) {
                *sum += value;
            }
        }
        sums.iter().zip(&self.sizes).map(|(sum, size)| sum * sum / size).sum()
    }
}

/// A share of explained variance as a normal score: through F, by the approximation of Paulson
/// (Ann. Math. Stat. 13, 1942).
fn score(share: f64, parameters: f64, n: f64) -> f64 {
    let rest = n - 1.0 - parameters;
    if rest < 1.0 || parameters < 1.0 {
        return f64::NEG_INFINITY;
    }
    let f = (share / parameters) / ((1.0 - share).max(1e-9) / rest);
    let root = f.max(0.0).cbrt();
    let (a, b) = (2.0 / (9.0 * parameters), 2.0 / (9.0 * rest));
    ((1.0 - b) * root - (1.0 - a)) / (b * root * root + a).sqrt()
}

fn centre(values: &mut [f64]) {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    values.iter_mut().for_each(|v| *v -= mean);
}

fn remove(values: &mut [f64], direction: &[f64]) {
    let along: f64 = values.iter().zip(direction).map(|(v, d)| v * d).sum();
    values.iter_mut().zip(direction).for_each(|(v, d)| *v -= along * d);
}

/// To length one; all zero where there is next to nothing.
fn scale(values: &mut [f64]) {
    let length = values.iter().map(|v| v * v).sum::<f64>().sqrt();
    values.iter_mut().for_each(|v| *v = if length > 1e-6 { *v / length } else { 0.0 });
}
