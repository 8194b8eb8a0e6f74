//! What a run logs beside numbers, over stdio: pictures as image content, and nothing of any file
//! outside Trackio's media directory, whatever the rows say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use image::{ImageFormat, Rgb, RgbImage};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use support::{Fixture, Session, ToolAnswer, database};

/// A project with one run, whose rows a test writes.
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

    /// A row of the run, as BLOB.
    fn row(&self, step: i64, metrics: &Value) {
        let stamp = format!("2026-03-01T00:00:{step:02}+00:00");
        self.open()
            .execute(
                "INSERT INTO metrics(run_id, run_name, timestamp, step, metrics)
                 VALUES ('camera', 'camera', ?1, ?2, ?3)",
                params![stamp, step, metrics.to_string().into_bytes()],
            )
            .unwrap();
    }

    fn image(&self, step: i64, path: &str) {
        let image =
            json!({"_type": "trackio.image", "file_path": path, "caption": format!("c{step}")});
        self.row(step, &json!({"img": image}));
    }

    /// A file below `media/`, at the path that a row names.
    fn file(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let path = self.fixture.dir.join("media").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn session(&self) -> Session {
        Session::start(&self.fixture.dir)
    }
}

fn png(width: u32, height: u32, color: [u8; 3]) -> Vec<u8> {
    encoded(&RgbImage::from_pixel(width, height, Rgb(color)), ImageFormat::Png)
}

fn encoded(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The picture of an answer, decoded; checks its form and its limits.
fn picture(answer: &ToolAnswer) -> RgbImage {
    let blocks = answer.raw["content"].as_array().unwrap();
    assert_eq!(blocks.len(), 2, "{}", answer.text);
    assert_eq!(blocks[0]["type"], "text");
    assert_eq!(blocks[1]["type"], "image");
    assert!(answer.structured.is_null(), "a client would show it instead of the picture");
    let data = base64(blocks[1]["data"].as_str().unwrap());
    assert!(data.len() <= 256 * 1024, "{} bytes", data.len());
    let format = ImageFormat::from_mime_type(blocks[1]["mimeType"].as_str().unwrap()).unwrap();
    let image = image::load_from_memory_with_format(&data, format).unwrap().to_rgb8();
    assert!(image.width().max(image.height()) <= 768, "{:?}", image.dimensions());
    image
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::prelude::BASE64_STANDARD.decode(text).unwrap()
}

fn has_picture(answer: &ToolAnswer) -> bool {
    answer.raw["content"].as_array().unwrap().iter().any(|block| block["type"] == "image")
}

/// Peak memory of the server in bytes, where the system tells it.
fn peak(session: &Session) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", session.pid())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[test]
fn images_of_every_version_are_shown() {
    for (fixture, project, metric) in [
        ("0.3.4", "mediaproj", "img"),
        ("0.14.2", "mediaproj", "img"),
        ("0.24.2", "demomedia", "img"),
        ("0.43.0", "demomedia", "img"),
        ("0.43.0", "demomedia", "table_img"),
    ] {
        let fixture = Fixture::unpack(fixture);
        let mut session = Session::start(&fixture.dir);
        let asked = json!({"project": project, "run": "media run", "metric": metric});
        let answer = session.call("get_media", asked).ok();
        assert!(!answer.text.contains("problem"), "{}", answer.text);
        let shown = picture(&answer);
        assert!(shown.pixels().any(|pixel| pixel != shown.get_pixel(0, 0)), "{}", answer.text);
    }
}

#[test]
fn windows_and_the_oldest_layout_lead_to_the_file() {
    let logged = Logged::new();
    logged.file("p/camera/0/a.png", &png(20, 10, [200, 0, 0]));
    logged.image(0, "p\\camera\\0\\a.png");
    logged.image(1, "media/p/camera/0/a.png");
    let answer = logged.session().call("get_media", json!({"project": "p", "metric": "img"})).ok();
    assert_eq!(answer.text.matches("p/camera/0/a.png").count(), 4, "{}", answer.text);
    picture(&answer);
}

#[test]
fn one_image_is_shown_whole_and_several_on_a_sheet() {
    let logged = Logged::new();
    for step in 0..30 {
        let path = format!("p/camera/{step}/a.png");
        logged.file(&path, &png(1_000, 500, [step as u8 * 8, 100, 0]));
        logged.image(step, &path);
    }
    let mut session = logged.session();
    let one = session.call("get_media", json!({"project": "p", "metric": "img", "step": 7})).ok();
    let image = picture(&one);
    assert_eq!(image.dimensions(), (768, 384));
    assert_eq!(image.get_pixel(300, 200), &Rgb([56, 100, 0]));
    assert!(one.text.contains("1000x500"), "{}", one.text);
    let all = session.call("get_media", json!({"project": "p", "metric": "img"})).ok();
    let sheet = picture(&all);
    // Twelve tiles in four columns: the first is the first step's, the last the last's.
    assert_eq!(sheet.get_pixel(20, 20), &Rgb([0, 100, 0]));
    let (width, height) = sheet.dimensions();
    assert_eq!(sheet.get_pixel(width - 20, height - 20), &Rgb([232, 100, 0]));
    assert!(all.text.contains("12 images in 4 columns"), "{}", all.text);
    let list = session.call("get_media", json!({"project": "p"})).ok();
    assert!(!has_picture(&list), "a list only");
    let tiny = Logged::new();
    tiny.file("p/camera/0/a.png", &png(28, 28, [9, 9, 9]));
    tiny.image(0, "p/camera/0/a.png");
    let answer = tiny.session().call("get_media", json!({"project": "p", "metric": "img"})).ok();
    assert_eq!(picture(&answer).dimensions(), (252, 252), "enlarged, to be seen");
}

#[test]
fn a_picture_that_does_not_compress_stays_small() {
    let logged = Logged::new();
    let mut state = 1_u32;
    let noise = RgbImage::from_fn(500, 500, |_, _| {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        Rgb([next(), next(), next()])
    });
    logged.file("p/a.png", &encoded(&noise, ImageFormat::Png));
    logged.file("p/b.jpg", &encoded(&noise, ImageFormat::Jpeg));
    logged.image(0, "p/a.png");
    logged.image(1, "p/b.jpg");
    let mut session = logged.session();
    for step in [0, 1] {
        let asked = json!({"project": "p", "metric": "img", "step": step});
        picture(&session.call("get_media", asked).ok());
    }
}

#[test]
fn nothing_outside_the_media_directory_is_read() {
    let logged = Logged::new();
    let secret = png(40, 40, [1, 2, 3]);
    fs::write(logged.fixture.dir.join("secret.png"), &secret).unwrap();
    fs::write(logged.fixture.dir.parent().unwrap().join("secret.png"), &secret).unwrap();
    logged.file("p/camera/0/real.png", &png(10, 10, [0; 3]));
    let absolute = logged.fixture.dir.join("secret.png").display().to_string();
    let mut paths = vec![
        "../secret.png",
        "../../secret.png",
        "p/../../secret.png",
        "media/../secret.png",
        "p/camera/../../../../secret.png",
        "..\\secret.png",
        "/etc/passwd",
        "/dev/zero",
        "p",
        &absolute,
    ];
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        let folder = logged.fixture.dir.join("media/p");
        symlink(logged.fixture.dir.join("secret.png"), folder.join("link.png")).unwrap();
        symlink(logged.fixture.dir.parent().unwrap(), folder.join("up")).unwrap();
        symlink("/dev/zero", folder.join("endless.png")).unwrap();
        let files = folder.join("files");
        fs::create_dir(&files).unwrap();
        symlink(logged.fixture.dir.join("secret.png"), files.join("link.png")).unwrap();
        symlink(logged.fixture.dir.parent().unwrap(), files.join("up")).unwrap();
        paths.extend(["p/link.png", "p/up/secret.png", "p/endless.png"]);
    }
    for (step, path) in paths.iter().enumerate() {
        logged.image(step as i64, path);
    }
    let mut session = logged.session();
    for (step, path) in paths.iter().enumerate() {
        let asked = json!({"project": "p", "metric": "img", "step": step});
        let answer = session.call("get_media", asked).ok();
        assert!(!has_picture(&answer), "{}: {}", path, answer.text);
        assert!(answer.text.contains("is not followed"), "{}: {}", path, answer.text);
        assert!(
            !answer.text.contains("40x40") && !answer.text.contains("passwd"),
            "{}",
            answer.text
        );
    }
    let files = session.call("get_media", json!({"project": "p", "type": "file"})).ok();
    assert!(files.text.contains("total: 0"), "{}", files.text);
}

#[test]
fn files_that_cannot_be_shown_say_why() {
    let logged = Logged::new();
    let whole =
        encoded(&RgbImage::from_fn(300, 300, |x, y| Rgb([x as u8, y as u8, 7])), ImageFormat::Png);
    logged.file("p/cut.png", &whole[..whole.len() / 2]);
    logged.file("p/empty.png", b"");
    logged.file("p/text.png", b"no image at all, but a text");
    File::create(logged.file("p/large.png", b"")).unwrap().set_len(200 << 20).unwrap();
    // The beginning of a real image: were it decoded, it would go on for 200 MB.
    let mut large =
        File::options().write(true).open(logged.fixture.dir.join("media/p/large.png")).unwrap();
    large.write_all(&whole).unwrap();
    logged.file("p/bomb.png", &bomb(30_000));
    let paths =
        ["p/gone.png", "p/cut.png", "p/empty.png", "p/text.png", "p/large.png", "p/bomb.png"];
    for (step, path) in paths.iter().enumerate() {
        logged.image(step as i64, path);
    }
    let mut session = logged.session();
    let reasons =
        ["not there", "damaged or cut short", "no PNG", "no PNG", "larger than", "too many pixels"];
    for (step, reason) in reasons.iter().enumerate() {
        let asked = json!({"project": "p", "metric": "img", "step": step});
        let answer = session.call("get_media", asked).ok();
        assert!(!has_picture(&answer), "{}", answer.text);
        assert!(answer.text.contains(reason), "{}: {}", paths[step], answer.text);
    }
    // One good image among them is shown; the others say why not.
    logged.file("p/good.png", &png(50, 50, [5; 3]));
    logged.image(9, "p/good.png");
    let answer = session.call("get_media", json!({"project": "p", "metric": "img"})).ok();
    picture(&answer);
    assert!(reasons.iter().all(|reason| answer.text.contains(reason)), "{}", answer.text);
    if let Some(peak) = peak(&session) {
        assert!(peak < 256 << 20, "{} MB", peak >> 20);
    }
}

/// A black PNG of so many pixels a side, in a few megabytes at most.
fn bomb(side: u32) -> Vec<u8> {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let row = vec![0; side as usize * 3 + 1];
    for _ in 0..side / 100 {
        packed.write_all(&row).unwrap();
    }
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [side.to_be_bytes(), side.to_be_bytes()].concat();
    header.extend([8, 2, 0, 0, 0]);
    for (kind, data) in [(b"IHDR", header), (b"IDAT", packed.finish().unwrap()), (b"IEND", vec![])]
    {
        bytes.extend((data.len() as u32).to_be_bytes());
        let mut sum = flate2::Crc::new();
        for part in [kind.as_slice(), &data] {
            bytes.extend(part);
            sum.update(part);
        }
        bytes.extend(sum.sum().to_be_bytes());
    }
    bytes
}

#[test]
fn odd_rows_spoil_nothing() {
    let logged = Logged::new();
    logged.file("p/a.png", &png(10, 10, [1; 3]));
    logged.image(0, "p/a.png");
    logged.row(1, &json!({"img": {"_type": "trackio.image"}, "n": 1}));
    logged.row(2, &json!({"img": {"_type": "trackio.image", "file_path": 7, "caption": [1]}}));
    logged.row(3, &json!({"later": {"_type": "trackio.hologram", "file_path": "p/a.png"}}));
    logged.row(4, &json!({"note": "the word \"trackio.image\" in a text", "n": {"_type": 3}}));
    logged.row(5, &json!({"table": {"_type": "trackio.table", "_value": [[1, 2], "x", null]}}));
    logged.row(6, &json!({"table": {"_type": "trackio.table", "_value": "none"}}));
    logged.row(7, &json!({"hist": {"_type": "trackio.histogram", "bins": "x", "values": [1]}}));
    logged
        .open()
        .execute("UPDATE metrics SET metrics = CAST(metrics AS TEXT) WHERE step = 5", [])
        .unwrap();
    let mut session = logged.session();
    let all = session.call("get_media", json!({"project": "p"})).ok();
    for part in ["hologram", "without a file", "total: 7"] {
        assert!(all.text.contains(part), "{part}: {}", all.text);
    }
    let table =
        session.call("get_media", json!({"project": "p", "metric": "table", "step": 5})).ok();
    assert!(table.text.contains("0 | 1\n1 | 2\nx | "), "{}", table.text);
    for metric in ["img", "later", "table", "hist"] {
        session.call("get_media", json!({"project": "p", "metric": metric})).ok();
    }
}

#[test]
fn a_long_report_pages_by_line() {
    let logged = Logged::new();
    let report: Vec<String> = (1..=900).map(|line| format!("line {line} of the report")).collect();
    logged.row(0, &json!({"r": {"_type": "trackio.markdown", "_value": report.join("\n")}}));
    let mut session = logged.session();
    let pages = session.pages("get_media", &json!({"project": "p", "metric": "r"}));
    assert!(pages.len() > 1);
    let lines: usize = pages.iter().map(|page| page.text.matches(" of the report").count()).sum();
    assert_eq!(lines, 900);
}

#[test]
fn a_run_without_media_leads_to_those_that_have_some() {
    let fixture = Fixture::unpack("0.14.2");
    let asked = json!({"project": "mediaproj", "run": "saver"});
    let answer = Session::start(&fixture.dir).call("get_media", asked).ok();
    assert!(answer.text.contains("logged no media; these runs"), "{}", answer.text);
    assert!(answer.text.contains("did: media run"), "{}", answer.text);
}

#[test]
fn saved_files_of_before_0_30_are_told_apart() {
    let fixture = Fixture::unpack("0.14.2");
    let asked = json!({"project": "mediaproj", "type": "file"});
    let answer = Session::start(&fixture.dir).call("get_media", asked).ok();
    assert!(answer.text.contains("total: 0"), "Trackio lists none: {}", answer.text);
    let path = Path::new("media").join("media proj").join("files").join("c.yaml");
    assert!(answer.text.contains(&path.display().to_string()), "{}", answer.text);
}
