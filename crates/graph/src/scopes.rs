//! What is open while a graph is built: name scopes, control dependencies, variable scopes. Each opens and
//! is put back in two calls, for languages whose scopes are no closures; the closure forms are made of these.

use std::collections::HashMap;
use std::sync::Arc;

use crate::graph::State;
use crate::variable_scope::{Reuse, VariableScope};
use crate::{Graph, Operation, Result};

/// What was open in a graph at some time; [`Graph::set_scopes`] puts it back.
#[derive(Clone)]
pub struct Scopes {
    graph: Graph,
    name: String,
    control: Vec<usize>,
    pub(crate) variables: OpenVariables,
}

/// The open variable scope.
#[derive(Clone, Default)]
pub(crate) struct OpenVariables {
    pub scope: VariableScope,
    /// Which opening of a variable scope this is.
    pub entered: u64,
    /// How often each variable scope was opened, for the numbering of default names.
    pub opened: Arc<HashMap<String, usize>>,
}

/// What one thread has open in a graph while another adds to it.
#[derive(Default)]
pub(crate) struct Open {
    name: String,
    given: Option<String>,
    control: Vec<usize>,
    variables: OpenVariables,
}

impl Open {
    /// Puts this in the place of what is open.
    pub fn swap(&mut self, state: &mut State) {
        std::mem::swap(&mut self.name, &mut state.names.scope);
        std::mem::swap(&mut self.given, &mut state.names.given);
        std::mem::swap(&mut self.control, &mut state.control);
        std::mem::swap(&mut self.variables, &mut state.variables.open);
    }

    /// Whether a thread that has not been here yet finds the same: no scope is or was open.
    pub fn is_outside(&self) -> bool {
        let variables = &self.variables;
        self.name.is_empty()
            && self.given.is_none()
            && self.control.is_empty()
            && variables.entered == 0
            && variables.opened.is_empty()
            && variables.scope.reuse() == Reuse::No
    }
}

/// Puts scopes back when a closure returns or panics.
struct Restore(Option<Scopes>);

impl Drop for Restore {
    fn drop(&mut self) {
        if let Some(scopes) = self.0.take() {
            let graph = scopes.graph.clone();
            graph.set_scopes(scopes);
        }
    }
}

impl Graph {
    /// What is open now.
    pub fn scopes(&self) -> Scopes {
        let state = self.write();
        Scopes {
            graph: self.clone(),
            name: state.names.scope.clone(),
            control: state.control.clone(),
            variables: state.variables.open.clone(),
        }
    }

    /// Opens what was open when `scopes` was made, and nothing else. Scopes of another graph change nothing.
    pub fn set_scopes(&self, scopes: Scopes) {
        if scopes.graph != *self {
            return;
        }
        let mut state = self.write();
        state.names.scope = scopes.name;
        state.control = scopes.control;
        // While a variable scope stays open, it goes on counting the scopes within.
        if state.variables.open.entered != scopes.variables.entered {
            state.variables.open = scopes.variables;
        }
    }

    /// The open name scope, without a `/` behind it; empty outside all.
    pub fn current_name_scope(&self) -> String {
        self.write().names.scope.clone()
    }

    /// Opens a name scope, numbered where it was open before; a `name` that ends in `/` opens that same scope
    /// again, and an empty one is outside all scopes. Gives what was open before.
    ///
    /// # Errors
    /// `Value` for a name that is none.
    pub fn open_name_scope(&self, name: &str) -> Result<Scopes> {
        let outer = self.scopes();
        let mut state = self.write();
        state.names.scope = state.names.unique_scope(name)?;
        Ok(outer)
    }

    /// From here on each node that is added runs after all of `operations`, and after those of the control
    /// dependencies that are open already. Gives what was open before.
    ///
    /// # Errors
    /// `Value` when one of them stands in another graph.
    pub fn open_control_dependencies(&self, operations: &[&Operation]) -> Result<Scopes> {
        for operation in operations {
            self.check_own(operation.graph(), || operation.name().to_string())?;
        }
        let outer = self.scopes();
        let ids = operations.iter().map(|operation| operation.id());
        self.write().control.extend(ids);
        Ok(outer)
    }

    /// From here on nodes wait for no control dependencies (TensorFlow's `control_dependencies(None)`). Gives
    /// what was open before.
    pub fn clear_control_dependencies(&self) -> Scopes {
        let outer = self.scopes();
        self.write().control.clear();
        outer
    }

    /// Runs `build` with what is open now, and puts `outer` back.
    pub(crate) fn within<T>(&self, outer: Scopes, build: impl FnOnce() -> T) -> T {
        let _restore = Restore(Some(outer));
        build()
    }

    /// Runs `build` with `name` put before the name of each node that it adds, numbered where the scope
    /// was open before; a `name` that ends in `/` opens that same scope again, and an empty one is outside
    /// all scopes.
    ///
    /// # Errors
    /// `Value` for a name that is none; what `build` returns.
    pub fn name_scope<T>(&self, name: &str, build: impl FnOnce() -> Result<T>) -> Result<T> {
        self.within(self.open_name_scope(name)?, build)
    }

    /// Runs `build` inside the scope of one op: `build` gets the name, with its `/`, that the op itself
    /// is to have.
    pub(crate) fn op_scope<T>(
        &self,
        name: &str,
        build: impl FnOnce(&str) -> Result<T>,
    ) -> Result<T> {
        self.name_scope(name, || {
            let own = format!("{}/", self.write().names.scope);
            build(&own)
        })
    }

    /// Runs `build` such that each node that it adds runs after all of `operations`.
    ///
    /// # Errors
    /// `Value` when one of them stands in another graph; what `build` returns.
    pub fn control_dependencies<T>(
        &self,
        operations: &[&Operation],
        build: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.within(self.open_control_dependencies(operations)?, build)
    }

    /// Runs `build` outside all control dependencies and, as `get_variable` makes variables, outside all name
    /// scopes.
    pub(crate) fn outside_scopes<T>(&self, build: impl FnOnce() -> Result<T>) -> Result<T> {
        let outer = self.clear_control_dependencies();
        self.write().names.scope.clear();
        self.within(outer, build)
    }

    /// Runs `build`; the first name that it asks the graph for, a node's or a scope's, is `name` instead of the
    /// builder's own. So a function that adds nodes takes any name.
    ///
    /// ```
    /// # use tconv_graph::{Graph, nn};
    /// let g = Graph::new();
    /// let x = g.placeholder::<f32>([2, 3])?;
    /// let y = g.named("activated", || nn::relu(&x))?;
    /// assert_eq!(y.name(), "activated:0");
    /// # Ok::<(), tconv_graph::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Value` for a name that is none; what `build` returns.
    pub fn named<T>(&self, name: &str, build: impl FnOnce() -> Result<T>) -> Result<T> {
        // Of names within names the outermost is asked for first.
        self.write().names.given.get_or_insert(name.to_string());
        let _restore = crate::graph::Restore(|| self.write().names.given = None);
        build()
    }

    /// Runs `build`, whose names are its own: that of [`Graph::named`] is for what comes after.
    pub(crate) fn unnamed<T>(&self, build: impl FnOnce() -> T) -> T {
        let given = self.take_name();
        let _restore = crate::graph::Restore(|| self.write().names.given = given.clone());
        build()
    }

    /// The name that [`Graph::named`] gives to what is made now.
    pub(crate) fn take_name(&self) -> Option<String> {
        self.write().names.given.take()
    }

    /// The name that a node called `name` would get now, scopes and number included (TensorFlow's
    /// `unique_name`); `mark` takes it, so that no other node gets it.
    pub fn unique_name(&self, name: &str, mark: bool) -> String {
        self.write().names.number(name, mark)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn each_thread_opens_scopes_of_its_own() -> Result<()> {
        let g = Graph::new();
        let outer = g.open_variable_scope(Some("here"), None, Reuse::No)?;
        g.named("wanted", || {
            let there = thread::scope(|threads| {
                let build = || {
                    assert_eq!(g.current_name_scope(), "");
                    assert_eq!(g.current_variable_scope().name(), "");
                    let inside = g.name_scope("there", || g.placeholder::<f32>([1]))?;
                    assert_eq!(inside.name(), "there/Placeholder:0");
                    g.open_name_scope("left_open")
                };
                threads.spawn(build).join()
            });
            assert!(there.is_ok_and(|built| built.is_ok()));
            assert_eq!(g.placeholder::<f32>([1])?.name(), "here/wanted:0");
            Ok(())
        })?;
        g.set_scopes(outer);
        assert_eq!(g.placeholder::<f32>([1])?.name(), "Placeholder:0");
        Ok(())
    }
}
