//! Where Trackio's data were looked for, and what is there.

use std::fs;
use std::path::Path;

use super::report::Report;
use crate::tools::common::shape::counted;
use crate::trackio::directory::Origin;
use crate::trackio::schema::RunKey;
use crate::trackio::{Error, Stop, Store};

pub const SECTION: &str = "Data";

/// So many projects that cannot be read are named.
const NAMED: usize = 5;

/// File systems over a network, as `/proc/mounts` calls them, for which Trackio leaves SQLite
/// alone and writes to its inbox.
const NETWORK: &[&str] = &[
    "nfs",
    "cifs",
    "smb",
    "lustre",
    "gpfs",
    "ceph",
    "beegfs",
    "weka",
    "glusterfs",
    "9p",
    "sshfs",
    "fuse.sshfs",
];

pub fn examine(store: &Store, report: &mut Report) {
    let directory = store.directory();
    let place = directory.path.display();
    let from = match directory.origin {
        Origin::Default => "Trackio's default place".to_owned(),
        origin => format!("from {}", origin.as_str()),
    };
    let elsewhere = "If Trackio writes elsewhere, set TRACKIO_DIR to that directory, or give --dir";
    let names = match store.project_names() {
        Ok(names) => names,
        Err(error) => {
            let remedy = match directory.path.exists() {
                true => "Allow yourself to read it".to_owned(),
                false => format!(
                    "{elsewhere}; without any runs yet, `mcp-trackio demo` shows what it does"
                ),
            };
            return report.bad(SECTION, format!("{error} ({from})"), remedy);
        }
    };
    if names.is_empty() {
        report.warning(SECTION, format!("{place} ({from}): no projects yet"), elsewhere);
    } else {
        report.good(SECTION, format!("{place} ({from}): {}", counted(names.len(), "project")));
    }
    let (eras, unreadable) = read(store, &names);
    if !eras.is_empty() {
        report.good(SECTION, format!("Written by Trackio {}", eras.join(", ")));
    }
    for problem in unreadable.iter().take(NAMED) {
        let remedy = match problem {
            Error::Busy(_) => "A writer holds it; try again in a moment",
            _ => "The other projects can be asked about; look at this file's rights, or restore it",
        };
        report.warning(SECTION, capitalized(&problem.to_string()), remedy);
    }
    if let Some(more) = unreadable.len().checked_sub(NAMED).filter(|more| *more > 0) {
        report.warning(
            SECTION,
            format!("{} more cannot be read", counted(more, "project")),
            "See above",
        );
    }
    let waiting = store.projects_in_inbox();
    if !waiting.is_empty() {
        report.good(
            SECTION,
            format!("Rows in Trackio's inbox, read with the rest: {}", waiting.join(", ")),
        );
    }
    if let Some(kind) = network_file_system(&directory.path) {
        report.warning(
            SECTION,
            format!("{place} is on a network file system ({kind})"),
            "Trackio writes to its inbox there, which is read too; answers can be slow",
        );
    }
}

/// The versions of Trackio whose forms the databases have, and what cannot be read.
fn read(store: &Store, names: &[String]) -> (Vec<&'static str>, Vec<Error>) {
    let stop = Stop::default();
    let (mut eras, mut unreadable) = (Vec::new(), Vec::new());
    for name in names {
        let era = store.project(name, &stop).and_then(|project| {
            project.read(&stop, |snapshot| {
                let metrics = snapshot.schema.table("metrics");
                Ok(metrics.map(|table| match table.key {
                    _ if table.has("project_name") => "0.0",
                    RunKey::Name => "before 0.24",
                    RunKey::Id => "0.24 or later",
                }))
            })
        });
        match era {
            Ok(Some(era)) if !eras.contains(&era) => eras.push(era),
            Ok(_) => {}
            Err(error) => unreadable.push(error),
        }
    }
    eras.sort_unstable();
    (eras, unreadable)
}

/// The kind of the file system, if it is reached over a network. Known on Linux only.
fn network_file_system(directory: &Path) -> Option<String> {
    let real = directory.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?.replace("\\040", " "), words.next()?.to_owned()))
    });
    // The last mount of the longest path is the one that counts.
    let over = mounts.filter(|(point, _)| real.starts_with(point));
    let (_, kind) = over.max_by_key(|(point, _)| point.len())?;
    NETWORK.iter().any(|network| kind.starts_with(network)).then_some(kind)
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}
