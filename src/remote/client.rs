//! Trackio's HTTP API, as far as it is needed (`remote_client.py`, `asgi_app.py`).

use std::fmt;
use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::config::Config;
use ureq::http::Request;
use ureq::http::request::{self, Parts};
use ureq::{Agent, SendBody, Timeout};

use super::Address;
use super::secret::{self, Secret};

/// How long the name of a server may be looked up, and how long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How often it is looked whether to stop.
const LOOK: Duration = Duration::from_millis(100);
/// No answer that is needed is longer.
const MOST_BYTES: u64 = 16 << 20;
/// A server's words beyond these characters are not looked at.
const MOST_WORDS: usize = 1_000;
/// Versions are shorter.
const MOST_VERSION: usize = 40;
/// Parts one upload from the next; no database begins a line so.
const BOUNDARY: &str = "mcp-trackio-8b1f0a6d93c24e57b0d2";
/// The only version of the API that there is.
const API_VERSION: u64 = 1;

/// Asked whether the call is over: cancelled, or too late.
pub type IsOver = Arc<dyn Fn() -> bool + Send + Sync>;

/// How long a server may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Without a byte sent or received.
    pub silence: Duration,
    /// For all that is asked of it in one call.
    pub whole: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { silence: Duration::from_secs(30), whole: Duration::from_secs(30 * 60) }
    }
}

/// Why a server did not do what it was asked. What is shown of it has no trace of a token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be reached, or broke off.
    #[error("{0}")]
    Transport(String),
    /// It is no Trackio server of a known version.
    #[error("what answers there is not a Trackio server with the HTTP API of 0.20 or later")]
    NotTrackio,
    /// No byte went either way.
    #[error("nothing was sent or received for {} s", .0.as_secs())]
    Silent(Duration),
    /// All of it took too long.
    #[error("it was not done after {} min", .0.as_secs() / 60)]
    Late(Duration),
    /// The call is over.
    #[error("the call was stopped")]
    Stopped,
    /// It refused, with these words.
    #[error("the server answered {status}: {words}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// What it said.
        words: String,
    },
}

/// A server that may be spoken to, for one call.
pub struct Client {
    /// Where it is.
    pub address: Address,
    agent: Agent,
    write_token: Option<Secret>,
    hf_token: Option<Secret>,
    limits: Limits,
    end: Instant,
    is_over: IsOver,
}

impl fmt::Debug for Client {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Client").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The status and the body of an answer.
type Answer = (u16, Vec<u8>);

impl Client {
    pub(super) fn new(
        address: Address,
        write_token: Option<Secret>,
        hf_token: Option<Secret>,
        limits: Limits,
        is_over: IsOver,
    ) -> Self {
        let config = Config::builder()
            // A redirect would carry data and tokens to somebody else.
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(limits.silence))
            .timeout_per_write(Some(limits.silence))
            .user_agent(concat!("mcp-trackio/", env!("CARGO_PKG_VERSION")));
        let config = match address.is_loopback() {
            true => config.proxy(None),
            false => config,
        };
        let (agent, end) = (config.build().new_agent(), Instant::now() + limits.whole);
        Self { agent, address, write_token, hf_token, limits, end, is_over }
    }

    /// Whether a token was sent along that lets write.
    pub fn has_token(&self) -> bool {
        self.write_token.is_some() || self.hf_token.is_some()
    }

    /// The server's version; fails where it is no Trackio server, or takes no writes just now.
    pub fn greet(&self) -> Result<String, Error> {
        let (status, body) = self.exchange(self.request("GET", "version"), Content::Nothing)?;
        let about: Option<Value> = serde_json::from_slice(&body).ok().filter(|_| status == 200);
        let about = about.filter(|about| about.get("api_version") == Some(&json!(API_VERSION)));
        let Some(about) = about else { return Err(Error::NotTrackio) };
        if about.get("writes_paused") == Some(&Value::Bool(true)) {
            let words = "its writes are paused (TRACKIO_PAUSE_WRITES)".to_owned();
            return Err(Error::Refused { status: 503, words });
        }
        let version = about.get("version").and_then(Value::as_str).unwrap_or("unknown");
        Ok(self.without_tokens(version).chars().take(MOST_VERSION).collect())
    }

    /// Calls a function of the API; answers its `data`.
    pub fn call(&self, name: &str, arguments: Value) -> Result<Value, Error> {
        let body = json!({"args": [], "kwargs": arguments}).to_string();
        let request = self.request("POST", &format!("api/{name}"));
        let request = request.header("content-type", "application/json");
        let mut answer = self.answer(self.exchange(request, Content::Text(body))?)?;
        Ok(answer.get_mut("data").map(Value::take).unwrap_or_default())
    }

    /// Uploads a file; answers what the API calls it by.
    pub fn upload(
        &self,
        name: &str,
        file: impl Read + Send + 'static,
        length: u64,
    ) -> Result<Value, Error> {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        let whole = head.len() as u64 + length + tail.len() as u64;
        let form = Cursor::new(head).chain(file.take(length)).chain(Cursor::new(tail));
        let request = self
            .request("POST", "api/upload")
            .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .header("content-length", whole.to_string());
        let answer = self.answer(self.exchange(request, Content::Form(Box::new(form)))?)?;
        let Some(path) = answer.pointer("/paths/0").and_then(Value::as_str) else {
            return Err(Error::NotTrackio);
        };
        Ok(json!({"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}))
    }

    fn request(&self, method: &str, path: &str) -> request::Builder {
        let mut request = Request::builder().method(method).uri(self.address.join(path));
        if let Some(token) = &self.write_token {
            request = request.header("x-trackio-write-token", &token.0);
        }
        if let Some(token) = &self.hf_token {
            request = request.header("authorization", format!("Bearer {}", token.0));
        }
        request
    }

    /// Sends a request and receives the whole answer, on a thread of its own: neither a name that
    /// is looked up nor a connection that is made can be broken off, so they are left behind.
    fn exchange(&self, request: request::Builder, content: Content) -> Result<Answer, Error> {
        let request = request.body(()).map_err(|error| self.failure(error.into()))?;
        let (head, ()) = request.into_parts();
        let agent = self.agent.clone();
        let (done, outcome) = mpsc::channel();
        let work = move || {
            // Nobody waits for it where the call is over.
            let _ = done.send(exchange(&agent, head, content));
        };
        let started = thread::Builder::new().name("send".to_owned()).spawn(work);
        started.map_err(|error| self.failure(error.into()))?;
        loop {
            let answered = outcome.recv_timeout(LOOK);
            // What is not read any more ends an exchange too: first why, then what came of it.
            let why = match (self.is_over)() {
                true => Error::Stopped,
                false if Instant::now() >= self.end => Error::Late(self.limits.whole),
                false => match answered {
                    Ok(answer) => return answer.map_err(|error| self.failure(error)),
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(Error::Transport("the exchange broke off".to_owned()));
                    }
                },
            };
            self.agent.clone().shutdown();
            return Err(why);
        }
    }

    fn answer(&self, (status, body): Answer) -> Result<Value, Error> {
        let body: Option<Value> = serde_json::from_slice(&body).ok();
        let error = body.as_ref().and_then(|body| body.get("error")).filter(|e| !e.is_null());
        let words = match error.map(|error| error.as_str().unwrap_or("no reason given")) {
            Some(words) => self.without_tokens(words),
            None if status == 200 => return body.ok_or(Error::NotTrackio),
            None if (300..400).contains(&status) => "a redirect, which is not followed".to_owned(),
            None => "no reason given".to_owned(),
        };
        Err(Error::Refused { status, words })
    }

    fn failure(&self, error: ureq::Error) -> Error {
        Error::Transport(match error {
            ureq::Error::Timeout(Timeout::PerRead | Timeout::PerWrite) => {
                return Error::Silent(self.limits.silence);
            }
            ureq::Error::Timeout(_) => {
                format!("no connection could be made within {} s", CONNECT.as_secs())
            }
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                "nothing answers there (connection refused)".to_owned()
            }
            ureq::Error::Http(_) => {
                "a token holds characters that an HTTP header cannot hold".to_owned()
            }
            ureq::Error::BodyExceedsLimit(most) => {
                format!("its answer is longer than {} MB", most >> 20)
            }
            ureq::Error::ConnectProxyFailed(_) => "the proxy refused the connection".to_owned(),
            // Certificates, for one, are the server's own words.
            error => self.without_tokens(&error.to_string()),
        })
    }

    /// A server could say what it was sent.
    fn without_tokens(&self, words: &str) -> String {
        let words: String = words.chars().take(MOST_WORDS).collect();
        secret::without(&words, [&self.write_token, &self.hf_token].into_iter().flatten())
    }
}

/// What a request carries.
enum Content {
    Nothing,
    Text(String),
    Form(Box<dyn Read + Send>),
}

fn exchange(agent: &Agent, head: Parts, content: Content) -> Result<Answer, ureq::Error> {
    let mut response = match content {
        Content::Nothing => agent.run(Request::from_parts(head, ()))?,
        Content::Text(text) => agent.run(Request::from_parts(head, text))?,
        Content::Form(mut form) => {
            agent.run(Request::from_parts(head, SendBody::from_reader(&mut form)))?
        }
    };
    // An answer of exactly the limit is one too long for `ureq`.
    let body = response.body_mut().with_config().limit(MOST_BYTES + 1).read_to_vec()?;
    Ok((response.status().as_u16(), body))
}
