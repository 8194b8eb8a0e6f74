//! Round numbers along an axis, and how they are written.

use super::scale::{Range, Scale};

/// A number on an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Where.
    pub value: f64,
    /// As it is written.
    pub label: String,
}

/// Fewer ticks than this are made more.
const FEWEST: usize = 3;

/// The last digits of a logarithm or a power depend on the system's mathematical library; a tick at
/// the end of an axis may not.
const ROUNDING: f64 = 1e-9;

/// About `count` round numbers on an axis.
pub fn ticks(scale: &Scale, count: usize, is_whole: bool) -> Vec<Tick> {
    let of = |count: usize| match scale.is_log() {
        true => logarithmic(scale.range(), count),
        false => linear(scale.range(), count, is_whole),
    };
    let found = of(count);
    // One number says little of an axis.
    if found.len() < FEWEST && !is_whole { of(2 * count) } else { found }
}

/// Multiples of 1, 2 or 5 times a power of ten.
fn linear(range: Range, count: usize, is_whole: bool) -> Vec<Tick> {
    let step = step(range, count);
    let step = if is_whole { step.max(1.0) } else { step };
    let (first, last) = ((range.low / step).ceil(), (range.high / step).floor());
    let values: Vec<f64> = (0..=(last - first).clamp(0.0, 100.0) as u32)
        .map(|i| (first + f64::from(i)) * step)
        .collect();
    let form = Form::of(range, step);
    let inside = values.into_iter().filter(|value| (range.low..=range.high).contains(value));
    inside.map(|value| Tick { value, label: form.write(value) }).collect()
}

fn step(range: Range, count: usize) -> f64 {
    let raw = (range.high / count as f64 - range.low / count as f64).max(f64::MIN_POSITIVE);
    let unit = power_of_ten(raw.log10().floor() as i32);
    let round = [1.0, 2.0, 5.0].into_iter().find(|round| raw <= round * unit * 1.000_001);
    round.unwrap_or(10.0) * unit
}

/// The number nearest to the power: `powf` and `powi` can miss it by a digit that depends on the system.
fn power_of_ten(power: i32) -> f64 {
    format!("1e{power}").parse().unwrap_or(f64::INFINITY)
}

/// Powers of ten; between them twice and five times where there are few of them, and multiples of
/// something else where there is hardly one. `range` is that of the logarithms.
fn logarithmic(range: Range, count: usize) -> Vec<Tick> {
    let decades = range.high - range.low;
    let (first, last) = (range.low.floor() as i32, range.high.ceil() as i32);
    let factors: &[f64] = match decades {
        few if few < 1.0 => return crowded(range, count),
        few if few * 3.0 <= count as f64 + 2.0 => &[1.0, 2.0, 5.0],
        _ => &[1.0],
    };
    let stride = (decades / count as f64).ceil().max(1.0) as i32;
    let powers = (first..=last).filter(|power| power.rem_euclid(stride) == 0);
    let values = powers.flat_map(|power| factors.iter().map(move |by| by * power_of_ten(power)));
    let (low, high) = (range.low - ROUNDING, range.high + ROUNDING);
    let inside = values.filter(|value| (low..=high).contains(&value.log10()));
    inside.map(|value| Tick { value, label: single(value) }).collect()
}

/// Within a decade, what a linear axis would have.
fn crowded(range: Range, count: usize) -> Vec<Tick> {
    let low = 10_f64.powf(range.low) * (1.0 - ROUNDING);
    let range = Range { low, high: 10_f64.powf(range.high) * (1.0 + ROUNDING) };
    linear(range, count, false)
}

/// How all numbers of an axis are written.
struct Form {
    unit: f64,
    suffix: &'static str,
    /// Behind the point; none for powers of ten.
    decimals: Option<usize>,
    step: f64,
}

/// The power of ten of a number.
fn magnitude(value: f64) -> i32 {
    // A little more, so that 1000 is not taken for 999.999….
    (value.abs().log10() + ROUNDING).floor() as i32
}

impl Form {
    fn of(range: Range, step: f64) -> Self {
        let largest = range.low.abs().max(range.high.abs());
        let (unit, suffix) = match largest {
            large if large < 1e4 => (1.0, ""),
            large if large < 1e6 => (1e3, "k"),
            _ => (1e6, "M"),
        };
        let is_plain = (1e-3..1e9).contains(&largest);
        let decimals = is_plain.then(|| (-magnitude(step / unit)).max(0) as usize);
        Self { unit, suffix, decimals, step }
    }

    fn write(&self, value: f64) -> String {
        if value.abs() < self.step / 2.0 {
            return "0".to_owned();
        }
        let written = match self.decimals {
            Some(decimals) => format!("{:.decimals$}{}", value / self.unit, self.suffix),
            None => {
                let digits = (magnitude(value) - magnitude(self.step)).max(0) as usize;
                shortened(&format!("{value:.digits$e}"))
            }
        };
        signed(&written)
    }
}

/// A number of a logarithmic axis, for itself.
fn single(value: f64) -> String {
    let power = magnitude(value);
    match (-3..4).contains(&power) {
        true => format!("{value:.*}", (-power).max(0) as usize),
        false => shortened(&format!("{value:.0e}")),
    }
}

/// `1.50e-5` as `1.5e-5`.
fn shortened(scientific: &str) -> String {
    match scientific.split_once('e') {
        Some((digits, power)) if digits.contains('.') => {
            format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => scientific.to_owned(),
    }
}

/// With a minus as wide as a plus.
fn signed(number: &str) -> String {
    number.strip_prefix('-').map_or_else(|| number.to_owned(), |rest| format!("−{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64) -> Vec<String> {
        let scale = Scale::linear(Range { low, high }, 0.0, 1.0);
        ticks(&scale, 5, false).into_iter().map(|tick| tick.label).collect()
    }

    fn log_labels(low: f64, high: f64) -> Vec<String> {
        let scale = Scale::log(Range { low, high }, 0.0, 1.0);
        ticks(&scale, 5, false).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn numbers_are_round() {
        let cases: [(f64, f64, &[&str]); 11] = [
            (0.0, 1.0, &["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
            (0.1, 0.7, &["0.2", "0.4", "0.6"]),
            (-3.0, 3.0, &["−2", "0", "2"]),
            (0.0, 3_000.0, &["0", "1000", "2000", "3000"]),
            (0.0, 20_000.0, &["0", "5k", "10k", "15k", "20k"]),
            (0.0, 2.4e6, &["0", "0.5M", "1.0M", "1.5M", "2.0M"]),
            (0.0, 2e-5, &["0", "5e-6", "1e-5", "1.5e-5", "2e-5"]),
            (0.0, 1e12, &["0", "2e11", "4e11", "6e11", "8e11", "1e12"]),
            (
                1.000_001,
                1.000_002,
                &["1.0000010", "1.0000012", "1.0000014", "1.0000016", "1.0000018", "1.0000020"],
            ),
            (-1e308, 1e308, &["−1e308", "−5e307", "0", "5e307", "1e308"]),
            (1e-320, 2e-320, &["1e-320", "2e-320"]),
        ];
        for (low, high, expected) in cases {
            let found = labels(low, high);
            // At the end of what numbers can hold, it is enough that nothing breaks.
            if low > 0.0 && high < 1e-300 {
                assert!(found.len() < 100);
                continue;
            }
            assert_eq!(found, expected, "{low} to {high}");
        }
    }

    #[test]
    fn steps_have_nothing_between_whole_numbers() {
        let scale = Scale::linear(Range { low: 0.0, high: 2.0 }, 0.0, 1.0);
        let labels: Vec<String> = ticks(&scale, 8, true).into_iter().map(|t| t.label).collect();
        assert_eq!(labels, ["0", "1", "2"]);
    }

    #[test]
    fn logarithmic_axes_have_powers_of_ten() {
        assert_eq!(log_labels(1e-3, 1e3), ["0.01", "1", "100"]);
        assert_eq!(log_labels(0.3, 20.0), ["0.5", "1", "2", "5", "10", "20"]);
        assert_eq!(log_labels(0.3, 0.8), ["0.3", "0.4", "0.5", "0.6", "0.7", "0.8"]);
        assert_eq!(log_labels(1e-12, 1e12), ["1e-10", "1e-5", "1", "1e5", "1e10"]);
    }
}
