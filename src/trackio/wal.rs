//! What the headers of a `-wal` and a `-shm` say (<https://sqlite.org/walformat.html>).
//!
//! SQLite decides this too, but beside a `-shm` that it may not write it tries for 10 seconds
//! before it gives up a log that it cannot use.

/// The length of a log's header.
pub const LOG_HEADER: usize = 32;

/// The length of an index's header. A second copy follows it.
pub const INDEX_HEADER: usize = 48;

/// The last two words of either header are its checksum.
const CHECKSUM: usize = 8;

const FRAME_HEADER: u64 = 24;
const MAGIC: u32 = 0x377f_0682;
const VERSION: u32 = 3_007_000;

/// The size of a log's pages; `None` where SQLite would not use a log with this header.
pub fn page_size(header: &[u8]) -> Option<u64> {
    let words: Vec<u32> = words(header, u32::from_be_bytes).collect();
    let &[magic, version, page, _, _, _, first, second] = words.as_slice() else { return None };
    // The magic number names the order of the bytes in which the checksum was made.
    let checksum = match magic ^ MAGIC {
        0 => checksum(header, u32::from_le_bytes),
        1 => checksum(header, u32::from_be_bytes),
        _ => return None,
    };
    let is_sound = version == VERSION
        && page.is_power_of_two()
        && (512..=65536).contains(&page)
        && checksum == (first, second);
    is_sound.then_some(u64::from(page))
}

/// Whether a log of `size` bytes has room for a transaction.
pub fn has_frames(size: u64, page_size: u64) -> bool {
    size >= LOG_HEADER as u64 + FRAME_HEADER + page_size
}

/// Whether this is the header of an index that a writer has completed.
pub fn is_index(header: &[u8]) -> bool {
    let words: Vec<u32> = words(header, u32::from_ne_bytes).collect();
    let &[version, _, _, flags, .., first, second] = words.as_slice() else { return false };
    let is_initialised = flags.to_ne_bytes().first() == Some(&1);
    header.len() == INDEX_HEADER
        && version == VERSION
        && is_initialised
        && checksum(header, u32::from_ne_bytes) == (first, second)
}

/// The checksum over a header without its own.
fn checksum(header: &[u8], order: fn([u8; 4]) -> u32) -> (u32, u32) {
    let summed = header.get(..header.len().saturating_sub(CHECKSUM)).unwrap_or_default();
    let (mut first, mut second) = (0_u32, 0_u32);
    for (index, word) in words(summed, order).enumerate() {
        let (sum, other) = if index % 2 == 0 { (&mut first, second) } else { (&mut second, first) };
        *sum = sum.wrapping_add(word).wrapping_add(other);
    }
    (first, second)
}

fn words(bytes: &[u8], order: fn([u8; 4]) -> u32) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).filter_map(move |word| Some(order(word.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;
    use std::fs;

    /// The headers as SQLite writes them, and each field damaged.
    #[test]
    fn headers_are_told_from_damaged_ones() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("p.db");
        let database = Connection::open(&path).unwrap();
        database.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t(x)").unwrap();
        let log = fs::read(directory.path().join("p.db-wal")).unwrap();
        let header = &log[..LOG_HEADER];
        assert_eq!(page_size(header), Some(4096));
        let one_frame = 32 + 24 + 4096;
        assert!(has_frames(one_frame, 4096) && !has_frames(one_frame - 1, 4096));
        for damaged in [0, 3, 4, 8, 11, 12, 16, 20, 24, 31] {
            let mut header = header.to_vec();
            header[damaged] ^= 0x40;
            assert_eq!(page_size(&header), None, "byte {damaged}");
        }
        for header in [&header[..31], &[], &[0; LOG_HEADER]] {
            assert_eq!(page_size(header), None);
        }

        let index = fs::read(directory.path().join("p.db-shm")).unwrap();
        let header = &index[..INDEX_HEADER];
        assert!(is_index(header));
        for damaged in [0, 8, 12, 16, 24, 40, 47] {
            let mut header = header.to_vec();
            header[damaged] ^= 0x40;
            assert!(!is_index(&header), "byte {damaged}");
        }
        assert!(!is_index(&header[..47]) && !is_index(&[]) && !is_index(&[0; INDEX_HEADER]));
    }
}
