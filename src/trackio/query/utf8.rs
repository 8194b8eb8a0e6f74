//! Characters as SQLite reads them from text that need not be valid UTF-8.

/// Whether a byte goes on with a character.
pub fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// The text up to its first NUL, where SQLite's string functions end.
pub fn until_nul(text: &[u8]) -> &[u8] {
    let end = memchr::memchr(0, text).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

/// Where the character at `at` ends.
pub fn skip_char(text: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    if text.get(at).is_some_and(|first| *first >= 0xc0) {
        while text.get(end).is_some_and(|byte| is_continuation(*byte)) {
            end += 1;
        }
    }
    end.min(text.len())
}

/// The character at `at`, which moves behind it; 0 at the end.
pub fn read_char(text: &[u8], at: &mut usize) -> u32 {
    let Some(&first) = text.get(*at) else { return 0 };
    let end = skip_char(text, *at);
    let rest = text.get(*at + 1..end).unwrap_or_default();
    *at = end;
    if first < 0xc0 {
        return first.into();
    }
    let begin = match first {
        0xc0..0xe0 => first & 0x1f,
        0xe0..0xf0 => first & 0x0f,
        0xf0..0xf8 => first & 0x07,
        0xf8..0xfc => first & 0x03,
        0xfc..0xfe => first & 0x01,
        _ => 0,
    };
    let character = rest
        .iter()
        .fold(u32::from(begin), |character, byte| (character << 6) | u32::from(byte & 0x3f));
    match character {
        0..0x80 | 0xd800..0xe000 => 0xfffd,
        known => known,
    }
}
