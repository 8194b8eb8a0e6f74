//! A chart on a canvas: title, legend, panels one below the other over a common axis.

use super::canvas::{Align, Canvas, Pen};
use super::ink::{self, AXIS, GRID, PAPER, TEXT};
use super::legend::Legend;
use super::scale::{Range, Scale};
use super::ticks::{Tick, ticks};
use super::trace::{holes, stretches, thin};
use super::{Chart, Error, Line, Panel, Size, Symbol, encode};

const MARGIN: f32 = 16.0;
const TITLE: f32 = 15.0;
const PANEL_TITLE: f32 = 12.5;
const NUMBERS: f32 = 11.5;
/// Between a plot and its numbers.
const PAD: f32 = 7.0;
/// Between panels.
const GAP: f32 = 14.0;
/// Pixels from one number to the next.
const Y_TICKS: f32 = 40.0;
const X_TICKS: f32 = 95.0;
/// The height of a row of crosses at the foot of a panel, and how many rows there are.
const LANE: f32 = 8.0;
const LANES: usize = 4;
/// Lines of fewer points show each of them, where there are not many lines.
const FEW_POINTS: usize = 40;
const FEW_LINES: usize = 6;

/// Draws a chart as a PNG file.
pub fn draw(chart: &Chart, size: Size) -> Result<Vec<u8>, Error> {
    if !size.is_possible() {
        return Err(Error::Size(size));
    }
    let mut canvas = Canvas::new(size)?;
    let (width, height) = (size.width as f32, size.height as f32);
    let title = canvas.font().fit(&chart.title, TITLE, width - 2.0 * MARGIN);
    canvas.text(&title, TITLE, (MARGIN, MARGIN + TITLE * 0.75), Align::Left, TEXT);
    let legend = Legend::of(chart, &canvas, width - 2.0 * MARGIN);
    let top = MARGIN + TITLE + 5.0;
    legend.draw(&mut canvas, (MARGIN, top));
    let foot = height - MARGIN + 4.0;
    canvas.text(&chart.x.label, NUMBERS, (width - MARGIN, foot), Align::Right, AXIS);
    let area = Area {
        left: MARGIN,
        right: width - MARGIN,
        top: top + legend.height + 6.0,
        bottom: foot - NUMBERS - 4.0,
    };
    panels(&mut canvas, chart, area);
    encode::png(canvas.pixels())
}

/// A part of the picture.
#[derive(Debug, Clone, Copy)]
struct Area {
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
}

/// Up to three panels stand below each other, so that what happened at one step is in one line;
/// more in two columns.
fn grid(panels: usize) -> (usize, usize) {
    let columns = if panels > 3 { 2 } else { 1 };
    (columns, panels.div_ceil(columns).max(1))
}

fn panels(canvas: &mut Canvas, chart: &Chart, area: Area) {
    let (columns, rows) = grid(chart.panels.len());
    let xs = chart.panels.iter().flat_map(|panel| &panel.lines).flat_map(|line| &line.points);
    let x_range = Range::of(xs.map(|(x, _)| *x)).unwrap_or(Range { low: 0.0, high: 1.0 });
    let wide = (area.right - area.left - GAP * (columns - 1) as f32) / columns as f32;
    // Below the lowest row stand the numbers of the horizontal axis.
    let bottom = area.bottom - NUMBERS - PAD;
    let high = (bottom - area.top - GAP * (rows - 1) as f32) / rows as f32;
    for column in 0..columns {
        let left = area.left + (wide + GAP) * column as f32;
        let cells = chart.panels.iter().enumerate().skip(column).step_by(columns);
        let mut plots: Vec<Plot<'_>> = cells
            .map(|(place, panel)| {
                let top = area.top + (high + GAP) * (place / columns) as f32;
                Plot::new(panel, Area { left, right: left + wide, top, bottom: top + high })
            })
            .collect();
        let numbers = plots.iter().map(|plot| plot.numbers_width(canvas)).fold(0.0, f32::max);
        for plot in &mut plots {
            plot.area.left += numbers + PAD;
        }
        let last = plots.len().saturating_sub(1);
        for (place, plot) in plots.iter().enumerate() {
            let inside = plot.area;
            let x = Scale::linear(x_range.padded(0.01), inside.left, inside.right);
            let count = ((inside.right - inside.left) / X_TICKS).max(2.0) as usize;
            let marks = ticks(&x, count, chart.x.is_whole);
            plot.draw(canvas, &x, &marks, place == last);
        }
    }
}

/// A panel and its place.
struct Plot<'a> {
    panel: &'a Panel,
    /// Where the curves are.
    area: Area,
    y: Option<Scale>,
    y_ticks: Vec<Tick>,
    /// For each line, how high above the foot its crosses are.
    lanes: Vec<Option<f32>>,
}

impl<'a> Plot<'a> {
    fn new(panel: &'a Panel, cell: Area) -> Self {
        let title = if panel.title.is_empty() { 0.0 } else { PANEL_TITLE + 7.0 };
        let area = Area { top: cell.top + title, ..cell };
        let lanes = lanes(&panel.lines);
        let foot = lanes.iter().flatten().copied().fold(0.0, f32::max);
        let is_spiked = panel.lines.iter().flat_map(|line| &line.marks);
        let is_spiked = is_spiked.into_iter().any(|mark| mark.symbol == Symbol::Triangle);
        let head = if is_spiked { 11.0 } else { 0.0 };
        let foot = if foot > 0.0 { foot + LANE / 2.0 + 1.0 } else { 0.0 };
        let y = scale(panel, area.bottom - foot, area.top + head);
        let count = ((area.bottom - area.top) / Y_TICKS).clamp(2.0, 10.0) as usize;
        let y_ticks = y.as_ref().map(|y| ticks(y, count, false)).unwrap_or_default();
        Self { panel, area, y, y_ticks, lanes }
    }

    fn numbers_width(&self, canvas: &Canvas) -> f32 {
        let widths = self.y_ticks.iter().map(|tick| canvas.font().width(&tick.label, NUMBERS));
        widths.fold(0.0, f32::max)
    }

    fn draw(&self, canvas: &mut Canvas, x: &Scale, x_ticks: &[Tick], has_numbers: bool) {
        let Area { left, right, top, bottom } = self.area;
        if !self.panel.title.is_empty() {
            let title = canvas.font().fit(&self.panel.title, PANEL_TITLE, right - left);
            canvas.text(&title, PANEL_TITLE, (left, top - 6.0), Align::Left, TEXT);
        }
        let line = Pen::solid(GRID, 1.0);
        for (tick, at) in x_ticks.iter().filter_map(|tick| Some((tick, x.place(tick.value)?))) {
            canvas.rule((at, top), (at, bottom), line);
            if has_numbers {
                let place = (at, bottom + PAD + NUMBERS * 0.72);
                let half = canvas.font().width(&tick.label, NUMBERS) / 2.0;
                let place = (place.0.min(right + MARGIN - half - 2.0), place.1);
                canvas.text(&tick.label, NUMBERS, place, Align::Centre, AXIS);
            }
        }
        let Some(y) = &self.y else {
            let middle = ((left + right) / 2.0, (top + bottom) / 2.0);
            canvas.text("no finite value", PANEL_TITLE, middle, Align::Centre, AXIS);
            self.feet(canvas, x);
            canvas.rule((left, bottom), (right, bottom), Pen::solid(AXIS, 1.0));
            return;
        };
        for (tick, at) in self.y_ticks.iter().filter_map(|t| Some((t, y.place(t.value)?))) {
            canvas.rule((left, at), (right, at), line);
            let place = (left - PAD, at + NUMBERS * 0.36);
            canvas.text(&tick.label, NUMBERS, place, Align::Right, AXIS);
        }
        canvas.rule((left, bottom), (right, bottom), Pen::solid(AXIS, 1.0));
        self.feet(canvas, x);
        self.curves(canvas, x, y);
        self.marks(canvas, x, y);
    }

    /// Crosses where values are not finite, and bars as long as they stay so.
    fn feet(&self, canvas: &mut Canvas, x: &Scale) {
        for (line, lane) in self.panel.lines.iter().zip(&self.lanes) {
            let Some(lane) = lane else { continue };
            let (at, ink) = (self.area.bottom - lane, ink::ink(line.style));
            let mut reached = f32::NEG_INFINITY;
            for (from, to) in holes(&line.points) {
                let (Some(from), Some(to)) = (x.place(from), x.place(to)) else { continue };
                if to - from > 2.0 {
                    canvas.bar(from, to, at, 3.0, ink);
                }
                if from > reached + 5.0 {
                    canvas.symbol(Symbol::Cross, (from, at), ink);
                    reached = from;
                }
            }
        }
    }

    /// Pale lines first, the most important line last.
    fn curves(&self, canvas: &mut Canvas, x: &Scale, y: &Scale) {
        let lines = || self.panel.lines.iter().rev();
        for line in lines().filter(|line| line.smoothed.is_some()) {
            let pen = Pen::solid(ink::ink(line.style).pale(), 1.0);
            curve(canvas, &line.points, pen, false, x, y);
        }
        let is_crowded = self.panel.lines.len() > FEW_LINES;
        let width = if is_crowded { 1.4 } else { 1.8 };
        for line in lines() {
            let pen = Pen { ink: ink::ink(line.style), width, dash: ink::dash(line.style) };
            let has_dots = !is_crowded && line.points.len() <= FEW_POINTS;
            curve(canvas, line.smoothed.as_ref().unwrap_or(&line.points), pen, has_dots, x, y);
        }
    }

    fn marks(&self, canvas: &mut Canvas, x: &Scale, y: &Scale) {
        let Area { top, bottom, .. } = self.area;
        for line in self.panel.lines.iter().rev() {
            for mark in &line.marks {
                let Some(across) = x.place(mark.x) else { continue };
                if mark.symbol == Symbol::Rule {
                    let pen = Pen { dash: &[2.0, 3.0], ..Pen::solid(AXIS, 1.0) };
                    canvas.rule((across, top), (across, bottom), pen);
                } else if let Some(down) = y.place(mark.y) {
                    canvas.symbol(mark.symbol, (across, down), ink::ink(line.style));
                }
            }
        }
    }
}

fn curve(
    canvas: &mut Canvas,
    points: &[(f64, f64)],
    pen: Pen<'_>,
    has_dots: bool,
    x: &Scale,
    y: &Scale,
) {
    let column = |value: f64| x.place(value).map_or(i64::MIN, |pixel| pixel as i64);
    let points = thin(points.iter().copied(), column);
    for stretch in stretches(&points, |point| Some((x.place(point.0)?, y.place(point.1)?))) {
        canvas.line(&stretch, pen);
        if has_dots || stretch.len() == 1 {
            for point in &stretch {
                canvas.dot(*point, pen.width + 2.0, PAPER);
                canvas.dot(*point, pen.width + 0.8, pen.ink);
            }
        }
    }
}

/// The vertical axis of all that is drawn; none where nothing can be.
fn scale(panel: &Panel, bottom: f32, top: f32) -> Option<Scale> {
    let lines = panel.lines.iter();
    let points = lines.flat_map(|line| line.points.iter().chain(line.smoothed.iter().flatten()));
    let values = points.map(|(_, y)| *y);
    let scale = match panel.is_log {
        true => Scale::log(Range::of(values.filter(|value| *value > 0.0))?, bottom, top),
        false => Scale::linear(Range::of(values)?, bottom, top),
    };
    Some(scale.padded(0.04))
}

/// Lines with holes get a row for their crosses, the first ones rows of their own.
fn lanes(lines: &[Line]) -> Vec<Option<f32>> {
    let mut taken = 0;
    let lane = |line: &Line| {
        line.points.iter().any(|(_, y)| !y.is_finite()).then(|| {
            taken += 1;
            LANE * (((taken - 1) % LANES) as f32 + 0.75)
        })
    };
    lines.iter().map(lane).collect()
}
