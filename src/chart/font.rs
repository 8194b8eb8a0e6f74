//! Words as outlines, in the one font that this program carries.
//!
//! A part of DejaVu Sans 2.37: Latin, Greek and Cyrillic letters and a few signs, without
//! hinting. `font/README.md` tells how it was made.

use tiny_skia::{Path, PathBuilder};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

use super::Error;

const FILE: &[u8] = include_bytes!("font/DejaVuSans.ttf");
/// Stands for a letter that the font lacks.
const UNKNOWN: char = '□';
const ELLIPSIS: char = '…';

/// The font.
pub struct Font(Face<'static>);

impl Font {
    /// Reads the embedded file.
    pub fn embedded() -> Result<Self, Error> {
        Ok(Self(Face::parse(FILE, 0)?))
    }

    fn glyph(&self, letter: char) -> GlyphId {
        let found = self.0.glyph_index(letter).or_else(|| self.0.glyph_index(UNKNOWN));
        found.unwrap_or_default()
    }

    fn scale(&self, size: f32) -> f32 {
        size / f32::from(self.0.units_per_em())
    }

    fn advance(&self, letter: char) -> f32 {
        self.0.glyph_hor_advance(self.glyph(letter)).map_or(0.0, f32::from)
    }

    /// How wide `text` is, in pixels.
    pub fn width(&self, text: &str, size: f32) -> f32 {
        text.chars().map(|letter| self.advance(letter)).sum::<f32>() * self.scale(size)
    }

    /// `text` with its left end at `x` and its baseline at `y`; none where nothing is seen.
    pub fn outline(&self, text: &str, size: f32, x: f32, y: f32) -> Option<Path> {
        let scale = self.scale(size);
        let mut pen = Pen { path: PathBuilder::new(), x, y, scale };
        for letter in text.chars() {
            let _ = self.0.outline_glyph(self.glyph(letter), &mut pen);
            pen.x += self.advance(letter) * scale;
        }
        pen.path.finish()
    }

    /// `text`, its middle left out where it is wider than `width`: names often differ at their
    /// ends.
    pub fn fit(&self, text: &str, size: f32, width: f32) -> String {
        if self.width(text, size) <= width {
            return text.to_owned();
        }
        let letters: Vec<char> = text.chars().collect();
        let shortened = |kept: usize| -> String {
            let (head, tail) = (kept.div_ceil(2), kept / 2);
            let head = letters.iter().take(head);
            let tail = letters.iter().skip(letters.len() - tail);
            head.copied().chain([ELLIPSIS]).chain(tail.copied()).collect()
        };
        let (mut fits, mut too_many) = (0, letters.len());
        while fits + 1 < too_many {
            let kept = usize::midpoint(fits, too_many);
            if self.width(&shortened(kept), size) <= width { fits = kept } else { too_many = kept }
        }
        shortened(fits)
    }
}

/// Takes a glyph's outline, from font units with y up to pixels with y down.
struct Pen {
    path: PathBuilder,
    x: f32,
    y: f32,
    scale: f32,
}

impl Pen {
    fn place(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, self.y - y * self.scale)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.place(x1, y1), self.place(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) =
            (self.place(x1, y1), self.place(x2, y2), self.place(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_wide_keeps_both_ends() {
        let font = Font::embedded().unwrap();
        let name = format!("begin{}end", "x".repeat(200));
        let fitted = font.fit(&name, 12.0, 120.0);
        assert!(font.width(&fitted, 12.0) <= 120.0, "{fitted}");
        assert!(font.width(&fitted, 12.0) > 100.0, "as much as fits: {fitted}");
        assert!(fitted.starts_with("begin") && fitted.ends_with("end"), "{fitted}");
        assert_eq!(font.fit("short", 12.0, 120.0), "short");
        assert_eq!(font.fit(&name, 12.0, 0.0), "…");
        assert_eq!(font.fit("", 12.0, 0.0), "");
    }

    #[test]
    fn letters_that_the_font_lacks_take_a_place() {
        let font = Font::embedded().unwrap();
        for text in ["абв", "αβγ", "naïve", "−…×±"] {
            let known = text.chars().all(|letter| font.0.glyph_index(letter).is_some());
            assert!(known, "{text}");
        }
        assert_eq!(font.width("模", 12.0), font.width("□", 12.0));
        assert!(font.outline("模型", 12.0, 0.0, 20.0).is_some());
        assert!(font.outline(" ", 12.0, 0.0, 20.0).is_none());
    }
}
