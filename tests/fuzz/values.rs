//! Values that somebody may have logged, sent or broken: texts, numbers, times, JSON, bytes.

use serde_json::{Value, json};

use super::random::Random;

/// Characters that are drawn in no way, in another order, or as something else.
const ODD: &[char] = &[
    '\0',
    '\u{1}',
    '\u{7}',
    '\u{8}',
    '\t',
    '\n',
    '\r',
    '\u{1b}',
    '\u{7f}',
    '\u{85}',
    '\u{9b}',
    '\u{a0}',
    '\u{ad}',
    '\u{300}',
    '\u{34f}',
    '\u{600}',
    '\u{61c}',
    '\u{115f}',
    '\u{1160}',
    '\u{17b4}',
    '\u{180e}',
    '\u{200b}',
    '\u{200c}',
    '\u{200d}',
    '\u{200e}',
    '\u{200f}',
    '\u{2028}',
    '\u{2029}',
    '\u{202a}',
    '\u{202e}',
    '\u{2060}',
    '\u{2064}',
    '\u{2066}',
    '\u{2069}',
    '\u{206f}',
    '\u{3164}',
    '\u{d7ff}',
    '\u{e000}',
    '\u{fe00}',
    '\u{fe0f}',
    '\u{feff}',
    '\u{ffa0}',
    '\u{fff9}',
    '\u{fffd}',
    '\u{ffff}',
    '\u{110bd}',
    '\u{1bca0}',
    '\u{1d173}',
    '\u{e0001}',
    '\u{e0041}',
    '\u{e0100}',
    '\u{10ffff}',
];

const TEXTS: &[&str] = &[
    "",
    " ",
    "null",
    "none",
    "None",
    "NaN",
    "nan",
    "Infinity",
    "-Infinity",
    "true",
    "[]",
    "{}",
    "0",
    "-0",
    "1e400",
    "run-a",
    "loss",
    "latest",
    "default",
    "..",
    "../../etc/passwd",
    "/dev/zero",
    "a/b",
    "a\\b",
    "C:\\x",
    "%",
    "%25",
    "_",
    "*",
    "[a",
    "(",
    "\\",
    "'",
    "\"",
    "`",
    "'; DROP TABLE metrics; --",
    "a | b",
    "a: b (project p)",
    "| --- |",
    "Note: all is well",
    "</s>",
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
    "1\u{fe0f}\u{20e3}",
    "हिन्दी\u{200d}क",
    "می\u{200c}خواهم",
    "Ⓐ",
    "x²",
    "naïve",
    "模型",
    "ﷺ",
    "é",
    "İ",
    "ß",
    "𝕏",
    "\u{1f3f4}\u{e0067}\u{e007f}",
    "file:///etc/passwd",
    "http://127.0.0.1:1/",
    "trackio://",
    "v1",
    "v999999999999999999999",
    "-1",
    "+",
    "config.lr",
    "last(loss)",
    "config.lr = 0.1",
    "name ~ run",
    "status in (ended, active)",
    "loss > nan",
    "best(\"a b\") < 1",
];

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "2",
    "7",
    "10",
    "100",
    "1000",
    "65536",
    "2147483647",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890",
    "0.5",
    "1.0",
    "-1.5",
    "1e-7",
    "1e-320",
    "5e-324",
    "1e15",
    "1e16",
    "1e300",
    "1.7976931348623157e308",
    "-1e308",
    "3.14159265358979",
];

const TIMES: &[&str] = &[
    "2026-01-01T00:00:00+00:00",
    "2026-01-01T00:00:00",
    "2026-01-01 00:00:00",
    "2026-01-01T00:00:00.123456+00:00",
    "2026-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "0000-00-00T00:00:00",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999+00:00",
    "-9999-01-01T00:00:00Z",
    "+012345-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "2026-01-01T00:00:60Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01",
    "yesterday",
    "1 hour ago",
    "now",
    "0",
    "1767225600",
    "1e18",
    "-1e18",
    "2026-01-01T00:00:00+99:99",
    "2038-01-19T03:14:08Z",
    "2262-04-11T23:47:17Z",
    "",
];

/// A text: plain, odd, long, or a plain one with odd characters in it.
pub fn text(random: &mut Random) -> String {
    match random.below(10) {
        0..4 => random.word(TEXTS),
        4 => (0..random.between(1, 12)).map(|_| *random.pick(ODD)).collect(),
        5 => {
            let length = *random.pick(&[59, 60, 61, 199, 201, 1_999, 2_001, 4_001, 70_000]);
            let c =
                *random.pick(&['a', 'é', '模', '\u{1f600}', '\u{301}', '\u{202e}', '\n', '"', '0']);
            std::iter::repeat_n(c, length).collect()
        }
        6 => (0..random.between(1, 8))
            .filter_map(|_| char::from_u32(random.next() as u32 % 0x11_0000))
            .collect(),
        _ => {
            let mut text: Vec<char> = random.word(TEXTS).chars().collect();
            for _ in 0..random.between(1, 3) {
                text.insert(random.below(text.len() + 1), *random.pick(ODD));
            }
            text.into_iter().collect()
        }
    }
}

pub fn number(random: &mut Random) -> String {
    match random.below(3) {
        0 => (random.next() as i64 >> random.below(64)).to_string(),
        1 => {
            let float = f64::from_bits(random.next());
            if float.is_finite() { format!("{float:e}") } else { "0.1".to_owned() }
        }
        _ => random.word(NUMBERS),
    }
}

pub fn time(random: &mut Random) -> String {
    if random.chance(15) { text(random) } else { random.word(TIMES) }
}

/// Any JSON value, as a value.
pub fn value(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth == 0 { 5 } else { 8 }) {
        0 => json!(text(random)),
        1 => serde_json::from_str(&number(random)).unwrap_or(Value::Null),
        2 => random
            .pick(&[json!(null), json!(true), json!(false), json!("NaN"), json!("-Infinity")])
            .clone(),
        3 => json!(random.below(200)),
        4 => json!(time(random)),
        5 => (0..random.below(5)).map(|_| value(random, depth - 1)).collect(),
        6 => {
            let mut nested = json!(1);
            for _ in 0..*random.pick(&[2, 20, 100, 126]) {
                nested = if random.chance(50) { json!([nested]) } else { json!({"a": nested}) };
            }
            nested
        }
        _ => {
            let fields = 0..random.below(5);
            fields.map(|_| (text(random), value(random, depth - 1))).collect()
        }
    }
}

/// JSON as bytes: what serializers write, what only Python writes, and what nobody should.
pub fn json_bytes(random: &mut Random) -> Vec<u8> {
    let plain = value(random, 3).to_string();
    broken_json(random, plain.into_bytes())
}

/// The same JSON, most often with something wrong in it.
pub fn broken_json(random: &mut Random, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..random.between(0, 3) {
        match random.below(9) {
            0 => replace_number(random, &mut bytes),
            1 => {
                let length = *random.pick(&[10, 130, 3_000, 60_000]);
                let (open, close) = *random.pick(&[("[", "]"), ("{\"a\":", "}"), ("[", "")]);
                let nested = format!("{}1{}", open.repeat(length), close.repeat(length));
                insert_value(random, &mut bytes, nested.as_bytes());
            }
            2 => {
                let odd: [&[u8]; 10] = [
                    b"NaN",
                    b"-Infinity",
                    b"1e400",
                    b"\"\\ud83d\"",
                    b"\"\\udc00\\ud800\"",
                    b"\"\xff\xfe\"",
                    b"\"\xed\xa0\x80\"",
                    b"\"\x01\"",
                    b"\"\\u0000\"",
                    b"-",
                ];
                let odd = *random.pick(&odd);
                insert_value(random, &mut bytes, odd);
            }
            3 => double_a_key(random, &mut bytes),
            _ => mutate(random, &mut bytes),
        }
    }
    bytes
}

/// Changes bytes without regard to what they mean.
pub fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    let length = random.between(1, 16).min(bytes.len() - at);
    match random.below(7) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.next() as u8,
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..at + length)),
        4 => {
            let part = bytes[at..at + length].to_vec();
            bytes.splice(at..at, part);
        }
        5 => bytes.insert(at, *random.pick(b"\"\\{}[],:0-.e\0\xff\xc3")),
        _ => {
            let other = random.below(bytes.len());
            bytes.swap(at, other);
        }
    }
}

/// Puts a value where one stands: after a colon, a comma or a bracket.
fn insert_value(random: &mut Random, bytes: &mut Vec<u8>, value: &[u8]) {
    let places: Vec<usize> =
        (0..bytes.len()).filter(|at| matches!(bytes[*at], b':' | b'[' | b',')).collect();
    if places.is_empty() {
        *bytes = value.to_vec();
        return;
    }
    let start = *random.pick(&places) + 1;
    let end = (start..bytes.len()).find(|at| matches!(bytes[*at], b',' | b'}' | b']'));
    bytes.splice(start..end.unwrap_or(bytes.len()), value.iter().copied());
}

fn replace_number(random: &mut Random, bytes: &mut Vec<u8>) {
    let number = if random.chance(20) { "1e999".to_owned() } else { number(random) };
    insert_value(random, bytes, number.as_bytes());
}

fn double_a_key(random: &mut Random, bytes: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    if let Some(rest) = text.strip_prefix('{')
        && let Some((key, _)) = rest.split_once(':')
    {
        *bytes = format!("{{{key}:{},{rest}", number(random)).into_bytes();
    }
}
