//! Which points to show when there are too many.
//!
//! Minimum and maximum of each bucket first, then Largest-Triangle-Three-Buckets among those
//! (Steinarsson, "Downsampling time series for visual representation", 2013): MinMaxLTTB of
//! Van Der Donckt et al., 2023. It is a display aid only: statistics see every point.

use std::collections::BTreeSet;

use super::series::Series;

/// How many candidates the first pass leaves for each point of the second.
const CANDIDATES_PER_POINT: usize = 4;

/// The indices of about `max_points` points, ascending.
///
/// Always kept, even beyond `max_points`: the first and last point, the smallest and largest
/// value, and the finite neighbours of every stretch of non-finite values.
pub fn sample(series: &Series, max_points: usize) -> Vec<usize> {
    let n = series.len();
    if n <= max_points {
        return (0..n).collect();
    }
    let mut kept = landmarks(&series.values);
    let finite: Vec<usize> = (0..n).filter(|&i| value(series, i).is_finite()).collect();
    let room = max_points.saturating_sub(kept.len());
    if room > 0 {
        let candidates = extremes(series, &finite, room * CANDIDATES_PER_POINT / 2);
        kept.extend(largest_triangles(series, &candidates, room));
    }
    kept.into_iter().collect()
}

fn value(series: &Series, i: usize) -> f64 {
    series.values.get(i).copied().unwrap_or(f64::NAN)
}

fn step(series: &Series, i: usize) -> f64 {
    series.steps.get(i).copied().unwrap_or(f64::NAN)
}

/// The points that no picture may lose.
fn landmarks(values: &[f64]) -> BTreeSet<usize> {
    let mut kept = BTreeSet::from([0, values.len() - 1]);
    let finite = || values.iter().enumerate().filter(|(_, v)| v.is_finite());
    kept.extend(finite().min_by(|a, b| a.1.total_cmp(b.1)).map(|(i, _)| i));
    // `max_by` takes the last of equals; the first is meant.
    kept.extend(finite().rev().max_by(|a, b| a.1.total_cmp(b.1)).map(|(i, _)| i));
    for (i, pair) in values.windows(2).enumerate() {
        match pair {
            [a, b] if a.is_finite() && !b.is_finite() => kept.insert(i),
            [a, b] if !a.is_finite() && b.is_finite() => kept.insert(i + 1),
            _ => false,
        };
    }
    kept
}

/// The smallest and the largest of each of `buckets` buckets of neighbouring points.
fn extremes(series: &Series, indices: &[usize], buckets: usize) -> Vec<usize> {
    let by_value = |a: &&usize, b: &&usize| value(series, **a).total_cmp(&value(series, **b));
    let mut out = Vec::with_capacity(buckets * 2);
    for bucket in indices.chunks(indices.len().div_ceil(buckets.max(1)).max(1)) {
        let low = bucket.iter().min_by(by_value).copied();
        let high = bucket.iter().max_by(by_value).copied();
        out.extend(low.min(high));
        out.extend(low.max(high).filter(|_| low != high));
    }
    out
}

/// From each bucket the point that spans the largest triangle with the point chosen before it
/// and the centre of the next bucket.
fn largest_triangles(series: &Series, candidates: &[usize], buckets: usize) -> Vec<usize> {
    let size = candidates.len().div_ceil(buckets).max(1);
    let chunks: Vec<&[usize]> = candidates.chunks(size).collect();
    let centre = |chunk: &[usize]| {
        let n = chunk.len() as f64;
        let (x, y) = chunk
            .iter()
            .fold((0.0, 0.0), |(x, y), &i| (x + step(series, i) / n, y + value(series, i) / n));
        (x, y)
    };
    let Some(first) = candidates.first() else { return Vec::new() };
    let mut before = (step(series, *first), value(series, *first));
    let mut chosen = Vec::with_capacity(buckets);
    for (k, chunk) in chunks.iter().enumerate() {
        let after = centre(chunks.get(k + 1).unwrap_or(chunk));
        let area = |i: usize| {
            let (x, y) = (step(series, i), value(series, i));
            ((before.0 - after.0) * (y - before.1) - (before.0 - x) * (after.1 - before.1)).abs()
        };
        let best = chunk.iter().copied().max_by(|&a, &b| area(a).total_cmp(&area(b)));
        if let Some(i) = best {
            before = (step(series, i), value(series, i));
            chosen.push(i);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(values: Vec<f64>) -> Series {
        let steps: Vec<f64> = (0..values.len()).map(|i| i as f64).collect();
        Series { times: steps.clone(), steps, values }
    }

    #[test]
    fn few_points_are_all_shown() {
        assert_eq!(sample(&series(vec![1.0, 2.0, 3.0]), 3), [0, 1, 2]);
        assert!(sample(&Series::default(), 0).is_empty());
    }

    #[test]
    fn a_single_spike_survives() {
        let mut values: Vec<f64> = (0..100_000).map(|i| (i as f64 * 0.01).sin()).collect();
        values[54_321] = 50.0;
        assert!(sample(&series(values), 100).contains(&54_321));
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
            let series = series(values.clone());
            let kept = sample(&series, max_points);
            prop_assert_eq!(&kept, &sample(&series, max_points), "deterministic");
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
