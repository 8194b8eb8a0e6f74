//! In which unit a rise is measured.

use crate::analysis::{curve::Curve, methods::noise::noise, run::Track};

/// The block medians of a curve in the unit in which its rises are judged.
pub(super) struct Scaled {
    /// `ln y` for a curve above zero, `y / gain` for others: a loss below zero has no ratios.
    pub curve: Curve,
    /// Whether the unit is the logarithm.
    pub logarithmic: bool,
    unit: f64,
}

impl Scaled {
    /// Scales the block medians of `track`.
    pub fn of(track: &Track) -> Self {
        let curve = track.blocks();
        if track.positive {
            return Self { curve: curve.map(f64::ln), logarithmic: true, unit: 1.0 };
        }
        let smooth = track.smooth();
        let gain = track.start() - smooth.value(Track::best(smooth));
        // A curve that never gained is measured by its noise.
        let unit = gain.max(10.0 * noise(&smooth.values)).max(f64::MIN_POSITIVE);
        Self { curve: curve.map(|v| v / unit), logarithmic: false, unit }
    }

    /// A single value in the unit.
    pub fn value(&self, value: f64) -> f64 {
        if self.logarithmic { value.ln() } else { value / self.unit }
    }

    /// A value in the unit as it would be logged.
    pub fn logged(&self, value: f64) -> f64 {
        if self.logarithmic { value.exp() } else { value * self.unit }
    }

    /// The threshold that is the ratio `ratio` of a positive curve, `share` of the gain of others.
    pub fn threshold(&self, ratio: f64, share: f64) -> f64 {
        if self.logarithmic { ratio.ln() } else { share }
    }

    /// How a rise of `x` reads in a sentence.
    pub fn say(&self, x: f64) -> String {
        match self.logarithmic {
            true => times(x.exp()),
            false if x < 10.0 => format!("{:.0} % of the gain", 100.0 * x),
            false => format!("{} the gain", times(x)),
        }
    }

    /// How the rise from `low` to `high`, values of the curve, reads in a sentence.
    pub fn say_between(&self, low: f64, high: f64) -> String {
        match self.logarithmic {
            true => self.say((high / low).ln()),
            false => self.say((high - low) / self.unit),
        }
    }

    /// A rise of `x` as a plain number: the ratio, or the difference.
    pub fn ratio_or_difference(&self, x: f64) -> f64 {
        if self.logarithmic { x.exp() } else { x * self.unit }
    }
}

/// How many times, with a digit where it counts.
fn times(ratio: f64) -> String {
    match ratio {
        ..100.0 => format!("{ratio:.1} x"),
        100.0..1e6 => format!("{ratio:.0} x"),
        _ => format!("{ratio:.0e} x"),
    }
}
