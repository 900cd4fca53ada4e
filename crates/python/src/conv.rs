//! Convolutions, transposed ones and their gradients.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tconv::nn::{self, ConvBuilder, Sizes};
use tconv::{DataFormat, Operand, Padding, Precision};

use crate::builders::{self, sizes};
use crate::error::plain;
use crate::graph::build;
use crate::operand::{Input, Several, graph_of};
use crate::tensor::PyTensor;

type Any<'py> = Bound<'py, PyAny>;

/// What a kind of convolution is: its number of spatial axes, and what of it is computed.
#[derive(Clone, Copy)]
pub struct Kind {
    pub spatial: usize,
    pub part: Part,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Forward,
    Transpose,
    BackpropInput,
    BackpropFilter,
}

impl Kind {
    /// The kind of this name: `conv1d`, `conv2d` or `conv3d`, also with `_transpose`, `_backprop_input` or
    /// `_backprop_filter`.
    pub fn parse(kind: &str) -> PyResult<Kind> {
        let spatial = match kind.get(..6) {
            Some("conv1d") => 1,
            Some("conv2d") => 2,
            Some("conv3d") => 3,
            _ => 0,
        };
        let part = match kind.get(6..) {
            Some("") => Some(Part::Forward),
            Some("_transpose") => Some(Part::Transpose),
            Some("_backprop_input") => Some(Part::BackpropInput),
            Some("_backprop_filter") => Some(Part::BackpropFilter),
            _ => None,
        };
        match (spatial, part) {
            (1.., Some(part)) => Ok(Kind { spatial, part }),
            _ => Err(PyValueError::new_err(format!(
                "'{kind}' is no kind of convolution"
            ))),
        }
    }

    /// The operands' names, in the order of the builders.
    pub fn operands(self) -> &'static [&'static str] {
        match self.part {
            Part::Forward => &["input", "filter"],
            Part::Transpose => &["value", "filter", "output_shape"],
            Part::BackpropInput => &["input_sizes", "filter", "out_backprop"],
            Part::BackpropFilter => &["input", "filter_sizes", "out_backprop"],
        }
    }

    /// The convolution of these operands.
    pub fn of<'a, O: Operand>(self, operands: &'a [O]) -> tconv::Result<ConvBuilder<'a>> {
        Ok(match (self.part, operands) {
            (Part::Forward, [input, filter]) => match self.spatial {
                1 => nn::conv1d(input, filter),
                2 => nn::conv2d(input, filter),
                _ => nn::conv3d(input, filter),
            },
            (Part::Transpose, [value, filter, sizes]) => match self.spatial {
                1 => nn::conv1d_transpose(value, filter, sizes),
                2 => nn::conv2d_transpose(value, filter, sizes),
                _ => nn::conv3d_transpose(value, filter, sizes),
            },
            (Part::BackpropInput, [sizes, filter, slope]) => match self.spatial {
                1 => nn::conv1d_backprop_input(sizes, filter, slope),
                2 => nn::conv2d_backprop_input(sizes, filter, slope),
                _ => nn::conv3d_backprop_input(sizes, filter, slope),
            },
            (Part::BackpropFilter, [input, sizes, slope]) => match self.spatial {
                1 => nn::conv1d_backprop_filter(input, sizes, slope),
                2 => nn::conv2d_backprop_filter(input, sizes, slope),
                _ => nn::conv3d_backprop_filter(input, sizes, slope),
            },
            _ => {
                return Err(tconv::Error::type_(format!(
                    "it takes {}, got {} operands",
                    self.operands().join(", "),
                    operands.len()
                )));
            }
        })
    }
}

/// The precision of this name.
pub fn precision(name: &str) -> PyResult<Precision> {
    let parsed = name.parse::<Precision>();
    parsed.map_err(|error| PyValueError::new_err(error.to_string()))
}

/// How the windows of a convolution lie, and how exact its products must be.
pub struct Geometry {
    strides: Sizes,
    dilations: Sizes,
    padding: Padding,
    format: DataFormat,
    precision: Option<Precision>,
}

impl Geometry {
    pub fn new(
        spatial: usize,
        strides: Option<&Any<'_>>,
        padding: &Any<'_>,
        data_format: Option<&str>,
        dilations: Option<&Any<'_>>,
    ) -> PyResult<Geometry> {
        // TensorFlow takes the names of two axes for one as well.
        let format = match (spatial, data_format) {
            (1, Some("NHWC")) => DataFormat::ChannelsLast,
            (1, Some("NCHW")) => DataFormat::ChannelsFirst,
            _ => builders::data_format(data_format, spatial)?,
        };
        Ok(Geometry {
            strides: sizes(strides)?,
            dilations: sizes(dilations)?,
            padding: builders::padding(padding, format, spatial)?,
            format,
            precision: None,
        })
    }

    /// With what is said of its products.
    pub fn precise(self, precision: Option<&str>) -> PyResult<Geometry> {
        let precision = precision.map(self::precision).transpose()?;
        Ok(Geometry { precision, ..self })
    }

    pub fn apply<'a>(&self, conv: ConvBuilder<'a>) -> ConvBuilder<'a> {
        let conv = conv
            .strides(self.strides.clone())
            .dilations(self.dilations.clone())
            .padding(self.padding.clone())
            .data_format(self.format);
        match self.precision {
            Some(precision) => conv.precision(precision),
            None => conv,
        }
    }
}

/// A convolution of tensors. `kind`: `conv1d`, `conv2d`, `conv3d`, also with `_transpose`, `_backprop_input`,
/// `_backprop_filter`.
#[pyfunction]
#[pyo3(signature = (kind, operands, strides, padding, data_format, dilations, name, precision=None))]
#[expect(clippy::too_many_arguments, reason = "Python's")]
pub fn conv<'py>(
    py: Python<'py>,
    kind: &str,
    operands: Several<'py>,
    strides: Option<&Any<'py>>,
    padding: &Any<'py>,
    data_format: Option<&str>,
    dilations: Option<&Any<'py>>,
    name: Option<&str>,
    precision: Option<&str>,
) -> PyResult<PyTensor> {
    let operands = operands.0;
    let graph = graph_of(py, operands.iter())?;
    let own = &graph.get().graph;
    let inputs = operands.iter().map(|operand| Input::new(operand, own));
    let inputs = inputs.collect::<PyResult<Vec<_>>>()?;
    let kind = Kind::parse(kind)?;
    let geometry = Geometry::new(kind.spatial, strides, padding, data_format, dilations)?;
    let geometry = geometry.precise(precision)?;
    let node = kind.of(&inputs).map_err(plain)?;
    let made = build(&graph, name, |_| geometry.apply(node).build())?;
    Ok(PyTensor::new(&graph, made))
}
