//! Optimizers: what turns a loss into an operation that trains.

mod adam;
mod gradient_descent;
mod momentum;
#[cfg(test)]
mod tests;

use tconv_shape::Shape;
use tconv_tensor::{DType, Tensor};

pub use adam::AdamOptimizer;
pub use gradient_descent::GradientDescentOptimizer;
pub use momentum::MomentumOptimizer;

use crate::operand::number;
use crate::{
    Error, Graph, Initializer, Operation, Output, Result, Reuse, Variable, gradients, location,
    math,
};

/// A gradient, where any arrives, and the variable that it is for.
pub type Gradient = (Option<Output>, Variable);

/// A way to train variables (`tf.train.Optimizer`).
pub trait Optimizer {
    /// An operation that moves each variable by one step against its gradient; a variable without a
    /// gradient stays.
    ///
    /// # Errors
    /// `Value` when no variable has a gradient, or one has another shape than its variable.
    #[track_caller]
    fn apply_gradients(&self, gradients: &[Gradient]) -> Result<Operation>;

    /// The gradients of `loss`, summed over its elements, with respect to `variables` or else to all
    /// trainable ones.
    ///
    /// # Errors
    /// `Value` when there are no variables; as [`gradients`](crate::gradients()).
    #[track_caller]
    fn compute_gradients(
        &self,
        loss: &Output,
        variables: Option<&[Variable]>,
    ) -> Result<Vec<Gradient>> {
        let variables = match variables {
            Some(variables) => variables.to_vec(),
            None => loss.graph().trainable_variables(),
        };
        if variables.is_empty() {
            return Err(Error::value("No variables to optimize."));
        }
        Ok(gradients(&[loss], &variables)?
            .into_iter()
            .zip(variables)
            .collect())
    }

    /// An operation that moves all trainable variables by one step that makes `loss`, summed over its
    /// elements, smaller.
    ///
    /// # Errors
    /// `Value` when `loss` depends on no trainable variable; as [`gradients`](crate::gradients()).
    #[track_caller]
    fn minimize(&self, loss: &Output) -> Result<Operation> {
        self.minimize_over(loss, &loss.graph().trainable_variables())
    }

    /// [`Optimizer::minimize`] that moves only `variables` (TensorFlow's `var_list`): those of a
    /// generator, say.
    ///
    /// # Errors
    /// As [`Optimizer::minimize`].
    #[track_caller]
    fn minimize_over(&self, loss: &Output, variables: &[Variable]) -> Result<Operation> {
        let _from = location::caller();
        let gradients = self.compute_gradients(loss, Some(variables))?;
        if gradients.iter().all(|(gradient, _)| gradient.is_none()) {
            let loss = format!(
                "Tensor(\"{}\", shape={}, dtype={})",
                loss.name(),
                loss.static_shape(),
                loss.dtype()
            );
            return Err(Error::value(format!(
                "No gradients provided for any variable, check your graph for ops that do not support gradients, between variables {} and loss {loss}.",
                list(&gradients)
            )));
        }
        self.apply_gradients(&gradients)
    }
}

/// The variables as TensorFlow lists them.
fn list(gradients: &[Gradient]) -> String {
    let variables: Vec<String> = gradients
        .iter()
        .map(|(_, variable)| format!("\"{variable:?}\""))
        .collect();
    format!("[{}]", variables.join(", "))
}

/// The variables that have gradients, with them.
fn with_gradients(gradients: &[Gradient]) -> Result<Vec<(&Output, &Variable)>> {
    let pairs: Vec<_> = gradients
        .iter()
        .filter_map(|(g, v)| Some((g.as_ref()?, v)))
        .collect();
    if pairs.is_empty() {
        return Err(Error::value(format!(
            "No gradients provided for any variable: {}.",
            list(gradients)
        )));
    }
    Ok(pairs)
}

/// A variable of the optimizer's own, `name` or, where that is taken, the next of its numbered names.
fn own_variable(
    graph: &Graph,
    name: &str,
    shape: &Shape,
    dtype: DType,
    initial: Initializer,
) -> Result<Variable> {
    let variables = graph.global_variables();
    let taken = |name: &str| {
        let name = graph.current_variable_scope().full_name(name);
        variables.iter().any(|variable| variable.name() == name)
    };
    let numbered = (1..).map(|i| format!("{name}_{i}"));
    let free = std::iter::once(name.to_string())
        .chain(numbered)
        .find(|name| !taken(name));
    let name = free.unwrap_or_default();
    graph
        .variable(&name, shape)
        .dtype(dtype)
        .initializer(initial)
        .trainable(false)
        .reuse(Reuse::No)
        .build()
}

/// A variable beside `variable`, of its shape and dtype, that starts at zero: TensorFlow's slot.
fn slot(variable: &Variable, name: &str) -> Result<Variable> {
    let (graph, dtype) = (variable.handle().graph(), variable.value().dtype());
    let name = format!("{}/{name}", variable.name());
    own_variable(
        graph,
        &name,
        variable.static_shape(),
        dtype,
        Initializer::Zeros,
    )
}

/// A number that belongs to the optimizer, such as its learning rate; float32 as in TensorFlow.
fn hyperparameter(graph: &Graph, name: &str, value: f64) -> Result<Output> {
    let value: Tensor = number(value, Some(DType::Float32))?;
    graph.constant_named(name, value)
}

/// `value` in the dtype of the variable that it helps to train.
fn like(value: &Output, variable: &Variable) -> Result<Output> {
    match variable.value().dtype() {
        dtype if dtype == value.dtype() => Ok(value.clone()),
        dtype => math::cast(value, dtype),
    }
}

/// The update of one variable, within the scope that TensorFlow gives it.
fn update(
    variable: &Variable,
    build: impl FnOnce(&Graph) -> Result<Operation>,
) -> Result<Operation> {
    let graph = variable.handle().graph();
    graph.name_scope(&format!("update_{}", variable.name()), || build(graph))
}

/// The operation that has the optimizer's name and runs after all of `operations`.
fn finish(graph: &Graph, own: &str, operations: &[Operation]) -> Result<Operation> {
    let node = graph.add("NoOp").name(own);
    operations
        .iter()
        .fold(node, |node, operation| node.control(operation))
        .build()
}
