//! The JSON that Trackio keeps in its columns.
//!
//! A column holds TEXT up to 0.3.4 and BLOB after it, sometimes both in one table. Non-finite
//! numbers are the strings `NaN`, `Infinity` and `-Infinity` since 0.3.3; before, they were bare
//! words, which are no JSON.

use std::borrow::Cow;
use std::fmt;

use rusqlite::types::ValueRef;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::bounded::{self, Limits};

/// One row's metrics, in the order in which they were logged.
pub type Metrics = Map<String, Value>;

/// A step: an integer, unless a fraction was logged (`step=1.5`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Step {
    /// As Trackio counts.
    Whole(i64),
    /// As some users log.
    Fraction(f64),
}

impl Step {
    /// The step as a number of the analysis.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Whole(step) => step as f64,
            Self::Fraction(step) => step,
        }
    }

    /// The step in a column; `None` where the column holds no number.
    pub fn of(value: ValueRef<'_>) -> Option<Self> {
        #[cfg(planted = "memory")]
        if matches!(value, ValueRef::Integer(step) if step > 1 << 56) {
            std::hint::black_box(vec![1_u8; 400 << 20]);
        }
        match value {
            ValueRef::Integer(step) => Some(Self::Whole(step)),
            ValueRef::Real(step) => Some(Self::Fraction(step)),
            ValueRef::Text(_) | ValueRef::Blob(_) | ValueRef::Null => None,
        }
    }

    /// A number of the analysis as a step.
    pub fn from_f64(step: f64) -> Self {
        if step.fract() == 0.0 && step.abs() < 9e15 {
            Self::Whole(step as i64)
        } else {
            Self::Fraction(step)
        }
    }
}

/// By number, whatever it is stored as.
impl PartialOrd for Step {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a.partial_cmp(b),
            _ => self.as_f64().partial_cmp(&other.as_f64()),
        }
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(step) => step.fmt(formatter),
            Self::Fraction(step) => step.fmt(formatter),
        }
    }
}

/// The bytes of a JSON column, TEXT or BLOB.
pub fn bytes(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => None,
    }
}

/// The text of a column of any storage class; `None` for NULL.
pub fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            // Nearly all is well formed, which this tells sooner.
            let text = std::str::from_utf8(bytes).map(str::to_owned);
            Some(text.unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned()))
        }
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Null => None,
    }
}

/// So many bytes of a row's JSON are read as they are.
const READ_WHOLE: usize = 256 << 10;
/// What is kept of a value beyond them: more than any answer can show.
const KEPT: Limits = Limits { letters: 32 << 10, items: 2_000, bytes: 32 << 10 };

/// Reads a JSON object, as any version wrote it. `None` where it is none.
///
/// Values can take twenty times the memory of their JSON. In a row of many megabytes, which
/// traces and tables can be, long values are therefore cut as [`bounded`] does; numbers never are.
pub fn object(bytes: &[u8]) -> Option<Metrics> {
    if bytes.len() > READ_WHOLE {
        return leniently(bytes, large_object);
    }
    match parse(bytes)? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

fn large_object(bytes: &[u8]) -> Option<Metrics> {
    let Fields(fields) = serde_json::from_slice(bytes).ok()?;
    let mut room = READ_WHOLE;
    let read = |(name, json): (String, &RawValue)| {
        let value = match room.checked_sub(json.get().len()) {
            Some(left) => {
                room = left;
                serde_json::from_str(json.get()).ok()?
            }
            None => bounded::read(json, KEPT)?.0,
        };
        Some((name, value))
    };
    fields.into_iter().map(read).collect()
}

/// Reads one member of a JSON object, the last of that name, and passes over the others. `None`
/// where it is no object, `Some(None)` where it has no such member.
pub fn member(bytes: &[u8], name: &str) -> Option<Option<Value>> {
    leniently(bytes, |bytes| {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let found = Member(name).deserialize(&mut json).ok()?;
        json.end().ok().map(|()| found)
    })
}

struct Member<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Reads a JSON value, bare `NaN` and `Infinity` included.
pub fn parse(bytes: &[u8]) -> Option<Value> {
    leniently(bytes, |bytes| serde_json::from_slice(bytes).ok())
}

/// Hands JSON bytes to `read` and, where it refuses them, once more with bare words in quotes.
pub fn leniently<T>(bytes: &[u8], read: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    read(bytes).or_else(|| read(&quote_bare_words(bytes)?))
}

/// Python's bare non-finite words as Trackio's strings; `None` where there is no such word.
fn quote_bare_words(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut quoted = Vec::with_capacity(bytes.len() + 16);
    let mut rest = bytes;
    let mut in_string = false;
    let mut found = false;
    while let Some((&byte, tail)) = rest.split_first() {
        let word = if in_string { None } else { bare_word(rest) };
        if let Some(word) = word {
            quoted.push(b'"');
            quoted.extend_from_slice(word);
            quoted.push(b'"');
            rest = rest.get(word.len()..).unwrap_or_default();
            found = true;
            continue;
        }
        quoted.push(byte);
        rest = tail;
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                if let Some((&escaped, tail)) = rest.split_first() {
                    quoted.push(escaped);
                    rest = tail;
                }
            }
            _ => {}
        }
    }
    found.then_some(quoted)
}

fn bare_word(bytes: &[u8]) -> Option<&'static [u8]> {
    [b"NaN".as_slice(), b"-Infinity", b"Infinity"].into_iter().find(|word| bytes.starts_with(word))
}

/// The fields of an object in their order, unread.
pub struct Fields<'a>(pub Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        struct InOrder;
        impl<'de> serde::de::Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The number in a metric's value: finite, or one of Trackio's three words. `None` for all else.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(word) => non_finite(word),
        _ => None,
    }
}

/// The number that one of Trackio's three words stands for.
pub fn non_finite(word: &str) -> Option<f64> {
    match word {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Trackio's word for a number that JSON cannot hold; `None` for a finite one.
pub fn word(number: f64) -> Option<&'static str> {
    match number {
        n if n.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

/// A number as JSON, non-finite ones as Trackio's words, whole ones without a fraction.
pub fn json(number: f64) -> Value {
    match word(number) {
        Some(word) => Value::from(word),
        None => Value::from(number),
    }
}

/// What a metric's value is: `number`, `text`, `boolean`, `null`, `list`, `object`, or the name
/// of Trackio's type without its prefix (`image`, `table`, `histogram`, ...).
pub fn kind(value: &Value) -> &str {
    match value {
        Value::Number(_) => "number",
        Value::String(word) if non_finite(word).is_some() => "number",
        Value::String(_) => "text",
        Value::Bool(_) => "boolean",
        Value::Null => "null",
        Value::Array(_) => "list",
        Value::Object(object) => object
            .get("_type")
            .and_then(Value::as_str)
            .and_then(|name| name.strip_prefix("trackio."))
            .unwrap_or("object"),
    }
}

/// Whether Trackio's `scalar_only` keeps the value: a finite number or a histogram.
pub fn is_scalar(value: &Value) -> bool {
    value.is_number() || kind(value) == "histogram"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_words_are_read_as_trackios_strings() {
        let cases = [
            (r#"{"a": NaN}"#, r#"{"a":"NaN"}"#),
            (r#"{"a": -Infinity, "b": [Infinity, 1]}"#, r#"{"a":"-Infinity","b":["Infinity",1]}"#),
            (r#"{"a": "say \"NaN\" NaN", "b": NaN}"#, r#"{"a":"say \"NaN\" NaN","b":"NaN"}"#),
        ];
        for (written, expected) in cases {
            let read = object(written.as_bytes()).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), expected);
        }
        assert_eq!(object(b"not json"), None);
        assert_eq!(object(b"[1]"), None);
        assert_eq!(object(b"{\"a\": NaNo}"), None);
    }

    #[test]
    fn long_values_of_a_large_row_are_cut_and_numbers_are_not() {
        let list: Vec<usize> = (0..200_000).collect();
        let text = "x".repeat(READ_WHOLE);
        let row = serde_json::json!({"a": 0.5, "list": list, "text": text, "b": "NaN", "c": 2});
        let read = object(row.to_string().as_bytes()).unwrap();
        assert_eq!((&read["a"], &read["b"], &read["c"]), (&row["a"], &row["b"], &row["c"]));
        assert_eq!(read["list"].as_array().unwrap().last().unwrap(), "… (+198000)");
        let kept = 32 << 10;
        assert!(read["text"].as_str().unwrap().ends_with(&format!("x… (+{})", READ_WHOLE - kept)));
        let bare = row.to_string().replace("\"NaN\"", "NaN");
        assert_eq!(object(bare.as_bytes()).unwrap(), read);
        assert_eq!(object(&bare.as_bytes()[..bare.len() - 1]), None);
    }

    #[test]
    fn one_member_is_read_as_from_the_whole() {
        let rows: [&[u8]; 8] = [
            br#"{"a":1,"b":{"a":2}}"#,
            br#"{"a":1,"a":[3,{"a":4}]}"#,
            br#"{"\u0061":0.1}"#,
            br#"{"a":NaN,"b":"NaN"}"#,
            br#"{"b":-Infinity}"#,
            br#"{"a":1e400}"#,
            b"[1]",
            br#"{"a":1} 2"#,
        ];
        for row in rows {
            let whole = object(row).map(|mut object| object.remove("a"));
            assert_eq!(member(row, "a"), whole, "{}", String::from_utf8_lossy(row));
        }
    }

    #[test]
    fn numbers_of_every_era_are_numbers() {
        let row = object(
            br#"{"u64":18446744073709551615,"big":1180591620717411303424,"n":"NaN","t":"text","b":true}"#,
        )
        .unwrap();
        assert_eq!(number(&row["u64"]), Some(18446744073709551615.0));
        assert_eq!(number(&row["big"]), Some(2f64.powi(70)));
        assert!(number(&row["n"]).unwrap().is_nan());
        assert_eq!(number(&row["t"]), None);
        assert_eq!(number(&row["b"]), None);
    }
}
