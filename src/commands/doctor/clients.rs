//! Each client's configuration: is the server in it, in a form that the client reads, and is its
//! command there.

use std::path::Path;

use serde_json::Value;

use super::report::Report;
use crate::commands::install::client::{Client, Stale};
use crate::commands::install::clients::CLIENTS;
use crate::commands::install::entry::Entry;
use crate::commands::install::file::ConfigFile;
use crate::commands::install::place::plain;
use crate::commands::install::{NAME, launch, place};

const SECTION: &str = "Clients";

/// A server that a client would start.
#[derive(Debug)]
pub struct Configured {
    pub client: &'static Client,
    pub entry: Entry,
}

/// Answers the servers that can be started.
pub fn examine(report: &mut Report) -> Vec<Configured> {
    let mut servers = Vec::new();
    let (mut without, mut absent) = (Vec::new(), Vec::new());
    for client in CLIENTS {
        for stale in client.stale {
            look_for_stale(client, stale, report);
        }
        match look(client, report) {
            Found::Servers(found) => servers.extend(found),
            Found::Nothing => without.push(client),
            Found::NoClient => absent.push(client.name),
        }
    }
    if !without.is_empty() {
        let names: Vec<&str> = without.iter().map(|client| client.name).collect();
        report.unused(SECTION, format!("Without the server: {}", names.join(", ")));
    }
    if servers.is_empty() {
        let likely =
            without.iter().find(|client| client.installs).map_or("cursor", |client| client.id);
        report.warning(
            SECTION,
            "No client is configured to start the server",
            format!("`mcp-trackio install {likely}`, or `mcp-trackio config` for all clients"),
        );
    }
    if !absent.is_empty() {
        report.unused(SECTION, format!("Not found here: {}", absent.join(", ")));
    }
    servers
}

enum Found {
    Servers(Vec<Configured>),
    Nothing,
    NoClient,
}

fn look(client: &'static Client, report: &mut Report) -> Found {
    let places = place::candidates(&client.files);
    let Some(read) = place::find(&client.files) else { return Found::NoClient };
    for other in places.iter().filter(|path| **path != read) {
        if !servers_in(client, other).unwrap_or_default().is_empty() {
            report.warning(
                SECTION,
                format!(
                    "{}: {} has the server, but {0} reads {}",
                    client.name,
                    plain(other),
                    plain(&read)
                ),
                remedy(client),
            );
        }
    }
    let file = match ConfigFile::read(&read) {
        Ok(file) => file,
        Err(error) => return refused(client, &read, &format!("{error:#}"), report),
    };
    if file.text.is_none() {
        let home = place::home();
        let is_there =
            read.parent().is_some_and(|folder| folder.is_dir() && home.as_deref() != Some(folder))
                || client
                    .own
                    .is_some_and(|own| own.add.first().is_some_and(|p| which::which(p).is_ok()));
        return if is_there && !is_guest(client) { Found::Nothing } else { Found::NoClient };
    }
    let servers = match ours(client, &file) {
        Ok(servers) => servers,
        Err(error) => return refused(client, &read, &format!("{error:#}"), report),
    };
    if let Some(fault) = client.format.fault(&file, client.key, client.reads) {
        return refused(client, &read, &fault, report);
    }
    if servers.is_empty() {
        return if is_guest(client) { Found::NoClient } else { Found::Nothing };
    }
    if servers.len() > 1 {
        let names: Vec<&str> = servers.iter().map(|(name, _)| name.as_str()).collect();
        report.warning(
            SECTION,
            format!("{}: several servers start mcp-trackio: {}", client.name, names.join(", ")),
            format!("A model gets every tool that often; `mcp-trackio uninstall {} --name …` takes one out", client.id),
        );
    }
    let checked =
        servers.into_iter().filter_map(|(name, value)| check(client, &read, &name, &value, report));
    Found::Servers(checked.collect())
}

/// A file that the client cannot read.
fn refused(client: &Client, path: &Path, why: &str, report: &mut Report) -> Found {
    report.bad(
        SECTION,
        format!("{}: {} cannot be read: {why}", client.name, plain(path)),
        format!("Mend the file; {} cannot read it either", client.name),
    );
    Found::Servers(Vec::new())
}

/// Whether a client has its settings in those of an editor, whose file then says nothing of it.
fn is_guest(client: &Client) -> bool {
    client.key.starts_with("cody.")
}

fn servers_in(client: &Client, path: &Path) -> anyhow::Result<Vec<(String, Value)>> {
    ours(client, &ConfigFile::read(path)?)
}

/// The servers of a file that are mcp-trackio, or have its name and start something.
fn ours(client: &Client, file: &ConfigFile) -> anyhow::Result<Vec<(String, Value)>> {
    let servers = client.format.servers(file.body(), client.key)?;
    let is_ours = |name: &str, value: &Value| {
        Entry::of(value).is_some_and(|entry| entry.is_ours() || name == NAME)
    };
    Ok(servers.into_iter().filter(|(name, value)| is_ours(name, value)).collect())
}

/// One server: a line, and the server if it can be started.
fn check(
    client: &'static Client,
    path: &Path,
    name: &str,
    value: &Value,
    report: &mut Report,
) -> Option<Configured> {
    let entry = Entry::of(value)?;
    let what = format!("{}: `{name}` in {}", client.name, plain(path));
    let flag = |key: &str| value.get(key).and_then(Value::as_bool);
    if flag("disabled") == Some(true) || flag("enabled") == Some(false) {
        report.warning(
            SECTION,
            format!("{what} is switched off"),
            format!("Switch it on in {}", client.name),
        );
        return None;
    }
    let Ok(program) = which::which(&entry.command) else {
        report.bad(
            SECTION,
            format!("{what}: there is no program {}", entry.command),
            remedy(client),
        );
        return None;
    };
    let is_bare = !entry.command.contains(['/', '\\']);
    if launch::is_in_uvs_cache(&program) && !entry.command.ends_with("uvx") {
        report.warning(
            SECTION,
            format!("{what}: {} is in uv's cache, and goes when that is cleaned", entry.command),
            format!("`uv tool install mcp-trackio`, then {}", remedy(client)),
        );
    } else if is_bare && client.is_desktop {
        report.warning(
            SECTION,
            format!("{what}: started from the desktop, it may not find `{}`", entry.command),
            format!("Write {} as the command, or {}", plain(&program), remedy(client)),
        );
    } else {
        report.good(SECTION, what);
    }
    Some(Configured { client, entry })
}

fn look_for_stale(client: &Client, stale: &Stale, report: &mut Report) {
    for path in place::candidates(&stale.files) {
        let Ok(file) = ConfigFile::read(&path) else { continue };
        let Ok(settings) = stale.format.parse(file.body()) else { continue };
        let settings = Value::Object(settings);
        // `mcp/servers` also stands as the one key `mcp.servers`.
        let flat = stale.key.replace('/', ".");
        let nested = stale.key.split('/').try_fold(&settings, |value, key| value.get(key));
        let found = nested.or_else(|| settings.get(&flat));
        if found.is_some_and(|found| found.to_string().contains("mcp-trackio")) {
            report.warning(
                SECTION,
                format!(
                    "{}: the server in {} is not read: {}",
                    client.name,
                    plain(&path),
                    stale.why
                ),
                remedy(client),
            );
        }
    }
}

fn remedy(client: &Client) -> String {
    let verb = if client.installs { "install" } else { "config" };
    format!("`mcp-trackio {verb} {}`", client.id)
}
