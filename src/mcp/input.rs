//! Lines of bounded length, read from a stream.

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use super::line::{self, Line};
use super::skim::Skim;

/// The longest line that is read; of a longer one only its id.
pub const LONGEST_LINE: usize = 16 << 20;
/// A buffer that grew larger is given back.
const KEPT: usize = 1 << 20;

/// Where lines come from.
pub struct Input<R> {
    from: BufReader<R>,
    line: Vec<u8>,
    /// What was seen of a line that is too long to be kept.
    too_long: Option<Skim>,
}

impl<R: AsyncRead + Unpin> Input<R> {
    /// Lines from this stream.
    pub fn new(from: R) -> Self {
        let from = BufReader::with_capacity(64 << 10, from);
        Self { from, line: Vec::new(), too_long: None }
    }

    /// The next line with its length, also one that the end of the input has cut off; `None` at
    /// the end. May be given up at any time: what was read is kept.
    pub async fn next(&mut self) -> Option<(Line, usize)> {
        loop {
            let available = match self.from.fill_buf().await {
                Ok(available) => available,
                Err(error) => {
                    tracing::debug!(%error, "the input cannot be read any more");
                    return None;
                }
            };
            if available.is_empty() {
                let is_begun = !self.line.is_empty() || self.too_long.is_some();
                return is_begun.then(|| self.end_line());
            }
            let end = available.iter().position(|&byte| byte == b'\n');
            let piece = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            if let Some(skim) = &mut self.too_long {
                skim.feed(piece);
            } else if self.line.len() + piece.len() > LONGEST_LINE {
                let skim = self.too_long.insert(Skim::of(&self.line));
                skim.feed(piece);
                self.line = Vec::new();
            } else {
                self.line.extend_from_slice(piece);
            }
            let read = piece.len() + usize::from(end.is_some());
            self.from.consume(read);
            if end.is_some() {
                return Some(self.end_line());
            }
        }
    }

    fn end_line(&mut self) -> (Line, usize) {
        let length = self.line.len();
        let line = match self.too_long.take() {
            Some(skim) => line::too_long(skim, LONGEST_LINE),
            None => line::read(&self.line),
        };
        self.line.clear();
        self.line.shrink_to(KEPT);
        (line, length)
    }
}
