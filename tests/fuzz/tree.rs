//! A Trackio directory in memory: read from the fixtures once, changed by a target, written for
//! the server, saved with a finding.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use super::support::{gunzip, tests_file};

#[derive(Debug, Clone)]
pub enum Node {
    File(Vec<u8>),
    Directory,
    Link(PathBuf),
    /// A named pipe: whoever opens it waits.
    Pipe,
}

/// Every entry by its path below the directory.
#[derive(Debug, Clone, Default)]
pub struct Tree(pub BTreeMap<PathBuf, Node>);

impl Tree {
    pub fn of_fixture(name: &str) -> Self {
        let bytes = gunzip(&tests_file("fixtures").join(format!("{name}.tar.gz")));
        let temp = tempfile::tempdir().unwrap();
        tar::Archive::new(bytes.as_slice()).unpack(temp.path()).unwrap();
        Self::read(&temp.path().join(name))
    }

    pub fn read(root: &Path) -> Self {
        let mut tree = Self::default();
        for path in entries(root) {
            let about = fs::symlink_metadata(&path).unwrap();
            let node = if about.is_symlink() {
                Node::Link(fs::read_link(&path).unwrap())
            } else if about.is_dir() {
                Node::Directory
            } else if about.is_file() {
                Node::File(fs::read(&path).unwrap())
            } else {
                Node::Pipe
            };
            tree.0.insert(path.strip_prefix(root).unwrap().to_owned(), node);
        }
        tree
    }

    pub fn write(&self, root: &Path) {
        fs::create_dir_all(root).unwrap();
        for (path, node) in &self.0 {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match node {
                Node::File(bytes) => fs::write(&path, bytes).unwrap(),
                Node::Directory => fs::create_dir_all(&path).unwrap(),
                #[cfg(unix)]
                Node::Link(target) => std::os::unix::fs::symlink(target, &path).unwrap(),
                #[cfg(not(unix))]
                Node::Link(_) => {}
                Node::Pipe => {
                    Command::new("mkfifo").arg(&path).status().ok();
                }
            }
        }
    }

    pub fn file(&self, path: impl AsRef<Path>) -> Option<&Vec<u8>> {
        match self.0.get(path.as_ref()) {
            Some(Node::File(bytes)) => Some(bytes),
            _ => None,
        }
    }

    pub fn put(&mut self, path: impl Into<PathBuf>, bytes: Vec<u8>) {
        self.0.insert(path.into(), Node::File(bytes));
    }

    /// The files of a project and whatever else belongs to no other project.
    pub fn only(&self, project: &str) -> Self {
        let own = format!("{project}.db");
        let is_wanted = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            !name.contains(".db") && !name.ends_with(".lock") || name.starts_with(&own)
        };
        let wanted = self.0.iter().filter(|(path, _)| is_wanted(path));
        Self(wanted.map(|(path, node)| (path.clone(), node.clone())).collect())
    }
}

/// All that tells whether something was written below a directory.
pub fn fingerprint(root: &Path) -> BTreeMap<PathBuf, (u64, SystemTime, u64)> {
    let with_root = entries(root).into_iter().chain([root.to_owned()]);
    let one = |path: PathBuf| {
        let about = fs::symlink_metadata(&path).ok()?;
        let mut content = DefaultHasher::new();
        if about.is_file() {
            fs::read(&path).ok()?.hash(&mut content);
        }
        let size = if about.is_file() { about.len() } else { 0 };
        let state = (size, about.modified().ok()?, content.finish());
        Some((path.strip_prefix(root).unwrap().to_owned(), state))
    };
    with_root.filter_map(one).collect()
}

fn entries(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        let Ok(list) = fs::read_dir(&directory) else { continue };
        for entry in list.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                left.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found.sort();
    found
}
