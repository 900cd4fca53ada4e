use std::path::Path;

use image::{RgbImage, imageops};

use super::data::{Photo, tensor};
use super::figures::{self, Panel};
use super::model::Model;
use super::quality::{Difference, block_means, numbers, parts, pixels, to_image};
use super::settings::Settings;
use crate::Failure;

/// How many photographs of each kind, held out and trained on, are measured at the end.
const MEASURED: usize = 8;
/// How many are shown in reconstruction.png.
const SHOWN: usize = 4;

/// Rebuilds whole photographs, writes them beside the originals and gives the table of their PSNR.
///
/// # Errors
/// The session's own; when the file cannot be written.
pub fn write(
    path: &Path,
    photos: &[Photo],
    model: &Model,
    settings: &Settings,
) -> Result<String, Failure> {
    let of_kind = |held_out| {
        let kind = photos
            .iter()
            .filter(move |photo| photo.held_out == held_out);
        kind.take(MEASURED)
    };
    let mut measured = Vec::new();
    for photo in of_kind(true).chain(of_kind(false)) {
        measured.push(Measured::new(photo, model, settings)?);
    }
    let shown = measured.iter().take(SHOWN);
    let rows: Vec<Vec<Panel>> = shown.map(|one| one.panels(settings)).collect();
    figures::write_reconstruction(path, &rows)?;
    Ok(table(&measured, settings))
}

/// A photograph and what became of it.
struct Measured<'a> {
    photo: &'a Photo,
    pixels: RgbImage,
    rebuilt: Vec<f32>,
    means: Vec<f32>,
    /// What the network rebuilt, blocks' means, and means as many as the code's numbers where the code has
    /// room for more than one a block.
    differences: Vec<Difference>,
}

impl Measured<'_> {
    fn new<'a>(
        photo: &'a Photo,
        model: &Model,
        settings: &Settings,
    ) -> Result<Measured<'a>, Failure> {
        let part = alike(&photo.pixels, settings);
        let rebuilt = pixels(model.rebuild(tensor(&part)?)?.as_slice::<f32>()?);
        let means = block_means(&part, settings.stride);
        let difference = |values: &[f32]| Difference::between(&part, values.iter().copied());
        let mut differences = vec![difference(&rebuilt), difference(&means)];
        if let Some(side) = fair_side(settings) {
            differences.push(difference(&block_means(&part, side)));
        }
        Ok(Measured {
            photo,
            pixels: part,
            rebuilt,
            means,
            differences,
        })
    }

    fn name(&self) -> String {
        let note = if self.photo.held_out {
            " (held out)"
        } else {
            ""
        };
        format!("{}{note}", self.photo.name)
    }

    fn panels(&self, settings: &Settings) -> Vec<Panel> {
        let (width, height) = self.pixels.dimensions();
        let image = |values| to_image(width, height, values);
        let (stride, channels) = (settings.stride, settings.channels);
        let panel = |label: String, picture: RgbImage| Panel { label, picture };
        let decibel = |index: usize| format!("{:.1} dB", self.differences[index].psnr());
        vec![
            panel(self.name(), self.pixels.clone()),
            panel(
                format!("rebuilt from {channels} numbers a block: {}", decibel(0)),
                image(&self.rebuilt),
            ),
            panel(
                format!("means of {stride}x{stride} blocks: {}", decibel(1)),
                image(&self.means),
            ),
        ]
    }
}

/// The photograph less the up to `stride - 1` rows and columns that make its sizes' remainders differ from
/// the crops': where padding goes depends on them, and the network knows only the crops'.
fn alike(photo: &RgbImage, settings: &Settings) -> RgbImage {
    let size = |size: u32| {
        let beyond =
            (i64::from(size) - i64::from(settings.crop)).rem_euclid(settings.stride.into());
        match size.checked_sub(beyond as u32) {
            None | Some(0) => size,
            Some(size) => size,
        }
    };
    imageops::crop_imm(photo, 0, 0, size(photo.width()), size(photo.height())).to_image()
}

/// The side of smaller blocks whose means are about as many numbers as the code's.
fn fair_side(settings: &Settings) -> Option<u32> {
    let parts = parts(settings.stride, settings.channels);
    (parts > 1).then(|| settings.stride / parts)
}

/// The PSNR of each photograph, held-out ones last, and what the code's size must be compared with.
fn table(measured: &[Measured], settings: &Settings) -> String {
    let stride = settings.stride;
    let mut heads = vec!["rebuilt".to_string(), format!("{stride}x{stride} means")];
    let mut sizes = vec![settings.channels.to_string(), numbers(1).to_string()];
    if let Some(side) = fair_side(settings) {
        heads.push(format!("{side}x{side} means"));
        sizes.push(numbers(stride / side).to_string());
    }
    let mut rows = vec![
        ("PSNR in dB".to_string(), heads),
        (format!("numbers kept of {}", numbers(stride)), sizes),
    ];
    let (seen, unseen): (Vec<_>, Vec<_>) = measured.iter().partition(|one| !one.photo.held_out);
    for one in seen.iter().chain(&unseen) {
        let decibels = one
            .differences
            .iter()
            .map(|one| format!("{:.2}", one.psnr()));
        rows.push((one.name(), decibels.collect()));
    }
    let columns = |(name, values): &(String, Vec<String>)| {
        let values: String = values.iter().map(|value| format!("{value:>13}")).collect();
        format!("{name:<28}{values}")
    };
    let mut lines: Vec<String> = rows.iter().map(columns).collect();
    let (kind, judged) = match unseen.is_empty() {
        true => ("trained on (there is no other)", seen),
        false => ("held out", unseen),
    };
    let all = |index: usize| {
        judged
            .iter()
            .map(|one| one.differences[index])
            .fold(Difference::default(), Difference::and)
            .psnr()
    };
    let mut closing = format!(
        "photographs {kind}: {:.2} dB rebuilt from {} numbers a block, {:.2} dB from each {stride}x{stride} block's mean ({} numbers)",
        all(0),
        settings.channels,
        all(1),
        numbers(1)
    );
    if let Some(side) = fair_side(settings) {
        closing += &format!(
            ", {:.2} dB from {side}x{side} means ({} numbers)",
            all(2),
            numbers(stride / side)
        );
    }
    lines.push(closing);
    lines.join("\n")
}
