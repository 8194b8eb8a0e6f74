//! Pure functions over series: no SQL, no JSON, no clock, no randomness.
//!
//! The same rows give the same words: sums run in a fixed order and ties have a total order.

pub mod advice;
pub mod around;
pub mod checks;
pub mod compare;
pub mod course;
pub mod curve;
pub mod diagnose;
pub mod finding;
pub mod forecast;
pub mod headline;
pub mod histogram;
pub mod methods;
pub mod number;
pub mod role;
pub mod run;
pub mod sample;
pub mod schedule;
pub mod series;
pub mod shape;
pub mod shifts;
pub mod span;
pub mod stats;
pub mod sweep;
pub mod verdict;

#[cfg(test)]
mod tests;
