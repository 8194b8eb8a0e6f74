//! `get_guide`: which tool answers which question.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::curves::{self, VERDICTS};
use super::common::nearest::{nearest, quoted};
use super::common::{Answer, Context, Failure, Output, text};
use super::{Category, TOOLS, Tool, document};

pub struct GetGuide;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    /// A category, a tool, or curves; default: the overview.
    topic: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct Guide {
    topic: String,
    text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topics: Vec<Topic>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Topic {
    name: &'static str,
    about: String,
}

impl Tool for GetGuide {
    const NAME: &'static str = "get_guide";
    const TITLE: &'static str = "Guide to the tools";
    const CATEGORY: Category = Category::Guide;
    const ABOUT: &'static str = "Which tool answers which question, by category or tool; \
        topic curves explains the verdicts on training curves.";
    type Args = Args;
    type Output = Guide;

    fn run(_: &Context, args: Args) -> Result<Answer<Guide>, Failure> {
        let topic = args.topic.unwrap_or_default();
        let name = topic.trim().to_lowercase();
        if name.is_empty() || name == "overview" {
            return Ok(Answer::new(overview()));
        }
        if name == curves::TOPIC {
            return Ok(Answer::new(of_curves()));
        }
        let category = Category::ALL.into_iter().find(|category| category.as_str() == name);
        let guide = category.map(of_category).or_else(|| of_tool(&name));
        let guide = guide.or_else(|| of_words(&topic));
        guide.map(Answer::new).ok_or_else(|| unknown(&topic))
    }
}

impl Output for Guide {
    fn headline(&self) -> String {
        format!("Guide: {}.", self.topic)
    }

    fn shrink(&mut self, _: f64) -> bool {
        self.topics.len() > 1 && self.topics.pop().is_some()
    }
}

fn overview() -> Guide {
    let topics = Category::ALL.into_iter();
    Guide {
        topic: "overview".to_owned(),
        text: "Find the category, then its tool.".to_owned(),
        topics: topics.map(|c| Topic { name: c.as_str(), about: c.guide().to_owned() }).collect(),
    }
}

fn of_category(category: Category) -> Guide {
    let tools = TOOLS.iter().filter(|tool| tool.category() == category);
    Guide {
        topic: category.as_str().to_owned(),
        text: category.guide().to_owned(),
        topics: tools
            .map(|tool| Topic { name: tool.name(), about: tool.about().to_owned() })
            .collect(),
    }
}

/// What the verdicts of diagnose_run mean.
fn of_curves() -> Guide {
    let topics = VERDICTS.iter();
    Guide {
        topic: curves::TOPIC.to_owned(),
        text: "A verdict rests on the size of an effect, its noise and its persistence together. \
               A gradient norm above 10 is a fact, not a fault: trainers log it before clipping."
            .to_owned(),
        topics: topics
            .map(|explained| Topic { name: explained.verdict, about: explained.text() })
            .collect(),
    }
}

fn of_tool(name: &str) -> Option<Guide> {
    let tool = super::find(name)?;
    let text = [tool.about(), tool.guide()].join(" ").trim().to_owned();
    Some(Guide { topic: name.to_owned(), text, topics: Vec::new() })
}

/// Words of users, and those that the guide has for them.
const SYNONYMS: &[(&str, &str)] = &[
    ("learning rate", "lr"),
    ("nan", "non finite"),
    ("inf", "non finite"),
    ("overfit", "overfitting"),
    ("divergence", "diverged"),
    ("diverging", "diverged"),
    ("stuck", "plateau"),
    ("underfitting", "not learning"),
    ("hyperparameter", "config"),
    ("hyperparameters", "config"),
    ("remaining", "eta"),
    ("database", "sql"),
    ("warning", "alerts"),
    ("warnings", "alerts"),
];

/// So many places are named for a word.
const MOST_PLACES: usize = 5;

/// Where the guide speaks of the topic: of all of it, or else of one of its words.
fn of_words(topic: &str) -> Option<Guide> {
    let whole = plain(topic);
    if whole.trim().is_empty() {
        return None;
    }
    let synonym = SYNONYMS.iter().find(|(word, _)| *word == whole.trim());
    let whole = synonym.map_or(whole, |(_, meant)| plain(meant));
    let mut places = places(std::slice::from_ref(&whole));
    if places.is_empty() {
        let words = whole.split_whitespace().filter(|word| word.len() > 2);
        places = self::places(&words.map(plain).collect::<Vec<_>>());
    }
    (!places.is_empty()).then(|| Guide {
        topic: topic.to_owned(),
        text: "Where the guide speaks of it: verdicts of diagnose_run, and tools.".to_owned(),
        topics: places,
    })
}

/// The verdicts and tools that speak of some of these words, those that say most of them first.
fn places(phrases: &[String]) -> Vec<Topic> {
    let verdicts = VERDICTS.iter().map(|explained| {
        let score = score(phrases, explained.verdict, explained.meaning);
        (score, Topic { name: explained.verdict, about: explained.text() })
    });
    let tools = TOOLS.iter().map(|tool| {
        let about = tool.about();
        let arguments = tool.input_schema().get("properties").cloned().unwrap_or_default();
        let score = score(phrases, about, &format!("{} {arguments}", tool.guide()));
        (score, Topic { name: tool.name(), about: about.to_owned() })
    });
    let mut places: Vec<(usize, Topic)> =
        tools.chain(verdicts).filter(|(score, _)| *score > 0).collect();
    places.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    places.into_iter().take(MOST_PLACES).map(|(_, topic)| topic).collect()
}

/// What a place is for weighs more than what it says in passing.
fn score(phrases: &[String], purpose: &str, rest: &str) -> usize {
    let (purpose, rest) = (plain(purpose), plain(rest));
    let weight = |phrase: &String| match (purpose.contains(phrase), rest.contains(phrase)) {
        (true, _) => 2,
        (false, true) => 1,
        (false, false) => 0,
    };
    phrases.iter().map(weight).sum()
}

/// Lower case, one space around each word: whole words are found as parts.
fn plain(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let words: String = words.map(|word| format!("{} ", word.to_lowercase())).collect();
    format!(" {words}")
}

fn unknown(topic: &str) -> Failure {
    Failure(format!(
        "There is no guide to `{}`. Nearest: {}. Without a topic get_guide gives the overview.",
        text::visible(&text::cut(topic, 80)),
        quoted(&nearest(topic, document::topics()))
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_users_lead_to_a_place() {
        let cases = [
            ("overfitting", "diagnose_run"),
            ("Overfitting", "overfitting"),
            ("ETA", "get_run_summary"),
            ("learning rate", "lr_too_low"),
            ("lr", "lr_too_low"),
            ("nan", "non_finite"),
            ("gpu", "get_system_logs"),
            ("hyperparameters", "get_project_summary"),
            ("step 3000", "get_snapshot"),
            ("best checkpoint", "find_artifacts"),
        ];
        for (topic, expected) in cases {
            let guide = of_words(topic).expect(topic);
            let names: Vec<&str> = guide.topics.iter().map(|topic| topic.name).collect();
            assert!(names.contains(&expected), "{topic}: {names:?}");
        }
        assert!(of_words("xyzzy").is_none());
        assert!(of_words("").is_none());
    }
}
