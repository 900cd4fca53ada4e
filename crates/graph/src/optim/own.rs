//! The variables that an optimizer keeps beside those that it trains.

use std::sync::{Mutex, PoisonError};

use tconv_shape::Shape;
use tconv_tensor::DType;

use crate::{Graph, Initializer, Operand, Output, Result, Reuse, Variable};

/// An optimizer's own variables: made when they are first wanted, and the same ever after.
#[derive(Debug, Default)]
pub(super) struct Own(Mutex<Vec<Kept>>);

#[derive(Clone, Debug)]
struct Kept {
    graph: Graph,
    /// The handle of the variable that it belongs to, if to one.
    beside: Option<Output>,
    what: &'static str,
    variable: Variable,
}

impl Clone for Own {
    fn clone(&self) -> Own {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Own(Mutex::new(kept.clone()))
    }
}

impl Own {
    fn get(
        &self,
        graph: &Graph,
        beside: Option<&Output>,
        what: &'static str,
        make: impl FnOnce() -> Result<Variable>,
    ) -> Result<Variable> {
        let is_it = |kept: &&Kept| {
            kept.what == what && kept.graph == *graph && kept.beside.as_ref() == beside
        };
        // The lock is not held while nodes are added.
        let list = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = list().iter().find(is_it) {
            return Ok(kept.variable.clone());
        }
        let variable = make()?;
        list().push(Kept {
            graph: graph.clone(),
            beside: beside.cloned(),
            what,
            variable: variable.clone(),
        });
        Ok(variable)
    }

    /// A number, named `what`, that starts as `initial`; float32 as in TensorFlow.
    pub fn number(
        &self,
        graph: &Graph,
        what: &'static str,
        initial: &dyn Operand,
    ) -> Result<Variable> {
        let make = || graph.variable_from(initial, false, Some(what), None);
        self.get(graph, None, what, make)
    }

    /// A variable beside `variable`, of its shape and dtype, that starts at zero: TensorFlow's slot `what`. Its
    /// name is the variable's, the optimizer's behind it, numbered where that is taken.
    pub fn slot(&self, variable: &Variable, what: &'static str, name: &str) -> Result<Variable> {
        let (graph, dtype) = (variable.handle().graph(), variable.value().dtype());
        let name = format!("{}/{name}", variable.name());
        let make = || beside(graph, &name, variable.static_shape(), dtype);
        self.get(graph, Some(variable.handle()), what, make)
    }
}

fn beside(graph: &Graph, name: &str, shape: &Shape, dtype: DType) -> Result<Variable> {
    let variables = graph.global_variables();
    let taken = |name: &str| {
        let name = graph.current_variable_scope().full_name(name);
        variables.iter().any(|variable| variable.name() == name)
    };
    let numbered = (1..).map(|i| format!("{name}_{i}"));
    let free = std::iter::once(name.to_string())
        .chain(numbered)
        .find(|name| !taken(name));
    graph
        .variable(&free.unwrap_or_default(), shape)
        .dtype(dtype)
        .initializer(Initializer::Zeros)
        .trainable(false)
        .reuse(Reuse::No)
        .build()
}
