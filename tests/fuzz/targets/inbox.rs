//! Lines that wait in the inbox, beside a database and without one.

use serde_json::{Value, json};

use super::{Made, World, first_look, questions};
use crate::calls::Care;
use crate::case::{Mode, request};
use crate::random::Random;
use crate::values;

const LINES: usize = 120;
const QUESTIONS: usize = 25;

pub fn make(world: &World, random: &mut Random) -> Made {
    let base = random.pick(&world.bases);
    let mut names = base.names.clone();
    let mut tree = base.tree.clone();
    let mut inputs = 0;
    for file in 0..random.between(1, 4) {
        let mut content = Vec::new();
        for _ in 0..random.between(1, LINES / 4) {
            let record = record(random, &base.project, &mut names.runs);
            let mut line = record.to_string().into_bytes();
            if random.chance(45) {
                line = values::broken_json(random, line);
            }
            content.extend(line);
            content.push(b'\n');
            inputs += 1;
        }
        if random.chance(20) {
            values::mutate(random, &mut content);
        }
        let writer = random.word(&["0123456789abcdef", "ffffwriter", "\u{202e}w", "a.b"]);
        tree.put(format!("inbox/{writer}/{file:08}.jsonl"), content);
    }
    let mut lines = questions(world, random, &names, QUESTIONS, Care::GOOD);
    for (at, (method, params)) in first_look(&base.project).iter().enumerate() {
        lines.push(request(QUESTIONS + 1 + at, method, params));
    }
    Made { tree, lines, mode: Mode::Read, inputs: inputs + QUESTIONS }
}

fn record(random: &mut Random, project: &str, runs: &mut Vec<String>) -> Value {
    let run = if runs.is_empty() || random.chance(20) {
        let run = values::text(random);
        runs.push(run.clone());
        run
    } else {
        random.pick(runs).clone()
    };
    let project = if random.chance(90) { project.to_owned() } else { values::text(random) };
    let time = if random.chance(70) {
        json!(format!("2026-01-01T00:{:02}:00+00:00", random.below(60)))
    } else {
        json!(values::time(random))
    };
    let step = match random.below(6) {
        0 => Value::Null,
        1 => values::value(random, 1),
        2 => random
            .pick(&[json!(i64::MAX), json!(i64::MIN), json!(u64::MAX), json!(1e300), json!(1.5)])
            .clone(),
        _ => json!(random.below(50)),
    };
    let mut record = json!({"v": 1, "project": project, "run": run, "run_id": format!("{:08x}", random.below(5)), "timestamp": time});
    match random.below(4) {
        0 => {
            record["kind"] = json!("alert");
            record["title"] = json!(values::text(random));
            record["text"] = values::value(random, 1);
            record["level"] = json!(random.word(&["WARN", "error", "", "\u{1b}[31m"]));
            record["step"] = step;
            record["alert_id"] = json!(format!("{:04x}", random.below(9)));
        }
        1 => {
            record["kind"] = json!("system_metric");
            record["metrics"] =
                json!({"gpu/0/util": values::value(random, 1), (values::text(random)): 1});
            record["log_id"] = json!(format!("{:04x}", random.below(99)));
        }
        _ => {
            record["kind"] = json!("metric");
            record["metrics"] = json!({"loss": values::value(random, 1), (values::text(random)): values::value(random, 2)});
            record["step"] = step;
            record["config"] = values::value(random, 2);
            record["log_id"] = json!(format!("{:04x}", random.below(99)));
        }
    }
    if random.chance(15)
        && let Some(fields) = record.as_object_mut()
    {
        let key = fields.keys().nth(random.below(fields.len())).cloned().unwrap_or_default();
        match random.chance(50) {
            true => drop(fields.shift_remove(&key)),
            false => drop(fields.insert(key, values::value(random, 2))),
        }
    }
    record
}
