//! What the tools share that speak to a server.

use super::answer::Failure;
use super::context::Context;
use super::edit::unnoted;
use super::text;
use crate::journal::Draft;
use crate::remote::{Client, Error};

/// The server that a tool may speak to.
pub fn server(context: &Context, tool: &str, named: Option<&str>) -> Result<Client, Failure> {
    let chosen = context.permission.grant(tool)?.remote.choose(named);
    chosen.map_err(|problem| Failure(format!("Nothing was sent. {}", text::visible(&problem))))
}

/// Notes what is about to be sent.
pub fn note(
    context: &Context,
    tool: &str,
    project: &str,
    did: String,
    undo: &str,
) -> Result<(), Failure> {
    let journal = &context.permission.grant(tool)?.journal;
    let draft = Draft {
        at: context.now,
        tool,
        directory: &context.store.directory().path,
        project,
        did,
        undo: Some(undo.to_owned()),
        undoes: None,
    };
    journal.append(draft).map(drop).map_err(|error| unnoted(journal, &error))
}

/// What a server's refusal means for the caller.
pub fn failure(client: &Client, error: &Error) -> Failure {
    let words = text::visible(&text::cut(&error.to_string(), 400)).into_owned();
    let words = words.trim_end_matches('.');
    let next = match error {
        // What it says is about itself.
        Error::Refused { status: 500.., .. } => "",
        Error::Refused { .. } if client.has_token() => {
            " Check TRACKIO_WRITE_TOKEN (HF_TOKEN for a Space) in the client's configuration: it \
             must be the server's."
        }
        Error::Refused { .. } => {
            " The user must set TRACKIO_WRITE_TOKEN (HF_TOKEN for a Space) in the client's \
             configuration; `trackio show` prints it."
        }
        _ => " Check that the server runs and its address.",
    };
    Failure(format!("{} did not do it: {words}.{next}", client.address))
}
