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
use crate::trackio::{Result, Snapshot, time};

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
    of_columns(snapshot, context, facts, &metrics, options)
}

/// Diagnoses one run whose metrics, [`Wanted::diagnosis`] at least, were read already.
pub fn of_columns(
    snapshot: &Snapshot<'_>,
    context: &Context,
    facts: &RunFacts,
    metrics: &Columns,
    options: &Options,
) -> Result<Diagnosis> {
    let system = columns::of_run(snapshot, Kind::System, &facts.run, &Wanted::diagnosis())?;
    let facts = analysed::RunFacts {
        metrics: &series(metrics),
        system: &series(&system),
        config: &facts.config.as_ref().map(flat).unwrap_or_default(),
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

/// A config with dotted keys; lists are left out.
fn flat(config: &Metrics) -> Vec<(String, Scalar)> {
    let mut scalars = Vec::new();
    collect("", config, &mut scalars);
    scalars
}

fn collect(prefix: &str, config: &Metrics, scalars: &mut Vec<(String, Scalar)>) {
    for (key, found) in config {
        let key = format!("{prefix}{key}");
        let scalar = match found {
            Value::Object(nested) => {
                collect(&format!("{key}."), nested, scalars);
                continue;
            }
            Value::Bool(flag) => Scalar::Bool(*flag),
            found => match (value::number(found), found) {
                (Some(number), _) => Scalar::Number(number),
                (None, Value::String(text)) => Scalar::Text(text.clone()),
                _ => continue,
            },
        };
        scalars.push((key, scalar));
    }
}
