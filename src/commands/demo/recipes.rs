//! Which runs the demo has.

use super::beside::Sample;
use super::curves::Story;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;

/// One run of the demo.
pub struct Recipe {
    /// What `init(name=…)` got; several runs can share it.
    pub name: &'static str,
    pub group: Option<&'static str>,
    pub model: &'static str,
    pub seed: u64,
    pub story: Story,
    pub learning_rate: f64,
    pub batch_size: u32,
    pub max_steps: u32,
    /// The last step that was logged.
    pub last_step: u32,
    pub log_every: u32,
    pub seconds_per_step: f64,
    /// How long before now its last row was written.
    pub ended_ago: f64,
    pub has_system_metrics: bool,
    pub alerts: &'static [Alert],
    /// The steps at which the model was logged as an artifact.
    pub checkpoints: &'static [u32],
    pub samples: &'static [Sample],
}

/// An alert of a run: step, level, title, text.
pub type Alert = (u32, &'static str, &'static str, &'static str);

const BASE: Recipe = Recipe {
    name: "",
    group: None,
    model: "bert-base-uncased",
    seed: 42,
    story: Story::Overfitting,
    learning_rate: 2e-5,
    batch_size: 32,
    max_steps: 3_000,
    last_step: 3_000,
    log_every: 5,
    seconds_per_step: 0.6,
    ended_ago: HOUR,
    has_system_metrics: false,
    alerts: &[],
    checkpoints: &[],
    samples: &[],
};

const SWEEP: Recipe = Recipe {
    name: "sweep",
    group: Some("learning-rate"),
    model: "distilbert-base-uncased",
    max_steps: 1_500,
    last_step: 1_500,
    seconds_per_step: 0.04,
    ..BASE
};

/// The project `bert-sentiment`: fine-tuned classifiers, well and badly.
pub const BERT: &[Recipe] = &[
    Recipe {
        name: "baseline",
        story: Story::Healthy { accuracy: 0.934, pace: 1.0 },
        ended_ago: 26.0 * HOUR,
        has_system_metrics: true,
        alerts: &[(3_000, "info", "Training finished", "best eval/accuracy 0.93")],
        ..BASE
    },
    Recipe {
        name: "large-no-dropout",
        model: "bert-large-uncased",
        learning_rate: 3e-5,
        seed: 7,
        seconds_per_step: 0.9,
        ended_ago: 22.0 * HOUR,
        alerts: &[(1_800, "warn", "Eval loss is rising", "eval/loss is 0.2 above its minimum")],
        checkpoints: &[500, 1_000, 1_500, 2_000, 2_500, 3_000],
        ..BASE
    },
    Recipe {
        name: "high-lr",
        story: Story::Diverging,
        learning_rate: 5e-4,
        last_step: 1_500,
        ended_ago: 20.0 * HOUR,
        has_system_metrics: true,
        alerts: &[
            (560, "warn", "Gradient norm above 100", "train/grad_norm left its usual range"),
            (700, "error", "Loss is NaN", "train/loss is not a number any more"),
        ],
        ..BASE
    },
    Recipe {
        story: Story::Healthy { accuracy: 0.902, pace: 0.6 },
        learning_rate: 1e-5,
        seed: 1,
        ended_ago: 5.0 * HOUR,
        ..SWEEP
    },
    Recipe {
        story: Story::Healthy { accuracy: 0.921, pace: 1.3 },
        learning_rate: 5e-5,
        seed: 2,
        ended_ago: 4.9 * HOUR,
        ..SWEEP
    },
    Recipe {
        story: Story::Healthy { accuracy: 0.887, pace: 2.0 },
        learning_rate: 2e-4,
        seed: 3,
        ended_ago: 4.8 * HOUR,
        ..SWEEP
    },
    Recipe {
        name: "longer-training",
        story: Story::Healthy { accuracy: 0.938, pace: 0.8 },
        seed: 11,
        max_steps: 6_000,
        last_step: 3_300,
        seconds_per_step: 0.4,
        ended_ago: 4.0,
        has_system_metrics: true,
        alerts: &[(3_000, "info", "Checkpoint saved", "checkpoint-3000")],
        checkpoints: &[1_000, 2_000, 3_000],
        ..BASE
    },
];

/// The project `llm-dpo`: a language model and its preferences.
pub const LLM: &[Recipe] = &[
    Recipe {
        name: "dpo-beta0.1",
        model: "Qwen/Qwen2.5-0.5B-Instruct",
        story: Story::Preferences,
        learning_rate: 5e-7,
        batch_size: 16,
        max_steps: 1_000,
        last_step: 1_000,
        log_every: 2,
        seconds_per_step: 3.0,
        ended_ago: 47.0 * HOUR,
        ..BASE
    },
    Recipe {
        name: "grpo-math",
        model: "Qwen/Qwen2.5-0.5B-Instruct",
        story: Story::Rewards,
        learning_rate: 1e-6,
        batch_size: 64,
        max_steps: 800,
        last_step: 800,
        log_every: 1,
        seconds_per_step: 12.0,
        ended_ago: 8.0 * HOUR,
        has_system_metrics: true,
        alerts: &[(620, "warn", "Completions get long", "mean length above 380 tokens")],
        samples: SAMPLES,
        ..BASE
    },
];

/// What `grpo-math` was asked now and then: the answers become right, and long.
const SAMPLES: &[Sample] = &[
    Sample {
        step: 0,
        question: "A pen costs 3 euros. How much do 4 pens cost?",
        answer: "A pen costs 3 euros and there are 4 pens, so the answer is 7.",
        reward: 0.0,
    },
    Sample {
        step: 200,
        question: "Ann has 12 apples and gives 5 away. How many are left?",
        answer: "12 - 5 = 8. The answer is 8.",
        reward: 0.0,
    },
    Sample {
        step: 400,
        question: "A train goes 60 km in an hour. How far does it go in 3 hours?",
        answer: "In one hour 60 km, so in 3 hours 3 x 60 = 180 km. The answer is 180.",
        reward: 1.0,
    },
    Sample {
        step: 600,
        question: "There are 24 pupils, and a third are ill. How many are there?",
        answer: "A third of 24 is 24 / 3 = 8, so 8 are ill. Then 24 - 8 = 16 are there. Let me \
                 check: 16 + 8 = 24, which is right. The answer is 16.",
        reward: 1.0,
    },
    Sample {
        step: 800,
        question: "A book has 90 pages. Ben reads 15 a day. How many days does it take?",
        answer: "Each day 15 pages, so the days are 90 / 15 = 6. Let me check: 6 x 15 = 90. Let me \
                 check again: 15 + 15 + 15 + 15 + 15 + 15 = 90. Both agree, and no page is left. \
                 The answer is 6.",
        reward: 1.0,
    },
];

/// A run of the sweep.
const fn lora(
    name: &'static str,
    (learning_rate, batch_size, seed): (f64, u32, u64),
    story: Story,
    ended_ago: f64,
) -> Recipe {
    Recipe {
        name,
        model: "distilbert-base-uncased",
        seed,
        story,
        learning_rate,
        batch_size,
        max_steps: 900,
        last_step: 900,
        log_every: 10,
        seconds_per_step: 0.1,
        ended_ago: ended_ago * HOUR,
        ..BASE
    }
}

const fn reaches(accuracy: f64) -> Story {
    Story::Healthy { accuracy, pace: 1.6 }
}

/// The project `lora-sweep`: five learning rates by two batch sizes with two seeds. The rate
/// matters, best in the middle, and the highest diverges; the batch size does not matter.
pub const SWEEP_RUNS: &[Recipe] = &[
    lora("lr1e-5-bs16-s1", (1e-5, 16, 1), reaches(0.842), 73.0),
    lora("lr1e-5-bs16-s2", (1e-5, 16, 2), reaches(0.851), 72.9),
    lora("lr1e-5-bs32-s1", (1e-5, 32, 1), reaches(0.846), 72.8),
    lora("lr1e-5-bs32-s2", (1e-5, 32, 2), reaches(0.839), 72.7),
    lora("lr3e-5-bs16-s1", (3e-5, 16, 1), reaches(0.893), 72.6),
    lora("lr3e-5-bs16-s2", (3e-5, 16, 2), reaches(0.884), 72.5),
    lora("lr3e-5-bs32-s1", (3e-5, 32, 1), reaches(0.897), 72.4),
    lora("lr3e-5-bs32-s2", (3e-5, 32, 2), reaches(0.888), 72.3),
    lora("lr1e-4-bs16-s1", (1e-4, 16, 1), reaches(0.914), 72.2),
    lora("lr1e-4-bs16-s2", (1e-4, 16, 2), reaches(0.921), 72.1),
    lora("lr1e-4-bs32-s1", (1e-4, 32, 1), reaches(0.911), 72.0),
    lora("lr1e-4-bs32-s2", (1e-4, 32, 2), reaches(0.918), 71.9),
    lora("lr3e-4-bs16-s1", (3e-4, 16, 1), reaches(0.872), 71.8),
    lora("lr3e-4-bs16-s2", (3e-4, 16, 2), reaches(0.881), 71.7),
    lora("lr3e-4-bs32-s1", (3e-4, 32, 1), reaches(0.886), 71.6),
    lora("lr3e-4-bs32-s2", (3e-4, 32, 2), reaches(0.869), 71.5),
    lora("lr1e-3-bs16-s1", (1e-3, 16, 1), Story::Diverging, 71.4),
    lora("lr1e-3-bs32-s1", (1e-3, 32, 1), Story::Diverging, 71.3),
];
