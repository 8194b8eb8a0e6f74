//! Whether a value meets a condition, and which of two comes first.

use std::cmp::Ordering;

use serde_json::Value;

use super::parse::{Condition, Operator, Order};
use crate::trackio::{time, value};

impl Condition {
    /// Whether a value meets the condition. A missing one meets `!=` and `= null`; a missing
    /// metric meets nothing.
    pub fn is_met_by(&self, found: Option<&Value>) -> bool {
        let Some(found) = found.filter(|found| !found.is_null()) else {
            let asks_for_none = (self.operator == Operator::Equal) == self.operand.is_null();
            let compares = matches!(self.operator, Operator::Equal | Operator::NotEqual);
            return compares && asks_for_none && self.field.metric().is_none();
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

/// Where a value stands in an order: numbers by value, then times, then texts, then missing and
/// non-finite ones. Values of one key can be of all these kinds.
#[derive(Debug, Clone, PartialEq)]
pub enum SortKey {
    /// A finite number.
    Number(f64),
    /// A time, in seconds.
    Time(f64),
    /// Anything else, by its letters.
    Text(String),
    /// Nothing to compare.
    Missing,
}

impl SortKey {
    /// The key of a value.
    pub fn of(found: Option<&Value>) -> Self {
        let Some(found) = found.filter(|found| !found.is_null()) else { return Self::Missing };
        match (number(found), found.as_str().and_then(time::parse)) {
            (Some(number), _) if number.is_finite() => Self::Number(number),
            (Some(_), _) => Self::Missing,
            (None, Some(moment)) => Self::Time(time::as_seconds(moment)),
            (None, None) => Self::Text(plain(found)),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Time(_) => 1,
            Self::Text(_) => 2,
            Self::Missing => 3,
        }
    }
}

impl Order {
    /// Orders two values; missing ones come last either way.
    pub fn compare(&self, a: &SortKey, b: &SortKey) -> Ordering {
        let ordering = match (a, b) {
            (SortKey::Number(a), SortKey::Number(b)) | (SortKey::Time(a), SortKey::Time(b)) => {
                a.total_cmp(b)
            }
            (SortKey::Text(a), SortKey::Text(b)) => a.cmp(b),
            _ => return a.rank().cmp(&b.rank()),
        };
        if self.descending { ordering.reverse() } else { ordering }
    }
}

fn is_equal(a: &Value, b: &Value) -> bool {
    compare(a, b) == Some(Ordering::Equal) || plain(a) == plain(b)
}

/// By value where both are numbers or times, by text where both are texts.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    // Of two texts neither is a number: "10" and "9" are names. YAML makes `1e-4` a text.
    if (a.is_number() || b.is_number())
        && let (Some(a), Some(b)) = (number(a), number(b))
    {
        return a.partial_cmp(&b);
    }
    let (a, b) = (a.as_str()?, b.as_str()?);
    match (time::parse(a), time::parse(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => Some(a.cmp(b)),
    }
}

/// The number that a value is, or that its text says.
fn number(found: &Value) -> Option<f64> {
    value::number(found).or_else(|| found.as_str()?.trim().parse().ok())
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
