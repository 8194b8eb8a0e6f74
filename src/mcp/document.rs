//! What is said about prompts and resources, made from their registries.

use super::prompts::PROMPTS;
use crate::tools::common::address::TEMPLATES;

/// The table of prompts.
pub fn prompts() -> String {
    let mut text = String::from("| prompt | what it is for | arguments |\n|---|---|---|\n");
    for prompt in PROMPTS {
        let arguments = prompt.arguments.iter();
        let arguments: Vec<String> =
            arguments.map(|argument| format!("`{}?`: {}", argument.name, argument.about)).collect();
        let arguments = arguments.join("<br>");
        text.push_str(&format!("| `{}` | {} | {arguments} |\n", prompt.name, prompt.about));
    }
    text
}

/// The table of resources.
pub fn resources() -> String {
    let mut text = String::from("| address | what stands there | type |\n|---|---|---|\n");
    for template in &TEMPLATES {
        let (uri, about, mime) = (template.uri, template.about, template.mime);
        text.push_str(&format!("| `{uri}` | {about} | {mime} |\n"));
    }
    text
}
