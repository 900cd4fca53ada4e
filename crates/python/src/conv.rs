//! Convolutions, transposed ones and their gradients.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tconv::nn::{self, ConvBuilder};

use crate::builders::{data_format, padding, sizes};
use crate::graph::build;
use crate::operand::{Input, graph_of};
use crate::tensor::PyTensor;

type Any<'py> = Bound<'py, PyAny>;

/// A convolution that is being built, and the number of its spatial axes.
fn builder<'a>(kind: &str, operands: &'a [Input<'a>]) -> PyResult<(ConvBuilder<'a>, usize)> {
    let spatial = match kind.get(4..5) {
        Some("2") => 2,
        _ => {
            return Err(PyValueError::new_err(format!(
                "'{kind}' is no kind of convolution"
            )));
        }
    };
    let node = match (kind.get(6..), operands) {
        (Some(""), [input, filter]) => nn::conv2d(input, filter),
        (Some("_transpose"), [value, filter, output_shape]) => {
            nn::conv2d_transpose(value, filter, output_shape)
        }
        (Some("_backprop_input"), [sizes, filter, out_backprop]) => {
            nn::conv2d_backprop_input(sizes, filter, out_backprop)
        }
        (Some("_backprop_filter"), [input, sizes, out_backprop]) => {
            nn::conv2d_backprop_filter(input, sizes, out_backprop)
        }
        _ => {
            return Err(PyValueError::new_err(format!(
                "'{kind}' of {} operands is no convolution",
                operands.len()
            )));
        }
    };
    Ok((node, spatial))
}

/// A convolution of tensors. `kind`: `conv2d`, also with `_transpose`, `_backprop_input`, `_backprop_filter`.
#[pyfunction]
#[pyo3(signature = (kind, operands, strides, padding, data_format, dilations, name))]
pub fn conv<'py>(
    py: Python<'py>,
    kind: &str,
    operands: Vec<Any<'py>>,
    strides: Option<&Any<'py>>,
    padding: &Any<'py>,
    data_format: Option<&str>,
    dilations: Option<&Any<'py>>,
    name: Option<&str>,
) -> PyResult<PyTensor> {
    let graph = graph_of(py, operands.iter())?;
    let own = &graph.get().graph;
    let inputs = operands.iter().map(|operand| Input::new(operand, own));
    let inputs = inputs.collect::<PyResult<Vec<_>>>()?;
    let (node, spatial) = builder(kind, &inputs)?;
    let format = self::data_format(data_format, spatial)?;
    let node = node
        .strides(sizes(strides)?)
        .padding(self::padding(padding, format, spatial)?)
        .data_format(format)
        .dilations(sizes(dilations)?);
    let made = build(&graph, name, |_| node.build())?;
    Ok(PyTensor::new(&graph, made))
}
