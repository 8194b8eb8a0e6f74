//! Charts: curves as a PNG picture, or as one line of text.
//!
//! It draws what it is given: numbers, words and marks. It knows nothing of runs, metrics, SQL or
//! MCP. The same chart gives the same picture.

mod canvas;
mod draw;
mod encode;
mod font;
mod ink;
mod legend;
mod scale;
pub mod sparkline;
#[cfg(test)]
mod tests;
mod ticks;
pub mod trace;

pub use draw::draw;
pub use ink::{STYLES, describe};

/// A picture: panels that share their horizontal axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What is said above it.
    pub title: String,
    /// The lines' names, by style.
    pub legend: Vec<(Style, String)>,
    /// What the symbols mean.
    pub key: Vec<(Symbol, String)>,
    /// One to six.
    pub panels: Vec<Panel>,
    /// The horizontal axis.
    pub x: Axis,
}

/// What is said of the horizontal axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// Its name and unit.
    pub label: String,
    /// Whether there is nothing between whole numbers.
    pub is_whole: bool,
}

/// Lines over one vertical axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// What is said above it.
    pub title: String,
    /// A logarithmic vertical axis: points that are not above zero have no place there.
    pub is_log: bool,
    /// What is drawn, the most important first.
    pub lines: Vec<Line>,
}

/// A line. It breaks where a value is not finite, which is marked at the foot of the panel, and
/// where x goes back.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// How it looks.
    pub style: Style,
    /// As x and y, in the order of drawing.
    pub points: Vec<(f64, f64)>,
    /// Smoothed points: then the others are drawn pale behind them.
    pub smoothed: Option<Vec<(f64, f64)>>,
    /// What is told of single points.
    pub marks: Vec<Mark>,
}

/// One of [`STYLES`] looks: a colour, solid, dashed or dotted. More begin again.
pub type Style = usize;

/// Something at a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    /// How it looks.
    pub symbol: Symbol,
    /// Where.
    pub x: f64,
    /// Where.
    pub y: f64,
}

/// The looks of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Symbol {
    /// A circle around the point.
    Ring,
    /// A triangle above the point, that points at it.
    Triangle,
    /// A diamond on the point.
    Diamond,
    /// A dotted line through the panel.
    Rule,
    /// A cross at the foot of the panel: what non-finite values get.
    Cross,
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Of the whole picture.
    pub width: u32,
    /// Of the whole picture.
    pub height: u32,
}

impl Size {
    /// What fits a conversation and shows enough.
    pub const USUAL: Self = Self { width: 900, height: 500 };
    /// Less shows nothing.
    pub const LEAST: Self = Self { width: 480, height: 300 };
    /// More is for printing.
    pub const MOST: Self = Self { width: 4_000, height: 3_000 };

    /// Whether a chart of this size can be drawn.
    pub fn is_possible(self) -> bool {
        (Self::LEAST.width..=Self::MOST.width).contains(&self.width)
            && (Self::LEAST.height..=Self::MOST.height).contains(&self.height)
    }
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too small or too large.
    #[error("a chart is {} x {} to {} x {} pixels, not {} x {}", Size::LEAST.width, Size::LEAST.height,
        Size::MOST.width, Size::MOST.height, .0.width, .0.height)]
    Size(Size),
    /// The font in this program is damaged.
    #[error("the font cannot be read: {0}")]
    Font(#[from] ttf_parser::FaceParsingError),
    /// The PNG file cannot be written.
    #[error("the picture cannot be encoded: {0}")]
    Encode(#[from] png::EncodingError),
}
