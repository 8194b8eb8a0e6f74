//! Rows into the tables, as Trackio's `bulk_log`, `bulk_log_system` and `bulk_alert` put them
//! there: `INSERT OR IGNORE` by the row's own id, JSON as compact UTF-8 in a BLOB, `space_id` NULL.

use rusqlite::types::Value as Cell;
use rusqlite::{OptionalExtension, params_from_iter};
use serde_json::{Map, Value};

use super::entry::{Content, Entry, RunOfRows, Written};
use super::runs::Runs;
use super::trace::{self, Trace};
use super::{Purpose, Target, Transaction, fragment, mode};
use crate::trackio::error::Result;
use crate::trackio::run::{self, Run, Source};
use crate::trackio::schema::RunKey;
use crate::trackio::stop::Stop;
use crate::trackio::value::{self, Metrics, Step};

impl Target {
    /// Adds rows, all of them or none. A missing project and missing runs are created.
    ///
    /// # Errors
    /// Those of [`Target::write`], and a run that is not clear. After any nothing was written.
    pub fn log(&self, entries: &[Entry], now: &str, stop: &Stop) -> Result<Written> {
        match mode::of(&self.directory) {
            mode::Mode::Database => {
                let waiting = self.project.with_waiting(stop)?.runs_in_inbox();
                self.write(Purpose::Log, stop, |transaction| {
                    Batch::begin(transaction, now, &waiting)?.insert(entries)
                })
            }
            mode::Mode::Inbox => fragment::leave(self, entries, stop),
        }
    }
}

struct Batch<'a> {
    transaction: &'a Transaction<'a>,
    now: &'a str,
    runs: Runs<'a>,
    next_steps: Map<String, Value>,
    written: Written,
}

impl<'a> Batch<'a> {
    fn begin(
        transaction: &'a Transaction<'a>,
        now: &'a str,
        waiting: &[(String, String)],
    ) -> Result<Self> {
        let runs = Runs::of(transaction, waiting)?;
        Ok(Self { transaction, now, runs, next_steps: Map::new(), written: Written::default() })
    }

    fn insert(mut self, entries: &[Entry]) -> Result<Written> {
        for entry in entries {
            let run = self.runs.find(&entry.run, entry.run_id.as_deref())?;
            let id = self.runs.id_in_newer_tables(&run)?;
            let of_row = Row { run: &run, id: &id, entry };
            let added = match &entry.content {
                Content::Metrics { metrics, step, config } => {
                    let step = self.step(&run, *step)?;
                    let added = self.metrics(&of_row, metrics, step)?;
                    if let Some(config) = config {
                        self.config(&of_row, config)?;
                    }
                    added
                }
                Content::System { metrics } => {
                    self.row(&of_row, "system_metrics", &[("metrics", json(metrics))])?
                }
                Content::Alert { title, text, level, step } => {
                    let cells = [
                        ("title", Cell::from(title.clone())),
                        ("text", text.clone().map_or(Cell::Null, Cell::from)),
                        ("level", Cell::from((*level).to_owned())),
                        ("step", step.map_or(Cell::Null, of_step)),
                    ];
                    self.row(&of_row, "alerts", &cells)?
                }
            };
            match added {
                true => self.written.written += 1,
                false => self.written.already_there += 1,
            }
        }
        self.written.runs = self.runs.used;
        Ok(self.written)
    }

    /// The step given, or the run's next: one more than its highest when the batch began, then
    /// counting those that were left out, as Trackio does.
    fn step(&mut self, run: &RunOfRows, given: Option<Step>) -> Result<Step> {
        if let Some(step) = given {
            return Ok(step);
        }
        let next = match self.next_steps.get(&run.id).and_then(Value::as_i64) {
            Some(next) => next,
            None => {
                let stored = Run {
                    id: run.id.clone(),
                    name: run.name.clone(),
                    created_at: None,
                    source: Source::Metrics,
                };
                match run::last_step(self.transaction, &stored)? {
                    Some(Step::Whole(last)) => last.saturating_add(1),
                    Some(Step::Fraction(last)) => (last.floor() as i64).saturating_add(1),
                    None => 0,
                }
            }
        };
        self.next_steps.insert(run.id.clone(), next.saturating_add(1).into());
        Ok(Step::Whole(next))
    }

    fn metrics(&self, of_row: &Row<'_>, metrics: &Metrics, step: Step) -> Result<bool> {
        let (metrics, traces) = trace::split(metrics, of_row.id, &of_row.entry.id);
        let cells = [("step", of_step(step)), ("metrics", json(&metrics))];
        let added = self.row(of_row, "metrics", &cells)?;
        for trace in traces.iter().filter(|_| added) {
            self.trace(of_row, trace, step)?;
        }
        Ok(added)
    }

    fn trace(&self, of_row: &Row<'_>, trace: &Trace, step: Step) -> Result<()> {
        let cells = [
            ("id", Cell::from(trace.id.clone())),
            ("step", of_step(step)),
            ("key", Cell::from(trace.key.clone())),
            ("trace_index", trace.index.map_or(Cell::Null, |index| Cell::from(index as i64))),
            ("messages", json(&trace.messages)),
            ("metadata", json(&trace.metadata)),
            ("spans", json(&trace.spans)),
            ("search_text", Cell::from(trace.search_text.clone())),
        ];
        self.row(of_row, "traces", &cells)?;
        Ok(())
    }

    /// Adds a row with these cells and those that every table has; `false` where it was there.
    fn row(&self, of_row: &Row<'_>, table: &str, cells: &[(&str, Cell)]) -> Result<bool> {
        let keyed_by_id = self.is_keyed_by_id(table);
        let Row { run, id, entry } = of_row;
        // An alert's id has a name of its own.
        let id_column = if table == "alerts" { "alert_id" } else { "log_id" };
        let mut columns = vec!["timestamp", "run_name", id_column];
        let mut values = vec![
            Cell::from(entry.timestamp.clone()),
            Cell::from(run.name.clone()),
            Cell::from(entry.id.clone()),
        ];
        if keyed_by_id {
            columns.push("run_id");
            values.push(Cell::from((*id).to_owned()));
        }
        for (column, value) in cells {
            columns.push(column);
            values.push(value.clone());
        }
        let sql = format!(
            "INSERT OR IGNORE INTO main.{table} ({}) VALUES ({})",
            columns.join(", "),
            vec!["?"; columns.len()].join(", ")
        );
        let mut statement = self.transaction.connection.prepare_cached(&sql)?;
        Ok(statement.execute(params_from_iter(values))? > 0)
    }

    /// A run's config is written once. Trackio's `bulk_log` replaces it, because there only the
    /// run's own process sends one; here it would take the training's settings away.
    fn config(&mut self, of_row: &Row<'_>, config: &Map<String, Value>) -> Result<()> {
        let (column, key) = match self.is_keyed_by_id("configs") {
            true => ("run_id", of_row.id),
            false => ("run_name", of_row.run.name.as_str()),
        };
        let connection = self.transaction.connection;
        let sql = format!("SELECT CAST(config AS BLOB) FROM main.configs WHERE {column} = ?1");
        let stored: Option<Vec<u8>> =
            connection.prepare_cached(&sql)?.query_row([key], |row| row.get(0)).optional()?;
        if let Some(stored) = stored {
            let is_same =
                value::parse(&stored).is_some_and(|stored| stored.as_object() == Some(config));
            if !is_same && !self.written.configs_kept.contains(&of_row.run.name) {
                self.written.configs_kept.push(of_row.run.name.clone());
            }
            return Ok(());
        }
        let mut columns = vec!["run_name", "config", "created_at"];
        let mut values = vec![
            Cell::from(of_row.run.name.clone()),
            json(config),
            Cell::from(self.now.to_owned()),
        ];
        if column == "run_id" {
            columns.push(column);
            values.push(Cell::from(key.to_owned()));
        }
        let sql = format!(
            "INSERT INTO main.configs ({}) VALUES ({})",
            columns.join(", "),
            vec!["?"; columns.len()].join(", ")
        );
        connection.execute(&sql, params_from_iter(values))?;
        Ok(())
    }

    fn is_keyed_by_id(&self, table: &str) -> bool {
        self.transaction.schema.table(table).is_none_or(|table| table.key == RunKey::Id)
    }
}

/// One entry and whose it is.
struct Row<'a> {
    run: &'a RunOfRows,
    /// The run's id in tables that are keyed by one.
    id: &'a str,
    entry: &'a Entry,
}

fn of_step(step: Step) -> Cell {
    match step {
        Step::Whole(step) => Cell::Integer(step),
        Step::Fraction(step) => Cell::Real(step),
    }
}

fn json(value: &impl serde::Serialize) -> Cell {
    // What came as JSON goes as JSON: this cannot fail.
    Cell::Blob(serde_json::to_vec(value).unwrap_or_default())
}
