//! Geometries that algorithms are held to.

use proptest::prelude::*;
use tconv_shape::DataFormat;

use super::super::*;

/// Any axis: kernels above and below the stride, with holes, empty ones, and outputs that are not the
/// ones that a window's formula gives.
pub(super) fn axis() -> impl Strategy<Value = ConvAxis> {
    let sizes = (0usize..11, 1usize..6, 1usize..6, 1usize..4);
    (
        sizes,
        0usize..4,
        0usize..4,
        prop::option::weighted(0.2, 0usize..6),
    )
        .prop_map(
            |((input, kernel, stride, dilation), pad_before, pad_after, output)| {
                let room =
                    (input + pad_before + pad_after).checked_sub((kernel - 1) * dilation + 1);
                ConvAxis {
                    input,
                    kernel,
                    output: output.unwrap_or(room.map_or(0, |room| room / stride + 1)),
                    stride,
                    dilation,
                    pad_before,
                    pad_after,
                }
            },
        )
}

/// Convolutions of whole vectors of channels or few of them, with two or three taps for each step of the stride, some of
/// them with holes or with any axis before the two.
pub(super) fn short() -> impl Strategy<Value = ConvShape> {
    let short = (1usize..4, prop_oneof![2 => Just(1), 1 => 2usize..5]).prop_flat_map(
        |(stride, dilation)| {
            let sizes = (2 * stride..=3 * stride, 2 * stride..12 * dilation);
            let pads = (0..=stride * dilation, 0..=stride * dilation);
            (sizes, pads).prop_map(move |((kernel, input), (pad_before, pad_after))| {
                let room =
                    (input + pad_before + pad_after).checked_sub((kernel - 1) * dilation + 1);
                ConvAxis {
                    input,
                    kernel,
                    output: room.map_or(0, |room| room / stride + 1),
                    stride,
                    dilation,
                    pad_before,
                    pad_after,
                }
            })
        },
    );
    let before = prop::option::weighted(0.3, axis());
    let channels =
        |unit: usize| prop_oneof![(1usize..4).prop_map(move |n| unit * n), 1usize..unit + 8];
    (
        1usize..3,
        channels(16),
        channels(32),
        format(),
        [short.clone(), short],
        before,
    )
        .prop_map(|(batch, inputs, outputs, format, axes, before)| ConvShape {
            batch,
            in_channels: inputs,
            out_channels: outputs,
            groups: 1,
            format,
            axes: before.into_iter().chain(axes).collect(),
        })
}

/// Convolutions with the channels first and one axis long enough to be cut, the first or one behind axes of one
/// element.
pub(super) fn long() -> impl Strategy<Value = ConvShape> {
    let long = (axis(), 13usize..30).prop_map(|(axis, input)| {
        let reach = (axis.kernel - 1) * axis.dilation;
        let windows = (input + axis.pad_before + axis.pad_after - reach - 1) / axis.stride + 1;
        // One more or less than the formula gives.
        let output = windows + axis.output % 2;
        ConvAxis {
            input,
            output,
            ..axis
        }
    });
    let other = (1usize..5, axis()).prop_map(|(size, axis)| match size {
        1 => square(1, 1, 1),
        size => square(size, axis.kernel, axis.stride),
    });
    let axes = (long, prop::collection::vec(other, 0..=2), any::<bool>()).prop_map(
        |(long, mut axes, ahead)| {
            let place = match ahead {
                true => axes.iter().take_while(|axis| axis.input == 1).count(),
                false => 0,
            };
            axes.insert(place, long);
            axes
        },
    );
    (1usize..4, [1usize..10, 1..10], 1usize..3, axes).prop_map(
        |(batch, [inputs, outputs], groups, axes)| ConvShape {
            batch,
            in_channels: inputs * groups,
            out_channels: outputs * groups,
            groups,
            format: DataFormat::ChannelsFirst,
            axes,
        },
    )
}

/// Forward convolutions from few channels whose rows are read as they lie.
pub(super) fn stems() -> impl Strategy<Value = ConvShape> {
    let wide = (axis(), 4usize..30).prop_map(|(axis, output)| ConvAxis {
        input: (output - 1) * axis.stride + axis.kernel.saturating_sub(axis.pad_after),
        output,
        dilation: 1,
        ..axis
    });
    let axes = (prop::option::weighted(0.8, axis()), wide);
    (1usize..3, 1usize..5, 1usize..60, axes).prop_map(
        |(batch, in_channels, out_channels, (tall, wide))| ConvShape {
            batch,
            in_channels,
            out_channels,
            groups: 1,
            format: DataFormat::ChannelsLast,
            axes: tall.into_iter().chain([wide]).collect(),
        },
    )
}

pub(super) fn format() -> impl Strategy<Value = DataFormat> {
    prop_oneof![
        Just(DataFormat::ChannelsLast),
        Just(DataFormat::ChannelsFirst)
    ]
}

pub(super) fn shape() -> impl Strategy<Value = ConvShape> {
    prop_oneof![8 => any_shape(), 1 => short(), 1 => long(), 1 => stems()]
}

pub(super) fn any_shape() -> impl Strategy<Value = ConvShape> {
    let channels = prop_oneof![4 => 0usize..6, 1 => 15usize..36];
    let grouped = (channels.clone(), channels, 1usize..4);
    let small = (0u32..4, 1usize..12).prop_map(|(size, groups)| (1 << size, 1 << size, groups));
    let depthwise = (Just(1usize), Just(1usize), 1usize..40);
    (
        0usize..4,
        prop_oneof![6 => grouped, 1 => depthwise, 1 => small],
        format(),
        prop::collection::vec(axis(), 1..=3),
    )
        .prop_map(
            |(batch, (inputs, outputs, groups), format, axes)| ConvShape {
                batch,
                in_channels: inputs * groups,
                out_channels: outputs * groups,
                groups,
                format,
                axes,
            },
        )
}

pub(super) fn square(size: usize, kernel: usize, stride: usize) -> ConvAxis {
    let output = size.div_ceil(stride);
    let pads = ((output - 1) * stride + kernel).saturating_sub(size);
    ConvAxis {
        input: size,
        kernel,
        output,
        stride,
        dilation: 1,
        pad_before: pads / 2,
        pad_after: pads - pads / 2,
    }
}

/// Large enough for several threads, blocks and slices.
pub(super) fn large_shapes() -> Vec<ConvShape> {
    let mut all = vec![];
    for format in [DataFormat::ChannelsLast, DataFormat::ChannelsFirst] {
        for (batch, in_channels, out_channels, groups, axis) in [
            (1, 40, 130, 1, square(20, 4, 2)),
            (2, 3, 40, 1, square(33, 5, 2)),
            (2, 3, 20, 1, square(97, 3, 4)),
            (1, 64, 6, 2, square(40, 3, 1)),
            (8, 8, 8, 1, square(32, 3, 1)),
            (1, 1, 20, 1, square(150, 9, 3)),
            (1, 21, 21, 1, square(70, 16, 8)),
            (2, 36, 36, 36, square(45, 5, 2)),
            (6, 48, 160, 1, square(17, 5, 2)),
            (90, 4, 64, 1, square(7, 5, 2)),
        ] {
            all.push(ConvShape {
                batch,
                in_channels,
                out_channels,
                groups,
                format,
                axes: vec![axis; 2],
            });
        }
    }
    all
}

/// Layers of middle size whose every number is compared, small images with many channels among them.
pub(super) fn measured_shapes() -> Vec<ConvShape> {
    let layers = [
        (2, 64, 96, 1, square(18, 4, 2)),
        (2, 64, 64, 1, square(18, 5, 2)),
        (2, 48, 64, 1, square(14, 3, 1)),
        (6, 40, 128, 1, square(8, 4, 2)),
        (1, 3, 64, 1, square(40, 5, 2)),
        (1, 1, 40, 1, square(48, 9, 3)),
        (1, 4, 40, 1, square(20, 7, 1)),
        (2, 32, 32, 8, square(20, 3, 2)),
        (2, 32, 32, 32, square(20, 3, 1)),
        (3, 20, 70, 1, square(6, 6, 1)),
        (20, 40, 48, 1, square(5, 3, 2)),
        (16, 1024, 20, 1, square(4, 3, 1)),
    ];
    let shape = |(batch, in_channels, out_channels, groups, axis)| ConvShape {
        batch,
        in_channels,
        out_channels,
        groups,
        format: DataFormat::ChannelsLast,
        axes: vec![axis; 2],
    };
    layers.map(shape).into()
}
