//! The words of a diagnosis.

use std::collections::BTreeMap;

use rmcp::schemars::{self, JsonSchema};
use serde::Serialize;

use super::number::Number;

/// What a run is like, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// NaN or infinity that matters.
    NonFinite,
    /// Ended well above its best and stayed there.
    Diverged,
    /// Reward fell to a fraction of where it began.
    RlCollapsed,
    /// Eval turned and rises while training still improves.
    Overfitting,
    /// Spikes, or slow rises.
    Unstable,
    /// No progress from the start.
    NotLearning,
    /// Reward fell from its peak.
    RlDeclining,
    /// Preferences are not learned.
    DpoWeak,
    /// Reward does not move.
    RlFlat,
    /// Steady but very slow.
    LrTooLow,
    /// Learned, then no further progress.
    Plateau,
    /// Too few points to say.
    InsufficientData,
    /// Preferences are learned.
    DpoHealthy,
    /// Reward rises.
    RlImproving,
    /// The main curve moves the right way.
    Healthy,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The run is lost or its numbers are.
    Error,
    /// Something should be done.
    Warning,
    /// Worth knowing.
    Info,
}

/// How sure a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Far beyond noise.
    High,
    /// Beyond noise, but other readings remain.
    Medium,
    /// The best guess.
    Low,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the contract's; `advice` explains each")]
pub enum Kind {
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
}

impl Kind {
    /// The severity of the kind when nothing softens it.
    pub fn severity(self) -> Severity {
        match self {
            Self::NonFinite | Self::Diverged | Self::RewardCollapsed => Severity::Error,
            Self::Overfitting
            | Self::EvalMetricWorsening
            | Self::LossSpikes
            | Self::GradExplosion
            | Self::NotLearning
            | Self::LrTooLow
            | Self::LrTooHigh
            | Self::DpoMarginFlat
            | Self::DpoAccuracyAtChance
            | Self::RewardDeclining
            | Self::RewardFlat
            | Self::RewardNoSignal
            | Self::KlRunaway
            | Self::EntropyCollapse
            | Self::Stalled
            | Self::MemoryGrowth => Severity::Warning,
            Self::GradNormHigh
            | Self::GeneralizationGap
            | Self::ChanceLevel
            | Self::Plateau
            | Self::LikelihoodDisplacement
            | Self::DpoOverOptimised
            | Self::Resumed
            | Self::DuplicateSteps
            | Self::ScaleMismatch
            | Self::ThroughputDrop
            | Self::GpuIdle
            | Self::LoggingGap => Severity::Info,
        }
    }
}

/// One observation with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Finding {
    /// What was found.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// The metric in which it shows.
    pub metric: String,
    /// The step at which it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Number>,
    /// The step at which it ends, when it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_step: Option<Number>,
    /// One sentence with the numbers that matter.
    pub summary: String,
    /// Every step at which it shows, for those who draw it.
    #[serde(skip)]
    pub steps: Vec<f64>,
    /// Numbers that a reader can look up or recompute.
    pub evidence: BTreeMap<&'static str, Number>,
    /// What usually causes it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
}

impl Finding {
    /// A finding of the kind's own severity, without evidence yet.
    pub fn new(kind: Kind, metric: &str, summary: impl Into<String>) -> Self {
        Self {
            kind,
            severity: kind.severity(),
            confidence: Confidence::High,
            metric: metric.to_owned(),
            step: None,
            until_step: None,
            summary: summary.into(),
            steps: Vec::new(),
            evidence: BTreeMap::new(),
            causes: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Where it begins.
    pub fn at(mut self, step: f64) -> Self {
        self.step = Some(Number(step));
        self
    }

    /// Where it ends.
    pub fn until(mut self, step: f64) -> Self {
        self.until_step = Some(Number(step));
        self
    }

    /// Where it shows.
    pub fn showing_at(mut self, steps: impl IntoIterator<Item = f64>) -> Self {
        self.steps = steps.into_iter().collect();
        self
    }

    /// How sure it is.
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// Only worth knowing, whatever the kind's own severity.
    pub fn info(mut self) -> Self {
        self.severity = Severity::Info;
        self
    }

    /// Adds a number to the evidence; one that is not finite is left out.
    pub fn with(mut self, key: &'static str, value: impl Into<Number>) -> Self {
        let value = value.into();
        if value.0.is_finite() {
            self.evidence.insert(key, value);
        }
        self
    }
}

/// A check that could not run: its silence is not health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NotChecked {
    /// The check.
    pub check: &'static str,
    /// Why not, and what it would need.
    pub reason: String,
}

/// What the checks have to say so far.
#[derive(Debug, Default)]
pub struct Report {
    /// What was found.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub not_checked: Vec<NotChecked>,
}

impl Report {
    /// Adds a finding.
    pub fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Says that `check` could not run.
    pub fn skip(&mut self, check: &'static str, reason: impl Into<String>) {
        self.not_checked.push(NotChecked { check, reason: reason.into() });
    }

    /// The finding of `kind`, if there is one.
    pub fn find(&self, kind: Kind) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.kind == kind)
    }

    /// Whether `kind` was found and warns.
    pub fn warns(&self, kind: Kind) -> bool {
        self.find(kind).is_some_and(|finding| finding.severity != Severity::Info)
    }
}
