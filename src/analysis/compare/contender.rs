//! One metric of one run, smoothed, with the error of its levels.

use crate::analysis::{
    curve::{Curve, Ordered},
    methods::{
        mann_kendall::autocorrelation,
        median::{mad, median_or_zero},
        noise::noise,
        running::running_median,
    },
    role::Direction,
    series::Series,
    stats::Point,
};

/// Points of a curve that are smoothed.
const BLOCKS: usize = 2_000;
/// A shorter curve is taken as it is: its points are few, and usually averages of many samples.
const FEW: usize = 10;
/// With fewer points nothing can be said of noise.
const FEWEST_FOR_NOISE: usize = 6;
/// The error of a median, in errors of a mean, of normal noise.
const OF_MEDIAN: f64 = 1.253;

/// A level of a curve, turned so that lower is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The level.
    pub value: f64,
    /// Its standard error; `None` where too few points tell the noise.
    pub error: Option<f64>,
}

/// One metric of one run.
#[derive(Debug, Clone)]
pub struct Contender {
    /// The points as logged.
    pub series: Series,
    /// How many points are not finite.
    pub non_finite: usize,
    /// Whether steps went back, as a resumed run's do.
    pub resumed: bool,
    direction: Direction,
    curve: Curve,
    blocks: Curve,
    smooth: Curve,
    window: usize,
}

impl Contender {
    /// Of a series; `None` where no value is finite. Where nothing is known of the direction,
    /// lower is taken for better: then no rank is to be read from it.
    pub fn of(series: Series, direction: Option<Direction>) -> Option<Self> {
        let direction = direction.unwrap_or(Direction::Min);
        let Ordered { mut curve, holes, resets, .. } = Ordered::of(&series);
        if direction == Direction::Max {
            curve.values.iter_mut().for_each(|value| *value = -*value);
        }
        let contender = Self {
            series,
            non_finite: holes.len(),
            resumed: !resets.is_empty(),
            direction,
            curve: Curve::default(),
            blocks: Curve::default(),
            smooth: Curve::default(),
            window: 1,
        };
        (!curve.is_empty()).then(|| contender.with_curve(curve))
    }

    fn with_curve(self, curve: Curve) -> Self {
        let blocks = curve.blocks(BLOCKS);
        let window = match blocks.len() {
            n if n < FEW => 1,
            n => (n / 20).clamp(3, 101) | 1,
        };
        let values = running_median(&blocks.values, window);
        let smooth = Curve { steps: blocks.steps.clone(), values };
        Self { curve, blocks, smooth, window, ..self }
    }

    /// The same run as it was when it had reached `step`; `None` before its first point.
    ///
    /// Cut first and smoothed then, so that a run which ended there is compared with its like.
    pub fn until(&self, step: f64) -> Option<Self> {
        let kept = self.curve.index_after(step);
        let cut = |of: &[f64]| of.get(..kept).unwrap_or_default().to_vec();
        let curve = Curve { steps: cut(&self.curve.steps), values: cut(&self.curve.values) };
        let whole = Self { series: Series::default(), ..self.clone() };
        (!curve.is_empty()).then(|| whole.with_curve(curve))
    }

    /// A turned value as it was logged.
    pub fn logged(&self, value: f64) -> f64 {
        match self.direction {
            Direction::Min => value,
            Direction::Max => -value,
        }
    }

    /// The number of finite points.
    pub fn len(&self) -> usize {
        self.curve.len()
    }

    /// Never: a contender has a finite point.
    pub fn is_empty(&self) -> bool {
        self.curve.is_empty()
    }

    /// Whether levels are medians of neighbours rather than single values.
    pub fn is_smoothed(&self) -> bool {
        self.window > 1
    }

    /// The steps of the finite points, ascending.
    pub fn steps(&self) -> &[f64] {
        &self.curve.steps
    }

    /// The last step with a finite value.
    pub fn last_step(&self) -> f64 {
        self.curve.last_step()
    }

    /// The usual distance between points, in steps; `None` for a single point.
    pub fn spacing(&self) -> Option<f64> {
        let gaps: Vec<f64> = self
            .curve
            .steps
            .windows(2)
            .filter_map(|pair| match pair {
                [a, b] => Some(b - a),
                _ => None,
            })
            .collect();
        (!gaps.is_empty()).then(|| median_or_zero(&gaps))
    }

    /// The level at the start, as logged: the median of the first twentieth.
    pub fn start(&self) -> f64 {
        self.logged(median_or_zero(self.curve.head(0.05, 1)))
    }

    /// The lowest and the highest value, as logged.
    pub fn range(&self) -> (f64, f64) {
        let logged = || self.curve.values.iter().map(|value| self.logged(*value));
        (logged().fold(f64::INFINITY, f64::min), logged().fold(f64::NEG_INFINITY, f64::max))
    }

    /// The last finite value, as logged.
    pub fn last(&self) -> Point {
        let last = self.curve.len().saturating_sub(1);
        Point { step: self.curve.step(last), value: self.logged(self.curve.value(last)) }
    }

    /// The best smoothed level.
    pub fn best(&self) -> Level {
        self.level(self.best_index())
    }

    /// The step around which the smoothed curve is best.
    pub fn best_step(&self) -> f64 {
        self.smooth.step(self.best_index())
    }

    /// The smoothed level at the end.
    pub fn end(&self) -> Level {
        self.level(self.smooth.len().saturating_sub(1))
    }

    /// The best single value, as logged. One that its neighbours deny (a loss of 0.0 between two
    /// of 0.5) is passed over.
    pub fn quoted(&self) -> Point {
        let single = 8.0 * noise(&self.blocks.values);
        let mut best: Option<(usize, f64)> = None;
        for (i, &value) in self.curve.values.iter().enumerate() {
            let better = best.is_none_or(|(_, best)| value < best);
            if better && (self.window == 1 || !self.is_denied(i, value, single)) {
                best = Some((i, value));
            }
        }
        match best {
            Some((i, value)) => Point { step: self.curve.step(i), value: self.logged(value) },
            None => self.last(),
        }
    }

    /// Whether the value lies further below its neighbours than they lie apart.
    fn is_denied(&self, i: usize, value: f64, single: f64) -> bool {
        let from = i.saturating_sub(2);
        let around = self.curve.between(from, i + 3).iter().enumerate();
        let others: Vec<f64> =
            around.filter(|(j, _)| from + j != i).map(|(_, value)| *value).collect();
        let lowest = others.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = others.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        lowest - value > single.max(3.0 * (highest - lowest))
    }

    fn best_index(&self) -> usize {
        let lowest = self.smooth.values.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
        lowest.map_or(0, |(i, _)| i)
    }

    fn level(&self, at: usize) -> Level {
        let reach = (self.blocks.len() / 10).max(FEW);
        let error = self.error(at, at.saturating_sub(reach), at + reach + 1);
        Level { value: self.smooth.value(at), error }
    }

    /// The smoothed curve.
    pub fn smooth(&self) -> &Curve {
        &self.smooth
    }

    /// The error of a smoothed level anywhere.
    pub fn usual_error(&self) -> Option<f64> {
        self.error(self.blocks.len() / 2, 0, self.blocks.len())
    }

    /// The standard error of the smoothed level at `at`, from the points `from..to` around it.
    fn error(&self, at: usize, from: usize, to: usize) -> Option<f64> {
        if self.blocks.len() < FEWEST_FOR_NOISE {
            return None;
        }
        let around = self.blocks.between(from, to);
        let single = white(around);
        if self.window == 1 {
            return Some(single);
        }
        let residuals: Vec<f64> =
            around.iter().zip(self.smooth.between(from, to)).map(|(y, s)| y - s).collect();
        let single = single.max(mad(&residuals).unwrap_or(0.0));
        // Neighbours that err together count for fewer.
        let rho = autocorrelation(&residuals, 1).first().copied().unwrap_or(0.0).clamp(0.0, 0.9);
        let half = self.window / 2;
        let points = self.smooth.between(at.saturating_sub(half), at + half + 1).len().max(1);
        let inflation = (1.0 + rho) / (1.0 - rho);
        Some(OF_MEDIAN * single * (inflation / points as f64).sqrt())
    }
}

/// The noise of single points. Third differences (of deviation σ√20) cancel a bend as second ones
/// cancel a slope: a short curve that levels off is not taken for a noisy one.
fn white(values: &[f64]) -> f64 {
    let second = noise(values);
    let third: Vec<f64> = values
        .windows(4)
        .map(|w| match w {
            [a, b, c, d] => d - 3.0 * c + 3.0 * b - a,
            _ => 0.0,
        })
        .collect();
    match third.len() {
        0..3 => second,
        _ => second.min(mad(&third).unwrap_or(second) / 20.0_f64.sqrt()),
    }
}
