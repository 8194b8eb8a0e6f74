//! Numbers and texts in few bytes, and bytes in letters that need no escape.

use std::iter;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64 for URLs, without padding (RFC 4648, section 5).
pub fn to_letters(bytes: &[u8]) -> String {
    let mut letters = String::with_capacity(bytes.len() * 4 / 3 + 2);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..=group.len() {
            let index = (bits >> (18 - 6 * place)) & 63;
            letters.push(char::from(LETTERS.get(index as usize).copied().unwrap_or(b'A')));
        }
    }
    letters
}

/// The bytes again; `None` where a letter is none of ours.
pub fn from_letters(letters: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(letters.len() * 3 / 4);
    for group in letters.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for letter in group.iter().copied().chain(iter::repeat(b'A')).take(4) {
            let index = LETTERS.iter().position(|known| *known == letter)?;
            bits = bits << 6 | index as u32;
        }
        let [_, whole @ ..] = bits.to_be_bytes();
        bytes.extend(whole.iter().take(group.len().checked_sub(1)?));
    }
    Some(bytes)
}

/// Puts values one after the other.
#[derive(Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    pub fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub fn fixed(&mut self, number: u32, bytes: usize) {
        self.0.extend(number.to_le_bytes().iter().take(bytes));
    }

    /// Seven bits a byte, the lowest first.
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub fn text(&mut self, text: &[u8]) {
        self.number(text.len() as u64);
        self.0.extend(text);
    }
}

/// Takes them out again; `None` where the bytes end early or mean nothing.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub fn fixed(&mut self, bytes: usize) -> Option<u32> {
        let part = self.part(bytes)?;
        Some(part.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub fn part(&mut self, length: usize) -> Option<&'a [u8]> {
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }

    pub fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.part(usize::try_from(length).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn letters_are_bytes_again(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(from_letters(&to_letters(&bytes)), Some(bytes));
        }

        #[test]
        fn what_was_put_in_comes_out(number in any::<u64>(), small in any::<u32>(), text in ".{0,40}") {
            let mut writer = Writer::default();
            writer.number(number);
            writer.fixed(small, 4);
            writer.text(text.as_bytes());
            let mut reader = Reader(&writer.0);
            prop_assert_eq!(reader.number(), Some(number));
            prop_assert_eq!(reader.fixed(4), Some(small));
            prop_assert_eq!(reader.text(), Some(text.as_bytes()));
            prop_assert_eq!(reader.byte(), None);
        }

        #[test]
        fn nothing_makes_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut reader = Reader(&bytes);
            while reader.number().is_some() && reader.text().is_some() {}
        }
    }
}
