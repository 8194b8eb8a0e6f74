//! Where a client's file is on this computer.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::client::Files;
use crate::trackio::directory;

/// The places of a file here, the likeliest first. Templates whose variable is not set, or whose
/// folder is not there though it has to be matched, are left out.
pub fn candidates(files: &Files) -> Vec<PathBuf> {
    files.here().iter().flat_map(|template| expand(template)).collect()
}

/// The file that the client reads: the first whose folder is there, else the first of all.
pub fn find(files: &Files) -> Option<PathBuf> {
    let places = candidates(files);
    let is_there = |path: &&PathBuf| path.parent().is_some_and(Path::is_dir);
    places.iter().find(is_there).or(places.first()).cloned()
}

/// The home directory: clients find it by the same variables as Trackio.
pub fn home() -> Option<PathBuf> {
    directory::home()
}

/// A path as people write it: without the `\\?\` that Windows puts before a path that is resolved.
pub fn plain(path: &Path) -> String {
    let text = path.display().to_string();
    match text.strip_prefix(r"\\?\UNC\") {
        Some(share) => format!(r"\\{share}"),
        None => text.strip_prefix(r"\\?\").map(str::to_owned).unwrap_or(text),
    }
}

/// A template as it is read by a person of that system.
pub fn shown(template: &str, is_windows: bool) -> String {
    match is_windows {
        true => template.replace("~/", "%USERPROFILE%/").replace('/', "\\"),
        false => template.to_owned(),
    }
}

fn expand(template: &str) -> Vec<PathBuf> {
    let mut segments = template.split('/');
    let Some(root) = segments.next().and_then(root) else { return Vec::new() };
    segments.fold(vec![root], |places, segment| match segment.strip_suffix('*') {
        Some(start) => places.iter().flat_map(|place| folders(place, start)).collect(),
        None => places.iter().map(|place| place.join(segment)).collect(),
    })
}

fn root(segment: &str) -> Option<PathBuf> {
    if segment == "~" {
        return home();
    }
    let name = segment.strip_prefix('$').unwrap_or_else(|| segment.trim_matches('%'));
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn folders(place: &Path, start: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let begins = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(start))
    };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(begins).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolved_path_of_windows_is_shown_as_people_write_it() {
        for (path, expected) in [
            (r"\\?\C:\Users\me\mcp.json", r"C:\Users\me\mcp.json"),
            (r"\\?\UNC\host\share\mcp.json", r"\\host\share\mcp.json"),
            (r"C:\mcp.json", r"C:\mcp.json"),
            ("/home/me/mcp.json", "/home/me/mcp.json"),
        ] {
            assert_eq!(plain(Path::new(path)), expected);
        }
    }
}
