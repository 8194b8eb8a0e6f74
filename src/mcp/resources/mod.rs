//! Resources: what a client can read, keep and watch beside the tools.

pub mod csv;
mod list;
mod state;

pub use list::list;
pub use state::{State, state};

use rmcp::model::{Resource, ResourceContents, ResourceTemplate};
use serde_json::{Map, Value, json};

use crate::tools::common::Failure;
use crate::tools::common::address::{Address, TEMPLATES, Values};
use crate::tools::common::budget::MOST_TOKENS;
use crate::tools::{self, Surroundings};
use crate::visible::{visible, with_hidden};

/// More projects than any answer holds.
const MOST_PROJECTS: usize = 500;

/// Reads a resource.
pub fn read(surroundings: &Surroundings, uri: &str) -> Result<Vec<ResourceContents>, Failure> {
    let address = Address::parse(uri)?;
    let (tool, arguments) = match &address {
        Address::Projects => ("get_all_projects", json!({"limit": MOST_PROJECTS})),
        Address::Guide(topic) => ("get_guide", json!({"topic": topic})),
        Address::Project(project) => ("get_project_summary", json!({"project": project})),
        Address::Run { project, run } => {
            ("get_run_summary", json!({"project": project, "run": run}))
        }
        Address::Values(values) => {
            let as_given = read_values(surroundings, uri, values);
            return as_given.or_else(|failure| match with_hidden_characters(values) {
                Some(values) => read_values(surroundings, uri, &values),
                None => Err(failure),
            });
        }
    };
    let text = told(surroundings, tool, arguments)?;
    Ok(vec![ResourceContents::text(text, uri).with_mime_type(address.mime())])
}

/// The same with the hidden characters that completion shows as escapes.
fn with_hidden_characters(values: &Values) -> Option<Values> {
    let name = |name: &str| with_hidden(name).into_owned();
    let (project, run) = (name(&values.project), name(&values.run));
    let other = Values { project, run, metric: name(&values.metric), ..values.clone() };
    (other != *values).then_some(other)
}

/// What a tool says, in as many words as it may: who reads a resource has asked for it.
fn told(surroundings: &Surroundings, tool: &str, arguments: Value) -> Result<String, Failure> {
    let Some(tool) = tools::find(tool) else {
        return Err(Failure(format!("There is no tool {tool}; this is a bug.")));
    };
    let mut arguments = match arguments {
        Value::Object(arguments) => arguments,
        _ => Map::new(),
    };
    arguments.insert("max_tokens".to_owned(), MOST_TOKENS.into());
    Ok(tool.call(surroundings, arguments)?.text)
}

fn read_values(
    surroundings: &Surroundings,
    uri: &str,
    values: &Values,
) -> Result<Vec<ResourceContents>, Failure> {
    let part = csv::read(&surroundings.context(), values, csv::MOST_BYTES)?;
    let table = ResourceContents::text(part.text, uri).with_mime_type("text/csv");
    let Some(next_row) = part.next_row else { return Ok(vec![table]) };
    // A line within the table would be no row of it.
    let next = Address::Values(Values { from_row: next_row, ..values.clone() }).to_string();
    let note =
        format!("Rows {} to {}; more follow in the resource {next}", values.from_row, next_row - 1);
    Ok(vec![table, ResourceContents::text(note, next)])
}

/// The kinds of resources, for the list of templates.
pub fn templates() -> Vec<ResourceTemplate> {
    let with_names = TEMPLATES.iter().filter(|template| template.uri.contains('{'));
    with_names
        .map(|template| {
            ResourceTemplate::new(template.uri, template.name)
                .with_description(template.about)
                .with_mime_type(template.mime)
        })
        .collect()
}

/// The resource of an address, as a list or an answer shows it.
pub fn link(address: &Address) -> Resource {
    let name = match address {
        Address::Projects => "projects",
        Address::Guide(topic) => topic,
        Address::Project(project) => project,
        Address::Run { run, .. } => run,
        Address::Values(values) => &values.metric,
    };
    Resource::new(address.to_string(), visible(name)).with_mime_type(address.mime())
}
