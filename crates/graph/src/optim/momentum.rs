use super::own::Own;
use super::{Gradient, Hyperparameter, Optimizer, finish, update, with_gradients};
use crate::{Operand, Operation, Output, Result, Variable, location};

/// Gradient descent with momentum: `a = momentum * a + gradient`, `w -= learning_rate * a`
/// (`tf.train.MomentumOptimizer`).
#[derive(Clone, Debug)]
pub struct MomentumOptimizer {
    learning_rate: Hyperparameter,
    momentum: Hyperparameter,
    nesterov: bool,
    name: String,
    own: Own,
}

impl MomentumOptimizer {
    /// An optimizer of this learning rate and momentum, numbers or tensors.
    pub fn new(
        learning_rate: impl Operand + Send + Sync + 'static,
        momentum: impl Operand + Send + Sync + 'static,
    ) -> MomentumOptimizer {
        MomentumOptimizer {
            learning_rate: Hyperparameter::new(learning_rate),
            momentum: Hyperparameter::new(momentum),
            nesterov: false,
            name: "Momentum".to_string(),
            own: Own::default(),
        }
    }

    /// Nesterov's momentum: `w -= learning_rate * (gradient + momentum * a)` (Sutskever et al. 2013).
    pub fn nesterov(mut self) -> MomentumOptimizer {
        self.nesterov = true;
        self
    }

    /// Its name, which its operations have and, behind the variables' names, its own variables.
    pub fn name(mut self, name: &str) -> MomentumOptimizer {
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

impl Optimizer for MomentumOptimizer {
    fn apply_gradients_with(
        &self,
        gradients: &[Gradient],
        global_step: Option<&Variable>,
    ) -> Result<Operation> {
        let _from = location::caller();
        let pairs = with_gradients(gradients)?;
        let graph = pairs[0].1.handle().graph();
        let slots = graph.unnamed(|| {
            let slot =
                |(_, variable): &(_, &Variable)| self.own.slot(variable, "momentum", &self.name);
            pairs.iter().map(slot).collect::<Result<Vec<_>>>()
        })?;
        graph.op_scope(&self.name, |own| {
            let rate = self.learning_rate.tensor(graph, "learning_rate")?;
            let momentum = self.momentum.tensor(graph, "momentum")?;
            let updates = pairs
                .iter()
                .zip(&slots)
                .map(|((gradient, variable), slot)| {
                    update(variable, |graph, like| {
                        let (rate, momentum) = (like(&rate)?, like(&momentum)?);
                        let node = graph.add("ResourceApplyMomentum");
                        let node = node
                            .input(variable.handle())
                            .input(slot.handle())
                            .input(&rate);
                        let node = node.input(gradient).input(&momentum);
                        node.attr("use_nesterov", self.nesterov).build()
                    })
                });
            let updates = updates.collect::<Result<Vec<_>>>()?;
            finish(graph, own, &updates, global_step)
        })
    }
}
