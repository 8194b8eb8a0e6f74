//! Which characters must not stand in text that a model reads. A table of its own, from Unicode's
//! data: the server's own table is what is tested.

/// Control (Cc), format (Cf), line and paragraph separators, and `Default_Ignorable_Code_Point`.
const UNSAFE: &[(u32, u32)] = &[
    (0x0000, 0x001f),
    (0x007f, 0x009f),
    (0x00ad, 0x00ad),
    (0x034f, 0x034f),
    (0x0600, 0x0605),
    (0x061c, 0x061c),
    (0x06dd, 0x06dd),
    (0x070f, 0x070f),
    (0x0890, 0x0891),
    (0x08e2, 0x08e2),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x2028, 0x202e),
    (0x2060, 0x206f),
    (0x3164, 0x3164),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfffb),
    (0x110bd, 0x110bd),
    (0x110cd, 0x110cd),
    (0x13430, 0x1343f),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
    (0xe0000, 0xe0fff),
];

/// What variation selectors and joiners may follow: emoji, and what is drawn as one with VS16.
const EMOJI: &[(u32, u32)] = &[
    (0x23, 0x23),
    (0x2a, 0x2a),
    (0x30, 0x39),
    (0xa9, 0xa9),
    (0xae, 0xae),
    (0x203c, 0x203c),
    (0x2049, 0x2049),
    (0x20e3, 0x20e3),
    (0x2122, 0x2122),
    (0x2139, 0x2139),
    (0x2190, 0x21ff),
    (0x2300, 0x23ff),
    (0x24c2, 0x24c2),
    (0x25a0, 0x27bf),
    (0x2900, 0x297f),
    (0x2b00, 0x2bff),
    (0x3030, 0x303d),
    (0x3297, 0x3299),
    (0x1f000, 0x1fbff),
];

/// Scripts whose words need joiners: Arabic to N'Ko and its extensions, the scripts of India and
/// Ceylon, Tibetan, Myanmar, Khmer, Mongolian, Balinese.
const JOINING: &[(u32, u32)] = &[
    (0x0600, 0x08ff),
    (0x0900, 0x0fff),
    (0x1000, 0x109f),
    (0x1780, 0x18af),
    (0x1900, 0x1b7f),
    (0xa800, 0xabff),
    (0xfb50, 0xfdff),
    (0xfe70, 0xfefc),
    (0x10d00, 0x10d3f),
    (0x11000, 0x11fff),
    (0x1e900, 0x1e95f),
];

/// The first character of `text` that should have been escaped.
pub fn unescaped(text: &str) -> Option<char> {
    let letters: Vec<char> = text.chars().collect();
    (0..letters.len())
        .map(|at| (letters[at], at))
        .find(|(c, at)| is_unsafe(&letters, *c, *at))
        .map(|(c, _)| c)
}

fn is_unsafe(letters: &[char], c: char, at: usize) -> bool {
    if c == '\n' || !is_in(c, UNSAFE) {
        return false;
    }
    let before = at.checked_sub(1).map(|at| letters[at]);
    let after = letters.get(at + 1).copied();
    let is = |c: Option<char>, ranges: &[(u32, u32)]| c.is_some_and(|c| is_in(c, ranges));
    match c {
        '\u{fe0e}' | '\u{fe0f}' => !is(before, EMOJI),
        '\u{200d}' if is(before, EMOJI) || before == Some('\u{fe0f}') => !is(after, EMOJI),
        '\u{200c}' | '\u{200d}' => !is(before, JOINING) || !is(after, JOINING),
        _ => true,
    }
}

fn is_in(c: char, ranges: &[(u32, u32)]) -> bool {
    ranges.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(c)))
}
