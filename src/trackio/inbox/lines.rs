//! Lines of a file of the inbox, one at a time and within bounds.

use std::io::{self, BufRead};
use std::ops::ControlFlow;

/// The longest line that is read, in bytes. A row that long fits no answer, and SQLite is not let
/// hold a longer one.
pub const LONGEST: usize = 32_000_000;

/// Hands each line to `take`, without the bytes that end it; returns how many lines were too long
/// to be handed out. `take` can end the reading.
///
/// Lines end as Python's `bytes.splitlines` ends them: at `\n`, `\r` or both.
pub fn each(
    mut reader: impl BufRead,
    mut take: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> io::Result<usize> {
    let mut line = Vec::new();
    let (mut is_too_long, mut too_long) = (false, 0);
    loop {
        let buffer = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        let end = buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let is_last = buffer.is_empty();
        let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
        let consumed = part.len() + usize::from(end.is_some());
        is_too_long |= line.len() + part.len() > LONGEST;
        // A line within the buffer is handed out where it is.
        let whole = if line.is_empty() && end.is_some() { part } else { &[] };
        if is_too_long {
            line = Vec::new();
        } else if whole.is_empty() {
            line.extend_from_slice(part);
        }
        if end.is_some() || is_last {
            let found = if whole.is_empty() { line.as_slice() } else { whole };
            too_long += usize::from(is_too_long);
            if !is_too_long && !found.is_empty() && take(found).is_break() {
                return Ok(too_long);
            }
            line.clear();
            is_too_long = false;
        }
        if is_last {
            return Ok(too_long);
        }
        reader.consume(consumed);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;

    fn lines(reader: impl BufRead) -> (Vec<usize>, usize) {
        let mut found = Vec::new();
        let too_long = each(reader, |line| {
            found.push(line.len());
            ControlFlow::Continue(())
        });
        (found, too_long.unwrap())
    }

    #[test]
    fn lines_end_as_in_python_however_the_file_is_cut_into_buffers() {
        let text: &[u8] = b"one\n\ntwo2\r\nthree\rfour\n\nfive5 is last";
        for size in [1, 2, 3, 5, 100] {
            let reader = BufReader::with_capacity(size, text);
            assert_eq!(lines(reader), (vec![3, 4, 5, 4, 13], 0), "{size}");
        }
        assert_eq!(lines(&b""[..]), (vec![], 0));
    }

    #[test]
    fn a_line_that_is_too_long_is_counted_and_the_next_is_read() {
        for (length, found, too_long) in [(LONGEST, vec![LONGEST, 2], 0), (LONGEST + 1, vec![2], 1)]
        {
            let long = io::repeat(b'x').take(length as u64).chain(&b"\nab"[..]);
            assert_eq!(lines(BufReader::new(long)), (found, too_long), "{length}");
        }
        let endless = io::repeat(b'x').take(3 * LONGEST as u64);
        assert_eq!(lines(BufReader::new(endless)), (vec![], 1));
    }
}
