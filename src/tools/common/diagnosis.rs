//! From a run's rows to its diagnosis.

use serde_json::Value;

use super::context::Context;
use super::nearest::quoted;
use super::shape::RunFacts;
use super::status::Status;
use crate::analysis::diagnose::{self, Diagnosis};
use crate::analysis::finding::Severity;
use crate::analysis::run::{self as analysed, Options, Scalar};
use crate::analysis::series::Series;
use crate::trackio::columns::{self, Columns, Wanted};
use crate::trackio::metric::Kind;
use crate::trackio::value::{self, Metrics};
use crate::trackio::{Result, Snapshot, alert, config, time};

/// So many metrics are offered to be judged.
const NAMED: usize = 3;

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
    let run = &facts.run;
    let facts = analysed::RunFacts {
        metrics: &series(metrics),
        system: &series(&system),
        config: &facts.config.as_ref().map(scalars).unwrap_or_default(),
        status: match facts.status {
            Status::Active => analysed::Status::Active,
            Status::Idle => analysed::Status::Idle,
            Status::Ended => analysed::Status::Ended,
        },
        now: Some(time::as_seconds(context.now)),
    };
    let mut diagnosis = diagnose::diagnose(&facts, options);
    if diagnosis.has_no_main_metric() {
        let has_alerts = !alert::list(snapshot, Some(run))?.is_empty();
        diagnosis.because(nothing_to_judge(metrics, &system, has_alerts));
    }
    Ok(diagnosis)
}

/// Why a run without a main metric cannot be judged, and what to ask instead.
fn nothing_to_judge(metrics: &Columns, system: &Columns, has_alerts: bool) -> String {
    let numeric: Vec<&str> = metrics
        .metrics
        .iter()
        .filter(|(_, column)| column.count() > 0)
        .map(|(name, _)| name.as_str())
        .collect();
    if !numeric.is_empty() {
        let plain = |name: &&str| !name.starts_with('_') && name.chars().any(char::is_alphanumeric);
        let some: Vec<&str> = numeric.into_iter().filter(plain).take(NAMED).collect();
        let such_as =
            if some.is_empty() { String::new() } else { format!(", such as {}", quoted(&some)) };
        return format!(
            "no metric's name tells what is trained; name one with train_metric{such_as}"
        );
    }
    let other = match (system.metrics.is_empty(), has_alerts) {
        (false, true) => {
            ", only system metrics (get_system_metrics_for_run) and alerts (get_alerts)"
        }
        (false, false) => ", only system metrics: get_system_metrics_for_run lists them",
        (true, true) => ", only alerts: get_alerts shows them",
        (true, false) => "",
    };
    match metrics.metrics.is_empty() {
        true => format!("the run has no metrics{other}"),
        false => format!("none of the run's metrics holds numbers{other}"),
    }
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
