use std::path::Path;

use image::imageops;
use image::{ImageFormat, Rgb, RgbImage, SubImage};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use plotters::prelude::*;

use super::quality::psnr;
use crate::{Failure, files};

/// The part of a photograph that is shown, at most: its middle, pixel by pixel.
const SHOWN: (u32, u32) = (480, 384);
/// Between photographs, in pixels.
const GAP: u32 = 8;
/// The height of a line of text with some air, in pixels.
const TEXT: u32 = 24;

/// More points than this are not to be told apart in a chart.
const MOST_POINTS: usize = 2000;

const PAPER: Rgb<u8> = Rgb([255, 255, 255]);

/// A picture and what is written above it.
pub struct Panel {
    pub label: String,
    pub picture: RgbImage,
}

/// Writes the rows of pictures as one PNG.
///
/// # Errors
/// When the file cannot be written.
pub fn write_reconstruction(path: &Path, rows: &[Vec<Panel>]) -> Result<(), Failure> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let failed = |error| Failure::at(path, error);
    sheet(rows)
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(failed)?;
    files::replace(path, bytes.get_ref())
}

fn sheet(rows: &[Vec<Panel>]) -> RgbImage {
    let width_of = |panel: &Panel| {
        panel
            .picture
            .width()
            .min(SHOWN.0)
            .max(text_width(&panel.label))
    };
    let height_of = |panel: &Panel| panel.picture.height().min(SHOWN.1);
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let column_width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(width_of)
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<u32> = (0..columns).map(column_width).collect();
    let heights: Vec<u32> = rows
        .iter()
        .map(|row| row.iter().map(height_of).max().unwrap_or(0))
        .collect();
    let width = GAP + widths.iter().map(|width| width + GAP).sum::<u32>();
    let height = GAP
        + heights
            .iter()
            .map(|height| height + TEXT + GAP)
            .sum::<u32>();
    let mut sheet = RgbImage::from_pixel(width, height, PAPER);
    let mut top = GAP;
    for (row, height) in rows.iter().zip(&heights) {
        let mut left = GAP;
        for (panel, width) in row.iter().zip(&widths) {
            write_text(&mut sheet, left, top, &panel.label);
            let picture = middle(&panel.picture);
            imageops::replace(&mut sheet, &*picture, left.into(), (top + TEXT).into());
            left += width + GAP;
        }
        top += height + TEXT + GAP;
    }
    sheet
}

fn middle(picture: &RgbImage) -> SubImage<&RgbImage> {
    let (width, height) = (picture.width().min(SHOWN.0), picture.height().min(SHOWN.1));
    let (left, top) = (
        (picture.width() - width) / 2,
        (picture.height() - height) / 2,
    );
    imageops::crop_imm(picture, left, top, width, height)
}

fn text_width(text: &str) -> u32 {
    (text.chars().count() * get_raster_width(FontWeight::Regular, RasterHeight::Size16)) as u32
}

fn write_text(sheet: &mut RgbImage, left: u32, top: u32, text: &str) {
    let raster = |character| get_raster(character, FontWeight::Regular, RasterHeight::Size16);
    let mut x = left;
    // The font holds ASCII; other letters of a file's name show as question marks.
    for glyph in text
        .chars()
        .filter_map(|character| raster(character).or_else(|| raster('?')))
    {
        for (dy, row) in (0u32..).zip(glyph.rows()) {
            for (dx, &ink) in (0u32..).zip(row) {
                if let Some(pixel) = sheet.get_pixel_mut_checked(x + dx, top + dy) {
                    *pixel = Rgb([255 - ink; 3]);
                }
            }
        }
        x += glyph.width() as u32;
    }
}

/// Writes the loss of each step, and its running mean, as an SVG with a logarithmic axis.
///
/// # Errors
/// When the file cannot be written.
pub fn write_loss(path: &Path, losses: &[f32]) -> Result<(), Failure> {
    let mut svg = String::new();
    draw_loss(&mut svg, losses).map_err(|error| Failure::at(path, error))?;
    files::replace(path, svg.as_bytes())
}

fn draw_loss(svg: &mut String, losses: &[f32]) -> Result<(), Box<dyn std::error::Error>> {
    let points: Vec<(f64, f64)> = (1..)
        .map(f64::from)
        .zip(losses.iter().map(|&loss| f64::from(loss)))
        .filter(|(_, loss)| *loss > 0.0 && loss.is_finite())
        .collect();
    let every = points.len().div_ceil(MOST_POINTS).max(1);
    let low = points
        .iter()
        .map(|point| point.1)
        .fold(f64::INFINITY, f64::min)
        .clamp(1e-12, 1e12);
    let high = points.iter().map(|point| point.1).fold(low, f64::max);
    let root = SVGBackend::with_string(svg, (800, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("mean squared error of each step", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d(
            0.0..losses.len().max(1) as f64,
            (low / 1.2..high * 1.2).log_scale(),
        )?;
    chart
        .configure_mesh()
        .max_light_lines(1)
        .label_style(("sans-serif", 16))
        .x_desc("step")
        .y_desc("loss")
        .x_label_formatter(&|step| format!("{step:.0}"))
        .y_label_formatter(&|loss| format!("{loss:.4}"))
        .draw()?;
    chart
        .draw_series(LineSeries::new(
            points.iter().copied().step_by(every),
            RGBColor(190, 205, 225),
        ))?
        .label("each step")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], RGBColor(190, 205, 225)));
    let smooth = running_mean(&points, (points.len() / 50).max(1));
    let last = smooth.last().map_or(String::new(), |&(_, loss)| {
        format!(", at the end {:.1} dB", psnr(loss))
    });
    let style = ShapeStyle::from(RGBColor(20, 70, 150)).stroke_width(2);
    chart
        .draw_series(LineSeries::new(smooth.into_iter().step_by(every), style))?
        .label(format!("running mean{last}"))
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .label_font(("sans-serif", 16))
        .background_style(WHITE)
        .border_style(RGBColor(200, 200, 200))
        .draw()?;
    root.present()?;
    Ok(())
}

/// The mean of up to `count` points up to each.
fn running_mean(points: &[(f64, f64)], count: usize) -> Vec<(f64, f64)> {
    let mut sum = 0.0;
    let mut means = Vec::with_capacity(points.len());
    for (index, &(step, loss)) in points.iter().enumerate() {
        sum += loss;
        if let Some(gone) = index.checked_sub(count) {
            sum -= points[gone].1;
        }
        means.push((step, sum / (index + 1).min(count) as f64));
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_holds_small_and_large_pictures() {
        let panel = |width, height| Panel {
            label: "é".into(),
            picture: RgbImage::from_pixel(width, height, Rgb([9, 9, 9])),
        };
        let sheet = sheet(&[vec![panel(1, 1), panel(2000, 3)], vec![panel(5, 900)]]);
        assert_eq!(
            sheet.dimensions(),
            (
                3 * GAP + text_width("é") + SHOWN.0,
                3 * GAP + 2 * TEXT + 3 + SHOWN.1
            )
        );
        assert_eq!(*sheet.get_pixel(GAP, GAP + TEXT), Rgb([9, 9, 9]));
    }

    #[test]
    fn a_chart_of_any_losses() {
        for losses in [
            &[][..],
            &[1.0],
            &[0.0, 0.0],
            &[0.5, 0.5, f32::NAN, f32::INFINITY, 1e-30],
        ] {
            let mut svg = String::new();
            draw_loss(&mut svg, losses).unwrap();
            assert!(
                svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"),
                "{losses:?}"
            );
        }
    }

    #[test]
    fn means_of_the_last() {
        let points = [(1.0, 1.0), (2.0, 3.0), (3.0, 5.0)];
        assert_eq!(
            running_mean(&points, 2),
            [(1.0, 1.0), (2.0, 2.0), (3.0, 4.0)]
        );
    }
}
