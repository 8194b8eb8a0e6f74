//! A row of a query as JSON, within bounds.

use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value};

use super::super::value;

/// A row by column name. Of columns with one name the first counts, in upper or lower case, as in
/// Trackio. No text is longer than `longest` bytes.
pub fn row(
    row: &Row<'_>,
    columns: &[String],
    longest: usize,
) -> rusqlite::Result<Map<String, Value>> {
    let mut cells: Map<String, Value> = Map::new();
    for (index, name) in columns.iter().enumerate() {
        let first = columns.iter().position(|column| column.eq_ignore_ascii_case(name));
        let cell = cell(row.get_ref(first.unwrap_or(index))?, longest);
        cells.entry(name.as_str()).or_insert(cell);
    }
    Ok(cells)
}

fn cell(value: ValueRef<'_>, longest: usize) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::from(number),
        ValueRef::Real(number) => value::json(number),
        ValueRef::Text(bytes) => Value::from(shortened(&String::from_utf8_lossy(bytes), longest)),
        ValueRef::Blob(bytes) => Value::from(match std::str::from_utf8(bytes) {
            Ok(text) => shortened(text, longest),
            Err(_) => hex(bytes, longest),
        }),
    }
}

fn hex(bytes: &[u8], longest: usize) -> String {
    let shown = bytes.len().min(longest / 2);
    let mut text: String = bytes.iter().take(shown).map(|byte| format!("{byte:02x}")).collect();
    if shown < bytes.len() {
        text.push_str(&format!("… (+{})", 2 * (bytes.len() - shown)));
    }
    text
}

/// The beginning of a text, and how many characters are missing.
fn shortened(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let kept = (0..=longest).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let (shown, rest) = text.split_at(kept);
    format!("{shown}… (+{})", rest.chars().count())
}

/// How many bytes the value takes as JSON.
pub fn size<T: serde::Serialize>(value: &T) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Counting cannot fail, and maps of strings are valid JSON.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

/// The row with its longest texts shortened until it takes no more than `budget` bytes. `None`
/// where that is not enough.
pub fn fitting_row(
    source: &Row<'_>,
    columns: &[String],
    budget: usize,
) -> rusqlite::Result<Option<Map<String, Value>>> {
    let mut longest = budget;
    loop {
        let cells = row(source, columns, longest)?;
        if size(&cells) <= budget {
            return Ok(Some(cells));
        }
        if longest < 8 {
            return Ok(None);
        }
        longest = longest * 3 / 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_say_what_is_missing() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdef", 4), "abcd… (+2)");
        assert_eq!(shortened("äöü", 3), "ä… (+2)");
        assert_eq!(hex(&[0, 255, 16], 100), "00ff10");
        assert_eq!(hex(&[0, 255, 16], 4), "00ff… (+2)");
    }
}
