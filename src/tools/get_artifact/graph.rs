//! The lineage as the answer shows it: nearest first when it must be cut, each node with how it
//! stands to the version.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use crate::trackio::artifact::{ArtifactNode, Edge, Lineage, Node, RunNode};

/// What a version came from and what came of it, with Trackio's ids.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Graph {
    focus: String,
    truncated: bool,
    nodes: Vec<NodeItem>,
    edges: Vec<EdgeItem>,
    /// How many nodes did not fit, the farthest.
    #[serde(skip_serializing_if = "is_zero")]
    nodes_left_out: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// How a node stands to the version in question.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Relation {
    /// It is the version.
    Focus,
    /// The version came from it.
    Upstream,
    /// It came from the version.
    Downstream,
    /// It only shares an ancestor or a descendant.
    Related,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct NodeItem {
    id: String,
    kind: &'static str,
    relation: Relation,
    #[serde(flatten)]
    artifact: Option<ArtifactFields>,
    #[serde(flatten)]
    run: Option<RunFields>,
    #[serde(skip)]
    distance: usize,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ArtifactFields {
    version_id: i64,
    artifact_name: String,
    artifact_type: String,
    version: i64,
    aliases: Vec<String>,
    size_bytes: i64,
    num_files: Option<i64>,
    created_at: Option<String>,
    producer_run_id: Option<String>,
    producer_run_name: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct RunFields {
    run_id: Option<String>,
    run_name: Option<String>,
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct EdgeItem {
    source: String,
    target: String,
    direction: String,
    created_at: Option<String>,
}

impl Graph {
    /// The graph around the version of that id.
    pub fn of(lineage: Lineage, version_id: i64) -> Self {
        let focus = format!("art:{version_id}");
        let forward = neighbours(&lineage.edges, |edge| (&edge.source, &edge.target));
        let backward = neighbours(&lineage.edges, |edge| (&edge.target, &edge.source));
        let both = neighbours(&lineage.edges, |edge| (&edge.source, &edge.target))
            .into_iter()
            .chain(backward.clone())
            .fold(Neighbours::new(), |mut all, (node, others)| {
                all.entry(node).or_default().extend(others);
                all
            });
        let (down, up) = (distances(&forward, &focus), distances(&backward, &focus));
        let all = distances(&both, &focus);
        let relation = |id: &str| match (id == focus, up.contains_key(id), down.contains_key(id)) {
            (true, ..) => Relation::Focus,
            (false, true, _) => Relation::Upstream,
            (false, false, true) => Relation::Downstream,
            (false, false, false) => Relation::Related,
        };
        let nodes = lineage.nodes.into_iter().map(|node| {
            let distance = all.get(node.id()).copied().unwrap_or(usize::MAX);
            NodeItem::of(node, &relation, distance)
        });
        let nodes = nodes.collect();
        let edges = lineage.edges.iter().cloned().map(EdgeItem::from).collect();
        Self { truncated: lineage.truncated, nodes, edges, nodes_left_out: 0, focus }
    }

    /// How many nodes are shown.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Keeps the nearest `most` nodes, in their order, and the edges between them.
    pub fn truncate(&mut self, most: usize) {
        if self.nodes.len() <= most {
            return;
        }
        let rank = |node: &NodeItem| (node.distance, node.relation == Relation::Related);
        let mut ranks: Vec<((usize, bool), usize)> =
            self.nodes.iter().enumerate().map(|(place, node)| (rank(node), place)).collect();
        ranks.sort_unstable();
        let kept: BTreeSet<usize> = ranks.into_iter().take(most).map(|(_, place)| place).collect();
        self.nodes_left_out += self.nodes.len() - kept.len();
        let mut place = 0;
        self.nodes.retain(|_| {
            place += 1;
            kept.contains(&(place - 1))
        });
        let ids: BTreeSet<&String> = self.nodes.iter().map(|node| &node.id).collect();
        self.edges.retain(|edge| ids.contains(&edge.source) && ids.contains(&edge.target));
    }
}

type Neighbours<'a> = BTreeMap<&'a str, Vec<&'a str>>;

fn neighbours<'a>(
    edges: &'a [Edge],
    ends: impl Fn(&'a Edge) -> (&'a String, &'a String),
) -> Neighbours<'a> {
    let mut all = Neighbours::new();
    for edge in edges {
        let (from, to) = ends(edge);
        all.entry(from).or_default().push(to);
    }
    all
}

/// How many edges it takes to each node that can be reached.
fn distances(neighbours: &Neighbours<'_>, focus: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::from([(focus.to_owned(), 0)]);
    let mut waiting = VecDeque::from([(focus.to_owned(), 0)]);
    while let Some((node, distance)) = waiting.pop_front() {
        for next in neighbours.get(node.as_str()).into_iter().flatten() {
            if !found.contains_key(*next) {
                found.insert((*next).to_owned(), distance + 1);
                waiting.push_back(((*next).to_owned(), distance + 1));
            }
        }
    }
    found
}

impl NodeItem {
    fn of(node: Node, relation: &impl Fn(&str) -> Relation, distance: usize) -> Self {
        let relation = relation(node.id());
        match node {
            Node::Artifact(node) => Self {
                id: node.id.clone(),
                kind: "artifact",
                relation,
                artifact: Some(node.into()),
                run: None,
                distance,
            },
            Node::Run(node) => Self {
                id: node.id.clone(),
                kind: "run",
                relation,
                artifact: None,
                run: Some(node.into()),
                distance,
            },
        }
    }
}

impl From<ArtifactNode> for ArtifactFields {
    fn from(node: ArtifactNode) -> Self {
        Self {
            version_id: node.version_id,
            artifact_name: node.name,
            artifact_type: node.kind,
            version: node.version,
            aliases: node.aliases,
            size_bytes: node.size_bytes,
            num_files: node.num_files,
            created_at: node.created_at,
            producer_run_id: node.producer_run_id,
            producer_run_name: node.producer_run_name,
        }
    }
}

impl From<RunNode> for RunFields {
    fn from(node: RunNode) -> Self {
        let RunNode { run_id, run_name, created_at, project, .. } = node;
        Self { run_id, run_name, created_at, project }
    }
}

impl From<Edge> for EdgeItem {
    fn from(edge: Edge) -> Self {
        let Edge { source, target, direction, created_at } = edge;
        Self { source, target, direction, created_at }
    }
}
