use tconv_shape::Shape;
use tconv_tensor::{DType, Tensor};

use super::{
    Gradient, Optimizer, finish, hyperparameter, like, own_variable, slot, update, with_gradients,
};
use crate::{Graph, Initializer, Operand, Operation, Output, Result, Variable, location};

/// Adam: each element's step is the mean of its gradients over the root of the mean of their squares,
/// both fading (`tf.train.AdamOptimizer`; Kingma and Ba 2015, the form before section 2.1).
#[derive(Clone, Debug)]
pub struct AdamOptimizer {
    learning_rate: f64,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
}

impl AdamOptimizer {
    /// An optimizer of this learning rate; `beta1` 0.9, `beta2` 0.999, `epsilon` 1e-8.
    pub fn new(learning_rate: f64) -> AdamOptimizer {
        AdamOptimizer {
            learning_rate,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        }
    }

    /// How much of the mean of the gradients stays from step to step.
    pub fn beta1(mut self, beta1: f64) -> AdamOptimizer {
        self.beta1 = beta1;
        self
    }

    /// How much of the mean of their squares stays from step to step.
    pub fn beta2(mut self, beta2: f64) -> AdamOptimizer {
        self.beta2 = beta2;
        self
    }

    /// What is added to the root of the mean of squares.
    pub fn epsilon(mut self, epsilon: f64) -> AdamOptimizer {
        self.epsilon = epsilon;
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
    fn apply_gradients(&self, gradients: &[Gradient]) -> Result<Operation> {
        let _from = location::caller();
        let pairs = with_gradients(gradients)?;
        let graph = pairs[0].1.handle().graph();
        let powers = [
            power(graph, "beta1_power", self.beta1)?,
            power(graph, "beta2_power", self.beta2)?,
        ];
        let mut slots = Vec::with_capacity(pairs.len());
        for (_, variable) in &pairs {
            slots.push([slot(variable, "Adam")?, slot(variable, "Adam")?]);
        }
        graph.op_scope("Adam", |own| {
            let rate = hyperparameter(graph, "learning_rate", self.learning_rate)?;
            let betas = [
                hyperparameter(graph, "beta1", self.beta1)?,
                hyperparameter(graph, "beta2", self.beta2)?,
            ];
            let epsilon = hyperparameter(graph, "epsilon", self.epsilon)?;
            let updates = pairs
                .iter()
                .zip(&slots)
                .map(|((gradient, variable), [m, v])| {
                    update(variable, |graph| {
                        graph.op_scope("ResourceApplyAdam", |own| {
                            let mut node = graph.add("ResourceApplyAdam").name(own);
                            node = node
                                .input(variable.handle())
                                .input(m.handle())
                                .input(v.handle());
                            for power in &powers {
                                let power = power.to_output(graph, None, "")?;
                                node = node.input(&like(&power, variable)?);
                            }
                            for number in [&rate, &betas[0], &betas[1], &epsilon] {
                                node = node.input(&like(number, variable)?);
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
            finish(graph, own, &operations)
        })
    }
}

/// The power of a beta that the next step divides by; float32 as in TensorFlow.
fn power(graph: &Graph, name: &str, beta: f64) -> Result<Variable> {
    let initial = Initializer::Value(Tensor::scalar(beta as f32));
    own_variable(graph, name, &Shape::scalar(), DType::Float32, initial)
}
