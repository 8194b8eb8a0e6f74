//! The real binary, asked the lines of a case as a client asks them, and watched: its answers,
//! how long they take, its memory, its standard error, its end.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::case::Mode;
use super::expect::{self, Expected};

/// Nothing takes longer.
pub const LONGEST: Duration = Duration::from_secs(11);
/// The process is gone so soon after its input ended; 2 s are promised, a loaded machine adds some.
const LONGEST_END: Duration = Duration::from_secs(4);
/// The server never needs more memory.
pub const MOST_MEMORY_KB: u64 = 300 << 10;
/// The requests that wait for an answer at once.
const AT_ONCE: usize = 4;
/// A ping is answered so soon whatever else is asked; a cancelled request, if at all.
const LONGEST_PING: Duration = Duration::from_secs(3);
/// How often the memory is looked at while nothing comes.
const GLANCE: Duration = Duration::from_millis(50);
const PARSE_ERROR: i64 = -32_700;
/// The id of the question that is asked last.
const LAST: &str = "fuzz: the last question";

/// Stands in a line for the last `next_cursor` of a list.
pub const LAST_PAGE: &str = "$page";
/// Stands in a line for the last `next_cursor` of get_updates.
pub const LAST_UPDATES: &str = "$updates";

/// A line that was sent and not answered yet.
struct Open {
    line: usize,
    expected: Expected,
    sent: Instant,
}

impl Open {
    fn is_answered_by(&self, id: &Value) -> bool {
        match &self.expected {
            Expected::One(own) => own == id,
            Expected::Refusal(ids) => ids.contains(id),
            _ => false,
        }
    }

    /// Whether an answer without an id may be for it.
    fn may_be_refused(&self) -> bool {
        matches!(self.expected, Expected::Refusal(_))
    }
}

/// What came of a case.
#[derive(Default)]
pub struct Outcome {
    /// Each message of the server, with the line that it answers where there is one.
    pub answers: Vec<(Option<usize>, Value)>,
    /// What was on standard output and cannot be parsed, and why.
    pub unreadable: Vec<(&'static str, String)>,
    /// Lines that got no answer.
    pub unanswered: Vec<usize>,
    /// Answers to nothing that was asked.
    pub unasked: Vec<Value>,
    /// Whether the server stopped answering anything, or did not end with its input.
    pub hangs: Option<String>,
    /// How it ended, if not well.
    pub ended_badly: Option<String>,
    /// The most memory that it had, in KiB.
    pub peak_kb: u64,
    pub stderr: String,
}

/// Starts the binary on `home/trackio` and asks it the lines of a case.
pub fn ask(binary: &Path, home: &Path, lines: &[Vec<u8>], mode: Mode) -> Outcome {
    let mut command = Command::new(binary);
    command.arg("--dir").arg(home.join("trackio")).current_dir(home.join("work"));
    command.env_clear().env("HOME", home.join("user")).env("TMPDIR", home.join("temporary"));
    // The profile of an instrumented binary.
    if let Some(profile) = std::env::var_os("LLVM_PROFILE_FILE") {
        command.env("LLVM_PROFILE_FILE", profile);
    }
    if mode != Mode::Read {
        command.arg("--allow-writes").arg("--media-root").arg(home.join("work"));
    }
    if mode == Mode::WriteToInbox {
        command.env("TRACKIO_STORAGE_MODE", "jsonl");
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut talk = Talk::with(command.spawn().unwrap());
    talk.ask_all(lines);
    talk.end()
}

struct Talk {
    child: Child,
    send: Option<std::sync::mpsc::Sender<Vec<u8>>>,
    received: Receiver<Vec<u8>>,
    stderr: Arc<Mutex<Vec<u8>>>,
    reading: thread::JoinHandle<()>,
    open: VecDeque<Open>,
    cancelled: Vec<Value>,
    /// What stands for the cursors.
    cursors: [(&'static str, String); 2],
    /// What may be answered, by the ids that the answer may have.
    maybe: Vec<Vec<Value>>,
    sent_batches: usize,
    without_id: Vec<Value>,
    is_over: bool,
    outcome: Outcome,
}

impl Talk {
    fn with(mut child: Child) -> Self {
        let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut errors = child.stderr.take().unwrap();
        let (send, lines) = channel::<Vec<u8>>();
        thread::spawn(move || {
            for line in lines {
                if stdin.write_all(&line).and_then(|()| stdin.flush()).is_err() {
                    break;
                }
            }
        });
        let (forward, received) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n') {
                let Ok(line) = line else { break };
                if forward.send(line).is_err() {
                    break;
                }
            }
        });
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&stderr);
        let reading = thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(read @ 1..) = errors.read(&mut chunk) {
                let mut kept = kept.lock().unwrap();
                if kept.len() < 1 << 20 {
                    kept.extend_from_slice(&chunk[..read]);
                }
            }
        });
        Self {
            child,
            send: Some(send),
            received,
            stderr,
            reading,
            open: VecDeque::new(),
            cancelled: Vec::new(),
            cursors: [(LAST_PAGE, String::new()), (LAST_UPDATES, String::new())],
            maybe: Vec::new(),
            sent_batches: 0,
            without_id: Vec::new(),
            is_over: false,
            outcome: Outcome::default(),
        }
    }

    fn ask_all(&mut self, lines: &[Vec<u8>]) {
        for (number, line) in lines.iter().enumerate() {
            let line = self.with_cursors(line);
            if self.is_over {
                return;
            }
            self.post(number, line);
            // A client waits for the answer to its greeting.
            let most = if number == 0 { 1 } else { AT_ONCE };
            while !self.is_over
                && self.open.iter().filter(|open| !open.may_be_refused()).count() >= most
            {
                self.wait();
            }
            if self.is_over {
                return;
            }
        }
        while !self.is_over && !self.is_settled() {
            self.wait();
        }
    }

    /// The line with the cursors that it asks for: what was asked before is answered first.
    fn with_cursors(&mut self, line: &[u8]) -> Vec<u8> {
        let mut line = line.to_vec();
        for which in [0, 1] {
            let name = self.cursors[which].0.as_bytes();
            let Some(at) = line.windows(name.len()).position(|part| part == name) else { continue };
            while !self.is_over && !self.is_settled() {
                self.wait();
            }
            line.splice(at..at + name.len(), self.cursors[which].1.bytes());
        }
        line
    }

    /// A question is open too long. Whether the server still answers another one tells a lost
    /// answer from a server that hangs.
    fn ask_last(&mut self) {
        let late: Vec<usize> = self
            .open
            .iter()
            .filter(|open| open.sent.elapsed() > LONGEST / 2)
            .map(|open| open.line)
            .collect();
        let ping = json!({"jsonrpc": "2.0", "id": LAST, "method": "ping"});
        self.post(usize::MAX, ping.to_string().into_bytes());
        let start = Instant::now();
        let is_open = |talk: &Self, line: usize| talk.open.iter().any(|open| open.line == line);
        while is_open(self, usize::MAX) && start.elapsed() < LONGEST_PING {
            match self.received.recv_timeout(GLANCE) {
                Ok(line) => self.take(&line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        if is_open(self, usize::MAX) {
            self.outcome.hangs = Some("nothing is answered".to_owned());
        } else {
            self.settle();
            let is_late = |line: &usize| is_open(self, *line);
            self.outcome.unanswered = late.into_iter().filter(is_late).collect();
        }
        self.open.clear();
        self.is_over = true;
    }

    fn post(&mut self, line: usize, mut bytes: Vec<u8>) {
        let expected = expect::of(&bytes);
        self.cancelled.extend(expect::cancelled(&bytes));
        match expected {
            Expected::Nothing => {}
            Expected::Maybe(ids) => self.maybe.push(ids),
            Expected::Batch => {
                self.sent_batches += 1;
                self.maybe.push(Vec::new());
            }
            expected => self.open.push_back(Open { line, expected, sent: Instant::now() }),
        }
        bytes.push(b'\n');
        self.send.as_ref().map(|send| send.send(bytes));
    }

    /// Takes one message, or looks how the server is.
    fn wait(&mut self) {
        match self.received.recv_timeout(GLANCE) {
            Ok(line) => self.take(&line),
            Err(RecvTimeoutError::Disconnected) => self.is_over = true,
            Err(RecvTimeoutError::Timeout) => {
                self.measure();
                if self.outcome.peak_kb > 2 * MOST_MEMORY_KB {
                    self.open.clear();
                    self.is_over = true;
                }
            }
        }
        let cancelled = &self.cancelled;
        self.open.retain(|open| {
            let is_cancelled =
                matches!(&open.expected, Expected::One(id) if cancelled.contains(id));
            !(is_cancelled && open.sent.elapsed() > LONGEST_PING)
        });
        if !self.is_settled() && self.open.iter().any(|open| open.sent.elapsed() > LONGEST) {
            self.ask_last();
        }
    }

    fn take(&mut self, line: &[u8]) {
        let message = match serde_json::from_slice::<Value>(line) {
            Ok(message) => message,
            Err(error) => {
                let why = if error.to_string().starts_with("recursion limit") {
                    "nested deeper than parsers take (serde_json: 128 levels)"
                } else {
                    "not JSON"
                };
                self.outcome.unreadable.push((why, String::from_utf8_lossy(line).into_owned()));
                // Its id can be read, so nobody waits for it.
                let id = serde_json::from_slice::<BTreeMap<&str, &RawValue>>(line)
                    .ok()
                    .and_then(|fields| serde_json::from_str::<Value>(fields.get("id")?.get()).ok());
                self.open.retain(|open| !id.as_ref().is_some_and(|id| open.is_answered_by(id)));
                return;
            }
        };
        if message.get("method").is_some() {
            self.outcome.answers.push((None, message));
            return;
        }
        if message.is_array() && self.sent_batches > 0 {
            self.sent_batches -= 1;
            self.outcome.answers.push((None, message));
            return;
        }
        let structured = &message["result"]["structuredContent"];
        if let Some(cursor) = structured["next_cursor"].as_str() {
            self.cursors[usize::from(structured.get("changes").is_some())].1 = cursor.to_owned();
        }
        let id = message.get("id").cloned().unwrap_or(Value::Null);
        let known = self.open.iter().position(|open| open.is_answered_by(&id));
        // The id of a broken line can be read in several ways.
        let is_unsure = message["error"]["code"] == PARSE_ERROR
            || id.as_str().is_some_and(|id| id.contains('\u{fffd}'));
        if id.is_null() || known.is_none() && is_unsure {
            self.without_id.push(message);
            return;
        }
        match known {
            Some(at) => {
                let line = self.open.remove(at).map(|open| open.line);
                if line != Some(usize::MAX) {
                    self.outcome.answers.push((line, message));
                }
            }
            None => match self.maybe.iter().position(|ids| ids.contains(&id)) {
                Some(at) => {
                    self.maybe.remove(at);
                    self.outcome.answers.push((None, message));
                }
                None => self.outcome.unasked.push(message),
            },
        }
    }

    /// Whether each question has its answer. Which line an answer without an id is for cannot be
    /// told, so they are counted.
    fn is_settled(&self) -> bool {
        let refused = self.open.iter().filter(|open| open.may_be_refused()).count();
        refused == self.open.len() && refused <= self.without_id.len()
    }

    /// The answers without an id, each for some line that may have such a one.
    fn settle(&mut self) {
        let without_id = std::mem::take(&mut self.without_id);
        for message in without_id {
            if let Some(at) = self.open.iter().position(Open::may_be_refused) {
                self.open.remove(at);
            } else if self.maybe.pop().is_none() {
                self.outcome.unasked.push(message);
                continue;
            }
            self.outcome.answers.push((None, message));
        }
    }

    fn measure(&mut self) {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok());
        self.outcome.peak_kb = self.outcome.peak_kb.max(peak.unwrap_or(0));
    }

    fn end(mut self) -> Outcome {
        self.measure();
        drop(self.send.take());
        let start = Instant::now();
        let mut status = None;
        while status.is_none() && start.elapsed() < LONGEST_END {
            status = self.child.try_wait().unwrap();
            if status.is_none() {
                thread::sleep(Duration::from_millis(2));
            }
        }
        self.child.kill().ok();
        self.child.wait().ok();
        match status {
            None if self.outcome.hangs.is_none() => {
                self.outcome.hangs = Some("the process does not end with its input".to_owned());
            }
            Some(status) if !status.success() => {
                self.outcome.ended_badly = Some(status.to_string())
            }
            _ => {}
        }
        while let Ok(line) = self.received.recv() {
            self.take(&line);
        }
        self.settle();
        self.reading.join().ok();
        self.outcome.stderr = String::from_utf8_lossy(&self.stderr.lock().unwrap()).into_owned();
        // The server went while questions were open.
        let open = std::mem::take(&mut self.open);
        self.outcome.unanswered.extend(open.iter().map(|open| open.line));
        self.outcome
    }
}
