//! What the files of an artifact hold: tables, JSON and texts, packed or not, whole or broken.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::{Made, World, questions};
use crate::base::{self, Base};
use crate::calls::Care;
use crate::case::{Mode, request};
use crate::random::Random;
use crate::tree::Tree;
use crate::values;

const FILES: usize = 12;
const QUESTIONS: usize = 4;

pub fn make(world: &World, random: &mut Random) -> Made {
    let with_artifacts = |base: &&Base| !base.names.artifacts.is_empty();
    let bases: Vec<&Base> = world.bases.iter().filter(with_artifacts).collect();
    let base = *random.pick(&bases);
    let mut tree = base.tree.clone();
    let mut manifest = Vec::new();
    for _ in 0..random.between(1, FILES) {
        let path = format!("{}{}", random.word(&["a", "b/c", "d e", "é"]), extension(random));
        let bytes = content(random, &path);
        let digest: String = (0..4).map(|_| format!("{:016x}", random.next())).collect();
        manifest.push(json!({"path": path, "digest": digest, "size": bytes.len()}));
        let folder = &digest[..2];
        tree.put(format!("artifacts/{}/blobs/sha256/{folder}/{digest}", base.project), bytes);
    }
    let temp = tempfile::tempdir().unwrap();
    tree.write(temp.path());
    let manifest = Value::from(manifest);
    name_files(&temp.path().join(base.database()), &manifest).unwrap();
    let tree = Tree::read(temp.path());
    let mut lines = questions(world, random, &base.names, QUESTIONS, Care::GOOD);
    let files: Vec<&Value> = manifest.as_array().into_iter().flatten().collect();
    for (at, file) in files.iter().enumerate() {
        let arguments = json!({
            "project": base.project,
            "name": random.pick(&base.names.artifacts),
            "file": file["path"],
            "verify": random.chance(20),
        });
        let call = json!({"name": "get_artifact", "arguments": arguments});
        lines.push(request(QUESTIONS + 1 + at, "tools/call", &call));
    }
    let inputs = QUESTIONS + files.len();
    Made { tree, lines, mode: Mode::Read, inputs }
}

fn name_files(database: &Path, manifest: &Value) -> rusqlite::Result<()> {
    let database = base::open(database)?;
    database.execute("UPDATE artifact_versions SET manifest = ?1", [manifest.to_string()])?;
    database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
}

fn extension(random: &mut Random) -> String {
    let kind = random.word(&[".csv", ".tsv", ".jsonl", ".json", ".txt", ".bin", ".ndjson", ""]);
    let packed = if random.chance(20) { ".gz" } else { "" };
    kind + packed
}

fn content(random: &mut Random, path: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.between(0, 12) {
        match random.below(5) {
            0 => bytes.extend(
                format!(
                    "{},{},\"{}\"\n",
                    values::number(random),
                    values::text(random),
                    values::text(random)
                )
                .into_bytes(),
            ),
            1 => bytes.extend(
                format!("{}\t{}\n", values::text(random), values::number(random)).into_bytes(),
            ),
            2 => bytes.extend(format!("{}\n", values::value(random, 3)).into_bytes()),
            3 => bytes.extend(values::json_bytes(random)),
            _ => bytes.extend(format!("{}\n", values::text(random)).into_bytes()),
        }
    }
    if random.chance(30) {
        values::mutate(random, &mut bytes);
    }
    if !path.ends_with(".gz") {
        return bytes;
    }
    // Now and then one that unpacks to much more than it takes.
    if random.chance(20) {
        bytes = vec![b'a'; 4 << 20];
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&bytes).unwrap();
    let mut packed = packed.finish().unwrap();
    if random.chance(20) {
        values::mutate(random, &mut packed);
    }
    packed
}
