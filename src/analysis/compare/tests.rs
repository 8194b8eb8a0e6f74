use std::collections::BTreeSet;

use proptest::prelude::*;

use super::align::{Align, Extent, common};
use super::alike::alike;
use super::contender::{Contender, Level};
use super::part::part;
use super::rank::{rank, seed_noise};
use super::recommend::{Candidate, recommend};
use crate::analysis::role::Direction;
use crate::analysis::series::Series;
use crate::analysis::tests::generate::{decay, noise};

fn series(n: usize, stride: usize, f: impl Fn(usize) -> f64) -> Series {
    let mut series = Series::default();
    for i in 0..n {
        series.push((i * stride) as f64, (i * stride) as f64, f(i * stride));
    }
    series
}

fn falling(series: Series) -> Contender {
    Contender::of(series, Some(Direction::Min)).unwrap()
}

fn recommended(contenders: &[Contender], failed: &[usize]) -> super::recommend::Recommendation {
    let labels = ["a", "b", "c"];
    let candidates: Vec<Candidate<'_>> = contenders
        .iter()
        .enumerate()
        .map(|(i, contender)| Candidate {
            label: labels[i].into(),
            contender: Some(contender),
            extent: Extent::default(),
            failed: failed.contains(&i),
        })
        .collect();
    recommend("loss", &candidates, Align::Step, &[])
}

#[test]
fn names_of_one_meaning_are_one_metric_unless_a_run_has_both() {
    let groups = |runs: &[&[&str]]| {
        let runs: Vec<BTreeSet<&str>> =
            runs.iter().map(|run| run.iter().copied().collect()).collect();
        alike(&runs).into_iter().map(|group| (group.metric, group.names)).collect::<Vec<_>>()
    };
    let some = |name: &str| Some(name.to_owned());
    assert_eq!(
        groups(&[&["eval/loss"], &["val_loss"], &["eval/loss"]]),
        [("eval/loss".to_owned(), vec![some("eval/loss"), some("val_loss"), some("eval/loss")])]
    );
    assert_eq!(groups(&[&["eval/loss", "val_loss"], &["val_loss"]]).len(), 2);
    assert_eq!(groups(&[&["val_acc"], &["eval/accuracy"]]).len(), 1);
    assert_eq!(groups(&[&["loss"], &["train/loss"]]).len(), 1);
    for (a, b) in [
        ("train/loss", "eval/loss"),
        ("val_loss", "test_loss"),
        ("accuracy", "eval/accuracy"),
        ("loss", "aux_loss"),
        ("foo", "bar"),
    ] {
        assert_eq!(groups(&[&[a], &[b]]).len(), 2, "{a} {b}");
    }
}

#[test]
fn seeds_alone_seldom_make_a_winner_and_a_real_lead_does() {
    let noisy = |seed: u64, lead: f64| {
        falling(series(400, 5, move |i| decay(i, 2_000) - lead + 0.05 * noise(seed, i)))
    };
    let wins = |lead: f64| {
        let is_clear = |seed: &u64| {
            recommended(&[noisy(2 * seed, lead), noisy(2 * seed + 1, 0.0)], &[]).run == Some(0)
        };
        (0..200).filter(is_clear).count()
    };
    // Two-sided 5 % are 2.5 % on this side.
    assert!(wins(0.0) <= 10, "{}", wins(0.0));
    assert!(wins(0.1) >= 195, "{}", wins(0.1));
}

#[test]
fn a_lead_from_a_longer_run_alone_is_told() {
    let of = |n: usize, seed: u64| {
        falling(series(n, 10, move |i| {
            0.5 + 2.0 * (-(i as f64) / 800.0).exp() + 0.01 * noise(seed, i)
        }))
    };
    let found = recommended(&[of(100, 1), of(300, 2)], &[]);
    assert_eq!(found.run, None, "{}", found.reason);
    assert!(found.reason.contains("only ran longer: at step 990"), "{}", found.reason);
    // The same without noise: how curves are smoothed at their end must not matter.
    let smooth = |n| falling(series(n, 10, |i| 0.5 + 2.0 * (-(i as f64) / 800.0).exp()));
    assert_eq!(recommended(&[smooth(100), smooth(300)], &[]).run, None);
    // One that leads at the common step too wins.
    let better = falling(series(300, 10, |i| 0.4 + 1.5 * (-(i as f64) / 700.0).exp()));
    assert_eq!(recommended(&[of(100, 1), better], &[]).run, Some(1));
}

#[test]
fn a_run_that_failed_is_not_recommended() {
    let low = falling(series(50, 1, |i| if i < 30 { 0.1 } else { f64::NAN }));
    let high = falling(series(50, 1, |i| 1.0 - 0.01 * i as f64));
    let higher = falling(series(50, 1, |i| 2.0 - 0.01 * i as f64));
    let found = recommended(&[low, high, higher], &[0]);
    assert_eq!(found.run, Some(1));
    assert!(found.reason.contains("a was better"), "{}", found.reason);
}

#[test]
fn the_quoted_value_is_one_that_its_neighbours_do_not_deny() {
    let glitch = falling(series(60, 1, |i| if i == 20 { 0.0 } else { decay(i, 60) }));
    assert_eq!(glitch.quoted().step, 59.0);
    let evals = falling(series(5, 100, |i| [0.9, 0.5, 0.3, 0.35, 0.4][i / 100]));
    assert_eq!((evals.quoted().step, evals.quoted().value), (200.0, 0.3));
    let score = Contender::of(series(5, 1, |i| [0.1, 0.7, 0.9, 0.8, 0.8][i]), Some(Direction::Max));
    assert_eq!(score.unwrap().quoted().value, 0.9);
}

#[test]
fn equal_points_are_found_on_every_axis() {
    let (a, b) = (falling(series(11, 100, |_| 1.0)), falling(series(8, 50, |_| 1.0)));
    let extent = |total| Extent { started: Some(0.0), total };
    let at = |align| common(align, &[(&a, extent(1_000.0)), (&b, extent(700.0))]).unwrap();
    // 350 was reached, 300 was logged by both.
    assert_eq!(at(Align::Step).at, 300.0);
    assert_eq!((at(Align::Elapsed).at, at(Align::Elapsed).steps), (350.0, vec![300.0, 350.0]));
    assert_eq!(at(Align::Fraction).at, 0.5);
    assert!(common(Align::Step, &[(&a, extent(1.0))]).is_none());
}

#[test]
fn curves_part_where_they_part() {
    let at = |from: usize, by: f64| {
        let a = falling(series(300, 1, |i| decay(i, 300) + 0.02 * noise(1, i)));
        let b = falling(series(300, 1, |i| {
            decay(i, 300) + 0.02 * noise(2, i) + if i >= from { by } else { 0.0 }
        }));
        part(&a, &b)
    };
    let found = at(120, 0.3).unwrap();
    assert!((115.0..=125.0).contains(&found), "{found}");
    assert_eq!(at(120, 0.0), None);
}

#[test]
fn what_a_seed_changes_is_pooled() {
    let level = |value| Level { value, error: None };
    let levels = [(0, level(1.0)), (1, level(3.0)), (2, level(9.0))];
    assert_eq!(seed_noise(&levels, &[vec![0, 1]]), Some(2.0_f64.sqrt()));
    assert_eq!(seed_noise(&levels, &[]), None);
}

proptest! {
    /// Whatever was logged: the best value is a logged one, and the first is not behind the second.
    #[test]
    fn any_series_can_be_ranked(
        a in prop::collection::vec(prop::num::f64::ANY, 1..80),
        b in prop::collection::vec(-1e3..1e3, 1..80),
    ) {
        let of = |values: &[f64]| Contender::of(series(values.len(), 1, |i| values[i]), None);
        let both: Vec<Contender> = [of(&a), of(&b)].into_iter().flatten().collect();
        for one in &both {
            let quoted = one.quoted();
            prop_assert!(a.contains(&quoted.value) || b.contains(&quoted.value));
        }
        let levels: Vec<_> = both.iter().map(Contender::best).enumerate().collect();
        if let Some(ranking) = rank(&levels) {
            prop_assert!(ranking.margin >= 0.0 || ranking.margin.is_nan());
        }
        if let [one, other] = both.as_slice() {
            part(one, other);
            common(Align::Elapsed, &[(one, Extent::default()), (other, Extent::default())]);
        }
    }
}
