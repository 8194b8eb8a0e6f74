//! A series made ready for statistics: sorted, one value a step, finite apart from non-finite.

use super::{methods::median::median_or_zero, series::Series};

/// Finite values at strictly ascending steps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    /// The steps.
    pub steps: Vec<f64>,
    /// The values.
    pub values: Vec<f64>,
}

impl Curve {
    /// The number of points.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The last step, 0 when empty.
    pub fn last_step(&self) -> f64 {
        self.steps.last().copied().unwrap_or(0.0)
    }

    /// The step at `index`, the last beyond the end.
    pub fn step(&self, index: usize) -> f64 {
        self.steps.get(index).copied().unwrap_or_else(|| self.last_step())
    }

    /// The value at `index`, NaN beyond the end.
    pub fn value(&self, index: usize) -> f64 {
        self.values.get(index).copied().unwrap_or(f64::NAN)
    }

    /// The values from `from` up to, not including, `to`.
    pub fn between(&self, from: usize, to: usize) -> &[f64] {
        self.values.get(from..to.min(self.len())).unwrap_or_default()
    }

    /// The first `share` of the values, at least `least`.
    pub fn head(&self, share: f64, least: usize) -> &[f64] {
        self.between(0, part(self.len(), share, least))
    }

    /// The last `share` of the values, at least `least`.
    pub fn tail(&self, share: f64, least: usize) -> &[f64] {
        self.between(self.len() - part(self.len(), share, least), self.len())
    }

    /// The index of the first point after `step`.
    pub fn index_after(&self, step: f64) -> usize {
        self.steps.partition_point(|s| *s <= step)
    }

    /// The median of about `count` values around `step`.
    pub fn level_at(&self, step: f64, count: usize) -> f64 {
        let after = self.index_after(step);
        let from = after.saturating_sub(count.div_ceil(2));
        median_or_zero(self.between(from, from + count.max(1)))
    }

    /// At most about `most` points: the medians of blocks of neighbours, at their middle step.
    pub fn blocks(&self, most: usize) -> Self {
        let size = self.len().div_ceil(most.max(1));
        if size <= 1 {
            return self.clone();
        }
        let middle = |block: &[f64]| block.get(block.len() / 2).copied().unwrap_or_default();
        Self {
            steps: self.steps.chunks(size).map(middle).collect(),
            values: self.values.chunks(size).map(median_or_zero).collect(),
        }
    }

    /// The same steps with every value changed by `change`.
    pub fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        Self {
            steps: self.steps.clone(),
            values: self.values.iter().copied().map(change).collect(),
        }
    }
}

/// `share` of `n`, at least `least` and at most `n`.
fn part(n: usize, share: f64, least: usize) -> usize {
    ((n as f64 * share).round() as usize).max(least).min(n)
}

/// Logging that went back to an earlier step, as a resumed run does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reset {
    /// The step that had been reached.
    pub reached: f64,
    /// The step from which logging went on.
    pub resumed_at: f64,
}

/// A series in order: one value a step, the last written.
#[derive(Debug, Clone, Default)]
pub struct Ordered {
    /// The finite points.
    pub curve: Curve,
    /// The other points, as step and value.
    pub holes: Vec<(f64, f64)>,
    /// Where steps went back.
    pub resets: Vec<Reset>,
    /// How many points stood at a step that was logged again without going back.
    pub duplicates: usize,
}

impl Ordered {
    /// Puts `series` in order. Which point was written last is told by time, and by position
    /// where times are missing or equal.
    pub fn of(series: &Series) -> Self {
        let ascending = series.steps.is_sorted_by(|a, b| a < b);
        if ascending && series.steps.iter().all(|step| step.is_finite()) {
            if series.values.iter().all(|value| value.is_finite()) {
                let curve = Curve { steps: series.steps.clone(), values: series.values.clone() };
                return Self { curve, ..Self::default() };
            }
            let (curve, holes) =
                split(series.steps.iter().copied().zip(series.values.iter().copied()));
            return Self { curve, holes, ..Self::default() };
        }
        let mut written = written_order(series);
        let resets = resets(&written);
        // Stable: at one step the order of writing stays.
        written.sort_by(|a, b| a.0.total_cmp(&b.0));
        let before = written.len();
        // `dedup_by` keeps the first of equals: the later one is copied over it.
        written.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                *kept = *later;
            }
            same
        });
        let duplicates = if resets.is_empty() { before - written.len() } else { 0 };
        let (curve, holes) = split(written.into_iter());
        Self { curve, holes, resets, duplicates }
    }
}

/// The finite points and the others.
fn split(points: impl ExactSizeIterator<Item = (f64, f64)>) -> (Curve, Vec<(f64, f64)>) {
    let n = points.len();
    let mut curve = Curve { steps: Vec::with_capacity(n), values: Vec::with_capacity(n) };
    let mut holes = Vec::new();
    for (step, value) in points {
        if value.is_finite() {
            curve.steps.push(step);
            curve.values.push(value);
        } else {
            holes.push((step, value));
        }
    }
    (curve, holes)
}

/// The points as they were written; points without a usable step are left out.
fn written_order(series: &Series) -> Vec<(f64, f64)> {
    let timed = series.times.iter().all(|time| time.is_finite());
    let in_order = series.times.is_sorted_by(|a, b| a <= b);
    let points = || series.steps.iter().copied().zip(series.values.iter().copied());
    let usable = |point: &(f64, f64)| point.0.is_finite();
    if !timed || in_order {
        return points().filter(usable).collect();
    }
    let mut timed: Vec<(f64, (f64, f64))> = series.times.iter().copied().zip(points()).collect();
    // Rows of one flush share their time: among those the steps decide.
    timed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.0.total_cmp(&b.1.0)));
    timed.into_iter().map(|(_, point)| point).filter(usable).collect()
}

/// Where steps go back; none when they do so all the time, as rows without order do.
fn resets(written: &[(f64, f64)]) -> Vec<Reset> {
    let mut reached = f64::NEG_INFINITY;
    let mut previous = f64::NEG_INFINITY;
    let mut resets = Vec::new();
    for &(step, _) in written {
        if step < previous {
            resets.push(Reset { reached, resumed_at: step });
        }
        reached = reached.max(step);
        previous = step;
    }
    if resets.len() > 1 + written.len() / 20 {
        resets.clear();
    }
    resets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(f64, f64, f64)]) -> Series {
        let mut series = Series::default();
        for &(step, time, value) in points {
            series.push(step, time, value);
        }
        series
    }

    #[test]
    fn a_resumed_run_keeps_what_was_written_last() {
        let ordered = Ordered::of(&series(&[
            (1.0, 1.0, 5.0),
            (2.0, 2.0, 4.0),
            (3.0, 3.0, 9.0),
            (2.0, 4.0, 3.5),
            (3.0, 5.0, 3.0),
        ]));
        assert_eq!(ordered.curve.values, [5.0, 3.5, 3.0]);
        assert_eq!(ordered.resets, [Reset { reached: 3.0, resumed_at: 2.0 }]);
        assert_eq!(ordered.duplicates, 0);
    }

    #[test]
    fn shuffled_rows_are_put_back_by_time() {
        let ordered = Ordered::of(&series(&[
            (3.0, 5.0, 3.0),
            (1.0, 1.0, 5.0),
            (3.0, 3.0, 9.0),
            (2.0, 4.0, 3.5),
            (2.0, 2.0, 4.0),
        ]));
        assert_eq!(ordered.curve.values, [5.0, 3.5, 3.0]);
        assert_eq!(ordered.resets.len(), 1);
    }

    #[test]
    fn non_finite_values_stay_apart() {
        let ordered = Ordered::of(&series(&[
            (1.0, f64::NAN, 1.0),
            (2.0, f64::NAN, f64::NAN),
            (2.0, f64::NAN, 2.0),
            (3.0, f64::NAN, f64::INFINITY),
            (f64::NAN, f64::NAN, 7.0),
        ]));
        assert_eq!(ordered.curve.steps, [1.0, 2.0]);
        assert_eq!((ordered.holes.len(), ordered.duplicates), (1, 1));
    }

    #[test]
    fn levels_and_blocks() {
        let curve = Curve {
            steps: (0..100).map(f64::from).collect(),
            values: (0..100).map(f64::from).collect(),
        };
        assert_eq!(
            curve.blocks(10).values,
            [4.5, 14.5, 24.5, 34.5, 44.5, 54.5, 64.5, 74.5, 84.5, 94.5]
        );
        assert_eq!(curve.level_at(50.0, 5), 50.0);
        assert_eq!(curve.tail(0.1, 3).len(), 10);
        assert_eq!(curve.head(0.001, 3).len(), 3);
        assert_eq!(Curve::default().level_at(3.0, 5), 0.0);
    }
}
