//! Walks over a row's JSON without building it.
//!
//! The walk knows a part of JSON: one flat object whose keys and texts hold no escape, whose
//! numbers are JSON's. Whatever else it meets, nested values too, it gives the row up, and the
//! whole row is parsed. So it never has to be right about what it does not know, and for what it
//! knows a property test holds it to the parser.

use std::str;

/// Numbers within these bounds are finite. The parser refuses a row with a larger one.
const LONGEST_NUMBER: usize = 200;
const LONGEST_EXPONENT: usize = 2;

/// A key at the top of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Key<'a> {
    /// The one that was guessed for this place.
    Guessed(usize),
    /// Another one.
    Named(&'a str),
}

/// A value at the top of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// A number, as written.
    Number(&'a [u8]),
    /// A text.
    Text(&'a str),
    /// `true` or `false`.
    Boolean,
    /// `null`.
    Null,
}

/// The row is none of those that the walk knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unknown;

/// Gives every key and value, in their order, repeated keys repeatedly.
///
/// `guess` tells what is expected at a place, as [`quoted`] writes it: the rows of a run mostly
/// have the same keys in the same order, and to compare is quicker than to read.
pub fn walk<'a, 'g>(
    json: &'a [u8],
    guess: impl Fn(usize) -> Option<&'g [u8]>,
    found: &mut Vec<(Key<'a>, Scalar<'a>)>,
) -> Result<(), Unknown> {
    let mut rest = Walker { json, at: 0 };
    rest.skip_blanks();
    rest.expect(b'{')?;
    rest.skip_blanks();
    if rest.peek() == Some(b'}') {
        rest.at += 1;
        return rest.end();
    }
    loop {
        let key = rest.key(found.len(), guess(found.len()))?;
        rest.skip_blanks();
        found.push((key, rest.value()?));
        rest.skip_blanks();
        match rest.next() {
            Some(b',') => rest.skip_blanks(),
            Some(b'}') => return rest.end(),
            _ => return Err(Unknown),
        }
    }
}

/// A key as rows hold it, with its colon. `None` where it would be written with escapes.
pub fn quoted(key: &str) -> Option<Vec<u8>> {
    let is_plain = key.bytes().all(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f));
    is_plain.then(|| format!("\"{key}\":").into_bytes())
}

struct Walker<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Walker<'a> {
    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    fn expect(&mut self, byte: u8) -> Result<(), Unknown> {
        if self.next() == Some(byte) { Ok(()) } else { Err(Unknown) }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn end(mut self) -> Result<(), Unknown> {
        self.skip_blanks();
        if self.at == self.json.len() { Ok(()) } else { Err(Unknown) }
    }

    fn key(&mut self, place: usize, guess: Option<&[u8]>) -> Result<Key<'a>, Unknown> {
        let rest = self.json.get(self.at..).unwrap_or_default();
        if let Some(guess) = guess.filter(|guess| rest.starts_with(guess)) {
            self.at += guess.len();
            return Ok(Key::Guessed(place));
        }
        let key = self.text()?;
        self.skip_blanks();
        self.expect(b':')?;
        Ok(Key::Named(key))
    }

    fn value(&mut self) -> Result<Scalar<'a>, Unknown> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => self.number().map(Scalar::Number),
            Some(b'"') => self.text().map(Scalar::Text),
            Some(b't') => self.word(b"true").map(|()| Scalar::Boolean),
            Some(b'f') => self.word(b"false").map(|()| Scalar::Boolean),
            Some(b'n') => self.word(b"null").map(|()| Scalar::Null),
            _ => Err(Unknown),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Unknown> {
        let found = self.json.get(self.at..self.at + word.len());
        self.at += word.len();
        if found == Some(word) { Ok(()) } else { Err(Unknown) }
    }

    /// A text without escapes and control characters.
    fn text(&mut self) -> Result<&'a str, Unknown> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.next() {
                Some(b'"') => break,
                Some(b'\\' | 0..=0x1f) | None => return Err(Unknown),
                Some(_) => {}
            }
        }
        let bytes = self.json.get(start..self.at - 1).ok_or(Unknown)?;
        str::from_utf8(bytes).map_err(|_| Unknown)
    }

    /// A number by JSON's grammar, which is narrower than Rust's.
    fn number(&mut self) -> Result<&'a [u8], Unknown> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.next() {
            Some(b'0') => {}
            Some(b'1'..=b'9') => self.skip_digits(),
            _ => return Err(Unknown),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            let exponent = self.at;
            self.some_digits()?;
            if self.at - exponent > LONGEST_EXPONENT {
                return Err(Unknown);
            }
        }
        let digits = self.json.get(start..self.at).ok_or(Unknown)?;
        if digits.len() <= LONGEST_NUMBER { Ok(digits) } else { Err(Unknown) }
    }

    fn skip_digits(&mut self) {
        let mut rest = self.json.get(self.at..).unwrap_or_default();
        while let Some((eight, more)) = rest.split_first_chunk() {
            let digits = leading_digits(*eight);
            if digits < 8 {
                self.at = self.json.len() - rest.len() + digits;
                return;
            }
            rest = more;
        }
        let few = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at = self.json.len() - rest.len() + few;
    }

    fn some_digits(&mut self) -> Result<(), Unknown> {
        let start = self.at;
        self.skip_digits();
        if self.at > start { Ok(()) } else { Err(Unknown) }
    }
}

/// How many of eight bytes are digits before the first that is none, told at once: `0` to `9` have
/// 3 as their upper half, and still do when 6 is added. A carry spoils only bytes after one that is
/// no digit itself.
fn leading_digits(bytes: [u8; 8]) -> usize {
    const UPPER: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    const THREES: u64 = 0x3030_3030_3030_3030;
    const SIXES: u64 = 0x0606_0606_0606_0606;
    // The first byte is the lowest, to which nothing carries.
    let bytes = u64::from_le_bytes(bytes);
    let others = (bytes ^ THREES) | (bytes.wrapping_add(SIXES) ^ THREES);
    (others & UPPER).trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;
    use crate::trackio::value;

    /// What the walk saw, as the parser would give it: the last of repeated keys counts. It
    /// guesses `a` at every place, so that both ways to a key are taken.
    fn walked(json: &[u8]) -> Option<Map<String, Value>> {
        let mut found = Vec::new();
        let guess = quoted("a").unwrap();
        walk(json, |_| Some(&guess), &mut found).ok()?;
        let mut object = Map::new();
        for (key, scalar) in found {
            let key = match key {
                Key::Guessed(_) => "a",
                Key::Named(key) => key,
            };
            let value = match scalar {
                Scalar::Number(digits) => serde_json::from_slice(digits).unwrap_or(Value::Null),
                Scalar::Text(text) => text.into(),
                Scalar::Boolean => true.into(),
                Scalar::Null => Value::Null,
            };
            object.insert(key.to_owned(), value);
        }
        Some(object)
    }

    #[test]
    fn flat_rows_are_walked() {
        let rows: &[&str] = &[
            r#"{}"#,
            r#" { "a" : 1 , "b":-2.5e-3,"c":"NaN","d":null } "#,
            r#"{"a":1,"a":2}"#,
            r#"{"ключ":0}"#,
        ];
        for row in rows {
            assert_eq!(walked(row.as_bytes()), value::object(row.as_bytes()), "{row}");
        }
    }

    #[test]
    fn what_is_unknown_is_given_up() {
        let rows: &[&[u8]] = &[
            br#"{"a":{"b":1}}"#,
            br#"{"a":[1]}"#,
            br#"{"a\n":1}"#,
            br#"{"a":"\u0041"}"#,
            br#"{"a":NaN}"#,
            br#"{"a":01}"#,
            br#"{"a":1.}"#,
            br#"{"a":1e999}"#,
            br#"{"a":+1}"#,
            br#"{"a":1,}"#,
            br#"{"a":1}x"#,
            br#"{"a" 1}"#,
            br#"[1]"#,
            b"",
            b"{\"a\":1",
            b"{\"\xff\":1}",
        ];
        for row in rows {
            assert_eq!(walked(row), None, "{}", String::from_utf8_lossy(row));
        }
    }

    #[test]
    fn leading_digits_are_counted() {
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                for other in [b'0', b'9', 0xff] {
                    let mut bytes = [other; 8];
                    bytes[place] = byte;
                    let expected = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
                    assert_eq!(leading_digits(bytes), expected, "{bytes:?}");
                }
            }
        }
    }

    /// Pieces that make nearly valid rows, so that the edges of the grammar are met often.
    fn nearly_json() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("{"),
            Just("}"),
            Just("["),
            Just("]"),
            Just(","),
            Just(":"),
            Just(" "),
            Just("\"a\""),
            Just("\"b\""),
            Just("\"a\\\"\""),
            Just("\"NaN\""),
            Just("1"),
            Just("-0"),
            Just("0.5"),
            Just("1e5"),
            Just("1e"),
            Just("01"),
            Just("-"),
            Just("true"),
            Just("false"),
            Just("null"),
            Just("NaN"),
            Just("\""),
            Just("\\"),
            Just("é"),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    fn flat_row() -> impl Strategy<Value = String> {
        let value = prop_oneof![
            any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(|v| v.to_string()),
            any::<i64>().prop_map(|v| v.to_string()),
            any::<String>().prop_map(|text| Value::from(text).to_string()),
            Just("null".to_owned()),
            Just("[1, {\"a\": 2}]".to_owned()),
        ];
        prop::collection::vec(("[ab/\\\\\"é]{0,3}", value), 0..6).prop_map(|fields| {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, v)| format!("{}: {v}", Value::from(key.as_str())))
                .collect();
            format!("{{{}}}", fields.join(" ,"))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_walk_agrees_with_the_parser_or_gives_up(row in prop_oneof![nearly_json(), flat_row()]) {
            if let Some(object) = walked(row.as_bytes()) {
                let parsed = value::object(row.as_bytes());
                let expected = parsed.map(|mut parsed| {
                    // The walk does not tell true from false.
                    parsed.values_mut().filter(|v| v.is_boolean()).for_each(|v| *v = true.into());
                    parsed
                });
                prop_assert_eq!(Some(object), expected);
            }
        }

        #[test]
        fn flat_rows_without_escapes_are_never_given_up(
            fields in prop::collection::vec(("[a-z/]{1,4}", -1e9..1e9f64), 0..8),
        ) {
            let row: Map<String, Value> =
                fields.into_iter().map(|(key, value)| (key, value.into())).collect();
            let json = serde_json::to_vec(&row).unwrap();
            prop_assert_eq!(walked(&json), Some(row));
        }
    }
}
