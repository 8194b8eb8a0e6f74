//! What a version came from and what came of it, as Trackio walks it: the versions and runs that
//! links connect with it, over any number of steps, up to Trackio's own bounds.

mod identity;

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::params_from_iter;
use rusqlite::types::Value as SqlValue;

use self::identity::Identities;
use super::links::has_run_project;
use crate::trackio::error::Result;
use crate::trackio::name::canonical;
use crate::trackio::project::Snapshot;
use crate::trackio::run;
use crate::trackio::value;

/// Trackio's bounds.
const MOST_NODES: usize = 1_000;
const MOST_EDGES: usize = 5_000;
const MOST_LINKS: usize = 10_000;
/// How many values one condition holds.
const CHUNK: usize = 500;

/// The graph around a version.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lineage {
    /// Whether a bound was met.
    pub truncated: bool,
    /// Versions by id, then runs by key.
    pub nodes: Vec<Node>,
    /// Oldest first.
    pub edges: Vec<Edge>,
}

/// A version or a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A version.
    Artifact(ArtifactNode),
    /// A run.
    Run(RunNode),
}

impl Node {
    /// Trackio's id: `art:<version id>`, `run:<run id>` or `run:name:<name>`.
    pub fn id(&self) -> &str {
        match self {
            Self::Artifact(node) => &node.id,
            Self::Run(node) => &node.id,
        }
    }
}

/// A version in the graph.
#[derive(Debug, Clone, PartialEq)]
pub struct ArtifactNode {
    /// `art:<version id>`.
    pub id: String,
    /// The version's id.
    pub version_id: i64,
    /// The artifact's name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// The version's number.
    pub version: i64,
    /// Its aliases, sorted.
    pub aliases: Vec<String>,
    /// The size of its files together.
    pub size_bytes: i64,
    /// How many files it has.
    pub num_files: Option<i64>,
    /// When it was logged, as stored.
    pub created_at: Option<String>,
    /// The id of the run that logged it.
    pub producer_run_id: Option<String>,
    /// The name of the run that logged it.
    pub producer_run_name: Option<String>,
}

/// A run in the graph.
#[derive(Debug, Clone, PartialEq)]
pub struct RunNode {
    /// `run:<run id>` or `run:name:<name>`.
    pub id: String,
    /// The run's id, where the metrics know one.
    pub run_id: Option<String>,
    /// Its name.
    pub run_name: Option<String>,
    /// Its first link, as stored.
    pub created_at: Option<String>,
    /// Its project, where that is another.
    pub project: Option<String>,
}

/// A link: from a run to what it made, from a version to the run that used it.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// The node it starts from.
    pub source: String,
    /// The node it leads to.
    pub target: String,
    /// `input` or `output`.
    pub direction: String,
    /// When, as stored.
    pub created_at: Option<String>,
}

/// A row of the table of links.
#[derive(Debug, Clone)]
struct Link {
    id: i64,
    run_id: Option<String>,
    run_name: Option<String>,
    project: Option<String>,
    version_id: i64,
    direction: String,
    created_at: Option<String>,
}

/// The graph around a version; empty where there is no such version.
pub fn lineage(snapshot: &Snapshot<'_>, version_id: i64) -> Result<Lineage> {
    let mut walk = Walk::new(snapshot, version_id);
    if snapshot.schema.table("run_artifact_links").is_some() {
        walk.run()?;
    }
    walk.finish()
}

struct Walk<'a> {
    snapshot: &'a Snapshot<'a>,
    focus: i64,
    links_read: usize,
    /// A bound was met.
    truncated: bool,
    /// No more links may be read.
    exhausted: bool,
    nodes: BTreeSet<String>,
    versions: BTreeSet<i64>,
    runs: BTreeMap<String, RunNode>,
    edges: BTreeMap<(String, String, String), Option<String>>,
}

impl<'a> Walk<'a> {
    fn new(snapshot: &'a Snapshot<'a>, focus: i64) -> Self {
        Self {
            snapshot,
            focus,
            links_read: 0,
            truncated: false,
            exhausted: false,
            nodes: BTreeSet::from([format!("art:{focus}")]),
            versions: BTreeSet::from([focus]),
            runs: BTreeMap::new(),
            edges: BTreeMap::new(),
        }
    }

    /// From versions to the runs of their links, from those to all versions of theirs, and so on.
    fn run(&mut self) -> Result<()> {
        let runs = run::list(self.snapshot)?;
        let mut frontier = BTreeSet::from([self.focus]);
        let mut seen_versions: BTreeSet<i64> = BTreeSet::new();
        let mut seen_runs: BTreeSet<String> = BTreeSet::new();
        while !self.exhausted {
            frontier.retain(|version| !seen_versions.contains(version));
            if frontier.is_empty() {
                break;
            }
            seen_versions.extend(&frontier);
            let of_versions = self.links_of_versions(&frontier)?;
            let known = Identities::of(self.snapshot, &runs, &of_versions);
            let seeds: Vec<Link> = of_versions
                .iter()
                .filter(|link| !seen_runs.contains(&known.key(link).0))
                .cloned()
                .collect();
            if seeds.is_empty() {
                break;
            }
            let mut stage: BTreeMap<i64, Link> =
                of_versions.into_iter().map(|link| (link.id, link)).collect();
            if !self.exhausted {
                let of_runs = self.links_of_runs(&seeds)?;
                stage.extend(of_runs.into_iter().map(|link| (link.id, link)));
            }
            let mut stage: Vec<Link> = stage.into_values().collect();
            let known = Identities::of(self.snapshot, &runs, &stage);
            let allowed: BTreeSet<String> = seeds
                .iter()
                .map(|link| known.key(link).0)
                .filter(|key| !seen_runs.contains(key))
                .collect();
            seen_runs.extend(allowed.iter().cloned());
            stage.sort_by(|a, b| (&a.created_at, a.id).cmp(&(&b.created_at, b.id)));
            let mut next = BTreeSet::new();
            for link in &stage {
                let (key, run_id) = known.key(link);
                if !allowed.contains(&key) {
                    continue;
                }
                if !self.take(link, &key, run_id) {
                    self.truncated = true;
                    return Ok(());
                }
                next.insert(link.version_id);
            }
            frontier = next;
        }
        Ok(())
    }

    /// Takes a link into the graph; `false` where it is full.
    fn take(&mut self, link: &Link, run: &str, run_id: Option<String>) -> bool {
        let version = format!("art:{}", link.version_id);
        let new = [run, &version].iter().filter(|id| !self.nodes.contains(**id)).count();
        if self.nodes.len() + new > MOST_NODES {
            return false;
        }
        let (source, target) = match link.direction.as_str() {
            "output" => (run.to_owned(), version.clone()),
            _ => (version.clone(), run.to_owned()),
        };
        let edge = (source, target, link.direction.clone());
        if !self.edges.contains_key(&edge) && self.edges.len() >= MOST_EDGES {
            return false;
        }
        self.nodes.extend([run.to_owned(), version]);
        self.versions.insert(link.version_id);
        let is_earlier = |known: &Option<String>| link.created_at < *known;
        if self.runs.get(run).is_none_or(|known| is_earlier(&known.created_at)) {
            let node = self.run_node(link, run, run_id);
            self.runs.insert(run.to_owned(), node);
        }
        if self.edges.get(&edge).is_none_or(is_earlier) {
            self.edges.insert(edge, link.created_at.clone());
        }
        true
    }

    fn run_node(&self, link: &Link, key: &str, run_id: Option<String>) -> RunNode {
        let here = canonical(&self.snapshot.project.name);
        RunNode {
            id: key.to_owned(),
            run_id,
            run_name: link.run_name.clone(),
            created_at: link.created_at.clone(),
            project: link.project.clone().filter(|project| !project.is_empty() && *project != here),
        }
    }

    fn links_of_versions(&mut self, versions: &BTreeSet<i64>) -> Result<Vec<Link>> {
        let versions: Vec<SqlValue> = versions.iter().map(|id| SqlValue::Integer(*id)).collect();
        let mut found = Vec::new();
        for chunk in versions.chunks(CHUNK) {
            let condition = format!("artifact_version_id IN ({})", marks(chunk.len()));
            found.extend(self.links(&condition, chunk.to_vec())?);
        }
        Ok(found)
    }

    /// By id and by name: an id that no run has can stand for the one run of that name.
    fn links_of_runs(&mut self, seeds: &[Link]) -> Result<Vec<Link>> {
        let distinct = |part: fn(&Link) -> &Option<String>| -> Vec<SqlValue> {
            let texts: BTreeSet<&String> =
                seeds.iter().filter_map(|link| part(link).as_ref()).collect();
            texts.into_iter().map(|text| SqlValue::Text(text.clone())).collect()
        };
        let (ids, names) = (distinct(|link| &link.run_id), distinct(|link| &link.run_name));
        let mut found = Vec::new();
        for (column, values) in [("run_id", &ids), ("run_name", &names)] {
            for chunk in values.chunks(CHUNK) {
                let condition = format!("{column} IN ({})", marks(chunk.len()));
                found.extend(self.links(&condition, chunk.to_vec())?);
            }
        }
        if seeds.iter().any(|link| link.run_id.is_none() && link.run_name.is_none()) {
            found.extend(self.links("run_id IS NULL AND run_name IS NULL", Vec::new())?);
        }
        Ok(found)
    }

    fn links(&mut self, condition: &str, mut values: Vec<SqlValue>) -> Result<Vec<Link>> {
        let left = MOST_LINKS.saturating_sub(self.links_read);
        if self.exhausted || left == 0 {
            (self.truncated, self.exhausted) = (true, true);
            return Ok(Vec::new());
        }
        let project = if has_run_project(self.snapshot) { "run_project" } else { "NULL" };
        let sql = format!(
            "SELECT id, run_id, run_name, {project}, artifact_version_id, direction, created_at
             FROM main.run_artifact_links
             WHERE direction IN ('input', 'output') AND ({condition}) ORDER BY id LIMIT ?"
        );
        values.push(SqlValue::Integer(left as i64 + 1));
        let mut statement = self.snapshot.connection.prepare_cached(&sql)?;
        let found = statement.query_map(params_from_iter(values), |row| {
            let text = |column| Ok::<_, rusqlite::Error>(value::text(row.get_ref(column)?));
            Ok(Link {
                id: row.get(0)?,
                run_id: text(1)?,
                run_name: text(2)?,
                project: text(3)?,
                version_id: row.get(4)?,
                direction: text(5)?.unwrap_or_default(),
                created_at: text(6)?,
            })
        })?;
        let mut found = found.collect::<rusqlite::Result<Vec<_>>>()?;
        if found.len() > left {
            found.truncate(left);
            (self.truncated, self.exhausted) = (true, true);
        }
        self.links_read += found.len();
        Ok(found)
    }

    /// Looks the versions up; what was deleted leaves the graph, and so do its edges.
    fn finish(self) -> Result<Lineage> {
        let mut nodes = Vec::new();
        for version_id in &self.versions {
            nodes.extend(artifact_node(self.snapshot, *version_id)?.map(Node::Artifact));
        }
        if !nodes.iter().any(|node| node.id() == format!("art:{}", self.focus)) {
            return Ok(Lineage::default());
        }
        nodes.extend(self.runs.into_values().map(Node::Run));
        let ids: BTreeSet<&str> = nodes.iter().map(Node::id).collect();
        let mut edges: Vec<Edge> = self
            .edges
            .into_iter()
            .filter(|((source, target, _), _)| {
                ids.contains(source.as_str()) && ids.contains(target.as_str())
            })
            .map(|((source, target, direction), created_at)| Edge {
                source,
                target,
                direction,
                created_at,
            })
            .collect();
        // Equal times stay in the order of the map: by source, target and direction.
        edges.sort_by(|a, b| a.created_at.cmp(&b.created_at));
        Ok(Lineage { truncated: self.truncated, nodes, edges })
    }
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

fn artifact_node(snapshot: &Snapshot<'_>, version_id: i64) -> Result<Option<ArtifactNode>> {
    let sql = "SELECT v.artifact_id, v.version, v.size_bytes, v.created_at, v.producer_run_id,
                      v.producer_run_name, a.name, a.type
               FROM main.artifact_versions AS v JOIN main.artifacts AS a ON a.id = v.artifact_id
               WHERE v.id = ?1";
    let mut statement = snapshot.connection.prepare_cached(sql)?;
    let mut rows = statement.query([version_id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let text = |column| Ok::<_, rusqlite::Error>(value::text(row.get_ref(column)?));
    let mut aliases =
        super::aliases_by_version(snapshot, row.get(0)?)?.remove(&version_id).unwrap_or_default();
    aliases.sort();
    Ok(Some(ArtifactNode {
        id: format!("art:{version_id}"),
        version_id,
        name: text(6)?.unwrap_or_default(),
        kind: text(7)?.unwrap_or_default(),
        version: row.get(1)?,
        aliases,
        size_bytes: row.get::<_, Option<i64>>(2)?.unwrap_or_default(),
        num_files: super::number_of_files(snapshot, version_id)?,
        created_at: text(3)?,
        producer_run_id: text(4)?,
        producer_run_name: text(5)?,
    }))
}
