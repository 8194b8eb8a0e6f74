//! Comparisons of runs whose truth is known, over stdio: projects with Trackio's own schema.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;

use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};
use support::{Fixture, Session, ToolAnswer};

const SCHEMA: &str = include_str!("../src/trackio/write/schema-0.43.sql");

/// A project that is written run by run.
struct Project {
    fixture: Fixture,
    connection: Connection,
    runs: usize,
}

impl Project {
    fn new() -> Self {
        let fixture = Fixture::empty();
        let connection = Connection::open(fixture.dir.join("p.db")).unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        Self { fixture, connection, runs: 0 }
    }

    /// A run with `rows` rows, one every `stride` steps; answers its id.
    fn run(
        &mut self,
        name: &str,
        config: Value,
        rows: usize,
        stride: usize,
        metrics: impl Fn(usize) -> Value,
    ) -> String {
        self.runs += 1;
        let id = format!("{:08x}{:024x}", self.runs * 0x0123_4567, self.runs);
        let stamp = |second: usize| {
            format!(
                "2026-03-{:02}T{:02}:{:02}:{:02}.000000+00:00",
                self.runs,
                second / 3_600,
                second / 60 % 60,
                second % 60
            )
        };
        let transaction = self.connection.transaction().unwrap();
        transaction
            .execute(
                "INSERT INTO configs(run_id, run_name, config, created_at) VALUES (?,?,?,?)",
                params![id, name, config.to_string().into_bytes(), stamp(0)],
            )
            .unwrap();
        for row in 0..rows {
            transaction
                .execute(
                    "INSERT INTO metrics(run_id, timestamp, run_name, step, metrics)
                     VALUES (?,?,?,?,?)",
                    params![
                        id,
                        stamp(row * 2),
                        name,
                        (row * stride) as i64,
                        metrics(row * stride).to_string().into_bytes()
                    ],
                )
                .unwrap();
        }
        transaction.commit().unwrap();
        id
    }

    fn compare(&self, arguments: Value) -> ToolAnswer {
        let mut session = Session::start(&self.fixture.dir);
        let mut all = json!({"project": "p"});
        all.as_object_mut().unwrap().extend(arguments.as_object().unwrap().clone());
        session.call("compare_runs", all)
    }
}

/// Normal noise of a seed: twelve hashed uniforms.
fn noise(seed: u64, i: usize) -> f64 {
    let uniform = |k: u64| {
        let mut x = seed ^ (i as u64 * 12 + k).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..12).map(uniform).sum::<f64>() - 6.0
}

fn decay(step: usize, by: f64) -> f64 {
    (-(step as f64) / by).exp()
}

fn winner<'a>(answer: &'a ToolAnswer, metric: &str) -> &'a Value {
    let winners = answer.structured["winner_by_metric"].as_array().unwrap();
    winners.iter().find(|winner| winner["metric"] == metric).unwrap()
}

/// What the table shows of a run in a row of that metric.
fn shown(answer: &ToolAnswer, metric: &str, value: &str, run: &str) -> Value {
    let table = &answer.structured["values"];
    let rows = table["metric"].as_array().unwrap().iter().zip(table["value"].as_array().unwrap());
    let row = rows
        .into_iter()
        .position(|(of, what)| of == metric && what.as_str().unwrap().starts_with(value));
    table[run][row.unwrap_or_else(|| panic!("no row {metric} {value}: {table}"))].clone()
}

fn warns(answer: &ToolAnswer, words: &str) -> bool {
    let warnings = answer.structured["comparability"].as_array();
    warnings.into_iter().flatten().any(|warning| warning.as_str().unwrap().contains(words))
}

#[test]
fn a_clear_lead_wins_in_each_direction() {
    let mut project = Project::new();
    for (name, lr, floor) in [("good", 0.001, 0.3), ("bad", 0.01, 0.6)] {
        let seed = project.runs as u64;
        project.run(name, json!({"lr": lr, "epochs": 3}), 200, 5, |i| {
            json!({
                "train/loss": floor + decay(i, 200.0) + 0.02 * noise(seed, i),
                "eval/accuracy": 1.0 - floor - 0.3 * decay(i, 200.0) + 0.002 * noise(seed + 9, i),
                "throughput_x": 100.0 * floor,
            })
        });
    }
    let answer = project.compare(json!({})).ok();
    let loss = winner(&answer, "train/loss");
    assert_eq!((&loss["best_run"], &loss["direction"]), (&json!("good"), &json!("min")));
    assert_eq!((&loss["tie"], &loss["inferred_from"]), (&json!(false), &json!("train_loss")));
    assert!((loss["margin"].as_f64().unwrap() - 0.3).abs() < 0.02, "{loss}");
    let accuracy = winner(&answer, "eval/accuracy");
    assert_eq!((&accuracy["best_run"], &accuracy["direction"]), (&json!("good"), &json!("max")));
    // What nobody can know is not claimed.
    let unknown = winner(&answer, "throughput_x");
    assert_eq!((&unknown["direction"], unknown.get("best_run")), (&json!("unknown"), None));
    assert_eq!(answer.structured["decided_by"], "eval/accuracy");
    assert_eq!(answer.structured["recommendation"]["run"], "good");
    let diff = &answer.structured["config_diff"];
    assert_eq!(
        diff,
        &json!([{"key": "lr", "kind": "changed", "values": {"bad": 0.01, "good": 0.001}}])
    );
    assert_eq!(answer.structured["config_keys"]["same"], 1);
    // A value that is quoted was logged, at that step.
    let asked = json!({"project": "p", "run": "good", "metric": "eval/accuracy",
        "step": accuracy["step"]});
    let mut session = Session::start(&project.fixture.dir);
    let logged = session.call("get_metric_values", asked).ok().structured;
    let value = logged["columns"]["value"][0].as_f64().unwrap();
    assert!((value - accuracy["best_value"].as_f64().unwrap()).abs() < 1e-6, "{logged}");

    let turned = json!({"metrics": ["throughput_x"], "direction": "max"});
    let answer = project.compare(turned).ok();
    let given = winner(&answer, "throughput_x");
    assert_eq!((&given["best_run"], &given["inferred_from"]), (&json!("bad"), &json!("given")));
}

#[test]
fn noise_is_no_lead() {
    let mut project = Project::new();
    for name in ["one", "two"] {
        let seed = 100 * project.runs as u64;
        project.run(
            name,
            json!({"lr": project.runs}),
            200,
            1,
            |i| json!({"eval/loss": 0.5 + decay(i, 40.0) + 0.03 * noise(seed, i)}),
        );
    }
    let answer = project.compare(json!({})).ok();
    assert_eq!(winner(&answer, "eval/loss")["tie"], true);
    let recommendation = &answer.structured["recommendation"];
    assert_eq!(recommendation.get("run"), None, "{recommendation}");
    assert!(recommendation["reason"].as_str().unwrap().contains("tied within noise"));
    assert_eq!(answer.structured["curves_apart"][0]["apart"], false);
}

#[test]
fn a_seed_is_noise_too() {
    let mut project = Project::new();
    for (lr, seed, level) in [(1, 1, 0.50), (1, 2, 0.56), (2, 1, 0.53), (2, 2, 0.58)] {
        let config = json!({"lr": lr, "seed": seed, "output_dir": format!("out/{lr}-{seed}")});
        project.run(
            &format!("lr{lr}-seed{seed}"),
            config,
            40,
            1,
            |i| json!({"eval/loss": level + decay(i, 8.0)}),
        );
    }
    let answer = project.compare(json!({})).ok();
    assert_eq!(winner(&answer, "eval/loss")["tie"], true, "{}", answer.text);
    assert!(warns(&answer, "differ in nothing but the seed"), "{}", answer.text);
}

#[test]
fn a_run_that_only_ran_longer_is_no_winner() {
    let mut project = Project::new();
    for (name, rows) in [("short", 100), ("long", 300)] {
        let seed = rows as u64;
        project.run(
            name,
            json!({"warmup": rows}),
            rows,
            10,
            |i| json!({"eval/loss": 0.4 + decay(i, 900.0) + 0.005 * noise(seed, i)}),
        );
    }
    let answer = project.compare(json!({})).ok();
    assert_eq!(winner(&answer, "eval/loss")["best_run"], "long");
    assert_eq!(winner(&answer, "eval/loss")["leads_at_common"], "tie");
    let recommendation = &answer.structured["recommendation"];
    assert_eq!(recommendation.get("run"), None);
    assert!(recommendation["reason"].as_str().unwrap().contains("only ran longer: at step 990"));
    assert!(warns(&answer, "up to step 990 in short, up to step 2990 in long"));
    let at = |run| shown(&answer, "eval/loss", "at step 990", run).as_f64().unwrap();
    assert!((at("short") - at("long")).abs() < 0.02, "{}", answer.text);
    // Each row took two seconds, so the same holds by time.
    let answer = project.compare(json!({"align": "elapsed"})).ok();
    shown(&answer, "eval/loss", "at 198 s", "long");
    let answer = project.compare(json!({"align": "fraction"})).ok();
    shown(&answer, "eval/loss", "at 100 % of the run", "long");
}

#[test]
fn configs_are_compared_by_value() {
    let mut project = Project::new();
    let configs = [
        json!({"opt": {"name": "adamw", "betas": [0.9, 0.999]}, "amp": false, "warmup": 0,
            "note": "", "layers": [{"dim": 64}], "steps": 1, "only": {"deep": [1, [2]]}}),
        json!({"opt": {"name": "adamw", "betas": [0.9, 0.95]}, "amp": true, "warmup": 100,
            "note": "x", "layers": [{"dim": 64}], "steps": 1.0}),
    ];
    for (name, config) in ["a", "b"].iter().zip(configs) {
        project.run(name, config, 5, 1, |i| json!({"loss": 1.0 / (i + 1) as f64}));
    }
    let answer = project.compare(json!({})).ok();
    assert_eq!(
        answer.structured["config_diff"],
        json!([
            {"key": "amp", "kind": "changed", "values": {"a": false, "b": true}},
            {"key": "note", "kind": "changed", "values": {"a": "", "b": "x"}},
            {"key": "opt.betas", "kind": "changed", "values": {"a": [0.9, 0.999], "b": [0.9, 0.95]}},
            {"key": "warmup", "kind": "changed", "values": {"a": 0, "b": 100}},
            {"key": "only.deep", "kind": "only_in", "values": {"a": [1, [2]]}},
        ])
    );
    assert_eq!(answer.structured["config_keys"], json!({"changed": 4, "only_in": 1, "same": 3}));
    // Equal curves are a tie even where too few points tell the noise.
    assert_eq!(winner(&answer, "loss")["tie"], true);
}

#[test]
fn nan_and_missing_values_cannot_win() {
    let mut project = Project::new();
    project.run("sound", json!({}), 60, 1, |i| json!({"eval/loss": 0.5 + decay(i, 10.0)}));
    project.run("broken", json!({}), 60, 1, |i| {
        let value = if i < 20 { json!(0.9 + decay(i, 10.0)) } else { json!("NaN") };
        json!({"eval/loss": value})
    });
    project.run("endless", json!({}), 60, 1, |_| json!({"eval/loss": "-Infinity"}));
    project.run("other", json!({}), 60, 1, |i| json!({"loss": 0.1 * decay(i, 10.0)}));
    let answer = project.compare(json!({})).ok();
    let loss = winner(&answer, "eval/loss");
    assert_eq!((&loss["best_run"], &loss["runner_up"]), (&json!("sound"), &json!("broken")));
    assert_eq!(answer.structured["recommendation"]["run"], "sound", "{}", answer.text);
    assert!(warns(&answer, "eval/loss is missing in other"), "{}", answer.text);
    assert!(warns(&answer, "endless (no finite value"), "{}", answer.text);
    assert!(warns(&answer, "broken (finite up to step 19"), "{}", answer.text);
    assert_eq!(shown(&answer, "eval/loss", "best", "other"), Value::Null);
    assert_eq!(shown(&answer, "eval/loss", "best", "endless"), Value::Null);
}

#[test]
fn names_that_mean_the_same_are_one_metric() {
    let mut project = Project::new();
    for (name, metric) in [("hf", "eval/loss"), ("keras", "val_loss"), ("third", "eval/loss")] {
        let level = 0.3 + 0.2 * project.runs as f64;
        project.run(name, json!({}), 30, 1, |i| json!({metric: level + decay(i, 5.0)}));
    }
    let answer = project.compare(json!({"metrics": ["val_loss"]})).ok();
    assert_eq!(winner(&answer, "eval/loss")["best_run"], "hf");
    assert_eq!(
        answer.structured["same_metric"],
        json!([{"metric": "eval/loss", "name": "val_loss", "runs": ["keras"]}])
    );
    assert!(shown(&answer, "eval/loss", "best", "keras").is_number());
}

#[test]
fn other_scales_and_cadences_are_told() {
    let mut project = Project::new();
    project.run(
        "share",
        json!({}),
        40,
        10,
        |i| json!({"eval/accuracy": 0.9 - 0.5 * decay(i, 50.0)}),
    );
    project.run(
        "percent",
        json!({}),
        20,
        20,
        |i| json!({"eval/accuracy": 80.0 - 30.0 * decay(i, 50.0)}),
    );
    let answer = project.compare(json!({})).ok();
    assert!(warns(&answer, "another scale"), "{}", answer.text);
    assert!(warns(&answer, "logged every 10 steps in share, every 20 in percent"));
    assert_eq!(answer.structured["recommendation"].get("run"), None);
}

#[test]
fn runs_of_one_name_are_told_apart() {
    let mut project = Project::new();
    let ids: Vec<String> = [0.5, 0.3]
        .iter()
        .map(|level| {
            project.run("same", json!({}), 40, 1, |i| json!({"eval/loss": level + decay(i, 8.0)}))
        })
        .collect();
    project.run("unlike", json!({}), 40, 1, |i| json!({"eval/loss": 0.4 + decay(i, 8.0)}));
    for runs in [json!(["same"]), json!([ids[0], ids[1], "unlike"])] {
        let answer = project.compare(json!({"runs": runs})).ok();
        let best = winner(&answer, "eval/loss")["best_run"].as_str().unwrap().to_owned();
        assert_eq!(best, format!("same ({})", &ids[1][..8]));
        let listed = answer.structured["runs"].as_array().unwrap();
        assert!(listed.iter().any(|run| run["run"] == best.as_str() && run["id"] == ids[1]));
        // What an answer calls a run, the next call understands.
        let mut session = Session::start(&project.fixture.dir);
        let about = session.call("get_run_summary", json!({"project": "p", "run": best})).ok();
        assert_eq!(about.structured["run_id"], ids[1]);
    }
}

#[test]
fn twenty_runs_of_a_hundred_metrics_fit() {
    let mut project = Project::new();
    for run in 0..20 {
        let config: Map<String, Value> =
            (0..30).map(|key| (format!("group.key_{key}"), json!(run * key))).collect();
        project.run(&format!("experiment-number-{run:02}"), config.into(), 12, 1, |i| {
            let mut row: Map<String, Value> = (0..98)
                .map(|k| (format!("layer_{k:02}/loss"), json!(1.0 + decay(i, 3.0) + f64::from(k))))
                .collect();
            row.insert("train/loss".to_owned(), json!(decay(i, 4.0) + f64::from(run)));
            row.insert("eval/loss".to_owned(), json!(decay(i, 4.0) + f64::from(run)));
            row.into()
        });
    }
    let names: Vec<String> = (0..20).map(|run| format!("experiment-number-{run:02}")).collect();
    let asked = json!({"project": "p", "runs": names});
    let mut session = Session::start(&project.fixture.dir);
    let size = |answer: &ToolAnswer| answer.structured.to_string().len().max(answer.text.len());
    let first = session.call("compare_runs", asked.clone()).ok();
    assert!(size(&first) <= 8_000, "{} bytes: {}", size(&first), first.text);
    let mut next = asked.clone();
    next["cursor"] = first.structured["next_cursor"].clone();
    let second = session.call("compare_runs", next).ok();
    assert!(size(&second) <= 8_000, "{} bytes: {}", size(&second), second.text);
    let mut large = asked;
    large["max_tokens"] = json!(8_000);
    let pages = session.pages("compare_runs", &large);
    let mut seen = Vec::new();
    for page in &pages {
        assert!(!page.is_error && size(page) <= 32_000, "{} bytes: {}", size(page), page.text);
        let winners = page.structured["winner_by_metric"].as_array().unwrap();
        seen.extend(winners.iter().map(|winner| winner["metric"].as_str().unwrap().to_owned()));
    }
    assert_eq!(seen.len(), 100, "{seen:?}");
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 100);
    assert_eq!(seen[..2], ["eval/loss", "train/loss"]);
    let first = &first.structured;
    assert_eq!(first["runs"].as_array().unwrap().len(), 20);
    assert_eq!(first["recommendation"]["run"], "experiment-number-00");
    assert!(!first["config_diff"].as_array().unwrap().is_empty());
}

#[test]
fn the_newest_ten_are_compared_and_mistakes_teach() {
    let mut project = Project::new();
    project.run("alone", json!({}), 3, 1, |i| json!({"loss": i}));
    let failure = project.compare(json!({})).failure();
    assert!(failure.contains("needs two runs with metrics"), "{failure}");
    for run in 1..12 {
        project.run(&format!("run-{run}"), json!({}), 3, 1, |i| json!({"loss": i + run}));
    }
    let answer = project.compare(json!({})).ok();
    let listed = answer.structured["runs"].as_array().unwrap();
    assert_eq!((listed.len(), &listed[0]["run"]), (10, &json!("run-11")));
    assert!(answer.text.contains("newest 10 of 12"), "{}", answer.text);
    let cases = [
        (json!({"runs": ["alone"]}), "at least two"),
        (json!({"runs": ["alone", "rum-1"]}), "Nearest: `run-1`"),
        (json!({"metrics": ["los"]}), "Nearest: `loss`"),
        (json!({"direction": "max"}), "name them in `metrics`"),
        (json!({"align": "time"}), "must be one of `step`, `elapsed`, `fraction`"),
    ];
    for (arguments, expected) in cases {
        let failure = project.compare(arguments).failure();
        assert!(failure.contains(expected), "{failure}");
    }
}
