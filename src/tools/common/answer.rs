//! What a tool gives back: an output with notes, or a failure that teaches.

use std::borrow::Cow;

use rmcp::schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::address::Address;
use super::picture::Picture;
use super::scan::{Searched, Stretch};
use crate::tools::deadline;
use crate::trackio;

/// The facts of one answer. They are serialized as the structured part; the text is made from
/// the same value, so that both say the same.
pub trait Output: Serialize + JsonSchema {
    /// One sentence that opens the text.
    fn headline(&self) -> String;

    /// Leaves out all but about `share` (between 0 and 1) of the facts, the least useful first,
    /// and says whether anything was left out. The default has nothing to spare.
    fn shrink(&mut self, share: f64) -> bool {
        let _ = share;
        false
    }

    /// Where all of it stands, if something was cut that a resource has.
    fn whole(&self) -> Vec<Address> {
        Vec::new()
    }

    /// The letters of a text that may stand uncut, where that is not what is usual.
    fn longest_string(&self) -> Option<usize> {
        None
    }
}

/// An output, and what its reader must know about it.
#[derive(Debug)]
pub struct Answer<O> {
    /// The facts.
    pub output: O,
    /// What was left out, assumed or odd; one sentence each.
    pub notes: Vec<String>,
    /// The tokens that it may take, if less than others.
    pub tokens: Option<usize>,
    /// What it shows; the text says all that it needs to be understood.
    pub picture: Option<Picture>,
}

impl<O> Answer<O> {
    /// An answer with nothing to add.
    pub fn new(output: O) -> Self {
        Self { output, notes: Vec::new(), tokens: None, picture: None }
    }

    /// Keeps it shorter than the budget.
    pub fn within(mut self, tokens: usize) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Shows a picture too.
    pub fn with_picture(mut self, picture: impl Into<Option<Picture>>) -> Self {
        self.picture = picture.into();
        self
    }

    /// Adds notes.
    pub fn with_notes(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }
}

/// The letters of the longest failure.
const MOST_LETTERS: usize = 4_000;

/// Why a tool has no answer: what is wrong, what was found instead, what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

impl Failure {
    /// A failure with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// The same as a caller gets it: no longer than a model should read, because what is sent can be
    /// of any length, and without hidden characters.
    pub fn shown(self) -> Self {
        let text = super::text::cut(&self.0, MOST_LETTERS);
        Self(text.split('\n').map(super::text::visible).collect::<Vec<_>>().join("\n"))
    }

    /// An error's words as a sentence.
    pub fn sentence(words: &str) -> Self {
        let mut letters = words.chars();
        let first = letters.next().map(|first| first.to_uppercase().collect::<String>());
        let end = if words.ends_with(['.', '?']) { "" } else { "." };
        Self(format!("{}{}{end}", first.unwrap_or_default(), letters.as_str()))
    }
}

impl From<Failure> for trackio::Error {
    fn from(failure: Failure) -> Self {
        Self::Work(failure.into())
    }
}

impl From<trackio::Error> for Failure {
    fn from(error: trackio::Error) -> Self {
        match error {
            trackio::Error::Work(error) => match error.downcast::<Self>() {
                Ok(failure) => failure,
                Err(error) => Self(format!("{error:#}")),
            },
            trackio::Error::Directory { .. } => Self(format!(
                "{error}. Start the server with --dir, or set TRACKIO_DIR in the client's \
                 configuration; get_settings tells where it looks."
            )),
            trackio::Error::TimedOut => Self(deadline::TOO_MUCH.to_owned()),
            error => Self::sentence(&error.to_string()),
        }
    }
}

/// Something that lists hold; says under which name.
pub trait Item: Serialize + JsonSchema {
    /// The name of the list in the answer.
    const LIST: &'static str;
}

/// Which part of a list was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageRequest {
    /// How many items came before.
    pub offset: usize,
    /// How many items at most; `None`: the tool's default.
    pub limit: Option<usize>,
    /// The part of a long search that the page is of.
    pub stretch: Option<Stretch>,
    /// Tells the cursors of one question from those of another.
    pub fingerprint: u32,
}

impl PageRequest {
    /// The cursor of the page that begins after `offset` items.
    pub fn cursor_at(&self, offset: usize) -> String {
        let stretch = match self.stretch {
            Some(Stretch { from, to: Some(to) }) => format!(".{from}-{to}"),
            Some(Stretch { from, to: None }) => format!(".{from}"),
            None => String::new(),
        };
        format!("{offset}.{:08x}{stretch}", self.fingerprint)
    }

    /// Reads a cursor.
    pub fn parse(cursor: &str) -> Option<Self> {
        let mut parts = cursor.split('.');
        let offset = parts.next()?.parse().ok()?;
        let fingerprint = u32::from_str_radix(parts.next()?, 16).ok()?;
        let stretch = match parts.next().map(|part| part.split_once('-').ok_or(part)) {
            None => None,
            Some(Err(from)) => Some(Stretch { from: from.parse().ok()?, to: None }),
            Some(Ok((from, to))) => {
                Some(Stretch { from: from.parse().ok()?, to: Some(to.parse().ok()?) })
            }
        };
        parts.next().is_none().then_some(Self { offset, limit: None, stretch, fingerprint })
    }
}

/// More items fit no answer: each takes 32 bytes at least. To make them would be in vain.
const MOST_ITEMS: usize = super::budget::MOST_TOKENS * super::budget::BYTES_A_TOKEN / 32;

/// Part of a list. The only list type: it serializes its items under their own name, with
/// `total` and, where more follow, `next_cursor`.
#[derive(Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: usize,
    request: PageRequest,
    /// Where a search was cut short, how much of it is left.
    rest: Option<usize>,
}

impl<T> Page<T> {
    /// The part of `all` that was asked for.
    pub fn of(all: Vec<T>, request: &PageRequest, default_limit: usize) -> Self {
        let total = all.len();
        let limit = request.limit.unwrap_or(default_limit).min(MOST_ITEMS);
        let items = all.into_iter().skip(request.offset).take(limit).collect();
        Self { items, total, request: request.clone(), rest: None }
    }

    /// A page whose items were picked already, from `total` in all.
    pub fn picked(items: Vec<T>, total: usize, request: &PageRequest) -> Self {
        Self { items, total, request: request.clone(), rest: None }
    }

    /// The same page of a search that came so far; its cursors go on from there.
    pub fn searched(mut self, searched: Searched) -> Self {
        let left = searched.of - searched.to;
        let from = searched.of - searched.from;
        self.request.stretch = Some(Stretch { from, to: Some(left) });
        self.rest = (left > 0).then_some(left);
        self
    }

    /// The same page of other items.
    pub fn try_map<U, E>(self, make: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        let Self { items, total, request, rest } = self;
        let items = items.into_iter().map(make).collect::<Result<Vec<U>, E>>()?;
        Ok(Page { items, total, request, rest })
    }

    /// Keeps about `share` of the items, at least one.
    pub fn shrink(&mut self, share: f64) -> bool {
        let kept = (self.items.len() as f64 * share) as usize;
        let shrinks = self.items.len() > 1;
        self.items.truncate(kept.max(1));
        shrinks
    }

    /// Where the next page begins.
    pub fn next_cursor(&self) -> Option<String> {
        let next = self.request.offset + self.items.len();
        if next < self.total && !self.items.is_empty() {
            return Some(self.request.cursor_at(next));
        }
        let stretch = Some(Stretch { from: self.rest?, to: None });
        Some(PageRequest { stretch, ..self.request.clone() }.cursor_at(0))
    }
}

impl<T: Item> Serialize for Page<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(T::LIST, &self.items)?;
        map.serialize_entry("total", &self.total)?;
        if let Some(cursor) = self.next_cursor() {
            map.serialize_entry("next_cursor", &cursor)?;
        }
        map.end()
    }
}

impl<T: Item> JsonSchema for Page<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("page_of_{}", T::LIST).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = generator.subschema_for::<T>();
        json_schema!({
            "type": "object",
            "properties": {
                T::LIST: { "type": "array", "items": items },
                "total": { "type": "integer" },
                "next_cursor": { "type": "string" },
            },
            "required": [T::LIST, "total"],
        })
    }
}
