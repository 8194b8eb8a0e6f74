//! `~` and variables in a path, as Python's `os.path.expanduser` and `expandvars` do it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Expands `~`, `~user`, `$NAME`, `${NAME}` and, on Windows, `%NAME%`.
///
/// What is unknown stays as it stands.
pub fn user_and_variables(
    text: &OsStr,
    variable: &dyn Fn(&str) -> Option<OsString>,
    home: Option<&Path>,
) -> OsString {
    let with_home = user(text, home);
    match with_home.to_str() {
        Some(text) => OsString::from(variables(text, variable)),
        // Not Unicode: nothing that Trackio could have expanded either.
        None => with_home,
    }
}

fn user(text: &OsStr, home: Option<&Path>) -> OsString {
    let Some(rest) = text.to_str().and_then(|text| text.strip_prefix('~')) else {
        return text.to_os_string();
    };
    let end = rest.find(std::path::is_separator).unwrap_or(rest.len());
    let (name, tail) = rest.split_at(end);
    let base = if name.is_empty() { home.map(Path::to_path_buf) } else { home_of(name) };
    match base {
        Some(base) => {
            let mut expanded = base.into_os_string();
            expanded.push(tail);
            expanded
        }
        None => text.to_os_string(),
    }
}

#[cfg(unix)]
fn home_of(name: &str) -> Option<PathBuf> {
    use uzers::os::unix::UserExt;
    uzers::get_user_by_name(name).map(|user| user.home_dir().to_path_buf())
}

#[cfg(not(unix))]
fn home_of(_name: &str) -> Option<PathBuf> {
    None
}

fn variables(text: &str, variable: &dyn Fn(&str) -> Option<OsString>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(position) = rest.find(['$', '%']) {
        let (before, reference) = rest.split_at(position);
        expanded.push_str(before);
        let (name, length) = reference_name(reference);
        let (original, after) = reference.split_at(length);
        match name.and_then(variable).and_then(|value| value.into_string().ok()) {
            Some(value) => expanded.push_str(&value),
            None => expanded.push_str(original),
        }
        rest = after;
    }
    expanded.push_str(rest);
    expanded
}

/// The variable named at the start of `text` and how many bytes the reference takes.
fn reference_name(text: &str) -> (Option<&str>, usize) {
    if let Some((name, _)) = text.strip_prefix("${").and_then(|rest| rest.split_once('}')) {
        return (Some(name), name.len() + 3);
    }
    if let Some(rest) = text.strip_prefix('$') {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = rest.get(..end).filter(|name| !name.is_empty());
        return (name, 1 + end);
    }
    if cfg!(windows)
        && let Some((name, _)) = text.strip_prefix('%').and_then(|rest| rest.split_once('%'))
    {
        return (Some(name), name.len() + 2);
    }
    (None, 1)
}
