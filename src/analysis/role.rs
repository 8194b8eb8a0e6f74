//! What a metric is, judged by its name alone: exact names first, then patterns.
//!
//! Separators (`/ _ . -` and spaces), case and the usual prefixes do not matter: `Val/Loss`,
//! `val_loss` and `eval.loss` are one thing. A train metric is never taken for an eval metric or
//! the other way round, and a part of a loss never for the loss.

use rmcp::schemars::{self, JsonSchema};
use serde::Serialize;

mod names;

/// What a metric measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The loss that training lowers.
    TrainLoss,
    /// The same on held-out data.
    EvalLoss,
    /// One term of a loss of several, such as `box_loss` or `aux_loss`.
    LossPart,
    /// A loss that need not fall: GAN, actor, critic and policy losses.
    AdversarialLoss,
    /// A quality that is better when higher: accuracy, F1, BLEU, mAP.
    Score,
    /// An error that is better when lower: WER, RMSE, perplexity.
    Error,
    /// The learning rate.
    LearningRate,
    /// The norm of the whole gradient, usually before clipping.
    GradientNorm,
    /// The reward that reinforcement learning raises.
    Reward,
    /// The spread of rewards within a group or batch.
    RewardSpread,
    /// The share of groups whose rewards are all equal: no gradient signal.
    ZeroSpreadShare,
    /// One of several reward functions.
    RewardPart,
    /// The divergence from the reference policy.
    Kl,
    /// The entropy of the policy.
    Entropy,
    /// Preference training: chosen minus rejected implicit reward.
    PreferenceMargin,
    /// Preference training: how often chosen beats rejected.
    PreferenceAccuracy,
    /// Preference training: implicit reward of the chosen answers.
    ChosenReward,
    /// Preference training: implicit reward of the rejected answers.
    RejectedReward,
    /// Passes over the data, possibly fractional.
    Epoch,
    /// Work per second.
    Throughput,
    /// Seconds per step.
    StepTime,
    /// How busy a GPU is, in percent.
    GpuUtilization,
    /// Memory in use on a GPU.
    GpuMemory,
    /// Something that only counts up, such as tokens seen.
    Counter,
    /// None of these.
    Other,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Lower is better.
    Min,
    /// Higher is better.
    Max,
}

impl Direction {
    /// Whether `a` is strictly better than `b`.
    pub fn better(self, a: f64, b: f64) -> bool {
        match self {
            Self::Min => a < b,
            Self::Max => a > b,
        }
    }
}

/// The data on which a metric was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Training data.
    Train,
    /// Held-out data: eval, validation or test.
    Eval,
}

/// What a name says about its metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Classification {
    /// What it measures.
    pub role: Role,
    /// Which way is better, where that is clear.
    pub direction: Option<Direction>,
    /// On which data, where the name says so.
    pub split: Option<Split>,
    /// How this was inferred.
    pub reason: &'static str,
}

/// Judges a metric by its name.
pub fn classify(name: &str) -> Classification {
    let words = words(name);
    let split = words.iter().rev().find_map(|w| split_word(w));
    let core = core(&words);
    let (role, reason) = match exact(&core) {
        Some(role) => (role, "exact name"),
        None => pattern(&core),
    };
    let role = match (role, split) {
        (Role::TrainLoss, Some(Split::Eval)) => Role::EvalLoss,
        (role, _) => role,
    };
    Classification { role, direction: direction(role, &core), split, reason }
}

/// What a metric measures, without where: `train/box_loss` and `val.boxLoss` are both `box_loss`.
pub fn measure(name: &str) -> String {
    core(&words(name)).join("_")
}

/// Whether the name speaks of a test set: held-out data too, but not those of validation.
pub fn is_test(name: &str) -> bool {
    words(name).iter().any(|word| matches!(word.as_str(), "test" | "testing" | "holdout"))
}

/// The words without those of split and namespace.
fn core(words: &[String]) -> Vec<&str> {
    let all = || words.iter().map(String::as_str);
    let core: Vec<&str> =
        all().filter(|w| split_word(w).is_none() && !names::NAMESPACES.contains(w)).collect();
    // `train` alone, or a namespace alone, is still a name.
    if core.is_empty() { all().collect() } else { core }
}

/// The name in lower-case words, glued prefixes (`valLoss`, `testacc`) taken apart.
fn words(name: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(name.len() + 4);
    let mut lower_run = 0;
    for c in name.chars() {
        // A capital after at least two small letters starts a word; `mAP` stays whole.
        if c.is_uppercase() && lower_run >= 2 {
            spaced.push(' ');
        }
        lower_run = if c.is_lowercase() { lower_run + 1 } else { 0 };
        spaced.extend(if c.is_alphanumeric() || c == '@' { c } else { ' ' }.to_lowercase());
    }
    let mut words = Vec::new();
    for word in spaced.split_whitespace() {
        let glued = ["training", "train", "valid", "val", "eval", "test"].iter().find_map(|p| {
            let rest = word.strip_prefix(p)?;
            (rest == "loss" || names::SCORES.contains(&rest) || names::ERRORS.contains(&rest))
                .then(|| ((*p).to_owned(), rest.to_owned()))
        });
        // `MSELoss`, `totalloss`.
        let kind = word.strip_suffix("loss").filter(|kind| names::WHOLE_LOSS.contains(kind));
        match (glued, kind) {
            (Some((prefix, rest)), _) => words.extend([prefix, rest]),
            (None, Some(kind)) => words.extend([kind.to_owned(), "loss".to_owned()]),
            (None, None) if word == "out" && words.last().is_some_and(|w| w == "held") => {
                words.pop();
                words.push("heldout".to_owned());
            }
            (None, None) => words.push(word.to_owned()),
        }
    }
    words
}

fn split_word(word: &str) -> Option<Split> {
    match word {
        "train" | "training" | "trn" | "tr" => Some(Split::Train),
        "eval" | "evaluation" | "val" | "valid" | "validation" | "dev" | "test" | "testing"
        | "holdout" | "heldout" => Some(Split::Eval),
        _ => None,
    }
}

fn exact(core: &[&str]) -> Option<Role> {
    let joined = core.join("_");
    names::EXACT.iter().find(|(_, names)| names.contains(&joined.as_str())).map(|(role, _)| *role)
}

/// The role by the words that occur, the most telling first.
fn pattern(core: &[&str]) -> (Role, &'static str) {
    let has = |set: &[&str]| core.iter().any(|w| set.contains(w));
    let first = core.first().copied().unwrap_or_default();
    let last = core.last().copied().unwrap_or_default();

    if first == "gpu" || first == "system" || first == "cpu" {
        return match last {
            "utilization" if first == "gpu" && !has(&["memory"]) => {
                (Role::GpuUtilization, "system metric")
            }
            "memory" if first == "gpu" && has(&["allocated"]) => (Role::GpuMemory, "system metric"),
            _ => (Role::Other, "system metric"),
        };
    }
    if has(&["lr", "lrs"]) || core.windows(2).any(|w| w == ["learning", "rate"]) {
        return (Role::LearningRate, "the words name the learning rate");
    }
    let lossy = has(&["loss", "losses"]);
    // `policy_gradient_loss` is a loss.
    if has(&["grad", "grads", "gradient", "gradients"]) && !lossy {
        let whole = core.iter().all(|w| names::WHOLE_GRADIENT.contains(w));
        let norm = has(&["norm"]);
        return match (norm, whole) {
            (true, true) => (Role::GradientNorm, "the words name the gradient's norm"),
            _ => (Role::Other, "a part or another property of the gradient"),
        };
    }
    let per = core.windows(3).find_map(|w| match w {
        [before, "per", after] => Some((*before, *after)),
        _ => None,
    });
    match per {
        Some((_, "second" | "sec" | "s")) => return (Role::Throughput, "work per second"),
        Some(("seconds" | "second" | "sec" | "secs" | "time" | "s" | "ms", _)) => {
            return (Role::StepTime, "time per unit of work");
        }
        _ if last == "s" && core.len() > 1 && !has(&["time"]) => {
            return (Role::Throughput, "work per second");
        }
        _ => {}
    }
    if has(&["time"]) && has(&["step", "iter", "iteration", "batch"]) {
        return (Role::StepTime, "time per unit of work");
    }
    if has(names::NOT_A_MEASURE) {
        return (Role::Other, "a property of another metric");
    }
    // `losses/entropy` and `losses/approx_kl` group what an update of a policy logs.
    if last == "entropy" && !has(&["cross"]) {
        return (Role::Entropy, "the words name an entropy");
    }
    if matches!(last, "kl" | "approxkl") {
        return (Role::Kl, "the words name a divergence");
    }
    if lossy {
        if has(names::ADVERSARIAL) {
            return (Role::AdversarialLoss, "a loss that need not fall");
        }
        // The bonus for exploring, unless it is the cross-entropy.
        let bonus = has(&["entropy"]) && !has(&["cross"]);
        let whole = !bonus && core.iter().all(|w| names::WHOLE_LOSS.contains(w));
        return match whole {
            true => (Role::TrainLoss, "the words name the whole loss"),
            false => (Role::LossPart, "a loss with a qualifier is a part of it"),
        };
    }
    if has(&["reward", "rewards", "return", "returns"]) {
        if has(&["max", "min"]) {
            return (Role::Other, "an extreme of the rewards");
        }
        let mean_of_part = matches!(first, "rewards") && core.len() > 1;
        return match mean_of_part || core.iter().any(|w| w.starts_with("func")) {
            true => (Role::RewardPart, "one of several rewards"),
            false if core.len() <= 3 => (Role::Reward, "the words name the reward"),
            false => (Role::RewardPart, "a reward with a qualifier"),
        };
    }
    if has(&["kl"]) {
        return (Role::Kl, "the words name a divergence");
    }
    if has(names::ERRORS) {
        return (Role::Error, "the words name an error");
    }
    let scores = |word: &&str| {
        let quality = word.split('@').next().unwrap_or_default();
        names::SCORES.contains(&quality) || word.starts_with("map") || word.starts_with("rouge")
    };
    if has(names::SCORES) || core.iter().any(scores) {
        return (Role::Score, "the words name a score");
    }
    (Role::Other, "no known word")
}

fn direction(role: Role, core: &[&str]) -> Option<Direction> {
    use Direction::{Max, Min};
    let negated = core.iter().any(|w| matches!(*w, "neg" | "negative"));
    match role {
        // `neg_mean_squared_error`, as scikit-learn reports it.
        Role::Error if negated => Some(Max),
        Role::TrainLoss | Role::EvalLoss | Role::LossPart | Role::Error | Role::StepTime => {
            Some(Min)
        }
        Role::Score
        | Role::Reward
        | Role::RewardPart
        | Role::PreferenceMargin
        | Role::PreferenceAccuracy
        | Role::Throughput => Some(Max),
        Role::Other if core.contains(&"best") && core.contains(&"loss") => Some(Min),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
