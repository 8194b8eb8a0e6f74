//! Colours and looks of lines.
//!
//! The palette is that of Okabe and Ito ("Color Universal Design", 2008), which people of every
//! colour vision tell apart. Its yellow is left out: it is hardly seen on white. Black is the last,
//! being the colour of words.

/// An opaque colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ink(pub [u8; 3]);

/// The background.
pub const PAPER: Ink = Ink([255, 255, 255]);
/// Titles.
pub const TEXT: Ink = Ink([34, 34, 34]);
/// Axes and their numbers.
pub const AXIS: Ink = Ink([96, 96, 96]);
/// Lines behind the curves.
pub const GRID: Ink = Ink([226, 226, 226]);

const COLOURS: [(Ink, &str); 7] = [
    (Ink([0, 114, 178]), "blue"),
    (Ink([213, 94, 0]), "vermillion"),
    (Ink([0, 158, 115]), "green"),
    (Ink([204, 121, 167]), "purple"),
    (Ink([230, 159, 0]), "orange"),
    (Ink([86, 180, 233]), "sky blue"),
    (Ink([0, 0, 0]), "black"),
];

/// On and off, in widths of the line; none is solid.
const DASHES: [(&[f32], &str); 3] = [(&[], ""), (&[4.0, 2.5], " dashed"), (&[1.2, 2.0], " dotted")];

/// So many looks there are.
pub const STYLES: usize = COLOURS.len() * DASHES.len();

/// All colours that a chart is drawn with.
pub fn all() -> impl Iterator<Item = Ink> {
    COLOURS.into_iter().map(|(ink, _)| ink).chain([TEXT, AXIS, GRID])
}

/// The colour of a style.
pub fn ink(style: usize) -> Ink {
    COLOURS.get(style % COLOURS.len()).map_or(TEXT, |(ink, _)| *ink)
}

/// The dashes of a style.
pub fn dash(style: usize) -> &'static [f32] {
    DASHES.get(style / COLOURS.len() % DASHES.len()).map_or(&[], |(dash, _)| *dash)
}

/// The look of a style in words: `blue`, `green dashed`.
pub fn describe(style: usize) -> String {
    let colour = COLOURS.get(style % COLOURS.len()).map_or("", |(_, name)| *name);
    let dash = DASHES.get(style / COLOURS.len() % DASHES.len()).map_or("", |(_, name)| *name);
    format!("{colour}{dash}")
}

impl Ink {
    /// The colour with so much of the paper's, 0 to 1.
    pub fn towards_paper(self, share: f32) -> Self {
        let Self([r, g, b]) = PAPER;
        let mix = |own: u8, paper: u8| {
            (f32::from(own) + (f32::from(paper) - f32::from(own)) * share).round() as u8
        };
        let Self([red, green, blue]) = self;
        Self([mix(red, r), mix(green, g), mix(blue, b)])
    }

    /// As it is behind a smoothed line.
    pub fn pale(self) -> Self {
        self.towards_paper(0.65)
    }
}
