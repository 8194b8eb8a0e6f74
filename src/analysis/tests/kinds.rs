//! Every kind of finding once: a curve that raises it, and some near it that do not.

use super::{
    generate::{Recording, decay, noise},
    side_metrics::{preference, reward},
};
use crate::analysis::{
    finding::{Kind, Severity},
    run::Status,
    series::Series,
};

const N: usize = 200;

/// A kind that has no case here fails to compile; one that is missing in the list fails to fit.
const ALL: [Kind; Kind::LoggingGap as usize + 1] = {
    use Kind::*;
    [
        NonFinite,
        Diverged,
        RewardCollapsed,
        Overfitting,
        EvalMetricWorsening,
        LossSpikes,
        GradExplosion,
        NotLearning,
        LrTooLow,
        LrTooHigh,
        DpoMarginFlat,
        DpoAccuracyAtChance,
        RewardDeclining,
        RewardFlat,
        RewardNoSignal,
        KlRunaway,
        EntropyCollapse,
        Stalled,
        MemoryGrowth,
        GradNormHigh,
        GeneralizationGap,
        ChanceLevel,
        Plateau,
        LikelihoodDisplacement,
        DpoOverOptimised,
        Resumed,
        DuplicateSteps,
        ScaleMismatch,
        ThroughputDrop,
        GpuIdle,
        LoggingGap,
    ]
};

/// What raises a kind with its own severity, and what must not: it may be worth a word at most.
struct Cases {
    fires: Recording,
    quiet: Vec<Recording>,
}

fn cases(fires: Recording, quiet: impl Into<Vec<Recording>>) -> Cases {
    Cases { fires, quiet: quiet.into() }
}

fn t(i: usize) -> f64 {
    i as f64 / N as f64
}

fn loss(f: impl Fn(usize) -> f64) -> Recording {
    Recording::new().metric("train/loss", N, f)
}

fn healthy() -> Recording {
    loss(|i| decay(i, N) + 0.03 * noise(1, i))
}

/// One outlier, as an odd batch makes it.
fn bad_batch() -> Recording {
    loss(|i| decay(i, N) + if i == 120 { 1.5 } else { 0.03 * noise(1, i) })
}

/// A fall at every epoch.
fn stairs() -> Recording {
    loss(|i| [2.5, 1.6, 1.0][(i * 3) / N] - 0.05 * t(i) + 0.04 * noise(1, i))
}

/// A fall where the learning rate drops.
fn rate_drop() -> Recording {
    loss(|i| decay(i, N) + if i < 140 { 0.4 } else { 0.0 } + 0.03 * noise(1, i)).metric(
        "train/learning_rate",
        N,
        |i| if i < 140 { 1e-3 } else { 1e-4 },
    )
}

fn below_zero() -> Recording {
    loss(|i| -3.0 * (1.0 - (-5.0 * t(i)).exp()) + 0.04 * noise(1, i))
}

fn at_the_floor() -> Recording {
    loss(|i| 3.0 * (-(i as f64) / 10.0).exp() + 1e-4 * (1.0 + 0.1 * noise(1, i)))
}

fn nan_gradient_once() -> Recording {
    healthy().metric("train/grad_norm", N, |i| if i == 7 { f64::NAN } else { 1.0 })
}

fn with_eval(f: impl Fn(usize) -> f64) -> Recording {
    healthy().every("eval/loss", 20, 10, f)
}

/// Held-out loss under the training loss, as dropout makes it.
fn dropout() -> Recording {
    with_eval(|i| 0.8 * decay(i, 20) + 0.01 * noise(3, i))
}

/// Held-out loss on another scale.
fn scaled() -> Recording {
    with_eval(|i| 8.0 * decay(i, 20) + 0.05 * noise(3, i))
}

fn overfit() -> Recording {
    with_eval(|i| {
        1.2 + (-(i as f64) / 2.0).exp() + 0.05 * (i as f64 - 6.0).max(0.0) + 0.01 * noise(3, i)
    })
}

fn with_accuracy(f: impl Fn(usize) -> f64) -> Recording {
    healthy().every("eval/accuracy", 20, 10, f)
}

fn accuracy(i: usize) -> f64 {
    0.85 - 0.4 * (-(i as f64) / 3.0).exp() + 0.004 * noise(3, i)
}

fn improving() -> Recording {
    reward(|i| 0.2 + 0.6 * t(i) + 0.08 * noise(1, i))
}

fn flat() -> Recording {
    reward(|i| 0.4 + 0.1 * noise(1, i))
}

fn declining() -> Recording {
    reward(|i| 0.8 - 0.7 * (t(i) - 0.3).max(0.0) + 0.03 * noise(1, i))
}

fn collapsed() -> Recording {
    reward(|i| if i < 100 { 0.8 } else { 0.02 } + 0.03 * noise(1, i))
}

/// It falls for a while and comes back.
fn dip() -> Recording {
    reward(|i| {
        let dip = if (80..110).contains(&i) { 0.3 } else { 0.0 };
        0.3 + 0.6 * t(i) - dip + 0.05 * noise(1, i)
    })
}

fn spiky(rate: impl Fn(usize) -> f64) -> Recording {
    loss(|i| decay(i, N) + if matches!(i, 60..64 | 120..125) { 5.0 } else { 0.02 * noise(1, i) })
        .metric("train/learning_rate", N, rate)
}

fn system(name: &str, f: impl Fn(usize) -> f64) -> Recording {
    let mut series = Series::default();
    for i in 0..N {
        series.push(i as f64, 1e9 + i as f64, f(i));
    }
    let mut run = healthy();
    run.system.push((name.to_owned(), series));
    run
}

fn idle_at(steps: f64, status: Status) -> Recording {
    let mut run = healthy().number("max_steps", steps);
    run.status = status;
    run
}

/// The healthy run with its rows' times changed.
fn timed(f: impl Fn(usize) -> f64) -> Recording {
    let mut run = healthy();
    for (i, time) in run.metrics[0].1.times.iter_mut().enumerate() {
        *time = 1e9 + f(i);
    }
    run
}

fn resumed() -> Recording {
    let mut run = healthy();
    for i in 150..N {
        run.metrics[0].1.push(i as f64, 2e9 + i as f64, decay(i, N));
    }
    run
}

fn logged_twice() -> Recording {
    let mut run = healthy();
    let once = std::mem::take(&mut run.metrics[0].1);
    for i in 0..2 * N {
        run.metrics[0].1.push(once.steps[i / 2], once.times[i / 2], once.values[i / 2]);
    }
    run
}

fn of(kind: Kind) -> Cases {
    let growing_kl = |i: usize| 0.02 * (i as f64 / 25.0).exp();
    let vanishing = |i: usize| 2.0 * (-(i as f64) / 30.0).exp();
    match kind {
        Kind::NonFinite => cases(
            loss(|i| if i < 150 { decay(i, N) } else { f64::NAN }),
            [nan_gradient_once(), loss(|i| if i == 9 { f64::INFINITY } else { decay(i, N) })],
        ),
        Kind::Diverged => cases(
            loss(|i| if i < 100 { decay(i, N) } else { 2.8 + 0.1 * noise(2, i) }),
            [bad_batch(), stairs(), rate_drop(), below_zero(), at_the_floor()],
        ),
        Kind::RewardCollapsed => cases(collapsed(), [flat(), dip(), declining()]),
        Kind::Overfitting => cases(overfit(), [dropout(), scaled(), nan_gradient_once()]),
        Kind::EvalMetricWorsening => cases(
            with_accuracy(|i| accuracy(i) - 0.02 * (i as f64 - 9.0).max(0.0)),
            [with_accuracy(accuracy), with_accuracy(|i| accuracy(i) - 0.03 * t(i))],
        ),
        Kind::LossSpikes => {
            cases(spiky(|_| 1e-2), [bad_batch(), stairs(), rate_drop(), at_the_floor()])
        }
        Kind::GradExplosion => {
            cases(
                loss(|i| if i < 100 { decay(i, 100) } else { 1.0 + (i - 100) as f64 / 60.0 })
                    .metric("train/grad_norm", N, |i| 0.1 * (i as f64 / 20.0).exp()),
                [
                    nan_gradient_once(),
                    healthy().metric("train/grad_norm", N, |i| 40.0 + 8.0 * noise(2, i)),
                    healthy().metric("train/grad_norm", N, |i| if i == 99 { 90.0 } else { 1.0 }),
                ],
            )
        }
        Kind::NotLearning => cases(
            loss(|i| 2.3 + 0.05 * noise(1, i)),
            [below_zero(), stairs(), loss(|i| 2.3 - t(i) + 0.4 * noise(1, i))],
        ),
        Kind::LrTooLow => cases(
            loss(|i| 2.5 * (1.0 - 0.04 * t(i)) + 0.004 * noise(1, i)),
            [
                loss(|i| 2.5 * (1.0 - 0.4 * t(i)) + 0.004 * noise(1, i)),
                loss(|i| 2.4 + 0.08 * (-(i as f64) / 40.0).exp() + 0.002 * noise(1, i)),
            ],
        ),
        Kind::LrTooHigh => cases(
            spiky(|_| 1e-2),
            [
                healthy().metric("train/learning_rate", N, |_| 1e-2),
                // Spikes long after the rate has fallen have another cause.
                spiky(|i| if i < 40 { 1e-2 } else { 1e-4 }),
            ],
        ),
        Kind::DpoMarginFlat => {
            cases(preference(0.0, 0.5), [preference(2.0, 0.8), preference(0.4, 0.7)])
        }
        Kind::DpoAccuracyAtChance => {
            cases(preference(2.0, 0.52), [preference(2.0, 0.8), preference(2.0, 0.7)])
        }
        Kind::RewardDeclining => cases(declining(), [improving(), dip(), flat()]),
        Kind::RewardFlat => cases(flat(), [improving(), dip()]),
        Kind::RewardNoSignal => cases(
            flat().metric("train/reward_std", N, |_| 0.0),
            [
                flat().metric("train/reward_std", N, |_| 0.4),
                flat().metric("train/reward_std", N, |i| if i % 3 == 0 { 0.0 } else { 0.4 }),
            ],
        ),
        Kind::KlRunaway => cases(
            declining().metric("train/kl", N, growing_kl),
            [
                improving().metric("train/kl", N, growing_kl),
                declining().metric("train/kl", N, |i| if i == 150 { 10.0 } else { 0.1 }),
            ],
        ),
        Kind::EntropyCollapse => cases(
            flat().metric("train/entropy", N, vanishing),
            [
                improving().metric("train/entropy", N, vanishing),
                flat().metric("train/entropy", N, |i| 2.0 - t(i)),
            ],
        ),
        Kind::Stalled => cases(
            idle_at(1000.0, Status::Idle),
            [idle_at(1000.0, Status::Active), idle_at((N - 1) as f64, Status::Idle)],
        ),
        Kind::MemoryGrowth => cases(
            system("gpu/0/allocated_memory", |i| 10.0 + 0.05 * i as f64),
            [
                system("gpu/0/allocated_memory", |i| 20.0 - 10.0 * (-(i as f64)).exp()),
                system("gpu/0/allocated_memory", |i| 10.0 + 0.2 * (i % 40) as f64),
            ],
        ),
        Kind::GradNormHigh => cases(
            healthy().metric("train/grad_norm", N, |i| 40.0 + 8.0 * noise(2, i)),
            [nan_gradient_once(), healthy().metric("train/grad_norm", N, |_| 5.0)],
        ),
        Kind::GeneralizationGap => cases(
            loss(|i| 2.0 - 1.5 * t(i) + 0.02 * noise(1, i)).every("eval/loss", 20, 10, |i| {
                1.0 + (-(i as f64) / 1.5).exp() + 0.001 * i as f64 + 0.002 * noise(3, i)
            }),
            [dropout(), overfit(), with_eval(|i| decay(i, 20) + 0.01 * noise(3, i))],
        ),
        Kind::ChanceLevel => cases(
            loss(|i| 2.0_f64.ln() + 1e-4 * noise(1, i)),
            [healthy(), loss(|i| 2.0_f64.ln() * (2.0 - t(i)) + 0.01 * noise(1, i))],
        ),
        Kind::Plateau => cases(
            loss(|i| 1.0 + 2.0 * (-(i as f64) / 10.0).exp() + 0.01 * noise(1, i)),
            [
                loss(|i| 1.0 + 2.0 * (-(i as f64) / 10.0).exp() + 0.5 * noise(1, i)),
                at_the_floor(),
                loss(|i| 1.0 + 2.0 * (-(i as f64) / 10.0).exp() + 0.01 * noise(1, i)).metric(
                    "train/learning_rate",
                    N,
                    |i| if i < 20 { 1e-3 } else { 1e-6 },
                ),
            ],
        ),
        Kind::LikelihoodDisplacement => {
            let chosen = |f: fn(f64) -> f64| {
                preference(2.0, 0.8)
                    .metric("train/rewards/chosen", N, move |i| f(t(i)) + 0.1 * noise(3, i))
            };
            cases(chosen(|t| -2.0 * t), [chosen(|t| 2.0 * t), chosen(|_| 0.0)])
        }
        Kind::DpoOverOptimised => {
            cases(preference(3.0, 1.0), [preference(3.0, 0.9), preference(0.0, 0.99)])
        }
        Kind::Resumed => cases(resumed(), [healthy(), logged_twice()]),
        Kind::DuplicateSteps => cases(logged_twice(), [healthy(), resumed()]),
        Kind::ScaleMismatch => {
            cases(scaled(), [dropout(), with_eval(|i| 1.2 * decay(i, 20) + 0.01 * noise(3, i))])
        }
        Kind::ThroughputDrop => cases(
            timed(|i| i as f64 + 4.0 * (i as f64 - 150.0).max(0.0)),
            // A pause for an evaluation every 50 rows; a pace that wavers.
            [timed(|i| i as f64 + 30.0 * (i / 50) as f64), timed(|i| i as f64 + 0.2 * noise(7, i))],
        ),
        Kind::GpuIdle => cases(
            system("gpu/0/utilization", |_| 12.0),
            [
                system("gpu/0/utilization", |_| 93.0),
                system("gpu/0/utilization", |i| if i % 3 == 0 { 5.0 } else { 95.0 }),
            ],
        ),
        Kind::LoggingGap => {
            let full = || {
                healthy().metric("train/learning_rate", N, |_| 1e-4).metric(
                    "train/grad_norm",
                    N,
                    |_| 1.0,
                )
            };
            cases(
                healthy(),
                [
                    full().every("eval/loss", 20, 10, |i| decay(i, 20)),
                    full().every("eval/accuracy", 20, 10, accuracy),
                ],
            )
        }
    }
}

#[test]
fn every_kind_fires_and_stays_quiet() {
    for (place, kind) in ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, place, "{kind:?} is in its place");
        let Cases { fires, quiet } = of(kind);
        assert_eq!(
            fires.severity(kind),
            Some(kind.severity()),
            "{kind:?}: {:#?}",
            fires.diagnose()
        );
        assert!(quiet.len() >= 2, "{kind:?} has {} quiet cases", quiet.len());
        for (number, run) in quiet.iter().enumerate() {
            let softened = kind.severity() != Severity::Info;
            let allowed = if softened { Some(Severity::Info) } else { None };
            let found = run.severity(kind);
            assert!(
                found.is_none() || found == allowed,
                "{kind:?}, quiet case {number}: {:#?}",
                run.diagnose().findings
            );
        }
    }
}
