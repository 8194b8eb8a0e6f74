//! The Mann–Kendall trend test, with the correction of Hamed and Rao for autocorrelation.

use super::{ranks::ranks, theil_sen::theil_sen};

/// A monotone trend: its strength and how easily noise would make it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Kendall's τ = S / (n(n-1)/2): -1 always falls, 1 always rises.
    pub tau: f64,
    /// The normal score of S after the correction.
    pub z: f64,
    /// Two-sided p-value of `z`. Never a verdict by itself: loss curves are long.
    pub p: f64,
}

/// Lags beyond these add noise, not correction.
const MOST_LAGS: usize = 60;
/// Negative autocorrelation may sharpen the test only so far.
const LEAST_INFLATION: f64 = 0.2;

/// The trend of `values`, equally spaced, with lags up to `min(n/4, 60)`.
pub fn mann_kendall(values: &[f64]) -> Trend {
    mann_kendall_lags(values, (values.len() / 4).min(MOST_LAGS))
}

/// The trend of `values` with the lags `1..=lags` corrected for.
///
/// `S = Σ_{i<j} sign(y_j - y_i)`; `Var S = [n(n-1)(2n+5) - Σ t(t-1)(2t+5)] / 18` over groups of
/// `t` ties (Mann 1945, Kendall 1975), times
/// `1 + 2/(n(n-1)(n-2)) Σ_k (n-k)(n-k-1)(n-k-2) ρ(k)`, `ρ` the autocorrelation of the ranks of
/// the detrended values where it differs from 0 at 95 % (Hamed & Rao, J. Hydrology 204, 1998).
/// Quadratic: reduce the curve to a few hundred points first.
pub fn mann_kendall_lags(values: &[f64], lags: usize) -> Trend {
    let n = values.len() as f64;
    if values.len() < 3 {
        return Trend { tau: 0.0, z: 0.0, p: 1.0 };
    }
    let s = concordance(values);
    let variance = (n * (n - 1.0) * (2.0 * n + 5.0) - tie_term(values)) / 18.0;
    let variance = variance * inflation(values, lags).max(LEAST_INFLATION);
    let z = match variance > 0.0 {
        true => (s.abs() - 1.0).max(0.0).copysign(s) / variance.sqrt(),
        false => 0.0,
    };
    Trend { tau: s / pairs(values.len()), z, p: erfc(z.abs() / std::f64::consts::SQRT_2) }
}

/// Kendall's τ of `values` alone, which needs no correction: 0 for fewer than three.
pub fn tau(values: &[f64]) -> f64 {
    if values.len() < 3 { 0.0 } else { concordance(values) / pairs(values.len()) }
}

fn pairs(values: usize) -> f64 {
    let n = values as f64;
    n * (n - 1.0) / 2.0
}

/// Pairs in rising order minus pairs in falling order.
fn concordance(values: &[f64]) -> f64 {
    let mut s = 0i64;
    for (i, a) in values.iter().enumerate() {
        for b in values.iter().skip(i + 1) {
            s += i64::from(b > a) - i64::from(b < a);
        }
    }
    s as f64
}

fn tie_term(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
        .chunk_by(|a, b| a == b)
        .map(|ties| {
            let t = ties.len() as f64;
            t * (t - 1.0) * (2.0 * t + 5.0)
        })
        .sum()
}

fn inflation(values: &[f64], lags: usize) -> f64 {
    let x: Vec<f64> = (0..values.len()).map(|i| i as f64).collect();
    let Some(line) = theil_sen(&x, values) else { return 1.0 };
    let detrended: Vec<f64> = x.iter().zip(values).map(|(x, y)| y - line.slope * x).collect();
    let ranks = ranks(&detrended);
    let n = values.len() as f64;
    let limit = 1.959_963_984_540_054 / n.sqrt();
    let sum: f64 = autocorrelation(&ranks, lags)
        .into_iter()
        .enumerate()
        .filter(|(_, rho)| rho.abs() > limit)
        .map(|(i, rho)| {
            let k = i as f64 + 1.0;
            (n - k) * (n - k - 1.0) * (n - k - 2.0) * rho
        })
        .sum();
    1.0 + 2.0 / (n * (n - 1.0) * (n - 2.0)) * sum
}

/// Autocorrelation at the lags `1..=lags`, the biased estimate.
pub fn autocorrelation(values: &[f64], lags: usize) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let centred: Vec<f64> = values.iter().map(|v| v - mean).collect();
    let power: f64 = centred.iter().map(|v| v * v).sum();
    let at = |k| centred.iter().zip(centred.iter().skip(k)).map(|(a, b)| a * b).sum::<f64>();
    (1..=lags).map(|k| if power > 0.0 { at(k) / power } else { 0.0 }).collect()
}

/// The complementary error function for `x >= 0`, relative error below 1.2e-7 (Press et al.,
/// "Numerical Recipes", §6.2).
fn erfc(x: f64) -> f64 {
    const C: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let t = 1.0 / (1.0 + 0.5 * x);
    t * (C.iter().rev().fold(0.0, |sum, c| sum * t + c) - x * x).exp()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Values of PyPI `pymannkendall`; the script that made them lies beside them.
    #[test]
    fn the_reference_implementation_agrees() {
        let text = include_str!("../../../tests/fixtures/mann_kendall.json");
        let cases: Vec<Value> = serde_json::from_str(text).unwrap();
        assert!(cases.len() > 5);
        for case in cases {
            let number = |key: &str| case[key].as_f64().unwrap();
            let values: Vec<f64> =
                case["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
            let found = mann_kendall_lags(&values, number("lags") as usize);
            let name = case["name"].as_str().unwrap();
            assert!((found.tau - number("tau")).abs() < 1e-9, "{name}: {found:?}");
            assert!((found.z - number("z")).abs() < 1e-6, "{name}: {found:?}");
            assert!((found.p - number("p")).abs() < 1e-6, "{name}: {found:?}");
        }
    }

    #[test]
    fn a_constant_has_no_trend() {
        let trend = mann_kendall(&[2.0; 30]);
        assert_eq!((trend.tau, trend.z), (0.0, 0.0));
        assert!((trend.p - 1.0).abs() < 1e-6);
    }
}
