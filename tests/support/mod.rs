//! What the black-box tests share: real databases, unpacked fresh for every
//! test, and a session with the real binary over its standard streams.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod database;

use std::{
    collections::BTreeMap,
    env,
    ffi::OsStr,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use flate2::read::GzDecoder;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// Every database archive in `tests/fixtures`, by name.
pub const FIXTURES: [&str; 7] = [
    "0.3.4",
    "0.14.2",
    "0.24.2",
    "0.43.0",
    "upgraded-0.14.2-0.36.0",
    "special-corrupt",
    "special-mixed-inbox",
];

/// The version a session speaks unless a test says otherwise.
pub const LEGACY: &str = "2025-11-25";

/// How long a healthy server may take for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The binary that sessions talk to: the one built with the tests, or that of MCP_TRACKIO_BINARY,
/// with which `.ci/run` asks an optimized one of a project that is too large for a debug build.
fn binary() -> PathBuf {
    let built = || env!("CARGO_BIN_EXE_mcp-trackio").into();
    env::var_os("MCP_TRACKIO_BINARY").map_or_else(built, PathBuf::from)
}

/// A file of this repository's `tests` directory.
pub fn tests_file(relative: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(relative)
}

/// A gzipped file, unpacked.
pub fn gunzip(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

/// A Trackio directory of its own, gone when dropped.
pub struct Fixture {
    _temp: TempDir,
    /// The directory that Trackio would call `TRACKIO_DIR`.
    pub dir: PathBuf,
}

impl Fixture {
    /// A fresh copy of a recorded directory.
    pub fn unpack(name: &str) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let bytes = gunzip(&tests_file("fixtures").join(format!("{name}.tar.gz")));
        let mut archive = tar::Archive::new(bytes.as_slice());
        archive.set_preserve_mtime(true);
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let done = entry.unpack_in(temp.path());
            // Not every system has links and every name.
            assert!(done.is_ok() || cfg!(not(unix)), "{name}: {done:?}");
        }
        let dir = temp.path().join(name);
        assert!(dir.is_dir(), "{name}.tar.gz holds no directory {name}");
        Self { _temp: temp, dir }
    }

    /// An empty directory.
    pub fn empty() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("trackio");
        fs::create_dir(&dir).unwrap();
        Self { _temp: temp, dir }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        #[cfg(unix)]
        if self.dir.is_dir() {
            make_writable(&self.dir);
        }
    }
}

/// What a tool answered.
#[derive(Debug, Clone)]
pub struct ToolAnswer {
    /// The structured content; `Null` when there was none.
    pub structured: Value,
    /// Every text block, joined.
    pub text: String,
    /// The whole result as it came over the wire.
    pub raw: Value,
    /// Whether the tool said that it failed.
    pub is_error: bool,
}

impl ToolAnswer {
    /// Its structured part or, where a tool answers text alone, what the text says: `name: value`
    /// lines and tables, as the same objects.
    pub fn facts(&self) -> Value {
        if !self.structured.is_null() {
            return self.structured.clone();
        }
        let read = |cell: &str| serde_json::from_str(cell).unwrap_or_else(|_| json!(cell));
        let mut facts = Map::new();
        let mut lines = self.text.lines().skip(1).peekable();
        while let Some(line) = lines.next() {
            let Some((name, value)) = line.split_once(':') else { continue };
            if !value.is_empty() {
                facts.insert(name.to_owned(), read(value.trim()));
                continue;
            }
            let keys: Vec<&str> = lines.next().unwrap_or_default().split(" | ").collect();
            let mut rows = Vec::new();
            while let Some(row) = lines.next_if(|line| line.split(" | ").count() == keys.len()) {
                if keys.len() == 1 && (row.is_empty() || row.starts_with("total: ")) {
                    break;
                }
                let cells = row.split(" | ").map(read);
                rows.push(
                    keys.iter().map(|key| (*key).to_owned()).zip(cells).collect::<Map<_, _>>(),
                );
            }
            facts.insert(name.to_owned(), json!(rows));
        }
        facts.into()
    }

    fn of(result: Value) -> Self {
        let text = result["content"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|block| block["text"].as_str())
            .collect::<Vec<_>>()
            .join("\n");
        Self {
            structured: result.get("structuredContent").cloned().unwrap_or(Value::Null),
            is_error: result["isError"] == json!(true),
            text,
            raw: result,
        }
    }

    /// This answer, which has to be a success.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert!(!self.is_error, "the tool failed: {}", self.text);
        self
    }

    /// The text of this answer, which has to be a failure that says something.
    #[track_caller]
    pub fn failure(self) -> String {
        assert!(self.is_error, "expected a failure, got {}", self.raw);
        assert!(!self.text.trim().is_empty(), "a failure has to say what is wrong: {}", self.raw);
        self.text
    }
}

/// One running server.
pub struct Session {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Arc<Mutex<String>>,
    errors: Option<JoinHandle<()>>,
    next_id: u64,
}

impl Session {
    /// The binary, started on a directory, with nothing said yet.
    pub fn silent(dir: &Path) -> Self {
        Self::spawn([OsStr::new("--dir"), dir.as_os_str()], |_| {})
    }

    /// The binary, started with these arguments, with nothing said yet.
    pub fn spawn<A: AsRef<OsStr>>(
        arguments: impl IntoIterator<Item = A>,
        also: impl FnOnce(&mut Command),
    ) -> Self {
        let mut command = bare(&binary());
        command.args(arguments);
        also(&mut command);
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        let (stdout, mut errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { break };
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let stderr = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&stderr);
        let errors = thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(read @ 1..) = errors.read(&mut chunk) {
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..read]));
            }
        });
        Self { child, stdin, lines, stderr, errors: Some(errors), next_id: 0 }
    }

    /// A session after the handshake of [`LEGACY`].
    pub fn start(dir: &Path) -> Self {
        let mut session = Self::silent(dir);
        session.handshake(LEGACY);
        session
    }

    /// The handshake of the clients before 2026; answers the server's result.
    pub fn handshake(&mut self, version: &str) -> Value {
        let asked = json!({
            "protocolVersion": version, "capabilities": {},
            "clientInfo": {"name": "black-box tests", "version": "1"},
        });
        let result = self.request("initialize", asked)["result"].take();
        assert!(result.is_object(), "initialize failed; stderr: {}", self.stderr());
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        result
    }

    /// Send one line, whatever it holds.
    pub fn send_line(&mut self, line: &str) {
        self.send_bytes(line.as_bytes());
    }

    /// Send one line that need not be text.
    pub fn send_bytes(&mut self, line: &[u8]) {
        let stdin = self.stdin.as_mut().expect("the session is closed");
        stdin
            .write_all(line)
            .and_then(|()| stdin.write_all(b"\n"))
            .and_then(|()| stdin.flush())
            .unwrap();
    }

    /// Send one message.
    pub fn send(&mut self, message: &Value) {
        self.send_line(&message.to_string());
    }

    /// Send a request without waiting; answers its id.
    pub fn post(&mut self, method: &str, params: Value) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        let mut message = json!({"jsonrpc": "2.0", "id": id, "method": method});
        if !params.is_null() {
            message["params"] = params;
        }
        self.send(&message);
        id
    }

    /// The next message of the server, checked to be JSON-RPC; `None` when it
    /// says nothing for so long, or has closed its output.
    pub fn receive(&mut self, patience: Duration) -> Option<Value> {
        let message = self.receive_any(patience)?;
        assert_eq!(message["jsonrpc"], "2.0", "not a JSON-RPC message: {message}");
        Some(message)
    }

    /// The next line of the server, which may be the answer to a batch.
    pub fn receive_any(&mut self, patience: Duration) -> Option<Value> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Some(serde_json::from_str(&line).unwrap_or_else(|error| {
                panic!("stdout holds something other than JSON ({error}): {line}")
            })),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    /// The answer to the request with this id; other messages are passed over.
    pub fn answer_to(&mut self, id: &Value, patience: Duration) -> Option<Value> {
        let end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let message = self.receive(left)?;
            if message.get("id") == Some(id) && message.get("method").is_none() {
                return Some(message);
            }
        }
    }

    /// Send a request and wait for its answer.
    #[track_caller]
    pub fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.post(method, params);
        self.answer_to(&json!(id), PATIENCE)
            .unwrap_or_else(|| panic!("{method} was not answered; stderr: {}", self.stderr()))
    }

    /// Send a request of the stateless protocol without waiting; answers its id.
    pub fn post_stateless(&mut self, method: &str, mut params: Value) -> u64 {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "black-box tests", "version": "1"},
        });
        self.post(method, params)
    }

    /// The text of a resource's first part.
    #[track_caller]
    pub fn read(&mut self, uri: &str) -> String {
        let answer = self.request("resources/read", json!({"uri": uri}));
        let text = answer["result"]["contents"][0]["text"].as_str();
        text.unwrap_or_else(|| panic!("{uri}: {answer}")).to_owned()
    }

    /// Send a tool call without waiting; answers its id.
    pub fn post_call(&mut self, tool: &str, arguments: &Value) -> u64 {
        self.post("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// Call a tool, which has to answer with a result of its own.
    #[track_caller]
    pub fn call(&mut self, tool: &str, arguments: Value) -> ToolAnswer {
        let mut answer = self.request("tools/call", json!({"name": tool, "arguments": arguments}));
        assert!(answer.get("result").is_some(), "{tool} {arguments}: no result but {answer}");
        ToolAnswer::of(answer["result"].take())
    }

    /// Call a tool as often as it names a next page; every page.
    #[track_caller]
    pub fn pages(&mut self, tool: &str, arguments: &Value) -> Vec<ToolAnswer> {
        let mut arguments = arguments.clone();
        let mut pages = Vec::new();
        loop {
            let page = self.call(tool, arguments.clone());
            let next = page.facts().get("next_cursor").cloned();
            pages.push(page);
            match next {
                Some(cursor) if !cursor.is_null() => arguments["cursor"] = cursor,
                _ => return pages,
            }
            assert!(pages.len() < 10_000, "{tool} {arguments} never ends");
        }
    }

    /// The whole list of tools.
    pub fn tools(&mut self) -> Vec<Value> {
        self.request("tools/list", json!({}))["result"]["tools"]
            .as_array()
            .expect("a list of tools")
            .clone()
    }

    /// What the server has written to its standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Whether the server is still there.
    pub fn alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The process id of the server.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the server, wherever it is; returns once it is gone.
    pub fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// End of input; answers how the server ended, and in what time.
    #[track_caller]
    pub fn close(&mut self) -> (ExitStatus, Duration) {
        drop(self.stdin.take());
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                // All that it said last.
                self.errors.take().map(JoinHandle::join);
                return (status, start.elapsed());
            }
            thread::sleep(Duration::from_millis(2));
        }
        panic!("the server does not end at the end of its input; stderr: {}", self.stderr());
    }
}

/// A command with nothing of this process's environment but what Windows needs to start a program.
pub fn cleared(program: impl AsRef<OsStr>) -> Command {
    const KEPT: [&str; 5] = ["SystemRoot", "SystemDrive", "ComSpec", "TEMP", "TMP"];
    let mut command = Command::new(program);
    command.env_clear();
    if cfg!(windows) {
        command.envs(KEPT.iter().filter_map(|name| Some((*name, env::var_os(name)?))));
        // Not in the environment of every wine.
        command.env("PATHEXT", ".COM;.EXE;.BAT;.CMD");
    }
    command
}

/// Gives a command a home directory, with every folder of the user's below it.
pub fn at_home<'a>(command: &'a mut Command, home: &Path) -> &'a mut Command {
    for name in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"] {
        command.env_remove(name);
    }
    command.env("HOME", home).env("USERPROFILE", home);
    command.env("APPDATA", home.join("AppData").join("Roaming"));
    command.env("LOCALAPPDATA", home.join("AppData").join("Local"))
}

/// Where the journal is of a user whose home directory `at_home` gave.
pub fn journal_of(home: &Path) -> PathBuf {
    let state = match env::consts::OS {
        "windows" => home.join("AppData").join("Local"),
        "macos" => home.join("Library").join("Application Support"),
        _ => home.join(".local").join("state"),
    };
    state.join("mcp-trackio")
}

/// A command that knows nothing of this machine's Trackio.
fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    for name in ["TRACKIO_DIR", "HF_HOME", "XDG_CACHE_HOME", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
}

/// A server that file permissions hold for: where the tests run as root, another
/// user runs a copy of the binary (put beside `dir`, which that user may read).
#[cfg(unix)]
pub fn unprivileged(dir: &Path) -> Session {
    use std::os::unix::{fs::PermissionsExt, process::CommandExt};
    if uzers::get_effective_uid() != 0 {
        return Session::silent(dir);
    }
    const NOBODY: u32 = 65534;
    let beside = dir.parent().unwrap();
    fs::set_permissions(beside, fs::Permissions::from_mode(0o755)).unwrap();
    let binary = beside.join("mcp-trackio");
    fs::copy(env!("CARGO_BIN_EXE_mcp-trackio"), &binary).unwrap();
    let mut command = bare(&binary);
    command.arg("--dir").arg(dir).env("HOME", "/nonexistent").uid(NOBODY).gid(NOBODY);
    Session::of(command)
}

/// Take the right to write away from a directory and everything in it.
#[cfg(unix)]
pub fn make_read_only(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let about = fs::symlink_metadata(&path).unwrap();
        if about.is_dir() {
            make_read_only(&path);
        } else if !about.is_symlink() {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        }
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o555)).unwrap();
}

/// Give the right back, so that the directory can be removed.
#[cfg(unix)]
pub fn make_writable(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            make_writable(&path);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.kill();
    }
}

/// All that can be told of one entry of a directory without opening it for writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    kind: &'static str,
    size: u64,
    modified: SystemTime,
    read_only: bool,
    content: u64,
    target: Option<PathBuf>,
}

/// Every entry below a directory, the directory itself included.
pub type Snapshot = BTreeMap<PathBuf, Entry>;

/// A directory as it is, the bytes of its files included.
pub fn snapshot(dir: &Path) -> Snapshot {
    look(dir, true)
}

/// A directory as it is, without reading its files.
pub fn glance(dir: &Path) -> Snapshot {
    look(dir, false)
}

fn look(dir: &Path, bytes: bool) -> Snapshot {
    fn visit(root: &Path, path: &Path, bytes: bool, found: &mut Snapshot) {
        let about = fs::symlink_metadata(path).unwrap();
        let mut content = DefaultHasher::new();
        let kind = if about.is_symlink() {
            "link"
        } else if about.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                visit(root, &entry.unwrap().path(), bytes, found);
            }
            "directory"
        } else {
            if bytes {
                fs::read(path).unwrap().hash(&mut content);
            }
            "file"
        };
        let entry = Entry {
            kind,
            size: if kind == "directory" { 0 } else { about.len() },
            modified: about.modified().unwrap(),
            read_only: about.permissions().readonly(),
            content: content.finish(),
            target: fs::read_link(path).ok(),
        };
        found.insert(path.strip_prefix(root).unwrap().to_owned(), entry);
    }
    let mut found = BTreeMap::new();
    visit(dir, dir, bytes, &mut found);
    found
}

/// What differs between two snapshots, one line an entry.
pub fn changes(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for (path, old) in before {
        match after.get(path) {
            None => lines.push(format!("{} is gone", path.display())),
            Some(new) if new != old => {
                lines.push(format!("{} was {old:?} and is {new:?}", path.display()))
            }
            Some(_) => {}
        }
    }
    for path in after.keys().filter(|path| !before.contains_key(*path)) {
        lines.push(format!("{} is new", path.display()));
    }
    lines
}

/// A tool call that a test makes because the tool is on the list.
#[derive(Debug, Clone)]
pub struct SampleCall {
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Value,
}

/// Calls of every listed read tool about everything in a directory: each tool
/// without optional arguments, for every project, its newest runs and their metrics.
pub fn sample_calls(session: &mut Session) -> Vec<SampleCall> {
    let tools = session.tools();
    let known = |name: &str| tools.iter().any(|tool| tool["name"] == name);
    let mut subjects: Vec<Map<String, Value>> = Vec::new();
    let projects: Vec<String> = if known("get_all_projects") {
        session
            .pages("get_all_projects", &json!({}))
            .iter()
            .flat_map(|page| page.structured["projects"].as_array().cloned().unwrap_or_default())
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect()
    } else {
        Vec::new()
    };
    for project in &projects {
        let runs = session.call("get_runs_for_project", json!({"project": project})).structured;
        let runs = runs["runs"].as_array().cloned().unwrap_or_default();
        for run in runs.iter().take(3) {
            let who = json!({"project": project, "run": run["id"]});
            let metrics = session.call("get_metrics_for_run", who).structured;
            let metrics = metrics["metrics"].as_array().cloned().unwrap_or_default();
            for metric in metrics.iter().take(2).chain(metrics.is_empty().then_some(&Value::Null)) {
                let mut subject = Map::new();
                subject.insert("project".into(), json!(project));
                subject.insert("run".into(), run["id"].clone());
                if metric.is_string() {
                    subject.insert("metric".into(), metric.clone());
                }
                subjects.push(subject);
            }
        }
        if runs.is_empty() {
            subjects.push(Map::from_iter([("project".to_owned(), json!(project))]));
        }
    }
    let mut calls: Vec<SampleCall> = Vec::new();
    for tool in &tools {
        let name = tool["name"].as_str().unwrap();
        if tool["annotations"]["readOnlyHint"] != true {
            continue;
        }
        let required: Vec<&str> = tool["inputSchema"]["required"]
            .as_array()
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let takes = |name: &str| tool["inputSchema"]["properties"].get(name).is_some();
        let mut add = |arguments: Value| {
            if !calls.iter().any(|call| call.tool == name && call.arguments == arguments) {
                calls.push(SampleCall { tool: name.to_owned(), arguments });
            }
        };
        for subject in &subjects {
            let value = |name: &str| match name {
                "runs" => subject.get("run").map(|run| json!([run])),
                "metrics" => subject.get("metric").map(|metric| json!([metric])),
                "query" => Some(json!("loss")),
                "name" => Some(json!("model")),
                name => subject.get(name).cloned(),
            };
            let needed = required.iter().map(|name| Some(((*name).to_owned(), value(name)?)));
            let Some(needed) = needed.collect::<Option<Map<String, Value>>>() else { continue };
            add(Value::Object(needed.clone()));
            let mut aimed = needed;
            for name in ["project", "run"] {
                if takes(name)
                    && let Some(value) = value(name)
                {
                    aimed.insert(name.to_owned(), value);
                }
            }
            add(Value::Object(aimed));
        }
        if required.is_empty() {
            add(json!({}));
        }
    }
    calls
}
