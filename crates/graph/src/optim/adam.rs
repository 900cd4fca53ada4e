use super::own::Own;
use super::{Gradient, Hyperparameter, Optimizer, finish, update, with_gradients};
use crate::{Operand, Operation, Output, Result, Variable, location};

/// Adam: each element's step is the mean of its gradients over the root of the mean of their squares,
/// both fading (`tf.train.AdamOptimizer`; Kingma and Ba 2015, the form before section 2.1).
#[derive(Clone, Debug)]
pub struct AdamOptimizer {
    learning_rate: Hyperparameter,
    beta1: Hyperparameter,
    beta2: Hyperparameter,
    epsilon: Hyperparameter,
    name: String,
    own: Own,
}

impl AdamOptimizer {
    /// An optimizer of this learning rate, a number or a tensor; `beta1` 0.9, `beta2` 0.999, `epsilon` 1e-8.
    pub fn new(learning_rate: impl Operand + Send + Sync + 'static) -> AdamOptimizer {
        AdamOptimizer {
            learning_rate: Hyperparameter::new(learning_rate),
            beta1: Hyperparameter::new(0.9),
            beta2: Hyperparameter::new(0.999),
            epsilon: Hyperparameter::new(1e-8),
            name: "Adam".to_string(),
            own: Own::default(),
        }
    }

    /// How much of the mean of the gradients stays from step to step.
    pub fn beta1(mut self, beta1: impl Operand + Send + Sync + 'static) -> AdamOptimizer {
        self.beta1 = Hyperparameter::new(beta1);
        self
    }

    /// How much of the mean of their squares stays from step to step.
    pub fn beta2(mut self, beta2: impl Operand + Send + Sync + 'static) -> AdamOptimizer {
        self.beta2 = Hyperparameter::new(beta2);
        self
    }

    /// What is added to the root of the mean of squares.
    pub fn epsilon(mut self, epsilon: impl Operand + Send + Sync + 'static) -> AdamOptimizer {
        self.epsilon = Hyperparameter::new(epsilon);
        self
    }

    /// Its name, which its operations have and, behind the variables' names, its own variables.
    pub fn name(mut self, name: &str) -> AdamOptimizer {
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

impl Optimizer for AdamOptimizer {
    fn apply_gradients_with(
        &self,
        gradients: &[Gradient],
        global_step: Option<&Variable>,
    ) -> Result<Operation> {
        let _from = location::caller();
        let pairs = with_gradients(gradients)?;
        let graph = pairs[0].1.handle().graph();
        let (powers, slots) = graph.unnamed(|| {
            // The powers of the betas that the next step divides by.
            let powers = [
                self.own.number(graph, "beta1_power", &self.beta1)?,
                self.own.number(graph, "beta2_power", &self.beta2)?,
            ];
            let slots = pairs.iter().map(|(_, variable)| {
                let slot = |what| self.own.slot(variable, what, &self.name);
                Ok([slot("m")?, slot("v")?])
            });
            let slots = slots.collect::<Result<Vec<_>>>()?;
            Ok::<_, crate::Error>((powers, slots))
        })?;
        graph.op_scope(&self.name, |own| {
            let rate = self.learning_rate.tensor(graph, "learning_rate")?;
            let betas = [
                self.beta1.tensor(graph, "beta1")?,
                self.beta2.tensor(graph, "beta2")?,
            ];
            let epsilon = self.epsilon.tensor(graph, "epsilon")?;
            let updates = pairs
                .iter()
                .zip(&slots)
                .map(|((gradient, variable), [m, v])| {
                    update(variable, |graph, like| {
                        graph.op_scope("ResourceApplyAdam", |own| {
                            let mut node = graph.add("ResourceApplyAdam").name(own);
                            node = node
                                .input(variable.handle())
                                .input(m.handle())
                                .input(v.handle());
                            for power in &powers {
                                let power = power.to_output(graph, None, "")?;
                                node = node.input(&like(&power)?);
                            }
                            for number in [&rate, &betas[0], &betas[1], &epsilon] {
                                node = node.input(&like(number)?);
                            }
                            node.input(gradient).build()
                        })
                    })
                });
            let mut operations = updates.collect::<Result<Vec<_>>>()?;
            // The powers change when every variable has been moved by the old ones.
            let moved: Vec<Operation> = operations.clone();
            graph.control_dependencies(&moved.iter().collect::<Vec<_>>(), || {
                for (power, beta) in powers.iter().zip(&betas) {
                    let value = power.to_output(graph, None, "")?;
                    let next = graph
                        .add("Mul")
                        .name("mul")
                        .input(&value)
                        .input(beta)
                        .output()?;
                    operations.push(power.assign(next)?);
                }
                Ok(())
            })?;
            finish(graph, own, &operations, global_step)
        })
    }
}
