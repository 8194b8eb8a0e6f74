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
    parse(text).map_or(f64::NAN, as_seconds)
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
