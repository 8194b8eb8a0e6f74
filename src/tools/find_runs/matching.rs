//! How well a run matches a query, and why.

use serde_json::Value;

use super::super::common::likeness::{likeness, normalized, numbers, words};
use super::entry::{Entry, collect, is_same};
use super::query::{Query, Term, Wanted, number};
use super::words::is_same_key;
use crate::tools::common::text::cut;
use crate::trackio::Run;
use crate::trackio::value::Metrics;

/// The shortest part of an id that stands for it.
const SHORTEST_PREFIX: usize = 6;
/// The letters of a name that are shown.
const LONGEST_SHOWN: usize = 60;
/// What a number is worth whose key nobody knows.
const NUMBER: f64 = 0.7;
/// A likeness of no more than this comes from a typo.
const TYPO: f64 = 0.7;

/// What is known of a run when it is searched.
pub struct Searchable<'a> {
    run: &'a Run,
    /// Where a word can be found, with what a match there is worth.
    texts: Vec<Text>,
    numbers: Vec<(String, f64)>,
    entries: Vec<Entry>,
}

struct Text {
    field: &'static str,
    lower: String,
    shown: String,
    worth: f64,
}

/// How well one term is met, and by what.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// From 0 to 1.
    pub quality: f64,
    /// What met it, as a condition.
    pub why: String,
}

impl<'a> Searchable<'a> {
    /// What can be found of a run.
    pub fn of(project: &str, run: &'a Run, config: Option<&Metrics>) -> Self {
        let mut texts = vec![text("name", &run.name, 1.0)];
        let mut entries = Vec::new();
        if let Some(config) = config {
            let own = [("group", "_Group"), ("user", "_Username")];
            for (field, key) in own {
                texts.extend(config.get(key).and_then(Value::as_str).map(|t| text(field, t, 0.95)));
            }
            collect("", config, &mut entries);
        }
        texts.push(text("project", project, 0.6));
        let numbers = numbers(&run.name.to_lowercase());
        Self { run, texts, numbers, entries }
    }

    /// How each term of the query is met.
    pub fn hits(&self, query: &Query) -> Vec<Option<Hit>> {
        if let Some(hit) = self.as_a_whole(&query.whole) {
            return vec![Some(hit); query.terms.len()];
        }
        let mut hits: Vec<Option<Hit>> = query.terms.iter().map(|term| self.hit(term)).collect();
        for (position, term) in query.terms.iter().enumerate() {
            let Wanted::Number(wanted, keys) = &term.wanted else { continue };
            // The longest key first: `batch size 32` before `size 32`.
            for (before, key) in keys.iter().enumerate().rev() {
                let pair = self.number_under(key, *wanted);
                if pair.is_none() && !self.has_number_under(key) {
                    continue;
                }
                // `batch 32` is not met by batch 64 and seed 32.
                let first = position.saturating_sub(before + 1);
                let covered = hits.iter_mut().take(position + 1).skip(first);
                covered.for_each(|place| match &pair {
                    Some(_) => place.clone_from(&pair),
                    None => *place = place.take().filter(|hit| !hit.is_of_config()),
                });
                break;
            }
        }
        hits
    }

    /// The query is the run's name or id.
    fn as_a_whole(&self, whole: &str) -> Option<Hit> {
        let is_id = self.is_id(whole);
        let is_name = self.run.name.to_lowercase() == whole;
        let why = match (is_name, is_id) {
            (true, _) => format!("name = {}", self.run.name),
            (_, true) => format!("id = {}", self.run.id),
            _ => return None,
        };
        Some(Hit { quality: 1.0, why })
    }

    /// Before 0.24 the id is the name, and its beginning stands for nothing.
    fn is_id(&self, text: &str) -> bool {
        let Run { id, name, .. } = self.run;
        id != name && text.len() >= SHORTEST_PREFIX && id.to_lowercase().starts_with(text)
    }

    fn hit(&self, term: &Term) -> Option<Hit> {
        match &term.wanted {
            Wanted::Word(word) => self.word(word),
            Wanted::Number(number, _) => self.number(&term.text, *number),
            Wanted::Pair(key, value) => self.pair(key, value),
        }
    }

    fn word(&self, word: &str) -> Option<Hit> {
        let id =
            self.is_id(word).then(|| Hit { quality: 1.0, why: format!("id = {}", self.run.id) });
        let texts = self.texts.iter().filter_map(|text| text.hit(word));
        let values = self.entries.iter().filter_map(|entry| {
            let like = likeness(word, &entry.lower) * 0.95;
            (like > 0.0).then(|| entry.hit(like))
        });
        let key = normalized(word);
        let keys = self.entries.iter().filter_map(|entry| {
            let quality = entry.key_likeness(&key) * entry.worth_of_key();
            (quality > 0.0).then(|| entry.hit(quality))
        });
        best(id.into_iter().chain(texts).chain(values).chain(keys))
    }

    fn has_number_under(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.number.is_some() && entry.key_likeness(key) > 0.0)
    }

    fn number(&self, text: &str, wanted: f64) -> Option<Hit> {
        let values = self.entries.iter().filter(|entry| entry.is_number(wanted));
        let values = values.map(|entry| entry.hit(NUMBER));
        let texts = self.texts.iter().filter_map(|field| {
            let is_there = words(&field.lower).any(|word| word == text)
                || (field.field == "name"
                    && self.numbers.iter().any(|(_, one)| is_same(*one, wanted)));
            is_there.then(|| Hit {
                quality: NUMBER * 1.1 * field.worth,
                why: format!("{} ~ {text}", field.field),
            })
        });
        let id =
            self.is_id(text).then(|| Hit { quality: 1.0, why: format!("id = {}", self.run.id) });
        best(values.chain(texts).chain(id))
    }

    /// The number under a key, in the config or in the name.
    fn number_under(&self, key: &str, wanted: f64) -> Option<Hit> {
        let entries = self.entries.iter().filter(|entry| entry.is_number(wanted));
        let entries = entries.filter_map(|entry| {
            let quality = entry.key_likeness(key);
            (quality > 0.0).then(|| entry.hit(quality))
        });
        let in_name = self.numbers.iter().filter(|(letters, one)| {
            is_same(*one, wanted) && !letters.is_empty() && is_same_key(letters, key)
        });
        let in_name = in_name
            .map(|(letters, one)| Hit { quality: 0.9, why: format!("name ~ {letters} {one}") });
        best(entries.chain(in_name))
    }

    fn pair(&self, key: &str, wanted: &str) -> Option<Hit> {
        let field = match key {
            "name" | "run" | "runname" => Some("name"),
            "group" => Some("group"),
            "user" | "username" => Some("user"),
            "project" => Some("project"),
            _ => None,
        };
        let texts = self.texts.iter().filter(|text| Some(text.field) == field);
        let texts = texts.filter_map(|text| {
            text.hit(wanted).map(|hit| Hit { quality: hit.quality / text.worth, ..hit })
        });
        let asked = number(wanted);
        let by_number = asked.and_then(|asked| self.number_under(key, asked));
        let entries = self.entries.iter().filter_map(|entry| {
            let like = entry.value_likeness(wanted, asked);
            // The right text under another key is worth a little; a number there means nothing.
            let is_text = entry.number.is_none() && entry.flag.is_none();
            let elsewhere = if is_text && like > 0.9 { 0.25 } else { 0.0 };
            let quality = like * entry.key_likeness(key).max(elsewhere);
            (quality > 0.0).then(|| entry.hit(quality))
        });
        best(texts.chain(by_number).chain(entries))
    }
}

/// The share of the query that is met, from 0 to 1.
pub fn score(hits: &[Option<Hit>]) -> f64 {
    let sum: f64 = hits.iter().flatten().map(|hit| hit.quality).sum();
    sum / hits.len().max(1) as f64
}

/// What met the terms, each once.
pub fn reasons(hits: &[Option<Hit>]) -> Vec<String> {
    let mut reasons: Vec<String> = Vec::new();
    for hit in hits.iter().flatten() {
        if !reasons.contains(&hit.why) {
            reasons.push(hit.why.clone());
        }
    }
    reasons
}

impl Hit {
    fn is_of_config(&self) -> bool {
        self.why.starts_with("config.")
    }
}

impl Text {
    fn hit(&self, word: &str) -> Option<Hit> {
        let like = likeness(word, &self.lower);
        let why = match like {
            0.0 => return None,
            1.0 => format!("{} = {}", self.field, cut(&self.shown, LONGEST_SHOWN)),
            like if like <= TYPO => format!("{} like {word}", self.field),
            _ => format!("{} ~ {word}", self.field),
        };
        Some(Hit { quality: like * self.worth, why })
    }
}

impl Entry {
    fn hit(&self, quality: f64) -> Hit {
        Hit { quality, why: format!("config.{} = {}", self.key, self.shown) }
    }
}

fn text(field: &'static str, shown: &str, worth: f64) -> Text {
    Text { field, lower: shown.to_lowercase(), shown: shown.to_owned(), worth }
}

fn best(hits: impl Iterator<Item = Hit>) -> Option<Hit> {
    // Among equals the first: `max_by` takes the last.
    hits.fold(None, |best: Option<Hit>, hit| match best {
        Some(best) if best.quality >= hit.quality => Some(best),
        _ => Some(hit),
    })
}
