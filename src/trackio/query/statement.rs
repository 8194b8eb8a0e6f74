//! Looks at the text of a statement before SQLite does, so that a refusal can say what to do.

use super::error::QueryError;
use super::sandbox::LONGEST_SQL;

/// What a statement that only reads begins with.
const KEYWORDS: &[&str] = &["SELECT", "WITH", "VALUES", "EXPLAIN", "PRAGMA"];

/// The statement as Trackio repeats it: without the blanks around it and the semicolons after it.
pub fn normalised(sql: &str) -> &str {
    sql.trim().trim_end_matches(';').trim()
}

/// Refuses what does not begin like a statement that reads.
pub fn check(sql: &str) -> Result<(), QueryError> {
    if sql.len() > LONGEST_SQL as usize {
        return Err(QueryError::TooLong(sql.len()));
    }
    let statement = after_comments(sql);
    if statement.is_empty() {
        return Err(QueryError::Empty);
    }
    let word = first_word(statement);
    if KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word)) {
        return Ok(());
    }
    let shown = if word.is_empty() { statement.chars().take(1).collect() } else { word.to_owned() };
    Err(QueryError::Refused(format!("a statement that begins with `{shown}`")))
}

/// Whether the statement computes rows, unlike `EXPLAIN` and the pragmas.
pub fn runs(sql: &str) -> bool {
    let word = first_word(after_comments(sql));
    !["EXPLAIN", "PRAGMA"].iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

fn first_word(statement: &str) -> &str {
    let end = statement.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(statement.len());
    statement.split_at(end).0
}

/// The text from the first thing that is neither blank nor comment.
fn after_comments(sql: &str) -> &str {
    let mut rest = sql.trim_start();
    loop {
        let after = if rest.starts_with("--") {
            rest.split_once('\n')
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/")
        } else {
            return rest;
        };
        rest = after.map_or("", |(_, after)| after.trim_start());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_semicolons_go() {
        for (written, expected) in [
            (" SELECT 1;;  ", "SELECT 1"),
            ("\n SELECT 1 ;\t", "SELECT 1"),
            ("SELECT 1; -- done", "SELECT 1; -- done"),
            (" ; ", ""),
        ] {
            assert_eq!(normalised(written), expected, "{written:?}");
        }
    }

    #[test]
    fn comments_before_the_statement_do_not_matter() {
        for sql in ["select 1", "-- a\n/* b\n*/ WITH x AS (SELECT 1) SELECT *", "values(1)"] {
            assert!(check(sql).is_ok(), "{sql}");
        }
        for sql in ["", "-- only\n", "/* open", "/*/ SELECT 1", "--"] {
            assert!(matches!(check(sql), Err(QueryError::Empty)), "{sql}");
        }
        for sql in ["delete from x", "/* */INSERT", "(SELECT 1)", "selec 1", "selected 1", "é"] {
            assert!(matches!(check(sql), Err(QueryError::Refused(_))), "{sql}");
        }
    }
}
