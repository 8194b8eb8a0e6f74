//! One case: a directory and the lines that a client sends about it. It is all that a finding
//! needs to be seen again, so it is what is saved.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::tree::Tree;

/// What the server may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Read,
    /// `--allow-writes`.
    Write,
    /// `--allow-writes`, and rows go into the inbox.
    WriteToInbox,
}

impl Mode {
    const ALL: [Self; 3] = [Self::Read, Self::Write, Self::WriteToInbox];
}

pub struct Case {
    pub target: String,
    pub seed: u64,
    pub number: u64,
    /// What Trackio's directory holds.
    pub tree: Tree,
    /// What the client sends, the handshake included.
    pub lines: Vec<Vec<u8>>,
    pub mode: Mode,
    /// How many of its parts were made up: rows, lines, calls, statements, damages.
    pub inputs: usize,
}

impl Case {
    /// `DIR/trackio`, `DIR/lines` and `DIR/case.json`.
    pub fn save(&self, dir: &Path, problems: &[String]) -> io::Result<()> {
        self.tree.write(&dir.join("trackio"));
        let mut lines = self.lines.join(&b'\n');
        lines.push(b'\n');
        fs::write(dir.join("lines"), lines)?;
        let about = json!({
            "target": self.target,
            "seed": self.seed,
            "case": self.number,
            "mode": format!("{:?}", self.mode),
            "problems": problems,
        });
        fs::write(dir.join("case.json"), format!("{about:#}\n"))
    }

    pub fn load(dir: &Path) -> Self {
        let about: Value =
            serde_json::from_slice(&fs::read(dir.join("case.json")).unwrap()).unwrap();
        let lines = fs::read(dir.join("lines")).unwrap();
        let mut lines: Vec<Vec<u8>> =
            lines.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        lines.pop();
        Self {
            target: about["target"].as_str().unwrap_or_default().to_owned(),
            seed: about["seed"].as_u64().unwrap_or_default(),
            number: about["case"].as_u64().unwrap_or_default(),
            tree: Tree::read(&dir.join("trackio")),
            lines,
            mode: Mode::ALL.into_iter().find(|mode| about["mode"] == format!("{mode:?}")).unwrap(),
            inputs: 1,
        }
    }
}

/// The lines that begin a session.
pub fn handshake() -> Vec<Vec<u8>> {
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "fuzz", "version": "1"},
    }});
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    vec![hello.to_string().into_bytes(), ready.to_string().into_bytes()]
}

/// A request as one line.
pub fn request(id: usize, method: &str, params: &Value) -> Vec<u8> {
    let line = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    line.to_string().into_bytes()
}
