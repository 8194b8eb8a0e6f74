//! A YAML document as a tree that knows where everything stands.

use std::collections::VecDeque;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::Value;

use super::super::{Refusal, Result};

/// Deeper than any configuration.
const MOST_DEPTH: usize = 100;

/// A part of the document.
#[derive(Debug)]
pub struct Node {
    pub kind: Kind,
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where its last word or bracket ends, in bytes.
    pub end: usize,
}

#[derive(Debug)]
pub enum Kind {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    pub fn value(&self) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => items.iter().map(Self::value).collect(),
            Kind::Map(pairs) => Value::Object(
                pairs.iter().map(|(key, value)| (key.text(), value.value())).collect(),
            ),
        }
    }

    /// The value under a key of a map, after the key itself.
    pub fn get(&self, key: &str) -> Option<(&Self, &Self)> {
        let Kind::Map(pairs) = &self.kind else { return None };
        pairs.iter().find(|(found, _)| found.text() == key).map(|(key, value)| (key, value))
    }

    /// Whether it is a map with that `name`.
    pub fn is_named(&self, name: &str) -> bool {
        self.get("name").is_some_and(|(_, value)| value.text() == name)
    }

    fn text(&self) -> String {
        match self.value() {
            Value::String(text) => text,
            other => other.to_string(),
        }
    }
}

/// The one document of a file; `None` where there is nothing but comments.
pub fn read(text: &str) -> Result<Option<Node>> {
    let mut events = Events::of(text)?;
    let root = match events.rest.is_empty() {
        true => None,
        false => Some(events.node(0)?),
    };
    match events.rest.is_empty() {
        true => Ok(root),
        false => Err(Refusal::Shape("it holds several documents".to_owned())),
    }
}

/// What the parser found, the next first, with its place in bytes.
struct Events<'a> {
    rest: VecDeque<(Event<'a>, Range<usize>)>,
}

impl<'a> Events<'a> {
    fn of(text: &'a str) -> Result<Self> {
        // The parser counts characters.
        let mut offsets: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        offsets.push(text.len());
        let offset = |index: usize| offsets.get(index).copied().unwrap_or(text.len());
        let range = |span: Span| offset(span.start.index())..offset(span.end.index());
        let mut rest = VecDeque::new();
        for event in Parser::new_from_str(text) {
            let (event, span) =
                event.map_err(|error| Refusal::Syntax("YAML", error.to_string()))?;
            let is_frame = matches!(
                event,
                Event::Nothing
                    | Event::StreamStart
                    | Event::StreamEnd
                    | Event::DocumentStart(_)
                    | Event::DocumentEnd
            );
            if !is_frame {
                rest.push_back((event, range(span)));
            }
        }
        Ok(Self { rest })
    }

    fn node(&mut self, depth: usize) -> Result<Node> {
        let cut_off = || Refusal::Syntax("YAML", "it ends too early".to_owned());
        if depth > MOST_DEPTH {
            return Err(Refusal::Shape("it is nested too deeply".to_owned()));
        }
        let (event, place) = self.rest.pop_front().ok_or_else(cut_off)?;
        let mut end = place.end;
        let kind = match event {
            Event::Scalar(text, style, _, _) => Kind::Scalar(value(&text, style)),
            Event::Alias(number) => Kind::Scalar(Value::from(format!("*{number}"))),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                while !matches!(self.rest.front(), Some((Event::SequenceEnd, _))) {
                    items.push(self.node(depth + 1)?);
                }
                end = self.closed(items.last().map_or(end, |item| item.end));
                Kind::List(items)
            }
            Event::MappingStart(..) => {
                let mut pairs = Vec::new();
                while !matches!(self.rest.front(), Some((Event::MappingEnd, _))) {
                    let (key, value) = (self.node(depth + 1)?, self.node(depth + 1)?);
                    if pairs.iter().any(|(other, _): &(Node, Node)| other.text() == key.text()) {
                        let what = format!("the key `{}` is there twice", key.text());
                        return Err(Refusal::Syntax("YAML", what));
                    }
                    pairs.push((key, value));
                }
                end = self.closed(pairs.last().map_or(end, |(_, value)| value.end));
                Kind::Map(pairs)
            }
            _ => return Err(cut_off()),
        };
        Ok(Node { kind, start: place.start, end })
    }

    /// Where a list or map ends: at its bracket, or with its last part where it has none.
    fn closed(&mut self, last: usize) -> usize {
        match self.rest.pop_front() {
            // The parser counts a comment behind the bracket to it.
            Some((_, bracket)) if !bracket.is_empty() => bracket.start + 1,
            _ => last,
        }
    }
}

/// Only what an entry can hold is told apart from text.
fn value(text: &str, style: ScalarStyle) -> Value {
    match (style, text) {
        (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => Value::Null,
        (ScalarStyle::Plain, "true" | "True" | "TRUE") => Value::Bool(true),
        (ScalarStyle::Plain, "false" | "False" | "FALSE") => Value::Bool(false),
        _ => Value::from(text),
    }
}
