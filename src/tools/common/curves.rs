//! The guide to the verdicts: what each means, what usually causes it, what to do.

use crate::analysis::advice::words;
use crate::analysis::finding::Kind;

/// The topic of the guide that explains them.
pub const TOPIC: &str = "curves";

/// A verdict, what it means, and the finding whose causes and actions belong to it.
pub struct Explained {
    /// The word in answers.
    pub verdict: &'static str,
    /// One or two sentences.
    pub meaning: &'static str,
    kind: Option<Kind>,
}

/// All verdicts, the worst first.
pub const VERDICTS: &[Explained] = &[
    explained(
        "non_finite",
        "NaN or infinity that stays or repeats, also behind a loss logged as 0.0 beside a NaN \
         gradient norm. One NaN gradient under fp16 scaling is normal and only noted.",
        Some(Kind::NonFinite),
    ),
    explained(
        "diverged",
        "The loss ended well above its best and stayed there; at ln k it fell back to guessing \
         among k classes.",
        Some(Kind::Diverged),
    ),
    explained(
        "overfitting",
        "The held-out loss turned and rises beyond its noise while the training loss still \
         falls. The model of the best step is fine: use that checkpoint.",
        Some(Kind::Overfitting),
    ),
    explained(
        "unstable",
        "Large or repeated spikes, slow rises, or an exploding gradient norm with a reaction of \
         the loss. One bad batch does not count.",
        Some(Kind::LossSpikes),
    ),
    explained("not_learning", "No progress from the start.", Some(Kind::NotLearning)),
    explained(
        "lr_too_low",
        "Steady but very slow, and not flattening: consistent with too low a rate, which curves \
         alone cannot prove.",
        Some(Kind::LrTooLow),
    ),
    explained(
        "plateau",
        "It learned, and then made no further progress, though the learning rate had not decayed \
         yet.",
        Some(Kind::Plateau),
    ),
    explained("healthy", "The main curve moves the right way and no check warns.", None),
    explained(
        "dpo_healthy",
        "Preference training: the margin grows and accuracies are above chance.",
        None,
    ),
    explained(
        "dpo_weak",
        "Preference training: the margin is flat, or accuracies stay at chance (0.5).",
        Some(Kind::DpoMarginFlat),
    ),
    explained(
        "rl_improving",
        "The reward rises beyond its noise. The loss of RL says nothing about progress and is \
         not judged.",
        None,
    ),
    explained("rl_flat", "The reward does not move.", Some(Kind::RewardFlat)),
    explained("rl_declining", "The reward fell from its peak.", Some(Kind::RewardDeclining)),
    explained(
        "rl_collapsed",
        "The reward fell to a fraction of where it began.",
        Some(Kind::RewardCollapsed),
    ),
    explained(
        "insufficient_data",
        "Too few points to say; not_checked tells how many are needed.",
        None,
    ),
];

const fn explained(verdict: &'static str, meaning: &'static str, kind: Option<Kind>) -> Explained {
    Explained { verdict, meaning, kind }
}

impl Explained {
    /// Meaning, causes and actions in one text.
    pub fn text(&self) -> String {
        let Some(kind) = self.kind else { return self.meaning.to_owned() };
        let (causes, actions) = words(kind);
        format!(
            "{} Usual causes: {}. What to do: {}.",
            self.meaning,
            causes.join("; "),
            actions.join("; ")
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::analysis::finding::Verdict;

    #[test]
    fn every_verdict_is_explained() {
        use Verdict as V;
        let all = [
            V::NonFinite,
            V::Diverged,
            V::RlCollapsed,
            V::Overfitting,
            V::Unstable,
            V::NotLearning,
            V::RlDeclining,
            V::DpoWeak,
            V::RlFlat,
            V::LrTooLow,
            V::Plateau,
            V::InsufficientData,
            V::DpoHealthy,
            V::RlImproving,
            V::Healthy,
        ];
        let words: BTreeSet<String> = all
            .iter()
            .map(|verdict| serde_json::to_value(verdict).unwrap().as_str().unwrap().to_owned())
            .collect();
        let explained: BTreeSet<String> =
            VERDICTS.iter().map(|explained| explained.verdict.to_owned()).collect();
        assert_eq!(explained, words);
    }
}
