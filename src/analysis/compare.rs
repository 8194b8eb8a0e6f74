//! Several runs side by side: which of their metrics mean the same, which run is best and by more
//! than noise, how they stand at an equal step, where two curves part, and what makes the
//! comparison unfair.

pub mod align;
pub mod alike;
pub mod contender;
pub mod fairness;
pub mod part;
pub mod rank;
pub mod recommend;

#[cfg(test)]
mod tests;
