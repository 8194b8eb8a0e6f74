//! Speed, and what the GPUs did, joined to the run by time.

use crate::analysis::{
    curve::Curve,
    finding::{Confidence, Finding, Kind, Report},
    methods::{mann_kendall::tau, median::median_or_zero, pelt::change_points},
    number::{percent, show},
    role::{self, Role},
    run::Run,
    schedule,
    series::Series,
};
use crate::quote;

/// Fewest points for a statement about speed or a GPU.
const FEWEST: usize = 20;

/// Looks at the pace of the rows and at the system metrics.
pub fn check(run: &Run<'_>, report: &mut Report) {
    report.findings.extend(throughput_drop(run));
    let of = |wanted: Role| {
        run.facts.system.iter().filter(move |(name, series)| {
            role::classify(name).role == wanted && series.len() >= FEWEST
        })
    };
    if run.facts.system.is_empty() {
        report.skip("gpu_idle", "no system metrics are recorded");
        return;
    }
    let idle = of(Role::GpuUtilization).filter_map(|(name, series)| gpu_idle(name, series));
    let most = idle.min_by(|a, b| mean_of(a).total_cmp(&mean_of(b)));
    report.findings.extend(most);
    let growing = of(Role::GpuMemory).find_map(|(name, series)| memory_growth(run, name, series));
    report.findings.extend(growing);
}

fn mean_of(finding: &Finding) -> f64 {
    finding.evidence.get("median_percent").map_or(0.0, |n| n.0)
}

/// Steps per second since the pace last changed under 60 % of the median before.
fn throughput_drop(run: &Run<'_>) -> Option<Finding> {
    let pace = schedule::pace(run)?;
    if pace.len() < FEWEST {
        return None;
    }
    let pace = pace.blocks(500);
    // A pause of a few rows, as for an evaluation, is not a new pace.
    let enough = pace.len() * 9 / 10;
    let late = change_points(&pace.values).into_iter().rev().find(|at| *at <= enough)?;
    let before = median_or_zero(pace.between(0, late));
    let now = median_or_zero(pace.between(late, pace.len()));
    (before > 0.0 && now < 0.6 * before).then(|| {
        Finding::new(
            Kind::ThroughputDrop,
            "steps per second",
            format!(
                "{} steps per second since step {}, {} before",
                show(now),
                show(pace.step(late)),
                show(before)
            ),
        )
        .at(pace.step(late))
        .confidence(Confidence::Medium)
        .with("steps_per_second", now)
        .with("steps_per_second_before", before)
    })
}

/// A GPU that works less than 30 % of the time.
fn gpu_idle(name: &str, series: &Series) -> Option<Finding> {
    let finite: Vec<f64> = series.values.iter().copied().filter(|v| v.is_finite()).collect();
    let median = median_or_zero(&finite);
    (median < 30.0).then(|| {
        Finding::new(
            Kind::GpuIdle,
            name,
            format!("{} is {} % at the median: the GPU waits", quote::name(name), show(median)),
        )
        .confidence(Confidence::Medium)
        .with("median_percent", median)
        .with("samples", finite.len())
    })
}

/// Memory that grows to the end: by over a tenth in the second half, nearly without a fall.
fn memory_growth(run: &Run<'_>, name: &str, series: &Series) -> Option<Finding> {
    let (times, values): (Vec<f64>, Vec<f64>) = series
        .times
        .iter()
        .zip(&series.values)
        .filter(|(time, value)| time.is_finite() && value.is_finite())
        .unzip();
    let curve = Curve { steps: times, values };
    let half = curve.len() / 2;
    let second = Curve { steps: Vec::new(), values: curve.between(half, curve.len()).to_vec() };
    let blocks = second.blocks(100);
    let (middle, end) = (median_or_zero(blocks.head(0.1, 1)), median_or_zero(blocks.tail(0.1, 1)));
    let growth = end / middle - 1.0;
    let grows = blocks.len() >= 10 && middle > 0.0 && growth > 0.1 * run.strictness;
    (grows && tau(&blocks.values) > 0.9).then(|| {
        let step = schedule::step_at(run, curve.step(half));
        let finding = Finding::new(
            Kind::MemoryGrowth,
            name,
            format!(
                "{} grew {} in the second half, from {} to {}, and still grows",
                quote::name(name),
                percent(growth),
                show(middle),
                show(end)
            ),
        )
        .confidence(Confidence::Medium)
        .with("middle", middle)
        .with("end", end);
        match step {
            Some(step) => finding.at(step),
            None => finding,
        }
    })
}
