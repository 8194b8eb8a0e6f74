//! The protocol face and nothing else: MCP in, tools, MCP out.

mod completion;
mod crew;
pub mod document;
mod gate;
mod input;
mod line;
mod output;
pub mod prompts;
mod resources;
mod server;
mod skim;
mod subscriptions;
mod watch;
mod work;

pub use server::serve;
