//! A curve as a line of text.

use super::scale::{Range, Scale};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Where nothing is finite.
const HOLE: char = '×';

/// The means of at most `width` stretches of neighbouring values, from the lowest to the highest;
/// `×` for a stretch without a finite value. With `is_log` by their logarithms, where all are above zero.
pub fn sparkline(values: &[f64], width: usize, is_log: bool) -> String {
    let is_log = is_log && values.iter().all(|value| !value.is_finite() || *value > 0.0);
    let size = values.len().div_ceil(width.max(1)).max(1);
    let means: Vec<Option<f64>> = values.chunks(size).map(|part| mean(part, is_log)).collect();
    let range = Range::of(means.iter().flatten().copied());
    let scale = range.map(|range| Scale::linear(range, 0.0, (BARS.len() - 1) as f32));
    let bar = |mean: f64| {
        let place = scale.and_then(|scale| scale.place(mean)).unwrap_or_default();
        BARS.get((place + 0.001).round() as usize).copied().unwrap_or(HOLE)
    };
    means.into_iter().map(|mean| mean.map_or(HOLE, bar)).collect()
}

fn mean(values: &[f64], is_log: bool) -> Option<f64> {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let finite = finite.map(|value| if is_log { value.ln() } else { value });
    // Exact for a constant.
    let grown =
        |mean: f64, (place, value): (usize, f64)| mean + (value - mean) / (place + 1) as f64;
    finite.clone().next().map(|first| finite.enumerate().fold(first, grown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_told_from_low_to_high() {
        let cases: [(&[f64], &str); 6] = [
            (&[8.0, 4.0, 2.0, 1.0], "█▄▂▁"),
            (&[1.0, f64::NAN, 2.0], "▁×█"),
            (&[3.0, 3.0, 3.0], "▅▅▅"),
            (&[f64::NAN], "×"),
            (&[-1e308, 1e308], "▁█"),
            (&[], ""),
        ];
        for (values, expected) in cases {
            assert_eq!(sparkline(values, 40, false), expected);
        }
        assert_eq!(sparkline(&[1e-6, 1e-3, 1.0], 40, true), "▁▅█");
        assert_eq!(sparkline(&[0.0, 1e-3, 1.0], 40, true), "▁▁█", "a zero has no logarithm");
        assert_eq!(sparkline(&[1.0; 1_000], 40, false).chars().count(), 40);
    }
}
