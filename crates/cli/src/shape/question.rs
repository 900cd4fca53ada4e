//! What the flags ask, in terms of the forward convolution.

use std::fmt::Write;
use std::str::FromStr;

use tconv::{Error, Graph, Padding, array, nn};
use tconv_shape::{DataFormat, Dim, Names, Shape, ShapeError, Window};

use crate::failure::without_node;
use crate::geometry::{Geometry, Integers, padding_text};

/// The spatial axes.
pub const AXES: [&str; 2] = ["height", "width"];

/// Sizes with commas between them, each a number or an expression in names.
#[derive(Clone, Debug)]
pub struct Sizes(Vec<String>);

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Sizes, String> {
        let mut depth = 0i64;
        let outside = |c: char| {
            depth += i64::from(c == '(') - i64::from(c == ')');
            c == ',' && depth <= 0
        };
        let sizes: Vec<String> = text.split(outside).map(|size| size.trim().into()).collect();
        for size in &sizes {
            if let Err(error @ ShapeError::Text { .. }) = Names::new().parse(size) {
                return Err(format!("{error}; write sizes as in N,ceil(H/4),5,3"));
            }
        }
        Ok(Sizes(sizes))
    }
}

impl Sizes {
    pub fn parse(&self, names: &mut Names) -> tconv::Result<Vec<Dim>> {
        let sizes = self.0.iter().map(|size| names.parse(size));
        Ok(sizes.collect::<Result<_, _>>()?)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Conv2dTranspose,
    Conv2d,
}

impl Op {
    pub fn name(self) -> &'static str {
        match self {
            Op::Conv2dTranspose => "conv2d_transpose",
            Op::Conv2d => "conv2d",
        }
    }

    /// What its input is called.
    pub fn input_name(self) -> &'static str {
        match self {
            Op::Conv2dTranspose => "value",
            Op::Conv2d => "input",
        }
    }
}

/// An op and the shapes that were given, in the format's order.
pub struct Question {
    pub op: Op,
    pub input: Vec<Dim>,
    pub filter: Option<Vec<Dim>>,
    pub output: Option<Vec<Dim>>,
    pub format: DataFormat,
    pub padding: Option<Padding>,
    strides: Option<[i64; 2]>,
    dilations: Option<[i64; 2]>,
}

impl Question {
    /// Checks all that the library says of shapes as far as they are known.
    pub fn new(
        op: Op,
        input: Vec<Dim>,
        filter: Option<Vec<Dim>>,
        output: Option<Vec<Dim>>,
        geometry: &Geometry,
        sought: bool,
    ) -> tconv::Result<Question> {
        let format = geometry.data_format;
        let mut question = Question {
            op,
            input,
            filter,
            output: None,
            format,
            padding: geometry.padding.clone(),
            strides: None,
            dilations: None,
        };
        let four = |what: &str, dims: &[Dim]| match dims.len() {
            4 => Ok(()),
            n => Err(Error::value(format!(
                "{what} must have 4 sizes, got {n}: {}",
                shape(dims)
            ))),
        };
        four(op.input_name(), &question.input)?;
        if let Some(filter) = &question.filter {
            four("filter", filter)?;
        }
        question.output = output.map(|dims| question.whole(dims)).transpose()?;
        question.strides = spatial("strides", geometry.strides.as_ref(), format)?;
        question.dilations = spatial("dilations", geometry.dilations.as_ref(), format)?;
        for (what, dims) in [
            (op.input_name(), Some(&question.input)),
            ("filter", question.filter.as_ref()),
            ("output_shape", question.output.as_ref()),
        ] {
            let negative =
                |(_, dim): &(usize, &Dim)| dim.known() < Some(0) && dim.known().is_some();
            if let Some((axis, size)) = dims.into_iter().flatten().enumerate().find(negative) {
                return Err(Error::value(format!(
                    "{what}[{axis}] is {size:?}; a size is at least 0"
                )));
            }
        }
        question.check(geometry, sought)?;
        Ok(question)
    }

    /// All four sizes of an output shape that may be height and width only.
    fn whole(&self, dims: Vec<Dim>) -> tconv::Result<Vec<Dim>> {
        match dims.len() {
            4 => Ok(dims),
            2 => {
                let channels = match (&self.filter, self.op) {
                    (None, _) => Dim::unknown("channels"),
                    (Some(filter), Op::Conv2dTranspose) => filter[2].clone(),
                    (Some(filter), Op::Conv2d) => filter[3].clone(),
                };
                Ok(self.format.arrange(self.input[0].clone(), channels, &dims))
            }
            n => Err(Error::value(format!(
                "output_shape must have all four sizes or height,width; got {n}: {}",
                shape(&dims)
            ))),
        }
    }

    /// Has the library build the op of what is known; where strides or kernel are `sought`, height and width
    /// of the output are not held against those of the input.
    fn check(&self, geometry: &Geometry, sought: bool) -> tconv::Result<()> {
        let graph = Graph::new();
        let placeholder = |name: &str, dims: &[Option<i64>]| {
            graph.placeholder_named::<f32>(name, Shape::from(dims))
        };
        let known = |dims: &Vec<Dim>| dims.iter().map(Dim::known).collect::<Vec<_>>();
        let input = placeholder(self.op.input_name(), &known(&self.input))?;
        let filter = self.filter.as_ref().map_or(vec![None; 4], known);
        let filter = placeholder("filter", &filter)?;
        let conv = match self.op {
            Op::Conv2d => nn::conv2d(input, filter),
            Op::Conv2dTranspose => {
                let any = || self.whole(vec![Dim::unknown("?"); 2]);
                let mut output = known(&self.output.clone().map_or_else(any, Ok)?);
                for axis in (0..AXES.len()).filter(|_| sought) {
                    output[self.format.spatial_axis(axis)] = None;
                }
                let output = placeholder("output", &output)?;
                nn::conv2d_transpose(input, filter, array::shape(&output)?)
            }
        };
        match geometry.of(conv).build() {
            Ok(_) => Ok(()),
            Err(error) => Err(without_node(error)),
        }
    }

    /// The forward window of a spatial axis for this kernel.
    pub fn window(&self, axis: usize, kernel: &Dim) -> tconv::Result<Window> {
        let padding = self.padding().axis(axis);
        Ok(Window::new(
            kernel,
            self.strides()[axis],
            self.dilations()[axis],
            padding,
        )?)
    }

    pub fn strides(&self) -> [i64; 2] {
        self.strides.unwrap_or([1, 1])
    }

    pub fn dilations(&self) -> [i64; 2] {
        self.dilations.unwrap_or([1, 1])
    }

    pub fn padding(&self) -> Padding {
        self.padding.clone().unwrap_or(Padding::Same)
    }

    /// The strides and dilations that were given.
    pub fn given(&self) -> [Option<[i64; 2]>; 2] {
        [self.strides, self.dilations]
    }

    /// The sizes of a spatial axis.
    pub fn spatial<'a>(&self, dims: &'a [Dim], axis: usize) -> &'a Dim {
        &dims[self.format.spatial_axis(axis)]
    }

    /// The op and its shapes in one line.
    pub fn title(&self) -> String {
        let mut title = format!(
            "{}: {} {}",
            self.op.name(),
            self.op.input_name(),
            shape(&self.input)
        );
        let mut add = |what: &str, value: String| {
            let _ = write!(title, ", {what} {value}");
        };
        if let Some(filter) = &self.filter {
            add("filter", shape(filter));
        }
        for (what, given) in [("strides", self.strides), ("dilations", self.dilations)] {
            match given {
                None | Some([1, 1]) => {}
                Some([height, width]) if height == width => add(what, height.to_string()),
                Some([height, width]) => add(what, format!("{height},{width}")),
            }
        }
        if self.filter.is_some() || self.padding.is_some() {
            add("padding", padding_text(&self.padding()));
        }
        if self.format == DataFormat::ChannelsFirst {
            add("data_format", "NCHW".into());
        }
        title
    }
}

/// The values for height and width of a list of one, two or four, whose others must be 1.
fn spatial(
    what: &str,
    list: Option<&Integers>,
    format: DataFormat,
) -> tconv::Result<Option<[i64; 2]>> {
    let Some(Integers(list)) = list else {
        return Ok(None);
    };
    match list[..] {
        [all] => Ok(Some([all, all])),
        [height, width] => Ok(Some([height, width])),
        [_, _, _, _] => Ok(Some([0, 1].map(|axis| list[format.spatial_axis(axis)]))),
        _ => Err(Error::value(format!(
            "{what} should be of length 1, 2 or 4 but was {}",
            list.len()
        ))),
    }
}

/// A shape with its names.
pub fn shape(dims: &[Dim]) -> String {
    let dims: Vec<String> = dims.iter().map(|dim| format!("{dim:?}")).collect();
    format!("({})", dims.join(", "))
}
