//! Which runs made and used which versions.

use rusqlite::{Row, params};

use crate::trackio::error::Result;
use crate::trackio::name::canonical;
use crate::trackio::project::Snapshot;
use crate::trackio::run::{self, Run};
use crate::trackio::schema::RunKey;
use crate::trackio::value;

/// A version that a run made or used.
#[derive(Debug, Clone, PartialEq)]
pub struct RunArtifact {
    /// The version's id in its project.
    pub version_id: i64,
    /// The project that holds it.
    pub project: String,
    /// The artifact's name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// The version's number.
    pub version: i64,
    /// The size of its files together.
    pub size_bytes: i64,
    /// When the run first linked it, as stored.
    pub created_at: Option<String>,
}

/// The versions that a run used and made, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunArtifacts {
    /// What it used.
    pub input: Vec<RunArtifact>,
    /// What it made.
    pub output: Vec<RunArtifact>,
}

/// A run that used a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Consumer {
    /// Its name.
    pub run_name: Option<String>,
    /// Its id.
    pub run_id: Option<String>,
    /// Its project.
    pub project: String,
    /// When it used it, as stored.
    pub created_at: Option<String>,
}

/// An artifact of another project that a run of this one used or made.
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalLink {
    /// `input` or `output`.
    pub direction: String,
    /// The version in the other project.
    pub artifact: RunArtifact,
}

impl RunArtifacts {
    fn push(&mut self, direction: &str, artifact: RunArtifact) {
        match direction {
            "input" => self.input.push(artifact),
            "output" => self.output.push(artifact),
            _ => {}
        }
    }
}

/// What a run made and used, artifacts of other projects included.
pub fn of_run(snapshot: &Snapshot<'_>, run: &Run) -> Result<RunArtifacts> {
    let mut found = RunArtifacts::default();
    for (direction, artifact) in within_project(snapshot, run)? {
        found.push(&direction, artifact);
    }
    for ExternalLink { direction, artifact } in external_of_run(snapshot, run)? {
        found.push(&direction, artifact);
    }
    for list in [&mut found.input, &mut found.output] {
        list.sort_by(|a, b| a.created_at.cmp(&b.created_at));
    }
    Ok(found)
}

fn within_project(snapshot: &Snapshot<'_>, run: &Run) -> Result<Vec<(String, RunArtifact)>> {
    let tables = ["run_artifact_links", "artifact_versions", "artifacts"];
    if tables.iter().any(|table| snapshot.schema.table(table).is_none()) {
        return Ok(Vec::new());
    }
    let here = canonical(&snapshot.project.name);
    let own = if has_run_project(snapshot) {
        "(run_project IS NULL OR run_project = ?3)"
    } else {
        "?3 = ?3"
    };
    let sql = format!(
        "SELECT l.direction, MIN(l.created_at) AS linked_at, v.id, v.version, v.size_bytes, a.name,
                a.type
         FROM main.run_artifact_links AS l
         JOIN main.artifact_versions AS v ON v.id = l.artifact_version_id
         JOIN main.artifacts AS a ON a.id = v.artifact_id
         WHERE {} AND {own}
         GROUP BY l.direction, v.id ORDER BY linked_at",
        links_of_run(snapshot, run)?
    );
    let mut statement = snapshot.connection.prepare(&sql)?;
    let found = statement.query_map(params![run.id, run.name, here], |row| {
        let text = |column| Ok::<_, rusqlite::Error>(value::text(row.get_ref(column)?));
        let artifact = RunArtifact {
            version_id: row.get(2)?,
            project: here.clone(),
            name: text(5)?.unwrap_or_default(),
            kind: text(6)?.unwrap_or_default(),
            version: row.get(3)?,
            size_bytes: row.get::<_, Option<i64>>(4)?.unwrap_or_default(),
            created_at: text(1)?,
        };
        Ok((text(0)?.unwrap_or_default(), artifact))
    })?;
    Ok(found.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// The condition that picks a run's links: by id, and where no other run has its name also those
/// whose id belongs to no run. Where the metrics are keyed by name, by name.
fn links_of_run(snapshot: &Snapshot<'_>, run: &Run) -> Result<&'static str> {
    let metrics = snapshot.schema.table("metrics");
    if metrics.is_some_and(|metrics| metrics.key == RunKey::Name) {
        return Ok("l.run_name = ?2");
    }
    let namesakes = run::list(snapshot)?.iter().filter(|other| other.name == run.name).count();
    if namesakes > 1 || metrics.is_none() {
        return Ok("?2 = ?2 AND l.run_id = ?1");
    }
    Ok("(l.run_id = ?1 OR (l.run_name = ?2 AND (l.run_id IS NULL OR NOT EXISTS (
            SELECT 1 FROM main.metrics AS m WHERE m.run_id = l.run_id))))")
}

/// What a run used or made of other projects.
pub fn external_of_run(snapshot: &Snapshot<'_>, run: &Run) -> Result<Vec<ExternalLink>> {
    if snapshot.schema.table("external_run_artifact_links").is_none() {
        return Ok(Vec::new());
    }
    let mut statement = snapshot.connection.prepare(
        "SELECT direction, MIN(created_at) AS linked_at, source_project, source_version_id,
                source_artifact, source_type, source_version, source_size_bytes
         FROM main.external_run_artifact_links
         WHERE run_id = ?1 OR (IFNULL(run_id, '') = '' AND run_name = ?2)
         GROUP BY direction, source_project, source_version_id ORDER BY linked_at",
    )?;
    let found = statement.query_map([&run.id, &run.name], external_of_row)?;
    Ok(found.collect::<rusqlite::Result<Vec<_>>>()?)
}

fn external_of_row(row: &Row<'_>) -> rusqlite::Result<ExternalLink> {
    let text = |column| Ok::<_, rusqlite::Error>(value::text(row.get_ref(column)?));
    Ok(ExternalLink {
        direction: text(0)?.unwrap_or_default(),
        artifact: RunArtifact {
            version_id: row.get::<_, Option<i64>>(3)?.unwrap_or_default(),
            project: text(2)?.unwrap_or_default(),
            name: text(4)?.unwrap_or_default(),
            kind: text(5)?.unwrap_or_default(),
            version: row.get::<_, Option<i64>>(6)?.unwrap_or_default(),
            size_bytes: row.get::<_, Option<i64>>(7)?.unwrap_or_default(),
            created_at: text(1)?,
        },
    })
}

/// The runs that used a version, in their order; those of other projects included.
pub fn consumers(snapshot: &Snapshot<'_>, version_id: i64) -> Result<Vec<Consumer>> {
    if snapshot.schema.table("run_artifact_links").is_none() {
        return Ok(Vec::new());
    }
    let here = canonical(&snapshot.project.name);
    let project = if has_run_project(snapshot) { "run_project" } else { "NULL" };
    let sql = format!(
        "SELECT run_name, run_id, {project}, created_at FROM main.run_artifact_links
         WHERE artifact_version_id = ?1 AND direction = 'input' ORDER BY created_at"
    );
    let mut statement = snapshot.connection.prepare(&sql)?;
    let found = statement.query_map([version_id], |row| {
        let text = |column| Ok::<_, rusqlite::Error>(value::text(row.get_ref(column)?));
        Ok(Consumer {
            run_name: text(0)?,
            run_id: text(1)?,
            project: text(2)?.filter(|project| !project.is_empty()).unwrap_or_else(|| here.clone()),
            created_at: text(3)?,
        })
    })?;
    Ok(found.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// Whether links say which project a run is of; they do since 0.38.
pub fn has_run_project(snapshot: &Snapshot<'_>) -> bool {
    let links = snapshot.schema.table("run_artifact_links");
    links.is_some_and(|links| links.has("run_project"))
}
