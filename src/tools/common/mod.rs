//! What every tool shares.

pub mod answer;
pub mod arguments;
pub mod budget;
pub mod context;
pub mod curves;
pub mod diagnosis;
pub mod filter;
pub mod logs;
pub mod metric_list;
pub mod nearest;
pub mod points;
pub mod progress;
pub mod resolve;
pub mod schema;
pub mod shape;
pub mod status;
pub mod text;
pub mod window;

pub use answer::{Answer, Failure, Item, Output, Page, PageRequest};
pub use context::Context;
pub use progress::Progress;
