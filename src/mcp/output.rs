//! The lines that go out, written by a task of their own: a client that does not read them holds
//! nothing else up.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// How many bytes may wait to be written.
const MOST_BYTES: usize = 64 << 20;

/// Where lines go.
pub struct Output {
    lines: Option<mpsc::UnboundedSender<Vec<u8>>>,
    unsent: Arc<AtomicUsize>,
    /// Changes whenever something was written; closed when nothing can be written any more.
    written: watch::Receiver<()>,
    writer: JoinHandle<()>,
}

impl Output {
    /// Starts to write to `to`.
    pub fn new(to: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        let (lines, queue) = mpsc::unbounded_channel();
        let (progress, written) = watch::channel(());
        let unsent = Arc::new(AtomicUsize::new(0));
        let writer = tokio::spawn(write(to, queue, Arc::clone(&unsent), progress));
        Self { lines: Some(lines), unsent, written, writer }
    }

    /// Writes a line, which ends with a line feed, after those before it.
    pub fn send(&self, line: Vec<u8>) -> io::Result<()> {
        let bytes = line.len();
        self.unsent.fetch_add(bytes, Ordering::Relaxed);
        let sent = self.lines.as_ref().is_some_and(|lines| lines.send(line).is_ok());
        if sent { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }

    /// Whether so much waits to be written that nothing more should be asked for.
    pub fn is_full(&self) -> bool {
        self.unsent.load(Ordering::Relaxed) > MOST_BYTES
    }

    /// Returns when there is room; `false`: nobody reads any more. May be given up at any time.
    pub async fn has_room(&mut self) -> bool {
        self.has_at_most(MOST_BYTES).await
    }

    /// Returns when all is written, or cannot be. May be given up at any time.
    pub async fn is_written(&mut self) {
        self.has_at_most(0).await;
    }

    async fn has_at_most(&mut self, bytes: usize) -> bool {
        while self.unsent.load(Ordering::Relaxed) > bytes {
            if self.written.changed().await.is_err() {
                return false;
            }
        }
        true
    }

    /// Returns when nothing can be written any more. May be given up at any time.
    pub async fn is_gone(&mut self) {
        while self.written.changed().await.is_ok() {}
    }

    /// Takes no more lines, and returns when those before are written, or cannot be.
    pub async fn close(&mut self) {
        self.lines = None;
        // An error says that it panicked: there is nothing to wait for.
        let _ = (&mut self.writer).await;
    }
}

async fn write(
    mut to: impl AsyncWrite + Unpin,
    mut queue: mpsc::UnboundedReceiver<Vec<u8>>,
    unsent: Arc<AtomicUsize>,
    progress: watch::Sender<()>,
) {
    while let Some(line) = queue.recv().await {
        let mut written = to.write_all(&line).await;
        if written.is_ok() && queue.is_empty() {
            written = to.flush().await;
        }
        if let Err(error) = written {
            return tracing::debug!(%error, "the client takes no more answers");
        }
        unsent.fetch_sub(line.len(), Ordering::Relaxed);
        progress.send_replace(());
    }
}
