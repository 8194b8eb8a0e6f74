//! Long reading that ends when the call does.

use std::io::{self, Read};

use crate::trackio::Stop;

/// Content whose reading fails once the call is cancelled or late.
pub struct Watched<R> {
    content: R,
    stop: Stop,
}

impl<R: Read> Watched<R> {
    /// Reads until `stop` is set.
    pub fn new(content: R, stop: &Stop) -> Self {
        Self { content, stop: stop.clone() }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_cancelled() {
            return Err(io::Error::other("the call was cancelled"));
        }
        if self.stop.is_set() {
            return Err(io::Error::other("the call took too long"));
        }
        self.content.read(to)
    }
}
