//! What the errors of the convolutions say beyond their first line.

use std::ops::RangeInclusive;

use tconv_shape::{Dim, Window};

use super::geometry::Geometry;
use crate::{Error, Result};

/// The names of the spatial axes: the last of depth, height and width.
const AXIS_NAMES: [&str; 3] = ["depth", "height", "width"];

impl Geometry {
    /// The names of the spatial axes.
    pub(super) fn axis_names(&self) -> &'static [&'static str] {
        &AXIS_NAMES[AXIS_NAMES.len() - self.spatial()..]
    }

    /// What a forward convolution's filter holds.
    pub(super) fn forward_filter(&self) -> String {
        let axes = self.axis_names().join(", ");
        format!("the filter is [{axes}, input channels, output channels]")
    }

    /// What a transposed convolution's filter holds, in its own terms.
    pub(super) fn transposed_filter(&self) -> String {
        let axes = self.axis_names().join(", ");
        let op = format!("conv{}d_transpose", self.spatial());
        format!("the filter of {op} is [{axes}, output channels, input channels]")
    }

    /// What `output_shape` may be.
    pub(super) fn sizes_wanted(&self) -> String {
        let order = self.format.name(self.spatial());
        match self.spatial() {
            2 => format!(
                "write all four sizes of the output, in {order} order, or the two spatial ones"
            ),
            axes => format!(
                "write all {} sizes of the output, in {order} order",
                axes + 2
            ),
        }
    }

    pub(super) fn axis_name(&self, axis: usize) -> &'static str {
        match axis {
            0 => "batch",
            _ if axis == self.channel() => "channels",
            _ => (0..self.spatial())
                .find(|&s| self.format.spatial_axis(s) == axis)
                .map_or("?", |s| self.axis_names()[s]),
        }
    }

    /// For each axis of a forward input the sizes that a convolution with `filter` takes to `given`; `None`
    /// where there are none.
    pub(super) fn legal_inputs(
        &self,
        filter: &[i64],
        given: &[i64],
    ) -> Result<Vec<Option<RangeInclusive<i64>>>> {
        let mut spatial = Vec::with_capacity(self.spatial());
        for (axis, kernel) in filter.iter().enumerate().take(self.spatial()) {
            let window = self.window(axis, &Dim::Known(*kernel))?;
            let sizes = window.inputs(given[self.format.spatial_axis(axis)])?;
            spatial.push(sizes.filter(|sizes| !sizes.is_empty()));
        }
        let one = |size: i64| Some(size..=size);
        let channels = filter[self.spatial()];
        Ok(self.format.arrange(one(given[0]), one(channels), &spatial))
    }

    /// What `output_shape[axis]` may be for a value of sizes `given`.
    pub(super) fn legal(&self, axis: usize, filter: &[i64], given: &[i64]) -> Option<String> {
        match (0..self.spatial()).find(|&s| self.format.spatial_axis(s) == axis) {
            Some(spatial) => {
                let window = self.window(spatial, &Dim::Known(filter[spatial])).ok()?;
                let legal = window.inputs(given[axis]).ok()??;
                Some(match (legal.start(), legal.end()) {
                    (low, high) if low > high => {
                        format!("no size goes with a value of {}", given[axis])
                    }
                    (low, high) if low == high => format!("{low} is right"),
                    (low, high) => format!("{low} to {high} are right"),
                })
            }
            None if axis == 0 => Some(format!("{} is right", given[0])),
            None => Some(format!("{} is right", filter[self.spatial()])),
        }
    }

    /// Adds, for each spatial axis whose sizes disagree, the numbers, the legal range, and a stride that
    /// would fit.
    pub(super) fn explain(
        &self,
        mut error: Error,
        input: &[Dim],
        filter: &[Dim],
        given: &[Dim],
    ) -> Error {
        if input[0].known() != given[0].known()
            && input[0].known().is_some()
            && given[0].known().is_some()
        {
            error = error.help(format!(
                "batch {} does not go with a batch of {}",
                input[0], given[0]
            ));
        }
        for (axis, kernel) in filter.iter().enumerate().take(self.spatial()) {
            let place = self.format.spatial_axis(axis);
            let (Some(size), Some(actual), Some(kernel)) =
                (input[place].known(), given[place].known(), kernel.known())
            else {
                continue;
            };
            let Ok(window) = self.window(axis, &Dim::Known(kernel)) else {
                continue;
            };
            let made = window
                .output(&Dim::Known(size))
                .ok()
                .and_then(|made| made.known());
            if made == Some(actual) {
                continue;
            }
            let (name, stride) = (self.axis_names()[axis], self.strides[axis]);
            let makes = match made {
                Some(made) => format!("makes {made}"),
                None => "makes none: the kernel does not fit".to_string(),
            };
            let mut line = format!("{name} {size} with stride {stride} {makes}; ");
            line += &match window.inputs(actual) {
                Ok(Some(legal)) if legal.start() < legal.end() => {
                    format!(
                        "an input of {actual} goes with {} to {}",
                        legal.start(),
                        legal.end()
                    )
                }
                Ok(Some(legal)) if legal.start() == legal.end() => {
                    format!("an input of {actual} goes with {}", legal.start())
                }
                _ => format!("no {name} goes with an input of {actual}"),
            };
            let fits = |&stride: &i64| {
                let window = Window::new(
                    kernel,
                    stride,
                    self.dilations[axis],
                    self.padding.axis(axis),
                );
                window.and_then(|w| w.output(&Dim::Known(size))) == Ok(Dim::Known(actual))
            };
            // A stride above the input's size acts as that size does.
            if let Some(stride) = (1..=size.min(4096)).find(fits) {
                line += &format!("; with {name} {size}, stride {stride} fits");
            }
            error = error.help(line);
        }
        error
    }
}
