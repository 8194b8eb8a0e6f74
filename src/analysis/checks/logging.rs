//! What is not logged and would have told more.

use crate::analysis::{
    finding::{Finding, Kind, Report},
    role::Role,
    run::{Family, Run},
};

/// One finding that names all that is missing.
pub fn check(run: &Run<'_>, report: &mut Report) {
    let held_out = run.eval.is_some() || !run.eval_scores.is_empty();
    let supervised = run.family == Family::Supervised;
    let mut missing = Vec::new();
    if run.learning_rate.is_none() {
        missing.push("the learning rate");
    }
    if run.grad_norm.is_none() {
        missing.push("the gradient norm");
    }
    if supervised && !held_out {
        missing.push("a held-out metric");
    }
    if run.family == Family::Reinforcement && run.track(Role::Kl).is_none() {
        missing.push("KL");
    }
    let metric = run.main().map_or("", |track| track.name.as_str());
    if missing.is_empty() || metric.is_empty() {
        return;
    }
    report.add(Finding::new(
        Kind::LoggingGap,
        metric,
        format!("not logged: {}", missing.join(", ")),
    ));
}
