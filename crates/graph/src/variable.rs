use std::collections::HashMap;
use std::fmt;
use tconv_shape::Shape;
use tconv_tensor::DType;

use crate::{Error, Graph, Initializer, Location, Operand, Operation, Output, Result, location};

/// A variable: its value lives in a session and outlasts a run.
///
/// It stands for its value wherever an op wants a tensor; each such use reads it anew.
#[derive(Clone)]
pub struct Variable {
    handle: Output,
    initializer: Operation,
    value: Output,
    trainable: bool,
}

impl Variable {
    /// Its name, variable scopes included.
    pub fn name(&self) -> &str {
        self.handle.op().name()
    }

    /// The handle by which ops read and write it.
    pub fn handle(&self) -> &Output {
        &self.handle
    }

    /// The operation that gives it its initial value.
    pub fn initializer(&self) -> &Operation {
        &self.initializer
    }

    /// Its value, as a fetch reads it.
    pub fn value(&self) -> &Output {
        &self.value
    }

    /// Its value, read anew: where control dependencies say when.
    ///
    /// # Errors
    /// None that a variable can cause.
    #[track_caller]
    pub fn read(&self) -> Result<Output> {
        let graph = self.handle.graph();
        graph
            .add("ReadVariableOp")
            .input(&self.handle)
            .attr("dtype", self.value.dtype())
            .output()
    }

    /// Its shape.
    pub fn static_shape(&self) -> &Shape {
        self.value.static_shape()
    }

    /// Whether optimizers train it by default.
    pub fn is_trainable(&self) -> bool {
        self.trainable
    }

    /// An operation that gives it a new value of its own dtype and shape.
    ///
    /// # Errors
    /// `Value` for another shape, `Type` for another dtype.
    #[track_caller]
    pub fn assign(&self, value: impl Operand) -> Result<Operation> {
        let _from = location::caller();
        let value = value.to_output(self.handle.graph(), Some(self.value.dtype()), "value")?;
        self.handle
            .graph()
            .add("AssignVariableOp")
            .name("AssignVariableOp")
            .input(&self.handle)
            .input(&value)
            .attr("dtype", self.value.dtype())
            .build()
    }
}

impl Operand for Variable {
    fn graph(&self) -> Option<Graph> {
        Some(self.handle.graph().clone())
    }

    fn dtype(&self) -> Option<DType> {
        Some(self.value.dtype())
    }

    fn to_output(&self, graph: &Graph, _: Option<DType>, _: &str) -> Result<Output> {
        graph.check_own(self.handle.graph(), self.name())?;
        self.read()
    }
}

impl PartialEq for Variable {
    fn eq(&self, other: &Variable) -> bool {
        self.handle == other.handle
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, shape, dtype) = (self.name(), self.static_shape(), self.value.dtype());
        write!(f, "<tf.Variable '{name}:0' shape={shape} dtype={dtype}>")
    }
}

/// Whether `get_variable` makes variables or gives those that are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reuse {
    /// Makes them; one that is there already is an error.
    #[default]
    No,
    /// Gives them; one that is not there is an error.
    Yes,
    /// Gives those that are there and makes the others.
    Auto,
}

/// The variables of a graph and the open variable scopes.
#[derive(Default)]
pub(crate) struct Variables {
    pub all: Vec<Variable>,
    by_name: HashMap<String, Variable>,
    scope: String,
    reuse: Reuse,
    /// How often each variable scope was opened, for the numbering of default names.
    opened: HashMap<String, usize>,
}

impl Variables {
    pub fn full_name(&self, name: &str) -> String {
        if self.scope.is_empty() {
            name.to_string()
        } else {
            format!("{}/{name}", self.scope)
        }
    }

    /// `name`, with `_1`, `_2`, ... where a scope of that name was opened here before.
    pub fn unique_scope(&self, name: &str) -> String {
        let opened = |name: &str| {
            self.opened
                .get(&self.full_name(name))
                .is_some_and(|&count| count > 0)
        };
        let numbered = (1..).map(|i| format!("{name}_{i}"));
        std::iter::once(name.to_string())
            .chain(numbered)
            .find(|name| !opened(name))
            .unwrap_or_default()
    }
}

/// A variable that is being made or looked up; [`Graph::variable`] starts it.
pub struct VariableBuilder<'a> {
    graph: &'a Graph,
    name: String,
    shape: Shape,
    dtype: DType,
    initializer: Option<Initializer>,
    trainable: bool,
    location: Location,
}

impl VariableBuilder<'_> {
    /// The dtype, float32 without this.
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// How its initial value is made: without this Glorot's uniform, as in TensorFlow, and zeros for
    /// integers.
    pub fn initializer(mut self, initializer: Initializer) -> Self {
        self.initializer = Some(initializer);
        self
    }

    /// Whether optimizers train it by default.
    pub fn trainable(mut self, trainable: bool) -> Self {
        self.trainable = trainable;
        self
    }

    /// Makes the variable, or gives it where the variable scope says to reuse it.
    ///
    /// # Errors
    /// `Value` when it exists already or does not, against what the scope says, when its shape is not
    /// fully known, or when one that exists has another shape or dtype.
    pub fn build(self) -> Result<Variable> {
        let _from = location::began(self.location);
        let (name, reuse, existing) = {
            let state = self.graph.read();
            let name = state.variables.full_name(&self.name);
            (
                name.clone(),
                state.variables.reuse,
                state.variables.by_name.get(&name).cloned(),
            )
        };
        match (existing, reuse) {
            (Some(_), Reuse::No) => Err(Error::value(format!(
                "Variable {name} already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in VarScope?"
            ))
            .help("Graph::variable_scope_reuse opens a scope in which get_variable gives what is there")),
            (None, Reuse::Yes) => Err(Error::value(format!(
                "Variable {name} does not exist, or was not created with tf.get_variable(). Did you mean to set reuse=tf.AUTO_REUSE in VarScope?"
            ))
            .help("Graph::variable_scope_reuse with Reuse::Auto makes the variables that are not there")),
            (Some(variable), _) => self.matching(variable),
            (None, _) => {
                let made = self.make(&name)?;
                let mut state = self.graph.write();
                state.variables.by_name.insert(name, made.clone());
                state.variables.all.push(made.clone());
                Ok(made)
            }
        }
    }

    fn matching(&self, variable: Variable) -> Result<Variable> {
        let (name, found) = (variable.name(), variable.static_shape());
        if !found.is_compatible_with(&self.shape) {
            return Err(Error::value(format!(
                "Trying to share variable {name}, but specified shape {} and found shape {found}.",
                self.shape
            )));
        }
        if variable.value.dtype() != self.dtype {
            return Err(Error::value(format!(
                "Trying to share variable {name}, but specified dtype {} and found dtype {}.",
                self.dtype,
                variable.value.dtype()
            )));
        }
        Ok(variable)
    }

    /// Adds the nodes that TensorFlow adds, under its names; the open name scopes do not count.
    fn make(&self, name: &str) -> Result<Variable> {
        let Some(sizes) = self.shape.known() else {
            return Err(Error::value(format!(
                "Shape of a new variable ({name}) must be fully defined, but instead was {}.",
                self.shape
            )));
        };
        let (graph, dtype) = (self.graph, self.dtype);
        graph.outside_scopes(|| {
            graph.op_scope(name, |own| {
                let default = if dtype.is_floating() {
                    Initializer::glorot_uniform()
                } else {
                    Initializer::Zeros
                };
                let initializer = self.initializer.as_ref().unwrap_or(&default);
                let initial =
                    graph.name_scope("Initializer", || initializer.build(graph, &sizes, dtype))?;
                let handle = graph
                    .add("VarHandleOp")
                    .name(own)
                    .attr("dtype", dtype)
                    .attr("shape", self.shape.clone())
                    .attr("shared_name", own.trim_end_matches('/'))
                    .output()?;
                let child = |op: &str, name: &str| graph.add(op).name(name).input(&handle);
                child("VarIsInitializedOp", "IsInitialized/VarIsInitializedOp").build()?;
                let assign = child("AssignVariableOp", "Assign")
                    .input(&initial)
                    .attr("dtype", dtype);
                let initializer = assign.build()?;
                let value = child("ReadVariableOp", "Read/ReadVariableOp")
                    .attr("dtype", dtype)
                    .output()?;
                Ok(Variable {
                    handle,
                    initializer,
                    value,
                    trainable: self.trainable,
                })
            })
        })
    }
}

impl Graph {
    /// Starts a variable with more than a name and a shape; see [`VariableBuilder`].
    #[track_caller]
    pub fn variable(&self, name: &str, shape: impl Into<Shape>) -> VariableBuilder<'_> {
        VariableBuilder {
            graph: self,
            name: name.to_string(),
            shape: shape.into(),
            dtype: DType::Float32,
            initializer: None,
            trainable: true,
            location: location::here(),
        }
    }

    /// A trainable float32 variable with Glorot's uniform initial values (TensorFlow's `get_variable`).
    ///
    /// # Errors
    /// As [`VariableBuilder::build`].
    #[track_caller]
    pub fn get_variable(&self, name: &str, shape: impl Into<Shape>) -> Result<Variable> {
        self.variable(name, shape).build()
    }

    /// Runs `build` with `name` put before the names of variables and of ops. Unlike a name scope it is
    /// not numbered for variables: opening it again means the same variables.
    ///
    /// # Errors
    /// `Value` for a name that is none; what `build` returns.
    pub fn variable_scope<T>(&self, name: &str, build: impl FnOnce() -> Result<T>) -> Result<T> {
        self.variable_scope_reuse(name, Reuse::No, build)
    }

    /// [`Graph::variable_scope`] that says whether variables are reused; a scope within one that reuses
    /// reuses too.
    ///
    /// # Errors
    /// As [`Graph::variable_scope`].
    pub fn variable_scope_reuse<T>(
        &self,
        name: &str,
        reuse: Reuse,
        build: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.both_scopes(name, name, reuse, build)
    }

    fn both_scopes<T>(
        &self,
        names: &str,
        name: &str,
        reuse: Reuse,
        build: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.name_scope(names, || {
            let outer = {
                let mut state = self.write();
                let variables = &mut state.variables;
                let scope = variables.full_name(name);
                *variables.opened.entry(scope.clone()).or_default() += 1;
                let outer_scope = std::mem::replace(&mut variables.scope, scope);
                let outer_reuse = variables.reuse;
                if reuse != Reuse::No {
                    variables.reuse = reuse;
                }
                (outer_scope, outer_reuse)
            };
            let _restore = crate::graph::Restore(|| {
                let mut state = self.write();
                let variables = &mut state.variables;
                let inner = format!("{}/", variables.scope);
                variables.opened.retain(|name, _| !name.starts_with(&inner));
                (variables.scope, variables.reuse) = outer.clone();
            });
            build()
        })
    }

    /// [`Graph::variable_scope`] of a layer: `default`, numbered for variables where it was opened
    /// before, and for nodes where that name scope was.
    pub(crate) fn layer_scope<T>(
        &self,
        default: &str,
        build: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let name = self.read().variables.unique_scope(default);
        self.both_scopes(default, &name, Reuse::No, build)
    }

    /// All variables, in the order in which they were made.
    pub fn global_variables(&self) -> Vec<Variable> {
        self.read().variables.all.clone()
    }

    /// The variables that optimizers train by default.
    pub fn trainable_variables(&self) -> Vec<Variable> {
        self.global_variables()
            .into_iter()
            .filter(Variable::is_trainable)
            .collect()
    }

    /// An operation that gives every variable that there is now its initial value.
    #[track_caller]
    pub fn global_variables_initializer(&self) -> Operation {
        let initializers: Vec<_> = self
            .global_variables()
            .into_iter()
            .map(|v| v.initializer)
            .collect();
        let node = initializers
            .iter()
            .fold(self.add("NoOp").name("init"), |node, op| node.control(op));
        node.build()
            .expect("a NoOp after operations of its own graph is always well-formed")
    }
}
