//! `upload_db_to_space`: sends a copy of a project's database to a Trackio server.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::common::resolve::{self, shown};
use super::common::sending::{self, failure};
use super::common::watched::Watched;
use super::common::{Answer, Context, Failure, Output, text};
use super::{Access, Category, Tool};
use crate::remote::Client;
use crate::temporary::TemporaryFolder;
use crate::trackio::name::canonical;
use crate::trackio::{Result as Done, Snapshot, Stop, run};

pub struct UploadDbToSpace;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    project: String,
    /// The user's server by its URL or Space (user/space); may be left out.
    #[serde(alias = "space_id")]
    server: Option<String>,
    /// Replace the project of that name there.
    #[serde(default)]
    overwrite: bool,
}

#[derive(Serialize, JsonSchema)]
pub struct Sent {
    project: String,
    server: String,
    bytes: u64,
    /// As the server lists them now.
    num_runs: usize,
    overwritten: bool,
}

impl Tool for UploadDbToSpace {
    const NAME: &'static str = "upload_db_to_space";
    const TITLE: &'static str = "Send a project to a Trackio server";
    const CATEGORY: Category = Category::Write;
    const ABOUT: &'static str = "Sends a consistent copy of a project's database to a running \
        Trackio server or Space. A project that exists there is replaced only with overwrite.";
    const GUIDE: &'static str = "A training may go on meanwhile: the copy is one moment's. Media \
        and artifact files are not sent. The server is the one that TRACKIO_SPACE_ID or \
        TRACKIO_SERVER_URL names in the client's configuration, and no other; tokens come from \
        TRACKIO_WRITE_TOKEN and HF_TOKEN. Trackio replaces a database without a lock: overwrite a project only while \
        nothing writes to it there.";
    const ACCESS: Access = Access::Send { destructive: true, idempotent: true };
    type Args = Args;
    type Output = Sent;

    fn run(context: &Context, args: Args) -> Result<Answer<Sent>, Failure> {
        let client = sending::server(context, Self::NAME, args.server.as_deref())?;
        let project = resolve::project(context, &args.project)?;
        if project.inner.is_some() || project.path.is_none() {
            return Err(Failure(format!(
                "Project `{}` has no database of its own to send.",
                shown(&project.name)
            )));
        }
        let name = canonical(&project.name);
        let copy = TemporaryFolder::new().map_err(|error| local(&error))?;
        let file = copy.path().join("copy.db");
        let runs = context.read(&project, |snapshot| {
            copy_to(&file, snapshot, &context.stop)?;
            Ok(run::list(snapshot)?.iter().filter(|run| run.is_listed()).count())
        })?;
        let overwritten = check(context, &client, &name, args.overwrite)?;
        let bytes = fs::metadata(&file).map_err(|error| local(&error))?.len();
        let did = format!("Sent project `{name}` ({bytes} bytes) to {}.", client.address);
        let undo = "Delete the project on that server; nothing was changed here.";
        sending::note(context, Self::NAME, &name, did, undo)?;
        let num_runs = send(context, &client, &name, &file, bytes)?;
        let mut notes = Vec::new();
        if num_runs != runs && !project.has_inbox() {
            notes.push(format!(
                "There were {runs} runs here when the copy was made; the server lists {num_runs}. \
                 Something else may write to the project there."
            ));
        }
        if project.has_inbox() {
            notes.push("Rows that wait in the inbox were not sent.".to_owned());
        }
        for (folder, what) in [("media", "Media"), ("artifacts", "Artifact")] {
            if context.store.directory().path.join(folder).join(&name).is_dir() {
                notes.push(format!("{what} files were not sent."));
            }
        }
        let server = client.address.to_string();
        Ok(Answer::new(Sent { project: project.name, server, bytes, num_runs, overwritten })
            .with_notes(notes))
    }
}

/// A copy of the database as it is at this moment, in one file.
fn copy_to(file: &Path, snapshot: &Snapshot<'_>, stop: &Stop) -> Done<()> {
    // The work of a read may run twice.
    let _ = fs::remove_file(file);
    let mut copy = Connection::open(file)?;
    let backup = Backup::new(snapshot.connection, &mut copy)?;
    loop {
        stop.check()?;
        match backup.step(PAGES)? {
            StepResult::Done => break,
            StepResult::More => {}
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    drop(backup);
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    copy.close().map_err(|(_, error)| error.into())
}

/// So many pages are copied between two looks at whether to stop.
const PAGES: i32 = 2_000;

/// Whether the project exists there; a failure where it may not be sent.
fn check(context: &Context, client: &Client, name: &str, overwrite: bool) -> Result<bool, Failure> {
    let ask = |function| client.call(function, json!({})).map_err(|error| failure(client, &error));
    sending::greet(client)?;
    let media = ask("get_settings")?
        .get("media_dir")
        .and_then(|path| path.as_str())
        .map(|path| Path::new(path).to_owned());
    // To look at `//host/share` is to speak to that host.
    let is_local = |path: &&Path| !path.to_string_lossy().replace('\\', "/").starts_with("//");
    let its = media.as_deref().and_then(Path::parent).filter(is_local);
    let its = its.and_then(|path| path.canonicalize().ok());
    let ours = context.store.directory().path.canonicalize().ok();
    if client.address.is_loopback() && its.is_some() && its == ours {
        return Err(Failure(format!(
            "Nothing was sent: {} serves this very directory, so it shows the project already.",
            client.address
        )));
    }
    let projects = ask("get_all_projects")?;
    let exists = projects.as_array().is_some_and(|known| known.iter().any(|known| known == name));
    if exists && !overwrite {
        return Err(Failure(format!(
            "Nothing was sent: {} has a project `{name}`. If the user wants it replaced, call again \
             with overwrite: true, while nothing writes to it there.",
            client.address
        )));
    }
    Ok(exists)
}

/// Uploads the copy; answers how many runs the server then lists.
fn send(
    context: &Context,
    client: &Client,
    name: &str,
    file: &Path,
    bytes: u64,
) -> Result<usize, Failure> {
    let refused = |error| failure(client, &error);
    let content = File::open(file).map_err(|error| local(&error))?;
    let content = Watched::new(content, &context.stop);
    let uploaded = client.upload("copy.db", content, bytes).map_err(refused)?;
    let arguments = json!({"project": name, "uploaded_db": uploaded, "hf_token": null});
    client.call("upload_db_to_space", arguments).map_err(refused)?;
    let listed = client.call("get_runs_for_project", json!({"project": name})).map_err(refused)?;
    Ok(listed.as_array().map_or(0, Vec::len))
}

fn local(error: &io::Error) -> Failure {
    Failure(format!("Nothing was sent: the copy could not be made ({error})."))
}

impl Output for Sent {
    fn headline(&self) -> String {
        let verb = if self.overwritten { "Replaced" } else { "Sent" };
        let project = text::name_of(&self.project);
        format!("{verb} project {project} on {}: {} bytes.", self.server, self.bytes)
    }
}
