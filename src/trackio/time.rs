//! Trackio's timestamps.
//!
//! 0.17 and later write UTC with an offset, older versions the local time without one; Python
//! leaves the fraction out when it is zero. One project can hold both, so times are compared
//! after parsing, never as text.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};

/// The moment that a timestamp of Trackio or an argument names. A text without an offset is in
/// this machine's time zone.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let civil: DateTime = text.parse().ok()?;
    civil.to_zoned(TimeZone::system()).ok().map(|zoned| zoned.timestamp())
}

/// Seconds since 1970 for the analysis; NaN where the text is no time.
pub fn seconds(text: &str) -> f64 {
    utc_seconds(text.as_bytes()).or_else(|| parse(text).map(as_seconds)).unwrap_or(f64::NAN)
}

/// The same for the one form that Trackio writes now, `2026-01-31T12:00:00.123456+00:00`, because
/// every row of a run has one. `None` for any other form.
fn utc_seconds(text: &[u8]) -> Option<f64> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let fraction = match rest {
        b"+00:00" => 0.0,
        [b'.', digits @ .., b'+', b'0', b'0', b':', b'0', b'0'] if digits.len() == 6 => {
            number(digits)? / 1e6
        }
        _ => return None,
    };
    let part = |from: usize, to: usize| number(date_time.get(from..to)?);
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, separator)| text.get(*at) != Some(separator)) {
        return None;
    }
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    let date = jiff::civil::Date::new(year as i16, month as i8, day as i8).ok()?;
    if hour > 23.0 || minute > 59.0 || second > 59.0 {
        return None;
    }
    let days = date.since(jiff::civil::date(1970, 1, 1)).ok()?.get_days();
    Some(f64::from(days) * 86_400.0 + hour * 3_600.0 + minute * 60.0 + second + fraction)
}

fn number(digits: &[u8]) -> Option<f64> {
    let mut number = 0.0;
    for digit in digits {
        number = number * 10.0 + f64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    Some(number)
}

/// Seconds since 1970, with their fraction.
pub fn as_seconds(moment: Timestamp) -> f64 {
    moment.as_microsecond() as f64 / 1e6
}

/// RFC 3339 in UTC to the second.
pub fn rfc3339(moment: Timestamp) -> String {
    let rounded = moment.round(Unit::Second).unwrap_or(moment);
    rounded.to_string()
}

/// The form in which Trackio stores times: UTC, microseconds unless there are none.
pub fn stored(moment: Timestamp) -> String {
    let moment = moment.round(Unit::Microsecond).unwrap_or(moment);
    let fraction = if moment.subsec_nanosecond() == 0 { "" } else { "%.6f" };
    moment.strftime(&format!("%Y-%m-%dT%H:%M:%S{fraction}+00:00")).to_string()
}

/// A length of time as a person says it: `45 s`, `12 min`, `3.4 h`, `2.1 days`.
pub fn span(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.0} s"),
        s if s < 6_000.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3_600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_cut_agrees_with_the_parser() {
        for text in [
            "1970-01-01T00:00:00+00:00",
            "2026-11-21T04:59:59.999999+00:00",
            "2024-02-29T23:59:59.000001+00:00",
            "1969-12-31T23:59:59.500000+00:00",
        ] {
            let expected = as_seconds(parse(text).unwrap());
            assert_eq!(utc_seconds(text.as_bytes()), Some(expected), "{text}");
        }
        for text in ["2026-02-30T00:00:00+00:00", "2026-01-01T24:00:00+00:00", "2026-01-01", ""] {
            assert_eq!(utc_seconds(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn times_are_stored_as_python_writes_them() {
        for (moment, expected) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00"),
            ("2026-01-02T03:04:05.25+02:00", "2026-01-02T01:04:05.250000+00:00"),
            ("2026-01-02T03:04:05.0000001Z", "2026-01-02T03:04:05+00:00"),
        ] {
            assert_eq!(stored(moment.parse().unwrap()), expected);
        }
    }

    #[test]
    fn reads_every_form_that_trackio_wrote() {
        let utc = "2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap();
        for text in [
            "2026-01-02T03:04:05+00:00",
            "2026-01-02T03:04:05.000000+00:00",
            "2026-01-02 03:04:05+00:00",
            "2026-01-02T05:04:05+02:00",
            "2026-01-02T03:04:05Z",
        ] {
            assert_eq!(parse(text), Some(utc), "{text}");
        }
        let local = "2026-01-02T03:04:05".parse::<DateTime>().unwrap();
        let local = local.to_zoned(TimeZone::system()).unwrap().timestamp();
        assert_eq!(parse("2026-01-02T03:04:05"), Some(local));
        assert_eq!(parse("2026-01-02 03:04:05"), Some(local));
        assert_eq!(parse("yesterday"), None);
        assert!(seconds("no time").is_nan());
    }
}
