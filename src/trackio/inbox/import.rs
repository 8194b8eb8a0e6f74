//! Imports a project's rows as Trackio would, into tables of our own.
//!
//! The tables are a database in a temporary folder, which every connection of the process can
//! attach. So the rows are imported once for each state of the inbox and of the project's
//! database, and not once for each call. They are not kept in memory: SQLite's memory has one limit
//! for the whole process, and a large inbox would leave nothing of it to queries.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use rusqlite::types::{Value as Cell, ValueRef};
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::files::{Name, Text, Waiting};
use super::record::{Field, Kind, Record, Trace};
use crate::temporary::TemporaryFolder;
use crate::trackio::cache::{Bytes, Cache};
use crate::trackio::database;
use crate::trackio::error::{Error, Result};
use crate::trackio::name::canonical;
use crate::trackio::schema::{RunKey, Schema, Table};
use crate::trackio::stop::Stop;
use crate::trackio::value::Step;

/// The name under which the tables are attached.
const ATTACHED: &str = "inbox";

/// Our numbers follow the database's own; no inbox holds more rows than this leaves.
const HIGHEST_FIRST_ID: i64 = i64::MAX - (1 << 40);

/// How many rows are imported between two looks at [`Stop`].
const ROWS_BETWEEN_LOOKS: usize = 256;

/// The file of the tables, in a temporary folder.
const FILE: &str = "inbox.db";

/// A table that the inbox fills.
struct Filled {
    name: &'static str,
    columns: &'static [&'static str],
    /// The column that makes a row unique; empty where a newer row replaces the run's older one.
    unique: &'static str,
    /// By what a run's rows are looked up, beside the run.
    orders: &'static [&'static str],
}

const TABLES: [Filled; 5] = [
    Filled {
        name: "metrics",
        columns: &["id", "run_id", "timestamp", "run_name", "step", "metrics", "log_id"],
        unique: "log_id",
        orders: &["timestamp", "step"],
    },
    Filled {
        name: "configs",
        columns: &["id", "run_id", "run_name", "config", "created_at"],
        unique: "",
        orders: &[],
    },
    Filled {
        name: "system_metrics",
        columns: &["id", "run_id", "timestamp", "run_name", "metrics", "log_id"],
        unique: "log_id",
        orders: &["timestamp"],
    },
    Filled {
        name: "alerts",
        columns: &[
            "id",
            "run_id",
            "timestamp",
            "run_name",
            "title",
            "text",
            "level",
            "step",
            "alert_id",
        ],
        unique: "alert_id",
        orders: &["timestamp"],
    },
    Filled {
        name: "traces",
        columns: &[
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
        ],
        unique: "id",
        orders: &["timestamp"],
    },
];

/// The imported rows of one project, for as long as anything has them open.
#[derive(Debug)]
pub struct Imported {
    folder: TemporaryFolder,
    bytes: usize,
}

impl Bytes for Imported {
    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Imported {
    /// Imports what waits for a project, beside what `reader` holds of it.
    pub fn of(
        project: &str,
        waiting: &Waiting,
        reader: &Connection,
        schema: &Schema,
        cache: &Cache,
        stop: &Stop,
    ) -> Result<Self> {
        let folder = TemporaryFolder::new().map_err(|error| no_folder(project, &error))?;
        let writer = Connection::open(folder.path().join(FILE))?;
        writer.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN")?;
        let mut import = Import::begin(&writer, reader, schema)?;
        for batch in waiting.files.chunk_by(|(a, _), (b, _)| a == b) {
            let mut texts = Vec::new();
            for (_, file) in batch {
                texts.push((file.text(cache, stop)?, file.written()));
            }
            import.batch(project, &texts, stop)?;
        }
        for (filled, key) in TABLES.iter().zip(import.keys()) {
            for order in filled.orders {
                let (name, key) = (filled.name, key.column());
                writer.execute_batch(&format!(
                    "CREATE INDEX inbox_{name}_{order} ON inbox_{name}({key}, {order})"
                ))?;
            }
        }
        writer.execute_batch("COMMIT")?;
        let pages: i64 = writer.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        let page: i64 = writer.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        let bytes = usize::try_from(pages.saturating_mul(page)).unwrap_or(usize::MAX);
        Ok(Self { folder, bytes })
    }

    /// Lays the rows over an open database: temporary views, named in `schema`, that hold the rows
    /// of both.
    pub fn lay_over(&self, connection: &Connection, schema: &mut Schema) -> Result<()> {
        let uri = database::uri(&self.folder.path().join(FILE), "immutable=1");
        connection.execute(&format!("ATTACH ?1 AS {ATTACHED}"), [uri])?;
        for filled in &TABLES {
            filled.lay_over(connection, schema)?;
        }
        Ok(())
    }
}

fn no_folder(project: &str, error: &io::Error) -> Error {
    let reason = format!(
        "rows wait in the inbox, and there is no room for them in the system's temporary directory \
         ({error})"
    );
    Error::Unreadable { project: project.to_owned(), reason }
}

impl Filled {
    fn create(&self, writer: &Connection) -> Result<()> {
        let declared: Vec<String> = self
            .columns
            .iter()
            .map(|column| match *column {
                "id" if self.unique != "id" => "id INTEGER PRIMARY KEY".to_owned(),
                "step" | "trace_index" => format!("{column} INTEGER"),
                _ => format!("{column} TEXT"),
            })
            .collect();
        let (name, declared) = (self.name, declared.join(", "));
        writer.execute_batch(&format!("CREATE TABLE inbox_{name} ({declared})"))?;
        Ok(())
    }

    fn lay_over(&self, connection: &Connection, schema: &mut Schema) -> Result<()> {
        let name = self.name;
        let own = schema.table(name).cloned();
        let key = own.as_ref().map_or(RunKey::Id, |own| own.key);
        let table = format!("{ATTACHED}.inbox_{name}");
        let hidden = |column: &&&str| **column == "run_id" && key == RunKey::Name;
        let shown: Vec<&str> = self.columns.iter().filter(|c| !hidden(c)).copied().collect();
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
            let selected = selected.join(", ");
            parts.insert(0, format!("SELECT {selected} FROM {}{replaced}", own.source));
        }
        let view = format!("temp.all_{name}");
        connection
            .execute_batch(&format!("CREATE VIEW {view} AS {}", parts.join(" UNION ALL ")))?;
        let of_both = shown.iter().map(|column| (*column).to_owned()).collect();
        schema.lay_over(name, &view, &table, of_both);
        Ok(())
    }
}

/// An import under way.
struct Import<'a> {
    metrics: Sink<'a>,
    configs: Sink<'a>,
    system_metrics: Sink<'a>,
    alerts: Sink<'a>,
    traces: Sink<'a>,
    /// The highest step of each run among the rows that were imported.
    highest: HashMap<String, Step>,
    rows: usize,
}

/// The records of one kind and one run in one batch.
struct Group<'a> {
    name: &'a Name,
    lines: Vec<&'a [u8]>,
    all_have_times: bool,
    lacks_steps: bool,
    /// The last line with a config.
    config: Option<&'a [u8]>,
    written: SystemTime,
}

/// The records in the order in which Trackio imports them, those of one kind after another.
fn groups<'a>(project: &str, texts: &'a [(Arc<Text>, SystemTime)]) -> Vec<Group<'a>> {
    let mut places: HashMap<&Name, usize> = HashMap::new();
    let mut groups: Vec<Group<'a>> = Vec::new();
    for (text, written) in texts {
        let mut of_names = Vec::new();
        for name in text.names() {
            of_names.push((canonical(&name.project) == project).then(|| {
                *places.entry(name).or_insert_with(|| {
                    groups.push(Group::new(name));
                    groups.len() - 1
                })
            }));
        }
        for (about, line) in text.lines() {
            let place = of_names.get(about.name as usize).copied().flatten();
            let Some(group) = place.and_then(|place| groups.get_mut(place)) else { continue };
            group.lines.push(line);
            group.all_have_times &= about.has_time;
            group.lacks_steps |= about.lacks_step;
            group.config = about.has_config.then_some(line).or(group.config);
            group.written = group.written.max(*written);
        }
    }
    groups.sort_by_key(|group| group.name.kind);
    groups
}

impl<'a> Group<'a> {
    fn new(name: &'a Name) -> Self {
        Self {
            name,
            lines: Vec::new(),
            all_have_times: true,
            lacks_steps: false,
            config: None,
            written: SystemTime::UNIX_EPOCH,
        }
    }

    /// A record's time. One record without a time gives the whole group the time of its import;
    /// ours is the time when its last file was written.
    fn timestamp(&self, record: &Record<'_>) -> String {
        match &record.timestamp {
            Some(timestamp) if self.all_have_times => timestamp.clone().into_owned(),
            _ => self.written(),
        }
    }

    fn written(&self) -> String {
        let moment = Timestamp::try_from(self.written).unwrap_or_default();
        format!("{moment:.6}").replace('Z', "+00:00")
    }
}

impl<'a> Import<'a> {
    fn begin(writer: &'a Connection, reader: &'a Connection, schema: &'a Schema) -> Result<Self> {
        let [metrics, configs, system_metrics, alerts, traces] = &TABLES;
        let sink = |filled| Sink::begin(filled, writer, reader, schema);
        Ok(Self {
            metrics: sink(metrics)?,
            configs: sink(configs)?,
            system_metrics: sink(system_metrics)?,
            alerts: sink(alerts)?,
            traces: sink(traces)?,
            highest: HashMap::new(),
            rows: 0,
        })
    }

    /// By what each of [`TABLES`] names its run.
    fn keys(&self) -> [RunKey; 5] {
        [&self.metrics, &self.configs, &self.system_metrics, &self.alerts, &self.traces]
            .map(|sink| sink.key)
    }

    fn batch(
        &mut self,
        project: &str,
        texts: &[(Arc<Text>, SystemTime)],
        stop: &Stop,
    ) -> Result<()> {
        for group in groups(project, texts) {
            self.group(&group, stop)?;
        }
        Ok(())
    }

    fn group(&mut self, group: &Group<'_>, stop: &Stop) -> Result<()> {
        let mut next = match (group.name.kind, group.lacks_steps) {
            (Kind::Metric, true) => self.next_step(group)?,
            _ => Step::Whole(0),
        };
        for record in group.lines.iter().filter_map(|line| Record::again(line)) {
            self.rows += 1;
            if self.rows.is_multiple_of(ROWS_BETWEEN_LOOKS) {
                stop.check()?;
            }
            match group.name.kind {
                Kind::Metric => self.metrics(group, &record, &mut next)?,
                Kind::System => self
                    .system_metrics
                    .insert(
                        group,
                        &[
                            ("timestamp", Cell::Text(group.timestamp(&record))),
                            ("metrics", Cell::Blob(record.all_metrics())),
                            ("log_id", record.cell(Field::LogId)),
                        ],
                    )
                    .map(drop)?,
                Kind::Alert => self
                    .alerts
                    .insert(
                        group,
                        &[
                            ("timestamp", Cell::Text(group.timestamp(&record))),
                            ("title", record.or(Field::Title, "")),
                            ("text", record.cell(Field::Text)),
                            ("level", record.or(Field::Level, "WARN")),
                            ("step", record.cell(Field::Step)),
                            ("alert_id", record.cell(Field::AlertId)),
                        ],
                    )
                    .map(drop)?,
            }
        }
        let config = group.config.filter(|_| group.name.kind == Kind::Metric);
        if let Some(config) = config.and_then(|line| Record::again(line)?.config()) {
            let created_at = Cell::Text(group.written());
            let config = Cell::Blob(config.to_vec());
            self.configs.replace(group, &[("config", config), ("created_at", created_at)])?;
        }
        Ok(())
    }

    fn metrics(&mut self, group: &Group<'_>, record: &Record<'_>, next: &mut Step) -> Result<()> {
        let step = match record.cell(Field::Step) {
            Cell::Null => {
                let step = *next;
                *next = after(step);
                cell_of(step)
            }
            step => step,
        };
        let timestamp = group.timestamp(record);
        let log_id = record.cell(Field::LogId);
        let (metrics, traces) = record.split_metrics();
        for trace in traces {
            self.trace(group, &timestamp, &step, &log_id, trace)?;
        }
        let reached = number(&step);
        let values = [
            ("timestamp", Cell::Text(timestamp)),
            ("step", step),
            ("metrics", Cell::Blob(metrics)),
            ("log_id", log_id),
        ];
        if !self.metrics.insert(group, &values)? {
            return Ok(());
        }
        if let Some(step) = reached {
            let key = self.metrics.key_of(group);
            match self.highest.get_mut(key) {
                Some(highest) if *highest < step => *highest = step,
                Some(_) => {}
                None => drop(self.highest.insert(key.to_owned(), step)),
            }
        }
        Ok(())
    }

    fn trace(
        &mut self,
        group: &Group<'_>,
        timestamp: &str,
        step: &Cell,
        log_id: &Cell,
        trace: Trace<'_>,
    ) -> Result<()> {
        // Without an id of the row Trackio draws one; ours must be the same in the next call.
        let log = match log_id {
            Cell::Null => timestamp.to_owned(),
            Cell::Text(log_id) => log_id.clone(),
            other => text_of(other).unwrap_or_default(),
        };
        let run = group.name.id_of_run();
        let index = trace.index.map(|index| format!(":{index}")).unwrap_or_default();
        let mut id = format!("{run}:{log}:{}{index}", trace.key);
        if *log_id == Cell::Null && self.traces.is_imported(&id) {
            id = format!("{run}:{log}-{}:{}{index}", self.rows, trace.key);
        }
        let part = |json: &serde_json::value::RawValue| Cell::Blob(json.get().as_bytes().to_vec());
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
        self.traces.insert(group, &values).map(drop)
    }

    /// The step of the group's first row that has none: one more than the run's highest.
    fn next_step(&self, group: &Group<'_>) -> Result<Step> {
        let key = self.metrics.key_of(group);
        let imported = self.highest.get(key).copied();
        let stored = self.metrics.highest_step(key)?;
        let highest = match (imported, stored) {
            (Some(imported), Some(stored)) if imported < stored => Some(stored),
            (imported, stored) => imported.or(stored),
        };
        Ok(highest.map_or(Step::Whole(0), after))
    }
}

/// The step after another one. At the end of SQLite's integers, where Trackio's import fails and
/// fails again, the last step is repeated.
fn after(step: Step) -> Step {
    match step {
        Step::Whole(step) => Step::Whole(step.saturating_add(1)),
        Step::Fraction(step) => Step::Fraction(step + 1.0),
    }
}

fn cell_of(step: Step) -> Cell {
    match step {
        Step::Whole(step) => Cell::Integer(step),
        Step::Fraction(step) => Cell::Real(step),
    }
}

/// The step as a column of affinity INTEGER holds it; `None` where that is no number.
fn number(step: &Cell) -> Option<Step> {
    match step {
        Cell::Integer(step) => Some(Step::Whole(*step)),
        Cell::Real(step) => Some(Step::Fraction(*step)),
        Cell::Text(text) => {
            let text = text.trim();
            let whole = text.parse().map(Step::Whole).ok();
            whole.or_else(|| {
                text.parse().ok().filter(|step: &f64| step.is_finite()).map(Step::Fraction)
            })
        }
        Cell::Null | Cell::Blob(_) => None,
    }
}

/// The value as a column of affinity TEXT holds it; `None` for none.
fn text_of(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text.clone()),
        Cell::Integer(number) => Some(number.to_string()),
        Cell::Real(number) => Some(number.to_string()),
        Cell::Null | Cell::Blob(_) => None,
    }
}

/// Where the rows of one table go.
struct Sink<'a> {
    filled: &'static Filled,
    writer: &'a Connection,
    reader: &'a Connection,
    own: Option<&'a Table>,
    key: RunKey,
    next_id: i64,
    /// Digests of the unique values that are taken. One of 2^64 that is taken by chance costs a
    /// row; the values themselves would cost more memory than the rows.
    taken: HashSet<u64>,
    hasher: RandomState,
    /// Asks whether the database holds a unique value; `None` where it holds none, or where all
    /// are in `taken`.
    is_stored: Option<String>,
    insert: String,
}

impl<'a> Sink<'a> {
    fn begin(
        filled: &'static Filled,
        writer: &'a Connection,
        reader: &'a Connection,
        schema: &'a Schema,
    ) -> Result<Self> {
        filled.create(writer)?;
        let own = schema.table(filled.name);
        let marks = vec!["?"; filled.columns.len()].join(", ");
        let mut sink = Self {
            filled,
            writer,
            reader,
            own,
            key: own.map_or(RunKey::Id, |own| own.key),
            next_id: 1,
            taken: HashSet::new(),
            hasher: RandomState::new(),
            is_stored: None,
            insert: format!("INSERT OR IGNORE INTO inbox_{} VALUES ({marks})", filled.name),
        };
        let Some(own) = own else { return Ok(sink) };
        if filled.unique != "id" && own.has("id") {
            let sql = format!("SELECT MAX(id) FROM {}", own.source);
            let last =
                reader.query_row(&sql, [], |row| Ok(row.get_ref(0)?.as_i64().unwrap_or(0)))?;
            sink.next_id = last.saturating_add(1).min(HIGHEST_FIRST_ID);
        }
        if filled.unique.is_empty() || !own.has(filled.unique) {
            return Ok(sink);
        }
        let (unique, source) = (filled.unique, &own.source);
        let has_index = filled.unique == "id"
            || schema.has_index_named(&format!("idx_{}_{unique}", filled.name));
        if has_index {
            let exists = format!("SELECT EXISTS (SELECT 1 FROM {source})");
            if reader.query_row(&exists, [], |row| row.get(0))? {
                sink.is_stored = Some(format!("SELECT 1 FROM {source} WHERE {unique} = ?1"));
            }
            return Ok(sink);
        }
        // Without an index each question would read the whole table.
        let mut all = reader.prepare(&format!("SELECT {unique} FROM {source}"))?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            if let ValueRef::Text(text) = row.get_ref(0)? {
                sink.taken.insert(sink.hasher.hash_one(text));
            }
        }
        Ok(sink)
    }

    fn key_of<'g>(&self, group: &'g Group<'_>) -> &'g str {
        match self.key {
            RunKey::Id => group.name.id_of_run(),
            RunKey::Name => &group.name.run,
        }
    }

    /// The highest step of the run in the database.
    fn highest_step(&self, run: &str) -> Result<Option<Step>> {
        let Some(own) = self.own.filter(|own| own.has("step")) else { return Ok(None) };
        let column = self.key.column();
        let sql = format!("SELECT MAX(step) FROM {} WHERE {column} = ?1", own.source);
        let mut statement = self.reader.prepare_cached(&sql)?;
        Ok(statement.query_row([run], |row| Ok(Step::of(row.get_ref(0)?)))?)
    }

    fn replace(&mut self, group: &Group<'_>, values: &[(&str, Cell)]) -> Result<()> {
        let (name, column) = (self.filled.name, self.key.column());
        let sql = format!("DELETE FROM inbox_{name} WHERE {column} = ?1");
        self.writer.prepare_cached(&sql)?.execute([self.key_of(group)])?;
        self.insert(group, values).map(drop)
    }

    /// Adds a row, unless a row with the same unique value is there already.
    /// Tells whether it was added.
    fn insert(&mut self, group: &Group<'_>, values: &[(&str, Cell)]) -> Result<bool> {
        let value =
            |column: &str| values.iter().find(|(name, _)| *name == column).map(|(_, value)| value);
        if self.is_taken(value(self.filled.unique))? {
            return Ok(false);
        }
        let id = Cell::Integer(self.next_id);
        self.next_id = self.next_id.saturating_add(1);
        let cells = self.filled.columns.iter().map(|column| match *column {
            "run_id" => ValueRef::Text(group.name.id_of_run().as_bytes()),
            "run_name" => ValueRef::Text(group.name.run.as_bytes()),
            "id" => value("id").unwrap_or(&id).into(),
            column => value(column).map_or(ValueRef::Null, ValueRef::from),
        });
        let cells = cells.map(rusqlite::types::ToSqlOutput::Borrowed);
        self.writer.prepare_cached(&self.insert)?.execute(params_from_iter(cells))?;
        Ok(true)
    }

    fn is_imported(&self, unique: &str) -> bool {
        self.taken.contains(&self.hasher.hash_one(unique.as_bytes()))
    }

    /// Whether a row with that unique value was imported, or is in the database.
    fn is_taken(&mut self, unique: Option<&Cell>) -> Result<bool> {
        let Some(unique) = unique.and_then(text_of) else { return Ok(false) };
        if !self.taken.insert(self.hasher.hash_one(unique.as_bytes())) {
            return Ok(true);
        }
        let Some(sql) = &self.is_stored else { return Ok(false) };
        let mut statement = self.reader.prepare_cached(sql)?;
        Ok(statement.query_row([unique], |_| Ok(())).optional()?.is_some())
    }
}
