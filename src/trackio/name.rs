//! A project's name and the name of its file.

use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory};

/// The file stem that Trackio gives a project (`utils.py`, `canonical_project_name`).
///
/// Letters, numbers, `-` and `_` stay, in any script; all else goes. "Letters and numbers" is
/// Python's `str.isalnum`: the general categories L* and N*, unlike Rust's `is_alphanumeric`,
/// which also takes vowel signs and circled letters.
pub fn canonical(name: &str) -> String {
    let kept: String = name.chars().filter(|&c| c == '-' || c == '_' || is_alnum(c)).collect();
    if kept.is_empty() { "default".to_owned() } else { kept }
}

fn is_alnum(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    matches!(
        c.general_category(),
        Category::UppercaseLetter
            | Category::LowercaseLetter
            | Category::TitlecaseLetter
            | Category::ModifierLetter
            | Category::OtherLetter
            | Category::DecimalNumber
            | Category::LetterNumber
            | Category::OtherNumber
    )
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn names_become_the_stems_that_trackio_writes() {
        let cases = [
            ("my-project_1", "my-project_1"),
            ("My Project!", "MyProject"),
            ("a/b/../c", "abc"),
            ("!!!", "default"),
            ("", "default"),
            ("模型-1", "模型-1"),
            ("हिन्दी", "हनद"),
            ("Ⓐcircled", "circled"),
            ("x²", "x²"),
            ("nai\u{308}ve", "naive"),
            ("naïve", "naïve"),
        ];
        for (name, expected) in cases {
            assert_eq!(canonical(name), expected, "{name}");
        }
    }
}
