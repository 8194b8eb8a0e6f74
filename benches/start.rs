//! How long a client waits for the server: from the start of the process to its first answers.
//!
//! The server's end is not measured; the `bare_process` line tells what a start alone costs.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use divan::Bencher;

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() {
    divan::main();
}

/// From the start to the reply to `initialize`.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn initialize(bencher: Bencher) {
    measure(bencher, |session| session.ask(INITIALIZE));
}

/// The same, and the list of the tools.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn initialize_and_list(bencher: Bencher) {
    measure(bencher, |session| {
        session.ask(INITIALIZE)?;
        session.say(INITIALIZED)?;
        session.ask(LIST)
    });
}

/// The same binary, which prints its version and ends.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn bare_process(bencher: Bencher) {
    let run = || Command::new(BINARY).arg("--version").stdout(Stdio::null()).status();
    bencher.bench_local(run);
}

const BINARY: &str = env!("CARGO_BIN_EXE_mcp-trackio");

/// Ends with a message where the server does not answer: a time without an answer is no figure.
fn measure(bencher: Bencher, talk: impl Fn(&mut Session) -> Result<()>) {
    let directory = tempfile::tempdir();
    let attempt = || -> Result<Session> {
        let path = directory.as_ref().map_err(ToString::to_string)?.path();
        let mut session = Session::start(path)?;
        talk(&mut session)?;
        Ok(session)
    };
    bencher.bench_local(|| {
        // The session is dropped by the caller, outside the time.
        attempt().unwrap_or_else(|error| fail(error.as_ref()))
    });
}

fn fail(error: &dyn Error) -> ! {
    let _ = writeln!(std::io::stderr(), "the server does not answer: {error}");
    std::process::exit(1)
}

struct Session {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Session {
    fn start(directory: &std::path::Path) -> Result<Self> {
        let mut child = Command::new(BINARY)
            .arg("--dir")
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let input = child.stdin.take().ok_or("no standard input")?;
        let output = child.stdout.take().ok_or("no standard output")?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    fn say(&mut self, message: &str) -> Result<()> {
        Ok(self.input.write_all(format!("{message}\n").as_bytes())?)
    }

    fn ask(&mut self, message: &str) -> Result<()> {
        self.say(message)?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.contains("\"result\"") { Ok(()) } else { Err(line.into()) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
