//! What a condition or an order looks at.

use std::fmt;

use super::operand::unquote;
use super::parse::Mistake;
use crate::analysis::role::{Direction, Role, classify};
use crate::tools::common::nearest::nearest;

/// All fields, for messages.
pub const FIELDS: &str = "name, status, group, user, created, last_step, config.<key>, last(m), \
     best(m), min(m), max(m), mean(m)";

const PLAIN: [(&str, Field); 8] = [
    ("name", Field::Name),
    ("run", Field::Name),
    ("status", Field::Status),
    ("group", Field::Group),
    ("user", Field::User),
    ("created", Field::Created),
    ("created_at", Field::Created),
    ("last_step", Field::LastStep),
];

/// A field of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The run's name.
    Name,
    /// The inferred status.
    Status,
    /// The config's `_Group`.
    Group,
    /// The config's `_Username`.
    User,
    /// The time of the first row.
    Created,
    /// The highest step.
    LastStep,
    /// A value of the config: the flat key first, then the nested one (`optimizer.lr`).
    Config(String),
    /// A number made of all values of a metric.
    Metric(Aggregate, String),
}

/// What is made of a metric's finite values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// The last one.
    Last,
    /// The lowest or the highest, by the metric's direction.
    Best,
    /// The lowest.
    Min,
    /// The highest.
    Max,
    /// The arithmetic mean.
    Mean,
}

impl Aggregate {
    const ALL: [(&str, Self); 5] = [
        ("last", Self::Last),
        ("best", Self::Best),
        ("min", Self::Min),
        ("max", Self::Max),
        ("mean", Self::Mean),
    ];
    /// What others call them.
    const ELSEWHERE: [(&str, &str); 10] = [
        ("avg", "mean"),
        ("average", "mean"),
        ("minimum", "min"),
        ("lowest", "min"),
        ("maximum", "max"),
        ("highest", "max"),
        ("final", "last"),
        ("latest", "last"),
        ("current", "last"),
        ("value", "last"),
    ];

    fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, one)| *one == self).map_or("last", |(word, _)| word)
    }
}

impl Field {
    /// Reads a field; double quotes hold names with spaces or operators. `rest` is what followed
    /// it, for the right form in a message.
    pub(super) fn parse(field: &str, rest: &str) -> Result<Self, Mistake> {
        let name = unquote(field);
        if let Some((_, plain)) = PLAIN.iter().find(|(known, _)| *known == name) {
            return Ok(plain.clone());
        }
        if let Some(key) = name.strip_prefix("config.") {
            let key = unquote(key.trim());
            if key.is_empty() {
                return Err(Mistake::at("config.", "no key stands after `config.`"));
            }
            return match has_outer_space(name) && name == field {
                true => Err(spaced(field, &format!("config.\"{key}\""), rest)),
                false => Ok(Self::Config(key.to_owned())),
            };
        }
        if let Some((aggregate, inner)) = name.split_once('(') {
            return Self::of_metric(field, aggregate.trim(), inner, rest);
        }
        Err(unknown(field, name, rest))
    }

    fn of_metric(field: &str, word: &str, inner: &str, rest: &str) -> Result<Self, Mistake> {
        let Some(metric) = inner.trim_end().strip_suffix(')') else {
            return Err(Mistake::at(field, "a `)` is missing or stands before the end"));
        };
        let metric = unquote(metric.trim());
        if metric.is_empty() {
            return Err(Mistake::at(field, "no metric stands between `(` and `)`"));
        }
        match Aggregate::ALL.iter().find(|(known, _)| *known == word) {
            Some((_, aggregate)) => Ok(Self::Metric(*aggregate, metric.to_owned())),
            None => {
                let elsewhere = Aggregate::ELSEWHERE.iter().find(|(known, _)| *known == word);
                let meant = elsewhere.map_or("last", |(_, meant)| meant);
                let meant = Self::call(meant, metric);
                Err(Mistake::at(field, &format!("there is no `{word}(...)` of a metric"))
                    .hint(&format!("last, best, min, max and mean are: `{meant}{rest}`.")))
            }
        }
    }

    /// `last(m)`, the metric in quotes where it must be.
    fn call(aggregate: &str, metric: &str) -> String {
        let is_plain = !metric.contains(|c: char| c.is_whitespace() || "=!<>~()\",".contains(c));
        match is_plain {
            true => format!("{aggregate}({metric})"),
            false => format!("{aggregate}(\"{metric}\")"),
        }
    }

    /// How much it takes to know a run's value: what is cheap is asked first.
    pub fn cost(&self) -> u8 {
        match self {
            Self::Name | Self::Created => 0,
            Self::LastStep => 1,
            Self::Group | Self::User | Self::Config(_) => 2,
            Self::Status => 3,
            Self::Metric(..) => 4,
        }
    }

    /// The metric that it is made of.
    pub fn metric(&self) -> Option<&str> {
        match self {
            Self::Metric(_, metric) => Some(metric),
            _ => None,
        }
    }

    /// Whether it is `best` of a metric of which nobody knows which way is better.
    pub fn lacks_direction(&self) -> bool {
        matches!(self, Self::Metric(Aggregate::Best, metric) if classify(metric).direction.is_none())
    }

    /// Whether it is `best` of a metric of which higher is better.
    pub fn is_best_high(&self) -> bool {
        matches!(self, Self::Metric(Aggregate::Best, metric)
            if classify(metric).direction == Some(Direction::Max))
    }

    /// Whether a run in a list shows it anyway.
    pub fn is_always_shown(&self) -> bool {
        matches!(self, Self::Name | Self::Status | Self::Group | Self::Created | Self::LastStep)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(key) => write!(formatter, "config.{key}"),
            Self::Metric(aggregate, metric) => {
                formatter.write_str(&Self::call(aggregate.as_str(), metric))
            }
            plain => {
                let known = PLAIN.iter().find(|(_, one)| one == plain);
                formatter.write_str(known.map_or("", |(word, _)| word))
            }
        }
    }
}

fn has_outer_space(name: &str) -> bool {
    let mut in_quotes = false;
    name.chars().any(|letter| {
        in_quotes ^= letter == '"';
        letter.is_whitespace() && !in_quotes
    })
}

/// A name with a space: quotes were forgotten, or a word stands there that is no operator.
fn spaced(field: &str, quoted: &str, rest: &str) -> Mistake {
    let mistake = Mistake::at(field, "a name with a space needs double quotes");
    let word = field.split_whitespace().last().unwrap_or_default();
    let before = field.trim_end_matches(word).trim_end();
    match (word, rest.trim_start().starts_with("in")) {
        ("not", true) => {
            mistake.hint(&format!("For `not in` write `{before} != value` once for each value."))
        }
        _ => mistake.hint(&format!("`{quoted}{rest}`.")),
    }
}

fn unknown(field: &str, name: &str, rest: &str) -> Mistake {
    let mistake = Mistake::at(field, &format!("there is no field `{name}`"));
    let fields = format!("Fields are {FIELDS}.");
    if name.is_empty() || name == "config" || has_outer_space(name) {
        return mistake.hint(&fields);
    }
    let plain = PLAIN.iter().map(|(known, _)| *known);
    let close = nearest(name, plain).into_iter().next().unwrap_or_default();
    if strsim::normalized_damerau_levenshtein(name, close) >= 0.6 {
        return mistake.hint(&format!("Did you mean `{close}{rest}`? {fields}"));
    }
    let class = classify(name);
    let metric = match class.direction {
        Some(_) => format!(
            "`{}{rest}` or `{}{rest}`",
            Field::call("best", name),
            Field::call("last", name)
        ),
        None => format!("`{}{rest}`", Field::call("last", name)),
    };
    let is_metric_first = class.direction.is_some() && class.role != Role::LearningRate;
    mistake.hint(&match is_metric_first {
        true => {
            format!("For a metric write {metric}, for a config key `config.{name}{rest}`. {fields}")
        }
        false => {
            format!("For a config key write `config.{name}{rest}`, for a metric {metric}. {fields}")
        }
    })
}
