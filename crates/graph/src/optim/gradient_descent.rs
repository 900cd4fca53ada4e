use super::{Gradient, Hyperparameter, Optimizer, finish, update, with_gradients};
use crate::{Operand, Operation, Output, Result, Variable, location};

/// Gradient descent: `w -= learning_rate * gradient` (`tf.train.GradientDescentOptimizer`).
#[derive(Clone, Debug)]
pub struct GradientDescentOptimizer {
    learning_rate: Hyperparameter,
    name: String,
}

impl GradientDescentOptimizer {
    /// An optimizer of this learning rate, a number or a tensor.
    pub fn new(learning_rate: impl Operand + Send + Sync + 'static) -> GradientDescentOptimizer {
        GradientDescentOptimizer {
            learning_rate: Hyperparameter::new(learning_rate),
            name: "GradientDescent".to_string(),
        }
    }

    /// Its name, which its operations have.
    pub fn name(mut self, name: &str) -> GradientDescentOptimizer {
        self.name = name.to_string();
        self
    }

    /// [`Optimizer::minimize`].
    ///
    /// # Errors
    /// As [`Optimizer::minimize`].
    #[track_caller]
    pub fn minimize(&self, loss: &Output) -> Result<Operation> {
        Optimizer::minimize(self, loss)
    }
}

impl Optimizer for GradientDescentOptimizer {
    fn apply_gradients_with(
        &self,
        gradients: &[Gradient],
        global_step: Option<&Variable>,
    ) -> Result<Operation> {
        let _from = location::caller();
        let pairs = with_gradients(gradients)?;
        let graph = pairs[0].1.handle().graph();
        graph.op_scope(&self.name, |own| {
            let rate = self.learning_rate.tensor(graph, "learning_rate")?;
            let updates = pairs.iter().map(|(gradient, variable)| {
                update(variable, |graph, like| {
                    let rate = like(&rate)?;
                    let node = graph
                        .add("ResourceApplyGradientDescent")
                        .input(variable.handle());
                    node.input(&rate).input(gradient).build()
                })
            });
            let updates = updates.collect::<Result<Vec<_>>>()?;
            finish(graph, own, &updates, global_step)
        })
    }
}
