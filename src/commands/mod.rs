//! The subcommands, one file each, and what they share.

pub mod demo;
pub mod session;
