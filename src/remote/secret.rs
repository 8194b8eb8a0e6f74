//! Tokens, and how they are kept out of what a server's words are shown as.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A part of a token of this many letters and digits is a trace of it.
const PART: usize = 8;

/// A token that is sent and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(super) String);

impl fmt::Debug for Secret {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("…")
    }
}

/// The text with `…` in place of each trace of a token: the token itself, a part of it, either of
/// them percent-encoded, in base64 or in hexadecimal digits, in any case of letters and with any
/// other characters in between.
pub fn without<'a>(text: &str, secrets: impl IntoIterator<Item = &'a Secret>) -> String {
    let mut text = text.to_owned();
    for Secret(token) in secrets {
        if !token.is_empty() {
            text = text.replace(token, "…");
        }
        for form in forms(token) {
            text = without_form(&text, &form);
        }
    }
    text
}

/// A letter or digit, and where it is in the text.
type Letter = (u8, Range<usize>);

/// The token's letters and digits, as it is and encoded.
fn forms(token: &str) -> Vec<Vec<u8>> {
    let base64_after = |before: &str| STANDARD.encode(format!("{before}{token}"));
    let hexadecimal = token.bytes().map(|byte| format!("{byte:02x}")).collect();
    // Base64 depends on how many bytes are before the token.
    let encoded = ["", "=", "=="].map(base64_after).into_iter().chain([hexadecimal]);
    std::iter::once(token.to_owned()).chain(encoded).map(|form| plain(&letters(&form))).collect()
}

/// The letters and digits of a text in lower case, those that are percent-encoded too.
fn letters(text: &str) -> Vec<Letter> {
    let bytes = text.as_bytes();
    let mut letters = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = match byte {
            b'%' => text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok()),
            _ => None,
        };
        let (letter, length) = escaped.map_or((*byte, 1), |byte| (byte, 3));
        if letter.is_ascii_alphanumeric() {
            letters.push((letter.to_ascii_lowercase(), at..at + length));
        }
        at += length;
    }
    letters
}

fn plain(letters: &[Letter]) -> Vec<u8> {
    letters.iter().map(|(letter, _)| *letter).collect()
}

fn without_form(text: &str, form: &[u8]) -> String {
    let part = PART.min(form.len());
    // One or two letters are everywhere.
    if part < 4 {
        return text.to_owned();
    }
    let parts: HashSet<&[u8]> = form.windows(part).collect();
    let letters = letters(text);
    let plain = plain(&letters);
    let (mut shown, mut from) = (String::new(), 0);
    let mut hidden: Option<Range<usize>> = None;
    for (at, window) in plain.windows(part).enumerate() {
        if !parts.contains(window) {
            continue;
        }
        let (Some((_, first)), Some((_, last))) = (letters.get(at), letters.get(at + part - 1))
        else {
            continue;
        };
        match &mut hidden {
            Some(range) if first.start <= range.end => range.end = last.end,
            other => {
                if let Some(range) = other.replace(first.start..last.end) {
                    hide(text, range, &mut from, &mut shown);
                }
            }
        }
    }
    if let Some(range) = hidden {
        hide(text, range, &mut from, &mut shown);
    }
    shown + text.get(from..).unwrap_or_default()
}

fn hide(text: &str, range: Range<usize>, from: &mut usize, shown: &mut String) {
    shown.push_str(text.get(*from..range.start).unwrap_or_default());
    shown.push('…');
    *from = range.end;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_of_a_token_are_taken_out_and_nothing_else() {
        let token = "hf_AbCdEfGhIjKlMnOpQr";
        let percent: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let hexadecimal: String = token.bytes().map(|byte| format!("{byte:02x}")).collect();
        let spaced: String = token.chars().flat_map(|c| [c, '\u{200b}']).collect();
        let traces = [
            token.to_owned(),
            token.to_lowercase(),
            token[..11].to_owned(),
            token[6..].to_owned(),
            token.replace('_', "%5F"),
            percent,
            hexadecimal,
            spaced,
            STANDARD.encode(token),
            STANDARD.encode(format!("u:{token}")),
            STANDARD.encode(format!("a{token}")),
        ];
        let secret = Secret(token.to_owned());
        for trace in traces {
            let shown = without(&format!("no access for {trace}, sorry"), [&secret]);
            assert!(shown.starts_with("no access for ") && shown.ends_with(", sorry"), "{shown}");
            let left = letters(&shown).len() - letters("no access for , sorry").len();
            assert!(left < PART, "{trace}: {shown}");
        }
        let words = "no run `hf_model` in project `AbCdEf`, 100% of it";
        assert_eq!(without(words, [&secret]), words);
    }

    #[test]
    fn short_tokens_are_taken_out_whole() {
        let secrets = [Secret("hush".into()), Secret("ab".into()), Secret(String::new())];
        assert_eq!(without("H-U-S-H or hush: ab, ba", &secrets), "… or …: …, ba");
        assert_eq!(without("öäü % %4 hus", &secrets), "öäü % %4 hus");
    }
}
