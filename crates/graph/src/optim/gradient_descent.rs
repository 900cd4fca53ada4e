use super::{Gradient, Optimizer, finish, hyperparameter, like, update, with_gradients};
use crate::{Operation, Output, Result, location};

/// Gradient descent: `w -= learning_rate * gradient` (`tf.train.GradientDescentOptimizer`).
#[derive(Clone, Debug)]
pub struct GradientDescentOptimizer {
    learning_rate: f64,
}

impl GradientDescentOptimizer {
    /// An optimizer of this learning rate.
    pub fn new(learning_rate: f64) -> GradientDescentOptimizer {
        GradientDescentOptimizer { learning_rate }
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
    fn apply_gradients(&self, gradients: &[Gradient]) -> Result<Operation> {
        let _from = location::caller();
        let pairs = with_gradients(gradients)?;
        let graph = pairs[0].1.handle().graph();
        graph.op_scope("GradientDescent", |own| {
            let rate = hyperparameter(graph, "learning_rate", self.learning_rate)?;
            let updates = pairs.iter().map(|(gradient, variable)| {
                update(variable, |graph| {
                    let rate = like(&rate, variable)?;
                    let node = graph
                        .add("ResourceApplyGradientDescent")
                        .input(variable.handle());
                    node.input(&rate).input(gradient).build()
                })
            });
            finish(graph, own, &updates.collect::<Result<Vec<_>>>()?)
        })
    }
}
