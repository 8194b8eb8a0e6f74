//! What a client does: start the configured command, shake hands, ask.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};

use super::clients::Configured;
use super::report::Report;
use crate::commands::install::entry::Entry;
use crate::commands::install::{place, quote};
use crate::commands::session::Session;
use crate::tools::common::shape::counted;
use crate::trackio::Store;

const SECTION: &str = "Server";

/// `uvx` may have to fetch the package first.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a client hands on, where it hands on little.
const PASSED_ON: &[&str] = &[
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "TMPDIR",
    "LANG",
    // Windows programs do not start without these.
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "TEMP",
    "TMP",
    "PATHEXT",
    "COMSPEC",
    "PROGRAMFILES",
];

/// The `PATH` of what the desktop of a system starts; `None`: the user's own.
fn desktop_path(system: &str) -> Option<&'static str> {
    match system {
        "windows" => None,
        // launchd's: neither Homebrew nor `/usr/local/bin` is on it.
        "macos" => Some("/usr/bin:/bin:/usr/sbin:/sbin"),
        _ => Some("/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"),
    }
}

/// What a server said of itself.
struct Answer {
    version: String,
    tools: usize,
    took: Duration,
    directory: String,
    projects: u64,
}

/// Starts each different command once; this program itself, where no client is configured.
pub fn examine(servers: &[Configured], store: &Store, report: &mut Report) {
    let mut starts: BTreeMap<String, (Vec<&str>, &Entry, bool)> = BTreeMap::new();
    for Configured { client, entry } in servers {
        let key = format!("{entry:?} {}", client.is_desktop);
        let (names, ..) = starts.entry(key).or_insert((Vec::new(), entry, client.is_desktop));
        names.push(client.name);
    }
    for (names, entry, is_desktop) in starts.into_values() {
        tell(&names.join(", "), ask(entry, is_desktop), entry, store, report);
    }
    if servers.is_empty()
        && let Ok(own) = env::current_exe()
    {
        let directory = store.directory().path.display().to_string();
        let entry = Entry {
            command: own.display().to_string(),
            args: vec!["--dir".to_owned(), directory],
            env: Vec::new(),
        };
        tell("This program", ask(&entry, false), &entry, store, report);
    }
}

fn tell(
    who: &str,
    answer: anyhow::Result<Answer>,
    entry: &Entry,
    store: &Store,
    report: &mut Report,
) {
    let line = quote::line(&entry.words());
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let remedy = format!(
                "Run it in a terminal to see what it says; it should wait in silence: {}",
                quote::lines(&entry.words())
            );
            return report.bad(SECTION, format!("{who}: `{line}`: {error:#}"), remedy);
        }
    };
    let Answer { version, tools, took, directory, projects } = answer;
    let took = took.as_secs_f64() * 1e3;
    report.good(
        SECTION,
        format!(
            "{who}: `{line}` answers in {took:.0} ms: version {version}, {}, {} in {directory}",
            counted(tools, "tool"),
            counted(usize::try_from(projects).unwrap_or(usize::MAX), "project")
        ),
    );
    let here = &store.directory().path;
    let same = |a: &Path, b: &Path| match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    };
    if !same(Path::new(&directory), here) {
        report.warning(
            SECTION,
            format!("{who}: it reads {directory}, this shell {}", here.display()),
            "Install it again from the shell that you train in, or with --dir",
        );
    }
    if version != env!("CARGO_PKG_VERSION") {
        report.warning(
            SECTION,
            format!("{who}: it starts version {version}, this is {}", env!("CARGO_PKG_VERSION")),
            "`uv tool upgrade mcp-trackio`, or install it again with this program",
        );
    }
}

fn ask(entry: &Entry, is_desktop: bool) -> anyhow::Result<Answer> {
    let start = Instant::now();
    let mut session = Session::open(command(entry, is_desktop)?, TIMEOUT)?;
    let took = start.elapsed();
    let tools = session.list_tools()?.len();
    let settings = session.call("get_settings", json!({}))?.structured.unwrap_or_default();
    let said = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).unwrap_or("unknown").to_owned()
    };
    let info = session.server.get("serverInfo").cloned().unwrap_or_default();
    anyhow::ensure!(
        said(&info, "name") == "mcp-trackio",
        "it is another server: {}",
        said(&info, "name")
    );
    session.close()?;
    Ok(Answer {
        version: said(&info, "version"),
        tools,
        took,
        directory: said(&settings, "directory"),
        projects: settings.get("num_projects").and_then(Value::as_u64).unwrap_or_default(),
    })
}

/// The command with the environment of a client that hands on little, in a folder that says
/// nothing.
fn command(entry: &Entry, is_desktop: bool) -> anyhow::Result<Command> {
    let program =
        which::which(&entry.command).with_context(|| format!("there is no {}", entry.command))?;
    let mut command = Command::new(program);
    command.args(&entry.args).env_clear();
    command.envs(PASSED_ON.iter().filter_map(|name| Some((*name, env::var_os(name)?))));
    let path = desktop_path(env::consts::OS).filter(|_| is_desktop).map(OsString::from);
    command.env("PATH", path.or_else(|| env::var_os("PATH")).unwrap_or_default());
    command.envs(entry.env.iter().map(|(key, value)| (key, value)));
    if let Some(home) = place::home().filter(|home| home.is_dir()) {
        command.current_dir(home);
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desktop_hands_on_the_path_of_its_system() {
        let has_local = |system| desktop_path(system).map(|path| path.contains("/usr/local/bin"));
        assert_eq!(has_local("linux"), Some(true));
        assert_eq!(has_local("macos"), Some(false));
        assert_eq!(has_local("windows"), None);
    }
}
