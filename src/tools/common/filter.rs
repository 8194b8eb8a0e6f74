//! The conditions and orders of run lists: `field op value`, and no more than that.
//!
//! Query languages make models fail; what needs `or` belongs to query_project.

use std::cmp::Ordering;

use serde_json::Value;

use super::answer::Failure;
use super::nearest::{nearest, quoted};
use crate::trackio::value;

const EXAMPLE: &str = "A right one: `config.learning_rate <= 1e-4`.";
const ORDER_EXAMPLE: &str = "A right one: `-last_step`.";
const OPERATORS: [&str; 9] = ["!=", "<=", ">=", "==", "=", "<", ">", "~", "in"];
const FIELDS: [&str; 6] = ["name", "status", "group", "user", "created", "last_step"];

/// What a condition or an order looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The run's name.
    Name,
    /// The inferred status.
    Status,
    /// The config's `_Group`.
    Group,
    /// The config's `_Username`.
    User,
    /// The time of the first row.
    Created,
    /// The highest step.
    LastStep,
    /// A value of the config: the flat key first, then the nested one (`optimizer.lr`).
    Config(String),
}

impl Field {
    /// Reads a field's name; double quotes hold names with spaces or operators.
    fn parse(text: &str, example: &str) -> Result<Self, Failure> {
        let name = unquote(text.trim());
        match name {
            "name" | "run" => Ok(Self::Name),
            "status" => Ok(Self::Status),
            "group" => Ok(Self::Group),
            "user" => Ok(Self::User),
            "created" | "created_at" => Ok(Self::Created),
            "last_step" => Ok(Self::LastStep),
            _ => match name.strip_prefix("config.") {
                Some(key) if !key.is_empty() => Ok(Self::Config(unquote(key).to_owned())),
                _ => Err(unknown_field(name, example)),
            },
        }
    }

    /// Whether the field is found in a run's config.
    pub fn needs_config(&self) -> bool {
        matches!(self, Self::Group | Self::User | Self::Config(_) | Self::Status)
    }
}

fn unknown_field(name: &str, example: &str) -> Failure {
    Failure(format!(
        "`{}` is no field. Fields are {}, config.<key>. Nearest: {}. {example}",
        super::text::cut(name, 80),
        FIELDS.join(", "),
        quoted(&nearest(name, FIELDS)),
    ))
}

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What is looked at.
    pub field: Field,
    operator: Operator,
    operand: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    In,
}

impl Condition {
    /// Reads `field op value`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let (field, rest) = split_field(text);
        let rest = rest.trim_start();
        let symbol = OPERATORS.into_iter().find(|symbol| starts_with_operator(rest, symbol));
        let Some(symbol) = symbol else {
            return Err(Failure(format!(
                "`{}` needs one of the operators {} after `{}`. {EXAMPLE}",
                super::text::cut(text, 120),
                "= != < <= > >= ~ in",
                super::text::cut(field.trim(), 80)
            )));
        };
        let operand = rest.get(symbol.len()..).unwrap_or_default().trim();
        if operand.is_empty() {
            return Err(Failure(format!("`{text}` has no value after `{symbol}`. {EXAMPLE}")));
        }
        let operator = Operator::of(symbol);
        let operand = match operator {
            Operator::In => Value::Array(list(operand)),
            _ => scalar(operand),
        };
        Ok(Self { field: Field::parse(field, EXAMPLE)?, operator, operand })
    }

    /// Whether a value meets the condition; a missing one meets `!=` alone.
    pub fn is_met_by(&self, found: Option<&Value>) -> bool {
        let Some(found) = found.filter(|found| !found.is_null()) else {
            return self.operator == Operator::NotEqual && !self.operand.is_null();
        };
        let compared = || compare(found, &self.operand);
        match self.operator {
            Operator::Equal => is_equal(found, &self.operand),
            Operator::NotEqual => !is_equal(found, &self.operand),
            Operator::Less => compared() == Some(Ordering::Less),
            Operator::LessOrEqual => compared().is_some_and(Ordering::is_le),
            Operator::Greater => compared() == Some(Ordering::Greater),
            Operator::GreaterOrEqual => compared().is_some_and(Ordering::is_ge),
            Operator::Contains => {
                plain(found).to_lowercase().contains(&plain(&self.operand).to_lowercase())
            }
            Operator::In => {
                self.operand.as_array().into_iter().flatten().any(|one| is_equal(found, one))
            }
        }
    }
}

impl Operator {
    fn of(symbol: &str) -> Self {
        match symbol {
            "!=" => Self::NotEqual,
            "<=" => Self::LessOrEqual,
            ">=" => Self::GreaterOrEqual,
            "<" => Self::Less,
            ">" => Self::Greater,
            "~" => Self::Contains,
            "in" => Self::In,
            _ => Self::Equal,
        }
    }
}

/// An order: a field, `-` before it for descending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What is looked at.
    pub field: Field,
    /// Largest first.
    pub descending: bool,
}

impl Order {
    /// Reads `field` or `-field`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.trim();
        let (name, descending) = match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text, false),
        };
        Ok(Self { field: Field::parse(name, ORDER_EXAMPLE)?, descending })
    }

    /// Orders two values; missing ones come last either way.
    pub fn compare(&self, a: Option<&Value>, b: Option<&Value>) -> Ordering {
        let present = |value: Option<&Value>| value.is_some_and(|value| !value.is_null());
        match (present(a), present(b)) {
            (true, true) => {
                let ordering = a
                    .zip(b)
                    .and_then(|(a, b)| compare(a, b).or_else(|| Some(plain(a).cmp(&plain(b)))))
                    .unwrap_or(Ordering::Equal);
                if self.descending { ordering.reverse() } else { ordering }
            }
            (a, b) => b.cmp(&a),
        }
    }
}

/// The part before the operator. A quoted name may hold operators.
fn split_field(text: &str) -> (&str, &str) {
    let mut in_quotes = false;
    for (position, letter) in text.char_indices() {
        if letter == '"' {
            in_quotes = !in_quotes;
        }
        let rest = text.get(position..).unwrap_or_default();
        let is_word = letter.is_whitespace() && rest.trim_start().to_lowercase().starts_with("in ");
        let is_symbol = "!=<>~".contains(letter);
        if !in_quotes && (is_symbol || is_word) {
            return (text.get(..position).unwrap_or_default(), rest);
        }
    }
    (text, "")
}

fn starts_with_operator(text: &str, symbol: &str) -> bool {
    text.get(..symbol.len()).is_some_and(|start| start.eq_ignore_ascii_case(symbol))
}

fn unquote(text: &str) -> &str {
    let stripped = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    stripped('"').or_else(|| stripped('\'')).unwrap_or(text)
}

fn scalar(text: &str) -> Value {
    if unquote(text) != text {
        return Value::from(unquote(text));
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => value,
        _ => match text {
            "True" => Value::from(true),
            "False" => Value::from(false),
            "None" => Value::Null,
            text => text.parse::<f64>().map_or_else(|_| Value::from(text), Value::from),
        },
    }
}

fn list(text: &str) -> Vec<Value> {
    let inner = text.trim_matches(['[', ']', '(', ')']);
    inner.split(',').map(|item| scalar(item.trim())).collect()
}

fn is_equal(a: &Value, b: &Value) -> bool {
    compare(a, b) == Some(Ordering::Equal) || plain(a) == plain(b)
}

/// By value where both are numbers or times, by text where both are texts.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (value::number(a), value::number(b)) {
        return a.partial_cmp(&b);
    }
    let (a, b) = (a.as_str()?, b.as_str()?);
    match (crate::trackio::time::parse(a), crate::trackio::time::parse(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => Some(a.cmp(b)),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn conditions_compare_by_value() {
        let cases = [
            ("config.lr <= 1e-4", json!(0.0001), true),
            ("config.lr = 0.0001", json!(1e-4), true),
            ("config.lr=1e-4", json!(0.001), false),
            ("config.bs in [8, 16]", json!(16), true),
            ("config.bs in 8,16", json!(32), false),
            ("config.amp = true", json!(true), true),
            ("config.amp = True", json!(false), false),
            ("name ~ BERT", json!("my-bert-run"), true),
            ("name != \"a b\"", json!("a b"), false),
            ("created > 2026-01-01", json!("2026-01-02T00:00:00+00:00"), true),
            ("created > 2026-01-01T02:00:00+00:00", json!("2026-01-01T03:00:00+02:00"), false),
            ("config.\"a = b\" = x", json!("x"), true),
            ("last_step >= 100", json!(99.0), false),
        ];
        for (text, found, expected) in cases {
            let condition = Condition::parse(text).unwrap();
            assert_eq!(condition.is_met_by(Some(&found)), expected, "{text} on {found}");
        }
        assert!(!Condition::parse("config.lr = 1").unwrap().is_met_by(None));
        assert!(Condition::parse("config.lr != 1").unwrap().is_met_by(None));
    }

    #[test]
    fn mistakes_show_a_right_example() {
        for text in ["lr <= 1", "config.lr", "status ==", "config. = 1", "", "best <> 1"] {
            let message = Condition::parse(text).unwrap_err().0;
            assert!(message.contains("config.learning_rate <= 1e-4"), "{text}: {message}");
        }
    }

    #[test]
    fn missing_values_come_last_in_either_order() {
        for text in ["config.lr", "-config.lr"] {
            let order = Order::parse(text).unwrap();
            assert_eq!(order.compare(None, Some(&json!(1))), Ordering::Greater);
            assert_eq!(order.compare(Some(&json!(1)), None), Ordering::Less);
        }
        let descending = Order::parse("-last_step").unwrap();
        assert_eq!(descending.compare(Some(&json!(2)), Some(&json!(10))), Ordering::Greater);
    }
}
