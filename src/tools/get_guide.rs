//! `get_guide`: which tool answers which question.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::nearest::{nearest, quoted};
use super::common::{Answer, Context, Failure, Output, text};
use super::{Category, TOOLS, Tool};

pub struct GetGuide;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    /// A category or a tool; default: the overview.
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
    about: &'static str,
}

impl Tool for GetGuide {
    const NAME: &'static str = "get_guide";
    const TITLE: &'static str = "Guide to the tools";
    const CATEGORY: Category = Category::Guide;
    const ABOUT: &'static str = "Which tool answers which question, by category or tool.";
    type Args = Args;
    type Output = Guide;

    fn run(_: &Context, args: Args) -> Result<Answer<Guide>, Failure> {
        let topic = args.topic.unwrap_or_default();
        let name = topic.trim().to_lowercase();
        if name.is_empty() || name == "overview" {
            return Ok(Answer::new(overview()));
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
}

fn overview() -> Guide {
    let topics = Category::ALL.into_iter();
    Guide {
        topic: "overview".to_owned(),
        text: "Find the category, then its tool.".to_owned(),
        topics: topics.map(|c| Topic { name: c.as_str(), about: c.guide() }).collect(),
    }
}

fn of_category(category: Category) -> Guide {
    let tools = TOOLS.iter().filter(|tool| tool.category() == category);
    Guide {
        topic: category.as_str().to_owned(),
        text: category.guide().to_owned(),
        topics: tools.map(|tool| Topic { name: tool.name(), about: tool.about() }).collect(),
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
        .collect();
    Failure(format!(
        "There is no guide to `{}`. Nearest: {}. Without a topic get_guide gives the overview.",
        text::visible(&text::cut(topic, 80)),
        quoted(&nearest(topic, names.iter().copied()))
    ))
}
