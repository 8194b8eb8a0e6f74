//! What is said about the clients: the list and the snippets that `config` prints, and the page
//! docs/clients.md.

use super::client::{Client, Stale};
use super::clients::{CLIENTS, OTHER};
use super::entry::Entry;
use super::{NAME, own, place};

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
        Some(path) => format!("{}: {}\n\n", client.name, path.display()),
        None => format!("{}:\n\n", client.name),
    };
    text += &snippet(client, name, entry)?;
    if let Some(project) = client.project_file {
        text += &format!("\nOr in a project: {project}\n");
    }
    if let Some(own) = client.own {
        let words = own::words(own.add, name, client.shape, entry);
        text += &format!("\nOr by its own command:\n\n{}\n", own::line(&words));
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

/// docs/clients.md.
pub fn page() -> String {
    let mut text = String::from(
        "# Clients\n\nThis page is made from the table in `src/commands/install/clients.rs`.\n\n\
         `mcp-trackio install cursor codex` adds the server to these clients, `mcp-trackio uninstall cursor` takes it out. Only the one\n\
         entry changes: comments, order and other servers stay, a copy of the file as it was is kept beside it (`….before-mcp-trackio`), and a\n\
         file that cannot be parsed is left alone. Where the client is there with a command of its own, that command is used (`--edit` changes\n\
         the file instead). `--dry-run` shows the change and makes none. `mcp-trackio config cursor` prints what to write, for every client here.\n\
         `mcp-trackio doctor` tells whether it works.\n\n\
         - `--uvx` has the client start `uvx mcp-trackio` instead of this program.\n\
         - `TRACKIO_DIR` and `HF_HOME` of the shell, and `--dir`, go into the entry: clients often do not pass the shell's variables on.\n\
         - `--env NAME=VALUE` adds a variable, `--name` gives the server another name than `trackio`, `--file` names another file (a project's, say).\n\
         - What stands after `--` goes to the server: `mcp-trackio install cursor -- --toolsets runs,metrics`.\n\
         - What you have added to an entry yourself stays when `install` runs again.\n\n\
         The snippets use `uvx`. Applications that start from the desktop often do not have the shell's `PATH`; for them `install` writes the\n\
         whole path of the program. Leave `env` out where the data are in Trackio's default place.\n\n\
         | client | name here | `install` | file | servers stand under |\n|---|---|---|---|---|\n",
    );
    for client in CLIENTS {
        let file = client.files.linux.last().copied().unwrap_or_default();
        let installs = if client.installs { "yes" } else { "prints only" };
        let short = file.rsplit('/').next().unwrap_or(file);
        text += &format!(
            "| [{}](#{}) | `{}` | {installs} | `{short}` | `{}` |\n",
            client.name,
            anchor(client.name),
            client.id,
            client.key
        );
    }
    for client in CLIENTS.iter().chain([&OTHER]) {
        text += &section(client);
    }
    text
}

fn section(client: &Client) -> String {
    let entry = Entry {
        command: "uvx".to_owned(),
        args: vec!["mcp-trackio".to_owned()],
        env: vec![("TRACKIO_DIR".to_owned(), "/path/to/trackio".to_owned())],
    };
    let mut text = format!("\n## {}\n\n", client.name);
    for (system, places, is_windows) in [
        ("Linux", client.files.linux, false),
        ("macOS", client.files.mac, false),
        ("Windows", client.files.windows, true),
    ] {
        let places: Vec<String> =
            places.iter().map(|place| format!("`{}`", place::shown(place, is_windows))).collect();
        if !places.is_empty() {
            text += &format!("- {system}: {}\n", places.join(", else "));
        }
    }
    if let Some(project) = client.project_file {
        text += &format!("- in a project: `{project}`\n");
    }
    let snippet = snippet(client, NAME, &entry).unwrap_or_default();
    text += &format!("\n```{}\n{}\n```\n", client.format.language(), snippet.trim_end());
    let plain = Entry { env: Vec::new(), ..entry.clone() };
    if let Some(own) = client.own {
        let words = |template| own::line(&own::words(template, NAME, client.shape, &entry));
        text += &format!("\nBy its own command:\n\n```sh\n{}\n", words(own.add));
        if let Some(remove) = own.remove {
            text += &format!("{}\n", words(remove));
        }
        text += "```\n";
    }
    if let Some(link) = client.link.and_then(|link| link.to(NAME, &plain)) {
        text += &format!("\nBy a link, to paste into a browser:\n\n```text\n{link}\n```\n");
    }
    if !client.note.is_empty() {
        text += &format!("\n{}\n", client.note);
    }
    for Stale { why, .. } in client.stale {
        text += &format!("\nOut of date, and told by `mcp-trackio doctor`: {why}.\n");
    }
    text + &format!("\nSource: <{}>\n", client.source)
}

/// What a forge makes of a heading.
fn anchor(title: &str) -> String {
    let kept = title.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
