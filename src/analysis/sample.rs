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
    extremes: Vec<Candidate>,
    /// The finite neighbours of non-finite stretches.
    edges: Vec<usize>,
    /// Of the block at hand.
    low: Option<Candidate>,
    high: Option<Candidate>,
    was_finite: Option<bool>,
    length: usize,
}

/// A finite point. Its value stands here too: to fetch some thousands from all over a long curve
/// takes most of the time of a sample.
type Candidate = (usize, f64);

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
    fn block(&self) -> impl Iterator<Item = Candidate> + use<> {
        in_order([self.low, self.high])
    }

    /// [`sample`] of the values that were pushed.
    pub fn sample(&self, steps: &[f64], values: &[f64], max_points: usize) -> Vec<usize> {
        let n = self.length;
        if n <= max_points {
            return (0..n).collect();
        }
        // Where few points make up for many, the extremes of blocks are candidates enough.
        let is_long = n / BLOCK * 2 >= max_points * CANDIDATES_PER_POINT;
        let candidates: Vec<Candidate> = match is_long {
            true => self.extremes.iter().copied().chain(self.block()).collect(),
            false => values.iter().copied().enumerate().filter(|(_, v)| v.is_finite()).collect(),
        };
        let mut kept = BTreeSet::from([0, n - 1]);
        kept.extend(&self.edges);
        kept.extend(in_order(lowest_and_highest(&candidates)).map(|(i, _)| i));
        let room = max_points.saturating_sub(kept.len());
        if room > 0 {
            let candidates = extremes(&candidates, room * CANDIDATES_PER_POINT / 2);
            kept.extend(largest_triangles(steps, &candidates, room));
        }
        kept.into_iter().collect()
    }
}

/// The lowest and the highest of each of `buckets` buckets of neighbouring candidates.
fn extremes(candidates: &[Candidate], buckets: usize) -> Vec<Candidate> {
    let size = candidates.len().div_ceil(buckets.max(1)).max(1);
    candidates.chunks(size).flat_map(|bucket| in_order(lowest_and_highest(bucket))).collect()
}

/// The first of the smallest and the first of the largest `candidates`.
fn lowest_and_highest(candidates: &[Candidate]) -> [Option<Candidate>; 2] {
    let first = candidates.first().copied();
    candidates.iter().fold([first; 2], |[low, high], &candidate| {
        let (_, value) = candidate;
        [
            if low.is_some_and(|(_, low)| value < low) { Some(candidate) } else { low },
            if high.is_some_and(|(_, high)| value > high) { Some(candidate) } else { high },
        ]
    })
}

/// The two by their place, a point that is both once.
fn in_order([low, high]: [Option<Candidate>; 2]) -> impl Iterator<Item = Candidate> + use<> {
    let is_first = |a: Option<Candidate>, b: Option<Candidate>| a.map(|a| a.0) < b.map(|b| b.0);
    let (first, second) = if is_first(high, low) { (high, low) } else { (low, high) };
    let is_one = first.map(|a| a.0) == second.map(|b| b.0);
    first.into_iter().chain(second.filter(|_| !is_one))
}

/// From each bucket the point that spans the largest triangle with the point chosen before it
/// and the centre of the next bucket.
fn largest_triangles(steps: &[f64], candidates: &[Candidate], buckets: usize) -> Vec<usize> {
    let at = |(i, value): Candidate| (steps.get(i).copied().unwrap_or(f64::NAN), value);
    let size = candidates.len().div_ceil(buckets).max(1);
    let chunks: Vec<&[Candidate]> = candidates.chunks(size).collect();
    let centre = |chunk: &[Candidate]| {
        let n = chunk.len() as f64;
        let (x, y) = chunk
            .iter()
            .map(|&candidate| at(candidate))
            .fold((0.0, 0.0), |(x, y), (step, value)| (x + step / n, y + value / n));
        (x, y)
    };
    let Some(first) = candidates.first() else { return Vec::new() };
    let mut before = at(*first);
    let mut chosen = Vec::with_capacity(buckets);
    for (k, chunk) in chunks.iter().enumerate() {
        let after = centre(chunks.get(k + 1).unwrap_or(chunk));
        let area = |candidate: Candidate| {
            let (x, y) = at(candidate);
            ((before.0 - after.0) * (y - before.1) - (before.0 - x) * (after.1 - before.1)).abs()
        };
        let best = chunk.iter().copied().max_by(|&a, &b| area(a).total_cmp(&area(b)));
        if let Some(candidate) = best {
            before = at(candidate);
            chosen.push(candidate.0);
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
