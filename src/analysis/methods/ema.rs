//! The smoothing that dashboards offer.

/// An exponential moving average that starts at the first value instead of zero:
/// `s_n = w · s_{n-1} + (1 - w) · x_n`, shown as `s_n / (1 - wⁿ)`, as TensorBoard and Weights &
/// Biases have it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ema {
    weight: f64,
    sum: f64,
    /// `wⁿ`.
    missing: f64,
}

impl Ema {
    /// Of a weight from 0 (nothing is smoothed) to below 1.
    pub fn new(weight: f64) -> Self {
        Self { weight, sum: 0.0, missing: 1.0 }
    }

    /// The average with one more value in it. A value that is not finite is passed over and has
    /// no average.
    pub fn push(&mut self, value: f64) -> f64 {
        if !value.is_finite() {
            return f64::NAN;
        }
        self.sum = self.weight * self.sum + (1.0 - self.weight) * value;
        self.missing *= self.weight;
        self.sum / (1.0 - self.missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smoothed(values: &[f64], weight: f64) -> Vec<f64> {
        let mut ema = Ema::new(weight);
        values.iter().map(|value| ema.push(*value)).collect()
    }

    fn assert_near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let is_near = (found - expected).abs() < 1e-9 || found.is_nan() && expected.is_nan();
            assert!(is_near, "{found} is not {expected}");
        }
    }

    #[test]
    fn it_is_what_dashboards_show() {
        // (0.6 · 0.4 · 1 + 0.4 · 2) / (1 - 0.36) and so on.
        assert_near(&smoothed(&[1.0, 2.0, 4.0], 0.6), &[1.0, 1.625, 2.836_734_693_877_551]);
        assert_near(&smoothed(&[3.0, 1.0], 0.0), &[3.0, 1.0]);
        assert_near(&smoothed(&[5.0; 4], 0.999), &[5.0; 4]);
    }

    #[test]
    fn what_is_not_finite_spoils_nothing_after_it() {
        let found = smoothed(&[1.0, f64::NAN, 2.0, f64::INFINITY], 0.6);
        assert_near(&found, &[1.0, f64::NAN, 1.625, f64::NAN]);
    }
}
