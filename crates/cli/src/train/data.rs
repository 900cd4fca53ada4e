use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, RgbImage};
use tconv::Tensor;

use crate::{Failure, note};

/// Larger photographs are reduced to this many pixels a side: a crop then shows more than a blur.
const LONGEST_SIDE: u32 = 1024;

/// What pixels are fed as: 0 to 255 becomes -0.5 to 0.5, so that the padding's zeros are grey.
const GREY: f32 = 0.5;

/// The photographs in assets/; the last is held out.
const SHIPPED: [(&str, &[u8]); 4] = [
    (
        "astronaut",
        include_bytes!("../../../../assets/astronaut.jpg"),
    ),
    ("chelsea", include_bytes!("../../../../assets/chelsea.jpg")),
    ("rocket", include_bytes!("../../../../assets/rocket.jpg")),
    ("coffee", include_bytes!("../../../../assets/coffee.jpg")),
];

/// A photograph.
pub struct Photo {
    /// The file's name without its extension.
    pub name: String,
    pub pixels: RgbImage,
    /// Whether it is never trained on.
    pub held_out: bool,
}

impl Photo {
    fn new((name, pixels): (String, RgbImage)) -> Photo {
        Photo {
            name,
            pixels,
            held_out: false,
        }
    }
}

/// A whole photograph as it is fed, `[1, height, width, 3]`.
///
/// # Errors
/// When memory does not suffice.
pub fn tensor(pixels: &RgbImage) -> Result<Tensor, Failure> {
    let (width, height) = pixels.dimensions();
    let shape = [1, height as usize, width as usize, 3];
    let mut tensor = Tensor::zeros(tconv::DType::Float32, &shape)?;
    for (to, &from) in tensor.make_mut::<f32>()?.iter_mut().zip(pixels.iter()) {
        *to = level(from);
    }
    Ok(tensor)
}

/// The value that a pixel is fed as.
fn level(pixel: u8) -> f32 {
    f32::from(pixel) / 255.0 - GREY
}

/// The pixel, before rounding, of a value that came out: 0 to 255.
pub fn pixel(level: f32) -> f32 {
    (level + GREY).clamp(0.0, 1.0) * 255.0
}

/// The photographs of the folder, or those that are built in.
///
/// Of four or more every fourth is held out, of two or three the last.
///
/// # Errors
/// When the folder cannot be read or holds no photograph. Other files are skipped; those that are named as
/// pictures are said.
pub fn photographs(folder: Option<&Path>) -> Result<Vec<Photo>, Failure> {
    let mut photos = match folder {
        Some(folder) => read_folder(folder)?,
        None => shipped()?,
    };
    let count = photos.len();
    for (index, photo) in photos.iter_mut().enumerate() {
        photo.held_out = index % 4 == 3 || ((2..4).contains(&count) && index + 1 == count);
    }
    Ok(photos)
}

fn shipped() -> Result<Vec<Photo>, Failure> {
    let decode = |(name, bytes): (&str, &[u8])| {
        let photo =
            image::load_from_memory(bytes).map_err(|error| Failure::at(Path::new(name), error))?;
        Ok(Photo::new((name.to_string(), photo.into_rgb8())))
    };
    SHIPPED.into_iter().map(decode).collect()
}

fn read_folder(folder: &Path) -> Result<Vec<Photo>, Failure> {
    let failed = |error| Failure::at(folder, error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() {
            paths.push(path);
        }
    }
    // The system lists files in any order.
    paths.sort();
    let mut photos = Vec::new();
    for path in paths {
        match read_photo(&path) {
            Ok(pixels) => {
                let name = path
                    .file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                photos.push(Photo::new((name, pixels)));
            }
            Err(error) => note(&format!("skipped {}: {}", path.display(), reason(&error))),
        }
    }
    if photos.is_empty() {
        return Err(Failure::at(
            folder,
            "there is no PNG or JPEG photograph in this folder",
        ));
    }
    Ok(photos)
}

fn reason(error: &ImageError) -> String {
    match error {
        ImageError::Unsupported(_) => "neither PNG nor JPEG".to_string(),
        // Decoders break lines within their messages and after them.
        other => other
            .to_string()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
    }
}

fn read_photo(path: &Path) -> Result<RgbImage, ImageError> {
    let mut decoder = ImageReader::open(path)?
        .with_guessed_format()?
        .into_decoder()?;
    // Cameras turn the picture by a note in the file.
    let orientation = decoder.orientation()?;
    let mut photo = DynamicImage::from_decoder(decoder)?;
    photo.apply_orientation(orientation);
    if photo.width().max(photo.height()) > LONGEST_SIDE {
        photo = photo.thumbnail(LONGEST_SIDE, LONGEST_SIDE);
    }
    Ok(photo.into_rgb8())
}

/// A number that tells these photographs from others (64-bit FNV-1a of names, sizes and pixels).
pub fn fingerprint(photos: &[Photo]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut add = |bytes: &[u8]| {
        for &byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for photo in photos {
        add(photo.name.as_bytes());
        add(&photo.pixels.width().to_le_bytes());
        add(&photo.pixels.height().to_le_bytes());
        add(photo.pixels.as_raw());
    }
    hash
}

/// The batch of one step, `[batch, crop, crop, 3]`: random places in random photographs that are not held
/// out. It depends on nothing but seed and step, so that a run can be resumed at any.
///
/// A photograph that is smaller than a crop goes on mirrored at its edges.
///
/// # Errors
/// When memory does not suffice.
pub fn batch(
    photos: &[Photo],
    seed: u64,
    step: u64,
    batch: usize,
    crop: usize,
) -> Result<Tensor, Failure> {
    let training: Vec<&Photo> = photos.iter().filter(|photo| !photo.held_out).collect();
    let mut random = Random::new(seed, step);
    let mut tensor = Tensor::zeros(tconv::DType::Float32, &[batch, crop, crop, 3])?;
    for image in tensor.make_mut::<f32>()?.chunks_exact_mut(crop * crop * 3) {
        let photo = training[random.below(training.len())];
        let (width, height) = (
            photo.pixels.width() as usize,
            photo.pixels.height() as usize,
        );
        let top = random.below(height.saturating_sub(crop) + 1);
        let left = random.below(width.saturating_sub(crop) + 1);
        let pixels = photo.pixels.as_raw();
        for (y, row) in image.chunks_exact_mut(crop * 3).enumerate() {
            let line = mirrored(top + y, height) * width;
            for (x, to) in row.chunks_exact_mut(3).enumerate() {
                let from = (line + mirrored(left + x, width)) * 3;
                for (to, &from) in to.iter_mut().zip(&pixels[from..from + 3]) {
                    *to = level(from);
                }
            }
        }
    }
    Ok(tensor)
}

/// Where `index` falls in a row of `size` that is repeated, every other time backwards.
fn mirrored(index: usize, size: usize) -> usize {
    match index % (2 * size) {
        forwards if forwards < size => forwards,
        backwards => 2 * size - 1 - backwards,
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn new(seed: u64, step: u64) -> Random {
        // The seed goes through the generator first: neighbouring seeds share no steps then.
        Random(Random(seed).next().wrapping_add(step))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.next()) * limit as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_are_the_published_ones() {
        let mut random = Random(1234567);
        let numbers = [random.next(), random.next(), random.next()];
        assert_eq!(
            numbers,
            [
                6457827717110365317,
                3203168211198807973,
                9817491932198370423
            ]
        );
    }

    #[test]
    fn mirroring() {
        let indices: Vec<usize> = (0..8).map(|index| mirrored(index, 3)).collect();
        assert_eq!(indices, [0, 1, 2, 2, 1, 0, 0, 1]);
        assert!((0..8).all(|index| mirrored(index, 1) == 0));
    }

    #[test]
    fn a_batch_is_of_the_photographs_that_are_not_held_out() {
        let grey = |value| {
            Photo::new((
                String::new(),
                RgbImage::from_pixel(4, 2, image::Rgb([value; 3])),
            ))
        };
        let photos = [
            grey(51),
            Photo {
                held_out: true,
                ..grey(255)
            },
        ];
        let first = batch(&photos, 1, 7, 3, 5).unwrap();
        assert_eq!(first.shape(), [3, 5, 5, 3]);
        assert!(
            first
                .as_slice::<f32>()
                .unwrap()
                .iter()
                .all(|&level| pixel(level).round() == 51.0)
        );
    }

    #[test]
    fn a_batch_depends_on_seed_and_step() {
        let photos = photographs(None).unwrap();
        let at = |seed, step| batch(&photos, seed, step, 2, 9).unwrap();
        assert_eq!(at(1, 5), at(1, 5));
        assert_ne!(at(1, 5), at(1, 6));
        assert_ne!(at(1, 5), at(2, 5));
    }

    #[test]
    fn which_are_held_out() {
        let shipped = photographs(None).unwrap();
        let held_out: Vec<&str> = shipped
            .iter()
            .filter(|photo| photo.held_out)
            .map(|photo| photo.name.as_str())
            .collect();
        assert_eq!(held_out, ["coffee"]);
    }
}
