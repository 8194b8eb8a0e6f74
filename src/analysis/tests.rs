//! Whole diagnoses of generated curves.

mod benchmark;
mod checks;
pub(super) mod generate;
mod properties;
mod side_metrics;
