//! Trackio's storage, read and written exactly as Trackio means it. Knows nothing of MCP.

pub mod alert;
pub mod artifact;
pub mod bounded;
pub mod cache;
pub mod change;
pub mod columns;
pub mod config;
pub mod database;
pub mod directory;
pub mod error;
mod expand;
pub mod fingerprint;
pub mod gate;
mod handles;
pub mod inbox;
pub mod media;
pub mod metric;
pub mod name;
pub mod outline;
pub mod project;
pub mod query;
pub mod registry;
pub mod run;
pub mod schema;
pub mod stop;
pub mod subsample;
pub mod time;
pub mod trace;
pub mod updates;
pub mod value;
pub mod write;

pub use directory::Directory;
pub use error::{Error, Result};
pub use project::{Project, Snapshot, Store};
pub use run::Run;
pub use stop::Stop;
