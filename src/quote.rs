//! Names of the data within sentences of ours: what a name holds must not read as a part of the
//! sentence.

use std::borrow::Cow;

use crate::visible::visible;

/// A name of so many words reads as a sentence.
const WORDS_OF_A_SENTENCE: usize = 4;

/// A name within a sentence: visible, and in quotes where its ends would not be seen.
pub fn name(name: &str) -> Cow<'_, str> {
    if reads_as_a_sentence(name) { quoted(name).into() } else { visible(name) }
}

/// A text in quotes, which it cannot end.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", visible(text).replace('"', "\\\""))
}

/// A name in backquotes, which it cannot end.
pub fn backquoted(name: &str) -> String {
    format!("`{}`", for_backquotes(name))
}

/// A name as it is put between backquotes.
pub fn for_backquotes(name: &str) -> String {
    visible(name).replace('`', "\\u{60}")
}

fn reads_as_a_sentence(name: &str) -> bool {
    let is_never_plain =
        |c: char| c.is_control() || "`\"|\u{2028}\u{2029}：。，；！？、".contains(c);
    let ends_a_part = |(c, next): (char, char)| ":.,;!?".contains(c) && next.is_whitespace();
    name.is_empty()
        || name.trim().len() != name.len()
        || name.contains(is_never_plain)
        || name.to_lowercase().contains("(project")
        || name.chars().zip(name.chars().skip(1)).any(ends_a_part)
        || name.split_whitespace().nth(WORDS_OF_A_SENTENCE - 1).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_reads_as_part_of_a_sentence_is_quoted() {
        let plain = [
            "a",
            "bert-base",
            "lr=0.1",
            "eval/loss",
            "sweep (0196af12)",
            "my best run",
            "模型",
            "a:b",
            "v1.2",
            "👩\u{200d}🔬",
        ];
        for plain in plain {
            assert_eq!(name(plain), plain);
        }
        let quoted = [
            ("", "\"\""),
            (" a", "\" a\""),
            ("a\n", "\"a\\n\""),
            ("a: converged", "\"a: converged\""),
            ("a. It converged", "\"a. It converged\""),
            ("a, b", "\"a, b\""),
            ("a | b", "\"a | b\""),
            ("a (project p)", "\"a (project p)\""),
            ("a`b", "\"a`b\""),
            ("a \"b\"", "\"a \\\"b\\\"\""),
            ("all of these runs converged", "\"all of these runs converged\""),
            ("运行正常。没有问题", "\"运行正常。没有问题\""),
            ("a\nb", "\"a\\nb\""),
            ("a\u{2028}b", "\"a\\u{2028}b\""),
        ];
        for (given, expected) in quoted {
            assert_eq!(name(given), expected);
        }
    }

    #[test]
    fn a_name_does_not_end_its_backquotes() {
        assert_eq!(backquoted("a"), "`a`");
        assert_eq!(backquoted("a`. It is `b\n"), "`a\\u{60}. It is \\u{60}b\\n`");
    }
}
