//! A database with the log and its index as a writer that is still there leaves them.
//!
//! SQLite draws the salts of a log at random. They are replaced, so that the same seed gives the
//! same bytes.

use std::fs;

use super::base::{self, Base};

const SALTS: [u8; 8] = *b"fuzzsalt";

/// The database, its `-wal` and its `-shm`; empty where it cannot be written.
pub fn files(base: &Base) -> [Vec<u8>; 3] {
    let temp = tempfile::tempdir().unwrap();
    base.tree.write(temp.path());
    let path = temp.path().join(base.database());
    let read = |suffix: &str| fs::read(format!("{}{suffix}", path.display())).unwrap_or_default();
    let write = || -> rusqlite::Result<[Vec<u8>; 3]> {
        let database = base::open(&path)?;
        database.execute_batch(
            "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
             UPDATE metrics SET step = step + 1;
             UPDATE metrics SET step = step - 1 WHERE rowid % 2 = 0;
             CREATE TABLE fuzz (a); INSERT INTO fuzz VALUES (zeroblob(9000));",
        )?;
        let files = ["", "-wal", "-shm"].map(read);
        database.execute_batch("DROP TABLE fuzz")?;
        Ok(files)
    };
    let [database, mut log, mut index] = write().unwrap_or_else(|_| ["", "-wal", "-shm"].map(read));
    if let Some(sum) = salt(&mut log) {
        salt_index(&mut index, sum);
    }
    [database, log, index]
}

/// Gives a log these salts; the sum of its last frame.
fn salt(log: &mut [u8]) -> Option<(u32, u32)> {
    if log.len() < 32 {
        return None;
    }
    let is_big = log[3] & 1 == 1;
    let page = u32::from_be_bytes(log[8..12].try_into().ok()?) as usize;
    log[16..24].copy_from_slice(&SALTS);
    let mut sum = checksum(&log[..24], is_big, (0, 0));
    put(&mut log[24..32], sum);
    for frame in log[32..].chunks_exact_mut(24 + page) {
        frame[8..16].copy_from_slice(&SALTS);
        sum = checksum(&frame[..8], is_big, sum);
        sum = checksum(&frame[24..], is_big, sum);
        put(&mut frame[16..24], sum);
    }
    Some(sum)
}

/// The two copies of the header of the index, in the byte order of this machine.
fn salt_index(index: &mut [u8], sum: (u32, u32)) {
    for header in index.chunks_exact_mut(48).take(2) {
        header[24..28].copy_from_slice(&sum.0.to_ne_bytes());
        header[28..32].copy_from_slice(&sum.1.to_ne_bytes());
        header[32..40].copy_from_slice(&SALTS);
        let own = checksum(&header[..40], cfg!(target_endian = "big"), (0, 0));
        header[40..44].copy_from_slice(&own.0.to_ne_bytes());
        header[44..48].copy_from_slice(&own.1.to_ne_bytes());
    }
}

fn put(place: &mut [u8], (first, second): (u32, u32)) {
    place[..4].copy_from_slice(&first.to_be_bytes());
    place[4..].copy_from_slice(&second.to_be_bytes());
}

fn checksum(bytes: &[u8], is_big: bool, (mut first, mut second): (u32, u32)) -> (u32, u32) {
    let word = |bytes: &[u8]| {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if is_big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    for pair in bytes.chunks_exact(8) {
        first = first.wrapping_add(word(&pair[..4])).wrapping_add(second);
        second = second.wrapping_add(word(&pair[4..])).wrapping_add(first);
    }
    (first, second)
}
