use std::collections::BTreeMap;

use tconv::math::Axes;
use tconv::optim::{AdamOptimizer, GradientDescentOptimizer, MomentumOptimizer};
use tconv::slim::Activation;
use tconv::{
    Feed, Graph, Operation, Output, Precision, Session, Tensor, Variable, feed, math, nn, slim,
};

use super::settings::{Optimizer, Settings};
use crate::Failure;

const MOMENTUM: f64 = 0.9;

/// The autoencoder: a strided convolution makes the code, the transposed convolution undoes it.
///
/// Both are linear, without an activation: the code of a patch is then as good as a linear code can be, and
/// a kink in it was seen to cost.
pub struct Model {
    session: Session,
    inputs: Output,
    rebuilt: Output,
    loss: Output,
    train: Operation,
    /// The variables and the optimizer's slots, and how each is given a value.
    variables: Vec<(Variable, Output, Operation)>,
}

impl Model {
    /// Builds the graph and gives the variables their first values.
    ///
    /// # Errors
    /// The graph's own.
    pub fn new(
        settings: &Settings,
        threads: usize,
        precision: Precision,
    ) -> Result<Model, Failure> {
        let g = Graph::new();
        g.set_random_seed(settings.seed.into());
        let (kernel, stride, channels) = (
            settings.kernel().into(),
            i64::from(settings.stride),
            settings.channels.into(),
        );
        let inputs = g.placeholder_named::<f32>("inputs", [None, None, None, Some(3)])?;
        let code = slim::conv2d(&inputs, channels, kernel)
            .stride(stride)
            .activation(Activation::None)
            .build()?;
        let de_weight = g.get_variable("de_weight", [kernel, kernel, 3, channels])?;
        let rebuilt = nn::conv2d_transpose(&code, &de_weight, &inputs.shape()?)
            .strides(stride)
            .build()?;
        let loss = math::reduce_mean(math::square((&rebuilt - &inputs)?)?, Axes::All)?;
        let rate = settings.learning_rate();
        let train = match settings.optimizer {
            Optimizer::Sgd => GradientDescentOptimizer::new(rate).minimize(&loss)?,
            Optimizer::Momentum => MomentumOptimizer::new(rate, MOMENTUM).minimize(&loss)?,
            Optimizer::Nesterov => MomentumOptimizer::new(rate, MOMENTUM)
                .nesterov()
                .minimize(&loss)?,
            Optimizer::Adam => AdamOptimizer::new(rate).minimize(&loss)?,
        };
        let mut variables = Vec::new();
        for variable in g.global_variables() {
            let value =
                g.placeholder_of(variable.value().dtype(), "restore", variable.static_shape())?;
            let assign = variable.assign(&value)?;
            variables.push((variable, value, assign));
        }
        let mut session = Session::with_threads(&g, threads)?;
        session.set_precision(precision);
        session.run(&g.global_variables_initializer())?;
        Ok(Model {
            session,
            inputs,
            rebuilt,
            loss,
            train,
            variables,
        })
    }

    /// Learns from a batch, `[batch, height, width, 3]`; the loss is that from before.
    ///
    /// # Errors
    /// The session's own.
    pub fn step(&self, batch: Tensor) -> Result<f32, Failure> {
        let inputs = &self.inputs;
        let ((), loss) = self
            .session
            .run_with((&self.train, &self.loss), feed![inputs => batch])?;
        Ok(loss.item()?)
    }

    /// The loss of a batch, `[batch, height, width, 3]`, from which nothing is learned.
    ///
    /// # Errors
    /// The session's own.
    pub fn loss(&self, batch: Tensor) -> Result<f32, Failure> {
        let inputs = &self.inputs;
        let loss = self.session.run_with(&self.loss, feed![inputs => batch])?;
        Ok(loss.item()?)
    }

    /// Photographs through the code and back; the shape stays.
    ///
    /// # Errors
    /// The session's own.
    pub fn rebuild(&self, photographs: Tensor) -> Result<Tensor, Failure> {
        let inputs = &self.inputs;
        Ok(self
            .session
            .run_with(&self.rebuilt, feed![inputs => photographs])?)
    }

    /// The values of the variables and of the optimizer's slots, by name.
    ///
    /// # Errors
    /// The session's own.
    pub fn values(&self) -> Result<BTreeMap<String, Tensor>, Failure> {
        let variables: Vec<&Variable> = self
            .variables
            .iter()
            .map(|(variable, ..)| variable)
            .collect();
        let values = self.session.run(&variables)?;
        Ok(variables
            .iter()
            .map(|variable| variable.name().to_string())
            .zip(values)
            .collect())
    }

    /// Gives the variables and the optimizer's slots these values.
    ///
    /// # Errors
    /// When a value is missing, left over, or of another shape or dtype.
    pub fn restore(&self, mut values: BTreeMap<String, Tensor>) -> Result<(), Failure> {
        let mut feed = Feed::new();
        for (variable, placeholder, _) in &self.variables {
            let name = variable.name();
            let value = values.remove(name).ok_or_else(|| {
                Failure::Error(format!(
                    "the checkpoint has no value for the variable '{name}'"
                ))
            })?;
            feed = feed.with(placeholder, value);
        }
        if let Some(name) = values.keys().next() {
            return Err(Failure::Error(format!(
                "the checkpoint has a value for '{name}', which is no variable"
            )));
        }
        let assigns: Vec<&Operation> = self.variables.iter().map(|(.., assign)| assign).collect();
        self.session.run_with(&assigns, feed)?;
        Ok(())
    }
}
