//! The JSONL inbox: rows that no database holds yet.
//!
//! Where SQLite is unsafe (network file systems), and where `TRACKIO_STORAGE_MODE=jsonl`, Trackio
//! writes `inbox/<writer>/<sequence>.jsonl`; a dashboard server imports the files later, and
//! nothing else does. So a reader lays them over the databases, and takes and drops rows as the
//! import would (`fragments.py`): files in the order of their paths, in batches of 100, rows
//! grouped by run, `INSERT OR IGNORE` by log id.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params_from_iter, types::Value as Cell};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::error::Result;
use super::fingerprint;
use super::name::canonical;
use super::regular;
use super::schema::{RunKey, Schema, Table};
use super::trace::{self, Payload};
use super::value::Fields;

/// How many files Trackio imports at a time.
const BATCH: usize = 100;

/// One line of a file in the inbox.
#[derive(Debug, Clone)]
struct Record {
    /// All but the two that follow.
    fields: Map<String, Value>,
    /// JSON, unread: a trace in it can be larger than all the rest.
    metrics: Option<Arc<str>>,
    /// JSON, unread.
    config: Option<Arc<str>>,
    written: SystemTime,
}

/// The rows that wait in the inbox, as batches in the order of their import.
#[derive(Debug, Clone, Default)]
pub struct Inbox {
    batches: Vec<Vec<Record>>,
}

impl Inbox {
    /// Reads what waits in Trackio's directory. Unreadable files and lines are passed over, as
    /// Trackio does.
    pub fn read(directory: &Path) -> Self {
        let inbox = directory.join("inbox");
        let mut files = Vec::new();
        collect_files(&inbox, &mut files);
        files.sort();
        Self { batches: files.chunks(BATCH).map(read_batch).collect() }
    }

    /// Tells whether anything was added or taken away, without reading the files.
    pub fn digest(directory: &Path) -> u64 {
        let mut files = Vec::new();
        collect_files(&directory.join("inbox"), &mut files);
        files.sort();
        let names: Vec<&[u8]> =
            files.iter().map(|file| file.as_os_str().as_encoded_bytes()).collect();
        fingerprint::of(&names)
    }

    /// The canonical names of the projects that have rows here.
    pub fn projects(&self) -> impl Iterator<Item = String> {
        self.batches.iter().flatten().filter_map(|record| record.project())
    }

    /// The part that belongs to one project.
    pub fn of_project(&self, name: &str) -> Self {
        let wanted = Some(canonical(name));
        let batches = self.batches.iter();
        let batches = batches
            .map(|batch| batch.iter().filter(|r| r.project() == wanted).cloned().collect())
            .filter(|batch: &Vec<Record>| !batch.is_empty())
            .collect();
        Self { batches }
    }

    /// The runs that its rows name, with their ids.
    pub fn runs(&self) -> impl Iterator<Item = (String, String)> {
        self.batches.iter().flatten().filter_map(|record| {
            let name = record.text("run")?;
            Some((name.to_owned(), record.text("run_id").unwrap_or(name).to_owned()))
        })
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Lays the rows over an open database: temporary views, named in `schema`, that hold the
    /// rows of both.
    pub fn lay_over(&self, connection: &Connection, schema: &mut Schema) -> Result<()> {
        let overlays = Overlays::create(connection, schema)?;
        for batch in &self.batches {
            for (kind, import) in KINDS {
                for group in groups(batch, kind) {
                    import(&overlays, connection, &group)?;
                }
            }
        }
        Ok(())
    }
}

type Import = fn(&Overlays, &Connection, &Group<'_>) -> Result<()>;

/// The kinds in the order in which Trackio imports them.
const KINDS: [(&str, Import); 3] = [
    ("metric", Overlays::import_metrics),
    ("system_metric", Overlays::import_system_metrics),
    ("alert", Overlays::import_alerts),
];

fn collect_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect_files(&path, files),
            Ok(_) if path.extension().is_some_and(|extension| extension == "jsonl") => {
                files.push(path);
            }
            _ => {}
        }
    }
}

fn read_batch(files: &[PathBuf]) -> Vec<Record> {
    let mut records = Vec::new();
    for file in files {
        let Ok(bytes) = regular::read(file) else { continue };
        let modified = fs::metadata(file).and_then(|metadata| metadata.modified());
        let written = modified.unwrap_or(SystemTime::UNIX_EPOCH);
        let lines = bytes.split(|byte| *byte == b'\n');
        records.extend(lines.filter_map(|line| Record::of(line, written)));
    }
    records
}

impl Record {
    fn of(line: &[u8], written: SystemTime) -> Option<Self> {
        let Fields(all) = serde_json::from_slice(line).ok()?;
        let (mut fields, mut metrics, mut config) = (Map::new(), None, None);
        for (name, json) in all {
            match name.as_str() {
                "metrics" => metrics = Some(json.get().into()),
                "config" => config = Some(json.get().into()),
                _ => drop(fields.insert(name, serde_json::from_str(json.get()).ok()?)),
            }
        }
        Some(Self { fields, metrics, config, written })
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key)?.as_str().filter(|text| !text.is_empty())
    }

    fn project(&self) -> Option<String> {
        self.text("run")?;
        self.text("project").map(canonical)
    }

    fn cell(&self, key: &str) -> Cell {
        match self.fields.get(key) {
            None | Some(Value::Null) => Cell::Null,
            Some(Value::String(text)) => Cell::Text(text.clone()),
            Some(Value::Bool(flag)) => Cell::Integer(i64::from(*flag)),
            Some(Value::Number(number)) => match number.as_i64() {
                Some(whole) => Cell::Integer(whole),
                None => number.as_f64().map_or(Cell::Null, Cell::Real),
            },
            Some(other) => Cell::Text(other.to_string()),
        }
    }

    fn metrics(&self) -> Vec<(String, &RawValue)> {
        let json = self.metrics.as_deref().unwrap_or_default();
        serde_json::from_str(json).map_or_else(|_| Vec::new(), |Fields(fields)| fields)
    }

    /// The config, where it has anything in it.
    fn config(&self) -> Option<&[u8]> {
        let json = self.config.as_deref()?;
        let Fields(fields) = serde_json::from_str(json).ok()?;
        (!fields.is_empty()).then_some(json.as_bytes())
    }
}

/// The records of one kind and one run in one batch.
struct Group<'a> {
    run: &'a str,
    run_id: &'a str,
    records: Vec<&'a Record>,
}

fn groups<'a>(batch: &'a [Record], kind: &str) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for record in batch.iter().filter(|record| record.text("kind") == Some(kind)) {
        let Some(run) = record.text("run") else { continue };
        let run_id = record.text("run_id").unwrap_or(run);
        match groups.iter_mut().find(|group| group.run == run && group.run_id == run_id) {
            Some(group) => group.records.push(record),
            None => groups.push(Group { run, run_id, records: vec![record] }),
        }
    }
    groups
}

impl Group<'_> {
    /// Each record's time. One record without a time gives the whole group the time of its
    /// import; ours is the time when its last file was written.
    fn timestamps(&self) -> Vec<String> {
        let own: Option<Vec<String>> =
            self.records.iter().map(|r| r.text("timestamp").map(str::to_owned)).collect();
        own.unwrap_or_else(|| vec![self.written(); self.records.len()])
    }

    fn written(&self) -> String {
        let latest = self.records.iter().map(|record| record.written).max();
        let moment = latest.and_then(|time| Timestamp::try_from(time).ok()).unwrap_or_default();
        format!("{moment:.6}").replace('Z', "+00:00")
    }
}

/// The temporary tables beside the database's own.
struct Overlays {
    metrics: Overlay,
    configs: Overlay,
    system_metrics: Overlay,
    alerts: Overlay,
    traces: Overlay,
}

/// The columns that the inbox fills, with the column that makes a row unique.
const METRICS: &[&str] = &["id", "run_id", "timestamp", "run_name", "step", "metrics", "log_id"];
const CONFIGS: &[&str] = &["id", "run_id", "run_name", "config", "created_at"];
const SYSTEM_METRICS: &[&str] = &["id", "run_id", "timestamp", "run_name", "metrics", "log_id"];
const ALERTS: &[&str] =
    &["id", "run_id", "timestamp", "run_name", "title", "text", "level", "step", "alert_id"];
const TRACES: &[&str] = &[
    "id",
    "run_id",
    "timestamp",
    "run_name",
    "step",
    "key",
    "trace_index",
    "messages",
    "metadata",
    "spans",
    "log_id",
];

impl Overlays {
    fn create(connection: &Connection, schema: &mut Schema) -> Result<Self> {
        let mut overlay =
            |table, columns, unique| Overlay::create(connection, schema, table, columns, unique);
        Ok(Self {
            metrics: overlay("metrics", METRICS, "log_id")?,
            // A newer config replaces the run's older one.
            configs: overlay("configs", CONFIGS, "")?,
            system_metrics: overlay("system_metrics", SYSTEM_METRICS, "log_id")?,
            alerts: overlay("alerts", ALERTS, "alert_id")?,
            traces: overlay("traces", TRACES, "id")?,
        })
    }

    fn import_metrics(&self, connection: &Connection, group: &Group<'_>) -> Result<()> {
        let timestamps = group.timestamps();
        let mut next_step = self.metrics.next_step(connection, group)?;
        for (record, timestamp) in group.records.iter().zip(&timestamps) {
            let step = match record.cell("step") {
                Cell::Null => {
                    next_step += 1;
                    Cell::Integer(next_step - 1)
                }
                step => step,
            };
            let log_id = record.cell("log_id");
            let (metrics, traces) = split_traces(record.metrics());
            for trace in traces {
                self.import_trace(connection, group, timestamp, &step, &log_id, trace)?;
            }
            let values = [
                ("timestamp", Cell::Text(timestamp.clone())),
                ("step", step),
                ("metrics", Cell::Blob(metrics)),
                ("log_id", log_id),
            ];
            self.metrics.insert(connection, group, &values)?;
        }
        let config = group.records.iter().rev().find_map(|record| record.config());
        if let Some(config) = config {
            let config = Cell::Blob(config.to_vec());
            let values = [("config", config), ("created_at", Cell::Text(group.written()))];
            self.configs.replace(connection, group, &values)?;
        }
        Ok(())
    }

    fn import_trace(
        &self,
        connection: &Connection,
        group: &Group<'_>,
        timestamp: &str,
        step: &Cell,
        log_id: &Cell,
        trace: Trace<'_>,
    ) -> Result<()> {
        let log = match log_id {
            Cell::Text(log_id) => log_id.as_str(),
            _ => timestamp,
        };
        let mut id = format!("{}:{log}:{}", group.run_id, trace.key);
        if let Some(index) = trace.index {
            id.push_str(&format!(":{index}"));
        }
        let part = |json: &RawValue| Cell::Blob(json.get().as_bytes().to_vec());
        let values = [
            ("id", Cell::Text(id)),
            ("timestamp", Cell::Text(timestamp.to_owned())),
            ("step", step.clone()),
            ("key", Cell::Text(trace.key)),
            ("trace_index", trace.index.map_or(Cell::Null, Cell::Integer)),
            ("messages", part(trace.payload.messages)),
            ("metadata", part(trace.payload.metadata)),
            ("spans", part(trace.payload.spans)),
            ("log_id", log_id.clone()),
        ];
        self.traces.insert(connection, group, &values)
    }

    fn import_system_metrics(&self, connection: &Connection, group: &Group<'_>) -> Result<()> {
        for (record, timestamp) in group.records.iter().zip(group.timestamps()) {
            let values = [
                ("timestamp", Cell::Text(timestamp)),
                ("metrics", Cell::Blob(json_of(&record.metrics()))),
                ("log_id", record.cell("log_id")),
            ];
            self.system_metrics.insert(connection, group, &values)?;
        }
        Ok(())
    }

    fn import_alerts(&self, connection: &Connection, group: &Group<'_>) -> Result<()> {
        for (record, timestamp) in group.records.iter().zip(group.timestamps()) {
            let or = |key, default: &str| match record.cell(key) {
                Cell::Null => Cell::Text(default.to_owned()),
                cell => cell,
            };
            let values = [
                ("timestamp", Cell::Text(timestamp)),
                ("title", or("title", "")),
                ("text", record.cell("text")),
                ("level", or("level", "WARN")),
                ("step", record.cell("step")),
                ("alert_id", record.cell("alert_id")),
            ];
            self.alerts.insert(connection, group, &values)?;
        }
        Ok(())
    }
}

/// A trace found among a row's metrics, where 0.25 and the inbox keep it.
struct Trace<'a> {
    key: String,
    index: Option<i64>,
    payload: Payload<'a>,
}

/// Takes the traces out of a row, as the import does; the JSON of the rest.
fn split_traces(metrics: Vec<(String, &RawValue)>) -> (Vec<u8>, Vec<Trace<'_>>) {
    let mut kept: Vec<(String, Cow<'_, RawValue>)> = Vec::new();
    let mut traces = Vec::new();
    for (key, value) in metrics {
        let found = trace::within(value);
        if found.is_empty() {
            kept.push((key, Cow::Borrowed(value)));
            continue;
        }
        if found.iter().any(|(index, _)| index.is_some()) {
            kept.extend(trace::others_of(value).map(|others| (key.clone(), Cow::Owned(others))));
        }
        let with_key = |(index, payload)| Trace { key: key.clone(), index, payload };
        traces.extend(found.into_iter().map(with_key));
    }
    (json_of(&kept), traces)
}

/// The fields as a JSON object.
fn json_of<T: Serialize>(fields: &[(String, T)]) -> Vec<u8> {
    let mut json = Vec::new();
    let fields = fields.iter().map(|(name, value)| (name, value));
    // JSON that was read can be written, and a vector takes it.
    let _ = serde_json::Serializer::new(&mut json).collect_map(fields);
    json
}

/// A temporary table with the inbox's rows and the view of both.
struct Overlay {
    table: String,
    columns: &'static [&'static str],
    unique: &'static str,
    own: Option<Table>,
    key: RunKey,
    next_id: std::cell::Cell<i64>,
}

impl Overlay {
    fn create(
        connection: &Connection,
        schema: &mut Schema,
        name: &str,
        columns: &'static [&'static str],
        unique: &'static str,
    ) -> Result<Self> {
        let own = schema.table(name).cloned();
        let key = own.as_ref().map_or(RunKey::Id, |own| own.key);
        let table = format!("temp.inbox_{name}");
        let declared: Vec<String> = columns
            .iter()
            .map(|column| format!("{column} {}", if *column == "step" { "INTEGER" } else { "" }))
            .collect();
        connection.execute_batch(&format!("CREATE TABLE {table} ({})", declared.join(", ")))?;
        if !unique.is_empty() {
            let index = format!("CREATE UNIQUE INDEX temp.unique_{name} ON inbox_{name}({unique})");
            connection.execute_batch(&index)?;
        }
        let hidden = |column: &&&str| **column == "run_id" && key == RunKey::Name;
        let shown: Vec<&str> = columns.iter().filter(|c| !hidden(c)).copied().collect();
        let mut parts = vec![format!("SELECT {} FROM {table}", shown.join(", "))];
        if let Some(own) = &own {
            let selected: Vec<String> = shown
                .iter()
                .map(|c| if own.has(c) { (*c).to_owned() } else { format!("NULL AS {c}") })
                .collect();
            let replaced = match name {
                "configs" => format!(" WHERE {0} NOT IN (SELECT {0} FROM {table})", key.column()),
                _ => String::new(),
            };
            parts
                .insert(0, format!("SELECT {} FROM {}{replaced}", selected.join(", "), own.source));
        }
        let view = format!("temp.all_{name}");
        connection
            .execute_batch(&format!("CREATE VIEW {view} AS {}", parts.join(" UNION ALL ")))?;
        let next_id = match &own {
            Some(own) if name != "traces" && own.has("id") => connection.query_row(
                &format!("SELECT IFNULL(MAX(id), 0) + 1 FROM {}", own.source),
                [],
                |row| row.get(0),
            )?,
            _ => 1,
        };
        let of_both = shown.iter().map(|column| (*column).to_owned()).collect();
        schema.lay_over(name, &view, &table, of_both);
        Ok(Self { table, columns, unique, own, key, next_id: next_id.into() })
    }

    /// The step of the next row that has none: one more than the run's highest.
    fn next_step(&self, connection: &Connection, group: &Group<'_>) -> Result<i64> {
        let run = match self.key {
            RunKey::Id => group.run_id,
            RunKey::Name => group.run,
        };
        let column = self.key.column();
        let mut highest: Option<f64> = None;
        let own = self.own.iter().filter(|own| own.has("step")).map(|own| own.source.as_str());
        for source in own.chain([self.table.as_str()]) {
            let sql = format!("SELECT CAST(MAX(step) AS REAL) FROM {source} WHERE {column} = ?1");
            let step: Option<f64> = connection.query_row(&sql, [run], |row| row.get(0))?;
            highest = match (highest, step) {
                (Some(a), Some(b)) => Some(a.max(b)),
                (a, b) => a.or(b),
            };
        }
        Ok(highest.map_or(0, |step| step as i64 + 1))
    }

    fn replace(
        &self,
        connection: &Connection,
        group: &Group<'_>,
        values: &[(&str, Cell)],
    ) -> Result<()> {
        let sql = format!("DELETE FROM {} WHERE run_id = ?1", self.table);
        connection.execute(&sql, [group.run_id])?;
        self.insert(connection, group, values)
    }

    /// Adds a row, unless a row with the same unique value is there already.
    fn insert(
        &self,
        connection: &Connection,
        group: &Group<'_>,
        values: &[(&str, Cell)],
    ) -> Result<()> {
        let value = |column: &str| {
            values.iter().find(|(name, _)| *name == column).map(|(_, value)| value.clone())
        };
        if self.is_stored(connection, value(self.unique))? {
            return Ok(());
        }
        let id = self.next_id.replace(self.next_id.get() + 1);
        let cells = self.columns.iter().map(|column| match *column {
            "run_id" => Cell::Text(group.run_id.to_owned()),
            "run_name" => Cell::Text(group.run.to_owned()),
            "id" => value("id").unwrap_or(Cell::Integer(id)),
            column => value(column).unwrap_or(Cell::Null),
        });
        let marks = vec!["?"; self.columns.len()].join(", ");
        let sql = format!("INSERT OR IGNORE INTO {} VALUES ({marks})", self.table);
        connection.prepare_cached(&sql)?.execute(params_from_iter(cells))?;
        Ok(())
    }

    /// Whether the database holds the row already.
    fn is_stored(&self, connection: &Connection, unique: Option<Cell>) -> Result<bool> {
        let Some(own) = self.own.as_ref().filter(|own| own.has(self.unique)) else {
            return Ok(false);
        };
        let Some(unique @ Cell::Text(_)) = unique else { return Ok(false) };
        let sql = format!("SELECT 1 FROM {} WHERE {} = ?1", own.source, self.unique);
        let found = connection.prepare_cached(&sql)?.query_row([&unique], |_| Ok(())).optional()?;
        Ok(found.is_some())
    }
}
