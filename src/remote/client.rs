//! Trackio's HTTP API, as far as it is needed (`remote_client.py`, `asgi_app.py`).

use std::io::{self, Read};
use std::time::Duration;

use serde_json::{Value, json};
use ureq::config::Config;
use ureq::http::{Request, Response};
use ureq::{Agent, Body, SendBody};

use super::{Address, Secret};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take; Trackio's own client waits so long for a sync.
const ANSWER: Duration = Duration::from_secs(180);
/// No answer that is needed is longer.
const MOST_BYTES: u64 = 16 << 20;
/// Parts one upload from the next; no database begins a line so.
const BOUNDARY: &str = "mcp-trackio-8b1f0a6d93c24e57b0d2";
/// The only version of the API that there is.
const API_VERSION: u64 = 1;

/// Why a server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be reached, or broke off.
    #[error("{0}")]
    Transport(String),
    /// It is no Trackio server of a known version.
    #[error("what answers there is no Trackio server with the HTTP API of 0.20 or later")]
    NotTrackio,
    /// It refused, with these words.
    #[error("the server answered {status}: {words}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// What it said.
        words: String,
    },
}

/// A server that may be spoken to.
#[derive(Debug)]
pub struct Client {
    /// Where it is.
    pub address: Address,
    agent: Agent,
    write_token: Option<Secret>,
    hf_token: Option<Secret>,
}

impl Client {
    pub(super) fn new(
        address: Address,
        write_token: Option<Secret>,
        hf_token: Option<Secret>,
    ) -> Self {
        let config = Config::builder()
            // A redirect would carry data and tokens to somebody else.
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .user_agent(concat!("mcp-trackio/", env!("CARGO_PKG_VERSION")));
        let config = match address.is_loopback() {
            true => config.proxy(None),
            false => config,
        };
        Self { agent: config.build().new_agent(), address, write_token, hf_token }
    }

    /// Whether a token was sent along that lets write.
    pub fn has_token(&self) -> bool {
        self.write_token.is_some() || self.hf_token.is_some()
    }

    /// The server's version; fails where it is no Trackio server, or takes no writes just now.
    pub fn greet(&self) -> Result<String, Error> {
        let request = self.request("GET", "version").body(()).map_err(Error::transport)?;
        let mut response = self.agent.run(request).map_err(Error::transport)?;
        let status = response.status().as_u16();
        let about = self.body(&mut response).ok().filter(|_| status == 200);
        let about = about.filter(|about| about["api_version"] == API_VERSION);
        let Some(about) = about else { return Err(Error::NotTrackio) };
        if about["writes_paused"] == true {
            let words = "its writes are paused (TRACKIO_PAUSE_WRITES)".to_owned();
            return Err(Error::Refused { status: 503, words });
        }
        Ok(about["version"].as_str().unwrap_or("unknown").to_owned())
    }

    /// Calls a function of the API; answers its `data`.
    pub fn call(&self, name: &str, arguments: Value) -> Result<Value, Error> {
        let body = json!({"args": [], "kwargs": arguments}).to_string();
        let request = self.request("POST", &format!("api/{name}"));
        let request = request.header("content-type", "application/json");
        let request = request.body(body).map_err(Error::transport)?;
        let mut answer = self.answer(self.agent.run(request))?;
        Ok(answer.get_mut("data").map(Value::take).unwrap_or_default())
    }

    /// Uploads a file; answers what the API calls it by.
    pub fn upload(&self, name: &str, file: impl Read, length: u64) -> Result<Value, Error> {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        let whole = head.len() as u64 + length + tail.len() as u64;
        let mut form = head.as_bytes().chain(file.take(length)).chain(tail.as_bytes());
        let request = self
            .request("POST", "api/upload")
            .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .header("content-length", whole.to_string())
            .body(SendBody::from_reader(&mut form))
            .map_err(Error::transport)?;
        let answer = self.answer(self.agent.run(request))?;
        let Some(path) = answer.pointer("/paths/0").and_then(Value::as_str) else {
            return Err(Error::NotTrackio);
        };
        Ok(json!({"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}))
    }

    fn request(&self, method: &str, path: &str) -> ureq::http::request::Builder {
        let mut request = Request::builder().method(method).uri(self.address.join(path));
        if let Some(token) = &self.write_token {
            request = request.header("x-trackio-write-token", &token.0);
        }
        if let Some(token) = &self.hf_token {
            request = request.header("authorization", format!("Bearer {}", token.0));
        }
        request
    }

    fn answer(&self, response: Result<Response<Body>, ureq::Error>) -> Result<Value, Error> {
        let mut response = response.map_err(Error::transport)?;
        let status = response.status().as_u16();
        let body = self.body(&mut response);
        let error = body.as_ref().ok().and_then(|body| body.get("error")).filter(|e| !e.is_null());
        if status == 200 && error.is_none() {
            return body;
        }
        let words = match error.map(|error| error.as_str().unwrap_or("no reason given")) {
            Some(words) => self.without_tokens(words),
            None if (300..400).contains(&status) => "a redirect, which is not followed".to_owned(),
            None => "no reason given".to_owned(),
        };
        Err(Error::Refused { status, words })
    }

    fn body(&self, response: &mut Response<Body>) -> Result<Value, Error> {
        let bytes = response.body_mut().with_config().limit(MOST_BYTES).read_to_vec();
        let bytes = bytes.map_err(Error::transport)?;
        serde_json::from_slice(&bytes).map_err(|_| Error::NotTrackio)
    }

    /// A server could say what it was sent.
    fn without_tokens(&self, words: &str) -> String {
        let tokens = [&self.write_token, &self.hf_token];
        let tokens = tokens.into_iter().flatten().filter(|token| !token.0.is_empty());
        tokens.fold(words.to_owned(), |words, token| words.replace(&token.0, "…"))
    }
}

impl Error {
    fn transport(error: impl Into<ureq::Error>) -> Self {
        Self::Transport(match error.into() {
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                "nothing answers there (connection refused)".to_owned()
            }
            ureq::Error::Http(_) => "a token holds letters that no header can".to_owned(),
            error => error.to_string(),
        })
    }
}
