//! Order statistics.

/// The `q`-quantile (0 to 1) of `values`, linear between neighbours; `None` when empty.
/// `values` are reordered.
pub fn quantile(values: &mut [f64], q: f64) -> Option<f64> {
    let top = values.len().checked_sub(1)?;
    let at = q.clamp(0.0, 1.0) * top as f64;
    let (_, low, rest) = values.select_nth_unstable_by(at as usize, f64::total_cmp);
    let low = *low;
    if at.fract() == 0.0 {
        return Some(low);
    }
    let high = rest.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    Some(low + (high - low) * at.fract())
}

/// The median of `values`; `None` when empty.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(&mut values.to_vec(), 0.5)
}

/// The median, 0 when empty: for places where emptiness has been ruled out.
pub fn median_or_zero(values: &[f64]) -> f64 {
    median(values).unwrap_or(0.0)
}

/// Median absolute deviation from the median, times 1.4826: the standard deviation of normal
/// noise, blind to up to half the points being outliers (Rousseeuw & Croux, JASA 88, 1993).
pub fn mad(values: &[f64]) -> Option<f64> {
    let centre = median(values)?;
    let mut deviations: Vec<f64> = values.iter().map(|v| (v - centre).abs()).collect();
    quantile(&mut deviations, 0.5).map(|m| 1.4826 * m)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(quantile(&mut [1.0, 2.0, 3.0, 4.0, 5.0], 0.25), Some(2.0));
        assert_eq!(quantile(&mut [7.0], 1.0), Some(7.0));
    }

    #[test]
    fn one_outlier_does_not_move_the_mad() {
        assert_eq!(mad(&[1.0, 2.0, 3.0, 4.0, 1e9]), Some(1.4826));
    }
}
