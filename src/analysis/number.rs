//! Numbers as a reader wants them: few digits, whole numbers whole.

use std::{borrow::Cow, fmt};

use rmcp::schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

/// How many digits of a number are kept in an answer.
const DIGITS: i32 = 6;

/// A number in an answer: rounded to six digits, whole numbers without a fraction.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Number(pub f64);

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self(value)
    }
}

impl From<usize> for Number {
    fn from(value: usize) -> Self {
        Self(value as f64)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = round(self.0, DIGITS);
        match value.fract() == 0.0 && value.abs() < 9e15 {
            true => serializer.serialize_i64(value as i64),
            false => serializer.serialize_f64(value),
        }
    }
}

impl JsonSchema for Number {
    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        f64::json_schema(generator)
    }
}

/// In a sentence: four digits, `1.2e-5` when very small or large.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.fract() == 0.0 && self.0.abs() < 1e9;
        let value = if whole { self.0 } else { round(self.0, 4) };
        match value.abs() {
            _ if whole => write!(f, "{value}"),
            size if size >= 1e7 => {
                let text = format!("{value:.3e}");
                let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
                write!(f, "{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
            }
            size if size != 0.0 && size < 1e-4 => write!(f, "{value:e}"),
            _ => write!(f, "{value}"),
        }
    }
}

/// `value` in a sentence.
pub fn show(value: f64) -> Number {
    Number(value)
}

/// A share in percent: one digit below ten, none above but short of a hundred.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    match value.abs() {
        ..9.95 => format!("{value:.1} %"),
        // All but a little is not all.
        99.5..99.95 => format!("{value:.1} %"),
        99.95..100.0 => format!("{:.2} %", value.clamp(-99.99, 99.99)),
        _ => format!("{value:.0} %"),
    }
}

fn round(value: f64, digits: i32) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let decimals = digits - 1 - value.abs().log10().floor() as i32;
    match decimals {
        // Dividing by a power of ten stays exact where multiplying by its inverse would not.
        0..=300 => (value * 10f64.powi(decimals)).round() / 10f64.powi(decimals),
        -300..0 => value.round(),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let text = |value| show(value).to_string();
        assert_eq!(text(1200.0), "1200");
        assert_eq!(text(0.123456), "0.1235");
        assert_eq!(text(2.5e-5), "2.5e-5");
        assert_eq!(text(0.0), "0");
        assert_eq!(text(12345.678), "12346");
        assert_eq!(text(1.069453e24), "1.069e24");
        assert_eq!(text(2e12), "2e12");
        assert_eq!(percent(0.0312), "3.1 %");
        assert_eq!(percent(-0.42), "-42 %");
        assert_eq!(percent(-0.995), "-99.5 %");
        assert_eq!(percent(-0.999999), "-99.99 %");
        assert_eq!(percent(1.0), "100 %");
    }

    #[test]
    fn whole_numbers_are_written_whole() {
        let json = |value: f64| serde_json::to_string(&Number(value)).unwrap();
        assert_eq!(json(800.0), "800");
        assert_eq!(json(0.1 + 0.2), "0.3");
        assert_eq!(json(123456789.0), "123456789");
        assert_eq!(json(f64::NAN), "null");
    }
}
