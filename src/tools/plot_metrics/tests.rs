use image::{ImageFormat, RgbImage};
use serde_json::{Value, json};

use super::super::common::budget::{self, Fitted, MOST_TOKENS};
use super::super::common::fixture::Fixture;
use super::*;

const BLUE: [u8; 3] = [0, 114, 178];
const VERMILLION: [u8; 3] = [213, 94, 0];

/// A run: its name, its row at a step, how many steps.
type Logged<'a> = (&'a str, &'a dyn Fn(i64) -> Value, i64);

fn fixture(runs: &[Logged<'_>]) -> Fixture {
    let fixture = Fixture::empty();
    for (day, (name, row, steps)) in (1..).zip(runs) {
        let rows: Vec<Value> = (0..*steps).map(row).collect();
        fixture.run("p", name, &format!("2026-03-0{day}T10:00:00+00:00"), json!({}), &rows);
    }
    fixture
}

fn asked(runs: &[&str], metrics: &[&str]) -> Args {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Args {
        project: Some("p".to_owned()),
        runs: (!runs.is_empty()).then(|| list(runs)),
        metrics: (!metrics.is_empty()).then(|| list(metrics)),
        ..Args::default()
    }
}

fn answer(fixture: &Fixture, args: &Args) -> Fitted {
    let answer = plot(&fixture.context(), args, Size::USUAL).unwrap();
    budget::fit(answer, MOST_TOKENS).unwrap()
}

fn image(answer: &Fitted) -> RgbImage {
    let picture = answer.picture.as_ref().unwrap();
    image::load_from_memory_with_format(&picture.bytes, ImageFormat::Png).unwrap().to_rgb8()
}

/// The first and the last column that hold a colour, between two rows of pixels.
fn columns(image: &RgbImage, colour: [u8; 3], rows: std::ops::Range<u32>) -> Option<(u32, u32)> {
    let is_near = |rgb: [u8; 3]| rgb.into_iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 12);
    let has = |x: &u32| rows.clone().any(|y| is_near(image.get_pixel(*x, y).0));
    let first = (0..image.width()).find(has)?;
    Some((first, (0..image.width()).rev().find(has)?))
}

fn two_losses(step: i64) -> Value {
    let train = 2.0 - step as f64 / 100.0;
    match step % 10 {
        0 => json!({"train/loss": train, "eval/loss": 1.0 + ((step - 40) as f64 / 50.0).powi(2)}),
        _ => json!({"train/loss": train}),
    }
}

#[test]
fn the_text_says_what_the_picture_shows() {
    let fixture = fixture(&[("r", &two_losses, 101)]);
    let told = answer(&fixture, &asked(&["r"], &[])).text;
    let expected = "\
The picture shows 2 lines in 1 panel of run r (project p), by step.
project: p
run: r
run_id: id-r
x: step
log_y: false
panels: 1

lines:
metric | drawn | n | first | last | min | max | sparkline
train/loss | blue | 101 | 2 @ 0 | 1 @ 100 | 1 @ 100 | 2 @ 0 | ███▇▇▇▇▇▆▆▆▆▅▅▅▅▅▄▄▄▄▄▃▃▃▃▂▂▂▂▂▁▁▁
eval/loss | vermillion | 11 | 1.64 @ 0 | 2.44 @ 100 | 1 @ 40 | 2.44 @ 100 | ▄▃▂▁▁▁▂▃▄▆█

marks:
metric | mark | step | value
eval/loss | best | 40 | 1
eval/loss | overfitting | 40 | 1";
    assert_eq!(told.trim(), expected, "\n{told}");
}

#[test]
fn a_gap_stands_where_its_steps_are() {
    let row = |step: i64| match step {
        50..=74 => json!({"train/loss": "NaN"}),
        _ => json!({"train/loss": 1.0 + (step % 7) as f64 / 10.0}),
    };
    let fixture = fixture(&[("r", &row, 101)]);
    let picture = image(&answer(&fixture, &asked(&["r"], &[])));
    let curve = columns(&picture, BLUE, 70..430).unwrap();
    let foot = columns(&picture, BLUE, 440..460).unwrap();
    let share = |x: u32| 100.0 * f64::from(x - curve.0) / f64::from(curve.1 - curve.0);
    assert!((share(foot.0) - 50.0).abs() < 1.5, "begins at {}", share(foot.0));
    assert!((share(foot.1) - 74.0).abs() < 1.5, "ends at {}", share(foot.1));
}

#[test]
fn metrics_share_a_panel_only_where_that_shows_something() {
    let row = |step: i64| {
        let loss = 1.0 / (step + 1) as f64;
        json!({"train/loss": loss, "eval/loss": loss * 1.1, "eval/acc": 0.5, "train/lr": 1e-4})
    };
    let fixture = fixture(&[("a", &row, 60), ("b", &row, 60)]);
    let panels = |runs: &[&str], metrics: &[&str]| {
        let answer = answer(&fixture, &asked(runs, metrics));
        answer.structured.get("panels").unwrap().as_u64().unwrap()
    };
    let all = ["train/loss", "eval/loss", "eval/acc", "train/lr"];
    assert_eq!(panels(&["a"], &all), 3, "the two losses in one");
    assert_eq!(panels(&["a", "b"], &all), 4, "a metric each");
    let small = |step: i64| json!({"train/loss": 1e-6 * step as f64, "eval/loss": 0.7});
    let fixture = self::fixture(&[("a", &small, 60)]);
    let answer = answer(&fixture, &asked(&["a"], &[]));
    assert_eq!(answer.structured.get("panels"), Some(&json!(2)), "one would be flat");
}

#[test]
fn elapsed_time_puts_a_slow_run_beside_a_fast_one() {
    let loss = |step: i64| json!({"loss": 1.0 / (step + 1) as f64});
    let higher = |step: i64| json!({"loss": 1.0 + 1.0 / (step + 1) as f64});
    let fixture = fixture(&[("long", &loss, 121), ("short", &higher, 61)]);
    let args = Args { x: Some(X::Time), ..asked(&["long", "short"], &["loss"]) };
    let picture = image(&answer(&fixture, &args));
    let (long, short) = (columns(&picture, BLUE, 80..460), columns(&picture, VERMILLION, 80..460));
    let (long, short) = (long.unwrap(), short.unwrap());
    let share = f64::from(short.1 - short.0) / f64::from(long.1 - long.0);
    assert!((share - 0.5).abs() < 0.02, "both begin at their own first row: {share}");
}

#[test]
fn smoothing_leaves_lines_of_few_points_as_they_are() {
    let fixture = fixture(&[("r", &two_losses, 101)]);
    let args = Args { smoothing: Some(0.9), ..asked(&["r"], &[]) };
    let told = answer(&fixture, &args).text;
    assert!(told.contains("Not smoothed, for lines of 40 points or fewer: eval/loss."), "{told}");
}
