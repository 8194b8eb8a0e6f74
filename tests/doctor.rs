//! `doctor` on homes where something is right, and where something is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use support::{Fixture, at_home, cleared};

const BINARY: &str = env!("CARGO_BIN_EXE_mcp-trackio");

/// Where desktop programs keep their settings, below the home directory.
const SETTINGS: &str = if cfg!(windows) {
    "AppData/Roaming"
} else if cfg!(target_os = "macos") {
    "Library/Application Support"
} else {
    ".config"
};

/// A home, and Trackio's directory.
struct Patient {
    home: Fixture,
    data: PathBuf,
}

impl Patient {
    fn new(data: &Path) -> Self {
        let home = Fixture::empty();
        fs::create_dir(home.dir.join("bin")).unwrap();
        Self { home, data: data.to_owned() }
    }

    fn write(&self, relative: &str, text: &str) {
        let path = self.home.dir.join(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = cleared(BINARY);
        at_home(&mut command, &self.home.dir).env("PATH", self.home.dir.join("bin"));
        command.env("TRACKIO_DIR", &self.data).args(arguments);
        command
    }

    /// Whether all is well, and the report.
    fn examine(&self) -> (bool, Value) {
        let output = self.command(&["doctor", "--json"]).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(output.status.success(), report["ok"] == true, "{report:#}");
        (output.status.success(), report)
    }
}

/// The findings of a standing, each with its remedy.
fn findings(report: &Value, status: &str) -> String {
    let lines = report["findings"].as_array().unwrap().iter();
    let lines = lines.filter(|line| line["status"] == status);
    lines.map(|line| format!("{} => {}\n", line["what"], line["remedy"])).collect()
}

#[test]
fn what_install_wrote_is_started_and_answers() {
    let fixture = Fixture::unpack("0.43.0");
    let patient = Patient::new(&fixture.dir);
    let clients = ["cursor", "codex", "continue", "zed", "vscode", "claude-code"];
    let arguments: Vec<&str> = ["install"].into_iter().chain(clients).collect();
    assert!(patient.command(&arguments).status().unwrap().success());
    let (is_well, report) = patient.examine();
    assert!(is_well, "{report:#}");
    let good = findings(&report, "ok");
    for name in ["Cursor", "Codex", "Continue", "Zed", "VS Code", "Claude Code"] {
        assert!(good.contains(&format!("{name}: `trackio` in")), "{good}");
    }
    assert!(good.contains("answers in") && good.contains(env!("CARGO_PKG_VERSION")), "{good}");
    assert_eq!(findings(&report, "warning"), "");
    let text = patient.command(&["doctor"]).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("  ✓ ") && text.contains("Everything is well."), "{text}");
}

#[test]
fn a_command_that_is_not_there_fails_with_its_remedy() {
    let fixture = Fixture::unpack("0.43.0");
    let patient = Patient::new(&fixture.dir);
    let entry = json!({"mcpServers": {"trackio": {"command": "uvx", "args": ["mcp-trackio"]}}});
    patient.write(".cursor/mcp.json", &entry.to_string());
    let (is_well, report) = patient.examine();
    assert!(!is_well);
    let bad = findings(&report, "failed");
    assert!(bad.contains("there is no program uvx") && bad.contains("install cursor"), "{bad}");
}

#[test]
fn a_server_that_talks_beside_the_protocol_fails() {
    let fixture = Fixture::unpack("0.43.0");
    let patient = Patient::new(&fixture.dir);
    let entry = match cfg!(windows) {
        true => json!({"command": r"C:\Windows\System32\cmd.exe", "args": ["/c", "echo Starting"]}),
        false => json!({"command": "/bin/sh", "args": ["-c", "echo Starting; exec cat"]}),
    };
    patient.write(".cursor/mcp.json", &json!({"mcpServers": {"trackio": entry}}).to_string());
    let bad = findings(&patient.examine().1, "failed");
    assert!(bad.contains("no JSON-RPC") && bad.contains("Starting"), "{bad}");
}

#[test]
fn what_clients_no_longer_read_is_told() {
    let fixture = Fixture::unpack("0.43.0");
    let patient = Patient::new(&fixture.dir);
    let entry = json!({"trackio": {"command": BINARY, "args": ["mcp-trackio"]}});
    for (client, servers) in
        [("Cursor", json!({"mcp.servers": entry})), ("Code", json!({"mcp": {"servers": entry}}))]
    {
        patient.write(&format!("{SETTINGS}/{client}/User/settings.json"), &servers.to_string());
    }
    patient.write(".continue/config.json", &json!({"mcpServers": entry}).to_string());
    patient.write(".continue/config.yaml", &json!({"mcpServers": entry}).to_string());
    patient.write(
        ".openhands/config.toml",
        "[mcp]\nstdio_servers = [{ name = \"t\", command = \"mcp-trackio\" }]\n",
    );
    let (is_well, report) = patient.examine();
    let warnings = findings(&report, "warning");
    for name in ["Cursor", "VS Code", "Continue", "OpenHands"] {
        assert!(warnings.contains(&format!("{name}: the server in")), "{name}: {warnings}");
    }
    assert!(!is_well, "a map where Continue wants a list");
    assert!(findings(&report, "failed").contains("is not a list"), "{report:#}");
}

#[test]
fn a_file_that_its_client_refuses_fails_with_the_cause() {
    let fixture = Fixture::empty();
    let json = |key: &str, also: &str| format!("{{\"{key}\": {{}}{also}}}\n");
    let mark = "\u{feff}";
    let desktop = &format!("{SETTINGS}/Claude/claude_desktop_config.json");
    let code = &format!("{SETTINGS}/Code/User/mcp.json");
    let gemini = ".gemini/settings.json";
    let (cursor, claude) = (".cursor/mcp.json", ".claude.json");
    let (codex, continues) = (".codex/config.toml", ".continue/config.yaml");
    let cases: &[(&str, String, &str)] = &[
        (desktop, json("mcpServers", ""), ""),
        (desktop, format!("{mark}{}", json("mcpServers", "")), "byte order mark"),
        (desktop, json("mcpServers", " // mine\n"), "comments"),
        (desktop, json("mcpServers", ","), "comma"),
        (desktop, String::new(), "is empty"),
        (desktop, "[]".to_owned(), "map of settings"),
        (desktop, json("mcpServers", ", \"mcpServers\": {}"), "twice"),
        (desktop, "{\"mcpServers\": {\"a\": {}, \"a\": {}}}".to_owned(), "`a` twice"),
        (desktop, "{\"mcpServers\": []}".to_owned(), "not a map of servers"),
        (cursor, json("mcpServers", "/* mine */"), "comments"),
        (claude, format!("{mark}{}", json("mcpServers", "")), ""),
        (claude, json("mcpServers", " // mine\n"), "comments"),
        (code, format!("{mark}{}", json("servers", ", // mine\n")), ""),
        (code, String::new(), ""),
        (gemini, json("mcpServers", " // mine\n"), ""),
        (gemini, json("mcpServers", ","), "comma"),
        (codex, "a = 1\na = 2\n".to_owned(), "TOML"),
        (codex, format!("{mark}a = 1\n"), ""),
        (continues, "name: a\nname: b\n".to_owned(), "`name` is there twice"),
        (continues, "# mine\nname: a\n".to_owned(), ""),
    ];
    for (file, text, cause) in cases {
        let patient = Patient::new(&fixture.dir);
        patient.write(file, text);
        let failed = findings(&patient.examine().1, "failed");
        assert_eq!(failed.is_empty(), cause.is_empty(), "{file} {text:?}: {failed}");
        assert!(failed.contains(cause), "{file} {text:?}: {failed}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_is_not_one_fails_with_the_cause() {
    for (make, cause) in [("mkfifo", "not a regular file"), ("link", "does not exist")] {
        let fixture = Fixture::empty();
        let patient = Patient::new(&fixture.dir);
        patient.write(".cursor/other", "");
        let path = patient.home.dir.join(".cursor/mcp.json");
        match make {
            "link" => std::os::unix::fs::symlink("nothing", &path).unwrap(),
            _ => assert!(Command::new("mkfifo").arg(&path).status().unwrap().success()),
        }
        let failed = findings(&patient.examine().1, "failed");
        assert!(failed.contains("Cursor: ") && failed.contains(cause), "{failed}");
    }
}

#[test]
fn the_data_are_looked_at() {
    let nowhere = Patient::new(Path::new("/nowhere/at/all"));
    let (is_well, report) = nowhere.examine();
    assert!(!is_well);
    assert!(findings(&report, "failed").contains("TRACKIO_DIR"), "{report:#}");

    let corrupt = Fixture::unpack("special-corrupt");
    let (is_well, report) = Patient::new(&corrupt.dir).examine();
    assert!(is_well, "one bad file spoils nothing: {report:#}");
    assert!(findings(&report, "warning").contains("cannot be read"), "{report:#}");

    let inbox = Fixture::unpack("special-mixed-inbox");
    let good = findings(&Patient::new(&inbox.dir).examine().1, "ok");
    assert!(good.contains("inbox") && good.contains("Written by Trackio"), "{good}");
}

#[test]
fn a_client_that_reads_other_data_is_told() {
    let (here, there) = (Fixture::unpack("0.43.0"), Fixture::unpack("0.14.2"));
    let patient = Patient::new(&there.dir);
    assert!(patient.command(&["install", "cursor"]).status().unwrap().success());
    let patient = Patient { data: here.dir.clone(), ..patient };
    let (is_well, report) = patient.examine();
    assert!(is_well);
    assert!(findings(&report, "warning").contains("this shell"), "{report:#}");
}
