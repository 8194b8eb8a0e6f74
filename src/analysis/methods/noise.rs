//! How noisy a curve is, apart from where it goes.

use super::median::mad;

/// The standard deviation of the noise on a smooth curve: `1.4826 · MAD(Δ²y) / √6`.
///
/// Second differences cancel any straight slope, so that a falling curve is not taken for a noisy
/// one; white noise of deviation σ gives them the deviation σ√6. 0 with fewer than four points.
pub fn noise(values: &[f64]) -> f64 {
    if values.len() < 4 {
        return 0.0;
    }
    let second: Vec<f64> = values
        .windows(3)
        .map(|w| match w {
            [a, b, c] => a - 2.0 * b + c,
            _ => 0.0,
        })
        .collect();
    mad(&second).unwrap_or(0.0) / 6.0_f64.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A deterministic stand-in for normal noise: the sum of uniform hashes.
    fn white(i: u64) -> f64 {
        let uniform = |k: u64| {
            let mut x = (i * 31 + k).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            x ^= x >> 29;
            x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
            (x >> 11) as f64 / (1u64 << 53) as f64
        };
        (0..12).map(uniform).sum::<f64>() - 6.0
    }

    #[test]
    fn a_slope_is_not_noise() {
        let line: Vec<f64> = (0..100).map(|i| 5.0 - 0.01 * f64::from(i)).collect();
        assert!(noise(&line) < 1e-9);
    }

    #[test]
    fn white_noise_on_a_slope_is_measured() {
        let values: Vec<f64> = (0..4000).map(|i| 90.0 - 0.02 * i as f64 + white(i)).collect();
        assert!((noise(&values) - 1.0).abs() < 0.1, "{}", noise(&values));
    }
}
