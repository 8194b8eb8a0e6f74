//! One line of the inbox: what Trackio's import takes from it.

use std::borrow::Cow;
use std::fmt;

use rusqlite::types::Value as Cell;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::trackio::trace::{self, Payload};
use crate::trackio::value::Fields;

/// What a record holds, in the order in which Trackio imports them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Metric,
    System,
    Alert,
}

/// The fields of a record, in the order of [`FIELDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Step,
    LogId,
    AlertId,
    Title,
    Text,
    Level,
    Metrics,
    Config,
    Kind,
    Project,
    Run,
    RunId,
    Timestamp,
}

const FIELDS: [&str; 13] = [
    "step",
    "log_id",
    "alert_id",
    "title",
    "text",
    "level",
    "metrics",
    "config",
    "kind",
    "project",
    "run",
    "run_id",
    "timestamp",
];

/// One record, read as far as it is needed to tell whose it is: a trace in it can be larger than
/// all the rest of a project.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    pub kind: Kind,
    /// As the writer spelled it.
    pub project: Cow<'a, str>,
    pub run: Cow<'a, str>,
    pub run_id: Option<Cow<'a, str>>,
    pub timestamp: Option<Cow<'a, str>>,
    fields: [Option<&'a RawValue>; FIELDS.len()],
}

/// A trace found among a row's metrics, where 0.25 and the inbox keep it.
pub struct Trace<'a> {
    pub key: String,
    pub index: Option<i64>,
    pub payload: Payload<'a>,
}

impl<'a> Record<'a> {
    /// The record in a line; `None` where Trackio imports none.
    pub fn of(line: &'a [u8]) -> Option<Self> {
        let raw: Raw<'a> = serde_json::from_slice(line.trim_ascii()).ok()?;
        let is_whole = raw.others_are_json && raw.fields.iter().flatten().all(|json| is_json(json));
        if is_whole { Self::from_raw(raw) } else { None }
    }

    /// The same of a line that is known to hold one.
    pub fn again(line: &'a [u8]) -> Option<Self> {
        Self::from_raw(serde_json::from_slice(line.trim_ascii()).ok()?)
    }

    fn from_raw(Raw { fields, .. }: Raw<'a>) -> Option<Self> {
        let field = |field: Field| fields.get(field as usize).copied().flatten();
        let text = |name: Field| {
            let json = field(name)?.get();
            // A text without escapes is taken as it is.
            let text: Cow<'a, str> = match serde_json::from_str::<&str>(json) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => Cow::Owned(serde_json::from_str(json).ok()?),
            };
            Some(text).filter(|text| !text.is_empty())
        };
        let kind = match text(Field::Kind)?.as_ref() {
            "metric" => Kind::Metric,
            "system_metric" => Kind::System,
            "alert" => Kind::Alert,
            _ => return None,
        };
        Some(Self {
            kind,
            project: text(Field::Project)?,
            run: text(Field::Run)?,
            run_id: text(Field::RunId),
            timestamp: text(Field::Timestamp),
            fields,
        })
    }

    /// A field as Python's `sqlite3` binds it.
    pub fn cell(&self, field: Field) -> Cell {
        let json = self.fields.get(field as usize).copied().flatten();
        match json.and_then(|json| serde_json::from_str(json.get()).ok()) {
            None | Some(Value::Null) => Cell::Null,
            Some(Value::String(text)) => Cell::Text(text),
            Some(Value::Bool(flag)) => Cell::Integer(i64::from(flag)),
            Some(Value::Number(number)) => match number.as_i64() {
                Some(whole) => Cell::Integer(whole),
                None => number.as_f64().map_or(Cell::Null, Cell::Real),
            },
            Some(other) => Cell::Text(other.to_string()),
        }
    }

    /// Whether the row brings no step.
    pub fn lacks_step(&self) -> bool {
        let step = self.fields.get(Field::Step as usize).copied().flatten();
        step.is_none_or(|json| json.get() == "null")
    }

    /// The field as Trackio's `record.get(field) or default`.
    pub fn or(&self, field: Field, default: &str) -> Cell {
        match self.cell(field) {
            Cell::Null | Cell::Integer(0) => Cell::Text(default.to_owned()),
            Cell::Text(text) if text.is_empty() => Cell::Text(default.to_owned()),
            cell => cell,
        }
    }

    /// The metrics and the traces among them, as the import splits them.
    pub fn split_metrics(&self) -> (Vec<u8>, Vec<Trace<'a>>) {
        if let Some(json) = self.plain_metrics() {
            return (json.to_vec(), Vec::new());
        }
        let Fields(metrics) = self.metrics();
        let mut kept: Vec<(String, Cow<'a, RawValue>)> = Vec::new();
        let mut traces = Vec::new();
        for (key, value) in metrics {
            let found = trace::within(value);
            if found.is_empty() {
                kept.push((key, Cow::Borrowed(value)));
                continue;
            }
            if found.iter().any(|(index, _)| index.is_some()) {
                let others = trace::others_of(value);
                kept.extend(others.map(|others| (key.clone(), Cow::Owned(others))));
            }
            let with_key = |(index, payload)| Trace { key: key.clone(), index, payload };
            traces.extend(found.into_iter().map(with_key));
        }
        let fields: Vec<(&str, &RawValue)> =
            kept.iter().map(|(key, value)| (key.as_str(), value.as_ref())).collect();
        (json_of(&fields), traces)
    }

    /// The metrics as a JSON object.
    pub fn all_metrics(&self) -> Vec<u8> {
        if let Some(json) = self.plain_metrics() {
            return json.to_vec();
        }
        let Fields(metrics) = self.metrics();
        let fields: Vec<(&str, &RawValue)> =
            metrics.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        json_of(&fields)
    }

    /// The metrics as they are, where the import would write the same: an object without blanks,
    /// escapes and traces. Nearly all are.
    fn plain_metrics(&self) -> Option<&'a [u8]> {
        let json = self.fields.get(Field::Metrics as usize).copied().flatten()?.get();
        let is_plain = json.starts_with('{')
            && !json.bytes().any(|byte| byte.is_ascii_whitespace() || byte == b'\\')
            && !json.contains(trace::TYPE);
        is_plain.then_some(json.as_bytes())
    }

    fn metrics(&self) -> Fields<'a> {
        let json = self.fields.get(Field::Metrics as usize).copied().flatten();
        let fields = json.and_then(|json| serde_json::from_str(json.get()).ok());
        fields.unwrap_or(Fields(Vec::new()))
    }

    /// The config, where it has anything in it.
    pub fn config(&self) -> Option<&'a [u8]> {
        let json = self.fields.get(Field::Config as usize).copied().flatten()?.get();
        let Fields(fields) = serde_json::from_str(json).ok()?;
        (!fields.is_empty()).then_some(json.as_bytes())
    }
}

/// The fields as a JSON object.
fn json_of(fields: &[(&str, &RawValue)]) -> Vec<u8> {
    use serde::Serializer;
    let mut json = Vec::new();
    // JSON that was read can be written, and a vector takes it.
    let _ = serde_json::Serializer::new(&mut json).collect_map(fields.iter().copied());
    json
}

/// Whether a reader of JSON takes it: `RawValue` lets pass numbers without bounds and halves of
/// surrogate pairs, for which Trackio drops the line. Deep nesting it takes, up to eight times as
/// deep as ours.
fn is_json(raw: &RawValue) -> bool {
    let json = raw.get();
    if json.starts_with('"') && !json.contains('\\') {
        return true;
    }
    let mut digits = 0;
    let is_plain = json.bytes().all(|byte| match byte {
        b'0'..=b'9' => {
            digits += 1;
            digits < LONGEST_PLAIN_NUMBER
        }
        b'e' | b'E' => digits == 0,
        b'.' => true,
        b'\\' => false,
        _ => {
            digits = 0;
            true
        }
    });
    is_plain
        || match serde_json::from_str::<Checked>(json) {
            Ok(Checked) => true,
            Err(error) => error.to_string().starts_with("recursion limit"),
        }
}

/// So many digits without an exponent are finite.
const LONGEST_PLAIN_NUMBER: usize = 300;

/// A value that was read through, and of which nothing is kept.
struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ReadThrough;
        impl<'de> Visitor<'de> for ReadThrough {
            type Value = Checked;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Checked, E> {
                Ok(Checked)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Checked, E> {
                Ok(Checked)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Checked, E> {
                Ok(Checked)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Checked, E> {
                Ok(Checked)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Checked, E> {
                Ok(Checked)
            }

            fn visit_str<E>(self, _: &str) -> Result<Checked, E> {
                Ok(Checked)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Checked, A::Error> {
                while items.next_element::<Checked>()?.is_some() {}
                Ok(Checked)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Checked, A::Error> {
                while map.next_entry::<Checked, Checked>()?.is_some() {}
                Ok(Checked)
            }
        }
        deserializer.deserialize_any(ReadThrough)
    }
}

/// The JSON of each field; the last counts where one is repeated.
struct Raw<'a> {
    fields: [Option<&'a RawValue>; FIELDS.len()],
    /// Whether the fields that nobody knows hold JSON too.
    others_are_json: bool,
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InPlace;
        impl<'de> Visitor<'de> for InPlace {
            type Value = Raw<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = [None; FIELDS.len()];
                let mut others_are_json = true;
                while let Some(name) = map.next_key::<Name<'de>>()? {
                    let place = FIELDS.iter().position(|field| *field == name.0);
                    match place.and_then(|place| fields.get_mut(place)) {
                        Some(field) => *field = Some(map.next_value()?),
                        None => others_are_json &= is_json(map.next_value()?),
                    }
                }
                Ok(Raw { fields, others_are_json })
            }
        }
        deserializer.deserialize_map(InPlace)
    }
}

/// A key, without a copy where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
