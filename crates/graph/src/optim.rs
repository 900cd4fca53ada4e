//! Optimizers: what turns a loss into an operation that trains.

mod adam;
mod gradient_descent;
mod momentum;
mod own;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use tconv_tensor::DType;

pub use adam::AdamOptimizer;
pub use gradient_descent::GradientDescentOptimizer;
pub use momentum::MomentumOptimizer;

use crate::{
    Error, Graph, Operand, Operation, Output, Result, Variable, gradients, location, math,
};

/// A gradient, where any arrives, and the variable that it is for.
pub type Gradient = (Option<Output>, Variable);

/// A way to train variables (`tf.train.Optimizer`).
pub trait Optimizer {
    /// An operation that moves each variable by one step against its gradient; a variable without a
    /// gradient stays. Then it adds 1 to `global_step`, where there is one.
    ///
    /// # Errors
    /// `Value` when no variable has a gradient, or one has another shape than its variable; `Type` for a
    /// `global_step` that holds no numbers.
    #[track_caller]
    fn apply_gradients_with(
        &self,
        gradients: &[Gradient],
        global_step: Option<&Variable>,
    ) -> Result<Operation>;

    /// [`Optimizer::apply_gradients_with`] that counts no steps.
    ///
    /// # Errors
    /// As [`Optimizer::apply_gradients_with`].
    #[track_caller]
    fn apply_gradients(&self, gradients: &[Gradient]) -> Result<Operation> {
        self.apply_gradients_with(gradients, None)
    }

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
        self.minimize_with(loss, None, None)
    }

    /// [`Optimizer::minimize`] that moves only `variables` (TensorFlow's `var_list`): those of a
    /// generator, say.
    ///
    /// # Errors
    /// As [`Optimizer::minimize`].
    #[track_caller]
    fn minimize_over(&self, loss: &Output, variables: &[Variable]) -> Result<Operation> {
        self.minimize_with(loss, Some(variables), None)
    }

    /// [`Optimizer::minimize`] of `variables`, or all trainable ones, that adds 1 to `global_step` after each step,
    /// where there is one.
    ///
    /// # Errors
    /// As [`Optimizer::minimize`] and [`Optimizer::apply_gradients_with`].
    #[track_caller]
    fn minimize_with(
        &self,
        loss: &Output,
        variables: Option<&[Variable]>,
        global_step: Option<&Variable>,
    ) -> Result<Operation> {
        let _from = location::caller();
        // A name is for the step; the gradients keep theirs.
        let gradients = loss
            .graph()
            .unnamed(|| self.compute_gradients(loss, variables))?;
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
        self.apply_gradients_with(&gradients, global_step)
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

/// A number that belongs to the optimizer, such as its learning rate, or a tensor in its place.
#[derive(Clone)]
struct Hyperparameter(Arc<dyn Operand + Send + Sync>);

impl Hyperparameter {
    fn new(value: impl Operand + Send + Sync + 'static) -> Hyperparameter {
        Hyperparameter(Arc::new(value))
    }

    /// The tensor; a number is float32 as in TensorFlow.
    fn tensor(&self, graph: &Graph, name: &str) -> Result<Output> {
        self.0.to_output(graph, Some(DType::Float32), name)
    }
}

impl Operand for Hyperparameter {
    fn graph(&self) -> Option<Graph> {
        self.0.graph()
    }

    fn to_output(&self, graph: &Graph, _: Option<DType>, name: &str) -> Result<Output> {
        self.tensor(graph, name)
    }
}

impl fmt::Debug for Hyperparameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hyperparameter(..)")
    }
}

/// The update of one variable, within the scope that TensorFlow gives it. `build` gets a function that gives a
/// number in the variable's dtype.
fn update(
    variable: &Variable,
    build: impl FnOnce(&Graph, &dyn Fn(&Output) -> Result<Output>) -> Result<Operation>,
) -> Result<Operation> {
    let (graph, dtype) = (variable.handle().graph(), variable.value().dtype());
    let like = |value: &Output| math::cast(value, dtype);
    graph.name_scope(&format!("update_{}", variable.name()), || {
        build(graph, &like)
    })
}

/// The operation that has the optimizer's name and runs after all of `operations`: it counts the step where there
/// is a variable for it.
fn finish(
    graph: &Graph,
    own: &str,
    operations: &[Operation],
    global_step: Option<&Variable>,
) -> Result<Operation> {
    let after = |name: &str| {
        let node = graph.add("NoOp").name(name);
        operations
            .iter()
            .fold(node, |node, operation| node.control(operation))
            .build()
    };
    let Some(global_step) = global_step else {
        return after(own);
    };
    graph.control_dependencies(&[&after("update")?], || {
        graph.named(own, || global_step.assign_add(1i64))
    })
}
