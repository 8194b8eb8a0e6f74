//! `get_guide`: which tool answers which question.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::curves::VERDICTS;
use super::common::nearest::{nearest, quoted};
use super::common::{Answer, Context, Failure, Output, text};
use super::{Category, TOOLS, Tool};

pub struct GetGuide;

/// The topic that explains the verdicts.
const CURVES: &str = "curves";

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
        if name == CURVES {
            return Ok(Answer::new(of_curves()));
        }
        let category = Category::ALL.into_iter().find(|category| category.as_str() == name);
        let guide = category.map(of_category).or_else(|| of_tool(&name));
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
        topic: CURVES.to_owned(),
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

fn unknown(topic: &str) -> Failure {
    let names: Vec<&str> = Category::ALL
        .into_iter()
        .map(Category::as_str)
        .chain(TOOLS.iter().map(|tool| tool.name()))
        .chain([CURVES])
        .collect();
    Failure(format!(
        "There is no guide to `{}`. Nearest: {}. Without a topic get_guide gives the overview.",
        text::visible(&text::cut(topic, 80)),
        quoted(&nearest(topic, names.iter().copied()))
    ))
}
