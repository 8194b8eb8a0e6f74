//! Pictures are decoded and looked at.

use image::{ImageFormat, RgbImage};

use super::ink::{GRID, Ink, PAPER, ink};
use super::*;

const NAN: f64 = f64::NAN;

fn line(style: Style, values: impl IntoIterator<Item = f64>) -> Line {
    let points = values.into_iter().enumerate().map(|(i, value)| (i as f64, value)).collect();
    Line { style, points, smoothed: None, marks: Vec::new() }
}

fn panel(lines: Vec<Line>) -> Panel {
    Panel { title: "loss".to_owned(), is_log: false, lines }
}

fn chart(panels: Vec<Panel>) -> Chart {
    Chart {
        title: "a run".to_owned(),
        legend: Vec::new(),
        key: Vec::new(),
        panels,
        x: Axis { label: "step".to_owned(), is_whole: true },
    }
}

fn drawn(chart: &Chart) -> RgbImage {
    let bytes = draw(chart, Size::USUAL).unwrap();
    assert!(bytes.len() < 60_000, "{} bytes", bytes.len());
    let image = image::load_from_memory_with_format(&bytes, ImageFormat::Png).unwrap().to_rgb8();
    assert_eq!(image.dimensions(), (900, 500));
    image
}

/// Where pixels of about that colour are: left, top, right, bottom.
fn extent(image: &RgbImage, Ink(wanted): Ink) -> Option<(u32, u32, u32, u32)> {
    let is_near = |rgb: [u8; 3]| rgb.into_iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 12);
    let found = image.enumerate_pixels().filter(|(_, _, pixel)| is_near(pixel.0));
    found.fold(None, |extent: Option<(u32, u32, u32, u32)>, (x, y, _)| {
        let (left, top, right, bottom) = extent.unwrap_or((x, y, x, y));
        Some((left.min(x), top.min(y), right.max(x), bottom.max(y)))
    })
}

fn noise(n: usize) -> impl Iterator<Item = f64> {
    (0..n).scan(1_u64, |state, _| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Some((*state >> 33) as f64 / (1_u64 << 31) as f64)
    })
}

#[test]
fn a_curve_goes_from_corner_to_corner() {
    let image = drawn(&chart(vec![panel(vec![line(0, (0..100).map(f64::from))])]));
    let (left, top, right, bottom) = extent(&image, ink(0)).unwrap();
    assert!(left < 80 && right > 850, "{left} to {right}");
    assert!(top < 100 && bottom > 400, "{top} to {bottom}");
    // Up, not down.
    assert!(
        extent(&image::imageops::crop_imm(&image, 0, 0, 200, 250).to_image(), ink(0)).is_none()
    );
}

#[test]
fn a_hole_is_never_bridged_and_is_marked_at_the_foot() {
    let values =
        (0..101).map(|i| if (40..=60).contains(&i) { NAN } else { 1.0 + f64::from(i % 2) });
    let image = drawn(&chart(vec![panel(vec![line(1, values)])]));
    let at = |step: u32| 40 + (step * 840) / 100;
    let part = |from: u32, to: u32, top: u32, bottom: u32| {
        image::imageops::crop_imm(&image, from, top, to - from, bottom - top).to_image()
    };
    assert!(extent(&part(at(44), at(56), 60, 440), ink(1)).is_none(), "nothing within the hole");
    let foot = extent(&part(at(44), at(56), 440, 470), ink(1)).expect("a bar at its foot");
    assert!(foot.2 - foot.0 > 90, "as long as the hole: {foot:?}");
    assert!(extent(&part(at(10), at(30), 60, 440), ink(1)).is_some());
}

#[test]
fn marks_are_where_their_points_are() {
    let mut marked = line(0, (0..101).map(|_| 1.0));
    for (symbol, x) in [(Symbol::Ring, 25.0), (Symbol::Triangle, 50.0), (Symbol::Diamond, 75.0)] {
        marked.marks.push(Mark { symbol, x, y: 1.0 });
    }
    let plain = drawn(&chart(vec![panel(vec![line(0, (0..101).map(|_| 1.0))])]));
    let image = drawn(&chart(vec![panel(vec![marked])]));
    let (left, _, right, _) = extent(&plain, ink(0)).unwrap();
    let differs = |x: u32| (0..500).any(|y| image.get_pixel(x, y) != plain.get_pixel(x, y));
    for share in [0.25, 0.5, 0.75] {
        let column = left + (f64::from(right - left) * share) as u32;
        assert!(differs(column), "no mark at {share}");
    }
    // A triangle needs room above, so the whole curve is lower; but a curve that has none stays.
    assert_eq!(extent(&plain, GRID).map(|e| e.2), extent(&image, GRID).map(|e| e.2));
}

#[test]
fn the_raw_line_is_pale_behind_the_smoothed_one() {
    let mut smoothed = line(2, noise(500));
    smoothed.smoothed = Some((0..500).map(|i| (f64::from(i), 0.5)).collect());
    let image = drawn(&chart(vec![panel(vec![smoothed])]));
    let (_, top, _, bottom) = extent(&image, ink(2)).unwrap();
    assert!(bottom - top < 6, "the strong line is level");
    let (_, top, _, bottom) = extent(&image, ink(2).pale()).unwrap();
    assert!(bottom - top > 300, "the pale one is not");
}

#[test]
fn every_line_of_a_crowd_is_seen() {
    let lines: Vec<Line> = (0..STYLES)
        .map(|style| line(style, noise(300).map(move |n| n + style as f64 * 3.0)))
        .collect();
    let legend = (0..STYLES).map(|style| (style, format!("run-{style}"))).collect();
    let image = drawn(&Chart { legend, ..chart(vec![panel(lines)]) });
    for style in 0..7 {
        let (left, _, right, _) = extent(&image, ink(style)).unwrap();
        assert!(right - left > 700, "{style}");
    }
}

#[test]
fn anything_gives_a_picture() {
    let values: [&[f64]; 9] = [
        &[],
        &[1.0],
        &[NAN],
        &[0.0, 0.0],
        &[-1e308, 1e308],
        &[1e-320, 2e-320],
        &[f64::INFINITY, f64::NEG_INFINITY],
        &[1.0, 1.0 + 1e-15],
        &[-5.0, -1.0, 0.0, 1e-12, 1e12],
    ];
    let name = "n".repeat(200);
    let panels = |is_log: bool| {
        let panel = |values: &&[f64]| {
            let lines = vec![line(0, values.iter().copied())];
            Panel { title: name.clone(), is_log, lines }
        };
        values.iter().map(panel).collect::<Vec<Panel>>()
    };
    for panels in [panels(false), panels(true)] {
        for some in panels.chunks(5) {
            let legend = vec![(0, name.clone()); 20];
            let key = vec![(Symbol::Ring, name.clone())];
            let title = name.clone();
            drawn(&Chart { title, legend, key, ..chart(some.to_vec()) });
        }
    }
    drawn(&chart(Vec::new()));
}

#[test]
fn the_same_chart_gives_the_same_bytes() {
    let chart = chart(vec![panel(vec![line(0, noise(1_000)), line(8, noise(700))])]);
    let draw = || draw(&chart, Size::USUAL).unwrap();
    assert_eq!(draw(), draw());
}

#[test]
fn a_size_that_shows_nothing_is_refused() {
    for (width, height) in [(0, 0), (100, 100), (900, 1_000_000)] {
        let size = Size { width, height };
        let error = draw(&chart(Vec::new()), size).unwrap_err().to_string();
        assert!(error.contains(&format!("{width} x {height}")), "{error}");
    }
    for size in [Size::LEAST, Size { width: 1_600, height: 900 }] {
        draw(&chart(vec![panel(vec![line(0, noise(100))])]), size).unwrap();
    }
}

#[test]
fn the_paper_is_white() {
    let image = drawn(&chart(vec![panel(vec![line(0, noise(100))])]));
    assert_eq!(image.get_pixel(0, 0).0, PAPER.0);
    assert_eq!(image.get_pixel(899, 499).0, PAPER.0);
}
