use tconv_shape::{ConvAxis, ConvShape, DataFormat};

use crate::gemm::Offsets;

/// An axis of one element, put before a convolution's own so that there are always three.
const UNIT: ConvAxis = ConvAxis {
    input: 1,
    kernel: 1,
    output: 1,
    stride: 1,
    dilation: 1,
    pad_before: 0,
    pad_after: 0,
};

/// The spatial axes, filled up to three.
///
/// Where there is one window only, its stride says nothing: it is then the kernel's size, so that each of the
/// input's positions is a stride phase of one tap. Axes of one element come first, which changes no place, so that the
/// last axis is one whose phases are side by side in memory.
pub(super) fn axes(shape: &ConvShape) -> [ConvAxis; 3] {
    let mut all = [UNIT; 3];
    let missing = 3 - shape.axes.len();
    all[missing..].copy_from_slice(&shape.axes);
    for axis in &mut all {
        if axis.output == 1 && axis.dilation == 1 {
            axis.stride = axis.stride.max(axis.kernel);
        }
    }
    let plain =
        |axis: &ConvAxis| (axis.input, axis.kernel, axis.output, axis.pad_before) == (1, 1, 1, 0);
    all.sort_by_key(|axis| !plain(axis));
    all
}

/// The last two axes of a convolution whose rows are runs of neighbours: not a volume, channels last and in one group, the
/// taps of a row side by side, nothing empty.
pub(super) fn plane(shape: &ConvShape) -> Option<[ConvAxis; 2]> {
    let [deep, tall, wide] = axes(shape);
    let flat = [deep.input, deep.kernel, deep.output, deep.pad_before] == [1, 1, 1, 0];
    let some = |axis: &ConvAxis| axis.input > 0 && axis.output > 0 && axis.kernel > 0;
    let fits = flat
        && some(&tall)
        && some(&wide)
        && [shape.batch, shape.in_channels, shape.out_channels]
            .iter()
            .all(|&n| n > 0)
        && shape.groups == 1
        && shape.format == DataFormat::ChannelsLast
        && (wide.dilation == 1 || wide.kernel == 1);
    fits.then_some([tall, wide])
}

/// The coordinates of element `index` of a grid with these sizes.
pub(super) fn unravel(index: usize, sizes: [usize; 3]) -> [usize; 3] {
    let rest = index / sizes[2];
    [rest / sizes[1], rest % sizes[1], index % sizes[2]]
}

/// Where a tensor's elements are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strides {
    sizes: [usize; 3],
    pub(super) channels: usize,
    pub(super) batch: usize,
    pub(super) axes: [usize; 3],
    pub(super) channel: usize,
    pub(super) channels_last: bool,
}

impl Strides {
    /// Those of a tensor with so many channels and with `size` elements along each axis.
    pub(super) fn new(
        shape: &ConvShape,
        channels: usize,
        size: impl Fn(&ConvAxis) -> usize,
    ) -> Strides {
        let sizes = axes(shape).map(|axis| size(&axis));
        let channels_last = shape.format == DataFormat::ChannelsLast;
        let pixel = if channels_last { channels } else { 1 };
        let row = sizes[2] * pixel;
        let plane = sizes[1] * row;
        Strides {
            sizes,
            channels,
            batch: sizes.iter().product::<usize>() * channels,
            axes: [plane, row, pixel],
            channel: if channels_last { 1 } else { sizes[0] * plane },
            channels_last,
        }
    }

    /// The place of an element.
    pub(super) fn place(&self, batch: usize, at: [usize; 3], channel: usize) -> usize {
        let [z, y, x] = self.axes;
        batch * self.batch + at[0] * z + at[1] * y + at[2] * x + channel * self.channel
    }

    /// The element at a place: batch, coordinates, channel.
    pub(super) fn position(&self, place: usize) -> (usize, [usize; 3], usize) {
        let (batch, rest) = (place / self.batch, place % self.batch);
        let (pixel, channel) = if self.channels_last {
            (rest / self.channels, rest % self.channels)
        } else {
            (rest % self.channel, rest / self.channel)
        };
        (batch, unravel(pixel, self.sizes), channel)
    }
}

/// Walks through the pixels of a batch of grids in order.
#[derive(Clone, Copy)]
pub(super) struct Walk {
    sizes: [usize; 3],
    pub(super) batch: usize,
    pub(super) at: [usize; 3],
}

impl Walk {
    /// Starts at pixel `first`. No size is 0.
    pub(super) fn new(sizes: [usize; 3], first: usize) -> Walk {
        let pixels: usize = sizes.iter().product();
        Walk {
            sizes,
            batch: first / pixels,
            at: unravel(first % pixels, sizes),
        }
    }

    /// Steps `count` pixels on, at most to the end of the row.
    pub(super) fn advance(&mut self, count: usize) {
        self.at[2] += count;
        if self.at[2] == self.sizes[2] {
            self.at[2] = 0;
            self.at[1] += 1;
            if self.at[1] == self.sizes[1] {
                self.at[1] = 0;
                self.at[0] += 1;
                if self.at[0] == self.sizes[0] {
                    self.at[0] = 0;
                    self.batch += 1;
                }
            }
        }
    }

    /// How many pixels the row still has.
    pub(super) fn left(&self) -> usize {
        self.sizes[2] - self.at[2]
    }
}

/// The places of the pixels of a batch of grids.
pub(super) struct Pixels {
    pub(super) sizes: [usize; 3],
    pub(super) origin: usize,
    pub(super) batch: usize,
    pub(super) axes: [usize; 3],
}

impl Offsets for Pixels {
    fn fill(&self, first: usize, offsets: &mut [usize]) {
        let mut walk = Walk::new(self.sizes, first);
        let mut rest = offsets;
        while !rest.is_empty() {
            let len = walk.left().min(rest.len());
            let (row, behind) = rest.split_at_mut(len);
            let [z, y, x] = walk.at;
            let place = self.origin + walk.batch * self.batch + z * self.axes[0];
            let place = place + y * self.axes[1] + x * self.axes[2];
            for (i, offset) in row.iter_mut().enumerate() {
                *offset = place + i * self.axes[2];
            }
            walk.advance(len);
            rest = behind;
        }
    }
}
