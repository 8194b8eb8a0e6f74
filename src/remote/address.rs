//! The address of a Trackio server.

use std::fmt;
use std::net::IpAddr;

use ureq::http::Uri;

/// Where a server is: `https` anywhere, `http` on this computer alone, so that neither data nor
/// tokens cross a network in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    origin: Origin,
    /// Without a slash at its end.
    path: String,
}

/// What a token is for: where a server listens, and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    scheme: Scheme,
    /// In lower case; an IPv6 address in brackets.
    host: String,
    port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
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
        let uri: Uri = text.parse().map_err(|_| wrong("is not a URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong("must begin with https:// or http://"));
        };
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(wrong(
                "must hold no name, password or token (tokens come from TRACKIO_WRITE_TOKEN and \
                 HF_TOKEN alone)",
            ));
        }
        let scheme = match scheme {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return Err(wrong("must begin with https:// or http://")),
        };
        let host = authority.host().to_lowercase();
        let port = match authority.as_str().len() == authority.host().len() {
            true => scheme.usual_port(),
            false => {
                authority.port_u16().ok_or_else(|| wrong("has a port that is not a number"))?
            }
        };
        let path = uri.path().trim_end_matches('/').to_owned();
        let address = Self { origin: Origin { scheme, host, port }, path };
        match scheme == Scheme::Https || address.is_loopback() {
            true => Ok(address),
            false => Err(format!(
                "{address} would send data and tokens in clear. Use https, or a tunnel: `ssh -L \
                 7860:localhost:7860 {}`, then http://127.0.0.1:7860.",
                address.origin.host
            )),
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
        let host = self.origin.host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether it is a Space of Hugging Face.
    pub fn is_space(&self) -> bool {
        let Origin { scheme, host, port } = &self.origin;
        *scheme == Scheme::Https && *port == 443 && host.ends_with(".hf.space")
    }

    /// Whether another address, which need not have a path, is this one.
    pub fn is_meant_by(&self, other: &Self) -> bool {
        self.origin == other.origin && (other.path.is_empty() || self.path == other.path)
    }

    /// The URL of a path on the server.
    pub fn join(&self, path: &str) -> String {
        format!("{self}/{path}")
    }
}

impl Scheme {
    fn usual_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { scheme, host, port } = &self.origin;
        let name = match scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(to, "{name}://{host}")?;
        if *port != scheme.usual_port() {
            write!(to, ":{port}")?;
        }
        to.write_str(&self.path)
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
