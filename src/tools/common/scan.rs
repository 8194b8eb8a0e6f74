//! A search through many runs that has only so much time.
//!
//! What one call had no time for, the next goes on with: the cursor names the stretch that was
//! looked at, so that its pages keep their order and every run is looked at once.

use std::time::{Duration, Instant};

use super::answer::PageRequest;
use super::progress::Count;
use crate::trackio;

/// How long one call searches.
pub const TIME: Duration = Duration::from_secs(5);

/// A stretch of all that is to be searched. Its ends are told by how much follows them, so that
/// what appears at the front meanwhile, such as a new run, moves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// How much follows its begin.
    pub from: usize,
    /// How much follows its end, once that is known.
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
    from: usize,
    /// The end, where an earlier call came to it.
    to: Option<usize>,
    of: usize,
    next: usize,
    deadline: Instant,
    count: Count,
}

impl Scan {
    /// Begins where the cursor says, in all that `count` counts.
    pub fn begin(page: &PageRequest, count: Count, time: Duration) -> Self {
        let of = count.of();
        let place = |follows: usize| of.saturating_sub(follows);
        let from = page.stretch.map_or(0, |stretch| place(stretch.from));
        let to = page.stretch.and_then(|stretch| stretch.to).map(place);
        Self { from, to, of, next: from, deadline: Instant::now() + time, count }
    }

    /// The first position.
    pub fn from(&self) -> usize {
        self.from
    }

    /// Whether the next position is to be searched. The first always is, so that every call comes
    /// further; a stretch whose end is known is searched to that end, as it was before.
    /// An error says that the caller wants no more.
    pub fn goes_on(&mut self) -> trackio::Result<bool> {
        self.count.reach(self.next - self.from)?;
        let goes_on = match self.to {
            Some(to) => self.next < to,
            None => self.next == self.from || Instant::now() < self.deadline,
        };
        self.next += usize::from(goes_on);
        Ok(goes_on)
    }

    /// What was searched.
    pub fn end(self) -> Searched {
        Searched { from: self.from, to: self.next.min(self.of), of: self.of }
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
    use crate::tools::common::{Page, Progress};
    use crate::trackio::Stop;

    fn count(of: usize) -> Count {
        Count::new(&Progress::default(), &Stop::default(), of, "runs")
    }

    /// All that calls without time bring, one after the other.
    fn searched_without_time(all: &[u32]) -> Vec<u32> {
        let mut request = PageRequest { offset: 0, limit: Some(1), stretch: None, fingerprint: 7 };
        let mut brought = Vec::new();
        loop {
            let mut scan = Scan::begin(&request, count(all.len()), Duration::ZERO);
            let mut found = Vec::new();
            for number in all.iter().skip(scan.from()) {
                if !scan.goes_on().unwrap() {
                    break;
                }
                // Zero, one or two results of each.
                found.extend((0..number % 3).map(|_| *number));
            }
            let page = Page::of(found, &request, 50).searched(scan.end());
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
        let mut scan = Scan::begin(&request, count(5), TIME);
        assert!((0..5).all(|_| scan.goes_on().unwrap()));
        assert!(scan.end().is_all());
    }
}
