//! The names nearest to a mistaken one.

use super::answer::Failure;
use super::shape::matches;
use super::text;
use crate::quote;

/// How many names an error offers.
const OFFERED: usize = 5;
/// Names are compared by so many letters: likeness costs their product.
const LONGEST_COMPARED: usize = 100;

/// Up to five of `names`, nearest first: those that hold the mistaken one, then by Jaro–Winkler
/// similarity and shared words. Without any likeness, the first ones as they come.
pub fn nearest<'a>(mistaken: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = text::cut(mistaken, LONGEST_COMPARED).to_lowercase();
    let mut ranked: Vec<(f64, &str)> = Vec::new();
    for name in names {
        if ranked.iter().any(|(_, known)| *known == name) {
            continue;
        }
        let lower = text::cut(name, LONGEST_COMPARED).to_lowercase();
        let holds = !wanted.is_empty()
            && !lower.is_empty()
            && (lower.contains(&wanted) || wanted.contains(&lower));
        let likeness = strsim::jaro_winkler(&wanted, &lower)
            + shared_words(&wanted, &lower)
            + f64::from(u8::from(holds));
        ranked.push((likeness, name));
    }
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.into_iter().take(OFFERED).map(|(_, name)| name).collect()
}

/// The share of the words of `wanted` that `name` has too.
fn shared_words(wanted: &str, name: &str) -> f64 {
    let words = |text: &'_ str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect()
    };
    let (wanted, name) = (words(wanted), words(name));
    let shared = wanted.iter().filter(|word| !word.is_empty() && name.contains(word)).count();
    shared as f64 / wanted.len().max(1) as f64
}

/// An error for a pattern that none of `names` meets; no error where there is nothing to meet it.
/// `noun` says what they are names of.
pub fn check_pattern<'a>(
    noun: &str,
    pattern: &str,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), Failure> {
    let names: Vec<&str> = names.collect();
    if names.is_empty() || names.iter().any(|name| matches(pattern, name)) {
        return Ok(());
    }
    let bare = pattern.replace(['*', '?'], "");
    Err(Failure(format!(
        "No {noun} matches the pattern {} (part of a name in any case, or a glob with * and ?). \
         Nearest: {}. Without pattern all {} are listed.",
        text::in_backquotes(pattern),
        quoted(&nearest(&bare, names.iter().copied())),
        names.len()
    )))
}

/// The names as a list in backquotes, long ones cut.
pub fn quoted(names: &[&str]) -> String {
    let quote = |name: &&str| quote::backquoted(&text::cut(name, 80));
    names.iter().map(quote).collect::<Vec<_>>().join(", ")
}
