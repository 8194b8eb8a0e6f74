//! What every tool shares.

pub mod absent;
pub mod address;
pub mod alert_groups;
pub mod answer;
pub mod arguments;
pub mod around;
pub mod budget;
pub mod checkpoint;
pub mod context;
pub mod curves;
pub mod diagnosis;
pub mod edit;
pub mod filter;
#[cfg(test)]
pub mod fixture;
pub mod gpu;
pub mod label;
pub mod likeness;
pub mod logs;
pub mod metric_list;
pub mod nearest;
pub mod newest;
pub mod picture;
pub mod points;
pub mod progress;
pub mod resolve;
pub mod scan;
pub mod schema;
pub mod sending;
pub mod shape;
pub mod status;
pub mod text;
pub mod unread;
pub mod watched;
pub mod window;
pub mod writing;

pub use answer::{Answer, Failure, Item, Output, Page, PageRequest};
pub use context::Context;
pub use picture::Picture;
pub use progress::{Count, Progress};
