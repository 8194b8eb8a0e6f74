//! Prechelt's stopping criteria ("Early stopping – but when?", 1998; Neural Networks 11:761–767).

/// Generalisation loss `GL = 100 (E_va / E_opt - 1)`: how far, in percent, the eval loss stands
/// above its lowest. `None` where a ratio says nothing (a lowest that is not positive).
pub fn generalization_loss(now: f64, lowest: f64) -> Option<f64> {
    (lowest > 0.0).then(|| 100.0 * (now / lowest - 1.0))
}

/// Training progress `P_k = 1000 (Σ strip / (k · min strip) - 1)` over a strip of the last `k`
/// train losses: large while the loss still moves. `None` for a strip not above zero.
pub fn progress(strip: &[f64]) -> Option<f64> {
    let lowest = strip.iter().copied().min_by(f64::total_cmp)?;
    let mean = strip.iter().sum::<f64>() / strip.len() as f64;
    (lowest > 0.0).then(|| 1000.0 * (mean / lowest - 1.0))
}

/// `PQ = GL / P_k`: generalisation lost per progress made. Infinite once training stands still.
pub fn quotient(generalization_loss: f64, progress: f64) -> f64 {
    generalization_loss / progress
}

/// `UP`: how many successive strips of `k` evaluations ended above the one before, counted
/// back from the end.
pub fn rises(values: &[f64], k: usize) -> usize {
    let ends: Vec<f64> = values.iter().rev().step_by(k.max(1)).copied().collect();
    ends.windows(2).take_while(|w| matches!(w, [later, earlier] if later > earlier)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_s_quantities() {
        assert!((generalization_loss(1.1, 1.0).unwrap() - 10.0).abs() < 1e-9);
        assert_eq!(generalization_loss(1.0, -0.5), None);
        assert!((progress(&[1.5, 1.0, 1.25, 1.25, 1.0]).unwrap() - 200.0).abs() < 1e-9);
        assert_eq!(progress(&[]), None);
        assert_eq!(quotient(10.0, 200.0), 0.05);
        assert_eq!(rises(&[5.0, 1.0, 2.0, 3.0], 1), 2);
        assert_eq!(rises(&[1.0, 9.0, 2.0, 0.0, 3.0], 2), 2);
        assert_eq!(rises(&[3.0, 2.0, 1.0], 1), 0);
    }
}
