//! From text to conditions and orders; where that fails, to the place and the right form.

use serde_json::Value;

use super::field::Field;
use super::operand::{list, single};
use crate::tools::common::answer::Failure;
use crate::tools::common::status::Status;
use crate::tools::common::text::{cut, visible};
use crate::trackio::{time, value};

const EXAMPLE: &str = "A right one: `config.learning_rate <= 1e-4`.";
const ORDER_EXAMPLE: &str = "A right one: `-last_step`.";
/// Longer ones first, where one begins another.
const OPERATORS: [(&str, Operator); 9] = [
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("==", Operator::Equal),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("~", Operator::Contains),
    ("in", Operator::In),
];
/// Nobody writes a longer condition by hand.
const MOST_LETTERS: usize = 4_000;
const SYMBOLS: &str = "!=<>~";
const STATUSES: [Status; 3] = [Status::Active, Status::Idle, Status::Ended];

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What is looked at.
    pub field: Field,
    pub(super) operator: Operator,
    pub(super) operand: Value,
    /// As it was written, for messages.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    In,
}

/// An order: a field, `-` before it for descending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What is looked at.
    pub field: Field,
    /// Largest first.
    pub descending: bool,
}

/// What is wrong, and at which part of the text.
#[derive(Debug)]
pub struct Mistake {
    part: String,
    what: String,
    hint: String,
}

impl Mistake {
    pub(super) fn at(part: &str, what: &str) -> Self {
        Self { part: part.to_owned(), what: what.to_owned(), hint: String::new() }
    }

    pub(super) fn hint(self, hint: &str) -> Self {
        Self { hint: format!(" {hint}"), ..self }
    }

    fn of(self, kind: &str, text: &str, example: &str) -> Failure {
        let shown = |part: &str| visible(&cut(part, 120)).into_owned();
        let before = text.find(self.part.as_str()).and_then(|at| text.get(..at));
        let place = match (self.part.is_empty(), before) {
            (false, Some(before)) => {
                format!(", at `{}` (character {})", shown(&self.part), before.chars().count() + 1)
            }
            _ => String::new(),
        };
        Failure(format!(
            "In {kind} `{}`{place}: {}.{} {example}",
            shown(text),
            visible(&cut(&self.what, 200)),
            visible(&cut(&self.hint, 600))
        ))
    }
}

impl Condition {
    /// Reads `field op value`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        is_short(text)
            .and_then(|()| Self::read(text))
            .map_err(|mistake| mistake.of("the condition", text, EXAMPLE))
    }

    /// The field is exactly this text.
    pub fn equal(field: Field, text: &str) -> Self {
        let shown = format!("{field} = \"{text}\"");
        Self { field, operator: Operator::Equal, operand: Value::from(text), text: shown }
    }

    /// The run was created after (or before) this time.
    pub fn created(is_after: bool, time: &str) -> Self {
        let (operator, symbol) =
            if is_after { (Operator::Greater, ">") } else { (Operator::Less, "<") };
        let text = format!("created {symbol} {time}");
        Self { field: Field::Created, operator, operand: Value::from(time), text }
    }

    fn read(text: &str) -> Result<Self, Mistake> {
        let (field, rest) = split_field(text)?;
        let operation = rest.trim_start();
        let found = OPERATORS.into_iter().find(|(symbol, _)| starts_with(operation, symbol));
        let Some((symbol, operator)) = found else {
            return Err(no_operator(field.trim(), operation));
        };
        let operand = operation.get(symbol.len()..).unwrap_or_default().trim();
        if operand.is_empty() {
            return Err(Mistake::at(symbol, &format!("no value stands after `{symbol}`")));
        }
        if operand.starts_with(|letter| SYMBOLS.contains(letter)) {
            let length = operation.find(|letter| !SYMBOLS.contains(letter));
            return Err(wrong_operator(operation.get(..length.unwrap_or(0)).unwrap_or_default()));
        }
        let field = Field::parse(field.trim(), &format!(" {}", operation.trim_end()))?;
        let value = match operator {
            Operator::In => Value::Array(list(operand)?),
            _ => single(operand)?,
        };
        check(&field, operator, &value, operand)?;
        Ok(Self { field, operator, operand: value, text: text.trim().to_owned() })
    }
}

impl Order {
    /// Reads `field` or `-field`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        is_short(text)
            .and_then(|()| Self::read(text.trim()))
            .map_err(|mistake| mistake.of("order_by", text, ORDER_EXAMPLE))
    }

    fn read(text: &str) -> Result<Self, Mistake> {
        let (name, descending) = match text.strip_prefix('-') {
            Some(name) => (name.trim_start(), true),
            None => (text, false),
        };
        if let Some((field, word)) = name.rsplit_once([' ', ':'])
            && let Some(sign) = direction_sign(word)
        {
            let right = format!("{sign}{}", field.trim());
            return Err(Mistake::at(word, "the direction does not stand behind the field")
                .hint(&format!("`-` before the field is descending: `{right}`.")));
        }
        Ok(Self { field: Field::parse(name, "")?, descending })
    }
}

fn is_short(text: &str) -> Result<(), Mistake> {
    match text.len() <= MOST_LETTERS {
        true => Ok(()),
        false => Err(Mistake::at("", &format!("more than {MOST_LETTERS} letters are too many"))),
    }
}

fn direction_sign(word: &str) -> Option<&'static str> {
    match word.to_lowercase().as_str() {
        "desc" | "descending" => Some("-"),
        "asc" | "ascending" => Some(""),
        _ => None,
    }
}

/// The part before the operator. Quotes and parentheses can hold operators.
fn split_field(text: &str) -> Result<(&str, &str), Mistake> {
    let mut in_quotes = false;
    let mut depth = 0_usize;
    for (position, letter) in text.char_indices() {
        match letter {
            '"' => in_quotes = !in_quotes,
            '(' if !in_quotes => depth += 1,
            ')' if !in_quotes => depth = depth.saturating_sub(1),
            _ => {}
        }
        let rest = text.get(position..).unwrap_or_default();
        let is_word = letter.is_whitespace() && starts_with(rest.trim_start(), "in");
        if !in_quotes && depth == 0 && (SYMBOLS.contains(letter) || is_word) {
            return Ok((text.get(..position).unwrap_or_default(), rest));
        }
    }
    let open = match (in_quotes, depth) {
        (true, _) => text.rfind('"'),
        (false, 1..) => text.find('('),
        _ => return Ok((text, "")),
    };
    let part = open.and_then(|open| text.get(open..)).unwrap_or(text);
    let what = if in_quotes { "a double quote is not closed" } else { "a `(` is not closed" };
    Err(Mistake::at(part, what))
}

/// `in` is a word: `index` does not begin with it.
fn starts_with(text: &str, symbol: &str) -> bool {
    let Some((start, rest)) = text.split_at_checked(symbol.len()) else { return false };
    let ends =
        symbol != "in" || rest.starts_with(|c: char| c.is_whitespace() || "[(\"'".contains(c));
    start.eq_ignore_ascii_case(symbol) && ends
}

fn no_operator(field: &str, operation: &str) -> Mistake {
    if !operation.is_empty() {
        let length = operation.find(|letter| !SYMBOLS.contains(letter));
        return wrong_operator(operation.get(..length.unwrap_or(0)).unwrap_or(operation));
    }
    let mut words = field.split_whitespace().skip(1);
    let mistake = Mistake::at(field, "one of the operators = != < <= > >= ~ in is missing");
    let meant = words.find_map(|word| match word.to_lowercase().as_str() {
        "is" | "eq" | "equals" => Some((word, "=")),
        "contains" | "like" | "matches" | "has" => Some((word, "~")),
        "gt" | "above" | "over" => Some((word, ">")),
        "lt" | "below" | "under" => Some((word, "<")),
        "ge" | "gte" => Some((word, ">=")),
        "le" | "lte" => Some((word, "<=")),
        "ne" => Some((word, "!=")),
        _ => None,
    });
    match meant {
        Some((word, symbol)) => mistake.hint(&format!("For `{word}` write `{symbol}`.")),
        None => mistake,
    }
}

fn wrong_operator(found: &str) -> Mistake {
    let meant = match found {
        "<>" | "=!" | "!==" => " Write `!=`.",
        "=~" | "~=" | "~~" => " Write `~`.",
        "=>" => " Write `>=`.",
        "=<" => " Write `<=`.",
        "===" => " Write `=`.",
        _ => "",
    };
    Mistake::at(found, &format!("`{found}` is no operator"))
        .hint(&format!("Operators are = != < <= > >= ~ in.{meant}"))
}

/// What a value must be for its field, so that no condition is silently false.
fn check(field: &Field, operator: Operator, operand: &Value, text: &str) -> Result<(), Mistake> {
    let values: Vec<&Value> = match operand {
        Value::Array(values) => values.iter().collect(),
        one => vec![one],
    };
    match (field, operator) {
        (Field::LastStep | Field::Metric(..), Operator::Contains) => {
            Err(Mistake::at("~", "`~` looks for a text, and this is a number")
                .hint("Compare it with = != < <= > >= or in."))
        }
        (Field::LastStep | Field::Metric(..), _) => {
            match values.iter().all(|value| value::number(value).is_some_and(f64::is_finite)) {
                true => Ok(()),
                false => Err(Mistake::at(text, &format!("`{field}` is compared with a number"))),
            }
        }
        (_, Operator::Contains) => Ok(()),
        (Field::Status, Operator::Equal | Operator::NotEqual | Operator::In) => {
            let is_known = |value: &&Value| {
                STATUSES.iter().any(|status| value.as_str() == Some(status.as_str()))
            };
            match values.iter().find(|value| !is_known(value)) {
                None => Ok(()),
                Some(_) => Err(Mistake::at(text, "this is no status")
                    .hint("A status is `active`, `idle` or `ended`, inferred from the rows.")),
            }
        }
        (Field::Status, _) => {
            Err(Mistake::at(text, "a status is not less or more than another")
                .hint("Use = != or in."))
        }
        (Field::Created, _) => check_times(operator, &values, text),
        _ => Ok(()),
    }
}

fn check_times(operator: Operator, values: &[&Value], text: &str) -> Result<(), Mistake> {
    let is_time = |value: &&Value| value.as_str().and_then(time::parse).is_some();
    if !values.iter().all(is_time) {
        return Err(Mistake::at(text, "this is no time")
            .hint("A time is such as 2026-01-31 or 2026-01-31T12:00:00Z."));
    }
    let is_day = |value: &&Value| value.as_str().is_some_and(|text| text.len() <= 10);
    let is_equality = matches!(operator, Operator::Equal | Operator::NotEqual | Operator::In);
    match is_equality && values.iter().any(is_day) {
        true => Err(Mistake::at(text, "a day is the moment at which it begins").hint(
            "For a whole day give two conditions: `created >= 2026-01-31`, `created < \
                   2026-02-01`.",
        )),
        false => Ok(()),
    }
}
