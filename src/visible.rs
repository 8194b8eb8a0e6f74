//! Text in which every character is seen: what would be hidden is shown as an escape, so that no
//! data can hide words in an answer or pass for its lines.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use unicode_properties::{
    GeneralCategory as Category, GeneralCategoryGroup as Group, UnicodeEmoji,
    UnicodeGeneralCategory,
};

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
const TEXT_STYLE: char = '\u{fe0e}';
const EMOJI_STYLE: char = '\u{fe0f}';
/// What makes a keycap of a digit, `#` or `*`.
const KEYCAP: char = '\u{20e3}';

/// `text` with every control, format, default-ignorable and private-use character as an escape,
/// and lines and tabs as `\n` and `\t`. Kept are those that the writing needs: a variation
/// selector after an emoji, a joiner between two emoji or between two letters of a script that
/// joins.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut before: Option<char> = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let after = || rest.clone().next();
        match c {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            c if is_hidden(c) && !is_needed(before, c, after()) => {
                shown.extend(c.escape_unicode());
            }
            c => shown.push(c),
        }
        // A style is part of the emoji before it, so that a joiner after both is between emoji.
        let is_style_of_emoji = c == EMOJI_STYLE && before.is_some_and(is_pictograph);
        before = match before {
            Some(base) if is_style_of_emoji && after() == Some(ZERO_WIDTH_JOINER) => Some(base),
            _ => Some(c),
        };
    }
    Cow::Owned(shown)
}

/// `text` with the hidden characters that [`visible`] shows as escapes.
pub fn with_hidden(text: &str) -> Cow<'_, str> {
    let mut parts = text.split("\\u{");
    let mut found = Cow::Borrowed(parts.next().unwrap_or_default());
    for part in parts {
        let escaped = part.split_once('}').and_then(|(code, rest)| {
            let c = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
            is_hidden(c).then_some((c, rest))
        });
        let found = found.to_mut();
        match escaped {
            Some((c, rest)) => {
                found.push(c);
                found.push_str(rest);
            }
            None => {
                found.push_str("\\u{");
                found.push_str(part);
            }
        }
    }
    found
}

fn is_hidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    IGNORABLE.iter().any(|range| range.contains(&c))
        || matches!(
            c.general_category(),
            Category::Control
                | Category::Format
                | Category::LineSeparator
                | Category::ParagraphSeparator
                | Category::PrivateUse
        )
}

/// Default_Ignorable_Code_Point where the category does not say so: a display shows nothing for
/// these. The ranges hold unassigned characters too.
const IGNORABLE: &[RangeInclusive<char>] = &[
    '\u{34f}'..='\u{34f}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{e0000}'..='\u{e0fff}',
];

/// Whether the writing is another without the hidden character `c` between these two.
fn is_needed(before: Option<char>, c: char, after: Option<char>) -> bool {
    let Some(before) = before else { return false };
    match (c, after) {
        (TEXT_STYLE | EMOJI_STYLE, after) => {
            is_pictograph(before) || (before.is_emoji_char() && after == Some(KEYCAP))
        }
        (ZERO_WIDTH_JOINER, Some(after)) if is_pictograph(before) => is_pictograph(after),
        (ZERO_WIDTH_JOINER | ZERO_WIDTH_NON_JOINER, Some(after)) => {
            let script = script_that_joins(before);
            script.is_some() && script == script_that_joins(after)
        }
        _ => false,
    }
}

/// An emoji that is no digit, `#` or `*`.
fn is_pictograph(c: char) -> bool {
    !c.is_ascii() && c.is_emoji_char()
}

/// The blocks of the scripts whose letters change their form beside a joiner or non-joiner, with a
/// number for each script.
#[rustfmt::skip]
const JOINING: &[(u8, RangeInclusive<char>)] = &[
    (0, '\u{600}'..='\u{6ff}'), (0, '\u{750}'..='\u{77f}'), (0, '\u{870}'..='\u{8ff}'), // Arabic
    (0, '\u{fb50}'..='\u{fdff}'), (0, '\u{fe70}'..='\u{fefc}'), // Arabic forms
    (1, '\u{700}'..='\u{74f}'), (1, '\u{860}'..='\u{86f}'), // Syriac
    (2, '\u{7c0}'..='\u{7ff}'), // N'Ko
    (3, '\u{840}'..='\u{85f}'), // Mandaic
    (4, '\u{900}'..='\u{97f}'), (4, '\u{a8e0}'..='\u{a8ff}'), // Devanagari
    (5, '\u{980}'..='\u{9ff}'), // Bengali
    (6, '\u{a00}'..='\u{a7f}'), // Gurmukhi
    (7, '\u{a80}'..='\u{aff}'), // Gujarati
    (8, '\u{b00}'..='\u{b7f}'), // Oriya
    (9, '\u{b80}'..='\u{bff}'), // Tamil
    (10, '\u{c00}'..='\u{c7f}'), // Telugu
    (11, '\u{c80}'..='\u{cff}'), // Kannada
    (12, '\u{d00}'..='\u{d7f}'), // Malayalam
    (13, '\u{d80}'..='\u{dff}'), // Sinhala
    (14, '\u{f00}'..='\u{fff}'), // Tibetan
    (15, '\u{1000}'..='\u{109f}'), (15, '\u{a9e0}'..='\u{a9ff}'), (15, '\u{aa60}'..='\u{aa7f}'), // Myanmar
    (16, '\u{1780}'..='\u{17ff}'), // Khmer
    (17, '\u{1800}'..='\u{18af}'), (17, '\u{11660}'..='\u{1167f}'), // Mongolian
    (18, '\u{1b00}'..='\u{1b7f}'), // Balinese
    (19, '\u{a980}'..='\u{a9df}'), // Javanese
    (20, '\u{10d00}'..='\u{10d3f}'), // Hanifi Rohingya
    (21, '\u{11000}'..='\u{1107f}'), // Brahmi
    (22, '\u{11100}'..='\u{1114f}'), // Chakma
    (23, '\u{1e900}'..='\u{1e95f}'), // Adlam
];

/// The script of a letter or of a sign on one.
fn script_that_joins(c: char) -> Option<u8> {
    let is_of_word = matches!(c.general_category_group(), Group::Letter | Group::Mark);
    let (script, _) = JOINING.iter().find(|(_, block)| block.contains(&c))?;
    (is_of_word && !is_hidden(c)).then_some(*script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_escaped() {
        let ranges = [
            0x00..=0x1f,
            0x7f..=0x9f,
            0xad..=0xad,
            0x34f..=0x34f,
            0x61c..=0x61c,
            0x115f..=0x1160,
            0x17b4..=0x17b5,
            0x180b..=0x180f,
            0x200b..=0x200f,
            0x2028..=0x202e,
            0x2060..=0x206f,
            0x3164..=0x3164,
            0xe000..=0xf8ff,
            0xfe00..=0xfe0f,
            0xfeff..=0xfeff,
            0xffa0..=0xffa0,
            0xfff0..=0xfffb,
            0x13430..=0x1343f,
            0x1bca0..=0x1bca3,
            0x1d173..=0x1d17a,
            0xe0000..=0xe0fff,
            0xf0000..=0xffffd,
        ];
        for c in ranges.into_iter().flatten().filter_map(char::from_u32) {
            for text in [format!("a{c}b"), format!("{c}"), format!("模{c}型"), format!("1{c}")] {
                assert!(!visible(&text).contains(c), "{} is kept", c.escape_unicode());
            }
        }
        assert_eq!(visible("a\nNote: b\u{202e}\t"), "a\\nNote: b\\u{202e}\\t");
        assert_eq!(visible("x\u{e0041}y"), "x\\u{e0041}y");
    }

    #[test]
    fn an_escape_is_read_back() {
        for text in ["a", "a\u{200b}b", "\u{e0041}\u{ad}", "\\u{41}", "\\u{x}", "a\\u{"] {
            assert_eq!(with_hidden(&visible(text)), text);
        }
    }

    #[test]
    fn what_writing_needs_is_kept() {
        let kept = [
            "plain ~ text",
            "模型 naïve e\u{301} Ω",
            "❤\u{fe0f} ✂\u{fe0e} ©\u{fe0f} 😀",
            "1\u{fe0f}\u{20e3} #\u{fe0f}\u{20e3}",
            "👩\u{200d}🔬",
            "🏳\u{fe0f}\u{200d}🌈",
            "👩🏽\u{200d}🔬",
            "❤\u{fe0f}\u{200d}🔥",
            "👨\u{200d}👩\u{200d}👧",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "র\u{200c}্য",
            "ශ්\u{200d}රී",
            "ᠨᠠ\u{200d}ᠭ",
        ];
        for text in kept {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn what_is_kept_in_one_place_is_escaped_in_another() {
        let escaped = [
            "a\u{fe0f}",
            "1\u{fe0f}",
            "模\u{fe0e}",
            "\u{fe0f}❤",
            "❤\u{fe0f}\u{fe0f}",
            "😀\u{fe0e}\u{fe0f}",
            "😀\u{200d}",
            "\u{200d}😀",
            "😀\u{200d}a",
            "a\u{200d}😀",
            "😀\u{200d}\u{200d}😀",
            "😀\u{200c}😀",
            "1\u{200d}2",
            "a\u{200c}b",
            "モ\u{200d}デル",
            "م\u{200c}",
            "\u{200c}م",
            "م\u{200c}क",
            "م\u{200d}\u{200c}م",
            "م\u{200b}م",
            "١\u{200c}٢",
            "ᠨ\u{180e}ᠠ",
            "क\u{fe0f}",
            "葛\u{e0100}",
        ];
        for text in escaped {
            assert!(visible(text).contains("\\u{"), "{text:?} is shown as it is");
        }
    }
}
