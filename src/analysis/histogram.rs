//! What a histogram tells: how many values, where they lie.

/// Counts in bins, as `trackio.Histogram` and `numpy.histogram` give them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    edges: Vec<f64>,
    counts: Vec<f64>,
}

/// The quantiles that a summary tells.
pub const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// A histogram in a few numbers. Within a bin values count as spread evenly, so all but the count
/// are as exact as the bins are narrow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// How many values there are.
    pub count: f64,
    /// The lower edge of the first bin with a value.
    pub low: f64,
    /// The upper edge of the last bin with a value.
    pub high: f64,
    /// The mean.
    pub mean: f64,
    /// The values at [`QUANTILES`].
    pub quantiles: [f64; 5],
}

impl Histogram {
    /// From the edges of the bins, one more than counts.
    pub fn new(edges: Vec<f64>, counts: Vec<f64>) -> Self {
        Self { edges, counts }
    }

    /// How many bins it has.
    pub fn bins(&self) -> usize {
        self.counts.len()
    }

    /// The numbers; `None` where it holds no values, or is none.
    pub fn summary(&self) -> Option<Summary> {
        let is_sound = self.edges.len() == self.counts.len() + 1
            && self.edges.is_sorted()
            && self.edges.iter().all(|edge| edge.is_finite())
            && self.counts.iter().all(|count| count.is_finite() && *count >= 0.0);
        let count: f64 = self.counts.iter().sum();
        if !is_sound || count <= 0.0 {
            return None;
        }
        let filled = || self.filled();
        let weighted: f64 =
            filled().map(|(low, high, n)| n / count * (low / 2.0 + high / 2.0)).sum();
        Some(Summary {
            count,
            low: filled().next()?.0,
            high: filled().last()?.1,
            mean: weighted,
            quantiles: QUANTILES.map(|part| self.quantile(part * count)),
        })
    }

    /// The bins with values: edges and count.
    fn filled(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        let highs = self.edges.iter().skip(1);
        let bins = self.edges.iter().zip(highs).zip(&self.counts);
        bins.map(|((low, high), count)| (*low, *high, *count)).filter(|(_, _, count)| *count > 0.0)
    }

    /// The value that `rank` values lie below.
    fn quantile(&self, rank: f64) -> f64 {
        let (mut below, mut last) = (0.0, f64::NAN);
        for (low, high, count) in self.filled() {
            if below + count >= rank {
                let part = ((rank - below) / count).clamp(0.0, 1.0);
                // Not by the difference of the edges, which can be infinite.
                return low * (1.0 - part) + high * part;
            }
            below += count;
            last = high;
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_follows_the_bins() {
        // 100 values, evenly from 0 to 100.
        let even =
            Histogram::new((0..=10).map(|edge| f64::from(edge) * 10.0).collect(), vec![10.0; 10]);
        let summary = even.summary().unwrap();
        assert_eq!((summary.count, summary.low, summary.high), (100.0, 0.0, 100.0));
        assert!((summary.mean - 50.0).abs() < 1e-9);
        for (quantile, expected) in summary.quantiles.into_iter().zip([5.0, 25.0, 50.0, 75.0, 95.0])
        {
            assert!((quantile - expected).abs() < 1e-9, "{quantile} {expected}");
        }
        // Empty bins at both ends hold nothing.
        let middle = Histogram::new(vec![0.0, 1.0, 2.0, 3.0], vec![0.0, 4.0, 0.0]);
        let summary = middle.summary().unwrap();
        assert_eq!((summary.low, summary.high, summary.quantiles[2]), (1.0, 2.0, 1.5));
    }

    #[test]
    fn what_is_no_histogram_has_no_summary() {
        let cases = [
            (vec![], vec![]),
            (vec![0.0, 1.0], vec![0.0]),
            (vec![0.0, 1.0], vec![1.0, 2.0]),
            (vec![1.0, 0.0], vec![1.0]),
            (vec![0.0, f64::NAN], vec![1.0]),
            (vec![0.0, 1.0], vec![-1.0]),
        ];
        for (edges, counts) in cases {
            assert_eq!(Histogram::new(edges, counts).summary(), None);
        }
        let wide = Histogram::new(vec![f64::MIN, f64::MAX], vec![2.0]);
        assert_eq!(wide.summary().unwrap().mean, 0.0);
    }
}
