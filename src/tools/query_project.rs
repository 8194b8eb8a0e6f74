//! `query_project`: SQL where no other tool fits.

use std::time::{Duration, Instant};

use rmcp::schemars;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::common::budget::BYTES_A_TOKEN;
use super::common::shape::counted;
use super::common::{Answer, Context, Failure, Output, resolve, text};
use super::{Category, Tool};
use crate::trackio::query::{self, Column, Cut, Limits, QueryError, QueryResult};
use crate::trackio::value::Metrics as Row;

pub struct QueryProject;

const DEADLINE: Duration = Duration::from_secs(5);
/// Trackio's own limit.
const MOST_ROWS: usize = 10_000;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    project: String,
    /// One SELECT; default: tables and examples.
    sql: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct Query {
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<std::collections::BTreeMap<String, Value>>>")]
    rows: Option<Vec<Row>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row_count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tables: Option<Vec<Table>>,
    /// Tables without a row, by name alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    empty_tables: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    views: Option<Vec<Table>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    examples: Option<Vec<String>>,
    #[serde(skip)]
    page: Option<super::common::PageRequest>,
}

/// What can be selected from.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Table {
    name: String,
    columns: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<String>,
}

impl Tool for QueryProject {
    const NAME: &'static str = "query_project";
    const TITLE: &'static str = "Query with SQL";
    const CATEGORY: Category = Category::Query;
    const ABOUT: &'static str = "Read-only SQLite SQL on one project, for what no other tool \
        answers. Without sql: tables, views and examples. Views metrics_text, configs_text, \
        system_metrics_text hold JSON as text: json_extract(metrics, '$.\"train/loss\"').";
    const GUIDE: &'static str = "SELECT, WITH (recursive too), VALUES, EXPLAIN and pragmas that \
        only tell of the schema. It stops after 5 seconds. Rows page with `cursor`; blobs are \
        shown as text where they are UTF-8, else as hex.";
    const PAGED: bool = true;
    type Args = Args;
    type Output = Query;

    fn deadline(_: &Map<String, Value>, read: Duration) -> Duration {
        DEADLINE.min(read)
    }

    fn run(context: &Context, args: Args) -> Result<Answer<Query>, Failure> {
        let project = resolve::project(context, &args.project)?;
        let Some(sql) = &args.sql else {
            let description = context.read(&project, query::describe)?;
            return Ok(Answer::new(Query::describing(args.project, description)));
        };
        let limits = Limits {
            skip: context.page.offset,
            max_rows: context.page.limit.unwrap_or(MOST_ROWS).min(MOST_ROWS),
            max_bytes: context.tokens * BYTES_A_TOKEN,
        };
        let stop = context.stop.with_deadline(Instant::now() + DEADLINE);
        let result = query::answer(&project, sql, limits, &stop).map_err(failure)?;
        let mut notes = notes(&result);
        if project.has_inbox() {
            notes.push(
                "Rows of this project wait in Trackio's inbox: the views (metrics_text, ...) \
                 hold them, the tables do not."
                    .to_owned(),
            );
        }
        let output = Query::answering(args.project, result, context);
        Ok(Answer::new(output).with_notes(notes))
    }
}

fn failure(error: QueryError) -> Failure {
    match error {
        QueryError::Database(error) => error.into(),
        error => Failure::sentence(&error.to_string()),
    }
}

fn notes(result: &QueryResult) -> Vec<String> {
    let mut notes = Vec::new();
    if result.more {
        let why = match result.cut {
            Some(Cut::Bytes) => "the answer is full",
            Some(Cut::Rows) | None => "the limit of rows is reached",
        };
        notes.push(format!("More rows follow ({why}): go on with next_cursor."));
    }
    if result.shortened {
        notes.push("Long texts of this row were shortened.".to_owned());
    }
    notes
}

impl Query {
    fn describing(project: String, description: query::Description) -> Self {
        let columns = |columns: &[Column]| {
            let column = |column: &Column| format!("{} {}", column.name, column.kind);
            columns.iter().map(column).map(|c| c.trim().to_owned()).collect::<Vec<_>>().join(", ")
        };
        let (empty, filled): (Vec<_>, Vec<_>) =
            description.tables.iter().partition(|table| table.rows == Some(0));
        let tables = filled.iter().map(|table| Table {
            name: table.name.clone(),
            columns: columns(&table.columns),
            rows: table.rows,
            about: None,
        });
        let views = description.views.iter().map(|view| Table {
            name: view.name.clone(),
            columns: columns(&view.columns),
            rows: None,
            about: Some(view.about.clone()),
        });
        Self {
            tables: Some(tables.collect()),
            empty_tables: (!empty.is_empty())
                .then(|| empty.iter().map(|table| table.name.clone()).collect()),
            views: Some(views.collect()),
            examples: Some(description.examples),
            ..Self::empty(project)
        }
    }

    fn answering(project: String, result: QueryResult, context: &Context) -> Self {
        let next = context.page.offset + result.rows.len();
        Self {
            query: Some(result.query),
            columns: Some(result.columns),
            row_count: Some(result.row_count),
            total: result.total,
            next_cursor: result.more.then(|| context.page.cursor_at(next)),
            rows: Some(result.rows),
            page: Some(context.page.clone()),
            ..Self::empty(project)
        }
    }

    fn empty(project: String) -> Self {
        Self {
            project,
            query: None,
            columns: None,
            rows: None,
            row_count: None,
            total: None,
            next_cursor: None,
            tables: None,
            empty_tables: None,
            views: None,
            examples: None,
            page: None,
        }
    }
}

impl Output for Query {
    fn headline(&self) -> String {
        let project = text::brief_name(&self.project);
        match self.row_count {
            Some(rows) => format!("{} from project {project}.", counted(rows, "row")),
            None => format!("What can be queried in project {project}."),
        }
    }

    fn shrink(&mut self, share: f64) -> bool {
        if let (Some(rows), Some(page)) = (&mut self.rows, &self.page) {
            let keeps = ((rows.len() as f64 * share) as usize).max(1);
            let shrinks = rows.len() > keeps;
            rows.truncate(keeps);
            self.row_count = Some(rows.len());
            if shrinks {
                self.next_cursor = Some(page.cursor_at(page.offset + rows.len()));
            }
            return shrinks;
        }
        // The views say most; what is behind them can be asked of sqlite_master.
        let tables = self.tables.as_mut().filter(|tables| !tables.is_empty());
        tables.and_then(Vec::pop).is_some()
    }
}
