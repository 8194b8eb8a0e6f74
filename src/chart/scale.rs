//! From values to pixels.

/// The values that an axis spans, the lower one first; never equal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The lowest value.
    pub low: f64,
    /// The highest value.
    pub high: f64,
}

/// Spans below this part of their largest value are drawn as a constant: their numbers could not
/// be told apart.
const SMALLEST_SPAN: f64 = 1e-9;

impl Range {
    /// What holds all finite `values`; none where there is none. A single value gets room on both
    /// sides.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return None;
        }
        let largest = low.abs().max(high.abs());
        if high / 2.0 - low / 2.0 > SMALLEST_SPAN / 2.0 * largest {
            return Some(Self { low, high });
        }
        let room = if largest > f64::MIN_POSITIVE { 0.1 * largest } else { 1.0 };
        Some(Self { low: low - room, high: high + room })
    }

    /// Half of the distance: the whole may be more than a number holds.
    fn half(self) -> f64 {
        self.high / 2.0 - self.low / 2.0
    }

    /// With room of `share` at both ends.
    pub fn padded(self, share: f64) -> Self {
        let room = 2.0 * self.half() * share;
        let wide = Self { low: self.low - room, high: self.high + room };
        if room.is_finite() && wide.low.is_finite() && wide.high.is_finite() { wide } else { self }
    }
}

/// An axis: which value is at which pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Of values, or of their decimal logarithms.
    range: Range,
    is_log: bool,
    /// The pixels of the range's ends.
    from: f32,
    to: f32,
}

impl Scale {
    /// Values between `from` and `to`, in pixels.
    pub fn linear(range: Range, from: f32, to: f32) -> Self {
        Self { range, is_log: false, from, to }
    }

    /// The same by their logarithms; `range` is that of positive values.
    pub fn log(range: Range, from: f32, to: f32) -> Self {
        let range = Range { low: range.low.log10(), high: range.high.log10() };
        Self { range, is_log: true, from, to }
    }

    /// The same with room at the ends.
    pub fn padded(self, share: f64) -> Self {
        Self { range: self.range.padded(share), ..self }
    }

    /// The range, of logarithms where it is logarithmic.
    pub fn range(&self) -> Range {
        self.range
    }

    /// Whether it is logarithmic.
    pub fn is_log(&self) -> bool {
        self.is_log
    }

    /// The pixel of a value; none for what has no place.
    pub fn place(&self, value: f64) -> Option<f32> {
        let value = if self.is_log { value.log10() } else { value };
        let share = (value / 2.0 - self.range.low / 2.0) / self.range.half();
        share.is_finite().then_some(self.from + (self.to - self.from) * share as f32)
    }
}
