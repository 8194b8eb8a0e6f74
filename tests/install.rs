//! `install`, `uninstall` and `config` on files as the clients write them.
//!
//! `tests/clients` holds a file for each client: where its form was taken from, a configuration as
//! a user may have it, the same with the server in it, and the one that is written where there was
//! none. `UPDATE_SNAPSHOTS=1 cargo test --test install` rewrites the last two.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
#[cfg(unix)]
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use mcp_trackio::commands::install::client::Client;
use mcp_trackio::commands::install::clients::CLIENTS;
use serde_json::{Value, json};
use support::{Fixture, at_home, cleared, tests_file};

const BINARY: &str = env!("CARGO_BIN_EXE_mcp-trackio");

/// Trackio's directory, as Linux writes it.
const DATA: &str = "/data/trackio";

/// An absolute path as this system writes it.
fn native(path: &str) -> String {
    if cfg!(windows) { format!("C:{}", path.replace('/', "\\")) } else { path.to_owned() }
}

/// This program, as `install` writes it.
fn program() -> String {
    absolute(BINARY).unwrap().into_os_string().into_string().unwrap()
}

/// A text with the program and Trackio's directory as Linux spells them, as the snapshots do.
fn as_on_linux(text: &str) -> String {
    if !cfg!(windows) {
        return text.to_owned();
    }
    let paths = [("command", program(), BINARY), ("TRACKIO_DIR", native(DATA), DATA)];
    paths.iter().fold(text.to_owned(), |text, (key, path, name)| {
        let (in_json, quoted) = (json!(path).to_string(), format!("\"{name}\""));
        // YAML needs quotes for these paths only, TOML takes others.
        let text = text.replace(&format!("{key}: {in_json}"), &format!("{key}: {name}"));
        let text = text.replace(&in_json, &quoted).replace(&format!("'{path}'"), &quoted);
        text.replace(&path.replace('\\', "\\\\"), name).replace(path, name)
    })
}

/// The places of a client's file here that no variable or folder has to be there for.
fn file_of(client: &Client) -> &'static str {
    client.files.here().last().unwrap()
}

/// A home directory with nothing in it, and no client's program on the path.
struct Home {
    folder: Fixture,
}

impl Home {
    fn new() -> Self {
        let mut folder = Fixture::empty();
        if !cfg!(windows) {
            // macOS reaches its temporary files over a link, which a program's own folder names not.
            folder.dir = folder.dir.canonicalize().unwrap();
        }
        fs::create_dir(folder.dir.join("bin")).unwrap();
        Self { folder }
    }

    fn path(&self, relative: &str) -> PathBuf {
        let (root, relative) = match relative.strip_prefix("%APPDATA%/") {
            Some(relative) => (self.folder.dir.join("AppData").join("Roaming"), relative),
            None => (self.folder.dir.clone(), relative.trim_start_matches("~/")),
        };
        root.join(relative.replace('/', std::path::MAIN_SEPARATOR_STR))
    }

    fn write(&self, relative: &str, text: &str) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A program that is only looked for.
    fn program(&self, name: &str) -> PathBuf {
        let (end, script) = match cfg!(windows) {
            true => (".cmd", "@exit /b 1\r\n"),
            false => ("", "#!/bin/sh\nexit 1\n"),
        };
        let path = self.write(&format!("bin/{name}{end}"), script);
        set_mode(&path, 0o755);
        path
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = cleared(program);
        at_home(&mut command, &self.folder.dir).env("PATH", self.path("bin"));
        command.current_dir(&self.folder.dir);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(BINARY);
        command.env("TRACKIO_DIR", native(DATA)).args(arguments).output().unwrap()
    }

    /// Runs and has to succeed; what it printed.
    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs and has to fail; what it said.
    #[track_caller]
    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Every file, with its bytes, but for the lock that `install` leaves beside the journal.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        fn visit(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    visit(&path, files);
                } else {
                    files.insert(path.clone(), fs::read(&path).unwrap());
                }
            }
        }
        let mut files = BTreeMap::new();
        visit(&self.folder.dir, &mut files);
        files.retain(|path, _| path.file_name() != Some(OsStr::new("install.lock")));
        files
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Windows has no such rights.
#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) {}

/// A file of `tests/clients`.
struct Snapshot {
    client: String,
    source: String,
    file: String,
    sections: BTreeMap<String, String>,
}

impl Snapshot {
    fn all() -> Vec<Self> {
        let mut paths: Vec<PathBuf> = fs::read_dir(tests_file("clients"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "txt"))
            .collect();
        paths.sort();
        paths.iter().map(|path| Self::parse(&fs::read_to_string(path).unwrap())).collect()
    }

    fn parse(text: &str) -> Self {
        let mut parts = text.split("\n=== ");
        let head: BTreeMap<&str, &str> =
            parts.next().unwrap().lines().filter_map(|line| line.split_once(": ")).collect();
        let sections = parts.map(|part| {
            let (name, body) = part.split_once('\n').unwrap_or((part, ""));
            // The line end before the next mark belongs to the body where the body has one.
            (name.trim().to_owned(), body.to_owned())
        });
        Self {
            client: head["client"].to_owned(),
            source: head["source"].to_owned(),
            file: head["file"].to_owned(),
            sections: sections.collect(),
        }
    }

    /// The text of a section. `{binary}` stands for the program; a body ends with a line end
    /// unless it says `{no line end}`.
    fn section(&self, name: &str) -> String {
        let text = self.sections[name].replace("{binary}", BINARY);
        match text.trim_end().strip_suffix("{no line end}") {
            Some(text) => text.to_owned(),
            None => text.trim_end_matches('\n').to_owned() + "\n",
        }
    }

    /// Where its client's file is on this system.
    fn place(&self) -> &'static str {
        file_of(CLIENTS.iter().find(|client| client.id == self.client).unwrap())
    }

    /// Compares with what was written, or takes it over.
    #[track_caller]
    fn check(&mut self, name: &str, text: &str) {
        let text = as_on_linux(text);
        if std::env::var_os("UPDATE_SNAPSHOTS").is_none() {
            assert_eq!(text, self.section(name), "{} {name}", self.client);
            return;
        }
        let mut body = text.replace(BINARY, "{binary}");
        match body.strip_suffix('\n') {
            Some(lines) => body = lines.to_owned(),
            None => body += "{no line end}",
        }
        // Two tests rewrite parts of one file.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock().unwrap();
        let path = tests_file("clients").join(format!("{}.txt", self.client));
        self.sections = Self::parse(&fs::read_to_string(&path).unwrap()).sections;
        self.sections.insert(name.to_owned(), body);
        let mut file =
            format!("client: {}\nsource: {}\nfile: {}", self.client, self.source, self.file);
        for name in ["before", "after", "fresh"] {
            file += &format!("\n=== {name}\n{}", self.sections[name].trim_end_matches('\n'));
        }
        fs::write(path, file + "\n").unwrap();
    }
}

#[test]
fn every_client_that_is_changed_has_a_snapshot_with_its_source() {
    let snapshots = Snapshot::all();
    let known: Vec<&str> = snapshots.iter().map(|snapshot| snapshot.client.as_str()).collect();
    let mut changed: Vec<&str> =
        CLIENTS.iter().filter(|client| client.installs).map(|client| client.id).collect();
    changed.sort_unstable();
    assert_eq!(known, changed);
    for snapshot in &snapshots {
        let client = CLIENTS.iter().find(|client| client.id == snapshot.client).unwrap();
        assert_eq!(snapshot.source, client.source, "{}", client.id);
        assert_eq!(snapshot.file, *client.files.linux.last().unwrap(), "{}", client.id);
    }
}

#[test]
fn where_there_is_no_file_one_is_written_and_removed_again() {
    for mut snapshot in Snapshot::all() {
        let home = Home::new();
        let client = snapshot.client.clone();
        let before = home.files();
        home.ok(&["install", &client]);
        let text = fs::read_to_string(home.path(snapshot.place())).unwrap();
        snapshot.check("fresh", &text);
        let once = home.files();
        assert!(home.ok(&["install", &client]).contains("nothing to change"), "{client}");
        assert_eq!(home.files(), once, "{client}");
        home.ok(&["uninstall", &client]);
        assert_eq!(home.files(), before, "{client}");
        assert!(home.ok(&["uninstall", &client]).contains("nothing to change"), "{client}");
    }
}

#[test]
fn an_entry_is_added_and_taken_out_and_every_byte_is_as_before() {
    for mut snapshot in Snapshot::all() {
        let text = snapshot.section("before");
        let client = snapshot.client.clone();
        for form in ["plain", "Windows", "marked"] {
            let formed = |text: &str| match form {
                "Windows" => text.replace('\n', "\r\n"),
                "marked" => format!("\u{feff}{text}"),
                _ => text.to_owned(),
            };
            let home = Home::new();
            let path = home.write(snapshot.place(), &formed(&text));
            set_mode(&path, 0o640);
            let rights = fs::metadata(&path).unwrap().permissions();
            let before = home.files();
            let dry = home.ok(&["install", "--dry-run", &client]);
            assert!(dry.contains("trackio") && dry.contains('+'), "{dry}");
            assert_eq!(home.files(), before, "{client} {form}");
            home.ok(&["install", &client]);
            let after = fs::read_to_string(&path).unwrap();
            if form == "plain" {
                snapshot.check("after", &after);
            }
            let expected = formed(&snapshot.section("after"));
            assert_eq!(as_on_linux(&after), expected, "{client} {form}");
            assert_eq!(fs::metadata(&path).unwrap().permissions(), rights, "{client} {form}");
            let once = home.files();
            assert!(home.ok(&["install", &client]).contains("nothing to change"));
            assert_eq!(home.files(), once, "{client} {form}");
            home.ok(&["uninstall", &client]);
            assert_eq!(home.files(), before, "{client} {form}");
        }
    }
}

#[test]
fn what_was_changed_meanwhile_stays_when_the_entry_goes() {
    for snapshot in Snapshot::all() {
        let home = Home::new();
        let path = home.write(snapshot.place(), &snapshot.section("before"));
        home.ok(&["install", &snapshot.client]);
        let comment = match path.extension().unwrap().to_str().unwrap() {
            "json" => "\n\n",
            _ => "\n# later\n",
        };
        let later = fs::read_to_string(&path).unwrap() + comment;
        fs::write(&path, &later).unwrap();
        home.ok(&["uninstall", &snapshot.client]);
        let left = fs::read_to_string(&path).unwrap();
        assert!(left.ends_with(comment), "{left}");
        assert!(!as_on_linux(&left).contains(BINARY), "{left}");
        assert_eq!(home.files().len(), 1, "a copy was left: {:?}", home.files().keys());
    }
}

#[test]
fn a_file_that_does_not_parse_is_refused_and_untouched() {
    for snapshot in Snapshot::all() {
        let broken = match snapshot.file.rsplit('.').next().unwrap() {
            "json" => "{\"mcpServers\": {\"a\": 1,,}\n",
            "toml" => "[mcp_servers\n",
            _ => "mcpServers: [\n  - a\n",
        };
        for text in [broken.as_bytes(), b"\xff\xfe{\0}\0"] {
            let home = Home::new();
            let path = home.path(snapshot.place());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            let before = home.files();
            let said = home.fails(&["install", &snapshot.client]);
            assert!(said.contains("left as it is"), "{said}");
            home.fails(&["uninstall", &snapshot.client]);
            assert_eq!(home.files(), before);
        }
    }
}

#[test]
fn a_server_of_that_name_that_is_another_is_left_alone() {
    let home = Home::new();
    let text = r#"{"mcpServers": {"trackio": {"url": "http://127.0.0.1:7860/gradio_api/mcp"}}}"#;
    let path = home.write(".cursor/mcp.json", text);
    let said = home.fails(&["install", "cursor"]);
    assert!(said.contains("--name"), "{said}");
    home.fails(&["uninstall", "cursor"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    home.ok(&["install", "cursor", "--name", "runs"]);
    home.ok(&["uninstall", "cursor", "--name", "runs"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn what_a_user_added_to_the_entry_stays() {
    let home = Home::new();
    let path = home.write(
        ".cursor/mcp.json",
        r#"{"mcpServers": {"trackio": {
            "command": "uvx", // fetched
            "args": ["mcp-trackio@0.0.1", "--toolsets", "runs"],
            "env": {"MCP_TRACKIO_LOG": "debug"}, "disabled": false}}}"#,
    );
    home.ok(&["install", "cursor"]);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("// fetched"), "{text}");
    let parsed: Value = serde_json::from_str(&text.replace("// fetched", "")).unwrap();
    let expected = json!({
        "command": program(), "args": ["--toolsets", "runs"], "disabled": false,
        "env": {"MCP_TRACKIO_LOG": "debug", "TRACKIO_DIR": native(DATA)},
    });
    assert_eq!(parsed["mcpServers"]["trackio"], expected);
    home.ok(&["install", "cursor", "--", "--cache-mb", "64"]);
    assert!(fs::read_to_string(&path).unwrap().contains(r#"["--cache-mb", "64"]"#));
}

#[test]
fn the_shells_variables_are_carried_over_as_whole_paths() {
    type Case = (&'static [(&'static str, &'static str)], &'static [&'static str], Value);
    let cases: [Case; 6] = [
        (&[], &[], json!(null)),
        (&[("TRACKIO_DIR", "runs")], &[], json!({"TRACKIO_DIR": "$/runs"})),
        (&[("HF_HOME", "~/hf")], &[], json!({"HF_HOME": "$/hf"})),
        (&[("XDG_CACHE_HOME", "c")], &[], json!({"TRACKIO_DIR": "$/c/huggingface/trackio"})),
        (
            &[("TRACKIO_DIR", "/t"), ("HF_HOME", "/h")],
            &[],
            json!({"TRACKIO_DIR": "/t", "HF_HOME": "/h"}),
        ),
        (
            &[("TRACKIO_DIR", "/t")],
            &["--dir", "d", "--env", "A=b=c"],
            json!({"TRACKIO_DIR": "$/d", "A": "b=c"}),
        ),
    ];
    for (variables, arguments, expected) in cases {
        let home = Home::new();
        let mut command = home.command(BINARY);
        let spelled = |value: &str| match value.starts_with('/') {
            true => native(value),
            false => value.to_owned(),
        };
        command.envs(variables.iter().map(|(name, value)| (name, spelled(value))));
        command.args(["install", "cursor"]).args(arguments);
        assert!(command.output().unwrap().status.success());
        let text = fs::read_to_string(home.path(".cursor/mcp.json")).unwrap();
        let parsed: Value = serde_json::from_str(&text).unwrap();
        let mut expected = expected;
        for value in expected.as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
            let text = value.as_str().unwrap();
            *value = match text.strip_prefix("$/") {
                Some(below) => json!(home.path(below)),
                None => json!(spelled(text)),
            };
        }
        assert_eq!(parsed["mcpServers"]["trackio"]["env"], expected, "{variables:?}");
    }
}

#[test]
fn a_program_in_uvs_cache_is_refused() {
    let home = Home::new();
    let name = Path::new(BINARY).file_name().unwrap().to_str().unwrap();
    let cached = home.path(&format!(".cache/uv/archive-v0/x/bin/{name}"));
    fs::create_dir_all(cached.parent().unwrap()).unwrap();
    // A copy would be open for writing in a child that another test starts meanwhile.
    fs::hard_link(BINARY, &cached).or_else(|_| fs::copy(BINARY, &cached).map(drop)).unwrap();
    let refused = home.command(&cached).args(["install", "cursor"]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("uv tool install mcp-trackio"), "{said}");
    assert!(!home.path(".cursor").exists());
    let uvx = home.program("uvx");
    let taken =
        home.command(&cached).args(["install", "--uvx", "cursor", "codex"]).output().unwrap();
    assert!(taken.status.success(), "{taken:?}");
    let desktop = fs::read_to_string(home.path(".cursor/mcp.json")).unwrap();
    assert!(desktop.contains(&format!("\"command\": {}", json!(uvx))), "{desktop}");
    let terminal = fs::read_to_string(home.path(".codex/config.toml")).unwrap();
    assert!(terminal.contains("command = \"uvx\""), "{terminal}");
}

#[test]
fn a_clients_own_command_is_used_where_it_is_there() {
    let home = Home::new();
    for name in ["claude", "code", "codex", "gemini"] {
        home.program(name);
    }
    let clients = ["claude-code", "vscode", "codex", "gemini-cli"];
    let mut arguments = vec!["install", "--dry-run"];
    arguments.extend(clients);
    let lines = home.ok(&arguments);
    assert_eq!(lines.lines().filter(|line| line.contains(": would run ")).count(), 4, "{lines}");
    // These programs fail, and that is told; the file can be changed all the same.
    let said = home.fails(&["install", "codex"]);
    assert!(said.contains("codex mcp add"), "{said}");
    home.ok(&["install", "--edit", "codex"]);
    assert!(home.path(".codex/config.toml").exists());
}

/// Other systems' shells want other quotes.
#[cfg(unix)]
#[test]
fn the_command_that_would_be_run_can_be_pasted_into_a_shell() {
    let home = Home::new();
    for name in ["claude", "code", "codex", "gemini"] {
        home.program(name);
    }
    let entry =
        format!(r#""command":"{BINARY}","args":[],"env":{{"TRACKIO_DIR":"/data/trackio"}}"#);
    let expected = [
        format!(
            r#"Claude Code: would run claude mcp add-json -s user trackio '{{"type":"stdio",{entry}}}'"#
        ),
        format!(
            r#"VS Code: would run code --add-mcp '{{"name":"trackio","type":"stdio",{entry}}}'"#
        ),
        format!(
            "Codex: would run codex mcp add trackio --env TRACKIO_DIR=/data/trackio -- {BINARY}"
        ),
        format!(
            "Gemini CLI: would run gemini mcp add -s user -e TRACKIO_DIR=/data/trackio trackio {BINARY}"
        ),
    ];
    let arguments = ["install", "--dry-run", "claude-code", "vscode", "codex", "gemini-cli"];
    assert_eq!(home.ok(&arguments), expected.join("\n") + "\n");
}

/// Codex 0.169.0 writes its whole file anew and loses comments within arrays; this does the same.
#[cfg(unix)]
const REWRITES: &str = r#"#!/bin/sh
file=$HOME/.codex/config.toml
if [ "$2" = remove ]; then printf 'a = [1]\n' >"$file"; exit; fi
while [ "$1" != -- ]; do shift; done
printf 'a = [1]\n[mcp_servers.trackio]\ncommand = "%s"\nargs = ["%s"]\n' "$2" "$3" >"$file"
printf 'env = { TRACKIO_DIR = "/data/trackio" }\n' >>"$file"
"#;
#[cfg(windows)]
const REWRITES: &str = r#"@echo off
set file=%USERPROFILE%\.codex\config.toml
if "%~2"=="remove" goto remove
:next
if "%~1"=="--" goto add
shift
goto next
:add
>"%file%" echo a = [1]
>>"%file%" echo [mcp_servers.trackio]
>>"%file%" echo command = '%~2'
>>"%file%" echo args = ["%~3"]
>>"%file%" echo env = { TRACKIO_DIR = 'C:\data\trackio' }
exit /b 0
:remove
>"%file%" echo a = [1]
exit /b 0
"#;

#[test]
fn a_file_that_a_clients_own_command_wrote_anew_is_restored() {
    let before = "a = [\n  1, # one\n]\n";
    for is_changed_since in [false, true] {
        let home = Home::new();
        let path = home.write(".codex/config.toml", before);
        let line_end = if cfg!(windows) { "\r\n" } else { "\n" };
        fs::write(home.program("codex"), REWRITES.replace('\n', line_end)).unwrap();
        home.ok(&["install", "codex", "--", "--read-only"]);
        assert!(!fs::read_to_string(&path).unwrap().contains("# one"));
        let once = home.files();
        assert!(home.ok(&["install", "codex"]).contains("nothing to change"));
        assert_eq!(home.files(), once);
        if is_changed_since {
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text + "# mine\n").unwrap();
            home.ok(&["install", "codex", "--", "--toolsets=runs"]);
        }
        home.ok(&["uninstall", "codex"]);
        // What the user wrote meanwhile is not undone with it.
        let expected = if is_changed_since { "a = [1]\n" } else { before };
        assert_eq!(fs::read_to_string(&path).unwrap().replace("\r\n", "\n"), expected);
        assert_eq!(home.files().len(), 2, "copies were left: {:?}", home.files().keys());
    }
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let home = Home::new();
    let real = home.write("dotfiles/mcp.json", "{}\n");
    fs::create_dir(home.path(".cursor")).unwrap();
    symlink(&real, home.path(".cursor/mcp.json")).unwrap();
    home.ok(&["install", "cursor"]);
    assert!(home.path(".cursor/mcp.json").is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("trackio"));
    home.ok(&["uninstall", "cursor"]);
    assert!(home.path(".cursor/mcp.json").is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), "{}\n");
}

#[cfg(unix)]
#[test]
fn a_copy_is_written_in_place_of_a_link_and_not_through_it() {
    for snapshot in Snapshot::all() {
        let home = Home::new();
        let text = snapshot.section("before");
        let path = home.write(snapshot.place(), &text);
        let victim = home.write("victim", "precious");
        let mut copy = path.clone().into_os_string();
        copy.push(".before-mcp-trackio");
        let copy = PathBuf::from(copy);
        symlink(&victim, &copy).unwrap();
        home.ok(&["install", &snapshot.client]);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "{}", snapshot.client);
        assert!(!copy.is_symlink(), "{}", snapshot.client);
        assert_eq!(fs::read_to_string(&copy).unwrap(), text, "{}", snapshot.client);
        // Nor is a link taken for the copy.
        fs::remove_file(&copy).unwrap();
        symlink(&victim, &copy).unwrap();
        home.ok(&["uninstall", &snapshot.client]);
        assert_ne!(fs::read_to_string(&path).unwrap(), "precious", "{}", snapshot.client);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "{}", snapshot.client);
    }
}

#[test]
fn twenty_installs_at_once_lose_nothing() {
    for client in ["cursor", "codex", "continue"] {
        let home = Home::new();
        let snapshot = Snapshot::all().into_iter().find(|found| found.client == client).unwrap();
        let path = home.write(snapshot.place(), &snapshot.section("before"));
        let started: Vec<_> = (0..20)
            .map(|number| {
                let mut command = home.command(BINARY);
                command.args(["install", client, "--name", &format!("runs-{number}-x")]);
                command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for child in started {
            let done = child.wait_with_output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
        let text = fs::read_to_string(&path).unwrap();
        for number in 0..20 {
            assert!(text.contains(&format!("runs-{number}-x")), "{client}: {text}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_is_an_error() {
    for (link, to) in [(".cursor/mcp.json", "../dotfiles/mcp.json"), (".cursor", "dotfiles/cursor")]
    {
        let home = Home::new();
        fs::create_dir_all(home.path(link).parent().unwrap()).unwrap();
        symlink(to, home.path(link)).unwrap();
        for verb in ["install", "uninstall"] {
            let said = home.fails(&[verb, "cursor"]);
            assert!(said.contains("does not exist") && said.contains("left as it is"), "{said}");
        }
        assert_eq!(fs::read_link(home.path(link)).unwrap(), Path::new(to));
        assert!(!home.path("dotfiles").exists());
    }
}

#[test]
fn what_is_not_a_regular_file_is_refused_unopened() {
    refuse("directory", |path| fs::create_dir(path).unwrap());
    #[cfg(unix)]
    {
        refuse("device", |path| symlink("/dev/zero", path).unwrap());
        refuse("pipe", |path| {
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        });
    }
}

#[track_caller]
fn refuse(kind: &str, make: impl FnOnce(&Path)) {
    let home = Home::new();
    let path = home.path(".cursor/mcp.json");
    fs::create_dir(home.path(".cursor")).unwrap();
    make(&path);
    for verb in ["install", "uninstall"] {
        let said = home.fails(&[verb, "cursor"]);
        assert!(said.contains("not a regular file"), "{kind}: {said}");
    }
}

#[test]
fn an_install_that_fails_leaves_no_copy() {
    let home = Home::new();
    home.write(".codex/config.toml", "a = 1\n");
    home.program("codex");
    let before = home.files();
    home.fails(&["install", "codex"]);
    assert_eq!(home.files(), before);
}

#[test]
fn what_a_killed_install_left_is_removed_by_the_next() {
    let home = Home::new();
    let left = home.write(".cursor/.mcp-trackio-AbCdEf.tmp", "half");
    let young = home.write(".cursor/.mcp-trackio-GhIjKl.tmp", "half");
    let others = home.write(".cursor/.tmpAbCdEf", "half");
    for path in [&left, &others] {
        let old = SystemTime::now() - Duration::from_secs(120);
        fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    }
    home.ok(&["install", "cursor"]);
    assert!(!left.exists() && young.exists() && others.exists());
}

#[test]
fn config_prints_for_every_client_and_changes_nothing() {
    let home = Home::new();
    let before = home.files();
    for client in CLIENTS {
        let text = home.ok(&["config", client.id]);
        let spelled = as_on_linux(&text);
        assert!(spelled.contains(BINARY) && spelled.contains(DATA), "{text}");
        assert!(text.contains(client.source), "{text}");
    }
    assert!(home.ok(&["config"]).contains("claude-desktop"));
    let unknown = home.run(&["config", "cursr"]);
    assert!(unknown.status.success());
    assert!(String::from_utf8(unknown.stdout).unwrap().contains("\"mcpServers\""));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("`cursor`"));
    let said = home.fails(&["install", "goose"]);
    assert!(said.contains("mcp-trackio config goose"), "{said}");
    assert!(home.fails(&["install", "cursr"]).contains("`cursor`"));
    assert_eq!(home.files(), before);
}
