//! Logged images, made small enough for a model: one as it is, several on one sheet.

use std::io::{BufReader, Cursor};

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{
    DynamicImage, GenericImageView, ImageError, ImageFormat, ImageReader, Limits, Rgb, RgbImage,
    RgbaImage,
};

use super::super::common::picture::{MOST_BYTES, Picture};
use crate::trackio::media::StoredFile;

/// The longer side of a picture that is sent.
const LONGEST_SIDE: u32 = 768;
/// Smaller images are enlarged, pixel by pixel, to about this: models see little in 28 pixels.
const SHORTEST_SIDE: u32 = 256;
/// The gap between the images of a sheet.
const GAP: u32 = 6;
/// What shows through, and between images.
const PAPER: u8 = 255;

/// Larger files are not read, and larger images not decoded. A decoder can hold the file, the
/// image and once more as much; all of it stays well below 256 MB.
const MOST_FILE_BYTES: u64 = 24 << 20;
const MOST_DECODED_BYTES: u64 = 64 << 20;
const MOST_SIDE: u32 = 32_768;

/// The qualities that are tried, one after the other, until a JPEG is small enough.
const QUALITIES: [u8; 3] = [85, 70, 50];

/// An image that was read and made small.
pub struct Thumbnail {
    /// Width and height of the original.
    pub pixels: (u32, u32),
    image: RgbaImage,
}

/// Reads an image, no larger than `cells` of them side by side on a sheet allow. An error is a
/// phrase that says why it cannot be shown.
pub fn read(file: &StoredFile, cells: usize) -> Result<Thumbnail, String> {
    if file.size > MOST_FILE_BYTES {
        return Err(format!("larger than the {} MB that are decoded", MOST_FILE_BYTES >> 20));
    }
    let cannot = |error: std::io::Error| format!("cannot be opened: {}", error.kind());
    let reader = BufReader::new(file.open().map_err(cannot)?);
    let mut reader = ImageReader::new(reader).with_guessed_format().map_err(cannot)?;
    reader.limits(limits());
    let image = reader.decode().map_err(|error| why(&error))?;
    let pixels = image.dimensions();
    let image = fitted(image, cell_side(cells));
    Ok(Thumbnail { pixels, image })
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    limits.max_alloc = Some(MOST_DECODED_BYTES);
    limits
}

fn why(error: &ImageError) -> String {
    match error {
        ImageError::Limits(_) => {
            format!("too many pixels: it would take more than {} MB", MOST_DECODED_BYTES >> 20)
        }
        ImageError::Unsupported(_) => "no PNG, JPEG, GIF or WebP".to_owned(),
        ImageError::IoError(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            format!("cannot be read: {}", error.kind())
        }
        _ => "damaged or cut short".to_owned(),
    }
}

fn fitted(image: DynamicImage, side: u32) -> RgbaImage {
    let (width, height) = image.dimensions();
    let longer = width.max(height);
    if longer > side {
        return image.thumbnail(side, side).to_rgba8();
    }
    let times = SHORTEST_SIDE.min(side).checked_div(longer).unwrap_or(1);
    let small = image.to_rgba8();
    match times {
        0 | 1 => small,
        times => imageops::resize(&small, width * times, height * times, FilterType::Nearest),
    }
}

/// How many columns a sheet of so many images has.
pub fn columns(images: usize) -> usize {
    (1..=images).find(|columns| columns * columns >= images).unwrap_or(1)
}

fn cell_side(images: usize) -> u32 {
    let columns = columns(images) as u32;
    (LONGEST_SIDE - GAP * columns.saturating_sub(1)) / columns.max(1)
}

/// All of them in one picture, row by row; `None` where there is none.
pub fn sheet(thumbnails: &[Thumbnail]) -> Option<Picture> {
    if let [only] = thumbnails {
        return encode(&only.image);
    }
    let columns = columns(thumbnails.len());
    let largest = |side: fn(&RgbaImage) -> u32| thumbnails.iter().map(|t| side(&t.image)).max();
    let (width, height) = (largest(RgbaImage::width)?, largest(RgbaImage::height)?);
    let rows = thumbnails.len().div_ceil(columns);
    let across = |cells: usize, side: u32| cells as u32 * (side + GAP) - GAP;
    let mut sheet = RgbaImage::new(across(columns, width), across(rows, height));
    for (place, thumbnail) in thumbnails.iter().enumerate() {
        let (x, y) = ((place % columns) as u32, (place / columns) as u32);
        let at = (i64::from(x * (width + GAP)), i64::from(y * (height + GAP)));
        imageops::replace(&mut sheet, &thumbnail.image, at.0, at.1);
    }
    encode(&sheet)
}

/// As PNG, exactly; as JPEG where that is too large; smaller where that is too large too.
fn encode(image: &RgbaImage) -> Option<Picture> {
    let mut bytes = Cursor::new(Vec::new());
    let mut image = on_paper(image);
    image.write_to(&mut bytes, ImageFormat::Png).ok()?;
    if bytes.get_ref().len() <= MOST_BYTES {
        return Some(Picture::png(bytes.into_inner()));
    }
    loop {
        for quality in QUALITIES {
            let mut bytes = Vec::new();
            JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(&image).ok()?;
            if bytes.len() <= MOST_BYTES {
                return Some(Picture::jpeg(bytes));
            }
        }
        image = imageops::thumbnail(&image, image.width() * 3 / 4, image.height() * 3 / 4);
    }
}

/// Without transparency, which JPEG lacks and models see in their own ways.
fn on_paper(image: &RgbaImage) -> RgbImage {
    let mut opaque = RgbImage::new(image.width(), image.height());
    for (to, from) in opaque.pixels_mut().zip(image.pixels()) {
        let [red, green, blue, alpha] = from.0.map(u16::from);
        let blend = |color: u16| {
            let blended = (color * alpha + u16::from(PAPER) * (255 - alpha)) / 255;
            u8::try_from(blended).unwrap_or(u8::MAX)
        };
        *to = Rgb([blend(red), blend(green), blend(blue)]);
    }
    opaque
}
