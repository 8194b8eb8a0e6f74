//! Mistakes in SQL, told so that the next attempt can be right.

use rusqlite::ErrorCode;

use super::super::error::Error;
use super::super::heap;
use super::super::project::Snapshot;
use super::describe::{self, Description};

const MEMORY_MB: u32 = heap::MOST >> 20;
const AT_ONCE: usize = heap::QUERIES_AT_ONCE;

/// Why a query gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// There is no statement.
    #[error(
        "the query is empty; write one SELECT, for example: \
         SELECT run_name, COUNT(*) AS rows FROM metrics GROUP BY run_name"
    )]
    Empty,
    /// It would do more than read.
    #[error(
        "{0} is refused: queries only read. Allowed is one SELECT, WITH, VALUES or EXPLAIN \
         statement, or PRAGMA table_info(t), table_xinfo(t), table_list, index_list(t), \
         index_info(i), index_xinfo(i), foreign_key_list(t), user_version; for example: \
         SELECT run_name, COUNT(*) AS rows FROM metrics GROUP BY run_name"
    )]
    Refused(String),
    /// There is more after the first statement.
    #[error("only one statement at a time; send the second one in another call")]
    SeveralStatements,
    /// SQLite does not understand it.
    #[error("{message}{}", .hint.as_ref().map(|hint| format!(". {hint}")).unwrap_or_default())]
    Sql {
        /// What SQLite says.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The deadline passed.
    #[error(
        "the query took too long and was stopped; narrow it (WHERE run_id = …, a range of steps, \
         a LIMIT within each recursive part), or aggregate fewer rows"
    )]
    TimedOut,
    /// It needed more memory than queries get.
    #[error(
        "out of memory: the query needs more than the {} MB that all queries share, and was \
         stopped; select fewer columns and rows, aggregate, add a LIMIT within subqueries, or sort \
         and group fewer or shorter values",
        MEMORY_MB
    )]
    TooMuchMemory,
    /// Other queries ran until the deadline.
    #[error(
        "the query did not start, because {} other queries were running until its deadline; send \
         it again when they have ended",
        AT_ONCE
    )]
    NoTurn,
    /// Its program is too long to be broken off in time.
    #[error(
        "the query is too complex: it compiles to {found} {what}, at most {most} are allowed; \
         select fewer columns, or list fewer values, in several queries"
    )]
    TooComplex {
        /// How many there are.
        found: usize,
        /// Of what.
        what: &'static str,
        /// The limit.
        most: usize,
    },
    /// The statement is longer than any a person writes.
    #[error(
        "the query is too long ({0} bytes; at most {max}); join with a table or filter by a \
         range instead of listing values",
        max = super::sandbox::LONGEST_SQL
    )]
    TooLong(usize),
    /// One value is larger than queries may make.
    #[error(
        "a value or row of the query is too large (over {} MB). Leave large values out with \
         octet_length(metrics) < {max}; get_traces reads large traces, get_media tables and \
         files, get_logs and get_metric_values metrics, whatever their size",
        super::sandbox::LONGEST_VALUE / 1_000_000,
        max = super::sandbox::LONGEST_VALUE
    )]
    ValueTooLarge,
    /// The names of the columns alone fill the answer.
    #[error("{0} columns are too many for one answer; select fewer by name")]
    TooWide(usize),
    /// The database could not be read, which is not the query's fault.
    #[error(transparent)]
    Database(#[from] Error),
}

impl QueryError {
    /// What an error of SQLite means; `refused` is what the gate stopped.
    pub fn of(error: rusqlite::Error, refused: Option<String>, snapshot: &Snapshot<'_>) -> Self {
        let code = match &error {
            rusqlite::Error::SqlInputError { error, .. } => Some(error.code),
            other => other.sqlite_error_code(),
        };
        match code {
            Some(ErrorCode::OperationInterrupted) if snapshot.stop.is_cancelled() => {
                Self::Database(Error::Cancelled)
            }
            Some(ErrorCode::OperationInterrupted) => Self::TimedOut,
            Some(ErrorCode::OutOfMemory) => Self::TooMuchMemory,
            Some(ErrorCode::TooBig) => Self::ValueTooLarge,
            Some(ErrorCode::AuthorizationForStatementDenied) => {
                Self::Refused(refused.unwrap_or_else(|| "the statement".to_owned()))
            }
            Some(ErrorCode::Unknown) => Self::of_message(&error, refused, snapshot),
            _ => Self::Database(Error::Sql(error)),
        }
    }

    fn of_message(
        error: &rusqlite::Error,
        refused: Option<String>,
        snapshot: &Snapshot<'_>,
    ) -> Self {
        let message = match error {
            rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
            rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
            other => other.to_string(),
        };
        // A table-valued function reports a refusal within it as an error of its own.
        if let Some(refused) = refused {
            return Self::Refused(refused);
        }
        let hint = hint(&message, snapshot);
        Self::Sql { message, hint }
    }
}

/// What to try instead.
fn hint(message: &str, snapshot: &Snapshot<'_>) -> Option<String> {
    let after = |prefix: &str| message.strip_prefix(prefix).map(unqualified);
    if let Some(wanted) = after("no such table: ") {
        let known = describe::tables_and_views(snapshot).ok()?;
        return Some(match nearest(wanted, known.tables_and_views()) {
            Some(near) => format!("Did you mean {near}?"),
            None => format!("There are {}", join(known.tables_and_views())),
        });
    }
    if let Some(wanted) = after("no such column: ") {
        let known = describe::tables_and_views(snapshot).ok()?;
        let holders = known.holders_of(wanted);
        if !holders.is_empty() {
            return Some(format!("{wanted} is a column of {}", holders.join(", ")));
        }
        let near = nearest(wanted, known.columns()).map(|near| format!("Did you mean {near}? "));
        return Some(format!(
            "{}Metrics and configs are JSON within a column: \
             json_extract(metrics, '$.\"{wanted}\"'), json_extract(config, '$.\"{wanted}\"')",
            near.unwrap_or_default()
        ));
    }
    if message.starts_with("no such function: ") {
        return Some(
            "Beyond SQLite's own there are sqrt, exp, ln, log, pow, floor, ceil, median and \
             stddev"
                .to_owned(),
        );
    }
    if message.contains("malformed JSON") {
        return Some(
            "A row holds no JSON; use the view metrics_text, which gives NULL for such rows"
                .to_owned(),
        );
    }
    None
}

/// `name` of `schema.name` or `alias.name`, without what SQLite adds about quotes.
fn unqualified(name: &str) -> &str {
    let name = name.split(" - ").next().unwrap_or(name);
    name.rsplit('.').next().unwrap_or(name).trim_matches('"')
}

/// The names that look most like the wanted one, as a list in words.
fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let wanted = wanted.to_lowercase();
    let mut near: Vec<(f64, &str)> = known
        .map(|name| (strsim::normalized_damerau_levenshtein(&wanted, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= 0.5)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.dedup_by_key(|(_, name)| *name);
    near.truncate(3);
    let names: Vec<&str> = near.into_iter().map(|(_, name)| name).collect();
    (!names.is_empty()).then(|| names.join(" or "))
}

fn join<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

impl Description {
    fn tables_and_views(&self) -> impl Iterator<Item = &str> {
        let tables = self.tables.iter().map(|table| table.name.as_str());
        tables.chain(self.views.iter().map(|view| view.name.as_str()))
    }

    fn columns(&self) -> impl Iterator<Item = &str> {
        self.with_columns().map(|(_, column)| column)
    }

    /// Which tables and views have the column.
    fn holders_of(&self, wanted: &str) -> Vec<&str> {
        let has = |column: &str| column.eq_ignore_ascii_case(wanted);
        self.with_columns().filter(|(_, column)| has(column)).map(|(holder, _)| holder).collect()
    }

    fn with_columns(&self) -> impl Iterator<Item = (&str, &str)> {
        let tables = self.tables.iter().map(|table| (table.name.as_str(), &table.columns));
        let views = self.views.iter().map(|view| (view.name.as_str(), &view.columns));
        tables
            .chain(views)
            .flat_map(|(holder, columns)| columns.iter().map(move |c| (holder, c.name.as_str())))
    }
}
