//! One way into the graph, and the builders that are more than one op.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};
use tconv::nn::Sizes;
use tconv::{
    AttrValue, DataFormat, Graph, NodeBuilder, Operand, Operation, Output, Padding, Tensor, array,
    math, nn,
};

use crate::constant::constant as to_constant;
use crate::dtype::{self, PyDType};
use crate::error::plain;
use crate::graph::{PyGraph, build, default_graph, operation_of};
use crate::operand::{Input, Several, graph_of, graph_of_one, integers};
use crate::operation::PyOperation;
use crate::tensor::PyTensor;
use crate::tensor_shape::{PyTensorShape, shape};
use crate::variable::PyVariable;

type Any<'py> = Bound<'py, PyAny>;

/// Builds one tensor from arguments, in the graph that they stand in.
fn one<'py>(
    arguments: &[&Any<'py>],
    name: Option<&str>,
    body: impl FnOnce(&Graph, &[Input<'py>]) -> tconv::Result<Output>,
) -> PyResult<PyTensor> {
    let mut graph = None;
    for argument in arguments {
        if let Some(found) = crate::operand::graph_in(argument)? {
            graph = Some(found);
            break;
        }
    }
    let graph = match (graph, arguments.first()) {
        (Some(graph), _) => graph,
        (None, Some(argument)) => default_graph(argument.py())?,
        (None, None) => return Err(PyTypeError::new_err("an op has at least one argument")),
    };
    let own = &graph.get().graph;
    let inputs = arguments.iter().map(|argument| Input::new(argument, own));
    let inputs = inputs.collect::<PyResult<Vec<_>>>()?;
    let made = build(&graph, name, |graph| body(graph, &inputs))?;
    Ok(PyTensor::new(&graph, made))
}

/// Adds a node of `op`, called `name` where nobody says otherwise, and gives its only output.
pub fn apply_to(
    graph: &Bound<'_, PyGraph>,
    op: &str,
    operands: &[Any<'_>],
    name: &str,
) -> PyResult<PyTensor> {
    let own = &graph.get().graph;
    let inputs = operands.iter().map(|operand| Input::new(operand, own));
    let inputs = inputs.collect::<PyResult<Vec<_>>>()?;
    let operands: Vec<&dyn Operand> = inputs.iter().map(|input| input as &dyn Operand).collect();
    let made = build(graph, None, |_| {
        tconv::apply(op, name, &operands, |node| node)
    })?;
    Ok(PyTensor::new(graph, made.output(0)))
}

/// The attribute that a Python value is.
pub fn attribute(value: &Any<'_>) -> PyResult<AttrValue> {
    if let Ok(dtype) = value.cast::<PyDType>() {
        return Ok(dtype.get().0.into());
    }
    if value.is_instance_of::<PyType>() {
        return Ok(dtype::dtype(value)?.into());
    }
    if let Ok(shape) = value.cast::<PyTensorShape>() {
        return Ok(shape.get().0.clone().into());
    }
    if value.is_instance_of::<PyBool>() {
        return Ok(value.extract::<bool>()?.into());
    }
    if value.is_instance_of::<PyInt>() {
        return Ok(value.extract::<i64>()?.into());
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok((value.extract::<f64>()? as f32).into());
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_string_lossy().into_owned().into());
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        return Ok(integers(value)?.into());
    }
    Ok(to_constant(value, None)?.into())
}

/// Adds a node of `op`: one Tensor for one output, a list for several, the Operation for none.
///
/// An input that is a list of tensors is given as one list. Attributes that are None are left out.
#[pyfunction]
#[pyo3(signature = (op, inputs, attrs=None, name=None))]
pub fn apply<'py>(
    py: Python<'py>,
    op: &str,
    inputs: Several<'py>,
    attrs: Option<&Bound<'py, PyDict>>,
    name: Option<&str>,
) -> PyResult<Any<'py>> {
    let inputs = inputs.0;
    let graph = graph_of(py, inputs.iter())?;
    let own = &graph.get().graph;
    let mut set = tconv::Attrs::new();
    for pair in attrs.map(PyDictMethods::items).into_iter().flatten() {
        let (key, value): (String, Any<'py>) = pair.extract()?;
        if !value.is_none() {
            set.insert(key, attribute(&value)?);
        }
    }
    let arguments = tconv::op_def(op).map_or(&[][..], |def| def.inputs);
    let mut operands = Vec::with_capacity(inputs.len());
    for (i, input) in inputs.iter().enumerate() {
        match arguments.get(i) {
            Some((_, type_)) if type_.starts_with("N*") => {
                for element in input.try_iter()? {
                    operands.push(Input::new(&element?, own)?);
                }
            }
            _ => operands.push(Input::new(input, own)?),
        }
    }
    let operands: Vec<&dyn Operand> = operands.iter().map(|input| input as &dyn Operand).collect();
    let with = |node: NodeBuilder| node.attrs(set);
    let made = build(&graph, None, |_| match operands.is_empty() {
        true => with(own.add(op).name(name.unwrap_or(op))).build(),
        false => tconv::apply(op, name.unwrap_or(op), &operands, with),
    })?;
    answer(&graph, made)
}

fn answer<'py>(graph: &Bound<'py, PyGraph>, made: Operation) -> PyResult<Any<'py>> {
    let py = graph.py();
    match made.outputs().len() {
        0 => Ok(Bound::new(py, PyOperation::new(graph, made))?.into_any()),
        1 => Ok(Bound::new(py, PyTensor::new(graph, made.output(0)))?.into_any()),
        _ => tensors(graph, made.outputs()),
    }
}

fn tensors<'py>(graph: &Bound<'py, PyGraph>, outputs: Vec<Output>) -> PyResult<Any<'py>> {
    let all = outputs
        .into_iter()
        .map(|output| PyTensor::new(graph, output));
    Ok(PyList::new(graph.py(), all)?.into_any())
}

/// The tensor that a value becomes: a tensor as it is, a variable's value, else a constant.
#[pyfunction]
#[pyo3(signature = (value, dtype=None, name=None))]
pub fn convert_to_tensor<'py>(
    value: &Any<'py>,
    dtype: Option<&Any<'py>>,
    name: Option<&str>,
) -> PyResult<Any<'py>> {
    let wanted = dtype::maybe(dtype)?;
    if let Ok(tensor) = value.cast::<PyTensor>() {
        let found = tensor.get().output.dtype();
        return match wanted.is_none_or(|wanted| wanted == found) {
            true => Ok(value.clone()),
            false => Err(PyValueError::new_err(format!(
                "Tensor conversion requested dtype {} for Tensor with dtype {found}: {}",
                wanted.map_or("", tconv::DType::name),
                value.repr()?
            ))),
        };
    }
    let made = one(&[value], None, |graph, inputs| {
        inputs[0].to_output(graph, wanted, name.unwrap_or("Const"))
    })?;
    Ok(Bound::new(value.py(), made)?.into_any())
}

/// A constant. Raises `TypeError` for what the dtype does not hold, `ValueError` for a wrong number of elements.
#[pyfunction]
#[pyo3(signature = (value, dtype=None, shape=None, name="Const", verify_shape=false))]
pub fn constant<'py>(
    value: &Any<'py>,
    dtype: Option<&Any<'py>>,
    shape: Option<&Any<'py>>,
    name: &str,
    verify_shape: bool,
) -> PyResult<PyTensor> {
    let graph = default_graph(value.py())?;
    if let Some(tensor) = crate::operand::graph_in(value)?.and(value.cast::<PyTensor>().ok()) {
        return Err(PyTypeError::new_err(format!(
            "{} is a tensor of the graph, not a value: tf.convert_to_tensor and tf.stack take tensors",
            tensor.repr()?
        )));
    }
    let mut tensor = to_constant(value, dtype::maybe(dtype)?)?;
    if let Some(wanted) = shape {
        let wanted = self::shape(wanted)?;
        let Some(sizes) = wanted.known() else {
            return Err(PyTypeError::new_err(format!(
                "a constant's shape is fully known, not {wanted}"
            )));
        };
        tensor = spread(tensor, &sizes, verify_shape)?;
    }
    let made = build(&graph, None, |graph| graph.constant_named(name, tensor))?;
    Ok(PyTensor::new(&graph, made))
}

/// A constant's elements in this shape; one element fills it.
fn spread(tensor: Tensor, sizes: &[i64], verify: bool) -> PyResult<Tensor> {
    let found: Vec<i64> = tensor.shape().iter().map(|&n| n as i64).collect();
    if verify && found != sizes {
        return Err(PyTypeError::new_err(format!(
            "Expected Tensor's shape: {}, but got {}.",
            tconv::Shape::from(sizes),
            tconv::Shape::from(found)
        )));
    }
    let elements = tensor.len();
    let wanted = sizes.iter().try_fold(1_i64, |len, &n| len.checked_mul(n));
    let lengths: Vec<usize> = sizes.iter().map(|&n| n as usize).collect();
    match wanted {
        // As in TensorFlow: nothing is filled up with zeros, and one number may fill nothing.
        _ if elements == 0 => Tensor::zeros(tensor.dtype(), &lengths).map_err(plain),
        Some(0) if elements == 1 => Tensor::zeros(tensor.dtype(), &lengths).map_err(plain),
        Some(wanted) if wanted < elements as i64 => Err(PyValueError::new_err(format!(
            "Too many elements provided. Takes at most {wanted}, but got {elements}."
        ))),
        _ => tensor.fill_up(&lengths).map_err(plain),
    }
}

/// A value that is fed when the graph runs. A size may be None, a number or a name: `["N", "H", "W", 3]`; one name
/// means one size.
#[pyfunction]
#[pyo3(signature = (dtype, shape=None, name=None))]
pub fn placeholder<'py>(
    py: Python<'py>,
    dtype: &Any<'py>,
    shape: Option<&Any<'py>>,
    name: Option<&str>,
) -> PyResult<PyTensor> {
    let graph = default_graph(py)?;
    let dtype = dtype::dtype(dtype)?;
    let shape = shape.map_or_else(|| Ok(tconv::Shape::unknown()), self::shape)?;
    let made = build(&graph, None, |graph| {
        graph.placeholder_of(dtype, name.unwrap_or("Placeholder"), shape)
    })?;
    Ok(PyTensor::new(&graph, made))
}

/// Strides, dilations, kernel sizes: one number or several.
pub fn sizes(value: Option<&Any<'_>>) -> PyResult<Sizes> {
    match value.filter(|value| !value.is_none()) {
        Some(value) => Ok(integers(value)?.into()),
        None => Ok(1.into()),
    }
}

/// `NHWC`, `NCHW` and the like.
pub fn data_format(name: Option<&str>, spatial: usize) -> PyResult<DataFormat> {
    let Some(name) = name else {
        return Ok(DataFormat::ChannelsLast);
    };
    DataFormat::parse(name, spatial).ok_or_else(|| {
        let known = [DataFormat::ChannelsLast, DataFormat::ChannelsFirst]
            .map(|format| format.name(spatial));
        PyValueError::new_err(format!(
            "`data_format` must be either '{}' or '{}'. Received: data_format={name}",
            known[0], known[1]
        ))
    })
}

/// `SAME`, `VALID`, or pairs for all axes, or for the spatial ones.
pub fn padding(value: &Any<'_>, format: DataFormat, spatial: usize) -> PyResult<Padding> {
    if let Ok(name) = value.cast::<PyString>() {
        return match name.to_string_lossy().to_uppercase().as_str() {
            "SAME" => Ok(Padding::Same),
            "VALID" => Ok(Padding::Valid),
            other => Err(PyValueError::new_err(format!(
                "padding must be 'SAME', 'VALID' or pairs of numbers, not '{other}'"
            ))),
        };
    }
    let mut pairs: Vec<(i64, i64)> = Vec::new();
    for pair in value.try_iter()? {
        match integers(&pair?)?[..] {
            [before, after] => pairs.push((before, after)),
            ref other => {
                return Err(PyValueError::new_err(format!(
                    "each pair of padding is (before, after), not {other:?}"
                )));
            }
        }
    }
    if pairs.len() == spatial {
        return Ok(Padding::Explicit(pairs));
    }
    if pairs.len() != spatial + 2 {
        return Err(PyValueError::new_err(format!(
            "padding must have {} or {spatial} pairs, got {}",
            spatial + 2,
            pairs.len()
        )));
    }
    if pairs[0] != (0, 0) || pairs[format.channel_axis(spatial)] != (0, 0) {
        return Err(PyValueError::new_err(format!(
            "Nonzero explicit padding in the batch or depth dimensions is not supported: {pairs:?} in {} order",
            format.name(spatial)
        )));
    }
    let spatial = (0..spatial).map(|axis| pairs[format.spatial_axis(axis)]);
    Ok(Padding::Explicit(spatial.collect()))
}

/// The largest or the mean of each window: `kind` is `MaxPool` or `AvgPool`.
#[pyfunction]
#[pyo3(signature = (kind, value, ksize, strides, padding, data_format, name))]
pub fn pool<'py>(
    kind: &str,
    value: &Any<'py>,
    ksize: &Any<'py>,
    strides: &Any<'py>,
    padding: &Any<'py>,
    data_format: &str,
    name: Option<&str>,
) -> PyResult<PyTensor> {
    let format = self::data_format(Some(data_format), 2)?;
    let padding = self::padding(padding, format, 2)?;
    let (ksize, strides) = (sizes(Some(ksize))?, sizes(Some(strides))?);
    one(&[value], None, |_, inputs| {
        let node = match kind {
            "MaxPool" => nn::max_pool(&inputs[0], ksize, strides, padding),
            _ => nn::avg_pool(&inputs[0], ksize, strides, padding),
        };
        let node = node.data_format(format);
        match name {
            Some(name) => node.name(name).build(),
            None => node.build(),
        }
    })
}

/// Random values: `kind` is `normal` or `truncated_normal` (a, b: mean, stddev) or `uniform` (minval, maxval; None:
/// 0 and 1, without the nodes that scale).
#[pyfunction]
#[pyo3(signature = (kind, shape, a, b, dtype, seed, name))]
pub fn random<'py>(
    kind: &str,
    shape: &Any<'py>,
    a: Option<f64>,
    b: Option<f64>,
    dtype: &Any<'py>,
    seed: Option<i64>,
    name: Option<&str>,
) -> PyResult<PyTensor> {
    let dtype = dtype::dtype(dtype)?;
    let sizes = shape
        .cast::<PyTensorShape>()
        .ok()
        .map(|shape| shape.get().0.clone());
    if let Some(shape) = &sizes
        && shape.known().is_none()
    {
        return Err(PyValueError::new_err(format!(
            "Cannot convert a partially known TensorShape {shape} to a Tensor: tf.shape(x) is known when the graph runs"
        )));
    }
    one(&[shape], None, |graph, inputs| {
        macro_rules! finish {
            ($node:expr) => {{
                let mut node = $node.dtype(dtype);
                if let Some(seed) = seed {
                    node = node.seed(seed);
                }
                if let Some(name) = name {
                    node = node.name(name);
                }
                node.build()
            }};
        }
        let known = sizes.and_then(|shape| shape.known());
        let shape: Box<dyn Operand + '_> = match known {
            Some(sizes) => Box::new(sizes),
            None => Box::new(&inputs[0]),
        };
        let (mean, stddev) = (a.unwrap_or(0.0), b.unwrap_or(1.0));
        match kind {
            "uniform" => {
                let mut node = tconv::random::uniform(graph, &*shape);
                if let Some(minval) = a {
                    node = node.minval(minval);
                }
                if let Some(maxval) = b {
                    node = node.maxval(maxval);
                }
                finish!(node)
            }
            "truncated_normal" => {
                let node = tconv::random::truncated_normal(graph, &*shape);
                finish!(node.mean(mean).stddev(stddev))
            }
            _ => finish!(
                tconv::random::normal(graph, &*shape)
                    .mean(mean)
                    .stddev(stddev)
            ),
        }
    })
}

/// A reduction over these axes, None for all: `op` is `Sum`, `Mean`, `Max`, ...
#[pyfunction]
#[pyo3(signature = (op, input, axis, keepdims, name))]
pub fn reduce<'py>(
    op: &str,
    input: &Any<'py>,
    axis: Option<&Any<'py>>,
    keepdims: bool,
    name: Option<&str>,
) -> PyResult<PyTensor> {
    let axis = axis
        .map(|axis| Input::new(axis, &graph_of_one(input)?.get().graph))
        .transpose()?;
    one(&[input], name, |_, inputs| {
        let axis = axis.as_ref().map(|axis| axis as &dyn Operand);
        math::reduce(op, &inputs[0], axis, keepdims)
    })
}

/// The tensors one after the other along an axis.
#[pyfunction]
#[pyo3(signature = (values, axis, name))]
pub fn concat<'py>(values: &Any<'py>, axis: i64, name: Option<&str>) -> PyResult<PyTensor> {
    let part = |i| format!("values_{i}");
    several(values, name, "concat", part, |parts| {
        array::concat(parts, axis)
    })
}

/// The tensors as the parts of one along a new axis.
#[pyfunction]
#[pyo3(signature = (values, axis, name))]
pub fn stack<'py>(values: &Any<'py>, axis: i64, name: Option<&str>) -> PyResult<PyTensor> {
    let part = |i: usize| i.to_string();
    several(values, name, "stack", part, |parts| {
        array::pack(parts, axis)
    })
}

/// One tensor of a list of them, whose constants take the dtype of its tensors.
fn several<'py>(
    values: &Any<'py>,
    name: Option<&str>,
    default: &str,
    part: impl Fn(usize) -> String,
    body: impl FnOnce(&[Output]) -> tconv::Result<Output>,
) -> PyResult<PyTensor> {
    let graph = graph_of_one(values)?;
    let own = &graph.get().graph;
    let inputs = values.try_iter()?.map(|value| Input::new(&value?, own));
    let inputs = inputs.collect::<PyResult<Vec<_>>>()?;
    let dtype = inputs.iter().find_map(Operand::dtype);
    let scope = name.unwrap_or(default);
    let made = build(&graph, None, |graph| {
        let constants = inputs
            .iter()
            .any(|input| matches!(input, Input::Value(..) | Input::List(..)));
        let convert = || {
            let parts = inputs.iter().enumerate();
            parts
                .map(|(i, input)| input.to_output(graph, dtype, &part(i)))
                .collect::<tconv::Result<Vec<_>>>()
        };
        if !constants {
            let parts = convert()?;
            return graph.named(scope, || body(&parts));
        }
        // The constants stand in the scope of the op, which is opened again for it.
        let (own, parts) = graph.name_scope(scope, || {
            Ok((format!("{}/", graph.current_name_scope()), convert()?))
        })?;
        graph.named(&own, || body(&parts))
    })?;
    Ok(PyTensor::new(&graph, made))
}

/// The parts of a tensor along an axis, which is then gone.
#[pyfunction]
#[pyo3(signature = (value, num, axis, name))]
pub fn unstack<'py>(
    value: &Any<'py>,
    num: Option<usize>,
    axis: i64,
    name: Option<&str>,
) -> PyResult<Any<'py>> {
    let graph = graph_of_one(value)?;
    let input = Input::new(value, &graph.get().graph)?;
    let made = build(&graph, name, |graph| {
        array::unpack(&input.to_output(graph, None, "value")?, axis)
    })?;
    match num.filter(|&num| num != made.len()) {
        Some(num) => Err(PyValueError::new_err(format!(
            "num is {num}, but axis {axis} has {} elements",
            made.len()
        ))),
        None => tensors(&graph, made),
    }
}

/// The tensor with its axes in another order; without `perm` the reverse.
#[pyfunction]
#[pyo3(signature = (x, perm, name))]
pub fn transpose<'py>(
    x: &Any<'py>,
    perm: Option<&Any<'py>>,
    name: Option<&str>,
) -> PyResult<PyTensor> {
    let perm = perm
        .map(|perm| Input::new(perm, &graph_of_one(x)?.get().graph))
        .transpose()?;
    one(&[x], name, |graph, inputs| {
        let x = inputs[0].to_output(graph, None, "x")?;
        match &perm {
            Some(perm) => array::transpose(&x, perm),
            None => array::reverse_axes(&x),
        }
    })
}

/// The tensor in another dtype.
#[pyfunction]
#[pyo3(signature = (x, dtype, name))]
pub fn cast<'py>(x: &Any<'py>, dtype: &Any<'py>, name: Option<&str>) -> PyResult<PyTensor> {
    let dtype = dtype::dtype(dtype)?;
    one(&[x], name, |_, inputs| math::cast(&inputs[0], dtype))
}

/// A tensor of this shape, all of one value.
#[pyfunction]
#[pyo3(signature = (dims, value, name))]
pub fn fill<'py>(dims: &Any<'py>, value: &Any<'py>, name: Option<&str>) -> PyResult<PyTensor> {
    one(&[dims, value], name, |_, inputs| {
        array::fill(&inputs[0], &inputs[1])
    })
}

/// An operation that does nothing but run after all of these.
#[pyfunction]
#[pyo3(signature = (inputs, name))]
pub fn group<'py>(
    py: Python<'py>,
    inputs: Several<'py>,
    name: Option<&str>,
) -> PyResult<PyOperation> {
    let inputs = inputs.0;
    let graph = match inputs
        .iter()
        .find_map(|input| input.cast::<PyOperation>().ok())
    {
        Some(operation) => operation.get().graph.bind(py).clone(),
        None => graph_of(py, inputs.iter())?,
    };
    let operations = inputs
        .iter()
        .map(operation_of)
        .collect::<PyResult<Vec<_>>>()?;
    let operations: Vec<&Operation> = operations.iter().collect();
    let made = build(&graph, name, |graph| graph.group(&operations))?;
    Ok(PyOperation::new(&graph, made))
}

/// The gradients of the sum of all elements of `ys` with respect to each of `xs`; None where no y depends on the x.
#[pyfunction]
#[pyo3(signature = (ys, xs, grad_ys=None, stop_gradients=None))]
pub fn gradients<'py>(
    py: Python<'py>,
    ys: Several<'py>,
    xs: Several<'py>,
    grad_ys: Option<Several<'py>>,
    stop_gradients: Option<Several<'py>>,
) -> PyResult<Vec<Option<PyTensor>>> {
    if stop_gradients.is_some_and(|stop| !stop.0.is_empty()) {
        return Err(pyo3::exceptions::PyNotImplementedError::new_err(
            "gradients: stop_gradients is not there; tf.stop_gradient stops a gradient at a tensor",
        ));
    }
    let (ys, xs) = (ys.0, xs.0);
    let grad_ys = grad_ys.map_or_else(Vec::new, |slopes| slopes.0);
    let graph = graph_of(py, ys.iter().chain(&xs))?;
    let own = &graph.get().graph;
    let outputs = |values: &[Any<'py>]| -> PyResult<Vec<Output>> {
        let inputs = values
            .iter()
            .map(|value| Input::new(value, own))
            .collect::<PyResult<Vec<_>>>()?;
        build(&graph, None, |graph| {
            inputs
                .iter()
                .map(|input| input.to_output(graph, None, "Const"))
                .collect()
        })
    };
    let (ys, grad_ys) = (outputs(&ys)?, outputs(&grad_ys)?);
    let sources = xs.iter().map(|x| match x.cast::<PyVariable>() {
        Ok(variable) => Ok(variable.get().variable.handle().clone()),
        Err(_) => match Input::new(x, own)? {
            Input::Tensor(output) => Ok(output),
            _ => Err(PyTypeError::new_err(format!(
                "{} is no tensor of a graph",
                x.repr()?
            ))),
        },
    });
    let sources = sources.collect::<PyResult<Vec<_>>>()?;
    let (ys, grad_ys): (Vec<&Output>, Vec<&Output>) =
        (ys.iter().collect(), grad_ys.iter().collect());
    let made = build(&graph, None, |_| {
        tconv::gradients_with(&ys, &sources, &grad_ys)
    })?;
    let tensor =
        |gradient: Option<Output>| gradient.map(|gradient| PyTensor::new(&graph, gradient));
    Ok(made.into_iter().map(tensor).collect())
}
