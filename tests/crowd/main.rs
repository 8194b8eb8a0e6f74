//! A project far larger than an answer: every tool's answers stay within their budget and hold to
//! their schema, pages bring everything exactly once, statistics see every row.
//!
//! With MCP_TRACKIO_CROWD=large (the stage `budgets` of `.ci/run`) the same is asked of 2,000 runs
//! and 1,000,000 rows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod data;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;

use data::{
    FILES, HIGHEST, LONG, LOWEST, NANS, NEIGHBOURS, PICTURES, PROJECT, SHORT_ROWS, SYSTEM_ROWS,
    Size, TABLE_ROWS,
};
use serde_json::{Value, json};
use support::{Session, ToolAnswer};

/// Lists of so many items are paged through in wide pages.
const LONG_LIST: usize = 1_000;
/// More items than that fit hardly any page, and to make them in vain takes long.
const WIDE_PAGE: usize = 250;
/// The tokens that an answer may take at most.
const MOST_TOKENS: usize = 8_000;

/// What is asked of a tool; `None` for a tool that has no line here, which fails the test.
fn questions(tool: &str, size: Size) -> Option<Vec<Value>> {
    let project = |also: Value| with(json!({"project": PROJECT}), &also);
    let each_run = |also: &[Value]| -> Vec<Value> {
        let runs = size.special();
        runs.iter()
            .flat_map(|run| also.iter().map(move |also| project(with(json!({"run": run}), also))))
            .collect()
    };
    let [wide, long, _, odd, named, _] = size.special();
    Some(match tool {
        "get_all_projects" => vec![json!({}), json!({"pattern": "*"})],
        "get_project_summary" => vec![json!({}), project(json!({}))],
        "get_runs_for_project" => {
            [json!({}), json!({"detail": "full"}), json!({"order_by": "-last_step"})]
                .map(project)
                .to_vec()
        }
        "get_run_summary" => [vec![json!({})], each_run(&[json!({})])].concat(),
        "get_metrics_for_run" | "get_system_metrics_for_run" => each_run(&[json!({})]),
        "get_metric_values" => {
            let of =
                |run: &str, metric: &str| json!({"project": PROJECT, "run": run, "metric": metric});
            let mut all = vec![
                of(&wide, &data::wide_metric(7)),
                of(&named, &format!("{}7", "m".repeat(size.name))),
                of(&odd, "text"),
                of(&odd, "table"),
                with(of(&long, "loss"), &json!({"from_step": 10, "to_step": 2_900})),
                with(of(&long, "loss"), &json!({"around_step": LOWEST, "window": 500})),
            ];
            for format in ["columns", "records"] {
                all.push(with(of(&long, "loss"), &json!({"format": format})));
            }
            all
        }
        "get_snapshot" => each_run(&[json!({}), json!({"step": 2})]),
        "get_logs" | "get_system_logs" => each_run(&[json!({}), json!({"format": "records"})]),
        "get_traces" => [
            each_run(&[json!({})]),
            vec![
                project(json!({"run": "short", "search": "why"})),
                project(json!({"run": named, "trace": data::HUGE_TRACE})),
            ],
        ]
        .concat(),
        "get_alerts" => [vec![project(json!({}))], each_run(&[json!({})])].concat(),
        "diagnose_run" => [vec![project(json!({}))], each_run(&[json!({})])].concat(),
        "get_updates" => vec![json!({}), project(json!({}))],
        "find_artifacts" => vec![
            json!({}),
            project(json!({})),
            project(json!({"pattern": "model-0000"})),
            project(json!({"alias": "step-7"})),
            project(json!({"run": long})),
        ],
        "get_artifact" => {
            let newest = format!("v{}", size.versions - 1);
            ["v0", &newest]
                .map(|version| project(json!({"name": "model-0000", "version": version})))
                .to_vec()
        }
        "query_project" => [
            json!({}),
            json!({"sql": "SELECT * FROM metrics"}),
            json!({"sql": "SELECT config FROM configs WHERE octet_length(config) < 1000000 ORDER BY octet_length(config) DESC"}),
            json!({"sql": "SELECT run_name FROM runs ORDER BY length(run_name) DESC"}),
        ]
        .map(project)
        .to_vec(),
        "get_media" => {
            let pictures = |also: Value| with(json!({"project": PICTURES}), &also);
            [
                each_run(&[json!({})]),
                vec![
                    project(json!({"run": odd, "metric": "table"})),
                    pictures(json!({})),
                    pictures(json!({"metric": "sample"})),
                    pictures(json!({"metric": "table"})),
                    pictures(json!({"type": "image"})),
                    pictures(json!({"type": "file"})),
                    pictures(json!({"step": 17})),
                ],
            ]
            .concat()
        }
        "get_guide" => vec![json!({}), json!({"topic": "curves"}), json!({"topic": "metrics"})],
        "find_runs" => vec![json!({"query": "small run"}), project(json!({"query": "lr"}))],
        "compare_runs" => vec![
            project(json!({})),
            project(json!({"runs": [wide, odd, named]})),
            project(json!({"runs": [long, size.special()[2]], "align": "fraction"})),
        ],
        "plot_metrics" => vec![
            json!({}),
            project(json!({"runs": [wide, odd, named], "smoothing": 0.9})),
            project(json!({"runs": [long, named], "x": "time", "log_y": true})),
        ],
        "analyze_sweep" => vec![project(json!({})), project(json!({"config": {"lr": 0.5}}))],
        "get_settings" => vec![json!({})],
        _ => return None,
    })
}

/// A list to be paged through: its arguments, where its items are, what tells one item from
/// another, and how many there must be.
type Paged = (Value, &'static str, fn(&Value) -> Value, usize);

/// The lists of a tool that pages; `None` for one that has no line here, which fails the
/// test too.
fn lists(tool: &str, size: Size) -> Option<Vec<Paged>> {
    let project = |also: Value| with(json!({"project": PROJECT}), &also);
    let [wide, long, short, ..] = size.special();
    let every = |also: Value| {
        project(with(json!({"run": short, "format": "records", "max_points": 0}), &also))
    };
    let whole: fn(&Value) -> Value = Value::clone;
    let by_id: fn(&Value) -> Value = |run| run["id"].clone();
    let by_title: fn(&Value) -> Value = |alert| alert["title"].clone();
    let by_step: fn(&Value) -> Value = |row| row["step"].clone();
    let by_run: fn(&Value) -> Value = |run| run["run_id"].clone();
    Some(match tool {
        "get_all_projects" => vec![(json!({}), "projects", whole, NEIGHBOURS + 2)],
        "get_project_summary" => vec![(project(json!({})), "runs", by_id, size.runs)],
        "get_runs_for_project" => vec![
            (project(json!({})), "runs", by_id, size.runs),
            (project(json!({"limit": 30})), "runs", by_id, size.runs),
        ],
        "find_runs" => vec![(project(json!({"query": "small"})), "runs", by_id, size.runs - 6)],
        "get_metrics_for_run" => {
            vec![(project(json!({"run": wide})), "metrics", whole, size.metrics)]
        }
        "get_system_metrics_for_run" => {
            vec![(project(json!({"run": short, "limit": 7})), "metrics", whole, 32)]
        }
        "get_metric_values" => vec![
            (every(json!({"metric": "loss"})), "values", by_step, SHORT_ROWS),
            (
                project(
                    json!({"run": long, "metric": "accuracy", "max_points": 0, "limit": 10_000}),
                ),
                "columns/step",
                whole,
                size.rows,
            ),
        ],
        "get_snapshot" => {
            vec![(project(json!({"run": wide, "step": 3})), "snapshot", whole, size.metrics)]
        }
        "get_logs" => vec![
            (every(json!({})), "logs", by_step, SHORT_ROWS),
            (
                every(json!({"format": "columns", "limit": 300})),
                "rows",
                |row| row[0].clone(),
                SHORT_ROWS,
            ),
            (project(json!({"run": wide})), "columns", whole, size.metrics),
        ],
        "get_system_logs" => vec![
            (every(json!({})), "logs", |row| row["timestamp"].clone(), SYSTEM_ROWS),
            (project(json!({"run": short})), "columns", whole, 32),
        ],
        "compare_runs" => vec![(
            project(json!({"runs": [wide, long]})),
            "winner_by_metric",
            |winner| winner["metric"].clone(),
            usize::MAX,
        )],
        "analyze_sweep" => vec![(
            project(json!({"pattern": "small*", "limit": 1})),
            "effects",
            |effect| effect["key"].clone(),
            2,
        )],
        // Its cursor is not a page's: it stands for a moment.
        "get_updates" => Vec::new(),
        "get_traces" => {
            vec![(project(json!({"run": short})), "traces", by_id, size.traces)]
        }
        "get_alerts" => vec![(project(json!({})), "alerts", by_title, size.alerts)],
        "diagnose_run" => vec![(project(json!({})), "runs", by_run, size.runs)],
        "find_artifacts" => {
            let by_name: fn(&Value) -> Value = |artifact| artifact["name"].clone();
            vec![
                (project(json!({})), "artifacts", by_name, size.artifacts),
                (project(json!({"run": long, "limit": 30})), "artifacts", by_name, size.artifacts),
            ]
        }
        "get_artifact" => {
            let newest = format!("v{}", size.versions - 1);
            let asked = project(json!({"name": "model-0000", "version": newest}));
            vec![(asked, "manifest", |file| file["path"].clone(), data::MANIFEST_FILES)]
        }
        "get_media" => {
            let pictures = |also: Value| with(json!({"project": PICTURES}), &also);
            vec![
                (pictures(json!({"metric": "sample"})), "media", by_step, size.images),
                (
                    pictures(json!({"metric": "table"})),
                    "rows",
                    |row| row["row"].clone(),
                    TABLE_ROWS,
                ),
                (pictures(json!({"type": "file"})), "files", |file| file["name"].clone(), FILES),
            ]
        }
        "query_project" => vec![(
            project(json!({"sql": "SELECT id AS title FROM alerts", "limit": size.alerts / 3})),
            "rows",
            by_title,
            size.alerts,
        )],
        _ => return None,
    })
}

#[test]
fn every_answer_keeps_its_budget() {
    for_each_tool(|session, tool, wrong| {
        let name = tool["name"].as_str().unwrap();
        match questions(name, Size::wanted()) {
            Some(questions) => {
                for question in questions {
                    keeps_its_budget(session, tool, &question, wrong);
                }
            }
            None => wrong.push(format!("{name} is not asked anything: add it to `questions`")),
        }
    });
}

#[test]
fn every_list_comes_whole_in_pages() {
    for_each_tool(|session, tool, wrong| {
        // The cursor of get_updates is of another kind: it begins no page.
        if tool["inputSchema"]["properties"].get("limit").is_none() {
            return;
        }
        let name = tool["name"].as_str().unwrap();
        match lists(name, Size::wanted()) {
            Some(lists) => {
                for list in lists {
                    brings_everything_once(session, name, &list, wrong);
                }
            }
            None => wrong.push(format!("{name} is not paged through: add it to `lists`")),
        }
    });
}

/// Checks each tool over the crowd; fails with all that was wrong.
fn for_each_tool(check: impl Fn(&mut Session, &Value, &mut Vec<String>)) {
    let crowd = data::crowd();
    let mut session = Session::start(&crowd.dir);
    let mut wrong = Vec::new();
    for tool in session.tools() {
        check(&mut session, &tool, &mut wrong);
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn statistics_see_every_row() {
    let size = Size::wanted();
    let crowd = data::crowd();
    let answer = Session::start(&crowd.dir)
        .call("get_metric_values", json!({"project": PROJECT, "run": LONG, "metric": "loss"}))
        .ok()
        .structured;
    let (stats, rows) = (&answer["stats"], size.rows as i64);
    let nans = NANS.count() as i64;
    assert_eq!(stats["count"], json!(rows), "{stats}");
    assert_eq!(stats["non_finite"], json!(nans), "{stats}");
    let last = (1e4 * (1.0 + 1.0 / rows as f64)).round() / 1e4;
    for (which, step, value) in [
        ("first", 0, 2.0),
        ("last", rows - 1, last),
        ("min", LOWEST, -50.0),
        ("max", HIGHEST, 1e6),
        ("best", LOWEST, -50.0),
    ] {
        assert_eq!(stats[which], json!({"step": step, "value": value}), "{which}");
    }
    assert_eq!(answer["non_finite"]["count"], json!(nans), "{}", answer["non_finite"]);
    assert_eq!(answer["non_finite"]["ranges"], json!([[NANS.start(), NANS.end(), "NaN"]]));
    assert!((rows - nans..=rows).contains(&answer["coverage"]["rows"].as_i64().unwrap()));
    let steps = answer["columns"]["step"].as_array().expect("steps");
    assert_eq!(answer["coverage"]["shown"], json!(steps.len()));
    assert!((50..=100).contains(&steps.len()), "{} rows shown", steps.len());
    assert_eq!((steps.first(), steps.last()), (Some(&json!(0)), Some(&json!(rows - 1))));
    assert_eq!(answer["columns"]["value"].as_array().map(Vec::len), Some(steps.len()));
}

/// Asks a question as it is, and with all that can make an answer larger.
fn keeps_its_budget(
    session: &mut Session,
    tool: &Value,
    question: &Value,
    wrong: &mut Vec<String>,
) {
    const DEFAULT: usize = 8_000;
    const MOST: usize = 4 * MOST_TOKENS;
    let name = tool["name"].as_str().unwrap();
    let schema = tool.get("outputSchema").map(|schema| jsonschema::validator_for(schema).unwrap());
    let takes = |argument: &str| tool["inputSchema"]["properties"].get(argument).is_some();
    let larger = [
        ("max_tokens", MOST_TOKENS),
        ("limit", 100_000),
        ("max_points", 100_000),
        ("max_points", 0),
    ];
    let larger = larger.into_iter().filter(|(argument, _)| takes(argument));
    let larger =
        larger.map(|(argument, value)| (with(question.clone(), &json!({argument: value})), MOST));
    for (arguments, most) in [(question.clone(), DEFAULT)].into_iter().chain(larger) {
        let answer = session.call(name, arguments.clone());
        let mut complain =
            |what: String| wrong.push(format!("{name} {}: {what}", brief(&arguments)));
        // A single row as Trackio has it may be larger than a default answer, or than any.
        let is_too_large =
            arguments["format"] == "records" && answer.text.contains("smallest answer");
        if answer.is_error && !is_too_large {
            complain(answer.text.clone());
        }
        let (structured, text) = (answer.structured.to_string().len(), answer.text.len());
        if structured > most || text > most {
            complain(format!("{structured} bytes structured, {text} of text, {most} allowed"));
        }
        if answer.text.contains(is_unsafe) {
            complain(format!("control characters in the text: {:?}", answer.text));
        }
        if answer.is_error {
            continue;
        }
        match &schema {
            Some(schema) => {
                if let Err(error) = schema.validate(&answer.structured) {
                    complain(format!(
                        "not as the schema says: {error} at {}",
                        error.instance_path()
                    ));
                }
            }
            None if !answer.structured.is_null() => complain("structured without a schema".into()),
            None => {}
        }
    }
}

fn is_unsafe(c: char) -> bool {
    (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Pages through a list: every item once, under one total.
fn brings_everything_once(
    session: &mut Session,
    tool: &str,
    list: &Paged,
    wrong: &mut Vec<String>,
) {
    let (arguments, member, key, expected) = list;
    // As few pages as may be, where there are many items; not one for all.
    let is_long = (LONG_LIST..usize::MAX).contains(expected);
    let wide = json!({"limit": WIDE_PAGE, "max_tokens": MOST_TOKENS});
    let arguments = &if is_long { with(wide, arguments) } else { arguments.clone() };
    let pages = session.pages(tool, arguments);
    let mut seen = BTreeSet::new();
    let mut count = 0;
    for page in &pages {
        if page.is_error {
            wrong.push(format!("{tool} {arguments}: {}", page.text));
            return;
        }
        for item in items(page, member) {
            seen.insert(key(&item).to_string());
            count += 1;
        }
    }
    let expected = match *expected {
        usize::MAX => pages[0].facts()["total"].as_u64().unwrap() as usize,
        expected => expected,
    };
    let totals: BTreeSet<Option<u64>> =
        pages.iter().map(|page| page.facts()["total"].as_u64()).collect();
    if totals.iter().any(|total| total.is_some_and(|total| total != expected as u64)) {
        wrong.push(format!("{tool} {arguments}: totals {totals:?}, expected {expected}"));
    }
    if (count, seen.len()) != (expected, expected) || pages.len() < 2 {
        wrong.push(format!(
            "{tool} {arguments}: {count} {member}, {} different, on {} pages; expected {expected}",
            seen.len(),
            pages.len()
        ));
    }
}

/// The items of a page. The first of `columns` stands for the rows; an object counts its keys.
fn items(page: &ToolAnswer, member: &str) -> Vec<Value> {
    let facts = page.facts();
    match facts.pointer(&format!("/{member}")) {
        Some(Value::Array(columns)) if member == "columns" => columns[1..].to_vec(),
        Some(Value::Array(items)) => items.clone(),
        Some(Value::Object(fields)) => fields.keys().map(|key| json!(key)).collect(),
        _ => panic!("no {member} in {}", page.text),
    }
}

/// One object with the fields of another.
fn with(mut object: Value, also: &Value) -> Value {
    let fields = also.as_object().unwrap().clone();
    object.as_object_mut().unwrap().extend(fields);
    object
}

fn brief(arguments: &Value) -> String {
    arguments.to_string().chars().take(200).collect()
}
