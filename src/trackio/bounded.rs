//! JSON of any size as a value of bounded size: texts and lists are cut while they are read, so
//! that a trace of many megabytes takes no more memory than what is shown of it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Letters of a text.
    pub letters: usize,
    /// Items of a list, fields of an object.
    pub items: usize,
    /// Bytes of all that is kept, roughly.
    pub bytes: usize,
}

/// What a value without a text is taken for.
const BYTES_A_VALUE: usize = 16;

/// Reads a value within the limits, and counts the letters of all its texts, kept or not. `None`
/// where it is no JSON.
pub fn read(json: &RawValue, limits: Limits) -> Option<(Value, usize)> {
    let mut tally = Tally { letters: 0, room: limits.bytes };
    let seed = Seed { limits, keeps: true, tally: &mut tally };
    let value = seed.deserialize(&mut serde_json::Deserializer::from_str(json.get())).ok()?;
    Some((value, tally.letters))
}

/// A text of at most so many letters; what was cut is counted, also what was cut before.
pub fn cut(text: &str, letters: usize) -> Cow<'_, str> {
    let (kept, before) = match marked(text) {
        Some((kept, left_out)) => (kept, left_out),
        None => (text, 0),
    };
    match kept.char_indices().nth(letters) {
        None => Cow::Borrowed(text),
        Some((end, _)) => {
            let (shown, rest) = kept.split_at(end);
            Cow::Owned(format!("{shown}… (+{})", rest.chars().count() + before))
        }
    }
}

/// What is left of a text that was cut, and how many letters are not.
pub fn marked(text: &str) -> Option<(&str, usize)> {
    let (kept, rest) = text.strip_suffix(')')?.rsplit_once("… (+")?;
    Some((kept, rest.parse().ok()?))
}

/// The letters that were met, and the bytes that can still be kept.
struct Tally {
    letters: usize,
    room: usize,
}

struct Seed<'t> {
    limits: Limits,
    keeps: bool,
    tally: &'t mut Tally,
}

impl Seed<'_> {
    fn within(&mut self, keeps: bool) -> Seed<'_> {
        Seed { limits: self.limits, keeps: self.keeps && keeps, tally: self.tally }
    }

    /// Whether one more value can be kept beside so many.
    fn has_room(&mut self, kept: usize) -> bool {
        let has_room = kept < self.limits.items && self.tally.room >= BYTES_A_VALUE;
        if self.keeps && has_room {
            self.tally.room -= BYTES_A_VALUE;
        }
        has_room
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        let letters = text.chars().count();
        self.tally.letters += letters;
        if !self.keeps {
            return Ok(Value::Null);
        }
        let most = self.limits.letters.min(self.tally.room);
        self.tally.room -= letters.min(most);
        if letters <= most {
            return Ok(text.into());
        }
        let kept: String = text.chars().take(most).collect();
        Ok(format!("{kept}… (+{})", letters - most).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Value, A::Error> {
        let (mut kept, mut left_out) = (Vec::new(), 0_usize);
        loop {
            let has_room = self.has_room(kept.len());
            let Some(item) = list.next_element_seed(self.within(has_room))? else { break };
            match self.keeps && has_room {
                true => kept.push(item),
                false => left_out += 1,
            }
        }
        if self.keeps && left_out > 0 {
            kept.push(format!("… (+{left_out})").into());
        }
        Ok(kept.into())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<Value, A::Error> {
        let (mut kept, mut left_out) = (Map::new(), 0_usize);
        while let Some(key) = fields.next_key::<Cow<'de, str>>()? {
            let has_room = self.has_room(kept.len());
            let value = fields.next_value_seed(self.within(has_room))?;
            match self.keeps && has_room {
                true => drop(kept.insert(cut(&key, self.limits.letters).into_owned(), value)),
                false => left_out += 1,
            }
        }
        if self.keeps && left_out > 0 {
            kept.insert("…".to_owned(), format!("… (+{left_out})").into());
        }
        Ok(kept.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bounded(value: &Value, letters: usize, items: usize) -> (Value, usize) {
        let raw = serde_json::value::to_raw_value(value).unwrap();
        read(&raw, Limits { letters, items, bytes: 1_000 }).unwrap()
    }

    #[test]
    fn lists_of_lists_stay_within_the_bytes() {
        let many: Vec<Vec<&str>> = vec![vec!["abcdefgh"; 50]; 50];
        let raw = serde_json::value::to_raw_value(&many).unwrap();
        let limits = Limits { letters: 100, items: 100, bytes: 1_000 };
        let (value, letters) = read(&raw, limits).unwrap();
        assert_eq!(letters, 50 * 50 * 8);
        assert!(value.to_string().len() < 3_000, "{value}");
        assert!(value.to_string().contains("… (+49)"), "{value}");
    }

    #[test]
    fn what_fits_is_whole_and_what_does_not_is_counted() {
        let small = json!({"a": [1, -2, 0.5, null, true], "b": {"c": "日本\n"}});
        assert_eq!(bounded(&small, 3, 5), (small, 3));
        let large = json!({"text": "abcdef", "list": [1, 2, "xy"], "more": {"k": "z"}});
        let (value, letters) = bounded(&large, 2, 2);
        assert_eq!(
            value,
            json!({"te… (+2)": "ab… (+4)", "li… (+2)": [1, 2, "… (+1)"], "…": "… (+1)"})
        );
        assert_eq!(letters, 9);
    }

    #[test]
    fn a_text_cut_twice_still_counts_all_that_is_missing() {
        let once = cut("abcdefgh", 6).into_owned();
        assert_eq!(once, "abcdef… (+2)");
        assert_eq!(cut(&once, 3), "abc… (+5)");
        assert_eq!(cut(&once, 6), once);
        assert_eq!(cut("abc", 3), "abc");
    }
}
