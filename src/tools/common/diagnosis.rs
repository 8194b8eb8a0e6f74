//! From a run's rows to its diagnosis.

use serde_json::Value;

use super::context::Context;
use super::shape::RunFacts;
use super::status::Status;
use crate::analysis::diagnose::{self, Diagnosis};
use crate::analysis::finding::Severity;
use crate::analysis::run::{self as analysed, Options, Scalar};
use crate::analysis::series::Series;
use crate::trackio::columns::{self, Columns, Wanted};
use crate::trackio::metric::Kind;
use crate::trackio::value::{self, Metrics};
use crate::trackio::{Result, Snapshot, config, time};

/// Diagnoses one run.
pub fn of_run(
    snapshot: &Snapshot<'_>,
    context: &Context,
    facts: &RunFacts,
    options: &Options,
) -> Result<Diagnosis> {
    let mut wanted = Wanted::diagnosis();
    wanted.values.extend(options.train_metric.clone());
    wanted.values.extend(options.eval_metric.clone());
    let metrics = columns::of_run(snapshot, Kind::Metrics, &facts.run, &wanted)?;
    let system = columns::of_run(snapshot, Kind::System, &facts.run, &Wanted::diagnosis())?;
    let facts = analysed::RunFacts {
        metrics: &series(&metrics),
        system: &series(&system),
        config: &facts.config.as_ref().map(scalars).unwrap_or_default(),
        status: match facts.status {
            Status::Active => analysed::Status::Active,
            Status::Idle => analysed::Status::Idle,
            Status::Ended => analysed::Status::Ended,
        },
        now: Some(time::as_seconds(context.now)),
    };
    Ok(diagnose::diagnose(&facts, options))
}

/// How bad it is: the worst of the findings.
pub fn severity(diagnosis: &Diagnosis) -> Option<Severity> {
    diagnosis.findings.iter().map(|finding| finding.severity).min()
}

fn series(columns: &Columns) -> Vec<(String, Series)> {
    let names = columns.metrics.keys();
    names.filter_map(|name| Some((name.clone(), columns.series(name)?))).collect()
}

/// The numbers, texts and flags of a config, with dotted keys.
fn scalars(config: &Metrics) -> Vec<(String, Scalar)> {
    let scalar = |found: &Value| match found {
        Value::Bool(flag) => Some(Scalar::Bool(*flag)),
        found => match (value::number(found), found) {
            (Some(number), _) => Some(Scalar::Number(number)),
            (None, Value::String(text)) => Some(Scalar::Text(text.clone())),
            _ => None,
        },
    };
    let leaves = config::flat(config).into_iter();
    leaves.filter_map(|(key, found)| Some((key, scalar(found)?))).collect()
}
