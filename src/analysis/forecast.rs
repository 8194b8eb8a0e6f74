//! Where a loss is heading, with an interval that the run's own past vouches for.
//!
//! Three curves are fitted, each linear but for one parameter that is tried on a grid, so that no
//! optimiser is needed and the same points give the same answer: `E + A t^-α` (as in scaling
//! laws: Kaplan et al., 2020), `E + A exp(-kt)`, and `a + b ln t` on the last half. The median of
//! the three is the projection; it never lies above the present level.

use rmcp::schemars::{self, JsonSchema};
use serde::Serialize;

use super::{
    curve::Curve,
    methods::{median::median_or_zero, noise::noise},
    number::{Number, percent},
    run::Track,
};

/// Points that are fitted.
const POINTS: usize = 200;
/// Fewest points to fit.
const FEWEST: usize = 12;
/// Fewest of the steps that must have been seen.
const LEAST_SEEN: f64 = 0.2;
/// Backtest errors are doubled: once times covered 0.75 to 0.80 of real runs, twice 0.91.
const COVERAGE: f64 = 2.0;
/// An interval wider than this, relative to the level, says nothing.
const WIDEST: f64 = 0.15;
/// Values tried for the one parameter that is not linear.
const GRID: usize = 32;

/// An interval for a loss at a later step; about 90 % of real runs ended inside theirs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Projection {
    /// The metric.
    pub metric: String,
    /// The step it speaks of.
    pub at_step: Number,
    /// The lower end.
    pub low: Number,
    /// The upper end.
    pub high: Number,
    /// The middle.
    pub central: Number,
    /// How it was made.
    pub method: &'static str,
    /// By how much the same method missed the present level when it saw only the earlier points.
    pub backtest_error_percent: Number,
}

/// The level of `track` at `at_step`, or why it cannot be projected.
pub fn project(track: &Track, at_step: f64) -> Result<Projection, String> {
    let curve = track.curve.blocks(POINTS);
    let last = curve.last_step();
    if !track.positive {
        return Err(format!("{} is not a loss above zero", track.shown()));
    }
    if curve.len() < FEWEST {
        return Err(format!("{} has {} points; {FEWEST} needed", track.shown(), track.len()));
    }
    if last < LEAST_SEEN * at_step {
        return Err(format!("only {} of the steps are done", percent(last / at_step)));
    }
    let now = track.end();
    let (central, spread) = median_model(&curve, at_step).ok_or("the curve cannot be fitted")?;
    let central = central.min(now);
    let backtest = backtest_error(&curve, now, at_step).ok_or("too few points for a backtest")?;
    let scatter = noise(&curve.values) / now;
    let half = COVERAGE * backtest.max(spread / now).max(scatter) * central;
    if half > WIDEST * central.abs() {
        return Err(format!(
            "the fits leave ± {}: too wide to be of use",
            percent(half / central.abs())
        ));
    }
    Ok(Projection {
        metric: track.name.clone(),
        at_step: Number(at_step),
        low: Number(central - half),
        high: Number(central + half),
        central: Number(central),
        method: "median of power law, exponential and log-time fits",
        backtest_error_percent: Number(100.0 * backtest),
    })
}

/// The median prediction at `at_step`, and half the distance between the other two.
fn median_model(curve: &Curve, at_step: f64) -> Option<(f64, f64)> {
    let time = Clock::of(curve)?;
    let t: Vec<f64> = curve.steps.iter().map(|s| time.at(*s)).collect();
    let target = time.at(at_step);
    let half = t.len() / 2;
    let mut all = [
        grid_fit(&t, &curve.values, target, |alpha, t| t.powf(-alpha), 0.05, 2.0)?,
        grid_fit(&t, &curve.values, target, |k, t| (-k * t).exp(), 0.5, 30.0)?,
        {
            let logs: Vec<f64> = t.iter().skip(half).map(|t| t.ln()).collect();
            let fit = huber_line(&logs, curve.between(half, curve.len()))?;
            fit.0 + fit.1 * target.ln()
        },
    ];
    all.sort_by(f64::total_cmp);
    let [low, middle, high] = all;
    let sensible = all.iter().all(|v| v.is_finite()) && middle > 0.0;
    sensible.then_some((middle, (high - low) / 2.0))
}

/// The largest relative error with which earlier parts of the curve foretell the level now. The
/// parts are as far from now as now is from the step in question.
fn backtest_error(curve: &Curve, now: f64, at_step: f64) -> Option<f64> {
    let last = curve.last_step();
    let seen = (last / at_step).clamp(0.5, 0.85);
    let error = |share: f64| {
        let cut = curve.index_after(share * last);
        let early = Curve {
            steps: curve.steps.get(..cut)?.to_vec(),
            values: curve.values.get(..cut)?.to_vec(),
        };
        if early.len() < 6 {
            return None;
        }
        let level = median_or_zero(early.tail(0.1, 3));
        let (predicted, _) = median_model(&early, last)?;
        Some((predicted.min(level) / now - 1.0).abs())
    };
    let errors = [error(seen), error(seen.sqrt())];
    errors.into_iter().flatten().max_by(f64::total_cmp)
}

/// Steps as time since just before the first point, the last point being 1.
struct Clock {
    origin: f64,
    span: f64,
}

impl Clock {
    fn of(curve: &Curve) -> Option<Self> {
        let first = *curve.steps.first()?;
        let spacing = (curve.last_step() - first) / (curve.len().max(2) - 1) as f64;
        let span = curve.last_step() - first + spacing;
        (span > 0.0).then_some(Self { origin: first - spacing, span })
    }

    fn at(&self, step: f64) -> f64 {
        (step - self.origin) / self.span
    }
}

/// The prediction of `E + A f(p, t)` with the best `p` of a geometric grid; `A` and `E` are kept
/// from going below zero.
fn grid_fit(
    t: &[f64],
    y: &[f64],
    target: f64,
    f: impl Fn(f64, f64) -> f64,
    from: f64,
    to: f64,
) -> Option<f64> {
    let ratio = (to / from).powf(1.0 / (GRID - 1) as f64);
    (0..GRID)
        .filter_map(|i| {
            let p = from * ratio.powi(i as i32);
            let x: Vec<f64> = t.iter().map(|t| f(p, *t)).collect();
            let (floor, amplitude) = huber_line(&x, y)?;
            let (floor, amplitude) = match (floor < 0.0, amplitude < 0.0) {
                (_, true) => (median_or_zero(y), 0.0),
                (true, _) => (0.0, through_origin(&x, y)),
                _ => (floor, amplitude),
            };
            let cost: f64 = x.iter().zip(y).map(|(x, y)| (y - floor - amplitude * x).abs()).sum();
            Some((cost, floor + amplitude * f(p, target)))
        })
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, prediction)| prediction)
}

/// Intercept and slope by least squares, reweighted three times so that residuals beyond 1.5
/// deviations pull only linearly (Huber, 1964).
fn huber_line(x: &[f64], y: &[f64]) -> Option<(f64, f64)> {
    let mut weights = vec![1.0; x.len()];
    let mut line = (0.0, 0.0);
    for _ in 0..4 {
        let total: f64 = weights.iter().sum();
        let mean = |v: &[f64]| v.iter().zip(&weights).map(|(v, w)| v * w).sum::<f64>() / total;
        let (mx, my) = (mean(x), mean(y));
        let moment = |a: &[f64], ma: f64| {
            x.iter().zip(a).zip(&weights).map(|((x, a), w)| w * (x - mx) * (a - ma)).sum::<f64>()
        };
        let spread = moment(x, mx);
        if spread.is_nan() || spread <= 0.0 {
            return None;
        }
        let slope = moment(y, my) / spread;
        line = (my - slope * mx, slope);
        let rest: Vec<f64> =
            x.iter().zip(y).map(|(x, y)| (y - line.0 - line.1 * x).abs()).collect();
        let limit = 1.5 * 1.4826 * median_or_zero(&rest);
        weights = rest.iter().map(|r| if *r > limit { limit / r } else { 1.0 }).collect();
        if limit <= 0.0 {
            break;
        }
    }
    Some(line)
}

fn through_origin(x: &[f64], y: &[f64]) -> f64 {
    let xy: f64 = x.iter().zip(y).map(|(x, y)| x * y).sum();
    let xx: f64 = x.iter().map(|x| x * x).sum();
    xy / xx.max(f64::MIN_POSITIVE)
}
