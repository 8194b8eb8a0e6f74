//! What the demo's runs log beside numbers: checkpoints as artifacts, and samples as traces.

use std::fs;
use std::path::Path;

use anyhow::Result;
use rusqlite::{Connection, params};
use serde_json::json;
use sha2::{Digest, Sha256};

/// Whose it is.
pub struct Owner<'a> {
    pub id: &'a str,
    pub name: &'a str,
}

/// One question to a model under training, and its answer.
pub struct Sample {
    pub step: u32,
    pub question: &'static str,
    pub answer: &'static str,
    pub reward: f64,
}

/// Writes the artifact `<run>-checkpoint`, one version for each step and time. The file of each is
/// in `blobs`, by its digest, as Trackio keeps it.
pub fn write_checkpoints(
    connection: &Connection,
    blobs: &Path,
    run: &Owner<'_>,
    logged: &[(u32, String)],
) -> Result<()> {
    let Some((_, first)) = logged.first() else { return Ok(()) };
    let name = format!("{}-checkpoint", run.name);
    connection.execute(
        "INSERT INTO artifacts (name, type, created_at) VALUES (?1, 'model', ?2)",
        params![name, first],
    )?;
    let artifact = connection.last_insert_rowid();
    for (version, (step, time)) in (0_i64..).zip(logged) {
        let content = format!("In place of the weights of {} at step {step}.\n", run.name);
        let digest = sha256(content.as_bytes());
        let folder = blobs.join("sha256").join(digest.chars().take(2).collect::<String>());
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(&digest), &content)?;
        let size = content.len() as i64;
        let manifest = json!([{"path": "model.safetensors", "digest": digest, "size": size}]);
        let manifest = manifest.to_string();
        connection.execute(
            "INSERT INTO artifact_versions (artifact_id, version, manifest_digest, manifest,
             metadata, size_bytes, producer_run_id, producer_run_name, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                artifact,
                version,
                sha256(manifest.as_bytes()),
                manifest,
                json!({"step": step}).to_string(),
                size,
                run.id,
                run.name,
                time
            ],
        )?;
        let version = connection.last_insert_rowid();
        connection.execute(
            "INSERT INTO run_artifact_links
             (run_id, run_name, artifact_version_id, direction, created_at)
             VALUES (?1, ?2, ?3, 'output', ?4)",
            params![run.id, run.name, version, time],
        )?;
        connection.execute(
            "INSERT OR REPLACE INTO artifact_aliases VALUES (?1, 'latest', ?2)",
            params![artifact, version],
        )?;
    }
    Ok(())
}

/// Writes a sample as the trace `sample`, of the row that was logged with it.
pub fn write_sample(
    connection: &Connection,
    run: &Owner<'_>,
    timestamp: &str,
    log_id: &str,
    sample: &Sample,
) -> Result<()> {
    let Sample { step, question, answer, reward } = sample;
    let id = format!("{}:{log_id}:sample", run.id);
    let messages = json!([
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer},
    ]);
    let search = format!("{id} sample user {question} assistant {answer} {reward}").to_lowercase();
    connection.execute(
        "INSERT INTO traces
         (id, run_id, timestamp, run_name, step, key, messages, metadata, search_text, log_id)
         VALUES (?1, ?2, ?3, ?4, ?5, 'sample', ?6, ?7, ?8, ?9)",
        params![
            id,
            run.id,
            timestamp,
            run.name,
            step,
            serde_json::to_vec(&messages)?,
            serde_json::to_vec(&json!({"reward": reward}))?,
            search,
            log_id
        ],
    )?;
    Ok(())
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
