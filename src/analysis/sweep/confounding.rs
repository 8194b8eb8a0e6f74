//! Keys that were varied together: what one does cannot be told from what the other does.

use super::Key;
use crate::analysis::methods::ranks::ranks;

/// How strongly two keys go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bond {
    /// Each value of one comes with one value of the other.
    Always,
    /// Nearly so.
    Mostly,
}

/// Two keys that go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The place of one key among those given.
    pub a: usize,
    /// The place of the other.
    pub b: usize,
    /// How strongly.
    pub bond: Bond,
}

/// A rank correlation of two numbers, or an association of words, from which on they go together.
const STRONG: f64 = 0.8;

/// The pairs of `keys` that go together over the runs that `counts`.
pub fn pairs(keys: &[Key], counts: &[bool]) -> Vec<Pair> {
    let mut found = Vec::new();
    for (a, key_a) in keys.iter().enumerate() {
        for (b, key_b) in keys.iter().enumerate().skip(a + 1) {
            found.extend(bond(key_a, key_b, counts).map(|bond| Pair { a, b, bond }));
        }
    }
    found
}

fn bond(a: &Key, b: &Key, counts: &[bool]) -> Option<Bond> {
    let both = a.level_of.iter().zip(&b.level_of).zip(counts);
    let mut levels: Vec<(usize, usize)> =
        both.filter_map(|((a, b), counts)| Some(((*a)?, (*b)?)).filter(|_| *counts)).collect();
    let n = levels.len();
    let strength = strength(a.numeric && b.numeric, &levels);
    levels.sort_unstable();
    levels.dedup();
    let distinct = |level: fn(&(usize, usize)) -> usize| {
        let mut all: Vec<usize> = levels.iter().map(level).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    };
    let (of_a, of_b) = (distinct(|l| l.0), distinct(|l| l.1));
    let varies = n > 2 && of_a > 1 && of_b > 1;
    // Values that are all different go with everything: only numbers in order say something.
    let words_apart = !(a.numeric && b.numeric) && (2 * of_a > n || 2 * of_b > n);
    if !varies || words_apart {
        None
    } else if levels.len() == of_a && of_a == of_b && (of_a < n || strength >= STRONG) {
        Some(Bond::Always)
    } else {
        (strength >= STRONG).then_some(Bond::Mostly)
    }
}

/// How well one key tells the other, 0 to 1: Spearman's correlation of numbers, Cramér's V of
/// anything else.
fn strength(numeric: bool, levels: &[(usize, usize)]) -> f64 {
    let n = levels.len() as f64;
    if numeric {
        let side = |pick: fn(&(usize, usize)) -> usize| {
            let mut ranked = ranks(&levels.iter().map(|l| pick(l) as f64).collect::<Vec<f64>>());
            ranked.iter_mut().for_each(|rank| *rank -= (n + 1.0) / 2.0);
            ranked
        };
        let (a, b) = (side(|l| l.0), side(|l| l.1));
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let scale = (product(&a, &a) * product(&b, &b)).sqrt();
        return if scale > 0.0 { (product(&a, &b) / scale).abs() } else { 0.0 };
    }
    let count = |wanted: &dyn Fn(&&(usize, usize)) -> bool| levels.iter().filter(wanted).count();
    let mut cells = levels.to_vec();
    cells.sort_unstable();
    cells.dedup();
    // χ² / n = Σ n_ij² / (n_i n_j) - 1.
    let share: f64 = cells
        .iter()
        .map(|cell| {
            let both = count(&|l| *l == cell) as f64;
            both * both / (count(&|l| l.0 == cell.0) as f64 * count(&|l| l.1 == cell.1) as f64)
        })
        .sum::<f64>()
        - 1.0;
    let distinct = |pick: fn(&(usize, usize)) -> usize| {
        let all: std::collections::BTreeSet<usize> = cells.iter().map(pick).collect();
        all.len()
    };
    let least = distinct(|l| l.0).min(distinct(|l| l.1));
    if least > 1 { (share / (least as f64 - 1.0)).max(0.0).sqrt() } else { 0.0 }
}
