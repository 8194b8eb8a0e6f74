//! The running median.

/// The median of the `window` points around each point (an odd number; shorter at the ends).
///
/// The window is kept sorted, so that a step costs two searches and one short move.
pub fn running_median(values: &[f64], window: usize) -> Vec<f64> {
    let half = window / 2;
    let mut sorted: Vec<f64> = values.iter().copied().take(half).collect();
    sorted.sort_by(f64::total_cmp);
    let mut entering = values.iter().skip(half);
    let mut leaving = values.iter();
    let mut medians = Vec::with_capacity(values.len());
    for i in 0..values.len() {
        let new = entering.next();
        let old = if i > half { leaving.next() } else { None };
        match (old, new) {
            (Some(&old), Some(&new)) => replace(&mut sorted, old, new),
            (Some(&old), None) => drop(sorted.remove(place(&sorted, old))),
            (None, Some(&new)) => sorted.insert(place(&sorted, new), new),
            (None, None) => {}
        }
        let middle = sorted.len() / 2;
        let upper = sorted.get(middle).copied().unwrap_or(f64::NAN);
        let lower = sorted.get(middle.saturating_sub(1)).copied().unwrap_or(upper);
        medians.push(if sorted.len() % 2 == 1 { upper } else { (lower + upper) / 2.0 });
    }
    medians
}

fn place(sorted: &[f64], value: f64) -> usize {
    sorted.partition_point(|v| v.total_cmp(&value).is_lt())
}

/// What lies between the two places moves by one.
fn replace(sorted: &mut [f64], old: f64, new: f64) {
    let (from, to) = (place(sorted, old), place(sorted, new));
    let mut moving = new;
    if from < to {
        for value in sorted.get_mut(from..to).unwrap_or_default().iter_mut().rev() {
            std::mem::swap(value, &mut moving);
        }
    } else {
        for value in sorted.get_mut(to..=from).unwrap_or_default() {
            std::mem::swap(value, &mut moving);
        }
    }
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
