//! Which metric plays which role.

use super::{Family, Options, RunFacts, Scalar, Track};
use crate::analysis::{
    role::{self, Role, Split},
    series::Series,
};

/// One run, its metrics by their roles.
#[derive(Debug)]
pub struct Run<'a> {
    /// All that is known of it.
    pub facts: RunFacts<'a>,
    /// What is trained.
    pub family: Family,
    /// What thresholds are multiplied with.
    pub strictness: f64,
    /// What training improves: a loss where there is one.
    pub train: Option<Track>,
    /// The same on held-out data.
    pub eval: Option<Track>,
    /// Other measures of quality on held-out data.
    pub eval_scores: Vec<Track>,
    /// The norm of the gradient.
    pub grad_norm: Option<Track>,
    /// The learning rate.
    pub learning_rate: Option<Track>,
    /// The reward of reinforcement learning.
    pub reward: Option<Track>,
    /// Passes over the data.
    pub epoch: Option<Track>,
}

impl<'a> Run<'a> {
    /// Finds the roles in `facts`; `options` overrule.
    pub fn resolve(facts: RunFacts<'a>, options: &Options) -> Self {
        let metrics = Candidates::of(facts.metrics);
        let track = |candidate: Option<&Candidate<'_>>| {
            candidate.map(|c| Track::new(c.name, c.series, &options.directions))
        };
        let named = |name: &Option<String>| metrics.named(name.as_deref()?);
        let train = named(&options.train_metric).or_else(|| metrics.train());
        let eval = named(&options.eval_metric).or_else(|| metrics.eval(train));
        let scores = metrics.0.iter().filter(|c| {
            matches!(c.role, Role::Score | Role::Error)
                && c.split == Some(Split::Eval)
                && Some(c.name) != eval.map(|e| e.name)
        });
        Self {
            facts,
            family: metrics.family(),
            strictness: options.strictness.factor(),
            train: track(train),
            eval: track(eval),
            eval_scores: scores.filter_map(|c| track(Some(c))).collect(),
            grad_norm: track(metrics.first(Role::GradientNorm)),
            learning_rate: track(metrics.first(Role::LearningRate)),
            reward: track(metrics.first(Role::Reward).or(metrics.first(Role::RewardPart))),
            epoch: track(metrics.first(Role::Epoch)),
        }
    }

    /// The best metric of `role`, off the main path.
    pub fn track(&self, role: Role) -> Option<Track> {
        let metrics = Candidates::of(self.facts.metrics);
        metrics.first(role).map(|c| Track::new(c.name, c.series, &[]))
    }

    /// What judges the run: the training curve, or the held-out one where that says more.
    pub fn main(&self) -> Option<&Track> {
        let points = |track: &Track| track.points();
        match (&self.train, &self.eval) {
            // A training loss logged a few times is a summary, not a curve.
            (Some(train), Some(eval)) if points(train) < 5 && points(eval) > points(train) => {
                Some(eval)
            }
            (train, eval) => train.as_ref().or(eval.as_ref()),
        }
    }

    /// A number of the configuration, by the last part of its key.
    pub fn config_number(&self, keys: &[&str]) -> Option<f64> {
        keys.iter().find_map(|key| {
            self.facts.config.iter().find_map(|(name, value)| {
                let last = name.rsplit(['.', '/']).next().unwrap_or(name);
                match value {
                    Scalar::Number(number) if last.eq_ignore_ascii_case(key) => Some(*number),
                    Scalar::Text(text) if last.eq_ignore_ascii_case(key) => text.parse().ok(),
                    _ => None,
                }
            })
        })
    }
}

#[derive(Debug)]
struct Candidate<'a> {
    name: &'a str,
    series: &'a Series,
    role: Role,
    split: Option<Split>,
    measure: String,
}

/// The metrics in order of preference among those of one role.
struct Candidates<'a>(Vec<Candidate<'a>>);

impl<'a> Candidates<'a> {
    fn of(metrics: &'a [(String, Series)]) -> Self {
        let mut all: Vec<Candidate<'a>> = metrics
            .iter()
            .filter(|(_, series)| !series.is_empty())
            .map(|(name, series)| {
                let class = role::classify(name);
                let measure = role::measure(name);
                Candidate { name, series, role: class.role, split: class.split, measure }
            })
            .collect();
        // A summary logged once at the end never beats a curve; then the plainest name, then the
        // most points. Held-out data come last among metrics of a role that both splits have.
        all.sort_by_key(|c| {
            let held_out = c.split == Some(Split::Eval);
            let words = c.measure.split('_').count();
            let test = c.name.to_ascii_lowercase().contains("test");
            let points = std::cmp::Reverse(c.series.len());
            (c.series.len() < 3, held_out, test, words, points, c.name)
        });
        Self(all)
    }

    fn named(&self, name: &str) -> Option<&Candidate<'a>> {
        self.0.iter().find(|c| c.name == name)
    }

    fn first(&self, role: Role) -> Option<&Candidate<'a>> {
        self.0.iter().find(|c| c.role == role)
    }

    fn family(&self) -> Family {
        let has = |role| self.first(role).is_some();
        // A reward model is trained on a loss, and logs the rewards that it gives.
        let reward_model = self.0.iter().any(|c| c.measure == "margin");
        if has(Role::PreferenceMargin) || has(Role::PreferenceAccuracy) {
            Family::Preference
        } else if !reward_model && has(Role::Reward) || (has(Role::RewardPart) && has(Role::Kl)) {
            Family::Reinforcement
        } else {
            Family::Supervised
        }
    }

    fn train(&self) -> Option<&Candidate<'a>> {
        let trained = |role: Role| {
            self.0.iter().find(move |c| c.role == role && c.split != Some(Split::Eval))
        };
        let is_eval = |c: &Candidate<'_>| c.split == Some(Split::Eval);
        // Among the terms of a loss, one that is measured on held-out data too.
        let paired = self.0.iter().find(|c| {
            c.role == Role::LossPart
                && c.split != Some(Split::Eval)
                && self.0.iter().any(|e| is_eval(e) && e.measure == c.measure)
        });
        // An unmarked score or error may well be a held-out one, unless that is logged beside it.
        let marked = |role: Role| {
            self.0.iter().find(|c| {
                let twin = || self.0.iter().any(|e| is_eval(e) && e.measure == c.measure);
                c.role == role && (c.split == Some(Split::Train) || (c.split.is_none() && twin()))
            })
        };
        trained(Role::TrainLoss)
            .or(paired)
            .or_else(|| trained(Role::LossPart))
            .or_else(|| marked(Role::Error))
            .or_else(|| marked(Role::Score))
            .or_else(|| trained(Role::AdversarialLoss))
    }

    fn eval(&self, train: Option<&Candidate<'a>>) -> Option<&Candidate<'a>> {
        let held_out = || self.0.iter().filter(|c| c.split == Some(Split::Eval));
        let same = train.and_then(|t| held_out().find(|c| c.measure == t.measure));
        // A loss named after one of several data sets, unless it is a term that training has too.
        let trained = |measure: &str| {
            self.0.iter().any(|c| c.split != Some(Split::Eval) && c.measure == measure)
        };
        let of_data_set = || held_out().find(|c| c.role == Role::LossPart && !trained(&c.measure));
        let other = || match train {
            Some(_) => None,
            None => self.first(Role::Error).or_else(|| self.first(Role::Score)),
        };
        same.or_else(|| self.first(Role::EvalLoss)).or_else(of_data_set).or_else(other)
    }
}
