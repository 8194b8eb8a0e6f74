//! YAML, edited as text between the places that a conforming parser gives.
//!
//! No maintained crate rewrites YAML and keeps every byte, so the parser only tells where the
//! list of servers and its entries are; whole lines are added and taken away there.

mod tree;
mod write;

use std::ops::Range;

use serde_json::Value;

use self::tree::{Kind, Node, read};
pub use self::write::{item, map};
use super::{Refusal, Result};

/// What Continue needs in a file of its own.
pub const HEAD: &str = "name: Local Config\nversion: 1.0.0\nschema: v1\n";

pub fn parse(text: &str) -> Result<Value> {
    Ok(read(text)?.map(|root| root.value()).unwrap_or_default())
}

pub fn put(text: &str, key: &str, name: &str, entry: &Value) -> Result<String> {
    let root = read(text)?;
    let Some((found, list)) = root.as_ref().and_then(|root| root.get(key)) else {
        let new = format!("{key}:\n{}", item("  ", name, entry));
        return Ok(splice(text, text.len()..text.len(), &new));
    };
    let (at, new) = match &list.kind {
        Kind::Scalar(Value::Null) => {
            let end = line_end(text, found.end);
            (end..end, item("  ", name, entry))
        }
        Kind::List(items) => match (items.first(), items.last()) {
            (Some(first), Some(last)) => {
                let indent = indent(text, first).ok_or(Refusal::Entangled)?;
                let end = line_end(text, last.end);
                let old = items.iter().find(|item| item.is_named(name));
                let at = old.map_or(Ok(end..end), |old| lines(text, old))?;
                (at, item(indent, name, entry))
            }
            _ => (list.start..list.end, write::in_brackets(name, entry)),
        },
        Kind::Scalar(_) | Kind::Map(_) => return Err(Refusal::Entangled),
    };
    Ok(splice(text, at, &new))
}

pub fn remove(text: &str, key: &str, name: &str) -> Result<String> {
    let root = read(text)?;
    let Some((found, list)) = root.as_ref().and_then(|root| root.get(key)) else {
        return Ok(text.to_owned());
    };
    let Kind::List(items) = &list.kind else { return Err(Refusal::Entangled) };
    let Some(old) = items.iter().find(|item| item.is_named(name)) else {
        return Ok(text.to_owned());
    };
    let mut at = match dash(text, old) {
        Some(_) => lines(text, old)?,
        None => list.start..line_end(text, list.end),
    };
    if items.len() == 1 {
        at.start = line_start(text, found.start);
    }
    Ok(splice(text, at, ""))
}

/// The text with new lines in place of `at`, that end as the others do.
fn splice(text: &str, at: Range<usize>, new: &str) -> String {
    let before = text.get(..at.start).unwrap_or_default();
    let after = text.get(at.end..).unwrap_or_default();
    let ends = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let starts_line = before.is_empty() || before.ends_with('\n');
    let gap = if new.ends_with('\n') && !starts_line { ends } else { "" };
    format!("{before}{gap}{}{after}", new.replace('\n', ends))
}

/// The whole lines of an entry of a list.
fn lines(text: &str, item: &Node) -> Result<Range<usize>> {
    let dash = dash(text, item).ok_or(Refusal::Entangled)?;
    Ok(line_start(text, dash)..line_end(text, item.end))
}

/// What stands before the dash of an entry.
fn indent<'a>(text: &'a str, item: &Node) -> Option<&'a str> {
    let dash = dash(text, item)?;
    text.get(line_start(text, dash)..dash).filter(|indent| indent.trim().is_empty())
}

/// Where the dash of an entry is, if it has one.
fn dash(text: &str, item: &Node) -> Option<usize> {
    let before = text.get(..item.start)?.trim_end();
    before.ends_with('-').then(|| before.len() - 1)
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// Behind the end of the line that the last word before `at` stands on.
fn line_end(text: &str, at: usize) -> usize {
    let word = text.get(..at).map_or(at, |before| before.trim_end().len());
    text.get(word..).and_then(|rest| rest.find('\n')).map_or(text.len(), |end| word + end + 1)
}
