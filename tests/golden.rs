//! The answers of Trackio 0.43.0 about every fixture, as `tests/golden/record.py`
//! recorded them, against the answers of this server, over stdio.
//!
//! [`judge`] is the table of what is compared, and of what is left out and why.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Map, Value, json};
use support::{Fixture, Session, gunzip, tests_file};

/// One recorded call.
struct Recorded {
    function: String,
    arguments: Value,
    /// `None` where Trackio raised.
    result: Option<Value>,
}

/// What is to be done about a recorded call.
enum Verdict {
    /// Ask this tool and compare.
    Compare(&'static str, Value, Check),
    /// Trackio answers emptily about what does not exist; the server has to fail.
    Missing(&'static str, Value),
    /// Not compared, for this reason.
    LeftOut(&'static str),
}

/// How an answer is compared with Trackio's.
enum Check {
    /// These members of every page, put together, against Trackio's list; in its order.
    List(&'static str),
    /// Trackio's alerts in its order, each with `run_id` besides.
    Alerts,
    /// Trackio's traces in its order: each in outline, and each in full by its id.
    Traces,
    /// Trackio's `total` and `steps`, each with more besides.
    TraceSteps,
    /// The same, in any order.
    Names(&'static str),
    /// These members of every page, put together, against Trackio's object.
    Object(&'static str),
    /// Trackio's files, whose paths begin with its directory.
    Files,
    /// Trackio's runs are all there; more are only those that logged no metric.
    Runs,
    /// As `Runs`, and Trackio's `last_activity` is `max_step`.
    ProjectSummary,
    /// Trackio's list of artifacts against ours: every field of theirs; by name where they are.
    Artifacts,
    /// Every field of Trackio's object against ours of the same name; lists are put together.
    Shared,
    /// Trackio's object or list against this member, every field of theirs.
    Within(&'static str),
    /// The named members of the answer against Trackio's of the same name.
    Members(&'static [&'static str]),
}

/// What the recordings of one fixture tell about its runs and projects.
struct Facts {
    projects: BTreeSet<String>,
    /// Whether an inbox waited, which Trackio then imported.
    inbox: bool,
    /// Per project: the ids that Trackio lists.
    listed: BTreeMap<String, BTreeSet<String>>,
    /// Per project: the name and id of every run that any table knows.
    identities: BTreeMap<String, Vec<(String, String)>>,
    /// Per project and version id: the artifact's name and the version's number.
    versions: BTreeMap<(String, i64), (String, i64)>,
}

impl Facts {
    fn of(lines: &[Recorded]) -> Self {
        let mut facts = Self {
            projects: BTreeSet::new(),
            inbox: false,
            listed: BTreeMap::new(),
            identities: BTreeMap::new(),
            versions: BTreeMap::new(),
        };
        for line in lines {
            let Some(result) = &line.result else { continue };
            facts.inbox |= result.to_string().contains("$IMPORT_TIME");
            let project = line.arguments["project"].as_str().unwrap_or_default().to_owned();
            let items = result.as_array().into_iter().flatten();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            match line.function.as_str() {
                "server.get_all_projects" => facts.projects = names(result).collect(),
                "server.get_runs_for_project" => {
                    facts.listed.insert(project, items.map(|run| text(&run["id"])).collect());
                }
                "server.list_artifacts" => {
                    for artifact in items {
                        for version in artifact["versions"].as_array().unwrap() {
                            let key = (project.clone(), version["version_id"].as_i64().unwrap());
                            let number = version["version"].as_i64().unwrap();
                            facts.versions.insert(key, (text(&artifact["name"]), number));
                        }
                    }
                }
                "identities" => {
                    facts
                        .identities
                        .insert(project, items.map(|run| (text(&run[0]), text(&run[1]))).collect());
                }
                _ => {}
            }
        }
        facts
    }

    /// How many runs of this name there are, in whatever table.
    fn namesakes(&self, project: &str, name: &str) -> usize {
        let runs = self.identities.get(project).into_iter().flatten();
        runs.filter(|(run, _)| run == name).count()
    }

    /// Whether `metrics` knows runs by name while a newer table gives this id to one of them.
    fn newer_id_of_a_named_run(&self, project: &str, id: &str) -> bool {
        let listed = |id: &str| self.listed.get(project).is_some_and(|ids| ids.contains(id));
        let runs = self.identities.get(project).into_iter().flatten();
        !listed(id) && runs.filter(|(_, run)| run == id).any(|(name, _)| listed(name))
    }
}

fn names(list: &Value) -> impl Iterator<Item = String> + '_ {
    list.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned))
}

/// Which tool is asked, and with what Trackio's answer is compared.
fn judge(line: &Recorded, facts: &Facts) -> Verdict {
    use Verdict::{Compare, LeftOut, Missing};
    let (arguments, function) = (&line.arguments, line.function.as_str());
    let project = arguments["project"].as_str().unwrap_or_default();
    let run = arguments.get("run").and_then(Value::as_str);
    let mut asked = arguments.clone();
    if asked.get("run").is_some_and(Value::is_null) {
        asked.as_object_mut().unwrap().remove("run");
    }
    if function == "server.query_project" {
        let query = arguments["query"].as_str().unwrap();
        if !facts.projects.contains(project) {
            return Missing("query_project", asked);
        }
        return match (&line.result, query.trim()) {
            (Some(_), query)
                if facts.inbox && query.contains("FROM metrics") && !query.contains("LIMIT") =>
            {
                LeftOut("SQL sees the database, not what waits in the inbox")
            }
            (None, "") => LeftOut("no query asks for the schema here; Trackio refuses it"),
            (None, query) if query.starts_with("WITH RECURSIVE") => {
                LeftOut("recursive queries work here")
            }
            (None, query) if query.starts_with("EXPLAIN") => LeftOut("EXPLAIN works here"),
            (None, query) if query.starts_with("--") => {
                LeftOut("leading comments are allowed here")
            }
            (None, _) => Missing("query_project", asked),
            (Some(_), query) if query.contains(" AS a, 2 AS a") => {
                LeftOut("two columns of one name are told apart here")
            }
            (Some(_), _) => Compare(
                "query_project",
                asked,
                Check::Members(&["project", "query", "columns", "rows", "row_count"]),
            ),
        };
    }
    if function == "identities" {
        return LeftOut("no answer of Trackio's");
    }
    if function == "server.get_artifact_manifest" && !["dangling", "dir", "zero"].contains(&project)
    {
        // Trackio raises where the tables are missing, and answers null where the version is.
        let asked = artifact(&[("project", project.into())], arguments);
        return match line.result.as_ref().filter(|result| !result.is_null()) {
            Some(_) => Compare("get_artifact", asked, Check::Shared),
            None => Missing("get_artifact", asked),
        };
    }
    let Some(result) = &line.result else {
        return LeftOut(
            "Trackio raises: one bad row or file spoils its whole answer; see bad_input.rs",
        );
    };
    if project == "dangling" || project == "dir" || project == "zero" {
        return LeftOut(
            "not a database; Trackio answers as if it were an empty project; see bad_input.rs",
        );
    }
    // A spelling of no project on the list has no runs for Trackio either.
    let unknown = !project.is_empty()
        && !facts.projects.contains(project)
        && facts.listed.get(project).is_none_or(BTreeSet::is_empty);
    let nope = |key: &str| arguments.get(key).is_some_and(|value| value == "nope");
    if let Some(registry) = arguments.get("registry").and_then(Value::as_str) {
        let asked = artifact(&[("project", format!("registry-{registry}").into())], arguments);
        return match function {
            "registry.get_registry" => Compare("find_artifacts", asked, Check::Within("registry")),
            "registry.get_events" => Compare("find_artifacts", asked, Check::Within("events")),
            "registry.list_collections" => Compare("find_artifacts", asked, Check::Artifacts),
            "registry.get_collection" if result.is_null() => Missing("get_artifact", asked),
            "registry.get_collection" => Compare("get_artifact", asked, Check::Shared),
            other => panic!("nothing is said about {other}"),
        };
    }
    if let Some(version) = arguments.get("version_id").and_then(Value::as_i64) {
        let (name, number) = &facts.versions[&(project.to_owned(), version)];
        let asked = json!({"project": project, "name": name, "version": format!("v{number}"),
            "max_tokens": 8_000});
        let member = if function.ends_with("consumers") { "consumers" } else { "lineage" };
        return Compare("get_artifact", asked, Check::Within(member));
    }
    let tool = match function {
        "server.get_artifacts" | "server.list_artifacts" if unknown => {
            return Missing("find_artifacts", asked);
        }
        "server.get_artifacts" | "server.list_artifacts" => {
            return Compare("find_artifacts", asked, Check::Artifacts);
        }
        "server.get_run_artifacts" => "find_artifacts",
        "server.get_all_projects" => {
            return Compare("get_all_projects", asked, Check::Names("projects"));
        }
        "server.get_runs_for_project" if unknown => return Missing("get_runs_for_project", asked),
        "server.get_project_summary" if unknown => return Missing("get_project_summary", asked),
        "server.get_runs_for_project" => {
            return Compare("get_runs_for_project", asked, Check::Runs);
        }
        "server.get_project_summary" => {
            return Compare("get_project_summary", asked, Check::ProjectSummary);
        }
        "server.get_project_files" => {
            asked["type"] = json!("file");
            return Compare("get_media", asked, Check::Files);
        }
        "server.get_run_summary" => "get_run_summary",
        "server.get_metrics_for_run" => "get_metrics_for_run",
        "server.get_metric_values" => "get_metric_values",
        "server.get_snapshot" => "get_snapshot",
        "server.get_logs" | "SQLiteStorage.get_logs" => "get_logs",
        "server.get_system_metrics_for_run" => "get_system_metrics_for_run",
        "server.get_system_logs" | "SQLiteStorage.get_system_logs" => "get_system_logs",
        "server.get_alerts" => "get_alerts",
        "server.get_traces" | "server.get_trace_steps" => "get_traces",
        other => panic!("nothing is said about {other}"),
    };
    if nope("run") || nope("metric_name") {
        return Missing(tool, asked);
    }
    if run == Some("") {
        return LeftOut(
            "an empty run is no run that was named; a run called so is known by its id",
        );
    }
    if arguments.get("metric_name").is_some_and(|name| name == "") {
        return LeftOut("an empty metric is none that was named; get_logs shows one called so");
    }
    if matches!(arguments["search"].as_str(), Some("%" | "_" | "\\")) {
        return LeftOut("letters like others here; any text for Trackio's search");
    }
    let aimed = ["step", "around_step", "at_time"].iter().any(|key| arguments.get(*key).is_some());
    let empty = result.as_array().is_some_and(Vec::is_empty)
        || result.as_object().is_some_and(Map::is_empty);
    if aimed && empty {
        return LeftOut("no row is there; the server may say which steps are");
    }
    if tool == "get_snapshot" && empty {
        return LeftOut("the run logged no metrics; the server says so");
    }
    if let Some(id) = arguments["run_id"].as_str()
        && facts.newer_id_of_a_named_run(project, id)
    {
        return LeftOut("an id that only the newer tables of a mixed schema know; one run here");
    }
    // Trackio looks a name up in every table by itself.
    if let Some(run) = run
        && matches!(
            tool,
            "get_system_metrics_for_run"
                | "get_system_logs"
                | "get_alerts"
                | "find_artifacts"
                | "get_traces"
        )
        && facts.namesakes(project, run) > 1
    {
        return LeftOut(
            "several runs of this name: one identity for all tools here; compared by id",
        );
    }
    let mut with = |key: &str, value: Value| asked[key] = value;
    match tool {
        "get_metric_values" | "get_logs" | "get_system_logs" => {
            with("format", json!("records"));
            if arguments.get("max_points").is_none() {
                with("max_points", json!(0));
            }
        }
        _ => {}
    }
    let check = match tool {
        // Trackio does not know the name of a run that logged no metrics.
        "get_run_summary" if result["num_logs"] == 0 => {
            Check::Members(&["project", "num_logs", "metrics", "config", "last_step"])
        }
        "get_run_summary" => {
            Check::Members(&["project", "run", "num_logs", "metrics", "config", "last_step"])
        }
        "get_metrics_for_run" | "get_system_metrics_for_run" => Check::Names("metrics"),
        "get_metric_values" => Check::List("values"),
        "get_snapshot" => Check::Object("snapshot"),
        "get_alerts" => Check::Alerts,
        "find_artifacts" => Check::Shared,
        "get_traces" if function == "server.get_trace_steps" => Check::TraceSteps,
        "get_traces" => Check::Traces,
        _ => Check::List("logs"),
    };
    Compare(tool, asked, check)
}

/// The question about an artifact, in this server's words.
fn artifact(fixed: &[(&str, Value)], arguments: &Value) -> Value {
    let mut asked = json!({"max_tokens": 8_000});
    for (ours, theirs) in [("name", "name"), ("version", "spec")] {
        if let Some(value) = arguments.get(theirs).filter(|value| !value.is_null()) {
            asked[ours] = value.clone();
        }
    }
    for (key, value) in fixed {
        asked[*key] = value.clone();
    }
    asked
}

/// Whether ours says all that Trackio says, and perhaps more.
fn covers(theirs: &Value, ours: &Value) -> bool {
    match (theirs, ours) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| covers(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.iter().all(|(key, a)| b.get(key).is_some_and(|b| covers(a, b)))
        }
        (a, b) => same(a, b),
    }
}

/// Whether ours says what Trackio says: numbers by value, objects in any order.
fn same(theirs: &Value, ours: &Value) -> bool {
    match (theirs, ours) {
        (Value::String(theirs), Value::String(ours)) if theirs == "$IMPORT_TIME" => {
            ours.starts_with("20")
        }
        (Value::Number(a), Value::Number(b)) => match (a.as_i128(), b.as_i128()) {
            (Some(a), Some(b)) => a == b,
            _ => a.as_f64() == b.as_f64(),
        },
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Ask, page to the end, and say what differs.
fn compare(
    session: &mut Session,
    tool: &str,
    asked: &Value,
    check: &Check,
    theirs: &Value,
) -> Result<(), String> {
    let pages = session.pages(tool, asked);
    if let Some(failed) = pages.iter().find(|page| page.is_error) {
        return Err(format!("failed: {}", failed.text));
    }
    let first = &pages[0].facts();
    let list = |member: &str| -> Result<Value, String> {
        let mut whole = Vec::new();
        for page in &pages {
            let facts = page.facts();
            let part = facts[member].as_array();
            whole.extend(
                part.ok_or_else(|| format!("no list `{member}`: {facts}"))?.iter().cloned(),
            );
        }
        Ok(Value::Array(whole))
    };
    let object = |member: &str| -> Result<Value, String> {
        let mut whole: Map<String, Value> = Map::new();
        for page in &pages {
            let facts = page.facts();
            let part = facts[member].as_object();
            for (key, value) in part.ok_or_else(|| format!("no object `{member}`: {facts}"))? {
                match (whole.get_mut(key).and_then(Value::as_array_mut), value.as_array()) {
                    (Some(rows), Some(more)) => rows.extend(more.iter().cloned()),
                    _ => drop(whole.insert(key.clone(), value.clone())),
                }
            }
        }
        Ok(Value::Object(whole))
    };
    let equal = |what: &str, theirs: &Value, ours: &Value| {
        if same(theirs, ours) {
            Ok(())
        } else {
            Err(format!("{what}: Trackio {theirs}, here {ours}"))
        }
    };
    let sorted = |list: &Value| {
        let mut list: Vec<String> = names(list).collect();
        list.sort();
        json!(list)
    };
    let runs = |theirs: &[Value]| -> Result<(), String> {
        let ours = list("runs")?;
        let ours = ours.as_array().unwrap();
        for run in theirs {
            let found = ours.iter().any(|own| {
                ["id", "name", "created_at"].iter().all(|key| same(&run[*key], &own[*key]))
            });
            if !found {
                return Err(format!(
                    "run {run} is not listed as Trackio lists it: {}",
                    json!(ours)
                ));
            }
        }
        let logged = ours.iter().filter(|own| own["has_logs"] != false).count();
        if logged > theirs.len() {
            return Err(format!(
                "{logged} runs with logs, Trackio has {}: {}",
                theirs.len(),
                json!(ours)
            ));
        }
        equal("num_runs", &json!(theirs.len()), &first["num_runs"])
    };
    let covered = |what: &str, theirs: &Value, ours: &Value| match covers(theirs, ours) {
        true => Ok(()),
        false => Err(format!("{what}: Trackio {theirs}, here {ours}")),
    };
    match check {
        Check::Artifacts => {
            let is_registry = theirs.get(0).is_some_and(|first| first.get("links").is_some());
            let mut ours = list(if is_registry { "collections" } else { "artifacts" })?;
            let is_by_name = theirs.get(0).is_some_and(|first| first.get("size_bytes").is_some());
            if is_by_name {
                let name = |artifact: &Value| artifact["name"].as_str().unwrap().to_owned();
                ours.as_array_mut().unwrap().sort_by_key(name);
            }
            covered("artifacts", theirs, &ours)
        }
        Check::Shared => {
            for (key, theirs) in theirs.as_object().unwrap() {
                let ours = if key == "manifest" { list(key)? } else { first[key].clone() };
                covered(key, theirs, &ours)?;
            }
            Ok(())
        }
        Check::Within(member) => covered(member, theirs, &first[*member]),
        Check::Alerts => {
            let mut ours = list("alerts")?;
            for alert in ours.as_array_mut().unwrap() {
                if !alert.as_object_mut().unwrap().remove("run_id").is_some_and(|id| id.is_string())
                {
                    return Err(format!("no run_id: {alert}"));
                }
            }
            equal("alerts", theirs, &ours)
        }
        Check::Traces => {
            let (theirs, ours) = (theirs.as_array().unwrap(), list("traces")?);
            equal("total", &json!(theirs.len()), &first["total"])?;
            equal("how many", &json!(theirs.len()), &json!(ours.as_array().unwrap().len()))?;
            for (theirs, outline) in theirs.iter().zip(ours.as_array().unwrap()) {
                let theirs = theirs.as_object().unwrap();
                for (key, theirs) in
                    theirs.iter().filter(|(k, _)| *k != "messages" && *k != "spans")
                {
                    equal(key, theirs, &outline[key])?;
                }
                let mut asked = asked.clone();
                asked.as_object_mut().unwrap().retain(|key, _| key != "search" && key != "step");
                asked["trace"] = theirs["id"].clone();
                let whole = session.call(tool, asked.clone());
                if whole.is_error {
                    return Err(whole.text);
                }
                equal("the trace", &json!([theirs]), &whole.structured["traces"])?;
            }
            Ok(())
        }
        Check::TraceSteps => {
            equal("total", &theirs["total"], &first["total"])?;
            let shared = |step: &Value| json!({"step": step["step"], "count": step["count"]});
            let ours = first["steps"].as_array().into_iter().flatten().map(shared);
            equal("steps", &theirs["steps"], &ours.collect())
        }
        Check::List(member) => equal(member, theirs, &list(member)?),
        Check::Names(member) => equal(member, &sorted(theirs), &sorted(&list(member)?)),
        Check::Object(member) => equal(member, theirs, &object(member)?),
        Check::Files => {
            equal("total", &json!(theirs.as_array().unwrap().len()), &first["total"])?;
            let mut ours = if first["total"] == 0 { json!([]) } else { list("files")? };
            for (file, theirs) in
                ours.as_array_mut().unwrap().iter_mut().zip(theirs.as_array().unwrap())
            {
                let below = theirs["path"].as_str().unwrap().replacen("$TRACKIO_DIR", "", 1);
                if file["path"].as_str().is_some_and(|path| path.ends_with(&below)) {
                    file["path"] = theirs["path"].clone();
                }
            }
            equal("files", theirs, &ours)
        }
        Check::Runs => runs(theirs.as_array().unwrap()),
        Check::ProjectSummary => {
            runs(theirs["runs"].as_array().unwrap())?;
            equal("project", &theirs["project"], &first["project"])?;
            equal(
                "max_step",
                &theirs["last_activity"],
                first.get("max_step").unwrap_or(&Value::Null),
            )
        }
        Check::Members(members) => members.iter().try_for_each(|member| {
            let theirs = &theirs[*member];
            let ours = match theirs {
                Value::Array(_) if *member == "metrics" => {
                    return equal(member, &sorted(theirs), &sorted(&list(member)?));
                }
                Value::Array(_) => list(member)?,
                Value::Object(_) => object(member)?,
                _ => first.get(*member).cloned().unwrap_or(Value::Null),
            };
            equal(member, theirs, &ours)
        }),
    }
}

/// Compare a whole fixture; at least so many comparisons have to take place.
fn fixture(name: &str, at_least: usize) {
    let recorded = ["", ".traces"]
        .map(|subject| gunzip(&tests_file(format!("golden/{name}{subject}.jsonl.gz"))))
        .concat();
    let copy = Fixture::unpack(name);
    let mut lines: Vec<Recorded> = String::from_utf8(recorded)
        .unwrap()
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            Recorded {
                function: line["fn"].as_str().unwrap().to_owned(),
                arguments: line["args"].take(),
                result: line.get_mut("result").map(Value::take),
            }
        })
        .collect();
    // Windows lets few users make the link that leads nowhere.
    if cfg!(not(unix)) && fs::symlink_metadata(copy.dir.join("dangling.db")).is_err() {
        for line in lines.iter_mut().filter(|line| line.function == "server.get_all_projects") {
            if let Some(projects) = line.result.as_mut().and_then(Value::as_array_mut) {
                projects.retain(|project| project != "dangling");
            }
        }
    }
    let facts = Facts::of(&lines);
    let mut session = Session::start(&copy.dir);
    let offered: BTreeSet<String> = session
        .tools()
        .iter()
        .filter_map(|tool| tool["name"].as_str().map(str::to_owned))
        .collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut compared = 0;
    for line in &lines {
        let (tool, outcome) = match judge(line, &facts) {
            Verdict::LeftOut(why) => {
                *counts.entry(format!("left out: {why}")).or_default() += 1;
                continue;
            }
            Verdict::Missing(tool, _) | Verdict::Compare(tool, ..) if !offered.contains(tool) => {
                (tool, Err("no such tool is offered".to_owned()))
            }
            Verdict::Missing(tool, asked) => {
                let answer = session.call(tool, asked.clone());
                let outcome = if answer.is_error {
                    Ok(())
                } else {
                    Err(format!("an empty success: {}", answer.raw))
                };
                (tool, outcome.map_err(|what| format!("{asked}: {what}")))
            }
            Verdict::Compare(tool, asked, check) => {
                let theirs = line.result.as_ref().unwrap();
                let outcome = compare(&mut session, tool, &asked, &check, theirs);
                (tool, outcome.map_err(|what| format!("{asked}: {what}")))
            }
        };
        compared += 1;
        *counts.entry(tool.to_owned()).or_default() += 1;
        if let Err(what) = outcome {
            wrong.entry(tool.to_owned()).or_default().push(what);
        }
    }
    println!("{name}: {compared} of {} recorded calls compared", lines.len());
    for (what, count) in &counts {
        println!("  {count:5} {what}");
    }
    let mut report = String::new();
    for (tool, wrong) in &wrong {
        report += &format!("\n{tool}: {} wrong\n", wrong.len());
        for what in wrong.iter().take(8) {
            report += &format!("  {}\n", what.chars().take(700).collect::<String>());
        }
    }
    assert!(wrong.is_empty(), "{name} differs from Trackio:{report}");
    assert!(compared >= at_least, "{name}: only {compared} comparisons, {at_least} expected");
}

#[test]
fn text_era_equals_trackio() {
    fixture("0.3.4", 340);
}

#[test]
fn first_blob_era_equals_trackio() {
    fixture("0.14.2", 400);
}

#[test]
fn first_run_ids_equal_trackio() {
    fixture("0.24.2", 1_450);
}

#[cfg_attr(not(target_os = "linux"), ignore = "the fixture holds names that differ in case only")]
#[test]
fn current_format_equals_trackio() {
    fixture("0.43.0", 2_650);
}

#[test]
fn mixed_schema_equals_trackio() {
    fixture("upgraded-0.14.2-0.36.0", 205);
}

#[test]
fn odd_files_equal_trackio() {
    fixture("special-corrupt", 130);
}

#[test]
fn a_waiting_inbox_equals_what_trackio_imports() {
    fixture("special-mixed-inbox", 225);
}

/// An id that one answer gives is good for the next question.
#[test]
fn every_run_id_that_is_given_out_is_understood() {
    for fixture in support::FIXTURES {
        let fixture = Fixture::unpack(fixture);
        let mut session = Session::start(&fixture.dir);
        let projects =
            session.call("get_all_projects", json!({})).ok().structured["projects"].take();
        for project in names(&projects) {
            let asked = json!({"project": project});
            let mut ids = BTreeSet::new();
            for (tool, member, key) in
                [("get_runs_for_project", "runs", "id"), ("get_alerts", "alerts", "run_id")]
            {
                for page in session.pages(tool, &asked) {
                    let items = page.structured[member].as_array().into_iter().flatten();
                    ids.extend(items.map(|item| item[key].as_str().expect("an id").to_owned()));
                }
            }
            for id in ids {
                let answer =
                    session.call("get_run_summary", json!({"project": project, "run": id}));
                assert!(!answer.is_error, "{project} {id}: {}", answer.text);
            }
        }
    }
}
