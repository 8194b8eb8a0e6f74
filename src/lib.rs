//! Trackio's experiments, answered over the Model Context Protocol.
pub mod analysis;
pub mod commands;
pub mod trackio;
