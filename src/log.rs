//! Standard error, which nobody needs to read.
//!
//! A client may close it, or leave it unread until its pipe is full. Neither may hold up an answer
//! or fail a command, so a thread of its own writes, and what it has no time for is lost.

use std::io::{self, Write};
use std::panic;
use std::sync::OnceLock;
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

/// How many messages may wait.
const MOST_WAITING: usize = 256;
/// What is longer is cut: an error can quote what a client sent.
const LONGEST: usize = 8 << 10;
/// How long the end of the process waits for the last messages.
const LAST_MESSAGES: Duration = Duration::from_millis(200);

enum Order {
    Write(Vec<u8>),
    /// Tells when all before it is written.
    Flush(SyncSender<()>),
}

static WRITER: OnceLock<SyncSender<Order>> = OnceLock::new();

/// A place to write to that never waits and never fails.
#[derive(Debug, Clone, Copy)]
struct Log;

/// Sends the program's log, and what it says of a panic, to standard error.
pub fn start() {
    let filter = EnvFilter::try_from_env("MCP_TRACKIO_LOG");
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new("warn")))
        .with_writer(|| Log)
        .with_ansi(false)
        .init();
    panic::set_hook(Box::new(|about| say(about)));
}

/// Says something to a person at a terminal.
pub fn say(what: impl std::fmt::Display) {
    // It never fails.
    let _ = Log.write_all(format!("{what}\n").as_bytes());
}

/// Gives the last messages a little time.
pub fn finish() {
    let Some(writer) = WRITER.get() else { return };
    let (done, written) = mpsc::sync_channel(1);
    if writer.try_send(Order::Flush(done)).is_ok() {
        // Nobody reads: then they are lost.
        let _ = written.recv_timeout(LAST_MESSAGES);
    }
}

impl Write for Log {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        let kept = message.get(..LONGEST).unwrap_or(message);
        let mut line = kept.to_vec();
        if kept.len() < message.len() {
            line.extend_from_slice("…\n".as_bytes());
        }
        // A full queue, or no thread: it is lost.
        let _ = WRITER.get_or_init(start_writer).try_send(Order::Write(line));
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn start_writer() -> SyncSender<Order> {
    let (send, orders) = mpsc::sync_channel(MOST_WAITING);
    let write = move || {
        for order in orders {
            match order {
                // Nobody is left to hear of an error.
                Order::Write(line) => drop(io::stderr().write_all(&line)),
                Order::Flush(done) => drop(done.try_send(())),
            }
        }
    };
    // Without a thread, every message is lost.
    let _ = thread::Builder::new().name("log".to_owned()).spawn(write);
    send
}
