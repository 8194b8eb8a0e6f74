//! What is to be known of a client to put a server into it.

use super::entry::Shape;
use super::format::Format;
use super::link::Link;

/// A client, as far as a server needs to know it.
#[derive(Debug)]
pub struct Client {
    /// What the command line calls it.
    pub id: &'static str,
    /// Other words for it.
    pub aliases: &'static [&'static str],
    /// What people call it.
    pub name: &'static str,
    /// Whether it starts from the desktop, where the shell's `PATH` is often missing.
    pub is_desktop: bool,
    /// Its file for the whole user.
    pub files: Files,
    /// Its file within a project, if it reads one.
    pub project_file: Option<&'static str>,
    /// The language of the file.
    pub format: Format,
    /// What it reads that is not JSON.
    pub reads: Leniency,
    /// The key that the servers stand under.
    pub key: &'static str,
    /// How an entry is written.
    pub shape: Shape,
    /// Whether `install` changes its configuration; else `config` shows it.
    pub installs: bool,
    /// Its own command for servers.
    pub own: Option<Own>,
    /// The link that it opens.
    pub link: Option<Link>,
    /// Forms that it no longer reads.
    pub stale: &'static [Stale],
    /// How the client itself shows whether the server runs.
    pub check: &'static str,
    /// What else a user has to know.
    pub note: &'static str,
    /// Where the form was taken from.
    pub source: &'static str,
}

/// What a client reads in a file beyond the language itself. What it does not read, it refuses, and
/// with it all of the file.
#[derive(Debug, Clone, Copy)]
pub struct Leniency {
    /// Comments in JSON.
    pub comments: bool,
    /// A comma after the last part of a list or map of JSON.
    pub trailing_commas: bool,
    /// A byte order mark.
    pub mark: bool,
}

impl Leniency {
    /// As `JSON.parse`.
    pub const NONE: Self = Self { comments: false, trailing_commas: false, mark: false };
    /// As VS Code.
    pub const ALL: Self = Self { comments: true, trailing_commas: true, mark: true };
}

/// Places of one file on each system, the first that there is a folder for counts. They begin
/// with `~`, or with a variable: `$NAME` or `%NAME%`. `*` stands for any ending of a folder's name.
#[derive(Debug, Clone, Copy)]
pub struct Files {
    /// On Linux.
    pub linux: &'static [&'static str],
    /// On macOS.
    pub mac: &'static [&'static str],
    /// On Windows.
    pub windows: &'static [&'static str],
}

impl Files {
    /// No place that is known.
    pub const NONE: Self = Self { linux: &[], mac: &[], windows: &[] };

    /// The same place under the home directory everywhere.
    pub const fn same(places: &'static [&'static str]) -> Self {
        Self { linux: places, mac: places, windows: places }
    }

    /// Those of the system that this program was built for.
    pub fn here(&self) -> &'static [&'static str] {
        match std::env::consts::OS {
            "windows" => self.windows,
            "macos" => self.mac,
            _ => self.linux,
        }
    }
}

/// A client's own command. Words in braces are filled in: `{name}`, `{json}` (the entry),
/// `{named-json}` (the entry with its name in it), `{env FLAG}` (FLAG and a pair, for each
/// variable), `{command}`, `{args}`, `{-- args}` (with `--` before them where there are any).
#[derive(Debug, Clone, Copy)]
pub struct Own {
    /// Adds a server for the whole user; the program is the first word.
    pub add: &'static [&'static str],
    /// Takes one away; without it the file is edited.
    pub remove: Option<&'static [&'static str]>,
    /// Whether adding replaces a server of that name; else it has to be taken away before.
    pub replaces: bool,
}

/// A form that older instructions show.
#[derive(Debug, Clone, Copy)]
pub struct Stale {
    /// The file.
    pub files: Files,
    /// Its language.
    pub format: Format,
    /// The key, levels parted by `/`.
    pub key: &'static str,
    /// What became of it.
    pub why: &'static str,
}

/// A client with the form that most share; the others say what is different.
pub const USUAL: Client = Client {
    id: "",
    aliases: &[],
    name: "",
    is_desktop: true,
    files: Files::NONE,
    project_file: None,
    format: Format::Json,
    reads: Leniency::NONE,
    key: "mcpServers",
    shape: Shape::Usual,
    installs: false,
    own: None,
    link: None,
    stale: &[],
    check: "",
    note: "",
    source: "",
};
