//! The Theil–Sen line: a slope that 29 % of the points cannot spoil.

use super::median::{median, quantile};

/// A straight line `y = intercept + slope · x`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Change of `y` per unit of `x`.
    pub slope: f64,
    /// `y` at `x = 0`.
    pub intercept: f64,
}

/// The median of the slopes of all pairs, with the intercept `median(y - slope · x)`
/// (Sen, JASA 63, 1968). Quadratic: reduce the curve to a few hundred points first.
///
/// `None` with fewer than two different `x`.
pub fn theil_sen(x: &[f64], y: &[f64]) -> Option<Line> {
    let mut slopes = Vec::with_capacity(x.len() * x.len().saturating_sub(1) / 2);
    for (i, (xi, yi)) in x.iter().zip(y).enumerate() {
        for (xj, yj) in x.iter().zip(y).skip(i + 1) {
            if xj != xi {
                slopes.push((yj - yi) / (xj - xi));
            }
        }
    }
    let slope = quantile(&mut slopes, 0.5)?;
    let rest: Vec<f64> = x.iter().zip(y).map(|(x, y)| y - slope * x).collect();
    Some(Line { slope, intercept: median(&rest)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outliers_do_not_tilt_the_line() {
        let x: Vec<f64> = (0..20).map(f64::from).collect();
        let mut y: Vec<f64> = x.iter().map(|x| 2.0 - 0.5 * x).collect();
        (y[3], y[9], y[17]) = (100.0, -80.0, 1e6);
        let line = theil_sen(&x, &y).unwrap();
        assert!((line.slope + 0.5).abs() < 1e-12 && (line.intercept - 2.0).abs() < 1e-12);
    }

    #[test]
    fn one_place_has_no_slope() {
        assert_eq!(theil_sen(&[1.0, 1.0], &[0.0, 5.0]), None);
    }
}
