//! `mcp-trackio demo`: projects to try the server on, for those who have none yet.

mod curves;
pub mod data;
mod noise;
mod recipes;
