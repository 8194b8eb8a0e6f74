//! What a run made of its graphics cards, in a few numbers, from Trackio's own system metrics.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use crate::analysis::number::Number;
use crate::analysis::stats::Stats;
use crate::trackio::columns::{self, Columns, Wanted};
use crate::trackio::metric::Kind;
use crate::trackio::{Result, Run, Snapshot};

/// The graphics cards over the whole run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct GpuSummary {
    /// How many cards were measured.
    pub count: usize,
    /// In percent, of all cards and times.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub mean_utilization: Option<Number>,
    /// The most that one card held, in GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub peak_memory_gib: Option<Number>,
    /// What that card has, in GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub total_memory_gib: Option<Number>,
    /// Of one card, in watts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub mean_power_watts: Option<Number>,
    /// Of the hottest card, in degrees Celsius.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub max_temperature: Option<Number>,
}

impl GpuSummary {
    /// The summary of a run; `None` where no card was measured.
    pub fn of_run(snapshot: &Snapshot<'_>, run: &Run) -> Result<Option<Self>> {
        let columns = columns::of_run(snapshot, Kind::System, run, &Wanted::statistics())?;
        Ok(Self::of(&columns))
    }

    fn of(columns: &Columns) -> Option<Self> {
        let memory = of_cards(columns, "allocated_memory");
        let peak = memory
            .iter()
            .filter_map(|(card, stats)| Some((*card, stats.max.as_ref()?.value)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let total = |card| {
            let all = of_cards(columns, "total_memory");
            all.into_iter().find(|(other, _)| *other == card)?.1.max.map(|max| max.value)
        };
        let hottest = of_cards(columns, "temp").into_iter().filter_map(|(_, stats)| stats.max);
        let mut cards: Vec<usize> = columns.metrics.keys().filter_map(|name| card(name)).collect();
        cards.sort_unstable();
        cards.dedup();
        (!cards.is_empty()).then(|| Self {
            count: cards.len(),
            mean_utilization: mean(&of_cards(columns, "utilization")),
            peak_memory_gib: peak.map(|(_, value)| shown(value)),
            total_memory_gib: peak.and_then(|(card, _)| total(card)).map(shown),
            mean_power_watts: mean(&of_cards(columns, "power")),
            max_temperature: hottest.map(|max| max.value).reduce(f64::max).map(shown),
        })
    }
}

/// The card of `gpu/3/temp`.
fn card(metric: &str) -> Option<usize> {
    let (card, _) = metric.strip_prefix("gpu/")?.split_once('/')?;
    card.parse().ok()
}

/// The statistics of `gpu/{i}/{what}`, by card.
fn of_cards(columns: &Columns, what: &str) -> Vec<(usize, Stats)> {
    let of_card = |(name, column): (&String, &columns::Column)| {
        let card = card(name)?;
        let is_wanted = *name == format!("gpu/{card}/{what}") && column.count() > 0;
        is_wanted.then(|| (card, column.stats(None)))
    };
    columns.metrics.iter().filter_map(of_card).collect()
}

/// The mean of all values: a card that was measured more often counts more.
fn mean(cards: &[(usize, Stats)]) -> Option<Number> {
    let finite = |stats: &Stats| (stats.count - stats.non_finite) as f64;
    let sum: f64 = cards.iter().filter_map(|(_, s)| Some(s.mean? * finite(s))).sum();
    let count: f64 = cards.iter().map(|(_, stats)| finite(stats)).sum();
    (count > 0.0).then(|| shown(sum / count))
}

/// A tenth is exact enough.
fn shown(number: f64) -> Number {
    Number((10.0 * number).round() / 10.0)
}
