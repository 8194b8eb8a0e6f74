//! What a look leaves for the next one: all of it in at most 500 letters.
//!
//! The most recently active runs are kept with id and name, so that a rename or a deletion can be
//! told by name. Where there are more, the others are kept as marks of three bytes, then as a
//! count; and of many projects only those that changed last are kept at all.

use super::bytes::{Reader, Writer, from_letters, to_letters};
use crate::trackio::fingerprint::short;

/// The longest cursor.
pub const MOST_LETTERS: usize = 500;

/// The layout; another one is a foreign cursor.
const VERSION: u8 = 1;
/// Longer ids and names are cut: their beginning and their digest tell them as well.
const LONGEST_TEXT: usize = 56;
/// More marks never fit.
const MOST_MARKS: usize = MOST_LETTERS / 4;
/// Beyond so many, projects are not kept.
const MOST_PROJECTS: usize = 8;

/// The state of a directory, or of one project in it, at one look.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cursor {
    /// Of the directory's path.
    pub directory: u32,
    /// Of the one project that was looked at; 0 for all.
    pub scope: u32,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Whether there were more projects than are kept here.
    pub has_more: bool,
    /// Those that changed last, the latest first.
    pub projects: Vec<ProjectState>,
}

/// One project.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProjectState {
    /// The name by which it is found again; see [`Self::is_of`].
    pub name: Text,
    /// Of its files; 0 where they may have moved.
    pub digest: u32,
    /// The highest row id in each of the tables.
    pub last: [u64; 3],
    /// Of the last row of the metrics; 0 without one.
    pub probe: u32,
    /// When a status changes though no row comes, in seconds since 1970; 0 for never.
    pub until: u64,
    /// The runs that were active last.
    pub runs: Vec<RunState>,
    /// Marks of further runs.
    pub marks: Vec<u32>,
    /// How many there are beyond.
    pub others: u64,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunState {
    /// Its id.
    pub id: Text,
    /// Its name.
    pub name: Text,
    /// Of the time of its first row.
    pub created: u32,
    /// The rows of its metrics in the database.
    pub rows: u64,
    /// Its rows in the inbox, by table.
    pub waiting: [u64; 3],
    /// What the caller knows of it besides: 0 for nothing.
    pub status: u8,
    /// The same.
    pub verdict: u8,
    /// The rows that came since the verdict was given.
    pub unjudged: u64,
}

/// A text, or what is left of a long one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    /// The text, cut at [`LONGEST_TEXT`] bytes.
    pub kept: String,
    /// Of the whole; 0 where nothing was cut.
    digest: u32,
}

impl Text {
    /// Keeps as much of the text as there is room for.
    pub fn of(text: &str) -> Self {
        if text.len() <= LONGEST_TEXT {
            return Self { kept: text.to_owned(), digest: 0 };
        }
        let mut ends = (0..=LONGEST_TEXT).rev();
        let end = ends.find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        let kept = text.get(..end).unwrap_or_default().to_owned();
        Self { kept, digest: short(&[text.as_bytes()]).max(1) }
    }

    /// Whether it is this text.
    pub fn is(&self, text: &str) -> bool {
        Self::of(text) == *self
    }

    /// The text, and where it was cut a sign of it.
    pub fn shown(&self) -> String {
        if self.digest == 0 { self.kept.clone() } else { format!("{}…", self.kept) }
    }

    fn write(&self, writer: &mut Writer) {
        writer.text(self.kept.as_bytes());
        if self.kept.len() + 4 > LONGEST_TEXT {
            writer.fixed(self.digest, 4);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let kept = String::from_utf8(reader.text()?.to_vec()).ok()?;
        let digest = if kept.len() + 4 > LONGEST_TEXT { reader.fixed(4)? } else { 0 };
        Some(Self { kept, digest })
    }
}

/// A run's mark.
pub fn mark(id: &str) -> u32 {
    short(&[Text::of(id).kept.as_bytes()]) & 0xff_ffff
}

/// Of a run's first timestamp, in two bytes.
pub fn created(created_at: Option<&str>) -> u32 {
    short(&[created_at.unwrap_or_default().as_bytes()]) & 0xffff
}

impl Cursor {
    /// The cursor in letters; what does not fit is left out, the least recent first.
    pub fn write(mut self) -> String {
        let kept = self.projects.len().min(MOST_PROJECTS);
        self.has_more |= kept < self.projects.len();
        self.projects.truncate(kept);
        self.projects.iter_mut().for_each(|project| project.keep_marks(MOST_MARKS));
        loop {
            let letters = self.letters();
            if letters.len() <= MOST_LETTERS || !self.shrink() {
                return letters;
            }
        }
    }

    /// Reads what [`Self::write`] wrote; `None` for anything else.
    pub fn read(letters: &str) -> Option<Self> {
        if letters.len() > MOST_LETTERS {
            return None;
        }
        let bytes = from_letters(letters)?;
        let (sum, body) = bytes.split_at_checked(4)?;
        let is_whole = sum == short(&[body]).to_le_bytes();
        let mut reader = Reader(body);
        if !is_whole || reader.byte()? != VERSION {
            return None;
        }
        let mut cursor = Self {
            directory: reader.fixed(4)?,
            scope: reader.fixed(4)?,
            at: reader.number()?,
            has_more: reader.byte()? != 0,
            projects: Vec::new(),
        };
        for _ in 0..reader.byte()? {
            cursor.projects.push(ProjectState::read(&mut reader)?);
        }
        reader.0.is_empty().then_some(cursor)
    }

    fn letters(&self) -> String {
        let mut writer = Writer::default();
        writer.byte(VERSION);
        writer.fixed(self.directory, 4);
        writer.fixed(self.scope, 4);
        writer.number(self.at);
        writer.byte(u8::from(self.has_more));
        writer.byte(self.projects.len() as u8);
        for project in &self.projects {
            project.write(&mut writer);
        }
        let sum = short(&[&writer.0]).to_le_bytes();
        to_letters(&[&sum, writer.0.as_slice()].concat())
    }

    /// Leaves something out, and says whether there was anything.
    fn shrink(&mut self) -> bool {
        // A few runs by name tell more than many marks, one more project more than a few runs.
        let least = if self.projects.len() > 1 { 2 } else { 5 };
        let fullest = self.projects.iter_mut().rev().max_by_key(|project| project.runs.len());
        if let Some(project) = fullest
            && project.runs.len() > least
        {
            project.runs_to_marks(1);
            return true;
        }
        let marked = self.projects.iter_mut().rev().max_by_key(|project| project.marks.len());
        if let Some(project) = marked
            && !project.marks.is_empty()
        {
            project.keep_marks(project.marks.len() * 7 / 8);
            return true;
        }
        if self.projects.len() > 3 {
            self.projects.pop();
            self.has_more = true;
            return true;
        }
        let fullest = self.projects.iter_mut().rev().max_by_key(|project| project.runs.len());
        match fullest {
            Some(project) if !project.runs.is_empty() => {
                project.runs_to_marks(1);
                true
            }
            _ => false,
        }
    }
}

impl ProjectState {
    /// Whether it is the state of that project.
    pub fn is_of(&self, name: &str) -> bool {
        self.name.is(name)
    }

    /// How many runs there were.
    pub fn num_runs(&self) -> u64 {
        self.others.saturating_add((self.runs.len() + self.marks.len()) as u64)
    }

    fn keep_marks(&mut self, most: usize) {
        let dropped = self.marks.len().saturating_sub(most) as u64;
        self.others = self.others.saturating_add(dropped);
        self.marks.truncate(most);
    }

    fn runs_to_marks(&mut self, count: usize) {
        let kept = self.runs.len().saturating_sub(count);
        let dropped = self.runs.split_off(kept);
        let marks = dropped.iter().map(|run| mark(&run.id.kept));
        self.marks.splice(0..0, marks);
    }

    fn write(&self, writer: &mut Writer) {
        self.name.write(writer);
        writer.fixed(self.digest, 4);
        self.last.iter().for_each(|id| writer.number(*id));
        writer.fixed(self.probe, 4);
        writer.number(self.until);
        writer.number(self.runs.len() as u64);
        let mut last = "";
        for run in &self.runs {
            run.write(writer, last);
            last = &run.name.kept;
        }
        writer.number(self.marks.len() as u64);
        self.marks.iter().for_each(|mark| writer.fixed(*mark, 3));
        writer.number(self.others);
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut project = Self {
            name: Text::read(reader)?,
            digest: reader.fixed(4)?,
            last: [reader.number()?, reader.number()?, reader.number()?],
            probe: reader.fixed(4)?,
            until: reader.number()?,
            ..Self::default()
        };
        let mut last = String::new();
        for _ in 0..reader.number()? {
            let run = RunState::read(reader, &last)?;
            last.clone_from(&run.name.kept);
            project.runs.push(run);
        }
        for _ in 0..reader.number()? {
            project.marks.push(reader.fixed(3)?);
        }
        project.others = reader.number()?;
        Some(project)
    }
}

/// How an id is written.
const AS_NAME: u8 = 0;
const AS_HEX: u8 = 1;
const AS_TEXT: u8 = 2;
/// Beside the way: rows wait in the inbox.
const WAITS: u8 = 4;

impl RunState {
    fn write(&self, writer: &mut Writer, last_name: &str) {
        let hex = as_hex(&self.id.kept);
        let way = match &hex {
            _ if self.id == self.name => AS_NAME,
            Some(_) => AS_HEX,
            None => AS_TEXT,
        };
        let waits = if self.waiting == [0; 3] { 0 } else { WAITS };
        writer.byte(way | waits | self.status.min(3) << 3);
        writer.byte(self.verdict);
        // Names of one project often begin alike.
        let shared = self.name.kept.bytes().zip(last_name.bytes()).take_while(|(a, b)| a == b);
        let shared = shared.count().min(usize::from(u8::MAX));
        writer.byte(shared as u8);
        writer.text(self.name.kept.as_bytes().get(shared..).unwrap_or_default());
        writer.fixed(self.name.digest, if self.name.kept.len() + 4 > LONGEST_TEXT { 4 } else { 0 });
        match (way, hex) {
            (AS_HEX, Some(hex)) => writer.0.extend(hex),
            (AS_TEXT, _) => self.id.write(writer),
            _ => {}
        }
        writer.fixed(self.created, 2);
        writer.number(self.rows);
        writer.number(self.unjudged);
        if waits != 0 {
            self.waiting.iter().for_each(|rows| writer.number(*rows));
        }
    }

    fn read(reader: &mut Reader<'_>, last_name: &str) -> Option<Self> {
        let flags = reader.byte()?;
        let verdict = reader.byte()?;
        let shared = last_name.as_bytes().get(..usize::from(reader.byte()?))?;
        let kept = String::from_utf8([shared, reader.text()?].concat()).ok()?;
        let digest = if kept.len() + 4 > LONGEST_TEXT { reader.fixed(4)? } else { 0 };
        let name = Text { kept, digest };
        let id = match flags & 3 {
            AS_NAME => name.clone(),
            AS_HEX => {
                Text::of(&reader.part(16)?.iter().map(|b| format!("{b:02x}")).collect::<String>())
            }
            AS_TEXT => Text::read(reader)?,
            _ => return None,
        };
        let mut run = Self {
            id,
            name,
            created: reader.fixed(2)?,
            rows: reader.number()?,
            unjudged: reader.number()?,
            status: flags >> 3 & 3,
            verdict,
            waiting: [0; 3],
        };
        if flags & WAITS != 0 {
            run.waiting = [reader.number()?, reader.number()?, reader.number()?];
        }
        Some(run)
    }
}

/// The sixteen bytes of an id as Trackio makes them; `None` for any other.
fn as_hex(id: &str) -> Option<Vec<u8>> {
    let is_hex = id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let byte = |at: usize| u8::from_str_radix(id.get(at..at + 2)?, 16).ok();
    if is_hex { (0..32).step_by(2).map(byte).collect() } else { None }
}

/// Of a directory: the same for every way to write its path.
pub fn directory(path: &std::path::Path) -> u32 {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    short(&[real.as_os_str().as_encoded_bytes()])
}
