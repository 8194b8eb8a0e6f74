//! What the database knows of a version.

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use super::graph::Graph;
use super::source::Place;
use crate::analysis::role::classify;
use crate::tools::common::resolve::shown;
use crate::tools::common::shape::{Point, direction, importance};
use crate::tools::common::{Failure, checkpoint};
use crate::trackio::artifact::{self, Consumer, ExternalLink, Version};
use crate::trackio::columns::{self, Wanted};
use crate::trackio::metric::Kind;
use crate::trackio::run::{self, Source};
use crate::trackio::value::Step;
use crate::trackio::{Result as TrackioResult, Run, Snapshot};

/// So many of the producer's metrics are shown.
const SHOWN_METRICS: usize = 5;

/// A version and what surrounds it.
pub struct Facts {
    /// The version.
    pub version: Version,
    /// How many versions the artifact has.
    pub num_versions: usize,
    /// The run that logged it, where it is still there.
    pub producer: Option<Producer>,
    /// The runs that used it.
    pub consumers: Vec<Consumer>,
    /// What it came from and what came of it.
    pub lineage: Option<Graph>,
    /// What its producer used or made of other projects.
    pub external: Vec<ExternalLink>,
    /// What must be said.
    pub notes: Vec<String>,
}

/// The run that logged a version.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Producer {
    run: String,
    run_id: String,
    /// The step at which the version was logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    logged_at_step: Option<Step>,
    /// The best values of its main metrics.
    best: Vec<Best>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Best {
    metric: String,
    direction: &'static str,
    best: Point,
}

/// Looks a version up; with `brief`, without what surrounds it.
pub fn of_version(snapshot: &Snapshot<'_>, place: &Place, brief: bool) -> TrackioResult<Facts> {
    let Some(version) = artifact::named(snapshot, place.version_id)? else {
        return Err(Failure::new("The version was deleted just now. Ask again.").into());
    };
    let mut notes = Vec::new();
    if version.manifest.is_none() {
        notes.push("The manifest of this version cannot be read (no JSON list).".to_owned());
    }
    let num_versions = artifact::versions(snapshot, &place.artifact, 0, None)?.count;
    let mut facts = Facts {
        num_versions,
        producer: None,
        consumers: Vec::new(),
        lineage: None,
        external: Vec::new(),
        notes,
        version,
    };
    if brief {
        return Ok(facts);
    }
    facts.consumers = artifact::consumers(snapshot, place.version_id)?;
    let lineage = artifact::lineage(snapshot, place.version_id)?;
    facts.lineage = Some(Graph::of(lineage, place.version_id));
    match producer_run(snapshot, &facts.version)? {
        Some(run) => {
            facts.external = artifact::external_of_run(snapshot, &run)?;
            facts.producer = Some(producer(snapshot, &run, &facts.version)?);
        }
        None => facts.notes.extend(gone(&facts.version)),
    }
    Ok(facts)
}

fn producer_run(snapshot: &Snapshot<'_>, version: &Version) -> TrackioResult<Option<Run>> {
    let runs = run::list(snapshot)?;
    let by_id = runs.iter().find(|run| Some(&run.id) == version.producer_run_id.as_ref());
    let mut named = runs.iter().filter(|run| Some(&run.name) == version.producer_run_name.as_ref());
    // Where ids are not known to the metrics, a name stands for its only run.
    let by_name = match (named.next(), named.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    };
    Ok(by_id.or(by_name).cloned())
}

fn gone(version: &Version) -> Option<String> {
    let named = version.producer_run_name.as_ref().or(version.producer_run_id.as_ref());
    Some(match named {
        Some(run) => format!("The run that logged it, `{}`, is no longer there.", shown(run)),
        None => "Which run logged it is not recorded (or that run was deleted).".to_owned(),
    })
}

fn producer(snapshot: &Snapshot<'_>, run: &Run, version: &Version) -> TrackioResult<Producer> {
    let step = match artifact::metadata_step(version.metadata.as_ref()) {
        Some(step) => Some(step),
        None => checkpoint::step_at(snapshot, run, version.created_at.as_deref())?,
    };
    let mut best = Vec::new();
    if run.source == Source::Metrics {
        let columns = columns::of_run(snapshot, Kind::Metrics, run, &Wanted::statistics())?;
        let mut names: Vec<&String> = columns.metrics.keys().collect();
        names.sort_by_key(|name| importance(name));
        let of_metric = |name: &String| {
            let stats = columns.metrics.get(name)?.stats(classify(name).direction);
            Some(Best {
                metric: name.clone(),
                direction: direction(name)?,
                best: stats.best?.into(),
            })
        };
        best = names.into_iter().filter_map(of_metric).take(SHOWN_METRICS).collect();
    }
    Ok(Producer {
        run: run.name.clone(),
        run_id: run.id.clone(),
        logged_at_step: step.map(Step::from_f64),
        best,
    })
}
