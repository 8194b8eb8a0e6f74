//! How Trackio itself thins rows out, so that `records` are the ones that Trackio would give.

/// Evenly spaced indices of `length` items, first and last included
/// (`sqlite_storage.py`, `_subsample_evenly`). `most` of 1 keeps the last.
pub fn evenly(length: usize, most: usize) -> Vec<usize> {
    if most == 0 || length <= most {
        return (0..length).collect();
    }
    let last = length - 1;
    if most == 1 {
        return vec![last];
    }
    let intervals = most - 1;
    let mut indices: Vec<usize> =
        (0..most).map(|i| round_half_to_even(i * last, intervals)).collect();
    indices.dedup();
    indices
}

/// `numerator / denominator`, rounded as Python's `round` does.
fn round_half_to_even(numerator: usize, denominator: usize) -> usize {
    let quotient = numerator / denominator;
    let twice_the_rest = 2 * (numerator % denominator);
    match twice_the_rest.cmp(&denominator) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + quotient % 2,
    }
}

/// Indices of rows such that every combination of keys stays represented
/// (`_subsample_metric_rows`). `signatures` holds each row's combination; rows without one are
/// dropped when there are more than `most` rows.
pub fn by_signature<S: PartialEq>(signatures: &[Option<S>], most: usize) -> Vec<usize> {
    if most == 0 || signatures.len() <= most {
        return (0..signatures.len()).collect();
    }
    let mut groups: Vec<(&S, Vec<usize>)> = Vec::new();
    for (index, signature) in signatures.iter().enumerate() {
        let Some(signature) = signature else { continue };
        match groups.iter_mut().find(|(known, _)| *known == signature) {
            Some((_, rows)) => rows.push(index),
            None => groups.push((signature, vec![index])),
        }
    }
    let sizes: Vec<usize> = groups.iter().map(|(_, rows)| rows.len()).collect();
    let budgets = budgets(&sizes, most);
    let mut kept: Vec<usize> = groups
        .iter()
        .zip(budgets)
        .flat_map(|((_, rows), budget)| by_stride(rows, budget))
        .collect();
    kept.sort_unstable();
    kept
}

/// How many passes hand out what is left.
const PASSES: usize = 4;

/// How many rows each group may keep: an equal share first, then in proportion to what it lacks.
fn budgets(sizes: &[usize], most: usize) -> Vec<usize> {
    if sizes.iter().sum::<usize>() <= most || sizes.is_empty() {
        return sizes.to_vec();
    }
    let share = most / sizes.len();
    let mut budgets: Vec<usize> = sizes.iter().map(|size| (*size).min(share)).collect();
    for _ in 0..PASSES {
        let remaining = most - budgets.iter().sum::<usize>().min(most);
        let demands: Vec<usize> = sizes.iter().zip(&budgets).map(|(s, b)| s - b).collect();
        let demand: usize = demands.iter().sum();
        if remaining == 0 || demand == 0 {
            break;
        }
        let quotas: Vec<f64> =
            demands.iter().map(|d| (remaining * d) as f64 / demand as f64).collect();
        let mut additions: Vec<usize> = quotas.iter().map(|quota| *quota as usize).collect();
        let leftover = remaining - additions.iter().sum::<usize>();
        let mut by_remainder: Vec<usize> = (0..sizes.len()).collect();
        let shortfall = |index: &usize| {
            let addition = additions.get(*index).copied().unwrap_or(0) as f64;
            addition - quotas.get(*index).copied().unwrap_or(0.0)
        };
        let shortfalls: Vec<f64> = by_remainder.iter().map(shortfall).collect();
        by_remainder.sort_by(|a, b| {
            let of = |index: &usize| shortfalls.get(*index).copied().unwrap_or(0.0);
            of(a).total_cmp(&of(b)).then(a.cmp(b))
        });
        for index in by_remainder.into_iter().take(leftover) {
            if let Some(addition) = additions.get_mut(index) {
                *addition += 1;
            }
        }
        for ((budget, addition), size) in budgets.iter_mut().zip(additions).zip(sizes) {
            *budget = (*budget + addition).min(*size);
        }
    }
    budgets
}

/// Every 2ⁿ-th row and the last, with the smallest such stride that keeps the budget.
fn by_stride(rows: &[usize], budget: usize) -> Vec<usize> {
    let Some((&last, before)) = rows.split_last() else { return Vec::new() };
    match budget {
        0 => return Vec::new(),
        1 => return vec![last],
        budget if rows.len() <= budget => return rows.to_vec(),
        _ => {}
    }
    let mut stride = 1;
    while before.len().div_ceil(stride) > budget - 1 {
        stride *= 2;
    }
    let mut kept: Vec<usize> = before.iter().step_by(stride).copied().collect();
    kept.push(last);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_spacing_rounds_as_python_does() {
        assert_eq!(evenly(10, 3), [0, 4, 9]);
        assert_eq!(evenly(8, 3), [0, 4, 7]);
        assert_eq!(evenly(5, 1), [4]);
        assert_eq!(evenly(5, 0), [0, 1, 2, 3, 4]);
        assert_eq!(evenly(0, 3), [0usize; 0]);
    }

    #[test]
    fn ten_thousand_equal_rows_become_the_2501_that_trackio_keeps() {
        let signatures = vec![Some("loss"); 10_000];
        assert_eq!(by_signature(&signatures, 3_000).len(), 2_501);
    }

    #[test]
    fn rare_combinations_of_keys_survive() {
        let signatures: Vec<Option<u8>> =
            (0..1_000).map(|row| Some(u8::from(row % 100 == 0))).collect();
        let kept = by_signature(&signatures, 50);
        assert!(kept.len() <= 50);
        assert!(kept.iter().filter(|row| *row % 100 == 0).count() >= 10);
    }
}
