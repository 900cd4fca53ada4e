//! Mends of a transposed convolution whose `output_shape` does not fit its value.

use tconv_shape::{Dim, Shape};

use super::{Change, Patient};
use crate::attrs::{AttrReader, AttrValue};
use crate::diagnostic::Help;
use crate::op::Fact;
use crate::ops::conv::Geometry;

/// Strides and kernels up to this are tried.
const LARGEST: i64 = 16;

impl Patient<'_> {
    pub(super) fn of_transposed(&self) -> Vec<Help> {
        let target = &self.nodes[self.target];
        let Ok(geometry) = Geometry::new(&mut AttrReader::new(&target.attrs)) else {
            return Vec::new();
        };
        let own = self.name(self.target);
        let mut mends = Vec::new();
        mends.extend(self.strides(self.target, &geometry, &format!("in {own}")));
        let forward = self.maker(self.target, 2, |node| node.def.name == "Conv2D");
        if let Some(forward) = forward
            && let Ok(geometry) = Geometry::new(&mut AttrReader::new(&self.nodes[forward].attrs))
        {
            let name = self.name(forward);
            mends.extend(self.strides(
                forward,
                &geometry,
                &format!("in {name}, which made the value"),
            ));
        }
        if mends.is_empty() {
            mends.extend(self.padding(&own));
            mends.extend(self.kernel(&own));
        }
        mends.extend(self.output_shape(&geometry));
        mends.extend(self.padded_inputs());
        mends
    }

    /// The nearest other stride with which it fits, of one axis or of both.
    fn strides(&self, node: usize, geometry: &Geometry, place: &str) -> Option<Help> {
        let [height, width] = geometry.strides[..] else {
            return None;
        };
        let both = nearest(height).map(|stride| [stride, stride]);
        let one = nearest(height)
            .map(|stride| [stride, width])
            .chain(nearest(width).map(|stride| [height, stride]));
        let all =
            nearest(height).flat_map(|height| nearest(width).map(move |width| [height, width]));
        one.chain(both).chain(all).find_map(|strides| {
            let text = match strides {
                [height, width] if height == width => format!("stride {height} {place}"),
                [height, width] => format!("strides {height} and {width} {place}"),
            };
            let all = AttrValue::Ints(geometry.format.arrange(1, 1, &strides));
            self.try_out(text, &[Change::Attr(node, "strides", all)])
        })
    }

    fn padding(&self, own: &str) -> Vec<Help> {
        let tried = ["SAME", "VALID"].into_iter().filter_map(|padding| {
            let change = Change::Attr(self.target, "padding", padding.into());
            self.try_out(format!("padding {padding} in {own}"), &[change])
        });
        tried.collect()
    }

    fn kernel(&self, own: &str) -> Option<Help> {
        let filter = self.fact(self.target, 1);
        let dims = filter.shape.dims().filter(|dims| dims.len() == 4)?;
        nearest(dims[0].known()?).find_map(|kernel| {
            let kernels = [Dim::Known(kernel), Dim::Known(kernel)];
            let shape = Shape::new([&kernels[..], &dims[2..]].concat());
            let change = Change::Input(self.target, 1, Fact::new(filter.dtype, shape));
            self.try_out(format!("a kernel of {kernel}x{kernel} in {own}"), &[change])
        })
    }

    /// An `output_shape` made of the value's own sizes.
    fn output_shape(&self, geometry: &Geometry) -> Option<Help> {
        let (sizes, filter, value) = (
            self.fact(self.target, 0),
            self.fact(self.target, 1).shape.dims()?,
            self.fact(self.target, 2).shape.dims()?,
        );
        let before = geometry.wanted(sizes, filter, value).ok()?;
        let mut wanted = before.clone();
        let mut changed = Vec::new();
        for (axis, kernel) in filter[..2].iter().enumerate() {
            let place = geometry.format.spatial_axis(axis);
            let window = geometry.window(axis, kernel).ok()?;
            let (low, high) = window.input_bounds(&value[place]).ok()?;
            // With SAME the largest is the plain multiple, without padding the smallest is.
            let same = window.room(&value[place]).ok()?.is_none();
            let size = if same { high } else { low };
            if window.output(&before[place]).ok()? != value[place] {
                let old = self.words.dim(&before[place]);
                if !changed.contains(&old) {
                    changed.push(old);
                }
                wanted[place] = size;
            }
        }
        let text = self.words.say(|words| words.shape(&wanted));
        let text = match changed.as_slice() {
            [] => return None,
            changed => format!(
                "output_shape {text}, which is no longer {}",
                changed.join(" and ")
            ),
        };
        let fact = Fact::vector_value(sizes.dtype, wanted);
        self.try_out(text, &[Change::Input(self.target, 0, fact)])
    }
}

/// The sizes to try instead of one, the nearest first.
fn nearest(size: i64) -> impl Iterator<Item = i64> {
    let around = (1..LARGEST).flat_map(move |by| [size.saturating_add(by), size - by]);
    around.filter(|size| (1..=LARGEST).contains(size))
}
