use super::{Gradient, Optimizer, finish, hyperparameter, like, slot, update, with_gradients};
use crate::{Operation, Output, Result, location};

/// Gradient descent with momentum: `a = momentum * a + gradient`, `w -= learning_rate * a`
/// (`tf.train.MomentumOptimizer`).
#[derive(Clone, Debug)]
pub struct MomentumOptimizer {
    learning_rate: f64,
    momentum: f64,
    nesterov: bool,
}

impl MomentumOptimizer {
    /// An optimizer of this learning rate and momentum.
    pub fn new(learning_rate: f64, momentum: f64) -> MomentumOptimizer {
        MomentumOptimizer {
            learning_rate,
            momentum,
            nesterov: false,
        }
    }

    /// Nesterov's momentum: `w -= learning_rate * (gradient + momentum * a)` (Sutskever et al. 2013).
    pub fn nesterov(mut self) -> MomentumOptimizer {
        self.nesterov = true;
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

impl Optimizer for MomentumOptimizer {
    fn apply_gradients(&self, gradients: &[Gradient]) -> Result<Operation> {
        let _from = location::caller();
        let pairs = with_gradients(gradients)?;
        let graph = pairs[0].1.handle().graph();
        let slots = pairs.iter().map(|(_, variable)| slot(variable, "Momentum"));
        let slots = slots.collect::<Result<Vec<_>>>()?;
        graph.op_scope("Momentum", |own| {
            let rate = hyperparameter(graph, "learning_rate", self.learning_rate)?;
            let momentum = hyperparameter(graph, "momentum", self.momentum)?;
            let updates = pairs
                .iter()
                .zip(&slots)
                .map(|((gradient, variable), slot)| {
                    update(variable, |graph| {
                        let (rate, momentum) = (like(&rate, variable)?, like(&momentum, variable)?);
                        let node = graph.add("ResourceApplyMomentum");
                        let node = node
                            .input(variable.handle())
                            .input(slot.handle())
                            .input(&rate);
                        let node = node.input(gradient).input(&momentum);
                        node.attr("use_nesterov", self.nesterov).build()
                    })
                });
            finish(graph, own, &updates.collect::<Result<Vec<_>>>()?)
        })
    }
}
