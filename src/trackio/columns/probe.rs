//! Some rows of a run by which to know it again.
//!
//! A changed database may have lost or rewritten rows that a cache still holds. To read all of
//! them again would cost what the cache saves; so rows spread over the run are looked at, the
//! first and the last among them. Trackio itself never changes single rows: it deletes a run,
//! renames it (all rows get new ids) or replaces the file, and each of these moves every probe.

use std::hash::Hasher;

/// So many at most; when there are more, every second one goes.
const MOST: usize = 16;

/// A row that must still be there, unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// The row's id.
    pub id: i64,
    /// Of its timestamp and its JSON.
    pub digest: u64,
}

/// Probes of the rows so far, evenly spread, with the last row.
#[derive(Debug, Clone)]
pub struct Probes {
    kept: Vec<Probe>,
    last: Option<Probe>,
    stride: usize,
    seen: usize,
}

impl Default for Probes {
    fn default() -> Self {
        Self { kept: Vec::new(), last: None, stride: 1, seen: 0 }
    }
}

impl Probes {
    /// Takes note of the next row.
    pub fn see(&mut self, id: i64, timestamp: &[u8], json: &[u8]) {
        if self.seen.is_multiple_of(self.stride) {
            if self.kept.len() == MOST {
                let mut index = 0;
                self.kept.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.stride *= 2;
            }
            if self.seen.is_multiple_of(self.stride) {
                self.kept.push(Probe { id, digest: digest(timestamp, json) });
            }
        }
        self.seen += 1;
    }

    /// Takes note of the last row, of which every extension asks first.
    pub fn end(&mut self, id: i64, timestamp: &[u8], json: &[u8]) {
        self.last = Some(Probe { id, digest: digest(timestamp, json) });
    }

    /// All probes.
    pub fn iter(&self) -> impl Iterator<Item = &Probe> {
        self.last.iter().chain(&self.kept)
    }

    /// How much memory they take.
    pub fn bytes(&self) -> usize {
        self.kept.capacity() * size_of::<Probe>()
    }
}

/// The same process asks again, so the digest need not outlive it.
pub fn digest(timestamp: &[u8], json: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(timestamp);
    hasher.write(json);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_stay_few_and_spread_over_the_run() {
        let mut probes = Probes::default();
        for id in 0..100_000 {
            probes.see(id, b"t", b"{}");
        }
        probes.end(99_999, b"t", b"{}");
        let ids: Vec<i64> = probes.iter().map(|probe| probe.id).collect();
        assert!((MOST / 2..=MOST + 1).contains(&ids.len()), "{}", ids.len());
        assert_eq!((ids[0], ids[1]), (99_999, 0));
        let gaps = ids[1..].windows(2).map(|pair| pair[1] - pair[0]);
        assert_eq!(gaps.max(), Some(8_192));
    }
}
