//! The protocol face and nothing else: MCP in, tools, MCP out.

mod gate;
mod server;

pub use server::serve;
