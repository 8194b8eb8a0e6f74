//! Sweeps with a known truth.

mod known;
mod promises;
