//! The sizes that go together on each spatial axis.

use serde_json::{Value, json};
use tconv::Error;
use tconv_shape::{Dim, Window};

use super::dim_json;
use super::taps::{Overlap, Taps};

/// How many sizes are listed one by one; of more only the least and the greatest.
const LISTED: i64 = 16;
/// How many terms of a border pixel are listed.
const TERMS: usize = 4;
/// How many pixels a row shows whole; of a longer axis, how many of its start and of its end.
const WHOLE: i64 = 32;
const START: i64 = 16;
const END: i64 = 12;

/// One spatial axis of a transposed convolution.
#[derive(PartialEq)]
pub struct Axis {
    pub window: Window,
    pub value: Dim,
    /// The least and the greatest legal output size.
    pub least: Dim,
    pub greatest: Dim,
    pub sizes: Vec<Size>,
    pub overlap: Option<Overlap>,
    pub row: Option<Row>,
}

/// One output size.
#[derive(PartialEq)]
pub struct Size {
    pub size: Dim,
    pub padding: Option<(i64, i64)>,
    /// The first and the last pixel, where both sizes are known and there are pixels.
    pub border: Option<[Terms; 2]>,
    /// How many pixels nothing feeds.
    pub unreached: Option<i64>,
}

/// Pixel of the value and tap of the kernel, for each product that an output pixel is the sum of.
#[derive(PartialEq)]
pub struct Terms {
    pub first: Vec<(i64, i64)>,
    pub count: usize,
}

/// How many pixels of the value feed each pixel of an axis.
#[derive(PartialEq)]
pub struct Row {
    /// The axis' size; none where it stands for any long one.
    pub size: Option<i64>,
    pub start: Vec<i64>,
    /// The other end, where the middle was left out.
    pub end: Option<Vec<i64>>,
}

impl Axis {
    /// The legal output sizes for `value`, or what there is to say of the one that was asked for.
    ///
    /// # Errors
    /// `Value` when there is none, or a number leaves 64 bits.
    pub fn new(
        name: &str,
        window: Window,
        value: &Dim,
        wanted: Option<&Dim>,
    ) -> tconv::Result<Axis> {
        let (least, greatest) = window
            .input_bounds(value)
            .map_err(|error| Error::from(error).help(format!("{name}: a value of {value:?}")))?;
        if let (Some(low), Some(high)) = (least.known(), greatest.known())
            && low > high
        {
            let kernel = window.kernel();
            return Err(
                Error::value(format!("no {name} goes with a value of {value}")).help(format!(
                    "the padding takes away all that a kernel of {kernel:?} makes of it"
                )),
            );
        }
        let sizes = match wanted {
            None => listed(&window, value, &least, &greatest)?,
            Some(size) if value.known().is_some() => vec![(size.clone(), size.known())],
            Some(_) => Vec::new(),
        };
        let sizes: Vec<Size> = sizes
            .into_iter()
            .map(|(size, like)| Size::new(&window, value, size, like))
            .collect();
        Ok(Axis {
            row: Row::new(&window, value, &sizes),
            overlap: Overlap::new(&window),
            value: value.clone(),
            least,
            greatest,
            sizes,
            window,
        })
    }

    pub fn json(&self, name: &str) -> Value {
        let overlap = self.overlap.as_ref().map(|overlap| {
            let better = overlap.better.as_ref();
            json!({
                "least": overlap.least,
                "greatest": overlap.greatest,
                "holes": overlap.holes,
                "even": overlap.is_even(),
                "kernel_without_holes": better.and_then(|better| better.without_holes),
                "even_kernel": better.and_then(|better| better.even),
                "next_even_kernel": better.and_then(|better| better.next_even),
            })
        });
        let counts = |row: &Row| json!({"size": row.size, "start": row.start, "end": row.end});
        json!({
            "axis": name,
            "value": dim_json(&self.value),
            "least": dim_json(&self.least),
            "greatest": dim_json(&self.greatest),
            "sizes": self.sizes.iter().map(Size::json).collect::<Vec<_>>(),
            "overlap": overlap,
            "counts": self.row.as_ref().map(counts),
        })
    }
}

/// The sizes to list, each with a known one that has the same padding, where there is one.
fn listed(
    window: &Window,
    value: &Dim,
    least: &Dim,
    greatest: &Dim,
) -> tconv::Result<Vec<(Dim, Option<i64>)>> {
    let Some(last) = greatest.minus(least)?.known() else {
        return Ok(Vec::new());
    };
    // What is padded depends on how far a size is above the least, not on the value.
    let like = window.inputs(value.known().unwrap_or(1))?;
    let like = like.filter(|range| range.end() - range.start() == last);
    let offsets: Vec<i64> = match last {
        ..LISTED => (0..=last).collect(),
        _ => vec![0, last],
    };
    let one = |offset| {
        Ok((
            least.plus(offset)?,
            like.as_ref().map(|range| range.start() + offset),
        ))
    };
    offsets.into_iter().map(one).collect()
}

impl Size {
    fn new(window: &Window, value: &Dim, size: Dim, like: Option<i64>) -> Size {
        let known = value.known().zip(size.known());
        let taps = known.and_then(|(value, size)| Taps::new(window, value, size));
        let end = size.known().filter(|size| *size > 0);
        let border = taps.as_ref().zip(end).map(|(taps, end)| {
            [0, end - 1].map(|pixel| Terms {
                first: taps.feeding(pixel).take(TERMS).collect(),
                count: taps.feeding(pixel).count(),
            })
        });
        Size {
            size,
            padding: like.and_then(|like| window.pads(like).ok()),
            border,
            unreached: taps.map(|taps| taps.unreached()),
        }
    }

    fn json(&self) -> Value {
        let terms = |terms: &Terms| json!({"count": terms.count, "terms": terms.first});
        json!({
            "size": dim_json(&self.size),
            "padding": self.padding.map(|(before, after)| [before, after]),
            "first_pixel": self.border.as_ref().map(|[first, _]| terms(first)),
            "last_pixel": self.border.as_ref().map(|[_, last]| terms(last)),
            "unreached": self.unreached,
        })
    }
}

impl Row {
    /// Of the greatest size that is listed; where none is known, of the start of a long axis.
    fn new(window: &Window, value: &Dim, sizes: &[Size]) -> Option<Row> {
        let counts = |taps: &Taps, pixels: std::ops::Range<i64>| {
            pixels
                .map(|pixel| taps.feeding(pixel).count() as i64)
                .collect()
        };
        let known = sizes.last().and_then(|size| size.size.known());
        let Some((value, size)) = value.known().zip(known) else {
            // So many pixels that the shown ones have nothing of the other end.
            let extent = window.extent().ok()?.known()?;
            let value = (extent / window.stride()).checked_add(START + 1)?;
            let size = *window.inputs(value).ok()??.end();
            let taps = Taps::new(window, value, size)?;
            return Some(Row {
                size: None,
                start: counts(&taps, 0..size.min(START)),
                end: None,
            });
        };
        let taps = Taps::new(window, value, size).filter(|_| size > 0)?;
        Some(match size <= WHOLE {
            true => Row {
                size: Some(size),
                start: counts(&taps, 0..size),
                end: None,
            },
            false => Row {
                size: Some(size),
                start: counts(&taps, 0..START),
                end: Some(counts(&taps, size - END..size)),
            },
        })
    }
}
