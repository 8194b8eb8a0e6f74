//! Which points to show when there are too many.
//!
//! Minimum and maximum of each bucket first, then Largest-Triangle-Three-Buckets among those
//! (Steinarsson, "Downsampling time series for visual representation", 2013): MinMaxLTTB of
//! Van Der Donckt et al., 2023. It is a display aid only: statistics see every point.

use std::collections::BTreeSet;

/// How many candidates the first pass leaves for each point of the second.
const CANDIDATES_PER_POINT: usize = 4;

/// So many neighbouring points make a block of an [`Outline`].
const BLOCK: usize = 64;

/// The indices of about `max_points` points, ascending.
///
/// Always kept, even beyond `max_points`: the first and last point, the smallest and largest
/// value, and the finite neighbours of every stretch of non-finite values.
pub fn sample(steps: &[f64], values: &[f64], max_points: usize) -> Vec<usize> {
    let mut outline = Outline::default();
    values.iter().for_each(|value| outline.push(*value));
    outline.sample(steps, values, max_points)
}

/// What a sample needs of a long curve, grown point by point: then no sample has to look at all
/// points again.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    /// The lowest and the highest finite point of each whole block.
    extremes: Vec<usize>,
    /// The finite neighbours of non-finite stretches.
    edges: Vec<usize>,
    /// Of the block at hand.
    low: Option<(usize, f64)>,
    high: Option<(usize, f64)>,
    was_finite: Option<bool>,
    length: usize,
}

impl Outline {
    /// Takes the next value in.
    pub fn push(&mut self, value: f64) {
        let (i, is_finite) = (self.length, value.is_finite());
        if is_finite {
            if self.low.is_none_or(|(_, low)| value < low) {
                self.low = Some((i, value));
            }
            if self.high.is_none_or(|(_, high)| value > high) {
                self.high = Some((i, value));
            }
        }
        if self.was_finite.is_some_and(|was_finite| was_finite != is_finite) {
            self.edges.push(if is_finite { i } else { i - 1 });
        }
        self.was_finite = Some(is_finite);
        self.length += 1;
        if self.length.is_multiple_of(BLOCK) {
            let block = self.block();
            self.extremes.extend(block);
            (self.low, self.high) = (None, None);
        }
    }

    /// The lowest and the highest of the block at hand, in their order.
    fn block(&self) -> impl Iterator<Item = usize> + use<> {
        let (low, high) = (self.low.map(|(i, _)| i), self.high.map(|(i, _)| i));
        low.min(high).into_iter().chain(low.max(high).filter(|_| low != high))
    }

    /// [`sample`] of the values that were pushed.
    pub fn sample(&self, steps: &[f64], values: &[f64], max_points: usize) -> Vec<usize> {
        let n = self.length;
        if n <= max_points {
            return (0..n).collect();
        }
        // Where few points make up for many, the extremes of blocks are candidates enough.
        let is_long = n / BLOCK * 2 >= max_points * CANDIDATES_PER_POINT;
        let candidates: Vec<usize> = match is_long {
            true => self.extremes.iter().copied().chain(self.block()).collect(),
            false => (0..n).filter(|i| values.get(*i).is_some_and(|v| v.is_finite())).collect(),
        };
        let mut kept = BTreeSet::from([0, n - 1]);
        kept.extend(&self.edges);
        kept.extend(lowest_and_highest(values, &candidates).into_iter().flatten());
        let room = max_points.saturating_sub(kept.len());
        if room > 0 {
            let candidates = extremes(values, &candidates, room * CANDIDATES_PER_POINT / 2);
            kept.extend(largest_triangles(steps, values, &candidates, room));
        }
        kept.into_iter().collect()
    }
}

/// The lowest and the highest of each of `buckets` buckets of neighbouring candidates.
fn extremes(values: &[f64], candidates: &[usize], buckets: usize) -> Vec<usize> {
    let size = candidates.len().div_ceil(buckets.max(1)).max(1);
    let mut out = Vec::with_capacity(buckets * 2);
    for bucket in candidates.chunks(size) {
        let [low, high] = lowest_and_highest(values, bucket);
        out.extend(low.min(high));
        out.extend(low.max(high).filter(|_| low != high));
    }
    out
}

/// Where, of the finite `candidates`, the smallest and the largest value come first.
fn lowest_and_highest(values: &[f64], candidates: &[usize]) -> [Option<usize>; 2] {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut found = [None, None];
    for &i in candidates {
        let value = values.get(i).copied().unwrap_or(f64::NAN);
        if value < low {
            (low, found[0]) = (value, Some(i));
        }
        if value > high {
            (high, found[1]) = (value, Some(i));
        }
    }
    found
}

/// From each bucket the point that spans the largest triangle with the point chosen before it
/// and the centre of the next bucket.
fn largest_triangles(
    steps: &[f64],
    values: &[f64],
    candidates: &[usize],
    buckets: usize,
) -> Vec<usize> {
    let at = |i: usize| {
        let number = |list: &[f64]| list.get(i).copied().unwrap_or(f64::NAN);
        (number(steps), number(values))
    };
    let size = candidates.len().div_ceil(buckets).max(1);
    let chunks: Vec<&[usize]> = candidates.chunks(size).collect();
    let centre = |chunk: &[usize]| {
        let n = chunk.len() as f64;
        let (x, y) = chunk
            .iter()
            .map(|&i| at(i))
            .fold((0.0, 0.0), |(x, y), (step, value)| (x + step / n, y + value / n));
        (x, y)
    };
    let Some(first) = candidates.first() else { return Vec::new() };
    let mut before = at(*first);
    let mut chosen = Vec::with_capacity(buckets);
    for (k, chunk) in chunks.iter().enumerate() {
        let after = centre(chunks.get(k + 1).unwrap_or(chunk));
        let area = |i: usize| {
            let (x, y) = at(i);
            ((before.0 - after.0) * (y - before.1) - (before.0 - x) * (after.1 - before.1)).abs()
        };
        let best = chunk.iter().copied().max_by(|&a, &b| area(a).total_cmp(&area(b)));
        if let Some(i) = best {
            before = at(i);
            chosen.push(i);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sampled(values: &[f64], max_points: usize) -> Vec<usize> {
        let steps: Vec<f64> = (0..values.len()).map(|i| i as f64).collect();
        sample(&steps, values, max_points)
    }

    #[test]
    fn few_points_are_all_shown() {
        assert_eq!(sampled(&[1.0, 2.0, 3.0], 3), [0, 1, 2]);
        assert!(sampled(&[], 0).is_empty());
    }

    #[test]
    fn an_outline_that_grows_gives_the_sample_of_the_whole() {
        let values: Vec<f64> = (0..50_000).map(|i| (i as f64 * 0.003).sin()).collect();
        let steps: Vec<f64> = (0..values.len()).map(|i| i as f64).collect();
        let mut outline = Outline::default();
        for (n, value) in values.iter().enumerate() {
            outline.push(*value);
            if n % 9_999 == 0 {
                let (steps, values) = (&steps[..=n], &values[..=n]);
                assert_eq!(outline.sample(steps, values, 100), sample(steps, values, 100));
            }
        }
    }

    #[test]
    fn a_single_spike_survives() {
        let mut values: Vec<f64> = (0..100_000).map(|i| (i as f64 * 0.01).sin()).collect();
        values[54_321] = 50.0;
        assert!(sampled(&values, 100).contains(&54_321));
    }

    fn points() -> impl Strategy<Value = Vec<f64>> {
        let value = prop_oneof![
            20 => -1e6..1e6,
            1 => Just(f64::NAN),
            1 => Just(f64::INFINITY),
            1 => Just(f64::NEG_INFINITY),
        ];
        prop::collection::vec(value, 0..400)
    }

    proptest! {
        #[test]
        fn what_must_be_kept_is_kept(values in points(), max_points in 0usize..80) {
            let n = values.len();
            let kept = sampled(&values, max_points);
            prop_assert_eq!(&kept, &sampled(&values, max_points), "deterministic");
            prop_assert!(kept.windows(2).all(|w| w[0] < w[1]), "ascending");
            prop_assert!(kept.iter().all(|&i| i < n));
            if n > 0 {
                prop_assert!(kept.contains(&0) && kept.contains(&(n - 1)));
            }
            let shown = |i: usize| kept.contains(&i);
            for i in 1..n {
                if values[i].is_finite() != values[i - 1].is_finite() {
                    let edge = if values[i].is_finite() { i } else { i - 1 };
                    prop_assert!(shown(edge));
                }
            }
            let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
            let extremes = [f64::min, f64::max].map(|pick| finite.iter().copied().reduce(pick));
            for extreme in extremes.into_iter().flatten() {
                prop_assert!(kept.iter().any(|&i| values[i] == extreme));
            }
            let edges = values.windows(2).filter(|w| w[0].is_finite() != w[1].is_finite()).count();
            prop_assert!(kept.len() <= max_points.max(edges + 4));
        }
    }
}
