//! The beginning of a file, as far as a reader needs it: a file of any size, compressed or not,
//! takes no more memory than [`MOST_BYTES`].

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// So much of a file is looked at, unpacked.
pub const MOST_BYTES: u64 = 1 << 20;

/// The beginning of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// What it was read as: `csv`, `tsv`, `jsonl`, `json` or `text`.
    pub format: &'static str,
    /// What it holds.
    pub content: Content,
    /// Whether this is all of it.
    pub whole: bool,
    /// What is wrong with what was read.
    pub problem: Option<String>,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A table: the names of its columns and its first rows.
    Table {
        /// The first line.
        columns: Vec<String>,
        /// The lines after it.
        rows: Vec<Vec<String>>,
    },
    /// JSON values, one after the other: lines, or the elements of a list.
    Values(Vec<Value>),
    /// The first members of a JSON object.
    Object(Map<String, Value>),
    /// Lines.
    Lines(Vec<String>),
    /// No text.
    Binary,
}

/// Reads the beginning of a file of that name: at most `most` rows, lines or elements.
pub fn preview(name: &str, file: impl Read + 'static, most: usize) -> Preview {
    let lower = name.to_lowercase();
    let (plain, is_packed) = match lower.strip_suffix(".gz") {
        Some(plain) => (plain, true),
        None => (lower.as_str(), false),
    };
    let mut source: Box<dyn BufRead> = Box::new(BufReader::new(file));
    if is_packed {
        source = Box::new(BufReader::new(MultiGzDecoder::new(source)));
    }
    let mut source = Limited::new(source);
    let extension = plain.rsplit_once('.').map_or("", |(_, extension)| extension);
    let mut preview = match extension {
        "csv" => table("csv", b',', &mut source, most),
        "tsv" => table("tsv", b'\t', &mut source, most),
        "jsonl" | "ndjson" => json_lines(&mut source, most),
        "json" => json(&mut source, most),
        _ => text(&mut source, most),
    };
    preview.whole &= !source.is_cut;
    if let Some(error) = source.error {
        preview.whole = false;
        preview.problem = Some(format!("the file breaks off: {error}"));
    }
    preview
}

/// A reader that ends after [`MOST_BYTES`] or at an error, and remembers which.
struct Limited {
    source: Box<dyn BufRead>,
    left: u64,
    is_cut: bool,
    error: Option<io::Error>,
}

impl Limited {
    fn new(source: Box<dyn BufRead>) -> Self {
        Self { source, left: MOST_BYTES, is_cut: false, error: None }
    }
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 && !buffer.is_empty() {
            self.is_cut |= self.source.fill_buf().is_ok_and(|rest| !rest.is_empty());
            return Ok(0);
        }
        let read = self.source.read(buffer.get_mut(..most).unwrap_or_default());
        let read = read.unwrap_or_else(|error| {
            self.error = Some(error);
            0
        });
        self.left -= read as u64;
        Ok(read)
    }
}

fn table(format: &'static str, delimiter: u8, source: &mut Limited, most: usize) -> Preview {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(source);
    let cells = |record: &csv::ByteRecord| -> Vec<String> {
        record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect()
    };
    let columns = reader.byte_headers().map(cells).unwrap_or_default();
    let mut rows = Vec::new();
    let mut whole = true;
    for record in reader.byte_records() {
        let Ok(record) = record else { break };
        if rows.len() == most {
            whole = false;
            break;
        }
        rows.push(cells(&record));
    }
    let content = Content::Table { columns, rows };
    Preview { format, content, whole, problem: None }
}

fn json_lines(source: &mut Limited, most: usize) -> Preview {
    let mut values = Vec::new();
    let (lines, whole) = lines(source, most);
    for line in lines {
        let value = crate::trackio::value::parse(line.as_bytes());
        values.push(value.unwrap_or(Value::String(line)));
    }
    Preview { format: "jsonl", content: Content::Values(values), whole, problem: None }
}

fn text(source: &mut Limited, most: usize) -> Preview {
    let (lines, whole) = lines(source, most);
    let is_binary = lines.iter().any(|line| line.contains(['\0', char::REPLACEMENT_CHARACTER]));
    let content = if is_binary { Content::Binary } else { Content::Lines(lines) };
    Preview { format: "text", content, whole, problem: None }
}

/// The first lines, and whether those are all. A line that does not end is cut like the file.
fn lines(source: &mut Limited, most: usize) -> (Vec<String>, bool) {
    let mut reader = BufReader::new(source);
    let mut lines = Vec::new();
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).unwrap_or_default() > 0 {
        if lines.len() == most {
            return (lines, false);
        }
        lines.push(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
        line.clear();
    }
    (lines, true)
}

/// A list's first elements or an object's first members, read one by one: what comes after them,
/// however large, is not looked at.
fn json(source: &mut Limited, most: usize) -> Preview {
    let mut found = Found::default();
    let mut deserializer = serde_json::Deserializer::from_reader(&mut *source);
    let outcome = deserializer.deserialize_any(Beginning { found: &mut found, most });
    let content = match (found.single, found.is_object) {
        (Some(value), _) => Content::Values(vec![value]),
        (None, true) => Content::Object(found.members),
        (None, false) => Content::Values(found.elements),
    };
    // The end of what is read for a preview is no mistake of the file.
    let is_wrong = !found.is_full && !source.is_cut && source.error.is_none();
    let problem = outcome.err().filter(|_| is_wrong).map(|error| format!("it is no JSON: {error}"));
    let whole = problem.is_none() && !found.is_full;
    Preview { format: "json", content, whole, problem }
}

#[derive(Default)]
struct Found {
    elements: Vec<Value>,
    members: Map<String, Value>,
    single: Option<Value>,
    is_object: bool,
    /// There is more than was wanted.
    is_full: bool,
}

struct Beginning<'a> {
    found: &'a mut Found,
    most: usize,
}

impl<'de> Visitor<'de> for Beginning<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        while let Some(element) = access.next_element()? {
            if self.found.elements.len() == self.most {
                self.found.is_full = true;
                return Ok(());
            }
            self.found.elements.push(element);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        self.found.is_object = true;
        while let Some((key, member)) = access.next_entry()? {
            if self.found.members.len() == self.most {
                self.found.is_full = true;
                return Ok(());
            }
            self.found.members.insert(key, member);
        }
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.found.single = Some(text.into());
        Ok(())
    }

    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        self.found.single = Some(flag.into());
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.found.single = Some(number.into());
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.found.single = Some(number.into());
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.found.single = Some(number.into());
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.found.single = Some(Value::Null);
        Ok(())
    }
}
