//! Search in traces: the text that Trackio searches, and what is looked for in it.

use std::fmt::{self, Write};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Head, Payload, each};

/// So many letters before and after what was found are shown.
const LETTERS_AROUND: usize = 40;

/// A text that is looked for, in any case. `%` and `_`, which have a meaning for Trackio's own
/// search by oversight, are letters like others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needle(String);

impl Needle {
    /// The text, without blanks at its ends; `None` where nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        (!text.is_empty()).then_some(Self(text))
    }

    /// The pattern of SQL's `LIKE`, with `\` as the escape.
    pub(super) fn pattern(&self) -> String {
        let mut pattern = String::from("%");
        for letter in self.0.chars() {
            if matches!(letter, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern + "%"
    }

    /// Whether the trace holds the text.
    pub fn is_in(&self, head: &Head, payload: Payload<'_>) -> bool {
        text_of(head, payload).contains(&self.0)
    }

    /// What stands around the first place where the trace holds the text.
    pub fn around(&self, head: &Head, payload: Payload<'_>) -> Option<String> {
        let text = text_of(head, payload);
        let (before, from) = text.split_at_checked(text.find(&self.0)?)?;
        let start = before.char_indices().rev().take(LETTERS_AROUND).last();
        let start = start.map_or(before.len(), |(at, _)| at);
        let letters = self.0.chars().count() + LETTERS_AROUND;
        let mut found = before.get(start..)?.to_owned();
        found.extend(from.chars().take(letters));
        Some(found.trim().to_owned())
    }
}

/// The text that Trackio searches, in lower case: id, key, and all values of messages and
/// metadata; of spans what is short.
fn text_of(head: &Head, payload: Payload<'_>) -> String {
    let mut text = format!("{} {} ", head.id, head.key).to_lowercase();
    let mut add = |json: &RawValue, is_span: bool| {
        let words = Words { text: &mut text, of_span: is_span };
        let mut deserializer = serde_json::Deserializer::from_str(json.get());
        // What cannot be read holds no words.
        let _ = words.deserialize(&mut deserializer);
    };
    add(payload.messages, false);
    add(payload.metadata, false);
    let _ = each(payload.spans, |span| add(span, true));
    text
}

/// Gathers every value within a JSON value as a word.
struct Words<'t> {
    text: &'t mut String,
    /// Only the fields of a span that are searched.
    of_span: bool,
}

impl Words<'_> {
    fn word(self, word: impl fmt::Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{word} ");
    }
}

impl<'de> DeserializeSeed<'de> for Words<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Words<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        self.word(flag);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.word(number);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.word(number);
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.word(number);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        // Word by word: a second copy of a long trace is too much.
        for word in text.split_inclusive(' ') {
            self.text.push_str(&word.to_lowercase());
        }
        self.text.push(' ');
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Words { text: self.text, of_span: false })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(key) = fields.next_key::<Key>()? {
            match self.of_span && !key.0 {
                true => drop(fields.next_value::<IgnoredAny>()?),
                false => fields.next_value_seed(Words { text: self.text, of_span: false })?,
            }
        }
        Ok(())
    }
}

/// Whether Trackio searches a span's field: inputs and outputs repeat the conversation.
struct Key(bool);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let names = ["id", "name", "kind", "model", "status", "error", "metadata"];
        Ok(Self(names.contains(&&*name)))
    }
}
