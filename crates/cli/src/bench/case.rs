//! What is timed: an op on tensors of certain sizes.

use tconv::nn::{self, ConvBuilder};
use tconv::{DataFormat, Error, Graph, Padding};
use tconv_kernels::conv::{self, Pass};
use tconv_shape::{ConvAxis, ConvShape, Window};

use crate::Failure;
use crate::failure::without_node;
use crate::geometry::Integers;

/// An op that can be timed.
#[derive(Debug)]
pub struct Op {
    /// Its name, as `--op` takes it.
    pub name: &'static str,
    /// Its number of spatial axes; any where it has none.
    pub axes: Option<usize>,
    /// The kernels that it consists of.
    pub passes: &'static [Pass],
}

const fn op(name: &'static str, axes: usize, passes: &'static [Pass]) -> Op {
    let axes = Some(axes);
    Op { name, axes, passes }
}

const TRANSPOSE: &[Pass] = &[Pass::BackpropInput];
const FORWARD: &[Pass] = &[Pass::Forward];
const FILTER: &[Pass] = &[Pass::BackpropFilter];

/// All of them.
pub static OPS: [Op; 10] = [
    op("conv2d_transpose", 2, TRANSPOSE),
    op("conv2d", 2, FORWARD),
    op("conv2d_backprop_filter", 2, FILTER),
    Op {
        name: "train",
        axes: None,
        passes: &[Pass::BackpropInput, Pass::Forward, Pass::BackpropFilter],
    },
    op("conv1d_transpose", 1, TRANSPOSE),
    op("conv1d", 1, FORWARD),
    op("conv1d_backprop_filter", 1, FILTER),
    op("conv3d_transpose", 3, TRANSPOSE),
    op("conv3d", 3, FORWARD),
    op("conv3d_backprop_filter", 3, FILTER),
];

/// What a kernel is called in a report.
pub fn pass_name(pass: Pass) -> &'static str {
    match pass {
        Pass::BackpropInput => "transposed",
        Pass::Forward => "input gradient",
        Pass::BackpropFilter => "filter gradient",
    }
}

/// An op and its sizes.
pub struct Case {
    pub op: &'static Op,
    /// The layer that it is, if it is one of [`LAYERS`].
    pub layer: Option<&'static Layer>,
    pub shape: ConvShape,
    pub padding: Padding,
}

impl Case {
    /// Two for each multiplication of an element of the transposed convolution's input with one of the filter,
    /// whether or not its product falls beyond the border.
    pub fn operations(&self) -> f64 {
        let all = |size: fn(&ConvAxis) -> usize| -> f64 {
            self.shape
                .axes
                .iter()
                .map(|axis| size(axis) as f64)
                .product()
        };
        let depth = self.shape.in_channels / self.shape.groups;
        let input =
            self.shape.batch as f64 * all(|axis| axis.output) * self.shape.out_channels as f64;
        2.0 * input * all(|axis| axis.kernel) * depth as f64 * self.op.passes.len() as f64
    }

    /// The transposed convolution's input, batch first and channels last.
    pub fn input(&self) -> Vec<usize> {
        let spatial: Vec<_> = self.shape.axes.iter().map(|axis| axis.output).collect();
        DataFormat::ChannelsLast.arrange(self.shape.batch, self.shape.out_channels, &spatial)
    }

    /// The transposed convolution's output, batch first and channels last.
    pub fn output(&self) -> Vec<usize> {
        let spatial: Vec<_> = self.shape.axes.iter().map(|axis| axis.input).collect();
        DataFormat::ChannelsLast.arrange(self.shape.batch, self.shape.in_channels, &spatial)
    }

    /// One number if they are all the same.
    pub fn each(&self, size: fn(&ConvAxis) -> usize) -> Vec<usize> {
        let mut all: Vec<_> = self.shape.axes.iter().map(size).collect();
        if all.windows(2).all(|two| two[0] == two[1]) {
            all.truncate(1);
        }
        all
    }

    /// Its network and sizes in one line.
    pub fn title(&self) -> String {
        let times = |sizes: &[usize]| sizes.iter().map(usize::to_string).collect::<Vec<_>>();
        let joined = |sizes: &[usize]| times(sizes).join("x");
        let mut title = String::new();
        if let Some(layer) = self.layer {
            title += &format!("{} {}, ", layer.name, layer.network);
        }
        title += &format!("k{} s{}", joined(&self.each(|axis| axis.kernel)), {
            joined(&self.each(|axis| axis.stride))
        });
        for (letter, sizes) in [
            ("d", self.each(|axis| axis.dilation)),
            ("g", vec![self.shape.groups]),
        ] {
            if sizes != [1] {
                title += &format!(" {letter}{}", joined(&sizes));
            }
        }
        title += &format!(
            ", {} of {} -> {}",
            self.shape.batch,
            joined(&self.input()[1..]),
            joined(&self.output()[1..])
        );
        title
    }
}

/// What was asked for, batch first and channels last.
pub struct Flags {
    pub op: &'static Op,
    pub input: Integers,
    pub output: Integers,
    pub kernel: Integers,
    pub strides: Integers,
    pub dilations: Integers,
    pub padding: Padding,
    pub groups: i64,
    pub format: DataFormat,
}

impl Flags {
    /// The case, if the library finds that its sizes go together.
    ///
    /// # Errors
    /// What the library says of them.
    pub fn case(&self) -> Result<Case, Failure> {
        let axes = match self.op.axes {
            Some(axes) => axes,
            None => self.input.0.len().clamp(3, 5) - 2,
        };
        for (what, Integers(sizes)) in [("--input", &self.input), ("--output-shape", &self.output)]
        {
            if sizes.len() != axes + 2 {
                let all = [
                    "batch",
                    ["width", "height,width", "depth,height,width"][axes - 1],
                    "channels",
                ];
                return Err(Failure::Error(format!(
                    "{what} has {} sizes; for {} it needs {}: {}",
                    sizes.len(),
                    self.op.name,
                    axes + 2,
                    all.join(",")
                )));
            }
            positive(what, sizes)?;
        }
        let kernel = spread("--kernel", &self.kernel, axes)?;
        positive("--kernel", &kernel)?;
        let strides = spread("--strides", &self.strides, axes)?;
        let dilations = spread("--dilations", &self.dilations, axes)?;
        let [input, output] = [&self.input.0, &self.output.0].map(|sizes| Sizes {
            batch: sizes[0],
            spatial: &sizes[1..=axes],
            channels: sizes[axes + 1],
        });
        if [input.channels, output.channels]
            .iter()
            .any(|channels| channels % self.groups != 0)
        {
            return Err(Failure::Error(format!(
                "--groups {} does not divide both {} and {} channels",
                self.groups, input.channels, output.channels
            )));
        }
        self.ask_library(&kernel, &strides, &dilations, input, output)
            .map_err(without_node)?;
        let axis = |i: usize| {
            let window = Window::new(kernel[i], strides[i], dilations[i], self.padding.axis(i))?;
            ConvAxis::new(&window, output.spatial[i])
        };
        let all = (0..axes).map(axis).collect::<Result<Vec<_>, _>>();
        let shape = ConvShape {
            batch: size(input.batch)?,
            in_channels: size(output.channels)?,
            out_channels: size(input.channels)?,
            groups: size(self.groups)?,
            format: self.format,
            axes: all.map_err(Error::from)?,
        };
        conv::check(&shape)?;
        Ok(Case {
            op: self.op,
            layer: None,
            shape,
            padding: self.padding.clone(),
        })
    }

    /// Has the library build the transposed convolution, which checks all there is to check.
    fn ask_library(
        &self,
        kernel: &[i64],
        strides: &[i64],
        dilations: &[i64],
        input: Sizes<'_>,
        output: Sizes<'_>,
    ) -> tconv::Result<()> {
        let graph = Graph::new();
        let arranged =
            |sizes: Sizes<'_>| (self.format).arrange(sizes.batch, sizes.channels, sizes.spatial);
        let value = graph.placeholder_named::<f32>("value", arranged(input))?;
        let mut filter = kernel.to_vec();
        filter.extend([output.channels / self.groups, input.channels]);
        let filter = graph.placeholder_named::<f32>("filter", filter)?;
        let output = arranged(output);
        let conv: ConvBuilder<'_> = match kernel.len() {
            1 => nn::conv1d_transpose(value, filter, output),
            2 => nn::conv2d_transpose(value, filter, output),
            _ => nn::conv3d_transpose(value, filter, output),
        };
        conv.strides(strides)
            .dilations(dilations)
            .padding(self.padding.clone())
            .data_format(self.format)
            .build()
            .map(|_| ())
    }
}

/// The sizes of a tensor.
#[derive(Clone, Copy)]
struct Sizes<'a> {
    batch: i64,
    spatial: &'a [i64],
    channels: i64,
}

fn size(n: i64) -> Result<usize, Failure> {
    usize::try_from(n).map_err(|_| Failure::Error(format!("{n} is no size of this machine")))
}

fn positive(what: &str, sizes: &[i64]) -> Result<(), Failure> {
    match sizes.iter().find(|size| **size < 1) {
        Some(size) => Err(Failure::Error(format!(
            "{what} has the size {size}; nothing can be timed below 1"
        ))),
        None => Ok(()),
    }
}

/// One number for each axis.
fn spread(what: &str, Integers(sizes): &Integers, axes: usize) -> Result<Vec<i64>, Failure> {
    match sizes[..] {
        [all] => Ok(vec![all; axes]),
        _ if sizes.len() == axes => Ok(sizes.clone()),
        _ => Err(Failure::Error(format!(
            "{what} has {} numbers; it takes 1 or {axes}",
            sizes.len()
        ))),
    }
}

/// A layer of a known network: a transposed convolution of squares, with `SAME` padding.
#[derive(Debug)]
pub struct Layer {
    /// A short name for it.
    pub name: &'static str,
    /// The network.
    pub network: &'static str,
    batch: i64,
    input: [i64; 3],
    output: [i64; 3],
    kernel: i64,
    stride: i64,
}

impl Layer {
    /// The case that times it.
    ///
    /// # Errors
    /// As [`Flags::case`].
    pub fn case(&'static self, op: &'static Op, format: DataFormat) -> Result<Case, Failure> {
        let all = |sizes: [i64; 3]| Integers([&[self.batch], &sizes[..]].concat());
        let flags = Flags {
            op,
            input: all(self.input),
            output: all(self.output),
            kernel: Integers(vec![self.kernel]),
            strides: Integers(vec![self.stride]),
            dilations: Integers(vec![1]),
            padding: Padding::Same,
            groups: 1,
            format,
        };
        Ok(Case {
            layer: Some(self),
            ..flags.case()?
        })
    }
}

const fn layer(
    name: &'static str,
    network: &'static str,
    batch: i64,
    input: [i64; 3],
    output: [i64; 3],
    (kernel, stride): (i64, i64),
) -> Layer {
    Layer {
        name,
        network,
        batch,
        input,
        output,
        kernel,
        stride,
    }
}

/// Transposed convolutions of known networks.
#[rustfmt::skip]
pub static LAYERS: [Layer; 17] = [
    layer("L1", "photograph autoencoder", 3, [25, 25, 20], [97, 97, 3], (3, 4)),
    layer("L2", "DCGAN", 16, [4, 4, 1024], [8, 8, 512], (5, 2)),
    layer("L2b", "DCGAN", 16, [4, 4, 1024], [8, 8, 512], (4, 2)),
    layer("L3", "DCGAN", 16, [8, 8, 512], [16, 16, 256], (5, 2)),
    layer("L3b", "DCGAN", 16, [8, 8, 512], [16, 16, 256], (4, 2)),
    layer("L4", "DCGAN", 16, [16, 16, 256], [32, 32, 128], (5, 2)),
    layer("L4b", "DCGAN", 16, [16, 16, 256], [32, 32, 128], (4, 2)),
    layer("L5", "DCGAN", 16, [32, 32, 128], [64, 64, 3], (5, 2)),
    layer("L5b", "DCGAN", 16, [32, 32, 128], [64, 64, 3], (4, 2)),
    layer("L6", "U-Net", 1, [32, 32, 1024], [64, 64, 512], (2, 2)),
    layer("L7", "U-Net", 1, [128, 128, 256], [256, 256, 128], (2, 2)),
    layer("L8", "FCN-8s", 1, [64, 64, 21], [512, 512, 21], (16, 8)),
    layer("L9", "FSRCNN", 1, [180, 320, 56], [540, 960, 1], (9, 3)),
    layer("L10", "pix2pix", 1, [64, 64, 256], [128, 128, 128], (4, 2)),
    layer("L11", "stride of 1", 1, [56, 56, 128], [56, 56, 128], (3, 1)),
    layer("L12", "style transfer", 1, [128, 128, 64], [256, 256, 32], (3, 2)),
    layer("L13", "smallest example", 1, [3, 3, 1], [5, 5, 3], (2, 2)),
];
