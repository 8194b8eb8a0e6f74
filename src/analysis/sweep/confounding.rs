//! Keys that were varied together: what one does cannot be told from what the other does.

use std::collections::BTreeMap;

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
    let all = levels.clone();
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
        return None;
    }
    let strength = strength(a.numeric && b.numeric, &all);
    if levels.len() == of_a && of_a == of_b && (of_a < n || strength >= STRONG) {
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
    let (mut of_a, mut of_b, mut cells) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for cell in levels {
        *of_a.entry(cell.0).or_insert(0.0) += 1.0;
        *of_b.entry(cell.1).or_insert(0.0) += 1.0;
        *cells.entry(*cell).or_insert(0.0) += 1.0;
    }
    // χ² / n = Σ n_ij² / (n_i n_j) - 1.
    let share = |((a, b), both): (&(usize, usize), &f64)| {
        let alone = of_a.get(a).zip(of_b.get(b)).map_or(1.0, |(a, b): (&f64, &f64)| a * b);
        both * both / alone
    };
    let share: f64 = cells.iter().map(share).sum::<f64>() - 1.0;
    let least = of_a.len().min(of_b.len());
    if least > 1 { (share / (least as f64 - 1.0)).max(0.0).sqrt() } else { 0.0 }
}
