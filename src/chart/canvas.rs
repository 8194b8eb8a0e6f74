//! Lines, shapes and words on pixels.

use tiny_skia::{
    FillRule, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, StrokeDash, Transform,
};

use super::font::Font;
use super::ink::{Ink, PAPER};
use super::{Error, Size, Symbol};

/// A picture in the making. Places are in pixels from the upper left corner.
pub struct Canvas {
    pixmap: Pixmap,
    font: Font,
}

/// Where a text stands from the place that is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Centre,
    Right,
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Pen<'a> {
    pub ink: Ink,
    pub width: f32,
    /// On and off, in widths of the line; empty for solid.
    pub dash: &'a [f32],
}

impl Pen<'_> {
    pub fn solid(ink: Ink, width: f32) -> Self {
        Self { ink, width, dash: &[] }
    }
}

impl Canvas {
    /// An empty sheet.
    pub fn new(size: Size) -> Result<Self, Error> {
        let mut pixmap = Pixmap::new(size.width, size.height).ok_or(Error::Size(size))?;
        let Ink([red, green, blue]) = PAPER;
        pixmap.fill(tiny_skia::Color::from_rgba8(red, green, blue, 255));
        Ok(Self { pixmap, font: Font::embedded()? })
    }

    pub fn pixels(&self) -> &Pixmap {
        &self.pixmap
    }

    pub fn font(&self) -> &Font {
        &self.font
    }

    /// `text` with its baseline at `y`.
    pub fn text(&mut self, text: &str, size: f32, (x, y): (f32, f32), align: Align, ink: Ink) {
        let x = match align {
            Align::Left => x,
            Align::Centre => x - self.font.width(text, size) / 2.0,
            Align::Right => x - self.font.width(text, size),
        };
        if let Some(path) = self.font.outline(text, size, x, y) {
            self.fill(&path, ink);
        }
    }

    /// A line through all points.
    pub fn line(&mut self, points: &[(f32, f32)], pen: Pen<'_>) {
        let mut path = PathBuilder::with_capacity(points.len() + 1, points.len());
        for (place, &(x, y)) in points.iter().enumerate() {
            if place == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
        }
        if let Some(path) = path.finish() {
            self.stroke(&path, pen);
        }
    }

    /// A horizontal or vertical line, sharp.
    pub fn rule(&mut self, from: (f32, f32), to: (f32, f32), pen: Pen<'_>) {
        let sharp = |(x, y): (f32, f32)| (x.floor() + 0.5, y.floor() + 0.5);
        self.line(&[sharp(from), sharp(to)], pen);
    }

    pub fn dot(&mut self, (x, y): (f32, f32), radius: f32, ink: Ink) {
        if let Some(path) = PathBuilder::from_circle(x, y, radius) {
            self.fill(&path, ink);
        }
    }

    pub fn bar(&mut self, left: f32, right: f32, y: f32, height: f32, ink: Ink) {
        let rect = Rect::from_ltrb(left, y - height / 2.0, right, y + height / 2.0);
        if let Some(rect) = rect {
            self.fill(&PathBuilder::from_rect(rect), ink);
        }
    }

    /// A symbol at a point; it stands out from lines below by a rim of paper.
    pub fn symbol(&mut self, symbol: Symbol, (x, y): (f32, f32), ink: Ink) {
        let rim = Pen::solid(PAPER, 2.0);
        match symbol {
            Symbol::Ring => {
                if let Some(path) = PathBuilder::from_circle(x, y, 6.5) {
                    self.stroke(&path, Pen::solid(PAPER, 4.5));
                    self.stroke(&path, Pen::solid(ink, 2.0));
                }
            }
            Symbol::Triangle => {
                let (tip, top) = (y - 4.0, y - 12.0);
                self.shape(&[(x, tip), (x - 4.6, top), (x + 4.6, top)], rim, ink);
            }
            Symbol::Diamond => {
                let points = [(x, y - 5.0), (x + 5.0, y), (x, y + 5.0), (x - 5.0, y)];
                self.shape(&points, rim, ink);
            }
            Symbol::Cross => {
                let arm = 3.2;
                for points in [
                    [(x - arm, y - arm), (x + arm, y + arm)],
                    [(x - arm, y + arm), (x + arm, y - arm)],
                ] {
                    self.line(&points, Pen::solid(ink, 1.8));
                }
            }
            Symbol::Rule => {
                self.line(
                    &[(x, y - 6.0), (x, y + 6.0)],
                    Pen { dash: &[1.5, 1.5], ..Pen::solid(ink, 1.4) },
                );
            }
        }
    }

    fn shape(&mut self, points: &[(f32, f32)], rim: Pen<'_>, ink: Ink) {
        let mut path = PathBuilder::new();
        for (place, &(x, y)) in points.iter().enumerate() {
            if place == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
        }
        path.close();
        if let Some(path) = path.finish() {
            self.stroke(&path, rim);
            self.fill(&path, ink);
        }
    }

    fn fill(&mut self, path: &Path, ink: Ink) {
        let (paint, whole) = (paint(ink), Transform::identity());
        self.pixmap.fill_path(path, &paint, FillRule::Winding, whole, None);
    }

    fn stroke(&mut self, path: &Path, pen: Pen<'_>) {
        let dash = pen.dash.iter().map(|part| part * pen.width).collect();
        let stroke = Stroke {
            width: pen.width,
            line_join: LineJoin::Bevel,
            dash: if pen.dash.is_empty() { None } else { StrokeDash::new(dash, 0.0) },
            ..Stroke::default()
        };
        self.pixmap.stroke_path(path, &paint(pen.ink), &stroke, Transform::identity(), None);
    }
}

fn paint(Ink([red, green, blue]): Ink) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(red, green, blue, 255);
    paint.anti_alias = true;
    paint
}
