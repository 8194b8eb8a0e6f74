//! A search through many runs that has only so much time.
//!
//! What one call had no time for, the next goes on with: the cursor names the stretch that was
//! looked at, so that its pages keep their order and every run is looked at once.

use std::time::{Duration, Instant};

use super::answer::PageRequest;

/// How long one call searches.
pub const TIME: Duration = Duration::from_secs(5);

/// A stretch of all that is to be searched, by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stretch {
    /// Where it begins.
    pub from: usize,
    /// Where it ends, once that is known.
    pub to: Option<usize>,
}

/// What was searched, of how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Searched {
    /// Where it began.
    pub from: usize,
    /// Where it ended.
    pub to: usize,
    /// How much there is.
    pub of: usize,
}

/// A search under way.
#[derive(Debug)]
pub struct Scan {
    stretch: Stretch,
    next: usize,
    deadline: Instant,
}

impl Scan {
    /// Begins where the cursor says.
    pub fn begin(page: &PageRequest, time: Duration) -> Self {
        let stretch = page.stretch;
        Self { stretch, next: stretch.from, deadline: Instant::now() + time }
    }

    /// The first position.
    pub fn from(&self) -> usize {
        self.stretch.from
    }

    /// Whether the next position is to be searched. The first always is, so that every call comes
    /// further; a stretch whose end is known is searched to that end, as it was before.
    pub fn goes_on(&mut self) -> bool {
        let goes_on = match self.stretch.to {
            Some(to) => self.next < to,
            None => self.next == self.stretch.from || Instant::now() < self.deadline,
        };
        self.next += usize::from(goes_on);
        goes_on
    }

    /// What was searched of so many.
    pub fn end(self, of: usize) -> Searched {
        Searched { from: self.stretch.from.min(of), to: self.next.min(of), of }
    }
}

impl Searched {
    /// Whether that was all.
    pub fn is_all(self) -> bool {
        self.from == 0 && self.to == self.of
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::common::Page;

    /// All that calls without time bring, one after the other.
    fn searched_without_time(all: &[u32]) -> Vec<u32> {
        let mut request =
            PageRequest { offset: 0, limit: Some(1), stretch: Stretch::default(), fingerprint: 7 };
        let mut brought = Vec::new();
        loop {
            let mut scan = Scan::begin(&request, Duration::ZERO);
            let mut found = Vec::new();
            for number in all.iter().skip(scan.from()) {
                if !scan.goes_on() {
                    break;
                }
                // Zero, one or two results of each.
                found.extend((0..number % 3).map(|_| *number));
            }
            let page = Page::of(found, &request, 50).searched(scan.end(all.len()));
            brought.extend(&page.items);
            let Some(cursor) = page.next_cursor() else { return brought };
            request = PageRequest { limit: Some(1), ..PageRequest::parse(&cursor).unwrap() };
        }
    }

    #[test]
    fn calls_without_time_bring_everything_once() {
        assert_eq!(searched_without_time(&[3, 4, 5, 3, 2, 3]), [4, 5, 5, 2, 2]);
        assert_eq!(searched_without_time(&[]), [0; 0]);
    }

    #[test]
    fn with_time_all_is_one_stretch() {
        let request = PageRequest::parse("0.00000007").unwrap();
        let mut scan = Scan::begin(&request, TIME);
        assert!((0..5).all(|_| scan.goes_on()));
        assert!(scan.end(5).is_all());
    }
}
