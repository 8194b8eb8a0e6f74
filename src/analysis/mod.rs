//! Pure functions over series: no SQL, no JSON, no clock, no randomness.
//!
//! The same rows give the same words: sums run in a fixed order and ties have a total order.

pub mod methods;
pub mod role;
pub mod sample;
pub mod series;
pub mod stats;
