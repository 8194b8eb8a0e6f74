//! The running median.

/// The median of the `window` points around each point (an odd number; shorter at the ends).
///
/// The window is kept sorted, so that a step costs one search and two short moves.
pub fn running_median(values: &[f64], window: usize) -> Vec<f64> {
    let half = window / 2;
    let mut sorted: Vec<f64> = Vec::with_capacity(window + 1);
    let place = |sorted: &[f64], value: f64| {
        sorted.partition_point(|v| v.total_cmp(&value) == std::cmp::Ordering::Less)
    };
    let mut entering = values.iter();
    for &value in entering.by_ref().take(half) {
        sorted.insert(place(&sorted, value), value);
    }
    let mut leaving = values.iter();
    let mut medians = Vec::with_capacity(values.len());
    for i in 0..values.len() {
        if let Some(&value) = entering.next() {
            sorted.insert(place(&sorted, value), value);
        }
        if i > half
            && let Some(&value) = leaving.next()
        {
            sorted.remove(place(&sorted, value));
        }
        let middle = sorted.len() / 2;
        let upper = sorted.get(middle).copied().unwrap_or(f64::NAN);
        let lower = sorted.get(middle.saturating_sub(1)).copied().unwrap_or(upper);
        medians.push(if sorted.len() % 2 == 1 { upper } else { (lower + upper) / 2.0 });
    }
    medians
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analysis::methods::median::median;

    proptest! {
        #[test]
        fn it_is_the_median_of_each_window(
            values in prop::collection::vec(-1e3..1e3, 0..60), half in 0usize..6,
        ) {
            let medians = running_median(&values, 2 * half + 1);
            prop_assert_eq!(medians.len(), values.len());
            for (i, found) in medians.iter().enumerate() {
                let window = &values[i.saturating_sub(half)..(i + half + 1).min(values.len())];
                prop_assert!((found - median(window).unwrap()).abs() < 1e-9);
            }
        }
    }
}
