use image::RgbImage;

use super::data::pixel;

/// The sum of squared differences of pixels' values, 0 to 1, and how many there were.
#[derive(Clone, Copy, Default)]
pub struct Difference {
    squares: f64,
    count: u64,
}

impl Difference {
    /// Between a photograph and values for its pixels, 0 to 255, row by row.
    pub fn between(photo: &RgbImage, other: impl IntoIterator<Item = f32>) -> Difference {
        let mut difference = Difference::default();
        for (&pixel, other) in photo.iter().zip(other) {
            difference.squares += ((f64::from(pixel) - f64::from(other)) / 255.0).powi(2);
            difference.count += 1;
        }
        difference
    }

    /// Both together.
    pub fn and(self, other: Difference) -> Difference {
        Difference {
            squares: self.squares + other.squares,
            count: self.count + other.count,
        }
    }

    /// Peak signal-to-noise ratio in dB.
    pub fn psnr(self) -> f64 {
        psnr(self.squares / self.count as f64)
    }
}

/// Peak signal-to-noise ratio in dB of a mean squared difference of values that span 1.
pub fn psnr(mean_square: f64) -> f64 {
    -10.0 * mean_square.log10()
}

/// A photograph of which each block of `side` by `side` pixels is its mean, 0 to 255, row by row; at the
/// right and at the bottom of what the block has left.
pub fn block_means(photo: &RgbImage, side: u32) -> Vec<f32> {
    let (width, height) = photo.dimensions();
    let (columns, rows) = (width.div_ceil(side), height.div_ceil(side));
    let mut sums = vec![[0f64; 4]; columns as usize * rows as usize];
    let block = |x: u32, y: u32| (y / side) as usize * columns as usize + (x / side) as usize;
    for (x, y, pixel) in photo.enumerate_pixels() {
        let sum = &mut sums[block(x, y)];
        for (sum, &value) in sum.iter_mut().zip(&pixel.0) {
            *sum += f64::from(value);
        }
        sum[3] += 1.0;
    }
    let mean = |(x, y, _): (u32, u32, &image::Rgb<u8>)| {
        let sum = sums[block(x, y)];
        [sum[0], sum[1], sum[2]].map(|value| (value / sum[3]) as f32)
    };
    photo.enumerate_pixels().flat_map(mean).collect()
}

/// Into how many parts each side of a block is cut so that its parts' means are as many numbers as
/// `channels` at the most: what a code of that size must be measured against. 0 when even one mean is more.
pub fn parts(stride: u32, channels: u32) -> u32 {
    let fits =
        |parts: &u32| stride.is_multiple_of(*parts) && numbers(*parts) <= u64::from(channels);
    (1..=stride).rev().find(fits).unwrap_or(0)
}

/// How many numbers the means of `parts` by `parts` parts of a block are.
pub fn numbers(parts: u32) -> u64 {
    3 * u64::from(parts) * u64::from(parts)
}

/// Values as an image of this size.
pub fn to_image(width: u32, height: u32, values: &[f32]) -> RgbImage {
    let mut image = RgbImage::new(width, height);
    for (to, &from) in image.iter_mut().zip(values) {
        // In range: 0 to 255.
        *to = from.round() as u8;
    }
    image
}

/// Pixels of what the network gave.
pub fn pixels(levels: &[f32]) -> Vec<f32> {
    levels.iter().map(|&level| pixel(level)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_of_blocks() {
        let photo = RgbImage::from_fn(3, 2, |x, y| image::Rgb([(10 * y + x) as u8, 7, 0]));
        let means = block_means(&photo, 2);
        let reds: Vec<f32> = means.iter().step_by(3).copied().collect();
        assert_eq!(reds, [5.5, 5.5, 7.0, 5.5, 5.5, 7.0]);
        assert!(means.iter().skip(1).step_by(3).all(|&green| green == 7.0));
    }

    #[test]
    fn psnr_by_hand() {
        let photo = RgbImage::from_pixel(2, 2, image::Rgb([255, 255, 255]));
        let tenth_off = Difference::between(&photo, vec![229.5; 12]);
        assert!((tenth_off.psnr() - 20.0).abs() < 1e-9);
        let twice = tenth_off.and(Difference::between(&photo, vec![255.0; 12]));
        assert!((twice.psnr() - 23.0103).abs() < 1e-4);
    }

    #[test]
    fn a_fair_comparison() {
        assert_eq!(
            [
                parts(4, 12),
                parts(4, 20),
                parts(4, 48),
                parts(4, 3),
                parts(4, 2)
            ],
            [2, 2, 4, 1, 0]
        );
        assert_eq!([parts(3, 20), parts(3, 27), parts(6, 30)], [1, 3, 3]);
    }
}
