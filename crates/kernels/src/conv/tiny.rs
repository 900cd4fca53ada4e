//! Convolutions of so few numbers that any preparation would take longer than they do.

use tconv_shape::ConvShape;

use super::grid::{Strides, axes};
use super::{Call, Pass};
use crate::simd::Float;

/// The most multiplications, and the most elements of a tensor.
const MOST: usize = 2048;

pub(super) fn pays(pass: Pass, shape: &ConvShape) -> bool {
    let taps = shape.axes.iter().map(|axis| axis.kernel);
    let depth = shape.in_channels / shape.groups;
    let output = match pass {
        Pass::BackpropInput => pass.lens(shape)[0],
        Pass::Forward => pass.lens(shape)[2],
        Pass::BackpropFilter => pass.lens(shape)[1],
    };
    let work = taps.fold(output.saturating_mul(depth), usize::saturating_mul);
    work <= MOST && pass.lens(shape).into_iter().all(|len| len <= MOST)
}

/// Window by window and tap by tap: what a tap sees of the input, its part of the filter and the window's output.
pub(super) fn compute<T: Float>(call: Call<'_, T>) {
    let Call {
        pass,
        shape,
        a,
        b,
        out,
        ..
    } = call;
    let axes = axes(shape);
    let input = Strides::new(shape, shape.in_channels, |axis| axis.input);
    let output = Strides::new(shape, shape.out_channels, |axis| axis.output);
    let (depth, width) = (
        shape.in_channels / shape.groups,
        shape.out_channels / shape.groups,
    );
    out.fill(T::default());
    for batch in 0..shape.batch {
        each(axes.map(|axis| axis.output), |window, _| {
            each(axes.map(|axis| axis.kernel), |tap, index| {
                let mut seen = Some(batch * input.batch);
                for (i, axis) in axes.iter().enumerate() {
                    let at = window[i] * axis.stride + tap[i] * axis.dilation;
                    let at = at
                        .checked_sub(axis.pad_before)
                        .filter(|&at| at < axis.input);
                    seen = seen.zip(at).map(|(place, at)| place + at * input.axes[i]);
                }
                if seen.is_none() && pass == Pass::BackpropInput {
                    return;
                }
                let made = output.place(batch, window, 0);
                for channel in 0..shape.in_channels {
                    let group = channel / depth;
                    let seen = seen.map(|seen| seen + channel * input.channel);
                    let filter = (index * depth + channel % depth) * shape.out_channels;
                    for channel in group * width..(group + 1) * width {
                        let (filter, made) = (filter + channel, made + channel * output.channel);
                        match (pass, seen) {
                            (Pass::BackpropInput, Some(seen)) => out[seen] += a[made] * b[filter],
                            (Pass::BackpropInput, None) => {}
                            // The padding's zeros are multiplied too: they make infinities NaN.
                            (_, seen) => {
                                let x = seen.map_or(T::default(), |seen| a[seen]);
                                match pass {
                                    Pass::Forward => out[made] += x * b[filter],
                                    _ => out[filter] += x * b[made],
                                }
                            }
                        }
                    }
                }
            });
        });
    }
}

/// Calls `visit` with each element's coordinates of a grid and its index.
#[inline(always)]
fn each(sizes: [usize; 3], mut visit: impl FnMut([usize; 3], usize)) {
    let mut index = 0;
    for z in 0..sizes[0] {
        for y in 0..sizes[1] {
            for x in 0..sizes[2] {
                visit([z, y, x], index);
                index += 1;
            }
        }
    }
}
