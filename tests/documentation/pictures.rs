//! The pictures on the pages are what the program draws of the demo's projects.

use std::env;
use std::fs;
use std::process::Command;

use jiff::Timestamp;
use mcp_trackio::commands::demo::data;

use crate::{REFRESH, between, refresh, root};

/// The pictures of `docs/charts.md`, drawn of the demo's projects: the file, what it shows, what
/// `mcp-trackio plot` is asked.
const PICTURES: &[(&str, &str, &str)] = &[
    (
        "overfitting.png",
        "The held-out loss turns while the training loss falls on: the ring marks its best value, the diamond where \
         overfitting begins.",
        "bert-sentiment --run large-no-dropout",
    ),
    (
        "nan.png",
        "The loss diverges and becomes NaN: the line ends there, and a bar at the foot tells how long that lasts.",
        "bert-sentiment --run high-lr --metric train/loss --metric train/grad_norm --log-y",
    ),
    (
        "sweep.png",
        "Five learning rates: a colour each, the same in both panels.",
        "lora-sweep --run lr1e-5-bs16-s1 --run lr3e-5-bs16-s1 --run lr1e-4-bs16-s1 --run lr3e-4-bs16-s1 \
         --run lr1e-3-bs16-s1 --log-y",
    ),
    (
        "metrics.png",
        "Metrics of different sizes have panels of their own, so that none makes another flat; here by epoch.",
        "bert-sentiment --run baseline --metric train/loss --metric eval/loss --metric eval/accuracy \
         --metric train/grad_norm --metric train/learning_rate --x epoch --smoothing 0.9",
    ),
];

#[test]
fn the_pictures_are_what_their_commands_draw() {
    let directory = tempfile::tempdir().expect("a directory");
    let now = Timestamp::from_second(1_795_000_000).expect("a time");
    data::write(directory.path(), now).expect("the demo's projects");
    let mut shown = String::new();
    for (name, caption, asked) in PICTURES {
        let file = directory.path().join(name);
        let drawn = Command::new(env!("CARGO_BIN_EXE_mcp-trackio"))
            .arg("--dir")
            .arg(directory.path())
            .arg("plot")
            .args(asked.split_whitespace())
            .arg("-o")
            .arg(&file)
            .output()
            .expect("the program");
        assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
        let bytes = fs::read(&file).expect("a picture");
        let kept = root().join("docs/pictures").join(name);
        if env::var_os("UPDATE_DOCS").is_some() {
            fs::create_dir_all(kept.parent().expect("a folder")).expect("a folder");
            fs::write(&kept, &bytes).expect("a writable file");
        }
        let decoded = |bytes: &[u8]| image::load_from_memory(bytes).expect("a picture").to_rgb8();
        let (fresh, kept) = (decoded(&bytes), decoded(&fs::read(&kept).expect("a picture")));
        assert_eq!(fresh.dimensions(), kept.dimensions(), "{name}");
        // The same to the eye: another processor may round the edge of a line otherwise.
        let apart = |(a, b): (&image::Rgb<u8>, &image::Rgb<u8>)| {
            a.0.iter().zip(&b.0).any(|(a, b)| a.abs_diff(*b) > 40)
        };
        let differing = fresh.pixels().zip(kept.pixels()).filter(|pair| apart(*pair)).count();
        assert!(differing < 500, "docs/pictures/{name} is stale; run `{REFRESH}` and commit it");
        shown += &format!(
            "\n![{caption}](pictures/{name})\n\n{caption}\n\n```sh\nmcp-trackio --dir path/to/trackio plot {asked} -o {name}\n```\n"
        );
    }
    refresh("docs/charts.md", |page| between(page, "pictures", &format!("{shown}\n")));
}
