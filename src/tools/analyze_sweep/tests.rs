//! Sweeps with a known truth, in Trackio's own tables, asked through the tool.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::tools::common::Progress;
use crate::tools::{self, Permission, Surroundings};
use crate::trackio::directory::Origin;
use crate::trackio::project::CURRENT_SCHEMA;
use crate::trackio::{Directory, Stop, Store};

/// A run: name, config, and its metrics row by row.
struct Run {
    name: String,
    config: Value,
    rows: Vec<Value>,
}

/// A run whose evaluation loss falls to `loss`; NaN at the end where that is NaN.
fn run(name: impl Into<String>, config: Value, loss: f64) -> Run {
    let rows = (0..8)
        .map(|i| match (loss.is_nan(), i) {
            (true, 4..) => json!({"train/loss": "NaN", "eval/loss": "NaN"}),
            (true, _) => json!({"train/loss": 2.0 + f64::from(i), "eval/loss": 2.0}),
            _ => {
                let loss = loss + 0.5 * f64::from(7 - i);
                json!({"train/loss": loss, "eval/loss": loss, "eval/accuracy": 1.0 - loss / 10.0})
            }
        })
        .collect();
    Run { name: name.into(), config, rows }
}

fn write(directory: &Path, runs: &[Run]) {
    let mut connection = Connection::open(directory.join("p.db")).unwrap();
    let transaction = connection.transaction().unwrap();
    transaction.execute_batch(CURRENT_SCHEMA).unwrap();
    for (index, run) in runs.iter().enumerate() {
        let id = format!("{index:032x}");
        let time = |row: usize| format!("2026-01-01T{:02}:{:02}:00+00:00", index % 24, row);
        transaction
            .execute(
                "INSERT INTO configs (run_id, run_name, config, created_at) VALUES (?1, ?2, ?3, ?4)",
                params![id, run.name, run.config.to_string().into_bytes(), time(0)],
            )
            .unwrap();
        for (row, metrics) in run.rows.iter().enumerate() {
            transaction
                .execute(
                    "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics, log_id)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![
                        id,
                        time(row),
                        run.name,
                        row as i64,
                        metrics.to_string().into_bytes(),
                        format!("{index}-{row}")
                    ],
                )
                .unwrap();
        }
    }
    transaction.commit().unwrap();
}

fn asked(runs: &[Run], arguments: Value) -> Result<(Value, String), String> {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), runs);
    let path = directory.path().to_owned();
    let store = Store::new(Directory { path, origin: Origin::Argument }, 0);
    let surroundings = Surroundings {
        store: Arc::new(store),
        now: "2026-03-01T00:00:00Z".parse().unwrap(),
        stop: Stop::default(),
        progress: Progress::default(),
        permission: Permission::default(),
    };
    let mut arguments = arguments.as_object().unwrap().clone();
    arguments.insert("project".into(), "p".into());
    let tool = tools::find("analyze_sweep").unwrap();
    match tool.call(&surroundings, arguments) {
        Ok(answer) => {
            let structured = Value::Object(answer.structured);
            for form in [structured.to_string(), answer.text.clone()] {
                assert!(form.len() <= 8_000, "{} bytes:\n{form}", form.len());
            }
            Ok((structured, answer.text))
        }
        Err(failure) => Err(failure.0),
    }
}

fn answer(runs: &[Run]) -> (Value, String) {
    asked(runs, json!({})).unwrap()
}

fn effect<'a>(answer: &'a Value, key: &str) -> &'a Value {
    item(answer, "effects", key)
}

fn item<'a>(answer: &'a Value, list: &str, key: &str) -> &'a Value {
    let items = answer[list].as_array().unwrap();
    items.iter().find(|item| item["key"] == key).unwrap_or_else(|| panic!("no {key}: {answer}"))
}

fn notes(answer: &Value) -> String {
    answer["notes"].to_string()
}

/// The same small noise every time, without a pattern over a 4 × 4 grid.
const NOISE: [f64; 16] = [
    0.03, -0.05, 0.01, 0.04, -0.02, 0.05, -0.04, 0.0, 0.02, -0.03, 0.05, -0.01, -0.05, 0.03, 0.02,
    -0.04,
];

/// A grid of learning rates and dropouts; the loss by their places.
fn grid(rates: [Value; 4], loss: impl Fn(usize, usize) -> f64) -> Vec<Run> {
    let dropouts = [0.0, 0.1, 0.2, 0.3];
    (0..16)
        .map(|i| {
            let (rate, dropout) = (i / 4, i % 4);
            let config = json!({
                "optimizer": {"lr": rates[rate]}, "dropout": dropouts[dropout],
                "seed": i, "output_dir": format!("/runs/{i}"), "epochs": 3, "_Created": i,
            });
            run(format!("run-{i}"), config, 1.0 + loss(rate, dropout) + NOISE[i])
        })
        .collect()
}

fn rates() -> [Value; 4] {
    [json!(1e-5), json!(1e-4), json!(1e-3), json!(1e-2)]
}

#[test]
fn a_planted_effect_is_told_with_its_edge_and_the_others_are_not() {
    let (answer, text) = answer(&grid(rates(), |rate, _| 0.4 - 0.1 * rate as f64));
    let lr = effect(&answer, "optimizer.lr");
    assert_eq!((&lr["n"], &lr["significant"]), (&json!(16), &json!(true)), "{lr}");
    assert_eq!(
        (&lr["measure"], &lr["shape"]),
        (&json!("rank_correlation"), &json!("larger_is_better"))
    );
    let number = |name: &str| lr[name].as_f64().unwrap();
    assert!(number("effect") < -0.8, "{lr}");
    assert!(number("low") < number("effect") && number("effect") < number("high"), "{lr}");
    assert!(number("high") < 0.0 && number("epsilon_squared") > 0.7, "{lr}");
    assert_eq!((&lr["best_value"], &lr["at_edge"]), (&json!(0.01), &json!(true)));
    let dropout = effect(&answer, "dropout");
    assert_eq!(dropout["significant"], false, "{dropout}");
    assert!(dropout["low"].as_f64().unwrap() < 0.0 && dropout["high"].as_f64().unwrap() > 0.0);
    let coverage = item(&answer, "coverage", "optimizer.lr");
    assert_eq!((&coverage["scale"], &coverage["runs"]), (&json!("log"), &json!([4, 4, 4, 4])));
    assert!(coverage["edge"].as_str().unwrap().contains("nothing above 0.01"), "{coverage}");
    assert_eq!(answer["effects"].as_array().unwrap().len(), 2, "{answer}");
    assert!(notes(&answer).contains("left out: seed, output_dir"), "{answer}");
    assert!(text.contains("optimizer.lr matters (larger is better, best 0.01, the highest tried)"));
    assert_eq!((&answer["metric"], &answer["direction"]), (&json!("eval/loss"), &json!("min")));
}

#[test]
fn a_valley_is_found_and_numbers_written_as_text_are_numbers() {
    let as_text = ["1e-5", "1e-4", "1e-3", "1e-2"].map(Value::from);
    let losses = [0.4, 0.1, 0.05, 0.45];
    let (answer, _) = answer(&grid(as_text, |rate, _| losses[rate]));
    let lr = effect(&answer, "optimizer.lr");
    assert_eq!((&lr["significant"], &lr["measure"]), (&json!(true), &json!("epsilon_squared")));
    assert_eq!((&lr["shape"], &lr["best_value"]), (&json!("best_in_the_middle"), &json!(0.001)));
    assert_eq!(lr["at_edge"], false, "{lr}");
    assert!(lr["low"].as_f64().unwrap() > 0.3, "{lr}");
}

#[test]
fn noise_alone_is_no_effect() {
    let (answer, text) = answer(&grid(rates(), |_, _| 0.0));
    for item in answer["effects"].as_array().unwrap() {
        assert_eq!(item["significant"], false, "{item}");
        assert!(item.get("shape").is_none(), "{item}");
    }
    assert!(text.contains("no key has an effect beyond chance"), "{text}");
    assert!(notes(&answer).contains("no proof that there is none"));
}

#[test]
fn too_few_runs_are_refused_with_the_reason() {
    let runs: Vec<Run> = grid(rates(), |rate, _| rate as f64).into_iter().step_by(4).collect();
    let (answer, text) = answer(&runs);
    let lr = effect(&answer, "optimizer.lr");
    assert_eq!((&lr["n"], &lr["significant"]), (&json!(4), &json!(false)));
    assert!(lr.get("effect").is_none(), "{lr}");
    assert_eq!(lr["not_tested"], "4 runs have it and a value; 6 are needed");
    assert!(text.contains("too few to tell effects"), "{text}");
    let two: Vec<Run> = (0..6)
        .map(|i| run(format!("r{i}"), json!({"batch_size": 16 << (i % 2)}), f64::from(i)))
        .collect();
    let (answer, _) = self::answer(&two);
    let reason = effect(&answer, "batch_size")["not_tested"].as_str().unwrap().to_owned();
    assert!(reason.contains("3 + 3 runs") && reason.contains("10 %"), "{reason}");
}

#[test]
fn runs_that_diverged_are_told_by_their_settings() {
    let runs = grid(rates(), |rate, _| if rate == 3 { f64::NAN } else { 0.1 * rate as f64 });
    let (answer, text) = answer(&runs);
    let failure = item(&answer, "failures", "optimizer.lr");
    assert_eq!((&failure["side"], &failure["value"]), (&json!("at or above"), &json!(0.01)));
    assert_eq!((&failure["diverged"], &failure["diverged_elsewhere"]), (&json!(4), &json!(0)));
    assert!(failure["p"].as_f64().unwrap() < 0.01, "{failure}");
    assert_eq!(answer["failures"].as_array().unwrap().len(), 1, "{answer}");
    assert!(
        text.contains(
            "all 4 runs with optimizer.lr at or above 0.01 diverged, none of the other 12"
        )
    );
    assert_eq!(
        (&answer["runs"]["diverged"], &answer["runs"]["with_value"]),
        (&json!(4), &json!(12))
    );
    // The best of what is left is the lowest tried; the highest failed and is no edge.
    assert_eq!(effect(&answer, "optimizer.lr")["best_value"], 1e-5);
    assert_eq!(effect(&answer, "optimizer.lr")["n"], 12);
    let coverage = item(&answer, "coverage", "optimizer.lr");
    assert_eq!(coverage["diverged"], json!([0, 0, 0, 4]));
    assert_eq!(coverage["means"][3], Value::Null);
    assert!(notes(&answer).contains("4 runs diverged and give no value"));
}

#[test]
fn keys_varied_together_cannot_be_told_apart() {
    let mut runs = grid(rates(), |rate, _| 0.1 * rate as f64);
    for (i, run) in runs.iter_mut().enumerate() {
        run.config["warmup"] = json!(100 * (i / 4));
    }
    let (answer, text) = answer(&runs);
    let (lr, warmup) = (effect(&answer, "optimizer.lr"), effect(&answer, "warmup"));
    assert_eq!(lr["confounded_with"], json!(["warmup"]));
    assert_eq!(warmup["confounded_with"], json!(["optimizer.lr"]));
    assert_eq!(lr["p"], warmup["p"]);
    assert!(effect(&answer, "dropout").get("confounded_with").is_none());
    assert!(notes(&answer).contains("optimizer.lr and warmup were always varied together"));
    assert!(text.contains("varied together with warmup"), "{text}");
}

fn seeded(gap: f64) -> Vec<Run> {
    let mut runs = Vec::new();
    for (place, scheduler) in ["cosine", "linear", "constant"].iter().enumerate() {
        for seed in 0..4 {
            let config = json!({"scheduler": scheduler, "seed": seed, "run_name": format!("{scheduler}-{seed}")});
            let loss = 1.0 + gap * place as f64 + NOISE[4 * place + seed];
            runs.push(run(format!("{scheduler}-{seed}"), config, loss));
        }
    }
    runs
}

#[test]
fn seeds_are_the_noise_that_configs_must_exceed() {
    let (answer, _) = answer(&seeded(0.3));
    let groups = answer["seed_groups"].as_array().unwrap();
    assert_eq!(groups.len(), 3, "{answer}");
    assert_eq!(
        (&groups[0]["config"], &groups[0]["n"]),
        (&json!({"scheduler": "cosine"}), &json!(4))
    );
    let values = &NOISE[..4];
    let mean = values.iter().sum::<f64>() / 4.0;
    let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 3.0).sqrt();
    assert!((groups[0]["mean"].as_f64().unwrap() - 1.0 - mean).abs() < 1e-6);
    assert!((groups[0]["sd"].as_f64().unwrap() - sd).abs() < 1e-6);
    assert_eq!(answer["seed_noise"]["groups_differ"], true, "{answer}");
    let scheduler = effect(&answer, "scheduler");
    assert_eq!(
        (&scheduler["significant"], &scheduler["best_value"]),
        (&json!(true), &json!("cosine"))
    );
    assert_eq!(
        (&scheduler["shape"], &scheduler["at_edge"]),
        (&json!("differs_by_value"), &json!(false))
    );
    // Repetitions are meant, and no duplicates.
    assert!(answer.get("near_duplicates").is_none(), "{answer}");
    let (answer, _) = self::answer(&seeded(0.0));
    assert_eq!(answer["seed_noise"]["groups_differ"], false, "{answer}");
}

#[test]
fn a_config_that_was_run_is_known_and_near_ones_are_named() {
    let mut runs = grid(rates(), |rate, _| 0.1 * rate as f64);
    let mut near = grid([json!(1.02e-3), json!(0), json!(0), json!(0)], |_, _| 0.0).remove(1);
    near.config["seed"] = json!(9);
    near.name = "again".into();
    runs.push(near);
    let (answer, _) = answer(&runs);
    let duplicates = answer["near_duplicates"].as_array().unwrap();
    assert_eq!(duplicates.len(), 1, "{answer}");
    assert_eq!(duplicates[0]["runs"], json!(["again", "run-9"]));
    assert_eq!(duplicates[0]["differs"], json!({"optimizer.lr": [0.00102, 0.001]}));

    let ask =
        |config: Value| asked(&runs, json!({"config": config})).unwrap().0["proposed"].clone();
    // Nested or dotted, number or text, another seed.
    for config in [
        json!({"optimizer": {"lr": 1e-3}, "dropout": 0.1, "seed": 99}),
        json!({"optimizer.lr": "1e-3", "dropout": 0.1}),
    ] {
        let proposed = ask(config);
        assert_eq!(
            (&proposed["already_run"], &proposed["runs"]),
            (&json!(true), &json!(["run-9"]))
        );
    }
    let proposed = ask(json!({"optimizer": {"lr": 2e-4}, "dropout": 0.2, "momentum": 0.9}));
    assert_eq!(
        (&proposed["already_run"], &proposed["nearest_run"]),
        (&json!(false), &json!("run-6"))
    );
    assert_eq!(proposed["differs"]["optimizer.lr"], json!([0.0002, 0.0001]));
    assert_eq!(proposed["keys_in_no_run"], json!(["momentum"]));
    assert_eq!(ask(json!({"dropout": 0.2}))["varied_keys_not_given"], json!(["optimizer.lr"]));
}

#[test]
fn the_front_holds_what_nothing_beats() {
    let points = [(1.0, 10.0), (2.0, 30.0), (3.0, 20.0), (1.5, 20.0), (1.0, 5.0)];
    let runs: Vec<Run> = points
        .iter()
        .enumerate()
        .map(|(i, (loss, speed))| Run {
            name: format!("r{i}"),
            config: json!({"width": i}),
            rows: vec![json!({"eval/loss": loss, "speed": speed})],
        })
        .collect();
    let metrics = json!({"metrics": ["eval/loss", "speed"], "direction": ["min", "max"]});
    let (answer, _) = asked(&runs, metrics).unwrap();
    let front: Vec<&Value> =
        answer["pareto"].as_array().unwrap().iter().map(|r| &r["run"]).collect();
    assert_eq!(front, ["r0", "r3", "r1"]);
    assert_eq!(answer["pareto"][1]["values"], json!({"eval/loss": 1.5, "speed": 20}));
    let refused = asked(&runs, json!({"metric": ["eval/loss", "speed"]})).unwrap_err();
    assert!(refused.contains("Which way `speed` is better"), "{refused}");
    let refused = asked(&runs, json!({"metric": "eval_los"})).unwrap_err();
    assert!(refused.contains("Nearest: `eval/loss`"), "{refused}");
}

#[test]
fn the_direction_can_be_turned_and_gaps_are_seen() {
    let rates = [json!(1e-5), json!(2e-5), json!(4e-5), json!(1e-2)];
    let runs = grid(rates, |rate, _| 0.1 * rate as f64);
    let (answer, _) = asked(&runs, json!({"direction": "max"})).unwrap();
    assert_eq!(effect(&answer, "optimizer.lr")["best_value"], 0.01);
    assert_eq!(effect(&answer, "optimizer.lr")["shape"], "larger_is_better");
    assert_eq!(item(&answer, "coverage", "optimizer.lr")["gaps"], json!([[4e-5, 0.01]]));
    let (answer, _) = asked(&runs, json!({"metric": "eval/accuracy"})).unwrap();
    assert_eq!(
        (&answer["direction"], &answer["best_run"]["config"]["optimizer.lr"]),
        (&json!("max"), &json!(1e-5))
    );
}

#[test]
fn many_keys_and_runs_keep_the_budget_and_page() {
    let runs: Vec<Run> = (0..60)
        .map(|i: usize| {
            let mut config = serde_json::Map::new();
            for key in 0..40 {
                config.insert(format!("a.long.name.of.key_{key}"), json!((i * (key + 3)) % 7));
            }
            config.insert("text".into(), json!("x".repeat(5_000 + i % 3)));
            run(format!("a-run-with-a-long-name-{i}"), config.into(), 1.0 + NOISE[i % 16])
        })
        .collect();
    let (first, _) = answer(&runs);
    // Six of the forty are the same in all runs.
    assert_eq!(first["total"], 35);
    assert!(first["effects"].as_array().unwrap().len() < 35);
    let cursor = &first["next_cursor"];
    let (second, _) = asked(&runs, json!({"cursor": cursor})).unwrap();
    assert_ne!(first["effects"][0]["key"], second["effects"][0]["key"]);
    for page in [&first, &second] {
        let keys = |list: &str| -> Vec<Value> {
            page[list].as_array().unwrap().iter().map(|item| item["key"].clone()).collect()
        };
        assert_eq!(keys("effects"), keys("coverage"));
    }
}

#[test]
fn what_is_no_sweep_says_so() {
    let none: Vec<Run> = vec![run("a", json!("no object"), 1.0)];
    let refused = asked(&none, json!({})).unwrap_err();
    assert!(refused.contains("None of 1 runs of project `p` has a config"), "{refused}");
    let same = [run("a", json!({"lr": 1}), 1.0), run("b", json!({"lr": 1}), 2.0)];
    let (answer, text) = answer(&same);
    assert!(text.contains("no key was varied"), "{text}");
    assert_eq!(answer["seed_groups"][0]["n"], 2);
    let refused = asked(&same, json!({"pattern": "zzz"})).unwrap_err();
    assert!(refused.contains("None of the 2 runs of project `p` matches"), "{refused}");
}
