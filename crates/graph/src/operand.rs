use tconv_tensor::{DType, Tensor, bf16, f16};

use crate::graph::graph_of;
use crate::op::Fact;
use crate::{Error, Graph, NodeBuilder, Operation, Output, Result, array, location, ops};

/// What may stand where an op wants a tensor: a tensor of the graph, a variable, a number, a list of
/// integers, a list that mixes integers and scalar tensors ([`Size`]), a [`Tensor`].
pub trait Operand {
    /// The graph in which it stands already, if in any.
    fn graph(&self) -> Option<Graph>;

    /// Its dtype, where it has one already.
    fn dtype(&self) -> Option<DType> {
        None
    }

    /// Its rank, where that is known already.
    fn rank(&self) -> Option<usize> {
        None
    }

    /// The tensor in `graph`; what is none yet becomes a constant called `name`. Numbers take the dtype
    /// that is wanted, without one TensorFlow's own: int32 and float32.
    ///
    /// # Errors
    /// `Type` for a number that the dtype does not hold, `Value` for another graph's tensor.
    fn to_output(&self, graph: &Graph, wanted: Option<DType>, name: &str) -> Result<Output>;

    /// The list of sizes that it is, where it is one.
    fn sizes(&self) -> Option<Vec<Size>> {
        None
    }

    /// What is known of it, for inference without a graph.
    ///
    /// # Errors
    /// Those of [`Operand::to_tensor`].
    fn fact(&self, wanted: Option<DType>) -> Result<Fact> {
        Ok(Fact::of(&self.to_tensor(wanted)?))
    }

    /// The value, for what is computed at once; numbers as [`Operand::to_output`] takes them.
    ///
    /// # Errors
    /// `Type` for a number that the dtype does not hold, and for a tensor of a graph.
    fn to_tensor(&self, wanted: Option<DType>) -> Result<Tensor> {
        let _ = wanted;
        Err(without_value())
    }
}

fn without_value() -> Error {
    Error::type_("a tensor of a graph has no value before a Session runs it")
        .help("build the op into the graph, or compute it from values")
}

impl Operand for Output {
    fn graph(&self) -> Option<Graph> {
        Some(Output::graph(self).clone())
    }

    fn dtype(&self) -> Option<DType> {
        Some(Output::dtype(self))
    }

    fn rank(&self) -> Option<usize> {
        self.static_shape().rank()
    }

    fn to_output(&self, graph: &Graph, _: Option<DType>, _: &str) -> Result<Output> {
        graph.check_own(Output::graph(self), || self.name())?;
        Ok(self.clone())
    }

    fn fact(&self, _: Option<DType>) -> Result<Fact> {
        Ok(Output::fact(self).clone())
    }
}

/// A tensor of which nobody has more than this: for [`crate::nn::ConvBuilder::shape`].
impl Operand for Fact {
    fn graph(&self) -> Option<Graph> {
        None
    }

    fn dtype(&self) -> Option<DType> {
        Some(self.dtype)
    }

    fn to_output(&self, _: &Graph, _: Option<DType>, _: &str) -> Result<Output> {
        Err(without_value())
    }

    fn fact(&self, _: Option<DType>) -> Result<Fact> {
        Ok(self.clone())
    }
}

impl<T: Operand + ?Sized> Operand for &T {
    fn graph(&self) -> Option<Graph> {
        T::graph(self)
    }

    fn dtype(&self) -> Option<DType> {
        T::dtype(self)
    }

    fn rank(&self) -> Option<usize> {
        T::rank(self)
    }

    fn to_output(&self, graph: &Graph, wanted: Option<DType>, name: &str) -> Result<Output> {
        T::to_output(self, graph, wanted, name)
    }

    fn sizes(&self) -> Option<Vec<Size>> {
        T::sizes(self)
    }

    fn fact(&self, wanted: Option<DType>) -> Result<Fact> {
        T::fact(self, wanted)
    }

    fn to_tensor(&self, wanted: Option<DType>) -> Result<Tensor> {
        T::to_tensor(self, wanted)
    }
}

impl Operand for Tensor {
    fn graph(&self) -> Option<Graph> {
        None
    }

    fn dtype(&self) -> Option<DType> {
        Some(Tensor::dtype(self))
    }

    fn to_output(&self, graph: &Graph, _: Option<DType>, name: &str) -> Result<Output> {
        graph.constant_named(name, self)
    }

    fn to_tensor(&self, _: Option<DType>) -> Result<Tensor> {
        Ok(self.clone())
    }
}

/// Integers as a tensor of `wanted`, or of int32 where they fit and else of int64.
pub(crate) fn integers(shape: &[usize], values: &[i64], wanted: Option<DType>) -> Result<Tensor> {
    let narrow: Option<Vec<i32>> = values.iter().map(|&n| i32::try_from(n).ok()).collect();
    Ok(match (wanted, narrow) {
        (Some(DType::Float16), _) => Tensor::new(
            shape,
            values.iter().map(|&n| f16::from_f32(n as f32)).collect(),
        )?,
        (Some(DType::Bfloat16), _) => Tensor::new(
            shape,
            values.iter().map(|&n| bf16::from_f32(n as f32)).collect(),
        )?,
        (Some(DType::Float32), _) => {
            Tensor::new(shape, values.iter().map(|&n| n as f32).collect())?
        }
        (Some(DType::Float64), _) => {
            Tensor::new(shape, values.iter().map(|&n| n as f64).collect())?
        }
        (Some(DType::Int64), _) | (None, None) => Tensor::new(shape, values.to_vec())?,
        (Some(DType::Int32) | None, Some(narrow)) => Tensor::new(shape, narrow)?,
        (Some(dtype), _) => {
            return Err(Error::type_(format!(
                "{values:?} cannot be converted to {dtype}"
            )));
        }
    })
}

/// A number as a scalar of `wanted`.
pub(crate) fn number(value: f64, wanted: Option<DType>) -> Result<Tensor> {
    match wanted {
        None | Some(DType::Float32) => Ok(Tensor::scalar(value as f32)),
        Some(DType::Float16) => Ok(Tensor::scalar(f16::from_f32(value as f32))),
        Some(DType::Bfloat16) => Ok(Tensor::scalar(bf16::from_f32(value as f32))),
        Some(DType::Float64) => Ok(Tensor::scalar(value)),
        Some(dtype) => Err(Error::type_(format!(
            "Expected {dtype}, but got {value} of type 'float'."
        ))),
    }
}

macro_rules! operands {
    ($(impl [$($generics:tt)*] $source:ty: |$value:ident, $wanted:ident| $tensor:expr, $sizes:expr;)*) => {
        $(impl<$($generics)*> Operand for $source {
            fn graph(&self) -> Option<Graph> {
                None
            }

            fn to_output(&self, graph: &Graph, wanted: Option<DType>, name: &str) -> Result<Output> {
                graph.constant_named(name, self.to_tensor(wanted)?)
            }

            fn to_tensor(&self, $wanted: Option<DType>) -> Result<Tensor> {
                let $value = self;
                $tensor
            }

            fn sizes(&self) -> Option<Vec<Size>> {
                $sizes(self)
            }
        })*
    };
}
operands! {
    impl [] i32: |value, wanted| integers(&[], &[i64::from(*value)], wanted), no_sizes;
    impl [] i64: |value, wanted| integers(&[], &[*value], wanted), no_sizes;
    impl [] f32: |value, wanted| number(f64::from(*value), wanted), no_sizes;
    impl [] f64: |value, wanted| number(*value, wanted), no_sizes;
    impl [const N: usize] [i64; N]: |value, wanted| integers(&[N], value, wanted), known_sizes;
    impl [] [i64]: |value, wanted| integers(&[value.len()], value, wanted), known_sizes;
    impl [] Vec<i64>: |value, wanted| integers(&[value.len()], value, wanted), known_sizes;
}

fn known_sizes(sizes: &[i64]) -> Option<Vec<Size>> {
    Some(sizes.iter().map(|&size| Size::Known(size)).collect())
}

fn no_sizes<T>(_: T) -> Option<Vec<Size>> {
    None
}

/// One size of a list that mixes numbers and scalar tensors, as in
/// `output_shape = [s[0], 97, s[2], 3]`; [`crate::sizes!`] makes such lists.
#[derive(Clone, Debug)]
pub enum Size {
    /// A number.
    Known(i64),
    /// A scalar integer tensor.
    Tensor(Output),
}

impl From<i64> for Size {
    fn from(size: i64) -> Size {
        Size::Known(size)
    }
}

impl From<Output> for Size {
    fn from(size: Output) -> Size {
        Size::Tensor(size)
    }
}

impl From<&Output> for Size {
    fn from(size: &Output) -> Size {
        Size::Tensor(size.clone())
    }
}

/// A list that mixes numbers and scalar tensors: `sizes![batch, 97, &width, 3]`.
#[macro_export]
macro_rules! sizes {
    ($($size:expr),* $(,)?) => { [$($crate::Size::from($size)),*] };
}

impl Operand for [Size] {
    fn dtype(&self) -> Option<DType> {
        self.iter().find_map(|size| match size {
            Size::Tensor(output) => Some(output.dtype()),
            Size::Known(_) => None,
        })
    }

    fn graph(&self) -> Option<Graph> {
        self.iter().find_map(|size| match size {
            Size::Tensor(output) => Some(Output::graph(output).clone()),
            Size::Known(_) => None,
        })
    }

    fn to_output(&self, graph: &Graph, wanted: Option<DType>, name: &str) -> Result<Output> {
        if let Some(known) = known(self) {
            return known.to_output(graph, wanted, name);
        }
        let dtype = self.dtype();
        graph.op_scope(name, |own| {
            let parts = self.iter().enumerate().map(|(i, size)| match size {
                Size::Known(n) => n.to_output(graph, dtype, &i.to_string()),
                Size::Tensor(output) => Ok(output.clone()),
            });
            array::pack_named(&parts.collect::<Result<Vec<_>>>()?, 0, own)
        })
    }

    fn sizes(&self) -> Option<Vec<Size>> {
        Some(self.to_vec())
    }

    fn to_tensor(&self, wanted: Option<DType>) -> Result<Tensor> {
        known(self).ok_or_else(without_value)?.to_tensor(wanted)
    }
}

/// The sizes, where all of them are numbers.
fn known(sizes: &[Size]) -> Option<Vec<i64>> {
    let number = |size: &Size| match size {
        Size::Known(n) => Some(*n),
        Size::Tensor(_) => None,
    };
    sizes.iter().map(number).collect()
}

impl<const N: usize> Operand for [Size; N] {
    fn dtype(&self) -> Option<DType> {
        self.as_slice().dtype()
    }

    fn graph(&self) -> Option<Graph> {
        self.as_slice().graph()
    }

    fn to_output(&self, graph: &Graph, wanted: Option<DType>, name: &str) -> Result<Output> {
        self.as_slice().to_output(graph, wanted, name)
    }

    fn sizes(&self) -> Option<Vec<Size>> {
        self.as_slice().sizes()
    }

    fn to_tensor(&self, wanted: Option<DType>) -> Result<Tensor> {
        self.as_slice().to_tensor(wanted)
    }
}

impl Operand for Vec<Size> {
    fn dtype(&self) -> Option<DType> {
        self.as_slice().dtype()
    }

    fn graph(&self) -> Option<Graph> {
        self.as_slice().graph()
    }

    fn to_output(&self, graph: &Graph, wanted: Option<DType>, name: &str) -> Result<Output> {
        self.as_slice().to_output(graph, wanted, name)
    }

    fn sizes(&self) -> Option<Vec<Size>> {
        self.as_slice().sizes()
    }

    fn to_tensor(&self, wanted: Option<DType>) -> Result<Tensor> {
        self.as_slice().to_tensor(wanted)
    }
}

/// Adds a node of `op` whose inputs are `operands`, within a scope of its own as TensorFlow opens one:
/// what is no tensor yet becomes `NAME/ARGUMENT`. Numbers take the dtype of the tensors that the op
/// wants to be alike. `with` sets attributes.
///
/// # Errors
/// Those of the operands and of [`crate::NodeBuilder::build`].
#[track_caller]
pub fn apply(
    op: &str,
    name: &str,
    operands: &[&dyn Operand],
    with: impl FnOnce(NodeBuilder) -> NodeBuilder,
) -> Result<Operation> {
    let _from = location::caller();
    apply_boxed(op, name, operands, Box::new(with))
}

/// [`apply`], compiled once.
fn apply_boxed(
    op: &str,
    name: &str,
    operands: &[&dyn Operand],
    with: Box<dyn FnOnce(NodeBuilder) -> NodeBuilder + '_>,
) -> Result<Operation> {
    let graph = graph_of(operands)?;
    let arguments = ops::find(op).map_or(&[][..], |def| def.inputs);
    let argument = |i: usize| arguments.get(i).copied().unwrap_or(("input", ""));
    graph.op_scope(name, |own| {
        let mut node = graph.add(op).name(own);
        for (i, operand) in operands.iter().enumerate() {
            let (argument_name, type_) = argument(i);
            let alike = |j: &usize| argument(*j).1 == type_ && operands[*j].graph().is_some();
            let wanted = match type_.parse() {
                Ok(fixed) => Some(fixed),
                Err(_) => (0..operands.len())
                    .filter(alike)
                    .find_map(|j| operands[j].dtype()),
            };
            node = node.input(&operand.to_output(&graph, wanted, argument_name)?);
        }
        with(node).build()
    })
}
