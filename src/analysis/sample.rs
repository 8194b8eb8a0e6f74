//! Which points to show when there are too many.
//!
//! Minimum and maximum of each bucket first, then Largest-Triangle-Three-Buckets among those
//! (Steinarsson, "Downsampling time series for visual representation", 2013): MinMaxLTTB of
//! Van Der Donckt et al., 2023. It is a display aid only: statistics see every point.

/// How many candidates the first pass leaves for each point of the second.
const CANDIDATES_PER_POINT: usize = 4;

/// So many neighbouring points make a block of the finest [`Level`] of an [`Outline`].
const BLOCK: usize = 64;

/// So many blocks of a level make one of the next.
const GROWTH: usize = 4;

/// A point of a curve. It is kept whole: to fetch some thousands from all over a long curve takes
/// most of the time of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Its place in the curve.
    pub index: usize,
    /// Its step.
    pub step: f64,
    /// Its value.
    pub value: f64,
}

/// The indices of about `max_points` points, ascending.
///
/// Always kept, even beyond `max_points`: the first and last point, the smallest and largest
/// value, and the finite neighbours of every stretch of non-finite values.
pub fn sample(steps: &[f64], values: &[f64], max_points: usize) -> Vec<usize> {
    let mut outline = Outline::default();
    steps.iter().zip(values).for_each(|(step, value)| outline.push(*step, *value));
    outline.sample(steps, values, max_points).iter().map(|point| point.index).collect()
}

/// What a sample needs of a long curve, grown point by point: then no sample has to look at all
/// points again.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    /// The finest first: a sample takes the coarsest that has candidates enough.
    levels: [Level; 3],
    /// Of the whole blocks of the coarsest level.
    extremes: Extremes,
    /// The finite neighbours of non-finite stretches.
    edges: Vec<Point>,
    first: Option<Point>,
    last: Option<Point>,
    length: usize,
}

/// The lowest and the highest finite point of each block.
#[derive(Debug, Clone, Default)]
struct Level {
    whole_blocks: Vec<Point>,
    block_at_hand: Extremes,
}

/// The first of the lowest and the first of the highest points.
#[derive(Debug, Clone, Copy, Default)]
struct Extremes(Option<(Point, Point)>);

impl Outline {
    /// Takes the next point in.
    pub fn push(&mut self, step: f64, value: f64) {
        let point = Point { index: self.length, step, value };
        if value.is_finite() {
            let [finest, ..] = &mut self.levels;
            finest.block_at_hand.add(point);
        }
        match self.last.replace(point) {
            Some(last) if last.value.is_finite() != value.is_finite() => {
                self.edges.push(if value.is_finite() { point } else { last });
            }
            Some(_) => {}
            None => self.first = Some(point),
        }
        self.length += 1;
        if self.length.is_multiple_of(BLOCK) {
            self.end_blocks();
        }
    }

    /// Puts the block that has become whole away, and those of coarser levels that end with it.
    fn end_blocks(&mut self) {
        let mut ended = Extremes::default();
        let mut points = BLOCK;
        for level in &mut self.levels {
            level.block_at_hand.extend(ended.in_order());
            if !self.length.is_multiple_of(points) {
                return;
            }
            ended = std::mem::take(&mut level.block_at_hand);
            level.whole_blocks.extend(ended.in_order());
            points *= GROWTH;
        }
        self.extremes.extend(ended.in_order());
    }

    /// [`sample`] of the points that were pushed: `steps` and `values`, which a long curve does
    /// not look at.
    pub fn sample(&self, steps: &[f64], values: &[f64], max_points: usize) -> Vec<Point> {
        if self.length <= max_points {
            return points(steps, values).collect();
        }
        let candidates = self.candidates(max_points * CANDIDATES_PER_POINT);
        let candidates = candidates
            .unwrap_or_else(|| points(steps, values).filter(|p| p.value.is_finite()).collect());
        let mut kept: Vec<Point> = self.first.into_iter().chain(self.last).collect();
        kept.extend(&self.edges);
        kept.extend(self.extremes.and(at_hand(&self.levels)).in_order());
        sort(&mut kept);
        let room = max_points.saturating_sub(kept.len());
        if room > 0 {
            let candidates = extremes(&candidates, room * CANDIDATES_PER_POINT / 2);
            kept.extend(largest_triangles(&candidates, room));
            sort(&mut kept);
        }
        kept
    }

    /// Those of the coarsest level that has `enough`, if one has.
    fn candidates(&self, enough: usize) -> Option<Vec<Point>> {
        let coarsest = self.levels.iter().rposition(|level| level.whole_blocks.len() >= enough)?;
        let levels = self.levels.get(..=coarsest)?;
        let whole_blocks = levels.last()?.whole_blocks.iter().copied();
        Some(whole_blocks.chain(at_hand(levels).in_order()).collect())
    }

    /// The memory it takes.
    pub fn bytes(&self) -> usize {
        let points: usize = self.levels.iter().map(|level| level.whole_blocks.capacity()).sum();
        (points + self.edges.capacity()) * size_of::<Point>()
    }
}

/// What no level has in a whole block. What is at hand of a coarse one came before what is at hand
/// of the finer ones.
fn at_hand(levels: &[Level]) -> Extremes {
    levels.iter().rev().flat_map(|level| level.block_at_hand.in_order()).collect()
}

/// The points of a curve.
pub fn points(steps: &[f64], values: &[f64]) -> impl Iterator<Item = Point> {
    let points = steps.iter().zip(values).enumerate();
    points.map(|(index, (&step, &value))| Point { index, step, value })
}

fn sort(points: &mut Vec<Point>) {
    points.sort_unstable_by_key(|point| point.index);
    points.dedup_by_key(|point| point.index);
}

impl Extremes {
    /// Takes a later point in.
    fn add(&mut self, point: Point) {
        let (low, high) = self.0.get_or_insert((point, point));
        if point.value < low.value {
            *low = point;
        }
        if point.value > high.value {
            *high = point;
        }
    }

    /// Takes the extremes of later points in.
    fn and(mut self, later: Self) -> Self {
        self.extend(later.in_order());
        self
    }

    /// Both by their place, a point that is both once.
    fn in_order(self) -> impl Iterator<Item = Point> + use<> {
        let ordered = self.0.map(|(a, b)| if b.index < a.index { (b, a) } else { (a, b) });
        let second = ordered.filter(|(a, b)| a.index != b.index).map(|(_, b)| b);
        ordered.map(|(a, _)| a).into_iter().chain(second)
    }
}

impl Extend<Point> for Extremes {
    fn extend<I: IntoIterator<Item = Point>>(&mut self, points: I) {
        points.into_iter().for_each(|point| self.add(point));
    }
}

impl FromIterator<Point> for Extremes {
    fn from_iter<I: IntoIterator<Item = Point>>(points: I) -> Self {
        let mut extremes = Self::default();
        extremes.extend(points);
        extremes
    }
}

/// The lowest and the highest of each of `buckets` buckets of neighbouring candidates.
fn extremes(candidates: &[Point], buckets: usize) -> Vec<Point> {
    let size = candidates.len().div_ceil(buckets.max(1)).max(1);
    let of_bucket = |bucket: &[Point]| bucket.iter().copied().collect::<Extremes>().in_order();
    candidates.chunks(size).flat_map(of_bucket).collect()
}

/// From each bucket the point that spans the largest triangle with the point chosen before it
/// and the centre of the next bucket.
fn largest_triangles(candidates: &[Point], buckets: usize) -> Vec<Point> {
    let size = candidates.len().div_ceil(buckets).max(1);
    let chunks: Vec<&[Point]> = candidates.chunks(size).collect();
    let centre = |chunk: &[Point]| {
        let n = chunk.len() as f64;
        chunk.iter().fold((0.0, 0.0), |(x, y), point| (x + point.step / n, y + point.value / n))
    };
    let Some(first) = candidates.first() else { return Vec::new() };
    let mut before = *first;
    let mut chosen = Vec::with_capacity(buckets);
    for (k, chunk) in chunks.iter().enumerate() {
        let after = centre(chunks.get(k + 1).unwrap_or(chunk));
        let area = |point: &Point| {
            ((before.step - after.0) * (point.value - before.value)
                - (before.step - point.step) * (after.1 - before.value))
                .abs()
        };
        let best = chunk.iter().max_by(|a, b| area(a).total_cmp(&area(b)));
        if let Some(point) = best {
            before = *point;
            chosen.push(*point);
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
            outline.push(steps[n], *value);
            if n % 9_999 == 0 {
                let (steps, values) = (&steps[..=n], &values[..=n]);
                for most in [10, 100, 1_000] {
                    let sampled = outline.sample(steps, values, most);
                    let indices: Vec<usize> = sampled.iter().map(|point| point.index).collect();
                    assert_eq!(indices, sample(steps, values, most));
                }
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
        prop::collection::vec(value, 0..2_000)
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
