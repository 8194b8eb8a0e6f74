//! The values of a config, as they are searched.

use serde_json::Value;

use super::super::common::likeness::{likeness, normalized, words};
use super::query::number;
use super::words::is_same_key;
use crate::tools::common::text::cut;
use crate::trackio::value::{self, Metrics};

/// So many values of a config are looked at, and so many of one list.
const MOST_ENTRIES: usize = 2_000;
const MOST_OF_A_LIST: usize = 32;
/// The letters of a config's value that are compared and shown.
const LONGEST_VALUE: usize = 200;
const LONGEST_SHOWN: usize = 60;

/// One value of the config.
pub struct Entry {
    pub key: String,
    /// The whole key and its last part, normalized.
    keys: [String; 2],
    /// The words of the last part.
    words: Vec<String>,
    pub lower: String,
    pub number: Option<f64>,
    pub flag: Option<bool>,
    pub shown: String,
}

impl Entry {
    pub fn is_number(&self, wanted: f64) -> bool {
        self.number.is_some_and(|number| is_same(number, wanted))
    }

    /// How well a normalized key names this one.
    pub fn key_likeness(&self, key: &str) -> f64 {
        if self.keys.iter().any(|own| is_same_key(own, key)) {
            1.0
        } else if self.words.iter().any(|word| word == key) {
            0.8
        } else {
            0.0
        }
    }

    pub fn value_likeness(&self, wanted: &str, number: Option<f64>) -> f64 {
        let flag = match wanted {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        };
        match (number, self.number) {
            (Some(number), Some(own)) => f64::from(u8::from(is_same(number, own))),
            _ if flag.is_some() && self.flag.is_some() => f64::from(u8::from(flag == self.flag)),
            _ => likeness(wanted, &self.lower),
        }
    }

    /// A key alone says little, unless it is a switch that is on: `bf16`.
    pub fn worth_of_key(&self) -> f64 {
        match (self.flag, self.lower.as_str()) {
            (Some(true), _) => 0.9,
            (Some(false), _) | (_, "null") => 0.1,
            _ => 0.4,
        }
    }
}

/// Equal but for the way in which they were written.
pub fn is_same(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

/// All values of a config, nested ones under dotted keys, Trackio's own left out.
pub fn collect(prefix: &str, config: &Metrics, entries: &mut Vec<Entry>) {
    for (key, found) in config {
        // Trackio's own: `_Group`, `_Username`, `_Created`.
        if prefix.is_empty() && key.starts_with('_') {
            continue;
        }
        let whole = format!("{prefix}{key}");
        match found {
            Value::Object(nested) => collect(&format!("{whole}."), nested, entries),
            Value::Array(items) => {
                let scalars = items.iter().filter(|item| !item.is_array() && !item.is_object());
                entries.extend(scalars.take(MOST_OF_A_LIST).map(|item| entry(&whole, key, item)));
            }
            scalar => entries.push(entry(&whole, key, scalar)),
        }
        if entries.len() >= MOST_ENTRIES {
            return;
        }
    }
}

fn entry(whole: &str, last: &str, found: &Value) -> Entry {
    let plain = match found {
        Value::String(text) => text.chars().take(LONGEST_VALUE).collect(),
        other => other.to_string(),
    };
    let finite =
        value::number(found).or_else(|| number(&plain)).filter(|number| number.is_finite());
    let last_part = last.rsplit('.').next().unwrap_or(last);
    Entry {
        key: whole.to_owned(),
        keys: [normalized(whole), normalized(last_part)],
        words: words(&last_part.to_lowercase()).map(str::to_owned).collect(),
        lower: plain.to_lowercase(),
        number: finite,
        flag: found.as_bool(),
        shown: cut(&plain, LONGEST_SHOWN),
    }
}
