//! Charts over stdio: a picture that shows what the text says, for any data; and the same as a file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::process::{Command, Output};

use image::{ImageFormat, RgbImage};
use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};
use support::{Fixture, Session, ToolAnswer, database};

const BLUE: [u8; 3] = [0, 114, 178];
const VERMILLION: [u8; 3] = [213, 94, 0];

/// A project whose rows a test writes, in Trackio's own schema.
struct Logged {
    fixture: Fixture,
}

impl Logged {
    fn new() -> Self {
        let fixture = Fixture::empty();
        database::emptied(&fixture.dir, "p");
        Self { fixture }
    }

    fn open(&self) -> Connection {
        Connection::open(self.fixture.dir.join("p.db")).unwrap()
    }

    /// Rows of a run, ten seconds apart.
    fn run(&self, name: &str, rows: impl IntoIterator<Item = (i64, Value)>) -> &Self {
        let mut connection = self.open();
        let rows_of = connection.transaction().unwrap();
        for (place, (step, metrics)) in rows.into_iter().enumerate() {
            let time = jiff::Timestamp::from_second(1_772_000_000 + place as i64 * 10).unwrap();
            let stamp = time.to_string().replace('Z', "+00:00");
            let metrics = metrics.to_string().into_bytes();
            rows_of
                .execute(
                    "INSERT INTO metrics(run_id, run_name, timestamp, step, metrics)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![format!("id-{name}"), name, stamp, step, metrics],
                )
                .unwrap();
        }
        rows_of.commit().unwrap();
        self
    }

    fn session(&self) -> Session {
        Session::start(&self.fixture.dir)
    }
}

/// Falls from 3 to 1 with a wobble.
fn loss(step: i64) -> f64 {
    1.0 + 2.0 / (1.0 + step as f64 / 50.0) + ((step * 7_919) % 100) as f64 / 1_000.0
}

/// The picture of an answer, decoded; checks its form and its limits.
#[track_caller]
fn picture(answer: &ToolAnswer) -> RgbImage {
    let blocks = answer.raw["content"].as_array().unwrap();
    assert_eq!(blocks.len(), 2, "{}", answer.text);
    assert!(answer.structured.is_null(), "a client would show it instead of the picture");
    assert_eq!(blocks[1]["type"], "image");
    assert_eq!(blocks[1]["mimeType"], "image/png");
    use base64::Engine;
    let data = base64::prelude::BASE64_STANDARD.decode(blocks[1]["data"].as_str().unwrap());
    decoded(&data.unwrap(), (900, 500))
}

#[track_caller]
fn decoded(bytes: &[u8], size: (u32, u32)) -> RgbImage {
    assert!(bytes.len() < 60_000, "{} bytes", bytes.len());
    let image = image::load_from_memory_with_format(bytes, ImageFormat::Png).unwrap().to_rgb8();
    assert_eq!(image.dimensions(), size);
    let paper = image.get_pixel(0, 0);
    assert!(image.pixels().filter(|pixel| *pixel != paper).count() > 500, "it is blank");
    image
}

fn has(image: &RgbImage, colour: [u8; 3]) -> bool {
    let near = |rgb: [u8; 3]| rgb.into_iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 10);
    image.pixels().any(|pixel| near(pixel.0))
}

#[test]
fn the_newest_run_is_drawn_by_its_losses() {
    let logged = Logged::new();
    logged.run("old", (0..50).map(|step| (step, json!({"train/loss": loss(step)}))));
    let row = |step: i64| match step % 10 {
        0 => json!({"train/loss": loss(step), "eval/loss": loss(step) + 0.2, "lr": 1e-4, "x": 1}),
        _ => json!({"train/loss": loss(step), "lr": 1e-4}),
    };
    logged.run("new", (0..200).map(|step| (step, row(step))));
    let answer = logged.session().call("plot_metrics", json!({})).ok();
    let image = picture(&answer);
    assert!(has(&image, BLUE) && has(&image, VERMILLION), "two lines");
    let text = &answer.text;
    assert!(text.starts_with("The picture shows 2 lines in 1 panel of run new"), "{text}");
    for part in
        ["train/loss | blue | 200", "eval/loss | vermillion | 20", "2 other metrics", "best"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn real_runs_of_every_version_are_drawn() {
    for version in ["0.3.4", "0.14.2", "0.24.2", "0.43.0", "upgraded-0.14.2-0.36.0"] {
        let fixture = Fixture::unpack(version);
        let mut session = Session::start(&fixture.dir);
        let mut pictures = 0;
        let projects = session.call("get_all_projects", json!({"limit": 50})).ok().structured;
        for project in projects["projects"].as_array().unwrap() {
            let answer = session.call("plot_metrics", json!({"project": project}));
            if answer.is_error {
                let why = answer.failure();
                let is_clear = why.contains("no metric with numbers")
                    || why.contains("has no runs")
                    || why.contains("registry")
                    || why.contains("cannot be read");
                assert!(is_clear, "{version} {project}: {why}");
            } else {
                picture(&answer);
                pictures += 1;
            }
        }
        assert!(pictures > 0, "{version}");
    }
}

#[test]
fn numbers_are_told_as_logged_and_marks_with_their_steps() {
    let logged = Logged::new();
    let value = |step: i64| match step {
        120 => json!("NaN"),
        121 => json!("Infinity"),
        250 => json!(40.0),
        step => json!(loss(step)),
    };
    logged.run("sick", (0..400).map(|step| (step, json!({"train/loss": value(step)}))));
    let asked = json!({"runs": ["sick"], "smoothing": 0.9});
    let answer = logged.session().call("plot_metrics", asked).ok();
    picture(&answer);
    let text = &answer.text;
    for part in ["smoothing: 0.9", "40 @ 250", "train/loss | spike | 250", "not finite | 120"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let facts = answer.facts();
    let line = &facts["lines"][0];
    assert_eq!((&line["n"], &line["non_finite"]), (&json!(400), &json!(2)), "{text}");
    assert_eq!(line["sparkline"].as_str().unwrap().chars().count(), 40);
}

#[test]
fn twenty_runs_of_long_names_are_told_apart() {
    let logged = Logged::new();
    let name = |run: i64| format!("{}-{run:02}", "n".repeat(197));
    for run in 0..20 {
        let row = |step: i64| json!({"loss": loss(step) + run as f64 / 5.0, "acc": 1.0});
        logged.run(&name(run), (0..100).map(|step| (step, row(step))));
    }
    let runs: Vec<String> = (0..20).map(name).collect();
    let mut session = logged.session();
    let all = json!({"runs": runs, "metrics": ["loss", "acc"], "max_tokens": 8000});
    let answer = session.call("plot_metrics", all).ok();
    picture(&answer);
    assert!(answer.text.contains("40 lines in 2 panels of 20 runs"), "{}", answer.text);
    for look in ["blue |", "orange dashed |", "black dashed |", "sky blue dashed |"] {
        assert!(answer.text.contains(look), "{look}: {}", answer.text);
    }
    let short =
        session.call("plot_metrics", json!({"runs": runs, "metrics": ["loss", "acc"]})).ok();
    assert!(short.text.len() <= 8_000 && short.text.contains("left_out"), "{}", short.text);
    logged.run("one more", [(0, json!({"loss": 1.0}))]);
    let mut too_many = runs;
    too_many.push("one more".to_owned());
    let failure = session.call("plot_metrics", json!({"runs": too_many})).failure();
    assert!(failure.contains("at most 20 runs; 21 were named"), "{failure}");
}

#[test]
fn odd_values_give_a_legible_picture_and_say_what_is_missing() {
    let logged = Logged::new();
    let wave = |step: i64| json!({"wave": (step as f64 / 9.0).sin()});
    let zeros = |step: i64| json!({"z": if step % 9 == 0 { 0.0 } else { loss(step) }});
    logged
        .run("wide", (0..300).map(|i| (i, json!({"v": 10_f64.powf(-12.0 + i as f64 * 0.08)}))))
        .run("wave", (0..300).map(|i| (i, wave(i))))
        .run("zeros", (0..300).map(|i| (i, zeros(i))))
        .run("nan", (0..30).map(|i| (i, json!({"loss": "NaN"}))))
        .run("flat", (0..30).map(|i| (i, json!({"loss": 0.7}))))
        .run("point", [(5, json!({"loss": 0.7}))])
        .run("back", (0..200).chain(120..300).map(|i| (i, json!({"loss": loss(i)}))));
    let mut session = logged.session();
    let cases = [
        ("wide", true, ""),
        ("wide", false, "log_y true shows"),
        ("wave", true, "values below 0: its axis stays linear"),
        ("zeros", true, "34 values of 0 have no place"),
        ("nan", false, "not finite"),
        ("nan", true, "not finite"),
        ("flat", true, "0.7 @ 29"),
        ("point", false, "0.7 @ 5"),
        ("back", false, "resumed | 120"),
    ];
    for (run, log_y, said) in cases {
        let answer = session.call("plot_metrics", json!({"runs": [run], "log_y": log_y})).ok();
        picture(&answer);
        assert!(answer.text.contains(said), "{said}: {}", answer.text);
    }
}

#[test]
fn every_axis_has_its_place() {
    let logged = Logged::new();
    let epochs = |step: i64| json!({"loss": loss(step), "epoch": step / 100});
    logged.run("epochs", (0..400).map(|step| (step, epochs(step))));
    logged.run("none", (0..400).map(|step| (step, json!({"loss": loss(step)}))));
    let mut session = logged.session();
    let mut plot = |runs: Value, x: &str| {
        session.call("plot_metrics", json!({"project": "p", "runs": runs, "x": x}))
    };
    for x in ["step", "time", "epoch"] {
        let answer = plot(json!(["epochs"]), x).ok();
        picture(&answer);
        assert!(answer.text.contains(&format!("by {x}.")), "{}", answer.text);
    }
    let both = plot(json!(["epochs", "none"]), "epoch").ok();
    assert!(both.text.contains("no epoch that grows was logged by none"), "{}", both.text);
    let failure = plot(json!(["none"]), "epoch").failure();
    assert!(failure.contains("Plot by step"), "{failure}");
    let failure = plot(json!(["none"]), "wall").failure();
    assert!(failure.contains("`step`, `time`, `epoch`"), "{failure}");
}

#[test]
fn mistakes_teach() {
    let logged = Logged::new();
    logged.run("a", (0..9).map(|step| (step, json!({"train/loss": loss(step), "note": "text"}))));
    logged.run("words", [(0, json!({"note": "text"}))]);
    let mut session = logged.session();
    let many: Vec<String> = (0..7).map(|i| format!("m{i}")).collect();
    let row: Map<String, Value> = many.iter().map(|name| (name.clone(), json!(1))).collect();
    logged.run("many", [(0, json!(row))]);
    let cases = [
        (json!({"runs": ["a"], "metrics": ["train/lose"]}), "Nearest: `train/loss`"),
        (json!({"runs": ["a"], "metrics": ["note"]}), "holds no numbers but text"),
        (json!({"runs": ["words"]}), "no metric with numbers to draw in run words"),
        (json!({"runs": ["b"], "project": "p"}), "has no run `b`"),
        (json!({"project": "q"}), "no project `q`"),
        (json!({"smoothing": 1}), "at most 0.999"),
        (json!({"runs": ["many"], "metrics": many}), "at most 6 metrics"),
    ];
    for (asked, said) in cases {
        let failure = session.call("plot_metrics", asked.clone()).failure();
        assert!(failure.contains(said), "{asked}: {failure}");
    }
    // What is plainly meant is understood.
    picture(&session.call("plot_metrics", json!({"run": "a", "metric": "train/loss"})).ok());
}

fn plot(logged: &Logged, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-trackio"));
    command.arg("--dir").arg(&logged.fixture.dir).arg("plot").args(arguments).output().unwrap()
}

#[test]
fn the_command_writes_what_the_tool_shows() {
    let logged = Logged::new();
    logged.run("a", (0..99).map(|step| (step, json!({"train/loss": loss(step), "b": 1}))));
    let file = logged.fixture.dir.join("curves.png");
    let name = file.to_str().unwrap();
    fs::write(&file, "replaced").unwrap();
    let written =
        plot(&logged, &["p", "-r", "a", "-m", "train/loss", "-s", "0.5", "-l", "-o", name]);
    assert!(written.status.success(), "{written:?}");
    let text = String::from_utf8(written.stdout).unwrap();
    assert!(text.contains("train/loss | blue | 99"), "{text}");
    let shown = json!({
        "project": "p", "runs": ["a"], "metrics": ["train/loss"], "smoothing": 0.5, "log_y": true,
    });
    let answer = logged.session().call("plot_metrics", shown).ok();
    assert_eq!(decoded(&fs::read(&file).unwrap(), (900, 500)), picture(&answer));
    let piped = plot(&logged, &["--size", "640x400", "-x", "time", "-o", "-"]);
    decoded(&piped.stdout, (640, 400));
    for (arguments, said) in [
        (&["-r", "b", "p", "-o", name][..], "has no run `b`"),
        (&["--size", "9x9", "-o", name], "from 480x300"),
        (&["-s", "1", "-o", name], "from 0 to 0.999"),
        (&["-o", "/nowhere/at/all.png"], "/nowhere/at/all.png"),
        (&[], "--output <FILE>"),
    ] {
        let failed = plot(&logged, arguments);
        let stderr = String::from_utf8(failed.stderr).unwrap();
        assert!(!failed.status.success() && stderr.contains(said), "{arguments:?}: {stderr}");
    }
}
