//! The statistics under the checks: robust, deterministic, without a dependency.

pub mod draw_up;
pub mod ema;
pub mod mann_kendall;
pub mod median;
pub mod noise;
pub mod pelt;
pub mod prechelt;
pub mod ranks;
pub mod running;
pub mod theil_sen;
