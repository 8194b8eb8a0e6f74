//! What the lines and symbols are called, above the panels: there it covers none of them.

use super::canvas::{Align, Canvas, Pen};
use super::{Chart, Symbol, ink};

const SIZE: f32 = 12.0;
const ROW: f32 = 18.0;
/// The sample of a line and the gap behind it.
const SAMPLE: f32 = 22.0;
const GAP: f32 = 6.0;
/// Between entries.
const APART: f32 = 20.0;
/// Names are cut until all stand in so many rows.
const MOST_ROWS: usize = 5;
/// So many entries or fewer stand one after the other, more in columns.
const FEW: usize = 5;

/// The places of all entries.
pub struct Legend {
    entries: Vec<Entry>,
    /// Of all rows, in pixels.
    pub height: f32,
}

struct Entry {
    look: Look,
    label: String,
    x: f32,
    row: usize,
}

#[derive(Clone, Copy)]
enum Look {
    Line(usize),
    Mark(Symbol),
}

impl Look {
    fn width(self) -> f32 {
        match self {
            Self::Line(_) => SAMPLE,
            Self::Mark(_) => 13.0,
        }
    }
}

impl Legend {
    /// Puts the entries in rows of `width` pixels; longer names are cut in their middle.
    pub fn of(chart: &Chart, canvas: &Canvas, width: f32) -> Self {
        let lines = chart.legend.iter().map(|(style, label)| (Look::Line(*style), label));
        let marks = chart.key.iter().map(|(symbol, label)| (Look::Mark(*symbol), label));
        let all: Vec<(Look, &String)> = lines.chain(marks).collect();
        let mut most = width - SAMPLE - GAP;
        loop {
            let entries = placed(&all, canvas, width, most);
            let rows = entries.last().map_or(0, |entry| entry.row + 1);
            if rows <= MOST_ROWS.min(all.len().div_ceil(2).max(2)) || most < 40.0 {
                return Self { entries, height: rows as f32 * ROW };
            }
            most *= 0.85;
        }
    }

    /// Draws it with its upper left corner there.
    pub fn draw(&self, canvas: &mut Canvas, (left, top): (f32, f32)) {
        for Entry { look, label, x, row } in &self.entries {
            let (x, middle) = (left + x, top + ROW * (*row as f32 + 0.5));
            match look {
                Look::Line(style) => {
                    let pen = Pen { ink: ink::ink(*style), width: 2.4, dash: ink::dash(*style) };
                    canvas.line(&[(x, middle), (x + SAMPLE, middle)], pen);
                }
                Look::Mark(symbol) => {
                    let lowered = if *symbol == Symbol::Triangle { 8.0 } else { 0.0 };
                    canvas.symbol(*symbol, (x + 6.5, middle + lowered), ink::AXIS);
                }
            }
            let place = (x + look.width() + GAP, middle + SIZE * 0.36);
            canvas.text(label, SIZE, place, Align::Left, ink::TEXT);
        }
    }
}

fn placed(all: &[(Look, &String)], canvas: &Canvas, width: f32, most: f32) -> Vec<Entry> {
    let font = canvas.font();
    let labels: Vec<String> = all.iter().map(|(_, label)| font.fit(label, SIZE, most)).collect();
    let labels = told_apart(labels);
    let wide = |((look, _), label): (&(Look, &String), &String)| {
        look.width() + GAP + font.width(label, SIZE) + APART
    };
    let widths: Vec<f32> = all.iter().zip(&labels).map(wide).collect();
    let column = widths.iter().copied().fold(0.0, f32::max);
    let (mut x, mut row) = (0.0, 0);
    let entries = all.iter().zip(labels).zip(widths).map(|(((look, _), label), own)| {
        let step = if all.len() > FEW { column } else { own };
        if x > 0.0 && x + step - APART > width {
            (x, row) = (0.0, row + 1);
        }
        let entry = Entry { look: *look, label, x, row };
        x += step;
        entry
    });
    entries.collect()
}

/// Names that were cut to the same get their number before them.
fn told_apart(labels: Vec<String>) -> Vec<String> {
    let is_shared = |label: &String| labels.iter().filter(|other| *other == label).count() > 1;
    let numbered = labels.iter().enumerate().map(|(place, label)| match is_shared(label) {
        true => format!("{}: {label}", place + 1),
        false => label.clone(),
    });
    numbered.collect()
}
