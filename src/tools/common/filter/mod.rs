//! The conditions and orders of run lists: `field op value`, and no more than that.
//!
//! Query languages make models fail; what needs `or` belongs to query_project. A mistake is
//! answered with its place, the right form of what was meant and an example.

mod evaluate;
mod field;
mod operand;
mod parse;
#[cfg(test)]
mod tests;

pub use evaluate::SortKey;
pub use field::{Aggregate, Field};
pub use parse::{Condition, Order};
