//! The protocol face and nothing else: MCP in, tools, MCP out.

mod completion;
pub mod document;
mod gate;
pub mod prompts;
mod resources;
mod server;
mod subscriptions;
mod watch;
mod work;

pub use server::serve;
