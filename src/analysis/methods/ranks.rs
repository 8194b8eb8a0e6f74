//! Ranks.

/// Ranks from 1, ties sharing their mean.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = values.iter().copied().enumerate().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut ranked: Vec<(usize, f64)> = Vec::with_capacity(values.len());
    for ties in order.chunk_by(|a, b| a.1 == b.1) {
        let rank = ranked.len() as f64 + (ties.len() as f64 + 1.0) / 2.0;
        ranked.extend(ties.iter().map(|(i, _)| (*i, rank)));
    }
    ranked.sort_by_key(|(i, _)| *i);
    ranked.into_iter().map(|(_, rank)| rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_mean() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
        assert!(ranks(&[]).is_empty());
    }
}
