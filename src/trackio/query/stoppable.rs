//! SQLite's own functions whose one call can take minutes, again with the same results and an end.
//!
//! SQLite looks at the clock between the steps of a statement, and a function call is one step.
//! `instr` and `replace` are linear here. `like`, `glob`, `trim` and `unhex` compare as SQLite
//! does, and check [`Stop`] while they do. `json_patch` is left to SQLite where both values are
//! short.

use std::sync::{Arc, Mutex, PoisonError};

use memchr::memmem;
use rusqlite::ffi::{SQLITE_INTERRUPT, SQLITE_TOOBIG};
use rusqlite::functions::{Context, FunctionFlags, SqlFnOutput, SubType};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Result, ToSql};

use super::super::stop::Stop;
use super::pattern::{self, Pattern};
use super::utf8::{is_continuation, read_char, skip_char, until_nul};

/// How many bytes are compared between two looks at the clock.
const BYTES_BETWEEN_CHECKS: usize = 100_000;

/// The longest JSON of `json_patch`: it looks each key of the one up among those of the other.
const LONGEST_PATCH: usize = 50_000;

/// Counts work, and breaks it off when the time is over.
pub struct Meter<'a> {
    stop: &'a Stop,
    left: usize,
}

impl<'a> Meter<'a> {
    pub fn new(stop: &'a Stop) -> Self {
        Self { stop, left: BYTES_BETWEEN_CHECKS }
    }

    /// So many bytes were compared.
    pub fn spend(&mut self, bytes: usize) -> Result<()> {
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None if self.stop.is_set() => return Err(code(SQLITE_INTERRUPT)),
            None => self.left = BYTES_BETWEEN_CHECKS,
        }
        Ok(())
    }
}

fn code(code: std::ffi::c_int) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
}

fn error(message: impl Into<String>) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(message.into().into())
}

/// What SQLite makes of a value by itself: a connection without our functions.
#[derive(Clone)]
struct Plain(Arc<Mutex<Connection>>);

impl Plain {
    fn new() -> Result<Self> {
        Ok(Self(Arc::new(Mutex::new(Connection::open_in_memory()?))))
    }

    fn ask(&self, sql: &str, parameters: &[ValueRef<'_>]) -> Result<Value> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = connection.prepare_cached(sql)?;
        let parameters = parameters.iter().map(|value| ToSqlOutput::Borrowed(*value));
        statement.query_row(rusqlite::params_from_iter(parameters), |row| row.get(0))
    }
}

/// A function's arguments as SQLite's functions take them.
struct Arguments<'a, 'c> {
    context: &'a Context<'c>,
    plain: &'a Plain,
}

/// A value as text.
enum Text<'a> {
    Borrowed(&'a [u8]),
    Owned(String),
}

impl Text<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Text::Borrowed(bytes) => bytes,
            Text::Owned(text) => text.as_bytes(),
        }
    }
}

impl<'a> Arguments<'a, '_> {
    fn len(&self) -> usize {
        self.context.len()
    }

    fn value(&self, index: usize) -> ValueRef<'a> {
        self.context.get_raw(index)
    }

    /// The value as text, which a blob is as it lies; `None` where it is NULL.
    fn text(&self, index: usize) -> Result<Option<Text<'a>>> {
        Ok(match self.value(index) {
            ValueRef::Null => None,
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(Text::Borrowed(bytes)),
            ValueRef::Integer(number) => Some(Text::Owned(number.to_string())),
            real @ ValueRef::Real(_) => match self.plain.ask("SELECT CAST(?1 AS TEXT)", &[real])? {
                Value::Text(text) => Some(Text::Owned(text)),
                _ => None,
            },
        })
    }
}

/// What a function gives; text need not be valid UTF-8.
enum Output {
    Null,
    Integer(i64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
    /// What SQLite gave for JSON, and whether it is text that other JSON functions take as JSON.
    Json(Value),
}

impl SqlFnOutput for Output {
    fn to_sql(&self) -> Result<(ToSqlOutput<'_>, SubType)> {
        /// How SQLite marks text that is JSON.
        const JSON: std::ffi::c_uint = b'J' as std::ffi::c_uint;
        let value = match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(bytes) => ValueRef::Text(bytes),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
            Self::Json(value) => {
                let subtype = matches!(value, Value::Text(_)).then_some(JSON);
                return Ok((ToSql::to_sql(value)?, subtype));
            }
        };
        Ok((ToSqlOutput::Borrowed(value), None))
    }
}

type Function = fn(&Arguments<'_, '_>, &mut Meter<'_>) -> Result<Output>;

const FUNCTIONS: [(&str, i32, Function); 11] = [
    ("instr", 2, instr),
    ("replace", 3, replace),
    ("trim", 2, |arguments, meter| trim(arguments, meter, true, true)),
    ("ltrim", 2, |arguments, meter| trim(arguments, meter, true, false)),
    ("rtrim", 2, |arguments, meter| trim(arguments, meter, false, true)),
    ("unhex", 2, unhex),
    ("like", 2, |arguments, meter| like(arguments, meter, &pattern::LIKE)),
    ("like", 3, |arguments, meter| like(arguments, meter, &pattern::LIKE)),
    ("glob", 2, |arguments, meter| like(arguments, meter, &pattern::GLOB)),
    ("json_patch", 2, |arguments, _| patch(arguments, "SELECT json_patch(?1, ?2)")),
    ("jsonb_patch", 2, |arguments, _| patch(arguments, "SELECT jsonb_patch(?1, ?2)")),
];

/// Puts the functions in the place of SQLite's.
pub fn register(connection: &Connection, stop: &Stop) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS
        | FunctionFlags::SQLITE_RESULT_SUBTYPE;
    let plain = Plain::new()?;
    for (name, arguments, function) in FUNCTIONS {
        let (stop, plain) = (stop.clone(), plain.clone());
        connection.create_scalar_function(name, arguments, flags, move |context| {
            function(&Arguments { context, plain: &plain }, &mut Meter::new(&stop))
        })?;
    }
    Ok(())
}

fn instr(arguments: &Arguments<'_, '_>, _: &mut Meter<'_>) -> Result<Output> {
    let are_blobs = [0, 1].map(|index| matches!(arguments.value(index), ValueRef::Blob(_)));
    let (Some(text), Some(wanted)) = (arguments.text(0)?, arguments.text(1)?) else {
        return Ok(Output::Null);
    };
    let (text, wanted) = (text.bytes(), wanted.bytes());
    let Some(first) = wanted.first() else { return Ok(Output::Integer(1)) };
    let counts_bytes = are_blobs == [true, true];
    // SQLite goes from character to character, so within a text only its beginning can match
    // what does not begin like a character.
    let found = match !counts_bytes && is_continuation(*first) {
        true => text.starts_with(wanted).then_some(0),
        false => memmem::find(text, wanted),
    };
    let before = found.and_then(|at| text.get(..=at)).map(|before| match counts_bytes {
        true => before.len(),
        false => 1 + before.iter().skip(1).filter(|byte| !is_continuation(**byte)).count(),
    });
    Ok(Output::Integer(before.unwrap_or(0) as i64))
}

fn replace(arguments: &Arguments<'_, '_>, _: &mut Meter<'_>) -> Result<Output> {
    let (Some(text), Some(wanted)) = (arguments.text(0)?, arguments.text(1)?) else {
        return Ok(Output::Null);
    };
    let (text, wanted) = (text.bytes(), wanted.bytes());
    if matches!(wanted.first(), None | Some(0)) {
        return Ok(Output::Text(text.to_owned()));
    }
    let Some(with) = arguments.text(2)? else { return Ok(Output::Null) };
    let with = with.bytes();
    let finder = memmem::Finder::new(wanted);
    let mut replaced = Vec::with_capacity(text.len());
    let mut end = 0;
    for at in finder.find_iter(text) {
        replaced.extend_from_slice(text.get(end..at).unwrap_or_default());
        replaced.extend_from_slice(with);
        end = at + wanted.len();
        if replaced.len() > super::sandbox::LONGEST_VALUE as usize {
            return Err(code(SQLITE_TOOBIG));
        }
    }
    replaced.extend_from_slice(text.get(end..).unwrap_or_default());
    Ok(Output::Text(replaced))
}

fn trim(
    arguments: &Arguments<'_, '_>,
    meter: &mut Meter<'_>,
    left: bool,
    right: bool,
) -> Result<Output> {
    let (Some(text), Some(set)) = (arguments.text(0)?, arguments.text(1)?) else {
        return Ok(Output::Null);
    };
    let set = until_nul(set.bytes());
    let mut characters = Vec::new();
    let mut rest = set;
    while !rest.is_empty() {
        let (character, after) = rest.split_at(skip_char(rest, 0));
        characters.push(character);
        rest = after;
    }
    let mut text = text.bytes();
    while left && !text.is_empty() {
        meter.spend(set.len() + 1)?;
        let Some(after) = characters.iter().find_map(|one| text.strip_prefix(*one)) else { break };
        text = after;
    }
    while right && !text.is_empty() {
        meter.spend(set.len() + 1)?;
        let Some(before) = characters.iter().find_map(|one| text.strip_suffix(*one)) else { break };
        text = before;
    }
    Ok(Output::Text(text.to_owned()))
}

fn unhex(arguments: &Arguments<'_, '_>, meter: &mut Meter<'_>) -> Result<Output> {
    let (Some(text), Some(ignored)) = (arguments.text(0)?, arguments.text(1)?) else {
        return Ok(Output::Null);
    };
    let (text, ignored) = (until_nul(text.bytes()), ignored.bytes());
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut at = 0;
    while at < text.len() {
        match digit(at) {
            Some(high) => {
                let Some(low) = digit(at + 1) else { return Ok(Output::Null) };
                bytes.push((high * 16 + low) as u8);
                at += 2;
            }
            None => {
                meter.spend(ignored.len() + 1)?;
                if !holds(ignored, read_char(text, &mut at)) {
                    return Ok(Output::Null);
                }
            }
        }
    }
    Ok(Output::Blob(bytes))
}

fn holds(text: &[u8], wanted: u32) -> bool {
    let mut at = 0;
    while at < text.len() {
        if read_char(text, &mut at) == wanted {
            return true;
        }
    }
    false
}

fn like(arguments: &Arguments<'_, '_>, meter: &mut Meter<'_>, kind: &Pattern) -> Result<Output> {
    let pattern = arguments.text(0)?;
    if pattern.as_ref().is_some_and(|pattern| pattern.bytes().len() > pattern::LONGEST) {
        return Err(error(format!(
            "the pattern of LIKE or GLOB is longer than {} bytes; search for a part of it, or \
             with instr(text, part)",
            pattern::LONGEST
        )));
    }
    let mut kind = *kind;
    if arguments.len() == 3 {
        let Some(escape) = arguments.text(2)? else { return Ok(Output::Null) };
        let escape = until_nul(escape.bytes());
        if escape.is_empty() || skip_char(escape, 0) != escape.len() {
            return Err(error("ESCAPE expression must be a single character"));
        }
        kind = kind.escaped_by(read_char(escape, &mut 0));
    }
    let (Some(pattern), Some(text)) = (pattern, arguments.text(1)?) else {
        return Ok(Output::Null);
    };
    let is_match = kind.matches(until_nul(pattern.bytes()), until_nul(text.bytes()), meter)?;
    Ok(Output::Integer(is_match.into()))
}

fn patch(arguments: &Arguments<'_, '_>, sql: &str) -> Result<Output> {
    let values = [arguments.value(0), arguments.value(1)];
    let is_long = |value: &ValueRef<'_>| match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len() > LONGEST_PATCH,
        _ => false,
    };
    if values.iter().any(is_long) {
        return Err(error(format!(
            "json_patch takes JSON of at most {LONGEST_PATCH} bytes; take a part of it with \
             json_extract"
        )));
    }
    Ok(Output::Json(arguments.plain.ask(sql, &values)?))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Texts, blobs and numbers with what makes a difference: NUL, broken UTF-8, wildcards.
    const VALUES: &[&str] = &[
        "NULL",
        "''",
        "'a'",
        "'A'",
        "'ab'",
        "'abab'",
        "'aba'",
        "'é'",
        "'aé日本a'",
        "'日'",
        "' '",
        "'  a b '",
        "'%'",
        "'_'",
        "'a%'",
        "'%b'",
        "'%a_'",
        "'_%_'",
        "'%%a%%'",
        "'a\\%'",
        "'*'",
        "'a*'",
        "'?b'",
        "'*[a-c]*'",
        "'[^a]*'",
        "'[]a]b'",
        "'[a'",
        "'[^]'",
        "'*[é-本]'",
        "'[a-]'",
        "'-'",
        "']'",
        "'0a'",
        "'0A 1b'",
        "'g'",
        "'0'",
        "'12'",
        "'{}'",
        "'{\"a\":1}'",
        "'[1]'",
        "'{\"a\":null}'",
        "0",
        "-1",
        "12",
        "1.5",
        "1e300",
        "-0.0",
        "0.1",
        "9e999",
        "9223372036854775807",
        "x''",
        "x'00'",
        "x'61'",
        "x'6100'",
        "x'610062'",
        "x'80'",
        "x'8061'",
        "x'c3'",
        "x'c361'",
        "x'a9'",
        "x'c3a9'",
        "x'c3a980'",
        "x'c380'",
        "x'ff'",
        "x'eda080'",
        "x'efbfbe'",
        "x'f8888080'",
        "CAST(x'80' AS TEXT)",
        "CAST(x'8061' AS TEXT)",
        "CAST(x'6180' AS TEXT)",
        "CAST(x'61ff' AS TEXT)",
        "CAST(x'610062' AS TEXT)",
        "CAST(x'25ff' AS TEXT)",
        "CAST(x'c325' AS TEXT)",
        "CAST(x'5bc35d2a' AS TEXT)",
        "CAST(x'c3a980' AS TEXT)",
        "CAST(x'a9' AS TEXT)",
        "CAST(x'3f00' AS TEXT)",
    ];

    fn result(connection: &Connection, sql: &str) -> Option<(String, String)> {
        let sql = format!("SELECT typeof(r), quote(r) FROM (SELECT {sql} AS r)");
        connection
            .query_row(&sql, [], |row| {
                let quoted = row.get_ref(1)?.as_bytes()?.to_vec();
                Ok((row.get(0)?, String::from_utf8_lossy(&quoted).into_owned()))
            })
            .ok()
    }

    fn both() -> (Connection, Connection) {
        let (own, sqlites) =
            (Connection::open_in_memory().unwrap(), Connection::open_in_memory().unwrap());
        register(&own, &Stop::default()).unwrap();
        (own, sqlites)
    }

    #[test]
    fn results_are_those_of_sqlite() {
        let (own, sqlites) = both();
        let same = |sql: &str| assert_eq!(result(&own, sql), result(&sqlites, sql), "{sql}");
        for a in VALUES {
            for b in VALUES {
                for (name, arguments, _) in FUNCTIONS {
                    if arguments == 2 {
                        same(&format!("{name}({a}, {b})"));
                    }
                }
            }
        }
        // Three arguments: every third of the second, to end soon.
        for a in VALUES {
            for b in VALUES.iter().step_by(3) {
                for c in ["NULL", "''", "'b'", "'aab'", "'%'", "'_'", "'a'", "'é'", "x'80'", "1.5"]
                {
                    same(&format!("replace({a}, {b}, {c})"));
                    same(&format!("{a} LIKE {b} ESCAPE {c}"));
                }
            }
        }
        for sql in [
            "json_array(json_patch('{\"a\":1}', '{\"b\":[2]}'))",
            "typeof(jsonb_patch('{\"a\":1}', '{\"b\":[2]}'))",
            "'abc' NOT LIKE '_B%'",
            "'abc' NOT GLOB 'a?c'",
        ] {
            same(sql);
        }
    }

    #[test]
    fn random_results_are_those_of_sqlite() {
        let (own, sqlites) = both();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % below
        };
        let pieces = [
            "61", "62", "41", "25", "5f", "2a", "3f", "5b", "5d", "5e", "2d", "c3a9", "c389", "80",
            "c3", "00", "20", "5c",
        ];
        let functions = ["instr", "trim", "ltrim", "rtrim", "unhex", "like", "glob"];
        for _ in 0..20_000 {
            let mut value = || {
                let bytes: String = (0..random(9)).map(|_| pieces[random(pieces.len())]).collect();
                match random(4) {
                    0 => format!("x'{bytes}'"),
                    _ => format!("CAST(x'{bytes}' AS TEXT)"),
                }
            };
            let (a, b, c) = (value(), value(), value());
            let function = functions[random(functions.len())];
            for sql in [format!("{function}({a}, {b})"), format!("replace({a}, {b}, {c})")] {
                assert_eq!(result(&own, &sql), result(&sqlites, &sql), "{sql}");
            }
        }
    }

    #[test]
    fn a_long_call_ends_with_its_time() {
        let connection = Connection::open_in_memory().unwrap();
        let start = Instant::now();
        let stop = Stop::default().with_deadline(start + Duration::from_millis(100));
        register(&connection, &stop).unwrap();
        for sql in [
            "instr(zeroblob(900000), CAST(zeroblob(450000) || x'01' AS BLOB))",
            "replace(hex(zeroblob(400000)), substr(hex(zeroblob(400000)), 1, 400000) || 'b', '')",
            "trim(hex(zeroblob(400000)), replace(hex(zeroblob(200000)), '0', char(300, 301)) || '0')",
            "unhex(replace(hex(zeroblob(300000)), '0', '.'), hex(zeroblob(400000)) || '.')",
            "hex(zeroblob(500000)) LIKE '%' || substr(hex(zeroblob(499)), 1, 990) || 'z%'",
            "hex(zeroblob(500000)) GLOB '*' || substr(replace(hex(zeroblob(499)), '0', '?'), 1, 990) || 'z*'",
        ] {
            let _ = connection.query_row(&format!("SELECT {sql}"), [], |_| Ok(()));
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }

    #[test]
    fn a_result_that_is_too_large_is_no_result() {
        let (own, _) = both();
        for (size, fits) in [(999, true), (1_001, false)] {
            let sql = format!(
                "SELECT length(replace(hex(zeroblob(500)), '0', hex(zeroblob({size} / 2)) || '{}'))",
                if size % 2 == 1 { "0" } else { "" }
            );
            let result: Result<i64> = own.query_row(&sql, [], |row| row.get(0));
            assert_eq!(result.is_ok(), fits, "{result:?}");
        }
        for (size, fits) in [(LONGEST_PATCH, true), (LONGEST_PATCH + 1, false)] {
            let sql = format!("SELECT json_patch('{{}}', '{{}}' || printf('%{}s', ''))", size - 2);
            assert_eq!(own.query_row(&sql, [], |_| Ok(())).is_ok(), fits);
        }
        for (size, fits) in [(pattern::LONGEST, true), (pattern::LONGEST + 1, false)] {
            let sql = format!("SELECT 'a' LIKE printf('%{size}s', 'a')");
            assert_eq!(own.query_row(&sql, [], |_| Ok(())).is_ok(), fits);
        }
    }
}
