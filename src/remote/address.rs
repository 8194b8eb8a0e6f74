//! The address of a Trackio server.

use std::fmt;
use std::net::IpAddr;

use ureq::http::Uri;

/// Where a server is: `https` anywhere, `http` on this computer alone, so that neither data nor
/// tokens cross a network in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    base: String,
    host: String,
}

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong =
            |what: &str| format!("The server's address {what}; write http://127.0.0.1:7860.");
        let uri: Uri = text.parse().map_err(|_| wrong("is no URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong("must begin with https:// or http://"));
        };
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(wrong(
                "must hold no name, password or token (tokens come from TRACKIO_WRITE_TOKEN and \
                 HF_TOKEN alone)",
            ));
        }
        let host = authority.host().to_lowercase();
        let path = uri.path().trim_end_matches('/');
        let base = format!("{scheme}://{}{path}", authority.as_str().to_lowercase());
        let address = Self { base, host };
        match scheme {
            "https" => Ok(address),
            "http" if address.is_loopback() => Ok(address),
            "http" => Err(format!(
                "{address} would send data and tokens in clear. Use https, or a tunnel: `ssh -L \
                 7860:localhost:7860 {}`, then http://127.0.0.1:7860.",
                address.host
            )),
            _ => Err(wrong("must begin with https:// or http://")),
        }
    }

    /// The address of a Space, `user/space` (`remote_client.py`, `_space_id_to_url`).
    ///
    /// # Errors
    /// A sentence, where it is none.
    pub fn of_space(id: &str) -> Result<Self, String> {
        let is_part = |part: &str| {
            let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            !part.is_empty() && part.chars().all(is_legal)
        };
        match id.trim().split_once('/') {
            Some((user, space)) if is_part(user) && is_part(space) => {
                let host = format!("{user}-{space}").to_lowercase().replace(['_', '.'], "-");
                Self::parse(&format!("https://{host}.hf.space"))
            }
            _ => Err("A Space is named user/space; a server by its URL.".to_owned()),
        }
    }

    /// Whether it is on this computer.
    pub fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether it is a Space of Hugging Face.
    pub fn is_space(&self) -> bool {
        self.base.starts_with("https://") && self.host.ends_with(".hf.space")
    }

    /// The URL of a path on the server.
    pub fn join(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.base)
    }
}

/// An address without the token that Trackio lets it carry, and the token.
pub fn split_token(url: &str) -> (String, Option<String>) {
    let Some((base, query)) = url.trim().split_once('?') else { return (url.to_owned(), None) };
    let mut token = None;
    let rest: Vec<&str> = query
        .split('&')
        .filter(|pair| match pair.strip_prefix("write_token=") {
            Some(found) => {
                token = Some(found.to_owned()).filter(|found| !found.is_empty());
                false
            }
            None => !pair.is_empty(),
        })
        .collect();
    let rest = rest.join("&");
    let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{rest}") };
    (url, token)
}
