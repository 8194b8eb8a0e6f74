//! The one place where answers are made to fit a model's context.
//!
//! A token is counted as four bytes. The structured part and the text each keep the budget: some
//! clients show a model one of them, some the other.

use serde_json::{Map, Value};

use super::address::Address;
use super::answer::{Answer, Failure, Output};
use super::picture::Picture;
use super::text;
use crate::trackio::bounded;

/// The tokens of a default answer.
pub const DEFAULT_TOKENS: usize = 2_000;
/// The tokens of any answer.
pub const MOST_TOKENS: usize = 8_000;
/// The fewest that can be asked for.
pub const FEWEST_TOKENS: usize = 200;

/// What a token is taken for.
pub const BYTES_A_TOKEN: usize = 4;

/// Strings of the data longer than this are cut, names and ids excepted.
const LONGEST_STRING: usize = 2_000;
/// Where even one item is too large, strings are cut down to this in the end.
const SHORTEST_CUT: usize = 24;

/// Lists and objects are nested at most this deep.
const DEEPEST: usize = 100;

/// A list within an item keeps one element for so many letters of the longest text.
const LETTERS_AN_ITEM: usize = 8;
/// Below the root: a field, its items, their fields.
const WITHIN_ITEMS: usize = 3;

/// What names a thing, so that a caller can ask for it again: cut only when nothing else helps.
const HANDLES: &[&str] =
    &["id", "run_id", "name", "run", "project", "metric", "next_cursor", "key"];

/// An answer that fits.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The structured part.
    pub structured: Map<String, Value>,
    /// The same as text.
    pub text: String,
    /// The resources that have whole what was cut here; the notes name them too.
    pub whole: Vec<Address>,
    /// A picture beside them; it has a limit of its own and no share in the budget.
    pub picture: Option<Picture>,
}

impl Fitted {
    /// Whether it is more than a list of nothing.
    pub fn found_something(&self) -> bool {
        self.structured.get("total").and_then(Value::as_u64) != Some(0)
    }
}

/// Shrinks an answer until both its forms keep the budget.
pub fn fit<O: Output>(answer: Answer<O>, tokens: usize) -> Result<Fitted, Failure> {
    let Answer { mut output, notes, tokens: own, picture } = answer;
    let most_bytes = own.map_or(tokens, |own| own.min(tokens)) * BYTES_A_TOKEN;
    let mut longest = output.longest_string().unwrap_or(LONGEST_STRING);
    loop {
        let fitted = render(&output, &notes, longest)?;
        let bytes = fitted.bytes();
        if bytes <= most_bytes {
            return Ok(Fitted { picture, ..fitted });
        }
        // A little less than the share, so that few rounds are needed.
        let share = most_bytes as f64 / bytes as f64 * 0.95;
        if output.shrink(share) {
            continue;
        }
        if longest <= SHORTEST_CUT {
            return Err(too_large(bytes));
        }
        longest = (longest / 2).max(SHORTEST_CUT);
    }
}

fn render<O: Output>(output: &O, notes: &[String], longest: usize) -> Result<Fitted, Failure> {
    let value = serde_json::to_value(output)
        .map_err(|error| Failure(format!("The answer cannot be written: {error}.")))?;
    let Value::Object(mut structured) = value else {
        return Err(Failure::new("The answer is no JSON object; this is a bug."));
    };
    let whole = output.whole();
    let notes: Vec<String> = notes.iter().cloned().chain(about_whole(&whole)).collect();
    if !notes.is_empty() {
        structured.insert("notes".to_owned(), notes.into());
    }
    for (key, value) in &mut structured {
        cut_deep(value, 1);
        cut_long(key, value, longest, 1);
    }
    let text = text::render(&output.headline(), &structured);
    Ok(Fitted { structured, text, whole, picture: None })
}

/// Says where every row stands. An answer that names one resource leads to the others too.
fn about_whole(whole: &[Address]) -> Option<String> {
    let first = whole.first()?;
    let others = if whole.len() > 1 { ", the other metrics likewise" } else { "" };
    Some(format!("Every row as CSV: resource {first}{others}."))
}

impl Fitted {
    fn bytes(&self) -> usize {
        let json = serde_json::to_string(&self.structured).map_or(0, |json| json.len());
        json.max(self.text.len())
    }
}

fn too_large(bytes: usize) -> Failure {
    let needed = bytes.div_ceil(BYTES_A_TOKEN);
    if needed <= MOST_TOKENS {
        return Failure(format!(
            "The smallest answer takes {needed} tokens. Ask again with max_tokens: {needed}."
        ));
    }
    Failure(format!(
        "The smallest answer takes {needed} tokens, more than the most of {MOST_TOKENS}. Ask for \
         fewer metrics, or use query_project to pick parts."
    ))
}

/// Leaves out what is nested deeper than clients can read: their parsers stop at 128 levels, of which
/// a message has some itself.
fn cut_deep(value: &mut Value, depth: usize) {
    let left_out = match value {
        Value::Array(items) if depth < DEEPEST => {
            items.iter_mut().for_each(|item| cut_deep(item, depth + 1));
            return;
        }
        Value::Object(fields) if depth < DEEPEST => {
            fields.values_mut().for_each(|field| cut_deep(field, depth + 1));
            return;
        }
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => return,
    };
    *value = format!("… (+{left_out})").into();
}

/// Cuts texts to `longest` letters and, once that is less than usual, the lists that lie within
/// items: a table that was logged as one value, say. The answer's own lists page instead.
fn cut_long(key: &str, value: &mut Value, longest: usize, depth: usize) {
    match value {
        Value::String(text) => {
            // Names survive until nothing else can be cut.
            if !HANDLES.contains(&key) || longest < LONGEST_STRING {
                *text = text::cut(text, longest);
            }
        }
        Value::Array(items) => {
            let most = longest / LETTERS_AN_ITEM;
            if depth >= WITHIN_ITEMS && longest < LONGEST_STRING && items.len() > most {
                // The last can stand for others that were left out before.
                let last = items.last().and_then(Value::as_str).and_then(bounded::marked);
                let before = last
                    .filter(|(kept, _)| kept.is_empty())
                    .map_or(0, |(_, more)| more.saturating_sub(1));
                let left_out = items.len() - most + before;
                items.truncate(most);
                items.push(format!("… (+{left_out})").into());
            }
            items.iter_mut().for_each(|item| cut_long(key, item, longest, depth + 1));
        }
        Value::Object(object) => {
            if longest < LONGEST_STRING {
                cut_keys(object, longest);
            }
            for (key, value) in object {
                cut_long(key, value, longest, depth + 1);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Cuts keys, which are names too, except where two would become one.
fn cut_keys(object: &mut Map<String, Value>, longest: usize) {
    if object.keys().all(|key| key.len() <= longest) {
        return;
    }
    for (key, value) in std::mem::take(object) {
        let short = text::cut(&key, longest);
        let key = if object.contains_key(&short) { key } else { short };
        object.insert(key, value);
    }
}
