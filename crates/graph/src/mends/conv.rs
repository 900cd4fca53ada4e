//! Mends of a transposed convolution whose `output_shape` does not fit its value.

use tconv_kernels::conv::Pass;
use tconv_shape::{Dim, Shape};

use super::{Change, Patient};
use crate::attrs::{AttrReader, AttrValue};
use crate::diagnostic::Help;
use crate::node::Node;
use crate::op::Fact;
use crate::ops::conv::{Geometry, axes_of};

/// Strides and kernels up to this are tried.
const LARGEST: i64 = 16;

impl Patient<'_> {
    pub(super) fn of_transposed(&self) -> Vec<Help> {
        let target = &self.nodes[self.target];
        let Some(geometry) = geometry_of(target) else {
            return Vec::new();
        };
        let own = self.name(self.target);
        let mut mends = Vec::new();
        mends.extend(self.strides(self.target, &geometry, &format!("in {own}")));
        let is_forward = |node: &Node| axes_of(Pass::Forward, node.def.name).is_some();
        let forward = self.maker(self.target, 2, is_forward);
        if let Some(forward) = forward
            && let Some(geometry) = geometry_of(&self.nodes[forward])
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

    /// The nearest other stride with which it fits, of one axis or of all.
    fn strides(&self, node: usize, geometry: &Geometry, place: &str) -> Option<Help> {
        let own = geometry.strides.as_slice();
        let one = (0..own.len()).flat_map(|axis| {
            nearest(own[axis]).map(move |stride| {
                let mut strides = own.to_vec();
                strides[axis] = stride;
                strides
            })
        });
        let alike = nearest(own[0]).map(|stride| vec![stride; own.len()]);
        // Of three axes those would be thousands.
        let pair = if let [height, width] = *own {
            Some((height, width))
        } else {
            None
        };
        let all = pair.into_iter().flat_map(|(height, width)| {
            nearest(height)
                .flat_map(move |height| nearest(width).map(move |width| vec![height, width]))
        });
        one.chain(alike).chain(all).find_map(|strides| {
            let words: Vec<_> = strides.iter().map(i64::to_string).collect();
            let text = match words.as_slice() {
                [first, rest @ ..] if rest.iter().all(|word| word == first) => {
                    format!("stride {first} {place}")
                }
                [before @ .., last] => format!("strides {} and {last} {place}", before.join(", ")),
                [] => return None,
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
        let dims = filter.shape.dims()?;
        let axes = dims.len().checked_sub(2)?;
        nearest(dims[0].known()?).find_map(|kernel| {
            let kernels = vec![Dim::Known(kernel); axes];
            let shape = Shape::new([&kernels[..], &dims[axes..]].concat());
            let change = Change::Input(self.target, 1, Fact::new(filter.dtype, shape));
            let kernel = vec![kernel.to_string(); axes].join("x");
            self.try_out(format!("a kernel of {kernel} in {own}"), &[change])
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
        for (axis, kernel) in filter[..geometry.strides.len()].iter().enumerate() {
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

/// The geometry of a convolution that goes forward or back to its input.
fn geometry_of(node: &Node) -> Option<Geometry> {
    let passes = [Pass::Forward, Pass::BackpropInput];
    let axes = passes
        .into_iter()
        .find_map(|pass| axes_of(pass, node.def.name))?;
    Geometry::new(&mut AttrReader::new(&node.attrs), axes).ok()
}

/// The sizes to try instead of one, the nearest first.
fn nearest(size: i64) -> impl Iterator<Item = i64> {
    let around = (1..LARGEST).flat_map(move |by| [size.saturating_add(by), size - by]);
    around.filter(|size| (1..=LARGEST).contains(size))
}
