//! What usually causes a finding, and what to do, with the run's own numbers.

use super::{
    finding::{Finding, Kind, Severity},
    number::{Number, show},
    run::{Run, Track},
};

/// Adds causes and actions.
pub fn advise(run: &Run<'_>, finding: &mut Finding) {
    let (causes, actions) = words(finding.kind);
    finding.causes = causes.iter().map(|cause| (*cause).to_owned()).collect();
    let mut all: Vec<String> = own(run, finding).into_iter().collect();
    all.extend(actions.iter().map(|action| (*action).to_owned()));
    all.truncate(3);
    finding.actions = all;
}

/// The action that the run's own numbers make concrete.
fn own(run: &Run<'_>, finding: &Finding) -> Option<String> {
    let step = finding.evidence.get("best_step").copied();
    let rate = run.config_number(&["learning_rate", "lr"]).filter(|rate| *rate > 0.0);
    match finding.kind {
        Kind::Overfitting | Kind::EvalMetricWorsening => step.map(|step| {
            format!("use the checkpoint at or before step {step}, and stop there next time")
        }),
        Kind::Diverged => step.map(|step| {
            let lower = rate.map_or("a lower learning rate".to_owned(), |rate| {
                format!("the learning rate lowered from {} to {}", show(rate), lowered(rate))
            });
            let first = run.main().is_some_and(|main| main.curve.step(0) == step.0);
            match first {
                true => format!("start again with {lower}"),
                false => {
                    format!("restart from a checkpoint at or before step {step}, with {lower}")
                }
            }
        }),
        Kind::LossSpikes | Kind::LrTooHigh => rate.map(|rate| {
            format!("lower the learning rate from {} to {}", show(rate), lowered(rate))
        }),
        Kind::LrTooLow => rate.map(|rate| {
            format!(
                "raise the learning rate from {} to {}–{}",
                show(rate),
                show(rate * 2.0),
                show(rate * 10.0)
            )
        }),
        Kind::NonFinite if finding.severity != Severity::Info => {
            let last_good = finding.evidence.get("last_good_step");
            let before = |step: &Number| format!("restart from a checkpoint before step {step}");
            blow_up(run, finding).or_else(|| last_good.map(before))
        }
        _ => None,
    }
}

fn lowered(rate: f64) -> String {
    format!("{}–{}", show(rate / 10.0), show(rate / 2.0))
}

/// A loss that ran away before it stopped being a number: its last finite values are no place to
/// restart from.
fn blow_up(run: &Run<'_>, finding: &Finding) -> Option<String> {
    let main = run.main().filter(|main| main.positive && main.len() >= 3)?;
    let until = finding.step?.0;
    let smooth = main.smooth();
    let near_best = smooth.step(Track::best(smooth) + 2);
    let (best_step, best) = main.lowest_between(f64::NEG_INFINITY, near_best.min(until))?;
    let (top_step, top) = main.highest_between(best_step, until)?;
    let rise = (top / best).ln();
    let ran_away = best_step < top_step && rise > 1.5_f64.ln().max(8.0 * main.relative_noise());
    ran_away.then(|| {
        format!(
            "restart from a checkpoint at or before step {}, where {} was best ({}): by step {} \
             it had risen to {}",
            show(best_step),
            main.shown(),
            show(best),
            show(top_step),
            show(top)
        )
    })
}

/// Causes and actions of a kind of finding.
pub type Words = (&'static [&'static str], &'static [&'static str]);

/// What usually causes a kind of finding, and what to do.
pub fn words(kind: Kind) -> Words {
    match kind {
        Kind::NonFinite => (
            &[
                "learning rate too high",
                "overflow in fp16",
                "a division by zero or log of zero in the loss",
                "bad samples",
            ],
            &[
                "use bf16 or check the loss scaling",
                "lower the learning rate and clip gradients (max_grad_norm=1.0)",
                "look at the batch of the first bad step",
            ],
        ),
        Kind::Diverged => (
            &["learning rate too high", "no or too short warm-up", "unclipped gradients"],
            &[
                "lower the learning rate 2-10x",
                "lengthen the warm-up",
                "clip gradients (max_grad_norm=1.0); restart from the best checkpoint",
            ],
        ),
        Kind::Overfitting | Kind::EvalMetricWorsening => (
            &[
                "more epochs than the data bear",
                "a model large for the data",
                "little regularisation",
            ],
            &[
                "stop early at the best evaluation",
                "more data, weight decay or dropout",
                "fewer epochs or a lower learning rate",
            ],
        ),
        Kind::LossSpikes | Kind::LrTooHigh => (
            &["learning rate high for this batch size", "exploding gradients", "odd batches"],
            &[
                "lower the learning rate 2-10x or warm up longer",
                "clip gradients (max_grad_norm=1.0)",
                "look at the batches of the steps named",
            ],
        ),
        Kind::GradExplosion => (
            &["learning rate too high", "an unstable layer or loss"],
            &["clip gradients (max_grad_norm=1.0)", "lower the learning rate, warm up longer"],
        ),
        Kind::GradNormHigh => (&["logged before clipping; harmless by itself"], &[]),
        Kind::NotLearning => (
            &[
                "learning rate zero, far too low or far too high",
                "frozen parameters or a detached graph",
                "labels or inputs that do not match",
            ],
            &[
                "check that the parameters change and receive gradients",
                "overfit a single batch first",
                "try learning rates 10x apart",
            ],
        ),
        Kind::LrTooLow => (
            &["learning rate low for this model and batch size"],
            &["raise the learning rate 2-10x", "shorten the warm-up"],
        ),
        Kind::Plateau => (
            &["capacity or data exhausted", "a learning rate that no longer fits"],
            &[
                "lower the learning rate 2-10x if it is still high",
                "stop if the level is good enough",
            ],
        ),
        Kind::ChanceLevel => {
            (&["the outputs ignore the inputs"], &["check labels, inputs and the last layer"])
        }
        Kind::DpoMarginFlat | Kind::DpoAccuracyAtChance => (
            &["learning rate or beta too low", "chosen and rejected alike or swapped"],
            &["read some pairs", "raise the learning rate or train longer"],
        ),
        Kind::LikelihoodDisplacement => (
            &["the margin is made by pushing rejected answers down"],
            &["add an SFT term (rpo_alpha) or raise beta", "read samples of the model"],
        ),
        Kind::DpoOverOptimised => (
            &["pairs that are easy to tell apart"],
            &["stop earlier or raise beta", "judge by samples, not by margins"],
        ),
        Kind::RewardCollapsed | Kind::RewardDeclining => (
            &["updates too large", "KL control too weak", "a reward that can be gamed"],
            &[
                "go back to the checkpoint of the peak",
                "lower the learning rate, raise beta (KL)",
                "read completions after the peak",
            ],
        ),
        Kind::RewardFlat | Kind::RewardNoSignal => (
            &[
                "rewards equal within a group: no advantage",
                "tasks too hard or too easy",
                "learning rate too low",
            ],
            &[
                "read completions and their rewards",
                "mix easier tasks or shape the reward",
                "more samples a prompt, a higher temperature",
            ],
        ),
        Kind::KlRunaway => (
            &["beta too small", "learning rate too high"],
            &["raise beta", "lower the learning rate"],
        ),
        Kind::EntropyCollapse => (
            &["the policy has become deterministic"],
            &["add an entropy bonus or raise the temperature", "raise beta"],
        ),
        Kind::Stalled => (
            &["the process died, was pre-empted or hangs"],
            &["look at the process and its log", "resume from the last checkpoint"],
        ),
        Kind::MemoryGrowth => (
            &["tensors kept alive across steps, such as a loss summed without detach()"],
            &["log loss.item(), free caches", "watch it to the limit of the card"],
        ),
        Kind::ThroughputDrop | Kind::GpuIdle => (
            &[
                "data loading",
                "another process on the machine",
                "evaluation or checkpointing in between",
            ],
            &["more loader workers, pinned memory", "profile a few steps"],
        ),
        Kind::GeneralizationGap => (
            &["the model fits what does not carry over"],
            &["keep the best checkpoint; regularise or add data"],
        ),
        Kind::ScaleMismatch => (&["a sum over accumulated batches, or another reduction"], &[]),
        Kind::Resumed | Kind::DuplicateSteps => {
            (&["a restart, or several processes that log"], &[])
        }
        Kind::LoggingGap => (&[], &["log these next time: they tell causes apart"]),
    }
}
