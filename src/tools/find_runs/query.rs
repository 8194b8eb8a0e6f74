//! What a person typed, as terms to look for.

use super::super::common::likeness::normalized;
use super::words::{is_filler, span_of};

/// A part of the query that a run can match.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// As it was typed.
    pub text: String,
    /// What it asks for.
    pub wanted: Wanted,
}

/// What a term asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// Part of a name, a group, a user, a config key or value; in lower case.
    Word(String),
    /// A number, by value; the words before it can be its key, the nearest first, joined:
    /// `size`, `batchsize`.
    Number(f64, Vec<String>),
    /// `key=value`, `key:value`; both in lower case, the key normalized.
    Pair(String, String),
}

/// A query as it is understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// The whole of it, in lower case.
    pub whole: String,
    /// What is looked for.
    pub terms: Vec<Term>,
    /// Words of time that stand in it (`yesterday`).
    pub times: Vec<String>,
}

/// So many terms are looked for: people type few.
const MOST_TERMS: usize = 24;
/// Of a longer query only the beginning is read.
const MOST_LETTERS: usize = 1_000;
/// A key is made of so many words at most.
const KEY_WORDS: usize = 3;

impl Query {
    /// Understands what was typed. Words that only make a sentence are no terms, unless there is
    /// nothing else.
    pub fn parse(text: &str) -> Self {
        let text = beginning(text);
        let pieces = pieces(text);
        let told: Vec<&Piece> = pieces.iter().filter(|piece| !piece.is_filler()).collect();
        let times = pieces.iter().filter(|piece| piece.is_time()).map(|piece| piece.text.clone());
        let mut terms = Vec::new();
        for (position, piece) in told.iter().take(MOST_TERMS).enumerate() {
            let before = told.get(..position).unwrap_or_default();
            terms.push(Term { text: piece.text.clone(), wanted: piece.wanted(before) });
        }
        Self { whole: text.trim().to_lowercase(), terms, times: times.collect() }
    }

    /// The same with the words that only make a sentence as terms.
    pub fn literal(text: &str) -> Self {
        let query = Self::parse(text);
        let term = |piece: Piece| Term { wanted: piece.wanted(&[]), text: piece.text };
        let terms = pieces(beginning(text)).into_iter().take(MOST_TERMS).map(term).collect();
        Self { terms, ..query }
    }
}

fn beginning(text: &str) -> &str {
    text.char_indices().nth(MOST_LETTERS).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

struct Piece {
    text: String,
    /// Quotes say that a word is meant as it stands.
    is_quoted: bool,
}

impl Piece {
    fn is_filler(&self) -> bool {
        !self.is_quoted && (is_filler(&self.text.to_lowercase()) || self.is_time())
    }

    fn is_time(&self) -> bool {
        !self.is_quoted && span_of(&self.text.to_lowercase()).is_some()
    }

    fn is_word(&self) -> bool {
        number(&self.text).is_none() && !self.text.contains(['=', ':'])
    }

    fn wanted(&self, before: &[&Self]) -> Wanted {
        let lower = self.text.to_lowercase();
        if !self.is_quoted {
            if let Some(number) = number(&lower) {
                return Wanted::Number(number, keys(before));
            }
            if let Some((key, value)) = lower.split_once(['=', ':'])
                && !normalized(key).is_empty()
                && !value.is_empty()
            {
                let value = value.trim_start_matches('=').trim_matches(['"', '\'']);
                return Wanted::Pair(normalized(key), value.to_owned());
            }
        }
        Wanted::Word(lower)
    }
}

/// The keys that the words before a number can be.
fn keys(before: &[&Piece]) -> Vec<String> {
    let words = before.iter().rev().take_while(|piece| piece.is_word()).take(KEY_WORDS);
    let mut joined = String::new();
    words
        .map(|piece| {
            joined = format!("{}{joined}", normalized(&piece.text));
            joined.clone()
        })
        .collect()
}

/// The number that a text says.
pub fn number(text: &str) -> Option<f64> {
    let is_digit = |letter: char| letter.is_ascii_digit();
    let parsed = text.parse::<f64>().ok()?;
    // `inf` and `nan` are words here.
    (text.contains(is_digit) && parsed.is_finite()).then_some(parsed)
}

/// Splits at spaces and commas; what stands in double quotes stays together, `lr = 1e-3` too.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for (position, part) in text.split('"').enumerate() {
        let is_quoted = position % 2 == 1;
        let follows_sign = pieces.last().is_some_and(|last| last.text.ends_with(['=', ':']));
        match (is_quoted, pieces.last_mut()) {
            (true, Some(last)) if follows_sign && !last.is_quoted => last.text.push_str(part),
            (true, _) => pieces.push(Piece { text: part.trim().to_owned(), is_quoted }),
            (false, _) => split(part, &mut pieces),
        }
    }
    let means_something = |piece: &Piece| piece.text.contains(char::is_alphanumeric);
    pieces.retain(means_something);
    pieces
}

fn split(part: &str, pieces: &mut Vec<Piece>) {
    let ends_phrase = |letter: char| ",;?!()[]{}".contains(letter);
    for word in part.split(|c: char| c.is_whitespace() || ends_phrase(c)) {
        let word = word.trim_matches(['\'', '`']).trim_end_matches('.');
        let starts = word.starts_with(['=', ':']);
        match pieces.last_mut() {
            _ if word.is_empty() => {}
            Some(last) if !last.is_quoted && (starts || last.text.ends_with(['=', ':'])) => {
                last.text.push_str(word);
            }
            _ => pieces.push(Piece { text: word.to_owned(), is_quoted: false }),
        }
    }
}
