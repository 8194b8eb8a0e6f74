//! The mathematics that questions about experiments need and a plain SQLite build leaves out.
//!
//! The scalar functions are those of SQLite's own math extension, which the SQLite that Trackio
//! uses has; `median` and `stddev` are what one asks of several seeds. As there, what is no
//! number or has no result is NULL.

use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::ValueRef;

type Unary = fn(f64) -> f64;
type Binary = fn(f64, f64) -> f64;

const UNARY: &[(&str, Unary)] = &[
    ("sqrt", f64::sqrt),
    ("exp", f64::exp),
    ("ln", f64::ln),
    ("log", f64::log10),
    ("log10", f64::log10),
    ("log2", f64::log2),
    ("floor", f64::floor),
    ("ceil", f64::ceil),
    ("ceiling", f64::ceil),
    ("trunc", f64::trunc),
    ("sin", f64::sin),
    ("cos", f64::cos),
    ("tan", f64::tan),
    ("tanh", f64::tanh),
];

const BINARY: &[(&str, Binary)] = &[
    ("pow", f64::powf),
    ("power", f64::powf),
    ("mod", |x, y| x % y),
    ("log", |base, x| x.ln() / base.ln()),
];

/// Makes the functions known to a connection.
pub fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    for (name, function) in UNARY {
        connection.create_scalar_function(*name, 1, flags, move |context| {
            Ok(number(context, 0).and_then(|x| known(function(x))))
        })?;
    }
    for (name, function) in BINARY {
        connection.create_scalar_function(*name, 2, flags, move |context| {
            let numbers = number(context, 0).zip(number(context, 1));
            Ok(numbers.and_then(|(x, y)| known(function(x, y))))
        })?;
    }
    connection.create_aggregate_function("median", 1, flags, Median)?;
    connection.create_aggregate_function("stddev", 1, flags, Deviation)
}

fn number(context: &Context<'_>, index: usize) -> Option<f64> {
    match context.get_raw(index) {
        ValueRef::Integer(number) => Some(number as f64),
        ValueRef::Real(number) => Some(number),
        ValueRef::Null | ValueRef::Text(_) | ValueRef::Blob(_) => None,
    }
}

fn known(number: f64) -> Option<f64> {
    (!number.is_nan()).then_some(number)
}

struct Median;

/// The numbers of all medians of the process.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// So many at most: 16 MB.
const MOST_HELD: usize = 2_000_000;

#[derive(Default)]
struct Numbers {
    all: Vec<f64>,
    held: usize,
}

impl Numbers {
    fn push(&mut self, number: f64) -> rusqlite::Result<()> {
        if self.all.len() >= self.held {
            let more = self.held.max(4);
            if HELD.fetch_add(more, Ordering::Relaxed) + more > MOST_HELD {
                HELD.fetch_sub(more, Ordering::Relaxed);
                let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOMEM);
                return Err(rusqlite::Error::SqliteFailure(code, None));
            }
            self.held += more;
            self.all.reserve_exact(more);
        }
        self.all.push(number);
        Ok(())
    }
}

impl Drop for Numbers {
    fn drop(&mut self) {
        HELD.fetch_sub(self.held, Ordering::Relaxed);
    }
}

impl Aggregate<Numbers, Option<f64>> for Median {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Numbers> {
        Ok(Numbers::default())
    }

    fn step(&self, context: &mut Context<'_>, seen: &mut Numbers) -> rusqlite::Result<()> {
        number(context, 0).map_or(Ok(()), |number| seen.push(number))
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        seen: Option<Numbers>,
    ) -> rusqlite::Result<Option<f64>> {
        let mut seen = seen.unwrap_or_default();
        let (count, middle) = (seen.all.len(), seen.all.len() / 2);
        if count == 0 {
            return Ok(None);
        }
        let (below, upper, _) = seen.all.select_nth_unstable_by(middle, f64::total_cmp);
        let lower = below.iter().copied().max_by(f64::total_cmp);
        Ok(Some(match lower {
            Some(lower) if count.is_multiple_of(2) => lower.midpoint(*upper),
            _ => *upper,
        }))
    }
}

/// The sample's standard deviation, by Welford's method: numerically sound in one pass.
struct Deviation;

#[derive(Default)]
struct Welford {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Aggregate<Welford, Option<f64>> for Deviation {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Welford> {
        Ok(Welford::default())
    }

    fn step(&self, context: &mut Context<'_>, seen: &mut Welford) -> rusqlite::Result<()> {
        if let Some(x) = number(context, 0) {
            seen.count += 1.0;
            let delta = x - seen.mean;
            seen.mean += delta / seen.count;
            seen.squares += delta * (x - seen.mean);
        }
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        seen: Option<Welford>,
    ) -> rusqlite::Result<Option<f64>> {
        let seen = seen.filter(|seen| seen.count >= 2.0);
        Ok(seen.and_then(|seen| known((seen.squares / (seen.count - 1.0)).sqrt())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_give_what_mathematics_says() {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection).unwrap();
        let cases = [
            ("sqrt(9)", Some(3.0)),
            ("sqrt(-1)", None),
            ("sqrt('NaN')", None),
            ("sqrt(NULL)", None),
            ("log(1000)", Some(3.0)),
            ("log(2, 8)", Some(3.0)),
            ("pow(2, 10)", Some(1024.0)),
            ("mod(7, 4)", Some(3.0)),
            ("(SELECT median(value) FROM json_each('[5, 1, \"NaN\", 3]'))", Some(3.0)),
            ("(SELECT median(value) FROM json_each('[1, 2]'))", Some(1.5)),
            ("(SELECT median(value) FROM json_each('[]'))", None),
            ("(SELECT stddev(value) FROM json_each('[2, 4, 4, 6, null]'))", Some(1.632_993_161_9)),
            ("(SELECT stddev(value) FROM json_each('[2]'))", None),
        ];
        for (sql, expected) in cases {
            let found: Option<f64> =
                connection.query_row(&format!("SELECT {sql}"), [], |row| row.get(0)).unwrap();
            let near = match (found, expected) {
                (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
                (found, expected) => found == expected,
            };
            assert!(near, "{sql}: {found:?}");
        }
    }
}
