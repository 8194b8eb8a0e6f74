//! Traces: conversations and the work of agents, as a training logged them.
//!
//! 0.25 kept them as JSON among the metrics; since 0.26 they have a table, since 0.37 with spans;
//! in the inbox they lie among the metrics again, and the overlay brings them to the table. A
//! trace can be larger than all the rest of a project, so the lists read no more than its head,
//! and whoever needs more reads its JSON in place.

pub mod outline;
mod search;

use rusqlite::{OptionalExtension, Row, ToSql};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{Error, Result};
use super::project::Snapshot;
use super::run::{Run, rows_of};
use super::schema::Table;
use super::value::{self, Fields, Step};
pub use search::Needle;

/// How the JSON of a row tells that it holds a trace.
pub(super) const TYPE: &str = "trackio.trace";

/// What tells one trace from others.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// `run id:log id:key`, then `:index` where the key held several.
    pub id: String,
    /// The name under which it was logged.
    pub key: String,
    /// Its place among several under one key.
    pub index: Option<i64>,
    /// The name of the run.
    pub run: String,
    /// The id of the run; its name where the table has no ids.
    pub run_id: String,
    /// The step.
    pub step: Option<Step>,
    /// When, as stored.
    pub timestamp: String,
    place: Place,
}

/// Where the JSON of a trace lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Table,
    Metrics { row: i64 },
}

/// The JSON of one trace, unread.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    /// A list of messages.
    pub messages: &'a RawValue,
    /// An object.
    pub metadata: &'a RawValue,
    /// A list of spans.
    pub spans: &'a RawValue,
}

/// Which traces of a run.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Those of one step.
    pub step: Option<f64>,
    /// Those that hold a text.
    pub search: Option<Needle>,
}

/// The traces of a run, newest first, as Trackio orders them.
pub fn list(snapshot: &Snapshot<'_>, run: &Run, selection: &Selection) -> Result<Vec<Head>> {
    let mut heads = of_table(snapshot, run, selection)?;
    heads.extend(of_metrics(snapshot, run, selection)?);
    heads.sort_by(|a, b| (&b.timestamp, &b.id).cmp(&(&a.timestamp, &a.id)));
    Ok(heads)
}

/// How many traces each run has in the table, most first: the run's name, its id and the count.
pub fn counts(snapshot: &Snapshot<'_>) -> Result<Vec<(String, String, usize)>> {
    let Some(table) = snapshot.schema.table("traces") else { return Ok(Vec::new()) };
    let id = table.key.column();
    let sql = format!(
        "SELECT run_name, {id}, COUNT(*) FROM {} GROUP BY run_name, {id} ORDER BY 3 DESC, 1, 2",
        table.source
    );
    let mut statement = snapshot.connection.prepare(&sql)?;
    let counts = statement.query_map([], |row| {
        let text = |column| Ok::<_, rusqlite::Error>(value::text(row.get_ref(column)?));
        let count: i64 = row.get(2)?;
        Ok((
            text(0)?.unwrap_or_default(),
            text(1)?.unwrap_or_default(),
            count.unsigned_abs() as usize,
        ))
    })?;
    Ok(counts.collect::<rusqlite::Result<_>>()?)
}

/// The name of the run whose trace in the table has this id.
pub fn run_of_id(snapshot: &Snapshot<'_>, id: &str) -> Result<Option<String>> {
    let Some(table) = snapshot.schema.table("traces") else { return Ok(None) };
    let sql = format!("SELECT run_name FROM {} WHERE id = ?1 LIMIT 1", table.source);
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let found = statement.query_row([id], |row| Ok(value::text(row.get_ref(0)?)));
    Ok(found.optional()?.flatten())
}

/// Hands the JSON of a trace to `work`; `None` where it cannot be read.
pub fn read<T>(
    snapshot: &Snapshot<'_>,
    head: &Head,
    work: impl FnOnce(Payload<'_>) -> Option<T>,
) -> Result<Option<T>> {
    match head.place {
        Place::Table => match snapshot.schema.table("traces") {
            Some(table) => read_table(snapshot, table, head, work),
            None => Ok(None),
        },
        Place::Metrics { row } => read_metrics(snapshot, row, head, work),
    }
}

fn of_table(snapshot: &Snapshot<'_>, run: &Run, selection: &Selection) -> Result<Vec<Head>> {
    let Some(table) = snapshot.schema.table("traces") else { return Ok(Vec::new()) };
    let (condition, key) = rows_of(snapshot, table, run);
    let has_text = table.has("search_text");
    let pattern = selection.search.as_ref().map(Needle::pattern);
    let mut conditions = condition.to_owned();
    let mut parameters: Vec<&dyn ToSql> = vec![&key];
    if let Some(step) = &selection.step {
        parameters.push(step);
        conditions.push_str(&format!(" AND step = ?{}", parameters.len()));
    }
    if let (Some(pattern), true) = (&pattern, has_text) {
        parameters.push(pattern);
        let number = parameters.len();
        conditions.push_str(&format!(
            " AND (search_text IS NULL OR search_text LIKE ?{number} ESCAPE '\\')"
        ));
    }
    let text = if has_text { "search_text IS NOT NULL" } else { "0" };
    let sql = format!(
        "SELECT id, key, trace_index, run_name, {}, step, timestamp, {text} FROM {}
         WHERE {conditions}",
        table.key.column(),
        table.source
    );
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let mut rows = statement.query(parameters.as_slice())?;
    let mut heads = Vec::new();
    while let Some(row) = rows.next()? {
        heads.push((head_of(row)?, row.get::<_, bool>(7)?));
    }
    // Rows that wait in the inbox have no text for the search yet.
    let is_found = |(head, is_searched): (Head, bool)| match &selection.search {
        Some(needle) if !is_searched => {
            let found = read(snapshot, &head, |payload| Some(needle.is_in(&head, payload)));
            match found {
                Ok(found) => (found == Some(true)).then_some(Ok(head)),
                Err(error) => Some(Err(error)),
            }
        }
        _ => Some(Ok(head)),
    };
    heads.into_iter().filter_map(is_found).collect()
}

fn head_of(row: &Row<'_>) -> rusqlite::Result<Head> {
    let text = |column| Ok::<_, rusqlite::Error>(value::text(row.get_ref(column)?));
    Ok(Head {
        id: text(0)?.unwrap_or_default(),
        key: text(1)?.unwrap_or_default(),
        index: row.get_ref(2)?.as_i64_or_null().unwrap_or_default(),
        run: text(3)?.unwrap_or_default(),
        run_id: text(4)?.unwrap_or_default(),
        step: Step::of(row.get_ref(5)?),
        timestamp: text(6)?.unwrap_or_default(),
        place: Place::Table,
    })
}

fn read_table<T>(
    snapshot: &Snapshot<'_>,
    table: &Table,
    head: &Head,
    work: impl FnOnce(Payload<'_>) -> Option<T>,
) -> Result<Option<T>> {
    let spans = if table.has("spans") { "spans" } else { "NULL" };
    let sql =
        format!("SELECT messages, metadata, {spans} FROM {} WHERE id = ?1 LIMIT 1", table.source);
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let mut rows = statement.query([&head.id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let column = |column| Ok::<_, rusqlite::Error>(value::bytes(row.get_ref(column)?));
    let (messages, metadata, spans) = (column(0)?, column(1)?, column(2)?);
    let payload = || {
        Some(Payload {
            messages: raw(messages.unwrap_or(b"[]"))?,
            metadata: raw(metadata.unwrap_or(b"{}"))?,
            spans: raw(spans.unwrap_or(b"[]"))?,
        })
    };
    Ok(payload().and_then(work))
}

fn raw(json: &[u8]) -> Option<&RawValue> {
    serde_json::from_slice(json).ok()
}

/// The traces that 0.25 kept among the metrics.
fn of_metrics(snapshot: &Snapshot<'_>, run: &Run, selection: &Selection) -> Result<Vec<Head>> {
    let Some(table) = snapshot.schema.table("metrics").filter(|table| table.has("id")) else {
        return Ok(Vec::new());
    };
    let (condition, key) = rows_of(snapshot, table, run);
    let sql = format!(
        "SELECT id, timestamp, step, metrics FROM {}
         WHERE {condition} AND instr(metrics, CAST('{TYPE}' AS BLOB))",
        table.source
    );
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let mut rows = statement.query([key])?;
    let mut heads = Vec::new();
    while let Some(row) = rows.next()? {
        let step = Step::of(row.get_ref(2)?);
        if selection.step.is_some_and(|wanted| step.map(Step::as_f64) != Some(wanted)) {
            continue;
        }
        let timestamp = value::text(row.get_ref(1)?).unwrap_or_default();
        let place = Place::Metrics { row: row.get(0)? };
        let json = value::bytes(row.get_ref(3)?).unwrap_or_default();
        for (key, index, payload) in traces_among(json) {
            let mut id =
                format!("{}:{}:{key}", run.id, step.map_or_else(String::new, |s| s.to_string()));
            if let Some(index) = index {
                id.push_str(&format!(":{index}"));
            }
            let (run, run_id) = (run.name.clone(), run.id.clone());
            let timestamp = timestamp.clone();
            let head = Head { id, key, index, run, run_id, step, timestamp, place };
            let is_found = |needle: &Needle| needle.is_in(&head, payload);
            if selection.search.as_ref().is_none_or(is_found) {
                heads.push(head);
            }
        }
    }
    Ok(heads)
}

fn read_metrics<T>(
    snapshot: &Snapshot<'_>,
    row: i64,
    head: &Head,
    work: impl FnOnce(Payload<'_>) -> Option<T>,
) -> Result<Option<T>> {
    let Some(table) = snapshot.schema.table("metrics") else { return Ok(None) };
    let sql = format!("SELECT metrics FROM {} WHERE id = ?1", table.source);
    let mut statement = snapshot.connection.prepare_cached(&sql)?;
    let found = statement.query_row([row], |row| {
        let json = value::bytes(row.get_ref(0)?).unwrap_or_default();
        let mut traces = traces_among(json).into_iter();
        let own = traces.find(|(key, index, _)| *key == head.key && *index == head.index);
        Ok(own.and_then(|(_, _, payload)| work(payload)))
    });
    Ok(found.optional().map_err(Error::from)?.flatten())
}

/// The traces in a row of metrics: their keys, their places in a list, their JSON.
fn traces_among(json: &[u8]) -> Vec<(String, Option<i64>, Payload<'_>)> {
    let mut found = Vec::new();
    let fields = serde_json::from_slice::<Fields<'_>>(json).map_or_else(|_| Vec::new(), |f| f.0);
    for (key, raw) in fields {
        found.extend(within(raw).into_iter().map(|(index, trace)| (key.clone(), index, trace)));
    }
    found
}

/// The trace that a value is, or the traces in the list that it is, with their places.
pub(super) fn within(raw: &RawValue) -> Vec<(Option<i64>, Payload<'_>)> {
    if !raw.get().contains(TYPE) {
        return Vec::new();
    }
    if let Some(payload) = trace(raw) {
        return vec![(None, payload)];
    }
    let mut found = Vec::new();
    let mut index = 0;
    let _ = each(raw, |item| {
        found.extend(trace(item).map(|payload| (Some(index), payload)));
        index += 1;
    });
    found
}

/// What else is in a list of traces, as a list; `None` where there is nothing else.
pub(super) fn others_of(list: &RawValue) -> Option<Box<RawValue>> {
    let mut others = Vec::new();
    each(list, |item| others.extend(trace(item).is_none().then_some(item)))?;
    (!others.is_empty()).then(|| serde_json::value::to_raw_value(&others).ok()).flatten()
}

fn trace(raw: &RawValue) -> Option<Payload<'_>> {
    #[derive(Deserialize)]
    struct Logged<'a> {
        _type: &'a str,
        #[serde(borrow)]
        messages: Option<&'a RawValue>,
        #[serde(borrow)]
        metadata: Option<&'a RawValue>,
        #[serde(borrow)]
        spans: Option<&'a RawValue>,
    }
    let logged: Logged<'_> = serde_json::from_str(raw.get()).ok()?;
    let or = |own: Option<_>, empty: &'static str| match own {
        Some(own) => Some(own),
        None => serde_json::from_str(empty).ok(),
    };
    (logged._type == TYPE).then_some(())?;
    Some(Payload {
        messages: or(logged.messages, "[]")?,
        metadata: or(logged.metadata, "{}")?,
        spans: or(logged.spans, "[]")?,
    })
}

/// Calls `take` with each item of a JSON list, unread; `None` where it is no list.
pub fn each<'a>(list: &'a RawValue, take: impl FnMut(&'a RawValue)) -> Option<()> {
    struct Items<F>(F);
    impl<'de, F: FnMut(&'de RawValue)> serde::de::Visitor<'de> for Items<F> {
        type Value = ();

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("a list")
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(
            mut self,
            mut list: A,
        ) -> std::result::Result<(), A::Error> {
            while let Some(item) = list.next_element()? {
                (self.0)(item);
            }
            Ok(())
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(list.get());
    serde::Deserializer::deserialize_seq(&mut deserializer, Items(take)).ok()
}
