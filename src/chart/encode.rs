//! From pixels to a small PNG file.

use std::collections::HashMap;

use png::{BitDepth, ColorType, Compression, Encoder, Filter};
use tiny_skia::Pixmap;

use super::Error;
use super::ink::{self, Ink, PAPER};

/// An indexed PNG has so many colours.
const COLOURS: usize = 256;

/// As indexed PNG. Pixels are of a few inks and of blends with the paper where their edges are
/// smooth: each becomes the nearest of the steps between an ink and the paper.
pub fn png(pixmap: &Pixmap) -> Result<Vec<u8>, Error> {
    let mut palette = Palette::new();
    let indices: Vec<u8> = pixmap
        .pixels()
        .iter()
        .map(|pixel| palette.index(Ink([pixel.red(), pixel.green(), pixel.blue()])))
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, pixmap.width(), pixmap.height());
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(palette.steps.iter().flat_map(|Ink(rgb)| *rgb).collect::<Vec<u8>>());
    encoder.set_compression(Compression::High);
    // Neighbouring indices have nothing to do with each other: no filter foretells them.
    encoder.set_filter(Filter::NoFilter);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&indices)?;
    writer.finish()?;
    Ok(bytes)
}

struct Palette {
    steps: Vec<Ink>,
    known: HashMap<Ink, u8>,
}

impl Palette {
    fn new() -> Self {
        let inks = ink::all().count();
        let steps = (COLOURS - 1) / inks;
        let ramp =
            |ink: Ink| (0..steps).map(move |step| ink.towards_paper(step as f32 / steps as f32));
        let mut all = vec![PAPER];
        all.extend(ink::all().flat_map(ramp));
        Self { steps: all, known: HashMap::new() }
    }

    fn index(&mut self, ink: Ink) -> u8 {
        // Most of a chart is paper.
        if ink == PAPER {
            return 0;
        }
        if let Some(index) = self.known.get(&ink) {
            return *index;
        }
        let distance = |other: &Ink| {
            let apart = |(a, b): (u8, u8)| (i32::from(a) - i32::from(b)).pow(2);
            ink.0.into_iter().zip(other.0).map(apart).sum::<i32>()
        };
        let nearest = self.steps.iter().enumerate().min_by_key(|(_, step)| distance(step));
        let index = nearest.map_or(0, |(index, _)| index as u8);
        self.known.insert(ink, index);
        index
    }
}
