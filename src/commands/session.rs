//! A small MCP client over stdio, for the subcommands that try a server out as a client would.
//!
//! It speaks JSON lines and nothing cleverer, and knows no more of the server than its command:
//! what works here works for any client. Everything has an end: an answer that does not come is
//! an error after the timeout, and a server that does not go is stopped.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The revision of the protocol that the handshake asks for: the newest that every client of
/// today speaks.
pub const PROTOCOL: &str = "2025-06-18";

/// How many of the last lines of stderr an error shows.
const SHOWN_LINES: usize = 20;

/// How often is looked whether the server has gone.
const LOOKS_EVERY: Duration = Duration::from_millis(5);

/// Why a session came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The command does not start.
    #[error("cannot start {command}: {source}")]
    Start {
        /// The program.
        command: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// No answer came in time.
    #[error("no answer to {method} within {} s{}", .timeout.as_secs_f64(), shown(.stderr))]
    TimedOut {
        /// What was asked.
        method: String,
        /// How long it was waited for.
        timeout: Duration,
        /// What the server said last on stderr.
        stderr: String,
    },
    /// The server went away.
    #[error("the server ended before it answered {method}{}", shown(.stderr))]
    Ended {
        /// What was asked.
        method: String,
        /// What the server said last on stderr.
        stderr: String,
    },
    /// Something else than the protocol came over stdout.
    #[error("the server wrote to stdout what is no JSON-RPC: {0}")]
    NoProtocol(String),
    /// The server refused.
    #[error("{method}: {message} (error {code})")]
    Refused {
        /// What was asked.
        method: String,
        /// The code of JSON-RPC.
        code: i64,
        /// The server's reason.
        message: String,
    },
    /// The server did not end when its input did.
    #[error("the server did not end within {} s after its input", .0.as_secs_f64())]
    Stays(Duration),
    /// The system failed to watch the process.
    #[error("the server cannot be watched: {0}")]
    Watch(#[from] std::io::Error),
}

/// What a session gives.
pub type Result<T> = std::result::Result<T, SessionError>;

/// What a tool answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Its text blocks, one after the other.
    pub text: String,
    /// Its structured content, if it has any.
    pub structured: Option<Value>,
    /// Whether the tool says that it failed.
    pub is_error: bool,
    /// The whole result, for what else is in it.
    pub result: Value,
    /// How long it took.
    pub took: Duration,
}

/// A server that runs, after the handshake.
#[derive(Debug)]
pub struct Session {
    child: Child,
    outgoing: Option<Sender<Value>>,
    incoming: Receiver<String>,
    stderr: Arc<Mutex<VecDeque<String>>>,
    timeout: Duration,
    last_id: u64,
    /// What the server said of itself: `serverInfo`, `capabilities`, `instructions`, ...
    pub server: Value,
}

impl Session {
    /// Starts a server and shakes hands. `timeout` is for every answer, this one too.
    pub fn open(mut command: Command, timeout: Duration) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let start = |source| SessionError::Start { command: program.clone(), source };
        let mut child = command.spawn().map_err(start)?;
        let stderr = Arc::default();
        let (outgoing, incoming) = pump(&mut child, &stderr);
        let mut session = Self {
            child,
            outgoing: Some(outgoing),
            incoming,
            stderr,
            timeout,
            last_id: 0,
            server: Value::Null,
        };
        session.server = session.request(
            "initialize",
            json!({
                "protocolVersion": PROTOCOL,
                "capabilities": {},
                "clientInfo": {"name": "mcp-trackio", "version": env!("CARGO_PKG_VERSION")},
            }),
        )?;
        session.send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        Ok(session)
    }

    /// Asks and waits for the answer.
    pub fn request(&mut self, method: &str, params: Value) -> Result<Value> {
        self.last_id += 1;
        let id = self.last_id;
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        let deadline = Instant::now() + self.timeout;
        loop {
            let mut message = self.receive(method, deadline)?;
            if message.get("method").is_some() {
                self.reply(&message);
            } else if message.get("id").and_then(Value::as_u64) == Some(id) {
                return match message.get("error") {
                    Some(error) => Err(refusal(method, error)),
                    None => Ok(message.get_mut("result").map(Value::take).unwrap_or_default()),
                };
            }
        }
    }

    /// All tools, as the server describes them.
    pub fn list_tools(&mut self) -> Result<Vec<Value>> {
        let mut tools = Vec::new();
        let mut params = json!({});
        loop {
            let page = self.request("tools/list", params)?;
            tools.extend(page.get("tools").and_then(Value::as_array).cloned().unwrap_or_default());
            match page.get("nextCursor") {
                Some(cursor) if !cursor.is_null() => params = json!({"cursor": cursor}),
                _ => return Ok(tools),
            }
        }
    }

    /// Calls a tool.
    pub fn call(&mut self, tool: &str, arguments: Value) -> Result<Answer> {
        let start = Instant::now();
        let params = json!({"name": tool, "arguments": arguments});
        let result = self.request("tools/call", params)?;
        let took = start.elapsed();
        let blocks = result.get("content").and_then(Value::as_array);
        let texts = blocks.into_iter().flatten().filter_map(|block| block.get("text")?.as_str());
        Ok(Answer {
            text: texts.collect::<Vec<_>>().join("\n"),
            structured: result.get("structuredContent").cloned(),
            is_error: result.get("isError").and_then(Value::as_bool).unwrap_or(false),
            result,
            took,
        })
    }

    /// Ends the server's input and waits until it has gone.
    pub fn close(mut self) -> Result<ExitStatus> {
        self.outgoing = None;
        let deadline = Instant::now() + self.timeout;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(LOOKS_EVERY);
        }
        Err(SessionError::Stays(self.timeout))
    }

    /// What the server said last on stderr.
    pub fn stderr(&self) -> String {
        let lines = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    /// Hands a message to the writer. If the server is gone, the wait for its answer tells.
    fn send(&self, message: Value) {
        if let Some(outgoing) = &self.outgoing {
            let _ = outgoing.send(message);
        }
    }

    fn receive(&mut self, method: &str, deadline: Instant) -> Result<Value> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.incoming.recv_timeout(left) {
            Ok(line) => match serde_json::from_str(&line) {
                Ok(message @ Value::Object(_)) => Ok(message),
                _ => Err(SessionError::NoProtocol(line.chars().take(200).collect())),
            },
            Err(RecvTimeoutError::Timeout) => Err(SessionError::TimedOut {
                method: method.to_owned(),
                timeout: self.timeout,
                stderr: self.stderr(),
            }),
            Err(RecvTimeoutError::Disconnected) => {
                self.wait_for_last_words();
                Err(SessionError::Ended { method: method.to_owned(), stderr: self.stderr() })
            }
        }
    }

    /// stdout can end a moment before stderr has been read.
    fn wait_for_last_words(&mut self) {
        let deadline = Instant::now() + Duration::from_millis(200);
        while Arc::strong_count(&self.stderr) > 1 && Instant::now() < deadline {
            thread::sleep(LOOKS_EVERY);
        }
    }

    /// Answers what a server may ask a client: whether it is there. We can do nothing else.
    fn reply(&self, message: &Value) {
        let Some(id) = message.get("id") else { return };
        let reply = match message.get("method").and_then(Value::as_str) {
            Some("ping") => json!({"jsonrpc": "2.0", "id": id, "result": {}}),
            _ => json!({
                "jsonrpc": "2.0",
                "id": id,
                "error": {"code": -32601, "message": "this client has no such method"},
            }),
        };
        self.send(reply);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Moves messages between the process and two channels, so that nobody waits for a full pipe.
fn pump(
    child: &mut Child,
    stderr: &Arc<Mutex<VecDeque<String>>>,
) -> (Sender<Value>, Receiver<String>) {
    let (outgoing, to_write) = channel::<Value>();
    if let Some(mut stdin) = child.stdin.take() {
        thread::spawn(move || {
            for message in to_write {
                if writeln!(stdin, "{message}").and_then(|()| stdin.flush()).is_err() {
                    break;
                }
            }
        });
    }
    let (read, incoming) = channel();
    if let Some(stdout) = child.stdout.take() {
        for_each_line(stdout, move |line| read.send(line).is_ok());
    }
    if let Some(pipe) = child.stderr.take() {
        let kept = Arc::clone(stderr);
        for_each_line(pipe, move |line| {
            let mut lines = kept.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == SHOWN_LINES {
                lines.pop_front();
            }
            lines.push_back(line);
            true
        });
    }
    (outgoing, incoming)
}

/// Reads lines on a thread of its own until the end, or until `take` wants no more.
fn for_each_line(
    pipe: impl Read + Send + 'static,
    mut take: impl FnMut(String) -> bool + Send + 'static,
) {
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if !text.is_empty() && !take(text) {
                break;
            }
        }
    });
}

fn refusal(method: &str, error: &Value) -> SessionError {
    SessionError::Refused {
        method: method.to_owned(),
        code: error.get("code").and_then(Value::as_i64).unwrap_or_default(),
        message: error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned(),
    }
}

fn shown(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!("; its last words:\n{stderr}") }
}
