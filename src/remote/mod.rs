//! Trackio servers that data may be sent to: the only part of the program that uses the network,
//! and only in tools that send.
//!
//! What a tool is told comes from a model, and a model can be talked into things. So data and
//! tokens go to the server that the user named in the environment with Trackio's own variables, and
//! nowhere else: another port of this computer can be anybody's.

mod address;
mod client;
mod secret;
#[cfg(test)]
mod tests;

use std::env;

pub use address::Address;
pub use client::{Client, Error, IsOver, Limits};
use secret::Secret;

/// What the user's environment says of servers.
#[derive(Debug, Clone, Default)]
pub struct Remote {
    configured: Option<Address>,
    /// Where the configured address is none.
    problem: Option<String>,
    write_token: Option<Secret>,
    hf_token: Option<Secret>,
}

impl Remote {
    /// `TRACKIO_SPACE_ID`, else `TRACKIO_SERVER_URL`, as Trackio prefers them; `TRACKIO_WRITE_TOKEN`
    /// (or the one in the address) and `HF_TOKEN`.
    pub fn from_environment() -> Self {
        Self::of(|name| env::var(name).ok().filter(|value| !value.trim().is_empty()))
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let secret = |name: &str| variable(name).map(|token| Secret(token.trim().to_owned()));
        let mut remote = Self {
            write_token: secret("TRACKIO_WRITE_TOKEN"),
            hf_token: secret("HF_TOKEN"),
            ..Self::default()
        };
        let space = variable("TRACKIO_SPACE_ID").map(|id| Address::of_space(&id));
        let parsed = space.or_else(|| {
            let url = variable("TRACKIO_SERVER_URL")?;
            let (url, token) = address::split_token(&url);
            if let Some(token) = token {
                remote.write_token.get_or_insert(Secret(token));
            }
            Some(Address::parse(&url))
        });
        match parsed {
            None => {}
            Some(Ok(address)) => remote.configured = Some(address),
            Some(Err(problem)) => remote.problem = Some(problem),
        }
        remote
    }

    /// The user's server, for one call, if a tool names that one or none.
    ///
    /// # Errors
    /// A sentence for the model, where that one is not allowed.
    pub fn choose(&self, named: Option<&str>, is_over: IsOver) -> Result<Client, String> {
        self.choose_within(named, Limits::default(), is_over)
    }

    fn choose_within(
        &self,
        named: Option<&str>,
        limits: Limits,
        is_over: IsOver,
    ) -> Result<Client, String> {
        let Some(address) = &self.configured else {
            return Err(self.problem.clone().unwrap_or_else(|| {
                "No server is allowed. The user allows one: set TRACKIO_SERVER_URL (such as \
                 http://127.0.0.1:7860 after `trackio show`) or TRACKIO_SPACE_ID=user/space in the \
                 client's configuration, and restart."
                    .to_owned()
            }));
        };
        if let Some(named) = named {
            let named = Address::parse(named).or_else(|problem| match named.contains(':') {
                true => Err(problem),
                false => Address::of_space(named),
            })?;
            if !address.is_meant_by(&named) {
                return Err(format!(
                    "{named} is not the user's server, and data go nowhere else. Without `server` \
                     they go to {address}. The user can allow the other one instead: set \
                     TRACKIO_SERVER_URL={named} (or TRACKIO_SPACE_ID=user/space) in the client's \
                     configuration and restart."
                ));
            }
        }
        let hf_token = self.hf_token.clone().filter(|_| address.is_space());
        Ok(Client::new(address.clone(), self.write_token.clone(), hf_token, limits, is_over))
    }
}
