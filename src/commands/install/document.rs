//! What `config` prints: the list of the clients, and what to write where for one of them.

use super::client::Client;
use super::clients::CLIENTS;
use super::entry::Entry;
use super::{own, place, quote};

/// The clients, one a line.
pub fn list() -> String {
    let mut text = String::new();
    for client in CLIENTS {
        let how = if client.installs { "install, config" } else { "config" };
        text += &format!("{:<15} {:<25} {how}\n", client.id, client.name);
    }
    text + "\n`mcp-trackio install cursor` changes a client's configuration, `mcp-trackio config cursor` prints what it would be.\n"
}

/// What to write where for one client, on this computer.
pub fn config(client: &Client, name: &str, entry: &Entry) -> anyhow::Result<String> {
    let mut text = match place::find(&client.files) {
        Some(path) => format!("{}: {}\n\n", client.name, place::plain(&path)),
        None => format!("{}:\n\n", client.name),
    };
    text += &snippet(client, name, entry)?;
    if let Some(project) = client.project_file {
        text += &format!("\nOr in a project: {project}\n");
    }
    if let Some(own) = client.own {
        let words = own::words(own.add, name, client.shape, entry);
        text += &format!("\nOr by its own command:\n\n{}\n", quote::lines(&words));
    }
    if let Some(link) = client.link.and_then(|link| link.to(name, entry)) {
        text += &format!("\nOr open this link:\n\n{link}\n");
    }
    if !client.note.is_empty() {
        text += &format!("\n{}\n", client.note);
    }
    for stale in client.stale {
        text += &format!("\nOut of date: {}.\n", stale.why);
    }
    Ok(format!("{text}\nSource: {}\n", client.source))
}

/// What to write into a file that holds nothing else.
pub fn snippet(client: &Client, name: &str, entry: &Entry) -> anyhow::Result<String> {
    Ok(client.format.snippet(client.key, name, &entry.value(client.shape, name))?)
}
