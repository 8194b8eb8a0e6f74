//! What the tools share that speak to a server.

use std::sync::Arc;

use super::answer::Failure;
use super::context::Context;
use super::edit::unnoted;
use super::text;
use crate::journal::Draft;
use crate::remote::{Client, Error};

/// At most this many characters of what a server or a model says are repeated.
const MOST_WORDS: usize = 400;

/// The user's server, if that one is named or none.
pub fn server(context: &Context, tool: &str, named: Option<&str>) -> Result<Client, Failure> {
    let stop = context.stop.clone();
    let remote = &context.permission.grant(tool)?.remote;
    let chosen = remote.choose(named, Arc::new(move || stop.is_set()));
    chosen.map_err(|problem| {
        Failure(format!("Nothing was sent. {}", text::visible(&text::cut(&problem, MOST_WORDS))))
    })
}

/// The server's version, after it has shown that it is a Trackio server that takes writes.
pub fn greet(client: &Client) -> Result<String, Failure> {
    match client.greet() {
        Ok(version) => Ok(text::visible(&version).into_owned()),
        Err(error) => Err(failure(client, &error)),
    }
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
    let words = text::visible(&text::cut(&error.to_string(), MOST_WORDS)).into_owned();
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
        Error::Silent(_) | Error::Late(_) | Error::Stopped => {
            " What was sent before that may have arrived, and the server may still be working on it."
        }
        _ => " Check that the server runs and its address.",
    };
    Failure(format!("{} did not do it: {words}.{next}", client.address))
}
