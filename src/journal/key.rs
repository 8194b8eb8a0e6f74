//! The user's own key, with which what a tool hands out is signed: nobody who cannot read the
//! user's files can make it up, and every process of the user knows it again.

use std::fs::{self, Metadata};
use std::io::{self, Read, Write};
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::temporary::Temporary;
use crate::trackio::regular;

/// Its file, in the journal's directory.
const FILE: &str = "mcp-trackio.key";

const BYTES: usize = 32;

/// Two signatures of so many bytes do not meet by chance or by trying.
const SIGNATURE: usize = 16;

/// A key that signs.
pub struct Key([u8; BYTES]);

impl Key {
    /// The key in a directory, made where there is none. What is not a file of the user's alone is
    /// replaced by a new key, never followed or read.
    pub(super) fn of(directory: &Path) -> io::Result<Self> {
        let path = directory.join(FILE);
        if let Some(key) = read(&path)? {
            return Ok(key);
        }
        let mut new = Temporary::new_in(directory)?;
        // From the system's own random numbers, all but 12 of the 256 bits.
        new.write_all(Uuid::new_v4().as_bytes())?;
        new.write_all(Uuid::new_v4().as_bytes())?;
        new.as_file().sync_all()?;
        new.persist(&path)?;
        // Of two processes at once, the later one's counts.
        read(&path)?.ok_or_else(|| io::Error::other(format!("{FILE} is not a file of yours alone")))
    }

    /// A signature of parts, as hexadecimal digits.
    pub fn sign(&self, parts: &[&[u8]]) -> String {
        let bytes = self.mac(parts).finalize().into_bytes();
        bytes.iter().take(SIGNATURE).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether a signature is that of the parts, in the same time wherever it differs.
    pub fn has_signed(&self, parts: &[&[u8]], signature: &str) -> bool {
        let pairs = signature.as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        });
        let bytes: Option<Vec<u8>> = pairs.collect();
        bytes.is_some_and(|bytes| {
            bytes.len() == SIGNATURE && self.mac(parts).verify_truncated_left(&bytes).is_ok()
        })
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        // HMAC fills a key up with zeros to the hash's block.
        let mut block = [0; 64];
        block.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
        for part in parts {
            // With its length, so that ["ab", "c"] differs from ["a", "bc"].
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac
    }
}

/// The key in a file; `None` where it is not a key that is the user's alone.
fn read(path: &Path) -> io::Result<Option<Key>> {
    let is_key = |about: &Metadata| about.is_file() && about.len() == BYTES as u64;
    let about = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    if !is_key(&about) || !is_private(&about) {
        return Ok(None);
    }
    let mut file = regular::open(path)?;
    let opened = file.metadata()?;
    if !is_key(&opened) || !is_same(&about, &opened) {
        return Ok(None);
    }
    let mut key = [0; BYTES];
    file.read_exact(&mut key)?;
    Ok(Some(Key(key)))
}

#[cfg(unix)]
fn is_private(about: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(about) & 0o077 == 0
}

#[cfg(unix)]
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// On Windows a user's profile is the user's alone.
#[cfg(not(unix))]
fn is_private(_: &Metadata) -> bool {
    true
}

#[cfg(not(unix))]
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    a.created().ok() == b.created().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_fits_its_parts_and_its_key_alone() {
        let directory = tempfile::tempdir().unwrap();
        let key = Key::of(directory.path()).unwrap();
        let signature = key.sign(&[b"ab", b"c"]);
        assert!(key.has_signed(&[b"ab", b"c"], &signature));
        assert!(Key::of(directory.path()).unwrap().has_signed(&[b"ab", b"c"], &signature));
        assert!(!key.has_signed(&[b"a", b"bc"], &signature));
        for other in ["", &signature[2..], &signature[1..], &format!("{signature}00"), "ä"] {
            assert!(!key.has_signed(&[b"ab", b"c"], other), "{other}");
        }
        let other = tempfile::tempdir().unwrap();
        assert!(!Key::of(other.path()).unwrap().has_signed(&[b"ab", b"c"], &signature));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_know_is_replaced_and_no_link_is_followed() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let directory = tempfile::tempdir().unwrap();
        let (path, known) = (directory.path().join(FILE), directory.path().join("known"));
        fs::write(&known, [7; BYTES]).unwrap();
        fs::set_permissions(&known, fs::Permissions::from_mode(0o600)).unwrap();
        let of_known = Key([7; BYTES]).sign(&[b"x"]);
        let make: [&dyn Fn(); 3] = [
            &|| symlink(&known, &path).unwrap(),
            &|| {
                fs::write(&path, [7; BYTES]).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            },
            &|| fs::write(&path, [7; 3]).unwrap(),
        ];
        for make in make {
            let _ = fs::remove_file(&path);
            make();
            assert!(!Key::of(directory.path()).unwrap().has_signed(&[b"x"], &of_known));
            let about = fs::symlink_metadata(&path).unwrap();
            assert!(about.is_file() && about.permissions().mode() & 0o777 == 0o600);
        }
        assert_eq!(fs::read(&known).unwrap(), [7; BYTES]);
    }
}
