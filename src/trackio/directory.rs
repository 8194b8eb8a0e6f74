//! Where Trackio keeps its databases.
//!
//! The rule is `trackio/utils.py`'s of 0.23 and later: `TRACKIO_DIR` as it stands, else
//! `HF_HOME/trackio`, where `HF_HOME` defaults to `$XDG_CACHE_HOME/huggingface` and that to
//! `~/.cache/huggingface`, on macOS and Windows too. Only `HF_HOME` is expanded.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::expand;

/// What decided where the directory is; told to the user who asks why nothing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `--dir` on the command line.
    Argument,
    /// The environment variable `TRACKIO_DIR`.
    TrackioDir,
    /// The environment variable `HF_HOME`.
    HfHome,
    /// The environment variable `XDG_CACHE_HOME`.
    XdgCacheHome,
    /// Nothing was set.
    Default,
}

impl Origin {
    /// The name a person knows it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Argument => "--dir",
            Self::TrackioDir => "TRACKIO_DIR",
            Self::HfHome => "HF_HOME",
            Self::XdgCacheHome => "XDG_CACHE_HOME",
            Self::Default => "default",
        }
    }
}

/// Trackio's directory and how it was found. It need not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// The directory itself; relative paths are relative to the working directory.
    pub path: PathBuf,
    /// What decided it.
    pub origin: Origin,
}

impl Directory {
    /// The directory that this process's environment names; `argument` beats it.
    pub fn resolve(argument: Option<&Path>) -> Self {
        Self::resolve_in(argument, &|name| env::var_os(name), home().as_deref())
    }

    /// The same for any environment: `variable` looks a variable up.
    pub fn resolve_in(
        argument: Option<&Path>,
        variable: &dyn Fn(&str) -> Option<OsString>,
        home: Option<&Path>,
    ) -> Self {
        if let Some(path) = argument {
            return Self { path: tidy(path), origin: Origin::Argument };
        }
        if let Some(path) = variable("TRACKIO_DIR").filter(is_set) {
            return Self { path: tidy(Path::new(&path)), origin: Origin::TrackioDir };
        }
        let (hf_home, origin) = hf_home(variable, home);
        let expanded = expand::user_and_variables(&hf_home, variable, home);
        Self { path: tidy(&Path::new(&expanded).join("trackio")), origin }
    }
}

/// An empty value counts as unset, and so does a placeholder that a client left unfilled
/// (`.mcpb` bundles pass `${user_config.…}` on when the user left the field empty).
fn is_set(value: &OsString) -> bool {
    !value.is_empty() && !value.to_string_lossy().starts_with("${user_config.")
}

/// `HF_HOME` before expansion. Set but empty counts as set, as in Python's `os.getenv`.
fn hf_home(variable: &dyn Fn(&str) -> Option<OsString>, home: Option<&Path>) -> (OsString, Origin) {
    if let Some(value) = variable("HF_HOME") {
        return (value, Origin::HfHome);
    }
    if let Some(cache) = variable("XDG_CACHE_HOME") {
        return (Path::new(&cache).join("huggingface").into_os_string(), Origin::XdgCacheHome);
    }
    let cache = home.unwrap_or(Path::new("~")).join(".cache");
    (cache.join("huggingface").into_os_string(), Origin::Default)
}

/// The home directory as Python's `expanduser("~")` finds it: by `HOME`, on Windows by `USERPROFILE`,
/// and from the system where that is not set.
pub fn home() -> Option<PathBuf> {
    env::home_dir().filter(|home| !home.as_os_str().is_empty())
}

/// Without doubled separators, `.` and a trailing separator, and with the system's own separators,
/// as `pathlib.Path` prints it.
fn tidy(path: &Path) -> PathBuf {
    let tidied: PathBuf =
        path.components().filter(|part| *part != std::path::Component::CurDir).collect();
    if tidied.as_os_str().is_empty() { PathBuf::from(".") } else { tidied }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(variables: &[(&str, &str)]) -> String {
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        let directory = Directory::resolve_in(None, &variable, Some(Path::new("/home/u")));
        directory.path.display().to_string().replace(std::path::MAIN_SEPARATOR, "/")
    }

    #[test]
    fn follows_trackio_in_every_environment() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[], "/home/u/.cache/huggingface/trackio"),
            (&[("TRACKIO_DIR", "/t")], "/t"),
            (&[("TRACKIO_DIR", "/t//a/")], "/t/a"),
            (&[("TRACKIO_DIR", "./t")], "t"),
            (&[("TRACKIO_DIR", "~/t")], "~/t"),
            (&[("TRACKIO_DIR", "$FOO/t"), ("FOO", "/foo")], "$FOO/t"),
            (&[("TRACKIO_DIR", " ")], " "),
            (&[("TRACKIO_DIR", ""), ("HF_HOME", "/hf")], "/hf/trackio"),
            (
                &[("TRACKIO_DIR", "${user_config.trackio_dir}")],
                "/home/u/.cache/huggingface/trackio",
            ),
            (&[("HF_HOME", "")], "trackio"),
            (&[("HF_HOME", "/hf//a/")], "/hf/a/trackio"),
            (&[("HF_HOME", "~/hf")], "/home/u/hf/trackio"),
            (&[("HF_HOME", "$FOO/hf"), ("FOO", "/foo")], "/foo/hf/trackio"),
            (&[("HF_HOME", "${FOO}hf"), ("FOO", "/foo")], "/foohf/trackio"),
            (&[("HF_HOME", "${UNSET}/hf")], "${UNSET}/hf/trackio"),
            (&[("HF_HOME", "$UNSET/hf")], "$UNSET/hf/trackio"),
            (&[("XDG_CACHE_HOME", "")], "huggingface/trackio"),
            (&[("XDG_CACHE_HOME", "/c"), ("HF_HUB_CACHE", "/no")], "/c/huggingface/trackio"),
            (&[("XDG_CACHE_HOME", "/c"), ("HF_HOME", "/hf")], "/hf/trackio"),
        ];
        for (variables, expected) in cases {
            assert_eq!(resolved(variables), *expected, "{variables:?}");
        }
    }

    #[test]
    fn the_argument_beats_the_environment() {
        let variable = |_: &str| Some(OsString::from("/other"));
        let directory = Directory::resolve_in(Some(Path::new("/given")), &variable, None);
        assert_eq!(directory, Directory { path: "/given".into(), origin: Origin::Argument });
    }

    #[test]
    fn the_argument_is_written_as_the_system_writes_paths() {
        let argument = Path::new("./data//trackio/");
        let directory = Directory::resolve_in(Some(argument), &|_| None, None);
        let expected = Path::new("data").join("trackio");
        assert_eq!(directory.path.display().to_string(), expected.display().to_string());
    }
}
