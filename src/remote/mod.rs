//! Trackio servers that data may be sent to: the only part of the program that uses the network,
//! and only in tools that send.
//!
//! What a tool is told comes from a model, and a model can be talked into things. So data and
//! tokens go to a server on this computer, or to the one that the user named in the environment
//! with Trackio's own variables, and nowhere else.

mod address;
mod client;

use std::env;
use std::fmt;

pub use address::Address;
pub use client::{Client, Error};

/// A token that is sent and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("…")
    }
}

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

    /// The server that a tool may speak to: the one it names, else the configured one.
    ///
    /// # Errors
    /// A sentence for the model, where that one is not allowed.
    pub fn choose(&self, named: Option<&str>) -> Result<Client, String> {
        let address = match (named, &self.configured) {
            (Some(named), configured) => {
                let address =
                    Address::parse(named).or_else(|problem| match named.contains(':') {
                        true => Err(problem),
                        false => Address::of_space(named),
                    })?;
                if !address.is_loopback() && configured.as_ref() != Some(&address) {
                    return Err(format!(
                        "{address} is neither on this computer nor the user's server, and data go \
                         nowhere else. The user can allow it: set TRACKIO_SERVER_URL={address} (or \
                         TRACKIO_SPACE_ID=user/space) in the client's configuration and restart."
                    ));
                }
                address
            }
            (None, Some(configured)) => configured.clone(),
            (None, None) => {
                return Err(self.problem.clone().unwrap_or_else(|| {
                    "No server is known. Give `server`, such as http://127.0.0.1:7860 after \
                     `trackio show`, or have the user set TRACKIO_SERVER_URL or TRACKIO_SPACE_ID \
                     in the client's configuration."
                        .to_owned()
                }));
            }
        };
        let hf_token = self.hf_token.clone().filter(|_| address.is_space());
        Ok(Client::new(address, self.write_token.clone(), hf_token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(variables: &[(&str, &str)]) -> Remote {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        Remote::of(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn data_go_to_this_computer_or_to_the_users_server_alone() {
        let none = remote(&[]);
        for loopback in ["http://127.0.0.1:7860", "http://localhost:7860/", "http://[::1]:80/x"] {
            assert!(none.choose(Some(loopback)).is_ok(), "{loopback}");
        }
        for other in [
            "https://evil.example",
            "http://127.0.0.1.evil.example",
            "https://user-space.hf.space",
            "user/space",
            "http://user@127.0.0.1:7860",
            "http://127.0.0.1:7860/?write_token=t",
            "ftp://127.0.0.1",
            "file:///etc/passwd",
            "127.0.0.1:7860",
            "",
        ] {
            assert!(none.choose(Some(other)).is_err(), "{other}");
        }
        assert!(none.choose(None).is_err());

        let own = remote(&[("TRACKIO_SERVER_URL", "https://mine.example/t/?write_token=t")]);
        assert!(own.choose(None).is_ok());
        assert!(own.choose(Some("https://mine.example/t")).is_ok());
        assert!(own.choose(Some("https://mine.example/other")).is_err());
        assert_eq!(own.write_token, Some(Secret("t".into())));

        let space = remote(&[("TRACKIO_SPACE_ID", "Me/my_space"), ("HF_TOKEN", "h")]);
        assert!(space.choose(Some("Me/my_space")).is_ok());
        assert!(space.choose(Some("https://me-my-space.hf.space/")).is_ok());

        let clear = remote(&[("TRACKIO_SERVER_URL", "http://gpu-box:7860")]);
        assert!(clear.choose(None).is_err_and(|problem| problem.contains("ssh")));
    }

    #[test]
    fn tokens_are_not_shown() {
        let remote = remote(&[("TRACKIO_WRITE_TOKEN", "hush"), ("HF_TOKEN", "hush")]);
        let client = remote.choose(Some("http://127.0.0.1:1")).unwrap();
        assert!(!format!("{remote:?} {client:?}").contains("hush"));
    }
}
