//! What each demo run logs at a step: curves of the shapes that one meets in practice.

use serde_json::{Map, Value, json};

use super::noise::Noise;

/// One row's metrics.
pub type Metrics = Map<String, Value>;

/// How a run goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Story {
    /// A classifier that learns and generalises, up to an accuracy, at a pace (1 is good).
    Healthy { accuracy: f64, pace: f64 },
    /// It learns the training set by heart after step 900.
    Overfitting,
    /// It blows up after step 400 and is lost from step 700.
    Diverging,
    /// Preference optimisation (DPO) that works.
    Preferences,
    /// Reinforcement learning (GRPO): more reward, longer and longer answers.
    Rewards,
}

/// What a curve depends on beside its story.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The highest learning rate.
    pub learning_rate: f64,
    /// The step at which the run was to end.
    pub max_steps: u32,
}

const EVALUATED_EVERY: u32 = 100;

impl Story {
    /// What the run logs at a step: the training row and, now and then, an evaluation beside it.
    pub fn rows(self, step: u32, setting: Setting, noise: &mut Noise) -> Vec<Metrics> {
        let mut rows = vec![self.training(step, setting, noise)];
        if step > 0 && step.is_multiple_of(EVALUATED_EVERY) {
            rows.extend(self.evaluation(step, noise));
        }
        rows
    }

    fn training(self, step: u32, setting: Setting, noise: &mut Noise) -> Metrics {
        let s = f64::from(step);
        let mut row = match self {
            Self::Healthy { accuracy, pace } => {
                let floor = 1.9 * (1.0 - accuracy);
                let loss = floor + (0.69 - floor) * (-s * pace / 400.0).exp();
                losses(noise.about(loss, 0.08), noise.about(1.0 + 3.0 * loss, 0.25))
            }
            Self::Overfitting => {
                let loss = 0.012 + 0.68 * (-s / 350.0).exp();
                losses(noise.about(loss, 0.12), noise.about(0.4 + 4.0 * loss, 0.3))
            }
            Self::Diverging => match step {
                700.. => lost(),
                _ => {
                    let burst = (s - 400.0).max(0.0);
                    let loss = 0.45 * (burst / 85.0).exp() + 0.3 * (-s / 250.0).exp();
                    losses(noise.about(loss, 0.15), noise.about(2.5 * (burst / 42.0).exp(), 0.4))
                }
            },
            Self::Preferences => preferences("train", s, noise),
            Self::Rewards => rewards(s, noise),
        };
        row.insert("train/learning_rate".into(), rounded(rate(step, setting)));
        row.insert("train/epoch".into(), rounded(3.0 * s / f64::from(setting.max_steps)));
        row
    }

    fn evaluation(self, step: u32, noise: &mut Noise) -> Option<Metrics> {
        let s = f64::from(step);
        let row = match self {
            Self::Healthy { accuracy, pace } => {
                let missing = (-s * pace / 420.0).exp();
                let loss = 3.0 * (1.0 - accuracy) + 0.45 * missing;
                evaluated(
                    noise.about(loss, 0.01),
                    accuracy - 0.42 * missing + 0.002 * noise.normal(),
                )
            }
            Self::Overfitting => {
                let too_long = (s - 900.0).max(0.0) / 1_000.0;
                let loss = 0.27 + 0.42 * (-s / 300.0).exp() + 0.24 * too_long;
                let accuracy = 0.917 - 0.4 * (-s / 300.0).exp() - 0.009 * too_long;
                evaluated(noise.about(loss, 0.01), accuracy + 0.0015 * noise.normal())
            }
            Self::Diverging if step >= 700 => Metrics::from_iter([
                ("eval/loss".into(), Value::from("NaN")),
                ("eval/accuracy".into(), rounded(0.4908)),
            ]),
            Self::Diverging => {
                let burst = (s - 400.0).max(0.0);
                let loss = 0.47 * (burst / 95.0).exp() + 0.22 * (-s / 150.0).exp();
                let accuracy = 0.5 + 0.3 * (1.0 - (-s / 150.0).exp()) * (-burst / 60.0).exp();
                evaluated(noise.about(loss, 0.03), accuracy + 0.004 * noise.normal())
            }
            Self::Preferences => preferences("eval", s, noise),
            Self::Rewards => return None,
        };
        Some(row)
    }
}

/// Linear warm-up over a tenth of the run, then linear decay to zero.
fn rate(step: u32, setting: Setting) -> f64 {
    let progress = f64::from(step) / f64::from(setting.max_steps);
    setting.learning_rate * (progress / 0.1).min((1.0 - progress) / 0.9).max(0.0)
}

fn losses(loss: f64, grad_norm: f64) -> Metrics {
    Metrics::from_iter([
        ("train/loss".into(), rounded(loss)),
        ("train/grad_norm".into(), rounded(grad_norm)),
    ])
}

/// As Trackio stores numbers that JSON has not.
fn lost() -> Metrics {
    Metrics::from_iter([
        ("train/loss".into(), Value::from("NaN")),
        ("train/grad_norm".into(), Value::from("NaN")),
    ])
}

fn evaluated(loss: f64, accuracy: f64) -> Metrics {
    Metrics::from_iter([
        ("eval/loss".into(), rounded(loss)),
        ("eval/accuracy".into(), rounded(accuracy)),
    ])
}

fn preferences(split: &str, s: f64, noise: &mut Noise) -> Metrics {
    let learned = 1.0 - (-s / 260.0).exp();
    let spread = if split == "train" { 1.0 } else { 0.2 };
    let margin = 1.45 * learned + 0.16 * spread * noise.normal();
    let chosen = 0.2 * learned - 0.35 * learned * learned + 0.05 * spread * noise.normal();
    let accuracy = 0.5 + 0.27 * learned + 0.05 * spread * noise.normal();
    let mut row = Metrics::new();
    let mut put = |name: &str, value| row.insert(format!("{split}/{name}"), rounded(value));
    put("loss", 0.693 - 0.26 * learned + 0.03 * spread * noise.normal());
    put("rewards/chosen", chosen);
    put("rewards/rejected", chosen - margin);
    put("rewards/margins", margin);
    put("rewards/accuracies", accuracy.clamp(0.0, 1.0));
    if split == "train" {
        put("grad_norm", noise.about(6.0 - 2.5 * learned, 0.2));
    }
    row
}

fn rewards(s: f64, noise: &mut Noise) -> Metrics {
    let learned = 1.0 / (1.0 + (-(s - 250.0) / 80.0).exp());
    let kl = 0.0004 * s / (1.0 + s / 2_000.0);
    let mut row = Metrics::new();
    let mut put = |name: &str, value| row.insert(format!("train/{name}"), rounded(value));
    put("loss", 0.04 * kl + 0.002 * noise.normal());
    put("reward", 0.18 + 0.56 * learned + 0.04 * noise.normal());
    put("reward_std", noise.about(0.36 - 0.2 * learned, 0.1));
    put("kl", noise.about(kl + 0.0005, 0.15));
    put("completions/mean_length", noise.about(170.0 + 0.35 * s, 0.06));
    put("completions/clipped_ratio", (0.0006 * (s - 300.0)).max(0.0) * noise.unit());
    put("grad_norm", noise.about(0.45, 0.3));
    row
}

/// Six significant digits: more are noise of the noise.
fn rounded(value: f64) -> Value {
    let digits = 5 - value.abs().max(1e-12).log10().floor() as i32;
    let scale = 10f64.powi(digits.clamp(0, 18));
    json!((value * scale).round() / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_what_matters() {
        for (value, expected) in
            [(0.123_456_789, 0.123_457), (2e-5 / 3.0, 6.666_67e-6), (12.0, 12.0), (0.0, 0.0)]
        {
            assert_eq!(rounded(value), json!(expected));
        }
    }

    #[test]
    fn the_learning_rate_rises_and_falls() {
        let setting = Setting { learning_rate: 1.0, max_steps: 100 };
        let rates = [0, 5, 10, 100].map(|step| rate(step, setting));
        assert_eq!(rates, [0.0, 0.5, 1.0, 0.0]);
    }
}
