use std::sync::Arc;

use tconv_kernels::conv::Pass;
use tconv_kernels::stage::Stage;
use tconv_shape::{Dim, Shape};
use tconv_tensor::{DType, Tensor};

use crate::attrs::AttrReader;
use crate::need::Need;
use crate::ops::conv::axes_of;
use crate::{Error, Operation, Output, Result, Run};

/// What is known of a tensor before the graph runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Its dtype.
    pub dtype: DType,
    /// Its shape, as far as it is known.
    pub shape: Shape,
    /// The elements of a small integer scalar, vector or matrix in row-major order, each as far as it is
    /// known: this is how `output_shape = tf.shape(x)` is known where the sizes of `x` are.
    pub value: Option<Arc<[Dim]>>,
    /// For a handle (`DType::Resource`): the variable's dtype and shape.
    pub handle: Option<(DType, Shape)>,
}

impl Fact {
    /// The longest vector whose elements are followed.
    pub const LONGEST_VALUE: usize = 64;

    /// A tensor of this dtype and shape.
    pub fn new(dtype: DType, shape: impl Into<Shape>) -> Fact {
        Fact {
            dtype,
            shape: shape.into(),
            value: None,
            handle: None,
        }
    }

    /// An integer scalar whose value is followed.
    pub fn scalar_value(dtype: DType, value: Dim) -> Fact {
        Fact {
            value: Some([value].into()),
            ..Fact::new(dtype, Shape::scalar())
        }
    }

    /// An integer vector whose elements are followed (not one longer than [`Fact::LONGEST_VALUE`]).
    pub fn vector_value(dtype: DType, values: Vec<Dim>) -> Fact {
        let shape = Shape::new(vec![Dim::Known(values.len() as i64)]);
        let value = (values.len() <= Fact::LONGEST_VALUE).then(|| values.into());
        Fact {
            value,
            ..Fact::new(dtype, shape)
        }
    }

    /// What is known of a constant.
    pub fn of(tensor: &Tensor) -> Fact {
        let followed = tensor.rank() <= 2 && tensor.len() <= Fact::LONGEST_VALUE;
        let values = if followed {
            tensor.to_i64_vec().ok()
        } else {
            None
        };
        Fact {
            value: values.map(|values| values.into_iter().map(Dim::Known).collect()),
            ..Fact::new(tensor.dtype(), tensor.shape())
        }
    }

    /// The elements, where all of them are known numbers.
    pub fn known_values(&self) -> Option<Vec<i64>> {
        self.value.as_ref()?.iter().map(Dim::known).collect()
    }

    /// This vector's elements as a shape: unknown sizes where the values are not followed, an unknown
    /// rank where its length is not known. `what` names the unknowns.
    ///
    /// # Errors
    /// `Value` when it is no vector or an element is negative.
    pub fn as_shape(&self, what: &str) -> Result<Shape> {
        if let Some(rank) = self.shape.rank()
            && rank != 1
        {
            return Err(Error::value(format!(
                "Shape must be rank 1 but is rank {rank} for '{what}'"
            )));
        }
        let dims = match (&self.value, self.shape.dims()) {
            (Some(value), _) => value.to_vec(),
            (None, Some([Dim::Known(rank @ ..=254)])) => (0..*rank)
                .map(|axis| Dim::unknown(format!("{what}[{axis}]")))
                .collect(),
            _ => return Ok(Shape::unknown()),
        };
        match dims.iter().filter_map(Dim::known).find(|&n| n < 0) {
            Some(-1) => Err(Error::value("Dimension -1 must be >= 0").help(
                "a size that is known only when the graph runs is taken from a tensor: [tf.shape(x)[0], ...] in Python, sizes![x.shape()?.at(0)?, ...] in Rust",
            )),
            Some(n) => Err(Error::value(format!(
                "Invalid value in tensor used for shape: {n}"
            ))),
            None => Ok(Shape::new(dims)),
        }
    }
}

/// An op's registration: its names and types are TensorFlow's.
pub struct OpDef {
    /// The registered name, such as `Conv2DBackpropInput`.
    pub name: &'static str,
    /// Each input's argument name and type: an attribute's name (`T`), a dtype's (`int32`), or
    /// `N*T` for a list whose length is the attribute `N`.
    pub inputs: &'static [(&'static str, &'static str)],
    /// The type attributes that inputs decide, and the dtypes that each may be.
    pub types: &'static [(&'static str, &'static [DType])],
    /// Whether two runs of the same node may differ: it has state, so it is never folded.
    pub stateful: bool,
    /// Makes the op from a node's attributes.
    pub make: fn(&mut AttrReader) -> Result<Arc<dyn Op>>,
}

impl OpDef {
    /// Whether it is given float16 and bfloat16 as they are: an op that takes booleans beside numbers moves or
    /// compares elements and does no arithmetic, and one with state changes a variable of that dtype.
    pub(crate) fn takes_halves(&self) -> bool {
        let mut lists = self.types.iter();
        self.stateful || lists.any(|(_, allowed)| allowed.contains(&DType::Bool))
    }

    /// The name of input `index` as people know it: for `Conv2DBackpropInput` those of
    /// `conv2d_transpose`, whose inner op says "input" of the user's output.
    pub(crate) fn argument(&self, index: usize, inputs: usize) -> &'static str {
        // A list takes all inputs that the other arguments leave.
        let list = (inputs + 1).saturating_sub(self.inputs.len());
        let mut counted = self.inputs.iter().flat_map(|&(name, type_)| {
            let count = if type_.starts_with("N*") { list } else { 1 };
            std::iter::repeat_n(name, count)
        });
        let name = counted.nth(index).unwrap_or("input");
        match (axes_of(Pass::BackpropInput, self.name), name) {
            (Some(_), "input_sizes") => "output_shape",
            (Some(_), "out_backprop") => "value",
            _ => name,
        }
    }
}

/// One op: its inference, its evaluation and its gradient.
pub trait Op: Send + Sync {
    /// The output's facts from the inputs' facts, called when a node is added.
    ///
    /// # Errors
    /// Whatever can be known to be wrong while the graph is built: `Value`, `Type`.
    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Fact>>;

    /// What must hold of the inputs' sizes beyond what [`Op::infer`] could see: each is proved while the
    /// graph is built, and evaluated for what is fed. Nothing for most ops.
    fn needs(&self, inputs: &[Fact]) -> Vec<Need> {
        let _ = inputs;
        Vec::new()
    }

    /// The refusal that [`Op::eval`] would give for inputs of these sizes, all of them known; the elements
    /// of small integer inputs are known where inference followed them. Ops with [`Op::needs`] have it.
    ///
    /// # Errors
    /// That of `eval`.
    fn check(&self, inputs: &[Fact]) -> Result<()> {
        let _ = inputs;
        Ok(())
    }

    /// What it makes of float16 and bfloat16 as they are; `None` where it is to be given them in float32.
    ///
    /// # Errors
    /// As [`Op::eval`].
    fn eval_halves(&self, run: &mut Run, inputs: &[Tensor]) -> Result<Option<Vec<Tensor>>> {
        let _ = (run, inputs);
        Ok(None)
    }

    /// Whether a session keeps something for a node of it from one run to the next.
    fn keeps(&self) -> bool {
        false
    }

    /// The input that may be the same in many runs, for an op that keeps what it makes of it.
    fn filter(&self) -> Option<usize> {
        None
    }

    /// What it does to its first input, for an op whose output has the same dtype and as many elements, each of which
    /// depends on the input's element in its place alone.
    fn following(&self) -> Option<&dyn Following> {
        None
    }

    /// Whether it has [`Op::eval_then`].
    fn is_followed(&self) -> bool {
        false
    }

    /// [`Op::eval`] of float32, and in the same pass over its only output the stages that `stages` gives for the
    /// output's sizes, before anything is computed.
    ///
    /// # Errors
    /// As [`Op::eval`], then those of `stages`.
    fn eval_then<'s>(
        &self,
        run: &mut Run,
        inputs: Vec<Tensor>,
        stages: &mut Stages<'_, 's>,
    ) -> Result<Vec<Tensor>> {
        let _ = (run, inputs, stages);
        Err(Error::new(Code::Internal, "nothing follows this op"))
    }

    /// The outputs from the inputs; float16 and bfloat16 arrive only at an op that takes them, others are given
    /// float32 in their place. An input that nobody else reads is the only owner of its storage, so an op may
    /// work in place.
    ///
    /// # Errors
    /// Whatever can be wrong with sizes and values that inference did not see.
    fn eval(&self, run: &mut Run, inputs: Vec<Tensor>) -> Result<Vec<Tensor>>;

    /// The gradients that arrive at the inputs from those that arrive at the outputs (`None`: nothing
    /// arrives), built as new nodes.
    ///
    /// # Errors
    /// `Lookup` for an op without a gradient.
    fn grad(&self, node: &Operation, dy: &[Option<Output>]) -> Result<Vec<Option<Output>>>;
}

/// Gives the stages behind an output of these sizes.
pub type Stages<'f, 's> = dyn FnMut(&[usize]) -> Result<Vec<Stage<'s, f32>>> + 'f;

/// What an op does to its first input of float32, so that it can be done where that is made.
pub trait Following {
    /// It as a stage of what makes an input of these sizes, which become the output's; `others` are the op's other
    /// inputs. `None` for an op that changes no element.
    ///
    /// # Errors
    /// Those of the op's [`Op::eval`].
    fn stage<'s>(
        &'s self,
        sizes: &mut Vec<usize>,
        others: &'s [Tensor],
    ) -> Result<Option<Stage<'s, f32>>>;

    /// Whether it changes sizes alone, and has no other inputs.
    fn reshapes(&self) -> bool {
        false
    }
}

/// The gradient of an op through which none flows, such as `Shape`: nothing for each input.
///
/// # Errors
/// None.
pub fn not_differentiable(node: &Operation) -> Result<Vec<Option<Output>>> {
    Ok(vec![None; node.inputs().len()])
}

/// The gradient of an op that has none.
///
/// # Errors
/// Always `Lookup`, with TensorFlow's text.
pub fn no_gradient(node: &Operation) -> Result<Vec<Option<Output>>> {
    let message = format!(
        "No gradient defined for operation '{}' (op type: {})",
        node.name(),
        node.op_name()
    );
    Err(Error::new(Code::Lookup, message))
}

use crate::Code;

/// Reads the inputs of a node's evaluation.
///
/// # Errors
/// `Internal` when there are not exactly `N` of them.
pub fn take<const N: usize>(inputs: Vec<Tensor>) -> Result<[Tensor; N]> {
    inputs.try_into().map_err(|inputs: Vec<Tensor>| {
        Error::new(
            Code::Internal,
            format!("expected {N} inputs, got {}", inputs.len()),
        )
    })
}

/// A shape as TensorFlow's inference and kernels print it: `[2,?]`, `<unknown>`.
pub(crate) fn brackets(shape: impl Into<Shape>) -> String {
    match shape.into().dims() {
        None => "<unknown>".into(),
        Some(dims) => {
            let sizes: Vec<_> = dims
                .iter()
                .map(|dim| dim.known().map_or("?".into(), |n| n.to_string()))
                .collect();
            format!("[{}]", sizes.join(","))
        }
    }
}

/// Floating dtypes.
pub const FLOATS: &[DType] = &[
    DType::Float16,
    DType::Bfloat16,
    DType::Float32,
    DType::Float64,
];
/// Index dtypes.
pub const INDICES: &[DType] = &[DType::Int32, DType::Int64];
/// Numeric dtypes.
pub const NUMBERS: &[DType] = &[
    DType::Float16,
    DType::Bfloat16,
    DType::Float32,
    DType::Float64,
    DType::Int32,
    DType::Int64,
];
/// Every dtype that holds data.
pub const DATA: &[DType] = &[
    DType::Float16,
    DType::Bfloat16,
    DType::Float32,
    DType::Float64,
    DType::Int32,
    DType::Int64,
    DType::Uint8,
    DType::Bool,
];

/// Evaluates an expression with `$T` standing for the Rust type of a dtype of the list.
///
/// ```ignore
/// dispatch!(x.dtype(), T in [f32, f64], { kernel::<T>(x.as_slice()?) })
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! dispatch {
    ($dtype:expr, $T:ident in [$($type:ty),+ $(,)?], $body:expr) => {{
        let dtype = $dtype;
        $(if dtype == <$type as tconv_tensor::Element>::DTYPE {
            type $T = $type;
            $body
        } else)+ {
            return Err($crate::Error::new(
                $crate::Code::Unimplemented,
                format!("dtype {dtype} is not implemented for this op"),
            ));
        }
    }};
}
