//! The addresses of resources: `trackio://` and percent-encoded names.
//!
//! A name can hold anything. Clients tidy addresses (RFC 3986): they resolve `.` and `..` even
//! where these are percent-encoded, and drop what is empty. So a name that would be read as
//! something else, or that begins with `~` itself, gets a `~` before it.

#[cfg(test)]
mod tests;

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::answer::Failure;
use super::resolve::shown;
use crate::trackio::metric::Kind;

const SCHEME: &str = "trackio://";
const PROJECTS: &str = "projects";
const GUIDE: &str = "guide";
const ENDING: &str = ".csv";
const FROM_ROW: &str = "from_row=";

/// What RFC 3986 calls unreserved stays as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// All projects.
    Projects,
    /// A topic of the guide.
    Guide(String),
    /// One project.
    Project(String),
    /// One run, by name or id.
    Run {
        /// Its project.
        project: String,
        /// Its name or id.
        run: String,
    },
    /// Every value of one metric.
    Values(Values),
}

/// Which metric's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    /// The run's project.
    pub project: String,
    /// The run, by name or id.
    pub run: String,
    /// Of the training, or of the machine.
    pub kind: Kind,
    /// The metric.
    pub metric: String,
    /// The first row that is wanted, counted from 1.
    pub from_row: usize,
}

/// A kind of resource.
pub struct Template {
    /// Its addresses, as RFC 6570 writes them.
    pub uri: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// What stands there.
    pub about: &'static str,
    /// Its media type.
    pub mime: &'static str,
}

const TEXT: &str = "text/plain";
const CSV: &str = "text/csv";

/// Every kind.
pub const TEMPLATES: [Template; 6] = [
    Template {
        uri: "trackio://projects",
        name: "projects",
        about: "Every project with its number of runs and last activity.",
        mime: TEXT,
    },
    Template {
        uri: "trackio://{project}",
        name: "project",
        about: "One project: newest runs with their states, what is logged, findings.",
        mime: TEXT,
    },
    Template {
        uri: "trackio://{project}/{run}",
        name: "run",
        about: "One run, by name or id: status, verdict, last and best values, alerts, config.",
        mime: TEXT,
    },
    Template {
        uri: "trackio://{project}/{run}/metrics/{metric}.csv",
        name: "metric",
        about: "Every value of one metric, with step and timestamp.",
        mime: CSV,
    },
    Template {
        uri: "trackio://{project}/{run}/system/{system_metric}.csv",
        name: "system metric",
        about: "Every value of one GPU, CPU or memory metric, with timestamp.",
        mime: CSV,
    },
    Template {
        uri: "trackio://guide/{topic}",
        name: "guide",
        about: "The guide to a category, a tool or the verdicts (`curves`).",
        mime: TEXT,
    },
];

impl Address {
    /// Reads an address.
    pub fn parse(uri: &str) -> Result<Self, Failure> {
        Self::read(uri).ok_or_else(|| no_address(uri))
    }

    fn read(uri: &str) -> Option<Self> {
        let rest = uri.strip_prefix(SCHEME)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut segments: Vec<&str> = path.split('/').collect();
        // Some clients end an address with a slash.
        if segments.len() > 1 && segments.last() == Some(&"") {
            segments.pop();
        }
        let address = match segments.as_slice() {
            [PROJECTS] => Self::Projects,
            [GUIDE, topic] => Self::Guide(decoded(topic)?),
            [project] => Self::Project(name(project)?),
            [project, run] => Self::Run { project: name(project)?, run: name(run)? },
            // A metric is often written with its slashes as they are.
            [project, run, folder, metric @ ..] => {
                let kind = kind(folder)?;
                let metric = decoded(metric.join("/").strip_suffix(ENDING)?)?;
                let from_row = match query {
                    "" => 1,
                    query => query.strip_prefix(FROM_ROW)?.parse().ok().filter(|row| *row > 0)?,
                };
                let (project, run) = (name(project)?, name(run)?);
                return Some(Self::Values(Values { project, run, kind, metric, from_row }));
            }
            [] => return None,
        };
        query.is_empty().then_some(address)
    }

    /// What clients are told that it is.
    pub fn mime(&self) -> &'static str {
        if matches!(self, Self::Values(_)) { CSV } else { TEXT }
    }

    /// The project that it belongs to.
    pub fn project(&self) -> Option<&str> {
        match self {
            Self::Projects | Self::Guide(_) => None,
            Self::Project(project) | Self::Run { project, .. } => Some(project),
            Self::Values(values) => Some(&values.project),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Projects => write!(formatter, "{SCHEME}{PROJECTS}"),
            Self::Guide(topic) => write!(formatter, "{SCHEME}{GUIDE}/{}", encoded(topic)),
            Self::Project(project) => write!(formatter, "{SCHEME}{}", encoded(&safe(project))),
            Self::Run { project, run } => {
                write!(formatter, "{SCHEME}{}/{}", encoded(&safe(project)), encoded(&safe(run)))
            }
            Self::Values(Values { project, run, kind, metric, from_row }) => {
                let (project, run) = (safe(project), safe(run));
                let (project, run, metric) = (encoded(&project), encoded(&run), encoded(metric));
                write!(formatter, "{SCHEME}{project}/{run}/{}/{metric}{ENDING}", folder(*kind))?;
                match from_row {
                    0 | 1 => Ok(()),
                    row => write!(formatter, "?{FROM_ROW}{row}"),
                }
            }
        }
    }
}

/// The name as it stands in an address before it is percent-encoded: with a `~` where it would be
/// taken for something else.
pub fn safe(name: &str) -> String {
    let is_taken = ["", ".", "..", PROJECTS, GUIDE].contains(&name);
    if is_taken || name.starts_with('~') { format!("~{name}") } else { name.to_owned() }
}

fn name(segment: &str) -> Option<String> {
    let name = decoded(segment)?;
    match name.strip_prefix('~') {
        Some(name) => Some(name.to_owned()),
        None => (!name.is_empty()).then_some(name),
    }
}

fn decoded(segment: &str) -> Option<String> {
    Some(percent_decode_str(segment).decode_utf8().ok()?.into_owned())
}

fn encoded(name: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(name, SEGMENT)
}

fn folder(kind: Kind) -> &'static str {
    match kind {
        Kind::Metrics => "metrics",
        Kind::System => "system",
    }
}

fn kind(folder: &str) -> Option<Kind> {
    [Kind::Metrics, Kind::System].into_iter().find(|kind| self::folder(*kind) == folder)
}

fn no_address(uri: &str) -> Failure {
    let known: Vec<&str> = TEMPLATES.iter().map(|template| template.uri).collect();
    Failure(format!(
        "`{}` is no resource of this server. There are: {}. Names are percent-encoded (`/` is \
         %2F); resources/list gives projects and runs as they are written.",
        shown(uri),
        known.join(", ")
    ))
}
