//! What the checks look at: one run's metrics by their roles.

use std::{borrow::Cow, cell::OnceCell};

use super::{
    course::Course,
    curve::{Curve, Ordered, Reset},
    methods::{
        mann_kendall::{Trend, mann_kendall},
        median::median_or_zero,
        noise::noise,
        running::running_median,
    },
    role::{self, Direction, Role, Split},
    series::Series,
};
use crate::quote;

mod resolve;

pub use resolve::Run;

/// Points of a curve that statistics look at.
const BLOCKS: usize = 2_000;
/// Points of a curve that quadratic statistics look at.
const FEW: usize = 200;

/// A value of a run's configuration.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// A number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// Any text.
    Text(String),
}

/// Whether a run is still being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// Rows arrive.
    Active,
    /// Rows are overdue.
    Idle,
    /// No more rows are expected.
    #[default]
    Ended,
}

/// All that is known of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunFacts<'a> {
    /// Every metric, in logged order.
    pub metrics: &'a [(String, Series)],
    /// Every system metric; their points are joined by time.
    pub system: &'a [(String, Series)],
    /// The configuration, flattened with dotted keys.
    pub config: &'a [(String, Scalar)],
    /// Whether rows still arrive.
    pub status: Status,
    /// The present, Unix seconds.
    pub now: Option<f64>,
}

/// How readily the checks speak: it scales their thresholds and nothing else. A threshold that
/// must be exceeded is multiplied, one that must not be reached is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    /// Thresholds × 1.5.
    Lenient,
    /// Thresholds as they are.
    #[default]
    Normal,
    /// Thresholds × 0.7.
    Strict,
}

impl Strictness {
    /// What thresholds are multiplied with.
    pub fn factor(self) -> f64 {
        match self {
            Self::Lenient => 1.5,
            Self::Normal => 1.0,
            Self::Strict => 0.7,
        }
    }
}

/// What the asker overrides.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The metric that training lowers or raises.
    pub train_metric: Option<String>,
    /// The metric that judges it on held-out data.
    pub eval_metric: Option<String>,
    /// How readily to speak.
    pub strictness: Strictness,
    /// Which way is better, by metric.
    pub directions: Vec<(String, Direction)>,
}

/// What is trained, as far as it changes what counts as good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// A loss that should fall.
    Supervised,
    /// Preferences: margins and accuracies count.
    Preference,
    /// Reinforcement: the reward counts, the loss says nothing.
    Reinforcement,
}

/// One metric with what the checks need of it.
#[derive(Debug, Clone)]
pub struct Track {
    /// Its name.
    pub name: String,
    /// What it measures.
    pub role: Role,
    /// Which way is better; down where nothing is known.
    pub direction: Direction,
    /// On which data.
    pub split: Option<Split>,
    /// The points that are not finite, as step and value.
    pub holes: Vec<(f64, f64)>,
    /// Where steps went back.
    pub resets: Vec<Reset>,
    /// How many points stood at a step that was logged again without going back.
    pub duplicates: usize,
    /// The finite points turned so that lower is better.
    pub curve: Curve,
    /// Whether ratios and logarithms mean something: a loss above zero throughout.
    pub positive: bool,
    blocks: OnceCell<Curve>,
    few: OnceCell<Curve>,
    smooth: OnceCell<Curve>,
    course: OnceCell<Course>,
    trend: OnceCell<Trend>,
}

impl Track {
    fn new(name: &str, series: &Series, directions: &[(String, Direction)]) -> Self {
        let class = role::classify(name);
        let overridden = directions.iter().find(|(n, _)| n == name).map(|(_, d)| *d);
        let direction = overridden.or(class.direction).unwrap_or(Direction::Min);
        let Ordered { mut curve, holes, resets, duplicates } = Ordered::of(series);
        if direction == Direction::Max {
            curve.values.iter_mut().for_each(|value| *value = -*value);
        }
        let positive = direction == Direction::Min && curve.values.iter().all(|v| *v > 0.0);
        Self {
            name: name.to_owned(),
            role: class.role,
            direction,
            split: class.split,
            holes,
            resets,
            duplicates,
            curve,
            positive,
            blocks: OnceCell::new(),
            few: OnceCell::new(),
            smooth: OnceCell::new(),
            course: OnceCell::new(),
            trend: OnceCell::new(),
        }
    }

    /// Its name within a sentence.
    pub fn shown(&self) -> Cow<'_, str> {
        quote::name(&self.name)
    }

    /// A value of `curve` as it was logged.
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

    /// The number of points, non-finite ones included.
    pub fn points(&self) -> usize {
        self.curve.len() + self.holes.len()
    }

    /// The last step, that of a non-finite point included.
    pub fn last_step(&self) -> Option<f64> {
        let holes = self.holes.last().map(|(step, _)| *step);
        self.curve.steps.last().copied().into_iter().chain(holes).max_by(f64::total_cmp)
    }

    /// Whether no point is finite.
    pub fn is_empty(&self) -> bool {
        self.curve.is_empty()
    }

    /// The finite points as they were logged.
    pub fn raw(&self) -> Cow<'_, Curve> {
        match self.direction {
            Direction::Min => Cow::Borrowed(&self.curve),
            Direction::Max => Cow::Owned(self.curve.map(|v| -v)),
        }
    }

    /// `curve` in at most 2,000 block medians.
    pub fn blocks(&self) -> &Curve {
        self.blocks.get_or_init(|| self.curve.blocks(BLOCKS))
    }

    /// `curve` in a few hundred block medians, for quadratic statistics.
    pub fn few(&self) -> &Curve {
        self.few.get_or_init(|| self.blocks().blocks(FEW))
    }

    /// Its way from start to end.
    pub fn course(&self) -> Course {
        *self.course.get_or_init(|| Course::of(self))
    }

    /// Its trend with a p-value, which costs many times what τ alone does.
    pub fn trend(&self) -> Trend {
        *self.trend.get_or_init(|| mann_kendall(&self.few().values))
    }

    /// The level at the start: the median of the first twentieth.
    pub fn start(&self) -> f64 {
        median_or_zero(self.blocks().head(0.05, 1))
    }

    /// The level now: the median of the last tenth, of three points at least.
    pub fn end(&self) -> f64 {
        median_or_zero(self.blocks().tail(0.1, if self.len() < 10 { 1 } else { 3 }))
    }

    /// The last value.
    pub fn last(&self) -> f64 {
        self.curve.value(self.len().saturating_sub(1))
    }

    /// The lowest point logged from step `from` to step `to`, as step and value.
    pub fn lowest_between(&self, from: f64, to: f64) -> Option<(f64, f64)> {
        self.points_between(from, to).min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The highest point logged from step `from` to step `to`, as step and value.
    pub fn highest_between(&self, from: f64, to: f64) -> Option<(f64, f64)> {
        self.points_between(from, to).max_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn points_between(&self, from: f64, to: f64) -> impl Iterator<Item = (f64, f64)> {
        let first = self.curve.steps.partition_point(|step| *step < from);
        let points = self.curve.steps.iter().copied().zip(self.curve.values.iter().copied());
        points.skip(first).take_while(move |(step, _)| *step <= to)
    }

    /// `blocks` without single outliers: a running median of five, of three for short curves.
    pub fn smooth(&self) -> &Curve {
        self.smooth.get_or_init(|| {
            let Curve { steps, values } = self.blocks();
            let window = if values.len() < 20 { 3 } else { 5 };
            Curve { steps: steps.clone(), values: running_median(values, window) }
        })
    }

    /// The noise of `blocks`, a standard deviation.
    pub fn noise(&self) -> f64 {
        noise(&self.blocks().values)
    }

    /// The noise of the logarithm of `blocks`; for a curve above zero.
    pub fn relative_noise(&self) -> f64 {
        noise(&self.blocks().map(f64::ln).values)
    }

    /// The index in `smooth` of its lowest point, the first of equals.
    pub fn best(smooth: &Curve) -> usize {
        let lowest = smooth.values.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
        lowest.map_or(0, |(i, _)| i)
    }

    /// The relative fall from start to end; the divisor is the larger of the two levels, so that
    /// a start at zero does no harm.
    pub fn drop(&self) -> f64 {
        let (start, end) = (self.start(), self.end());
        let scale = start.abs().max(end.abs());
        if scale > 0.0 { (start - end) / scale } else { 0.0 }
    }
}
