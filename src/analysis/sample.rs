//! Which points to show when there are too many.
//!
//! Minimum and maximum of each bucket first, then Largest-Triangle-Three-Buckets among those
//! (Steinarsson, "Downsampling time series for visual representation", 2013): MinMaxLTTB of
//! Van Der Donckt et al., 2023. It is a display aid only: statistics see every point.

use std::collections::BTreeSet;

/// How many candidates the first pass leaves for each point of the second.
const CANDIDATES_PER_POINT: usize = 4;

/// The indices of about `max_points` points, ascending.
///
/// Always kept, even beyond `max_points`: the first and last point, the smallest and largest
/// value, and the finite neighbours of every stretch of non-finite values.
pub fn sample(steps: &[f64], values: &[f64], max_points: usize) -> Vec<usize> {
    let n = values.len();
    if n <= max_points {
        return (0..n).collect();
    }
    let mut kept = landmarks(values);
    let room = max_points.saturating_sub(kept.len());
    if room > 0 {
        let candidates = extremes(values, room * CANDIDATES_PER_POINT / 2);
        kept.extend(largest_triangles(steps, values, &candidates, room));
    }
    kept.into_iter().collect()
}

/// The points that no picture may lose.
fn landmarks(values: &[f64]) -> BTreeSet<usize> {
    let mut kept = BTreeSet::from([0, values.len() - 1]);
    kept.extend(lowest_and_highest(values).into_iter().flatten());
    for (i, pair) in values.windows(2).enumerate() {
        match pair {
            [a, b] if a.is_finite() && !b.is_finite() => kept.insert(i),
            [a, b] if !a.is_finite() && b.is_finite() => kept.insert(i + 1),
            _ => false,
        };
    }
    kept
}

/// The smallest and the largest finite value of each of `buckets` buckets of neighbouring points.
fn extremes(values: &[f64], buckets: usize) -> Vec<usize> {
    let size = values.len().div_ceil(buckets.max(1)).max(1);
    let mut out = Vec::with_capacity(buckets * 2);
    for (k, bucket) in values.chunks(size).enumerate() {
        let [low, high] = lowest_and_highest(bucket).map(|found| found.map(|i| k * size + i));
        out.extend(low.min(high));
        out.extend(low.max(high).filter(|_| low != high));
    }
    out
}

/// Where the smallest and the largest finite value come first.
fn lowest_and_highest(values: &[f64]) -> [Option<usize>; 2] {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut found = [None, None];
    for (i, &value) in values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
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
            let landmarks = landmarks_of(&values);
            prop_assert!(kept.len() <= max_points.max(landmarks) );
        }
    }

    fn landmarks_of(values: &[f64]) -> usize {
        if values.is_empty() { 0 } else { landmarks(values).len() }
    }
}
