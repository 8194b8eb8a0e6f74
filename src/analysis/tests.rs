//! Whole diagnoses of generated curves.

mod benchmark;
mod checks;
pub(super) mod generate;
mod kinds;
mod properties;
mod side_metrics;
