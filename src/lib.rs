//! Trackio's experiments, answered over the Model Context Protocol.
//!
//! The map of the house; arrows point down only:
//!
//! ```text
//! commands   the command line: serve (the default), tools, call, plot, demo, install, doctor
//!    mcp       the protocol face and nothing else
//!     tools      the registry: one type a tool, what is said of it, what it answers
//!      trackio     Trackio's storage, read exactly as Trackio means it
//!      analysis    pure functions over series
//!      chart       draws the curves that it is given
//!      remote      Trackio servers that data may be sent to
//!      journal     what was written, when, and how to undo it
//!      temporary   files that are written beside their place
//!    log       standard error, which nobody needs to read
//! ```
//!
//! Every layer may use `visible` and `quote`: how texts and names of the data are shown.
//! `trackio` knows nothing of MCP; `analysis` knows nothing of SQL or JSON.

pub mod analysis;
pub mod chart;
pub mod commands;
pub mod journal;
pub mod log;
pub mod mcp;
pub mod quote;
pub mod remote;
pub mod temporary;
pub mod tools;
pub mod trackio;
pub mod visible;
