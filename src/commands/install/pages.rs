//! The pages about the clients: docs/clients.md, and docs/clients/ with one for each. A test
//! compares them with what is there, so what the table says is what people read.

use super::client::{Client, Stale};
use super::clients::{CLIENTS, OTHER};
use super::document::snippet;
use super::entry::Entry;
use super::quote::Shell;
use super::{NAME, own, place};

const INTRODUCTION: &str = "# Clients

This page and those of the clients are made from the table in `src/commands/install/clients.rs`.

```sh
mcp-trackio install cursor codex   # adds the server to these clients
mcp-trackio doctor                 # tells whether it works
mcp-trackio uninstall cursor       # takes it out of one
mcp-trackio config goose           # prints what to write, for every client here
```

Only the one entry changes: comments, order and other servers stay, a copy of the file as it was is kept beside it
(`….before-mcp-trackio`), and a file that cannot be parsed is left alone. Where the client is there with a command of its own, that
command is used (`--edit` changes the file instead). `--dry-run` shows the change and makes none. A link is followed and kept; one that leads
to nothing is an error, and so is what is not a regular file. Several `install`s at once wait for each other.

- `--uvx` has the client start `uvx mcp-trackio` instead of this program.
- `TRACKIO_DIR` and `HF_HOME` of the shell, and `--dir`, go into the entry: clients often do not pass the shell's variables on.
- `--env NAME=VALUE` adds a variable, `--name` gives the server another name than `trackio`, `--file` names another file (a project's, say).
- What stands after `--` goes to the server: `mcp-trackio install cursor -- --toolsets runs,metrics`.
- What you have added to an entry yourself stays when `install` runs again.

The snippets on these pages use `uvx`. Applications that start from the desktop often do not have the shell's `PATH`; for them `install`
writes the whole path of the program. Leave `TRACKIO_DIR` out where the data are in Trackio's default place.

| client | name here | `install` | file | servers stand under |
|---|---|---|---|---|
";

/// What real clients said, which is not in the code, stands below this.
const TRIED: &str = "
## Tried

What these said when `.ci/clients` last asked them: each installed from its registry, with a home of its own, configured by `install`
(OpenCode and OpenHands by what `config` prints), without a key. The others have no command that starts a server without a window or an
account; what stands in their files is started by the Python client, the Inspector and fastmcp (`.ci/run python inspector fastmcp`).

";

/// docs/clients.md. `tried` is what real clients said, as it stands there.
pub fn overview(tried: &str) -> String {
    let mut text = String::from(INTRODUCTION);
    for client in CLIENTS {
        let file = client.files.linux.last().copied().unwrap_or_default();
        let installs = if client.installs { "yes" } else { "prints only" };
        let short = file.rsplit('/').next().unwrap_or(file);
        text += &format!(
            "| [{}](clients/{}.md) | `{}` | {installs} | `{short}` | `{}` |\n",
            client.name, client.id, client.id, client.key
        );
    }
    text += &format!("\n## {}\n\n{}\n{}\n", OTHER.name, OTHER.note, fenced_snippet(&OTHER));
    text += &format!("\nSource: <{}>\n", OTHER.source);
    text + &format!("{TRIED}<!-- tried:begin -->\n{tried}<!-- tried:end -->\n")
}

/// The pages of the single clients: the name of the file under docs/clients, and its text.
pub fn single() -> Vec<(String, String)> {
    CLIENTS.iter().map(|client| (format!("{}.md", client.id), page(client))).collect()
}

fn page(client: &Client) -> String {
    let Client { id, name, .. } = client;
    let mut text = format!(
        "# {name}\n\n[All clients](../clients.md) · [Troubleshooting](../troubleshooting.md)\n\n```sh\n"
    );
    text += &match client.installs {
        true => {
            let line = |command: String, does| format!("mcp-trackio {command:<31} # {does}\n");
            line(format!("install {id} --dry-run"), "shows the change and makes none")
                + &line(format!("install {id}"), "makes it")
                + &line("doctor".to_owned(), "tells whether it works")
                + &line(format!("uninstall {id}"), "takes it back")
        }
        false => format!("mcp-trackio config {id}   # prints the following for this computer\n"),
    };
    text += "```\n\n## The file\n\n";
    text += &places(client);
    text += &fenced_snippet(client);
    text += "\nLeave `TRACKIO_DIR` out where the data are in Trackio's default place.\n";
    text += &commands(client);
    if let Some(link) = client.link.and_then(|link| link.to(NAME, &entry(false))) {
        text += &format!("\n## A link\n\nTo paste into a browser:\n\n```text\n{link}\n```\n");
    }
    text += "\n## Does it work?\n\n";
    text += &match client.check {
        "" => "Ask it \"How is my run doing?\".\n".to_owned(),
        check => format!("{check}\n\nThen ask \"How is my run doing?\".\n"),
    };
    if !client.note.is_empty() || !client.stale.is_empty() {
        text += "\n## To know\n";
    }
    if !client.note.is_empty() {
        text += &format!("\n{}\n", client.note);
    }
    for Stale { why, .. } in client.stale {
        text += &format!("\nOut of date, and told by `mcp-trackio doctor`: {why}.\n");
    }
    text + &format!("\nSource: <{}>\n", client.source)
}

/// Where the file is on each system, and in a project.
fn places(client: &Client) -> String {
    let mut text = String::new();
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
    text
}

fn fenced_snippet(client: &Client) -> String {
    let snippet = snippet(client, NAME, &entry(true)).unwrap_or_default();
    format!("\n```{}\n{}\n```\n", client.format.language(), snippet.trim_end())
}

/// The client's own commands, where it has some.
fn commands(client: &Client) -> String {
    let Some(own) = client.own else { return String::new() };
    let words =
        |template| Shell::Posix.line(&own::words(template, NAME, client.shape, &entry(true)));
    let mut text = format!("\n## By its own command\n\n```sh\n{}\n", words(own.add));
    if let Some(remove) = own.remove {
        text += &format!("{}\n", words(remove));
    }
    text + "```\n"
}

/// The entry that the pages show. A link cannot know the reader's directory.
fn entry(with_directory: bool) -> Entry {
    let directory = ("TRACKIO_DIR".to_owned(), "/path/to/trackio".to_owned());
    Entry {
        command: "uvx".to_owned(),
        args: vec!["mcp-trackio".to_owned()],
        env: with_directory.then_some(directory).into_iter().collect(),
    }
}
