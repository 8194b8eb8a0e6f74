//! The demo's projects, written as Trackio 0.43 writes: one database a project, JSON as BLOB, the
//! rows of half a second under one timestamp.

#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::beside::{self, Owner};
use super::curves::{Metrics, Setting};
use super::noise::Noise;
use super::recipes::{BERT, LLM, Recipe, SWEEP_RUNS};
use crate::trackio::project::CURRENT_SCHEMA;

/// The version of that schema.
const USER_VERSION: i64 = 2;

/// Trackio sends what was logged twice a second.
const FLUSHED_EVERY: f64 = 0.5;

/// How many samples of the machine a run gets.
const SYSTEM_ROWS: u32 = 180;

/// Writes the projects `bert-sentiment`, `llm-dpo` and `lora-sweep` into a directory, as if the newest run were
/// still going on at `now`. A directory that holds projects already is refused.
pub fn write(directory: &Path, now: Timestamp) -> Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    let entries =
        fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "db") {
            bail!(
                "{} holds projects already ({}); the demo needs a directory of its own",
                directory.display(),
                path.file_name().unwrap_or_default().display()
            );
        }
    }
    let projects =
        [("bert-sentiment", BERT, 1), ("llm-dpo", LLM, 2), ("lora-sweep", SWEEP_RUNS, 3)];
    for (project, recipes, seed) in projects {
        write_project(directory, project, recipes, seed, now)
            .with_context(|| format!("cannot write the project {project}"))?;
    }
    Ok(())
}

fn write_project(
    directory: &Path,
    project: &str,
    recipes: &[Recipe],
    seed: u64,
    now: Timestamp,
) -> Result<()> {
    let blobs = directory.join("artifacts").join(project).join("blobs");
    let mut connection = Connection::open(directory.join(format!("{project}.db")))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(CURRENT_SCHEMA)?;
    transaction.pragma_update(None, "user_version", USER_VERSION)?;
    for (index, recipe) in recipes.iter().enumerate() {
        Run::new(recipe, Noise::new(100 * seed + index as u64), now)?
            .write(&transaction, &blobs)?;
    }
    transaction.commit()?;
    // Closing removes the log.
    connection.close().map_err(|(_, error)| error)?;
    Ok(())
}

/// A recipe with its place in time.
struct Run<'a> {
    recipe: &'a Recipe,
    id: String,
    started: Timestamp,
    noise: Noise,
}

impl<'a> Run<'a> {
    fn new(recipe: &'a Recipe, mut noise: Noise, now: Timestamp) -> Result<Self> {
        let lasted = recipe.seconds_per_step * f64::from(recipe.last_step);
        let before = SignedDuration::try_from_secs_f64(lasted + recipe.ended_ago)?;
        Ok(Self { recipe, id: noise.uuid(), started: now.checked_sub(before)?, noise })
    }

    fn write(mut self, connection: &Connection, blobs: &Path) -> Result<()> {
        self.write_config(connection)?;
        self.write_metrics(connection)?;
        if self.recipe.has_system_metrics {
            self.write_system_metrics(connection)?;
        }
        self.write_alerts(connection)?;
        let steps = self.recipe.checkpoints.iter();
        let logged: Result<Vec<_>> =
            steps.map(|step| Ok((*step, text(self.at(self.elapsed(*step))?)))).collect();
        beside::write_checkpoints(connection, blobs, &self.owner(), &logged?)
    }

    fn owner(&self) -> Owner<'_> {
        Owner { id: &self.id, name: self.recipe.name }
    }

    fn write_config(&self, connection: &Connection) -> Result<()> {
        let recipe = self.recipe;
        let config = json!({
            "model_name": recipe.model,
            "learning_rate": recipe.learning_rate,
            "batch_size": recipe.batch_size,
            "epochs": 3,
            "max_steps": recipe.max_steps,
            "seed": recipe.seed,
            "fp16": true,
            "optimizer": {"name": "adamw_torch", "betas": [0.9, 0.999], "weight_decay": 0.01},
            "_Username": "demo",
            "_Created": text(self.started),
            "_Group": recipe.group,
        });
        connection.execute(
            "INSERT INTO configs (run_id, run_name, config, created_at) VALUES (?1, ?2, ?3, ?4)",
            params![self.id, recipe.name, serde_json::to_vec(&config)?, self.flushed(0.0)?],
        )?;
        Ok(())
    }

    fn write_metrics(&mut self, connection: &Connection) -> Result<()> {
        let recipe = self.recipe;
        let setting = Setting { learning_rate: recipe.learning_rate, max_steps: recipe.max_steps };
        let mut insert = connection.prepare(
            "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics, log_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for step in (0..=recipe.last_step).step_by(recipe.log_every as usize) {
            let timestamp = self.flushed(self.elapsed(step))?;
            let mut samples = recipe.samples.iter().filter(|sample| sample.step == step);
            for metrics in recipe.story.rows(step, setting, &mut self.noise) {
                let metrics = serde_json::to_vec(&metrics)?;
                let log_id = self.noise.uuid();
                insert.execute(params![self.id, timestamp, recipe.name, step, metrics, log_id])?;
                if let Some(sample) = samples.next() {
                    beside::write_sample(connection, &self.owner(), &timestamp, &log_id, sample)?;
                }
            }
        }
        Ok(())
    }

    fn write_system_metrics(&mut self, connection: &Connection) -> Result<()> {
        let mut insert = connection.prepare(
            "INSERT INTO system_metrics (run_id, timestamp, run_name, metrics, log_id)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        let lasted = self.elapsed(self.recipe.last_step);
        for sample in 0..SYSTEM_ROWS {
            let progress = f64::from(sample) / f64::from(SYSTEM_ROWS);
            insert.execute(params![
                self.id,
                text(self.at(lasted * progress)?),
                self.recipe.name,
                serde_json::to_vec(&machine(progress, &mut self.noise))?,
                self.noise.uuid()
            ])?;
        }
        Ok(())
    }

    fn write_alerts(&mut self, connection: &Connection) -> Result<()> {
        for (step, level, title, body) in self.recipe.alerts {
            connection.execute(
                "INSERT INTO alerts
                 (run_id, timestamp, run_name, title, text, level, step, alert_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    self.id,
                    text(self.at(self.elapsed(*step))?),
                    self.recipe.name,
                    title,
                    body,
                    level,
                    step,
                    self.noise.uuid()
                ],
            )?;
        }
        Ok(())
    }

    fn elapsed(&self, step: u32) -> f64 {
        self.recipe.seconds_per_step * f64::from(step)
    }

    fn at(&self, elapsed: f64) -> Result<Timestamp> {
        Ok(self.started.checked_add(SignedDuration::try_from_secs_f64(elapsed)?)?)
    }

    /// When what was logged then was sent: at the next beat, a little late.
    fn flushed(&self, elapsed: f64) -> Result<String> {
        let beat = (elapsed / FLUSHED_EVERY).floor() + 1.0;
        let late = 0.001 + 0.004 * Noise::new(self.recipe.seed + beat as u64).unit();
        Ok(text(self.at(beat * FLUSHED_EVERY + late)?))
    }
}

/// What a machine with one graphics card reports; it warms up over the first minutes.
fn machine(progress: f64, noise: &mut Noise) -> Metrics {
    let warm = 1.0 - (-progress * 25.0).exp();
    let mut row = Metrics::new();
    let mut put = |name: &str, value: f64| {
        row.insert(name.to_owned(), Value::from((value * 10.0).round() / 10.0));
    };
    put("gpu/0/utilization", (92.0 * warm + 4.0 * noise.normal()).clamp(0.0, 100.0));
    put("gpu/0/allocated_memory", 2.1 + 9.3 * warm);
    put("gpu/0/total_memory", 24.0);
    put("gpu/0/memory_usage", 100.0 * (2.1 + 9.3 * warm) / 24.0);
    put("gpu/0/power", 60.0 + 210.0 * warm + 8.0 * noise.normal());
    put("gpu/0/temp", 41.0 + 30.0 * warm + noise.normal());
    put("cpu/utilization", (34.0 + 9.0 * noise.normal()).clamp(0.0, 100.0));
    put("memory/percent", 38.0 + 4.0 * progress + 0.4 * noise.normal());
    row
}

/// A moment as Python's `isoformat` writes it.
fn text(moment: Timestamp) -> String {
    format!("{moment:.6}").replace('Z', "+00:00")
}
