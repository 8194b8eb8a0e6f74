//! Which files are in the inbox, and whose rows each of them holds.
//!
//! Trackio writes a file once and never changes it, so a file is read when it is first seen, and
//! known by its identity from then on. To list 200 known files costs a `stat` of each.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, SystemTime};

use super::lines;
use super::record::{Kind, Record};
use crate::trackio::cache::{Bytes, Cache, Key};
use crate::trackio::change::FileKey;
use crate::trackio::error::{Error, Result};
use crate::trackio::fingerprint;
use crate::trackio::name::canonical;
use crate::trackio::regular;
use crate::trackio::stop::Stop;

/// How many files Trackio imports at a time.
const BATCH: usize = 100;

/// Larger files are passed over: to read one takes longer than a call may.
const LARGEST: u64 = 1 << 30;

/// How many lines are read between two looks at [`Stop`].
const LINES_BETWEEN_LOOKS: u32 = 256;

/// Between two tries to get a lock that another call holds.
const TRIES_EVERY: Duration = Duration::from_millis(2);

/// A file of the inbox, as it was read.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    key: FileKey,
    /// The runs with rows in it, name and id, by canonical project.
    runs: BTreeMap<String, Vec<(String, String)>>,
    skipped: usize,
}

/// The rows of one project that wait.
#[derive(Debug, Default)]
pub struct Waiting {
    /// Each file with the number of its batch.
    pub files: Vec<(usize, Arc<File>)>,
    /// Equal for equal files in equal batches, in any process.
    pub identity: u64,
}

/// All files that wait, as they were at one moment.
#[derive(Debug, Default)]
pub struct Listing {
    files: Vec<Arc<File>>,
    projects: BTreeMap<String, Arc<Waiting>>,
}

/// What is known of the inbox of one directory.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    files: HashMap<PathBuf, Arc<File>>,
    listing: Arc<Listing>,
}

/// A file's records, kept until they are imported.
#[derive(Debug)]
pub struct Text {
    key: FileKey,
    bytes: Vec<u8>,
    lines: Vec<Line>,
    names: Vec<Name>,
}

/// Where a record is, and what decides how it is imported beside others.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    start: u32,
    length: u32,
    /// The place of its [`Name`].
    pub name: u32,
    pub has_time: bool,
    pub lacks_step: bool,
    pub has_config: bool,
}

/// What Trackio groups records by, as the writer spelled it: `a b` and `ab` are one project in two
/// groups.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    pub kind: Kind,
    pub project: String,
    pub run: String,
    pub run_id: Option<String>,
}

impl Name {
    fn of(record: &Record<'_>) -> Self {
        Self {
            kind: record.kind,
            project: record.project.clone().into_owned(),
            run: record.run.clone().into_owned(),
            run_id: record.run_id.clone().map(std::borrow::Cow::into_owned),
        }
    }

    fn is_of(&self, record: &Record<'_>) -> bool {
        self.kind == record.kind
            && self.project == record.project
            && self.run == record.run
            && self.run_id.as_deref() == record.run_id.as_deref()
    }

    /// What identifies the run: its id, else its name.
    pub fn id_of_run(&self) -> &str {
        self.run_id.as_deref().unwrap_or(&self.run)
    }
}

impl Text {
    /// The records in their order.
    pub fn lines(&self) -> impl Iterator<Item = (Line, &[u8])> {
        self.lines.iter().filter_map(|line| {
            let start = line.start as usize;
            Some((*line, self.bytes.get(start..start + line.length as usize)?))
        })
    }

    /// The names that lines refer to.
    pub fn names(&self) -> &[Name] {
        &self.names
    }
}

impl Bytes for Text {
    fn bytes(&self) -> usize {
        self.bytes.capacity() + self.lines.capacity() * size_of::<Line>()
    }
}

/// The names of a file, as they are found in it.
#[derive(Default)]
struct Names {
    names: Vec<Name>,
    places: HashMap<Name, usize>,
    last: usize,
}

impl Names {
    /// Mostly a record has the name of the one before.
    fn place(&mut self, record: &Record<'_>) -> usize {
        if !self.names.get(self.last).is_some_and(|name| name.is_of(record)) {
            let name = Name::of(record);
            let next = self.names.len();
            self.last = *self.places.entry(name.clone()).or_insert(next);
            if self.last == next {
                self.names.push(name);
            }
        }
        self.last
    }
}

impl Files {
    /// The inbox of Trackio's directory.
    pub fn of(directory: &Path) -> Self {
        Self { folder: directory.join("inbox"), known: Mutex::default() }
    }

    /// The files that wait now. Unreadable files and lines are passed over, as Trackio does.
    pub fn list(&self, cache: &Cache, stop: &Stop) -> Result<Arc<Listing>> {
        let mut known = lock(&self.known, stop)?;
        let mut room = cache.most_bytes() / 2;
        let mut files = Vec::new();
        for (path, key) in regular_files(&self.folder) {
            if let Some(file) = known.files.get(&path).filter(|file| file.key == key) {
                files.push(Arc::clone(file));
            } else if let Ok(file) = read(&path, cache, &mut room, stop) {
                let file = Arc::new(file);
                known.files.insert(path, Arc::clone(&file));
                files.push(file);
            } else {
                stop.check()?;
            }
        }
        let before = &known.listing.files;
        let is_same = before.len() == files.len()
            && before.iter().zip(&files).all(|(before, now)| Arc::ptr_eq(before, now));
        if !is_same {
            let paths: HashMap<_, _> =
                files.iter().map(|file| (file.path.clone(), Arc::clone(file))).collect();
            *known = Known { files: paths, listing: Arc::new(Listing::of(files)) };
        }
        Ok(Arc::clone(&known.listing))
    }

    /// Whether anything was added, changed or taken away, without a look into the files.
    pub fn digest(&self) -> u64 {
        let files = regular_files(&self.folder);
        let parts: Vec<Vec<u8>> = files.iter().map(|(path, key)| bytes_of(path, key)).collect();
        fingerprint::of(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }
}

impl Listing {
    fn of(files: Vec<Arc<File>>) -> Self {
        let mut projects: BTreeMap<String, Waiting> = BTreeMap::new();
        for (place, file) in files.iter().enumerate() {
            for project in file.runs.keys() {
                let waiting = projects.entry(project.clone()).or_default();
                waiting.files.push((place / BATCH, Arc::clone(file)));
            }
        }
        let finished = |(name, mut waiting): (String, Waiting)| {
            waiting.identity = waiting.identity();
            (name, Arc::new(waiting))
        };
        Self { files, projects: projects.into_iter().map(finished).collect() }
    }

    /// The canonical names of the projects that have rows here, sorted.
    pub fn projects(&self) -> impl Iterator<Item = &str> {
        self.projects.keys().map(String::as_str)
    }

    /// What waits for a project, by its canonical name.
    pub fn of_project(&self, name: &str) -> Option<Arc<Waiting>> {
        self.projects.get(name).cloned()
    }

    /// The files with lines, or wholes, that are too long to be read, and how many lines in each.
    pub fn skipped(&self) -> impl Iterator<Item = (&Path, usize)> {
        let skipped = self.files.iter().filter(|file| file.skipped > 0);
        skipped.map(|file| (file.path.as_path(), file.skipped))
    }
}

impl Waiting {
    /// Batches count by where they begin among the project's own files: that others' files move
    /// all of them changes nothing.
    fn identity(&self) -> u64 {
        let mut last = None;
        let mut parts = Vec::new();
        for (batch, file) in &self.files {
            let begins = last.replace(batch) != Some(batch);
            parts.push(vec![u8::from(begins)]);
            parts.push(bytes_of(&file.path, &file.key));
        }
        fingerprint::of(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>()).max(1)
    }
}

impl File {
    /// The runs of a project with rows in the file: name and id.
    pub fn runs(&self, project: &str) -> &[(String, String)] {
        self.runs.get(project).map(Vec::as_slice).unwrap_or_default()
    }

    /// When it was written.
    pub fn written(&self) -> SystemTime {
        self.key.modified().unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// What it holds, from memory where it was just read.
    ///
    /// # Errors
    /// [`Error::InboxMoved`] where it is no more what it was: Trackio imported it.
    pub fn text(&self, cache: &Cache, stop: &Stop) -> Result<Arc<Text>> {
        let key = key_of_text(&self.path);
        let kept = match self.runs.len() {
            1 => cache.take::<Text>(&key),
            _ => cache.get::<Text>(&key),
        };
        if let Some(kept) = kept.map(|kept| kept.value).filter(|kept| kept.key == self.key) {
            return Ok(kept);
        }
        let (file, key) = open(&self.path).map_err(|_| Error::InboxMoved)?;
        let text = gather(BufReader::with_capacity(64 << 10, file), key, stop);
        stop.check()?;
        match text {
            Ok((text, _)) if text.key == self.key => Ok(Arc::new(text)),
            _ => Err(Error::InboxMoved),
        }
    }
}

/// The regular files of the inbox in the order of their import. What is no regular file is never
/// opened: a pipe would wait for its writer.
fn regular_files(folder: &Path) -> Vec<(PathBuf, FileKey)> {
    let mut paths = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(_) if path.extension().is_some_and(|extension| extension == "jsonl") => {
                    paths.push(path);
                }
                _ => {}
            }
        }
    }
    paths.sort();
    let with_key = |path: PathBuf| {
        let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        Some((path, FileKey::of(&metadata)))
    };
    paths.into_iter().filter_map(with_key).collect()
}

fn open(path: &Path) -> io::Result<(fs::File, FileKey)> {
    let (file, about) = regular::open_known(path)?;
    Ok((file, FileKey::of(&about)))
}

/// Reads a file to learn whose rows it holds. Its records are kept for the import while there is
/// `room` for them.
fn read(path: &Path, cache: &Cache, room: &mut usize, stop: &Stop) -> io::Result<File> {
    let (file, key) = open(path)?;
    let (path, size) = (path.to_path_buf(), key.size());
    if size > LARGEST {
        return Ok(File { path, key, runs: BTreeMap::new(), skipped: 1 });
    }
    // No more than it was when it was opened: a writer could go on for ever.
    let file = BufReader::with_capacity(64 << 10, file.take(size));
    let left = usize::try_from(size).ok().and_then(|size| room.checked_sub(size));
    let Some(left) = left else {
        let mut names = Names::default();
        let skipped = each_record(file, stop, |_, record| {
            names.place(record);
        })?;
        return Ok(File { path, key, runs: runs_of(&names.names), skipped });
    };
    let (text, skipped) = gather(file, key, stop)?;
    let file = File { key: text.key.clone(), runs: runs_of(&text.names), path, skipped };
    if !file.runs.is_empty() {
        *room = left;
        cache.put(key_of_text(&file.path), None, Arc::new(text));
    }
    Ok(file)
}

/// The records of a file, and how many lines are too long.
fn gather(reader: impl io::BufRead, key: FileKey, stop: &Stop) -> io::Result<(Text, usize)> {
    let mut names = Names::default();
    let (mut bytes, mut lines) = (Vec::new(), Vec::new());
    let skipped = each_record(reader, stop, |line, record| {
        // A file is smaller than 2^30 bytes, and so are its lines together.
        lines.push(Line {
            start: bytes.len() as u32,
            length: line.len() as u32,
            name: names.place(record) as u32,
            has_time: record.timestamp.is_some(),
            lacks_step: record.lacks_step(),
            has_config: record.config().is_some(),
        });
        bytes.extend_from_slice(line);
    })?;
    bytes.shrink_to_fit();
    lines.shrink_to_fit();
    Ok((Text { key, bytes, lines, names: names.names }, skipped))
}

/// Hands each line that holds a record to `take`; returns how many lines are too long.
fn each_record(
    reader: impl io::BufRead,
    stop: &Stop,
    mut take: impl FnMut(&[u8], &Record<'_>),
) -> io::Result<usize> {
    let mut left = LINES_BETWEEN_LOOKS;
    let skipped = lines::each(reader, |line| {
        left -= 1;
        if left == 0 {
            left = LINES_BETWEEN_LOOKS;
            if stop.is_set() {
                return ControlFlow::Break(());
            }
        }
        if let Some(record) = Record::of(line) {
            take(line, &record);
        }
        ControlFlow::Continue(())
    })?;
    if stop.is_set() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(skipped) }
}

/// The runs, name and id, by canonical project.
fn runs_of(names: &[Name]) -> BTreeMap<String, Vec<(String, String)>> {
    let mut runs: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for name in names {
        let run = (name.run.as_str(), name.id_of_run());
        let project = canonical(&name.project);
        if seen.insert((project.clone(), run)) {
            runs.entry(project).or_default().push((run.0.to_owned(), run.1.to_owned()));
        }
    }
    runs
}

fn key_of_text(path: &Path) -> Key {
    Key::of_any(format!("inbox file {}", path.display()))
}

fn bytes_of(path: &Path, key: &FileKey) -> Vec<u8> {
    let mut bytes = key.bytes();
    bytes.extend(path.as_os_str().as_encoded_bytes());
    bytes
}

/// Waits for a lock that another call holds, as long as the call may.
pub fn lock<'a, T>(mutex: &'a Mutex<T>, stop: &Stop) -> Result<MutexGuard<'a, T>> {
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Ok(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Ok(PoisonError::into_inner(poisoned)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(TRIES_EVERY),
        }
        stop.check()?;
    }
}
