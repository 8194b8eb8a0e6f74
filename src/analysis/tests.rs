//! Whole diagnoses of generated curves.

mod benchmark;
mod checks;
mod generate;
mod kinds;
mod properties;
mod side_metrics;
