//! A run on its way into the list: what is asked of it is looked up once, when it is needed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::common::Context;
use super::super::common::filter::{Aggregate, Field};
use super::super::common::shape::{Point, RunFacts};
use crate::analysis::role::classify;
use crate::trackio::columns::{self, Columns, Wanted};
use crate::trackio::metric::Kind;
use crate::trackio::value::Metrics;
use crate::trackio::{Result, Run, Snapshot, config, run};

/// A run and what is known of it so far.
pub struct Candidate {
    pub run: Run,
    config: Option<Option<Metrics>>,
    facts: Option<RunFacts>,
    known: Vec<(Field, Found)>,
}

/// A run's value of a field.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// What is compared.
    pub value: Option<Value>,
    /// What is shown: a metric's value with its step.
    shown: Option<Value>,
}

/// What looking at metrics has taught about the runs.
#[derive(Debug, Default)]
pub struct Seen {
    /// For each metric that was asked for.
    pub metrics: Vec<SeenMetric>,
    /// The names of all metrics.
    pub names: BTreeSet<String>,
    /// The config keys that were asked for and found.
    pub keys: BTreeSet<String>,
}

/// How many runs have a metric.
#[derive(Debug)]
pub struct SeenMetric {
    pub name: String,
    /// Runs that log finite values of it.
    pub with: usize,
    /// Runs that log it, but never a finite number.
    pub never_finite: usize,
    /// Runs that do not log it.
    pub without: usize,
}

/// So many names are kept for a message.
const MOST_NAMES: usize = 2_000;

impl Candidate {
    pub fn new(run: Run) -> Self {
        Self { run, config: None, facts: None, known: Vec::new() }
    }

    /// What a list shows of the run.
    pub fn facts(mut self, snapshot: &Snapshot<'_>, context: &Context) -> Result<RunFacts> {
        self.look_facts_up(snapshot, context)?;
        match self.facts {
            Some(facts) => Ok(facts),
            None => RunFacts::of(snapshot, context, &self.run),
        }
    }

    /// The values of these fields that nothing else in a list shows.
    pub fn values(&self) -> Option<Metrics> {
        let shown = self.known.iter().filter(|(field, _)| !field.is_always_shown());
        let values: Metrics = shown
            .filter_map(|(field, found)| Some((field.to_string(), found.shown.clone()?)))
            .collect();
        (!values.is_empty()).then_some(values)
    }

    /// The run's value of one of `fields`. Those that are made of metrics are found together: the
    /// rows are read once.
    pub fn value(
        &mut self,
        field: &Field,
        fields: &[&Field],
        seen: &mut Seen,
        snapshot: &Snapshot<'_>,
        context: &Context,
    ) -> Result<Option<Value>> {
        if let Some((_, found)) = self.known.iter().find(|(known, _)| known == field) {
            return Ok(found.value.clone());
        }
        if field.metric().is_some() {
            self.read_metrics(fields, seen, snapshot)?;
            let found = self.known.iter().find(|(known, _)| known == field);
            return Ok(found.and_then(|(_, found)| found.value.clone()));
        }
        let value = self.plain(field, snapshot, context)?;
        if let (Field::Config(key), Some(_)) = (field, &value) {
            seen.keys.insert(key.clone());
        }
        self.known.push((field.clone(), Found { value: value.clone(), shown: value.clone() }));
        Ok(value)
    }

    fn plain(
        &mut self,
        field: &Field,
        snapshot: &Snapshot<'_>,
        context: &Context,
    ) -> Result<Option<Value>> {
        Ok(match field {
            Field::Name => Some(Value::from(self.run.name.clone())),
            Field::Created => self.run.created_at.clone().map(Value::from),
            Field::LastStep => run::last_step(snapshot, &self.run)?.map(|step| json!(step)),
            Field::Status => {
                self.look_facts_up(snapshot, context)?;
                self.facts.as_ref().map(|facts| facts.status.as_str().into())
            }
            Field::Group => self.config_value("_Group", snapshot)?.filter(Value::is_string),
            Field::User => self.config_value("_Username", snapshot)?.filter(Value::is_string),
            Field::Config(key) => self.config_value(key, snapshot)?,
            Field::Metric(..) => None,
        })
    }

    fn config_value(&mut self, key: &str, snapshot: &Snapshot<'_>) -> Result<Option<Value>> {
        self.look_config_up(snapshot)?;
        let config = self.config.as_ref().and_then(Option::as_ref);
        Ok(config.and_then(|config| lookup(config, key)).cloned())
    }

    fn look_config_up(&mut self, snapshot: &Snapshot<'_>) -> Result<()> {
        if self.config.is_none() {
            self.config = Some(config::of_run(snapshot, &self.run)?);
        }
        Ok(())
    }

    fn look_facts_up(&mut self, snapshot: &Snapshot<'_>, context: &Context) -> Result<()> {
        if self.facts.is_none() {
            self.look_config_up(snapshot)?;
            let config = self.config.clone().flatten();
            self.facts = Some(RunFacts::with_config(snapshot, context, &self.run, config)?);
        }
        Ok(())
    }

    fn read_metrics(
        &mut self,
        fields: &[&Field],
        seen: &mut Seen,
        snapshot: &Snapshot<'_>,
    ) -> Result<()> {
        let wanted = Wanted::statistics();
        let columns = columns::of_run(snapshot, Kind::Metrics, &self.run, &wanted)?;
        seen.add(&columns);
        for field in fields {
            if let Field::Metric(aggregate, metric) = field {
                let found = aggregated(&columns, *aggregate, metric);
                self.known.push(((*field).clone(), found.unwrap_or_default()));
            }
        }
        Ok(())
    }
}

/// The aggregate of a metric's finite values; `None` where there is none.
fn aggregated(columns: &Columns, aggregate: Aggregate, metric: &str) -> Option<Found> {
    let stats = columns.metrics.get(metric)?.stats(classify(metric).direction);
    let point = match aggregate {
        Aggregate::Last => stats.last?,
        Aggregate::Best => stats.best?,
        Aggregate::Min => stats.min?,
        Aggregate::Max => stats.max?,
        Aggregate::Mean => {
            let mean = Some(json!(stats.mean?));
            return Some(Found { value: mean.clone(), shown: mean });
        }
    };
    Some(Found { value: Some(json!(point.value)), shown: Some(json!(Point::from(point))) })
}

impl Seen {
    /// Watches for these metrics.
    pub fn watching<'a>(metrics: impl Iterator<Item = &'a str>) -> Self {
        let mut seen = Self::default();
        for name in metrics {
            if !seen.metrics.iter().any(|metric| metric.name == name) {
                let name = name.to_owned();
                seen.metrics.push(SeenMetric { name, with: 0, never_finite: 0, without: 0 });
            }
        }
        seen
    }

    fn add(&mut self, columns: &Columns) {
        for metric in &mut self.metrics {
            match columns.metrics.get(&metric.name) {
                None => metric.without += 1,
                Some(column) if column.stats(None).last.is_none() => metric.never_finite += 1,
                Some(_) => metric.with += 1,
            }
        }
        if self.names.len() < MOST_NAMES {
            self.names.extend(columns.metrics.keys().cloned());
        }
    }
}

/// A config's value: under the key as it stands, else along its dots.
fn lookup<'a>(config: &'a Metrics, key: &str) -> Option<&'a Value> {
    if let Some(value) = config.get(key) {
        return Some(value);
    }
    // A key at any level can hold dots of its own.
    key.match_indices('.').find_map(|(dot, _)| match config.get(key.get(..dot)?)? {
        Value::Object(nested) => lookup(nested, key.get(dot + 1..)?),
        _ => None,
    })
}
